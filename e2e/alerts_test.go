package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A pager is a receiver of webhooks that is down until it is told to be up. It
// keeps what it took, by the delivery's key.
type pager struct {
	mu    sync.Mutex
	up    bool
	tries int
	taken map[string][]string // key: titles
}

func (p *pager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m struct{ Title, AckURL string }
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &m)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries++
	if !p.up {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	key := r.Header.Get("Idempotency-Key")
	p.taken[key] = append(p.taken[key], m.Title)
}

// titles are those of all messages, each once, and whether one came twice.
func (p *pager) titles() (all []string, twice bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.taken {
		all = append(all, t[0])
		twice = twice || len(t) > 1
	}
	return all, twice
}

// TestAnAlertSurvivesAKill lets a schedule fail while the receiver of its alerts
// is down, kills the server, and lets the receiver come back: one message arrives.
func TestAnAlertSurvivesAKill(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	p := &pager{taken: map[string][]string{}}
	receiver := httptest.NewServer(p)
	defer receiver.Close()
	config := filepath.Join(s.dir, "channel.json")
	if err := os.WriteFile(config, []byte(`{"down":{"url":"`+receiver.URL+`/hook"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	var channel struct{ ID, Target string }
	if err := json.Unmarshal([]byte(s.belfry("channels", "create", "pager", "webhook", "--config", config, "--json")), &channel); err != nil {
		t.Fatal(err)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	defer gone.Close()
	input := `{"ApiEndpoint":"` + gone.URL + `","Method":"POST"}`
	s.createSchedule("nightly", at(time.Now().Add(2*time.Second)), map[string]any{"Arn": "arn:aws:scheduler:::http:invoke", "Input": input})
	tried := func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.tries > 0 }
	s.eventually("the receiver was asked", time.Minute, tried)
	s.kill()
	p.mu.Lock()
	p.up = true
	p.mu.Unlock()
	s.start()
	s.eventually("the alert has arrived", 3*time.Minute, func() bool { all, _ := p.titles(); return len(all) > 0 })
	all, twice := p.titles()
	if len(all) != 1 || twice || !strings.Contains(all[0], "nightly") {
		t.Errorf("messages: %q, one of them twice: %v", all, twice)
	}
	if out := s.belfry("alerts"); !strings.Contains(out, "nightly") || !strings.Contains(out, "open") {
		t.Errorf("belfry alerts prints %s", out)
	}
	if out := s.belfry("channels", "test", channel.ID); !strings.Contains(out, "delivered") {
		t.Errorf("the test prints %s", out)
	}
	if out := s.belfry("channels", "list"); !strings.Contains(out, strings.TrimPrefix(receiver.URL, "http://")) {
		t.Errorf("belfry channels list prints %s", out)
	}
}
