package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
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
