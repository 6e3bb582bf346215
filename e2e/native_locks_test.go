package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A heldLock is a lock as the native API shows it.
type heldLock struct {
	Owner     string    `json:"owner"`
	Token     int64     `json:"token"`
	Acquired  time.Time `json:"acquired_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// lock asks who holds the lock; false when nobody does.
func (s *server) lock(key string) (l heldLock, held bool) {
	s.t.Helper()
	got, err := s.do("", http.MethodGet, "/belfry/v1/locks/"+key, "", nil)
	if err != nil || got.status != http.StatusOK && got.status != http.StatusNotFound {
		s.t.Fatalf("GET of the lock %s: %d %s, %v", key, got.status, got.body, err)
	}
	if got.status == http.StatusNotFound {
		return l, false
	}
	if err := json.Unmarshal(got.body, &l); err != nil {
		s.t.Fatalf("%v in %s", err, got.body)
	}
	return l, true
}

// underLock starts belfry lock with a command that runs until the file "go" is
// there, and returns when it holds the lock.
func (s *server) underLock(key, ttl string) *exec.Cmd {
	s.t.Helper()
	cmd := exec.Command(binary, "lock", key, "--ttl", ttl, "--", "sh", "-c", "until [ -e go ]; do sleep 0.1; done; exit 7")
	cmd.Dir = s.dir
	cmd.Env = cleanEnv("BELFRY_ENDPOINT=" + s.endpoint)
	cmd.Env = append(cmd.Env, s.who.env()...)
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.eventually("the lock "+key+" is held", time.Minute, func() bool { _, held := s.lock(key); return held })
	return cmd
}

// TestLockVerb holds a lock for longer than its time to live, over a restart
// of the server, on a server that checks signatures.
func TestLockVerb(t *testing.T) {
	t.Parallel()
	s := startSigned(t)
	cmd := s.underLock("nightly", "20s")
	first, _ := s.lock("nightly")
	s.stop()
	s.start()
	s.eventually("the lock was renewed", 2*time.Minute, func() bool {
		l, held := s.lock("nightly")
		return held && l.Token == first.Token && l.ExpiresAt.Sub(l.Acquired) > 20*time.Second
	})
	s.file("go", nil)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("belfry lock ended with %v, want the command's 7", err)
	}
	if l, held := s.lock("nightly"); held {
		t.Errorf("afterwards the lock is held: %+v", l)
	}
}

// TestLockThatIsLost takes the lock away from a command, which is asked to end.
func TestLockThatIsLost(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	cmd := s.underLock("nightly", "3s")
	l, _ := s.lock("nightly")
	if got, err := s.do("", http.MethodDelete, "/belfry/v1/locks/nightly?token="+jsonOf(t, l.Token), "", nil); err != nil || got.status != http.StatusOK {
		t.Fatalf("release: %d %s, %v", got.status, got.body, err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 128+15 {
		t.Errorf("belfry lock ended with %v, want the code of a command that SIGTERM ended", err)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "go")); err == nil {
		t.Error("the command ended by itself")
	}
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestPowertools lets a handler that Powertools made idempotent keep its table
// on the server.
func TestPowertools(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("npm/node_modules/@aws-lambda-powertools"); err != nil {
		t.Fatal(`Powertools is not installed: run "make setup", or "npm ci" in e2e/npm`)
	}
	s := startSigned(t)
	cmd := exec.Command("node", "npm/powertools.mjs")
	cmd.Env = s.clientEnv("AWS_REGION=" + region)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// lockExample returns the n-th block of shell under a heading of docs/locks.md.
func lockExample(t *testing.T, heading string, n int) string {
	t.Helper()
	text, err := os.ReadFile("../docs/locks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## "+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := strings.Split(section, "```sh\n")
	if !ok || n >= len(blocks)-1 {
		t.Fatalf("docs/locks.md has no example %d under %q", n, heading)
	}
	block, _, _ := strings.Cut(blocks[n+1], "```")
	return block
}

// withVerbs lets scripts run belfry's verbs against the server.
func (s *server) withVerbs() {
	s.t.Helper()
	bin := filepath.Join(s.dir, "bin")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Symlink(binary, filepath.Join(bin, "belfry")); err != nil {
		s.t.Fatal(err)
	}
	s.clients = append(s.clients, "BELFRY_ENDPOINT="+s.endpoint)
}

// TestLockExamples runs what docs/locks.md tells people to copy, on a server
// that checks signatures.
func TestLockExamples(t *testing.T) {
	t.Parallel()
	s := startSigned(t)
	s.withVerbs()
	const heading = "A job that runs elsewhere"
	s.shell(lockExample(t, heading, 0))
	s.shell(lockExample(t, heading, 1))
	if l, held := s.lock("nightly-report"); held {
		t.Errorf("afterwards the lock is held: %+v", l)
	}
}

// TestOncePerExample sets once_per as docs/locks.md does, then delivers one
// invoice 50 times at once, asynchronously, and by two schedules.
func TestOncePerExample(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.withVerbs()
	calls := filepath.Join(s.dir, "calls")
	const code = "import os\n\ndef handler(event, context):\n    with open(os.environ['CALLS'], 'a') as f:\n        f.write(event['invoice'] + '\\n')\n"
	arn := s.createFunction("invoice", zipOf(t, "handler.py", code), "CALLS", calls)
	s.shell(lockExample(t, "Once per window, without code", 0))
	var settings struct {
		Function string `json:"function"`
		OncePer  struct{ Window, Key string }
	}
	s.native("functions/invoice/settings", nil, &settings)
	if settings.Function != arn {
		t.Errorf("the settings are of %s, want %s", settings.Function, arn)
	}

	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			got, err := s.do("lambda", http.MethodPost, "/2015-03-31/functions/invoice/invocations", "", []byte(`{"invoice": "A"}`), "X-Amz-Invocation-Type", "Event")
			if err != nil || got.status != http.StatusAccepted {
				t.Errorf("%d %s, %v", got.status, got.body, err)
			}
		})
	}
	wg.Wait()
	made := func() string { b, _ := os.ReadFile(calls); return string(b) }
	s.eventually("49 of 50 were skipped", time.Minute, func() bool {
		got, err := s.do("", http.MethodGet, "/metrics", "", nil)
		return err == nil && strings.Contains(string(got.body), "\nbelfry_function_events_skipped_total 49\n")
	})
	s.eventually("one was delivered", time.Minute, func() bool { return made() == "A\n" })

	for _, name := range []string{"first", "second"} {
		s.createSchedule(name, "rate(1 minute)", map[string]any{"Arn": arn, "Input": `{"invoice": "B"}`})
	}
	outcomes := map[string]int{}
	var skipped struct{ schedule, at string }
	s.eventually("both schedules have run", 2*time.Minute, func() bool {
		clear(outcomes)
		for _, name := range []string{"first", "second"} {
			schedule := "arn:aws:scheduler:" + region + ":" + account + ":schedule/default/" + name
			var runs struct {
				Items []struct {
					Outcome string `json:"outcome"`
					At      string `json:"scheduled_time"`
				} `json:"items"`
			}
			s.native("runs", url.Values{"schedule": {schedule}}, &runs)
			for _, r := range runs.Items[max(0, len(runs.Items)-1):] { // the first one
				if r.Outcome != "running" && r.Outcome != "pending" {
					outcomes[r.Outcome]++
				}
				if r.Outcome == "skipped_duplicate" {
					skipped.schedule, skipped.at = schedule, r.At
				}
			}
		}
		return outcomes["succeeded"]+outcomes["skipped_duplicate"] == 2
	})
	if outcomes["succeeded"] != 1 || made() != "A\nB\n" {
		t.Errorf("of two schedules %v; the function did %q", outcomes, made())
	}
	if why := s.belfry("why", skipped.schedule, skipped.at); !strings.Contains(why, "was skipped, because it was done already: function invoice is to be delivered once per 1d") {
		t.Errorf("why: %s", why)
	}
}
