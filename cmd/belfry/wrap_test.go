package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long the tests of wrap wait for a process, on a busy machine.
const patience = time.Minute

// A pinged is one request that a check got.
type pinged struct{ what, rid, create, body string }

// A pingServer stands in for a server with one check.
type pingServer struct {
	*httptest.Server
	t testing.TB

	mu    sync.Mutex // guards got
	got   []pinged
	fails int    // so many answers are 503 first
	limit string // Ping-Body-Limit; empty: none
}

const checkPath = "/ping/5b6b3bd0-5b4a-4ab3-9e2e-ab3f4b5f0c11"

func newPingServer(t testing.TB) *pingServer {
	s := &pingServer{t: t}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *pingServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limit != "" {
		w.Header().Set("Ping-Body-Limit", s.limit)
	}
	what, ok := strings.CutPrefix(r.URL.Path, checkPath+"/")
	if !ok {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	q := r.URL.Query()
	s.got = append(s.got, pinged{what, q.Get("rid"), q.Get("create"), string(body)})
	if s.fails > 0 {
		s.fails--
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// set forgets what has arrived, and says how many answers are 503 first, and
// which limit of bodies is told.
func (s *pingServer) set(fails int, limit string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got, s.fails, s.limit = nil, fails, limit
}

// pings returns what has arrived.
func (s *pingServer) pings() []pinged {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// whats returns what the pings said, in order of arrival.
func (s *pingServer) whats() string {
	var all []string
	for _, p := range s.pings() {
		all = append(all, p.what)
	}
	return strings.Join(all, " ")
}

// wrap makes the command belfry wrap, as cron would start it: in a session
// without a terminal.
func (s *pingServer) wrap(args ...string) *exec.Cmd {
	cmd := exec.Command("belfry", append([]string{"wrap", "--check", s.URL + checkPath, "--retry-delay", "1ms"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Dir = s.t.TempDir()
	return cmd
}

// finish runs cmd to its end, with what happens during it, and returns its
// outputs and exit code.
func finish(t testing.TB, cmd *exec.Cmd, during ...func()) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	for _, do := range during {
		do()
	}
	if err := cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// eventually polls until ok, and fails the test when patience ends.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", patience, what)
		}
	}
}

func TestWrapTellsStartAndEndAndLeavesTheCommandAlone(t *testing.T) {
	t.Parallel()
	s := newPingServer(t)
	cmd := s.wrap("--", "sh", "-c", "read line; echo \"got $line\"; echo oops >&2; printf end")
	cmd.Stdin = strings.NewReader("input\n")
	stdout, stderr, code := finish(t, cmd)
	if stdout != "got input\nend" || stderr != "oops\n" || code != 0 {
		t.Errorf("printed %q and %q, code %d", stdout, stderr, code)
	}
	got := s.pings()
	if len(got) != 2 || got[0].what != "start" || got[1].what != "0" {
		t.Fatalf("the check was told %+v", got)
	}
	if len(got[0].rid) != 36 || got[0].rid != got[1].rid {
		t.Errorf("rids %q and %q, want one UUID", got[0].rid, got[1].rid)
	}
	if got[0].body != "" || got[0].create != "" {
		t.Errorf("the start is %+v", got[0])
	}
	// Two pipes: between them order is not kept, within each it is.
	if b := got[1].body; !strings.Contains(b, "oops\n") || strings.ReplaceAll(b, "oops\n", "") != "got input\nend" {
		t.Errorf("the body is %q", b)
	}
}

// Cron gives a command one pipe for both outputs, and its mail shows lines in order.
func TestWrapKeepsTheOrderOfOutputsThatAreOne(t *testing.T) {
	t.Parallel()
	s := newPingServer(t)
	cmd := s.wrap("--", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done")
	out, err := os.Create(filepath.Join(t.TempDir(), "mail"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for i := 1; i <= 9; i++ {
		want.WriteString("out " + strconv.Itoa(i) + "\nerr " + strconv.Itoa(i) + "\n")
	}
	mail, err := os.ReadFile(out.Name())
	if err != nil || string(mail) != want.String() {
		t.Errorf("%v, printed %q", err, mail)
	}
	if got := s.pings(); got[1].body != want.String() {
		t.Errorf("the body is %q", got[1].body)
	}
}

func TestWrapKeepsTheExitCode(t *testing.T) {
	t.Parallel()
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		command []string
		code    int
		body    string
	}{
		{"zero", []string{"true"}, 0, ""},
		{"own", []string{"sh", "-c", "exit 3"}, 3, ""},
		{"largest", []string{"sh", "-c", "exit 255"}, 255, ""},
		{"killed", []string{"sh", "-c", "kill -9 $$"}, 137, "ended by signal 9"},
		{"terminated", []string{"sh", "-c", "kill $$"}, 143, "ended by signal 15"},
		{"not found", []string{"no-such-command-here"}, 127, "cannot be started"},
		{"no such path", []string{"/nowhere/at/all"}, 127, "/nowhere/at/all cannot be started: "},
		{"not executable", []string{plain}, 126, "cannot be started: permission denied"},
		{"flags are the command's", []string{"sh", "-c", "test $1 = --check", "sh", "--check"}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newPingServer(t)
			_, stderr, code := finish(t, s.wrap(append([]string{"--"}, c.command...)...))
			if code != c.code {
				t.Errorf("code %d, want %d; %s", code, c.code, stderr)
			}
			got := s.pings()
			if want := "start " + strconv.Itoa(c.code); s.whats() != want || !strings.Contains(got[1].body, c.body) {
				t.Errorf("the check was told %+v, want %s with %q", got, want, c.body)
			}
		})
	}
}

func TestWrapEndsTheWholeGroupAtTheTimeOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, script string }{
		{"obedient", `sleep 600 & echo $! >child; echo working; wait`},
		// The shell ends with TERM, its child does not.
		{"stubborn child", `(trap "" TERM; exec sleep 600) & echo $! >child; echo working; wait`},
		{"stubborn", `trap "" TERM; sleep 600 & echo $! >child; echo working; while :; do wait; done`},
		{"answers 0", `trap "exit 0" TERM; sleep 600 & echo $! >child; echo working; wait`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newPingServer(t)
			cmd := s.wrap("--timeout", "1s", "--kill-after", "200ms", "--", "sh", "-c", c.script)
			stdout, stderr, code := finish(t, cmd)
			if stdout != "working\n" || code != 124 {
				t.Errorf("printed %q and %q, code %d", stdout, stderr, code)
			}
			const body = "working\n\nbelfry: the command was ended after its time-out of 1s\n"
			if got := s.pings(); s.whats() != "start 124" || got[1].body != body {
				t.Errorf("the check was told %+v", got)
			}
			text, err := os.ReadFile(filepath.Join(cmd.Dir, "child"))
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "the child is gone", func() bool { return gone(pid) })
		})
	}
}

// gone says whether a process has ended; one that nobody has waited for counts.
func gone(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func TestWrapPassesSignalsOn(t *testing.T) {
	t.Parallel()
	for name, sig := range map[string]syscall.Signal{
		"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "TERM": syscall.SIGTERM, "USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newPingServer(t)
			cmd := s.wrap("--", "sh", "-c", `trap "echo caught; exit 7" `+name+`; touch ready; while :; do sleep 0.02; done`)
			stdout, stderr, code := finish(t, cmd, func() {
				eventually(t, "the command is ready", func() bool {
					_, err := os.Stat(filepath.Join(cmd.Dir, "ready"))
					return err == nil
				})
				cmd.Process.Signal(sig)
			})
			if stdout != "caught\n" || code != 7 {
				t.Errorf("printed %q and %q, code %d", stdout, stderr, code)
			}
			if s.whats() != "start 7" {
				t.Errorf("the check was told %s", s.whats())
			}
		})
	}
}

func TestWrapLeavesIgnoredSignalsIgnored(t *testing.T) {
	t.Parallel()
	s := newPingServer(t)
	wrap := s.wrap("--", "sh", "-c", "kill -HUP $$; echo alive")
	cmd := exec.Command("nohup", wrap.Args...)
	cmd.SysProcAttr, cmd.Dir = wrap.SysProcAttr, wrap.Dir
	if stdout, _, code := finish(t, cmd); stdout != "alive\n" || code != 0 {
		t.Errorf("printed %q, code %d", stdout, code)
	}
}

// On a terminal the command stays in wrap's group: it can read from the
// terminal, and ^C reaches it.
func TestWrapOnATerminal(t *testing.T) {
	t.Parallel()
	s := newPingServer(t)
	ptm, pts := terminal(t)
	cmd := s.wrap("--", "sh", "-c", `trap "exit 8" INT; read line </dev/tty; echo "got <$line>"; while :; do sleep 0.02; done`)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = pts, pts, pts
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pts.Close()
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	ptm.WriteString("hello\n")
	var seen []byte
	for buf := make([]byte, 1000); !bytes.Contains(seen, []byte("got <hello>")); {
		n, err := ptm.Read(buf)
		if err != nil {
			t.Fatalf("%v after %q", err, seen)
		}
		seen = append(seen, buf[:n]...)
	}
	ptm.Write([]byte{3}) // ^C
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 8 || s.whats() != "start 8" {
		t.Errorf("code %d, the check was told %s", code, s.whats())
	}
}

// terminal opens a pseudo-terminal.
func terminal(t testing.TB) (ptm, pts *os.File) {
	t.Helper()
	ptm, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ptm.Close() })
	if err := unix.IoctlSetPointerInt(int(ptm.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(ptm.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	pts, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return ptm, pts
}
