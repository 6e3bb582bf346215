package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// anyKey is an API key; with --dev any will do.
const anyKey = "0123456789abcdef0123456789abcdef"

// checks asks the management API and decodes the answer into v.
func (s *server) checks(method, path, body string, v any) {
	s.t.Helper()
	got, err := s.do("", method, "/api/v3/"+path, "", []byte(body), "X-Api-Key", anyKey)
	if err != nil || got.status > 299 {
		s.t.Fatalf("%s %s: %d %s, %v", method, path, got.status, got.body, err)
	}
	if err := json.Unmarshal(got.body, v); err != nil {
		s.t.Fatalf("%s %s: %v in %s", method, path, err, got.body)
	}
}

type checkJSON struct {
	UUID   string `json:"uuid"`
	Status string `json:"status"`
	Pings  int    `json:"n_pings"`
}

type pingJSON struct {
	Type   string `json:"type"`
	Method string `json:"method"`
	RID    string `json:"rid"`
	UA     string `json:"ua"`
}

// TestCurlPings pings as the scripts do that people have.
func TestCurlPings(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	var check checkJSON
	s.checks(http.MethodPost, "checks/", `{"name": "Backup"}`, &check)
	url := s.endpoint + "/ping/" + check.UUID
	big := filepath.Join(s.dir, "big.log")
	if err := os.WriteFile(big, []byte(strings.Repeat("a line of a log\n", 400_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	const rid = "f618072a-7bde-4eee-af63-71a77c5723bc"
	for _, c := range []struct {
		args   []string
		out    string
		exit   int
		pinged string // type and method of what is recorded
	}{
		{[]string{"-fsS", "--retry", "3", url}, "OK", 0, "success GET"},
		{[]string{"-fsS", "--head", "-o", "/dev/null", "-w", "%{http_code}", url}, "200", 0, "success HEAD"},
		{[]string{"-fsS", "-X", "PUT", url + "/"}, "OK", 0, "success PUT"},
		{[]string{"-fsS", url + "/start?rid=" + rid}, "OK", 0, "start GET"},
		{[]string{"-fsS", "--data-raw", "it broke", url + "/17?rid=" + rid}, "OK", 0, "fail POST"},
		{[]string{"-fsS", "--data-binary", "@" + big, url + "/log"}, "OK", 0, "log POST"},
		{[]string{"-fsS", "--data-binary", "@" + big, "-H", "Transfer-Encoding: chunked", url}, "OK", 0, "success POST"},
		{[]string{"-sS", "-w", " %{http_code}", url + "/256"}, "invalid url format 400", 0, ""},
		{[]string{"-sS", "-w", " %{http_code}", url + "?rid=1"}, "invalid uuid format 400", 0, ""},
		{[]string{"-fs", s.endpoint + "/ping/" + rid}, "", 22, ""}, // so a job's script sees that it pings nobody
	} {
		out, err := exec.Command("curl", append([]string{"-m", "30"}, c.args...)...).Output()
		exit := 0
		if e, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output's own
			exit = e.ExitCode()
		} else if err != nil {
			t.Fatalf("curl: %v\nWhere it is missing: run \"apt-get install curl\".", err)
		}
		if string(out) != c.out || exit != c.exit {
			t.Errorf("curl %v: %q, exit status %d; want %q, %d", c.args, out, exit, c.out, c.exit)
		}
		if c.pinged == "" {
			continue
		}
		var list struct{ Pings []pingJSON }
		s.checks(http.MethodGet, "checks/"+check.UUID+"/pings/", "", &list)
		p := list.Pings[0]
		if p.Type+" "+p.Method != c.pinged || !strings.HasPrefix(p.UA, "curl/") || (p.RID == rid) != strings.Contains(fmt.Sprint(c.args), rid) {
			t.Errorf("curl %v was recorded as %+v", c.args, p)
		}
	}
}

// TestSilenceIsNoticed waits for a run that does not end.
func TestSilenceIsNoticed(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	var check checkJSON
	s.checks(http.MethodPost, "checks/", `{"name": "Backup", "grace": 60}`, &check)
	if got, err := s.do("", http.MethodGet, "/ping/"+check.UUID+"/start", "", nil); err != nil || got.status != http.StatusOK {
		t.Fatalf("start: %d %s, %v", got.status, got.body, err)
	}
	// Over a restart too.
	s.kill()
	s.start()
	s.eventually("the check's flip to down", 60*time.Second+startTimeout, func() bool {
		var list struct {
			Flips []struct {
				Up int `json:"up"`
			} `json:"flips"`
		}
		s.checks(http.MethodGet, "checks/"+check.UUID+"/flips/", "", &list)
		return len(list.Flips) == 1 && list.Flips[0].Up == 0
	})
}

// TestKillLosesNoPing kills the server in the middle of pings: each that was
// acknowledged is there afterwards, and counted once.
func TestKillLosesNoPing(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	var check checkJSON
	s.checks(http.MethodPost, "checks/", `{"name": "Busy"}`, &check)
	var acknowledged, unsure atomic.Int64
	for cycle := range 5 {
		var all sync.WaitGroup
		enough, until := make(chan struct{}), acknowledged.Load()+100
		for range 8 {
			all.Go(func() {
				for {
					resp, err := s.http.Get(s.endpoint + "/ping/" + check.UUID)
					if err != nil {
						unsure.Add(1) // it may have been recorded
						return
					}
					resp.Body.Close()
					if resp.StatusCode != http.StatusOK {
						t.Errorf("ping: %s", resp.Status)
						return
					}
					if acknowledged.Add(1) == until {
						close(enough)
					}
				}
			})
		}
		<-enough
		s.kill()
		all.Wait()
		s.start()
		s.checks(http.MethodGet, "checks/"+check.UUID, "", &check)
		if low, high := acknowledged.Load(), acknowledged.Load()+unsure.Load(); int64(check.Pings) < low || int64(check.Pings) > high {
			t.Fatalf("after kill %d there are %d pings, want %d to %d", cycle+1, check.Pings, low, high)
		}
	}
}
