package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestFewDescriptors: a server that may have 64 files open, with 200 runs due at a
// host that hangs, answers everybody, on new connections and though others keep
// theirs in silence; no run fails for having waited. Each silent one may keep its
// place for a second, so that the first callers wait for a few of those.
func TestFewDescriptors(t *testing.T) {
	t.Parallel()
	var asked, now, most atomic.Int64
	release := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		most.Store(max(most.Load(), now.Add(1)))
		<-release
		now.Add(-1)
	}))
	t.Cleanup(hangs.Close)
	letGo := sync.OnceFunc(func() { close(release) })
	t.Cleanup(letGo) // before Close, which waits for what hangs
	s := newServer(t, "--dev")
	s.files = 64
	s.start()
	const runs = 200
	due := time.Now().Add(3 * time.Second).Truncate(time.Second)
	for i := range runs {
		s.createSchedule(fmt.Sprint("s", i), at(due), map[string]any{
			"Arn": "arn:aws:scheduler:::http:invoke", "Input": `{"ApiEndpoint":"` + hangs.URL + `","Method":"POST"}`,
			"RetryPolicy": map[string]any{"MaximumRetryAttempts": 0},
		})
	}
	for range 30 { // callers that keep their connections
		s.dial()
	}
	s.eventually("a run hangs", time.Until(due)+10*time.Second, func() bool { return asked.Load() > 0 })
	for i := range 30 {
		client := &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second} // each keeps its connection
		t.Cleanup(client.CloseIdleConnections)
		for _, path := range []string{"/healthz", "/schedules?MaxResults=1", "/belfry/v1/doctor"} {
			r, err := client.Get(s.endpoint + path)
			if err != nil {
				t.Fatalf("call %d: %v", i, err)
			}
			io.Copy(io.Discard, r.Body)
			r.Body.Close()
			if path == "/healthz" && r.StatusCode != http.StatusOK {
				t.Errorf("%s: %s", path, r.Status)
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.neighbour(0)
	if n := asked.Load(); n > 8 {
		t.Errorf("%d requests hang, more than there are descriptors for", n)
	}
	letGo()
	for i := range runs {
		if r := s.ended(fmt.Sprint("s", i), 1, 30*time.Second)[0]; r.Outcome != "succeeded" || len(r.Attempts) > 1 {
			t.Errorf("run %d: %+v", i, r)
		}
	}
	if asked.Load() != runs {
		t.Errorf("%d requests, want %d", asked.Load(), runs)
	}
}
