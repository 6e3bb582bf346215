package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// messages is a receiver of webhooks that takes each.
type messages struct {
	mu    sync.Mutex                 // guards what follows
	keys  map[string]map[string]bool // by the event and the subject's name: the deliveries' keys
	count int
	last  string // body
}

func (m *messages) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var in struct {
		Event string
		Items []struct{ Name string }
	}
	_ = json.Unmarshal(body, &in) // of others than webhooks nothing is read
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count++
	m.last = string(body)
	for _, it := range in.Items {
		of := in.Event + " " + it.Name
		if m.keys[of] == nil {
			m.keys[of] = map[string]bool{}
		}
		m.keys[of][r.Header.Get("Idempotency-Key")] = true
	}
}

func (m *messages) received() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count
}

// TestKillTellsEachFlipOnce kills the server again and again while checks go down
// and the receiver takes their messages. In the end each check's flip has been
// told, by one message: it may have come twice, and then with the same key.
func TestKillTellsEachFlipOnce(t *testing.T) {
	t.Parallel()
	const kills, checks = 4, 12 // checks go down before each kill
	s := startServer(t)
	m := &messages{keys: map[string]map[string]bool{}}
	hook := httptest.NewServer(m)
	defer hook.Close()
	s.must(nil, "belfry", http.MethodPost, "/belfry/v1/channels", "", map[string]any{
		"name": "pager", "kind": "webhook", "config": map[string]any{"down": map[string]any{"url": hook.URL}},
	})
	var names, ids []string
	for i := range kills * checks {
		var c checkJSON
		names = append(names, fmt.Sprint("check ", i))
		s.checks(http.MethodPost, "checks/", jsonOf(t, map[string]any{"name": names[i]}), &c)
		ids = append(ids, c.UUID)
	}
	fail := func(id string) {
		resp, err := s.http.Get(s.endpoint + "/ping/" + id + "/fail")
		if err == nil {
			resp.Body.Close()
		} // else the server has gone
	}
	for kill := range kills {
		// After none, a third, two thirds or nearly all of the messages.
		until := m.received() + 1 + kill*(checks-2)/(kills-1)
		var all sync.WaitGroup
		for _, id := range ids[kill*checks : (kill+1)*checks] {
			all.Go(func() { fail(id) })
		}
		s.eventually("messages have come", time.Minute, func() bool { return m.received() >= until })
		s.kill()
		all.Wait()
		s.start()
	}
	for _, id := range ids {
		fail(id) // those whose ping was cut off; for the others it is no flip
	}
	s.eventually("every check was told of", time.Minute, func() bool {
		var waiting struct{ Items []struct{} }
		s.native("deliveries", map[string][]string{"status": {"pending"}}, &waiting)
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.keys) == len(ids) && len(waiting.Items) == 0
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range names {
		if n := len(m.keys["down "+name]); n != 1 {
			t.Errorf("of %s there were %d messages, want 1", name, n)
		}
	}
	t.Logf("%d kills, %d flips, %d requests", kills, len(ids), m.count)
}

// TestAlertsDocument runs what docs/alerts.md tells people to copy, and makes its
// policy.
func TestAlertsDocument(t *testing.T) {
	t.Parallel()
	const page = "../docs/alerts.md"
	s := startServer(t)
	m := &messages{keys: map[string]map[string]bool{}}
	hook := httptest.NewServer(m)
	defer hook.Close()
	script := strings.Replace(codeBlock(t, page, "sh"), "https://hooks.slack.com/services/T000/B000/secret", hook.URL, 1)
	create, test, found := strings.Cut(script, "belfry channels test ID\n")
	if !found || test != "" {
		t.Fatalf("the example does not end with a test:\n%s", script)
	}
	s.bash("cd " + s.dir + "\n" + create)
	var channels struct {
		Items []struct{ ID, Name, Kind string }
	}
	s.native("channels", nil, &channels)
	if len(channels.Items) != 1 || channels.Items[0].Name != "ops" || channels.Items[0].Kind != "slack" {
		t.Fatalf("the channels are %+v", channels)
	}
	id := channels.Items[0].ID
	if out := s.bash("belfry channels test " + id); !strings.Contains(out, "delivered") || m.received() != 1 || !strings.Contains(m.last, "This is a test.") {
		t.Errorf("the test prints %s; %d messages came, the last one %s", out, m.received(), m.last)
	}

	policy := strings.ReplaceAll(codeBlock(t, page, "json"), "CHANNEL-ID", id)
	var want, got map[string]any
	if err := json.Unmarshal([]byte(policy), &want); err != nil {
		t.Fatal(err)
	}
	s.must(&got, "belfry", http.MethodPost, "/belfry/v1/policies", "", want)
	for member, v := range want {
		if a, b := jsonOf(t, v), jsonOf(t, got[member]); member != "quiet" && a != b {
			t.Errorf("%s is %s, want %s", member, b, a)
		}
	}
	var kinds []string
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| kind | configuration |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.SplitSeq(table, "\n") {
		cell, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		for kind := range strings.SplitSeq(cell, ",") {
			kinds = append(kinds, strings.Trim(kind, " `"))
		}
	}
	// Each kind that the page names is one: an empty configuration lacks something.
	for _, kind := range kinds {
		got, err := s.do("belfry", http.MethodPost, "/belfry/v1/channels", "", []byte(`{"name": "x", "kind": "`+kind+`", "config": {}}`))
		if err != nil || got.status != http.StatusBadRequest || !strings.Contains(string(got.body), `"field":"config`) {
			t.Errorf("a channel of the kind %s without a configuration: %d %s, %v", kind, got.status, got.body, err)
		}
	}
	if len(kinds) < 25 {
		t.Errorf("the page names the kinds %q only", kinds)
	}
}
