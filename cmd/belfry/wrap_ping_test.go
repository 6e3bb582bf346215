package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

func TestWrapTriesAgain(t *testing.T) {
	t.Parallel()
	s := newPingServer(t)
	s.set(3, "")
	_, stderr, code := finish(t, s.wrap("--no-start", "--retries", "3", "--", "true"))
	if s.whats() != "0 0 0 0" || stderr != "" || code != 0 {
		t.Errorf("the check was told %s; printed %q, code %d", s.whats(), stderr, code)
	}
	s.set(3, "")
	_, stderr, code = finish(t, s.wrap("--no-start", "--retries", "2", "--", "sh", "-c", "exit 5"))
	if s.whats() != "5 5 5" || !strings.Contains(stderr, "the check was not told (5)") || code != 5 {
		t.Errorf("the check was told %s; printed %q, code %d", s.whats(), stderr, code)
	}
}

func TestWrapStartsWithoutAServer(t *testing.T) {
	t.Parallel()
	s := newPingServer(t)
	s.Close()
	stdout, stderr, code := finish(t, s.wrap("--retries", "1", "--", "sh", "-c", "echo done; exit 4"))
	if stdout != "done\n" || code != 4 {
		t.Errorf("printed %q, code %d", stdout, code)
	}
	if !strings.Contains(stderr, "(4): 127.0.0.1:") || !strings.Contains(stderr, "connection refused") {
		t.Errorf("said %q", stderr)
	}
	if strings.Contains(stderr, checkPath) {
		t.Errorf("the URL, which is a secret, is in %q", stderr)
	}
}

func TestWrapExplainsARefusal(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		switch {
		case strings.HasPrefix(r.URL.Path, "/ping/moved"):
			http.Redirect(w, r, "/elsewhere", http.StatusMovedPermanently)
		case strings.HasPrefix(r.URL.Path, "/ping/key/twice"):
			http.Error(w, "ambiguous slug", http.StatusConflict)
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	for path, want := range map[string]string{
		"/ping/key/none":  "knows no such check",
		"/ping/key/twice": `409 Conflict: "ambiguous slug"`,
		"/ping/moved":     "give --check the final URL",
	} {
		requests.Store(0)
		cmd := exec.Command("belfry", "wrap", "--no-start", "--check", s.URL+path, "--", "sh", "-c", "exit 9")
		_, stderr, code := finish(t, cmd)
		if !strings.Contains(stderr, want) || code != 9 || requests.Load() != 1 {
			t.Errorf("%s: said %q in %d tries, code %d; want %q in one", path, stderr, requests.Load(), code, want)
		}
	}
}

func TestWrapSendsWhatTheServerKeeps(t *testing.T) {
	t.Parallel()
	const lines = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i; done"
	for _, c := range []struct {
		name, limit string
		args        []string
		want        int // bytes
	}{
		{"as much as it says", "500", nil, 500},
		{"10,000 when it does not say", "", nil, 10_000},
		{"never more than it keeps", "500", []string{"--tail", "600"}, 500},
		{"less when told so", "500", []string{"--tail", "20"}, 20},
		{"nothing", "500", []string{"--tail", "0"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newPingServer(t)
			s.set(0, c.limit)
			stdout, _, code := finish(t, s.wrap(append(c.args, "--", "sh", "-c", lines)...))
			got := s.pings()
			if len(got) != 2 || code != 0 {
				t.Fatalf("the check was told %+v", got)
			}
			if b := got[1].body; len(b) != c.want || !strings.HasSuffix(stdout, b) || !strings.HasSuffix(stdout, "line 3000\n") {
				t.Errorf("%d bytes were sent, %q; want the last %d of the output", len(b), b, c.want)
			}
		})
	}
}

func TestWrapMakesTheCheck(t *testing.T) {
	t.Parallel()
	s := newPingServer(t)
	finish(t, s.wrap("--create", "--", "true"))
	for _, p := range s.pings() {
		if p.create != "1" {
			t.Errorf("told %+v, want create=1", p)
		}
	}
	if s.whats() != "start 0" {
		t.Errorf("the check was told %s", s.whats())
	}
}

// A start that is still being tried when the command ends is given up: after
// the end it would begin a run that nothing ends.
func TestWrapTellsNoStartAfterTheEnd(t *testing.T) {
	t.Parallel()
	s := newPingServer(t)
	s.set(1, "")
	finish(t, s.wrap("--retry-delay", "1m", "--", "true"))
	if s.whats() != "start 0" {
		t.Errorf("the check was told %s", s.whats())
	}
}

func TestWrapDoesNotWaitForWhatTheCommandLeftBehind(t *testing.T) {
	t.Parallel()
	s := newPingServer(t)
	cmd := s.wrap("--", "sh", "-c", "sleep 600 & echo $! >child; echo done; exit 6")
	stdout, stderr, code := finish(t, cmd)
	if stdout != "done\n" || code != 6 || !strings.Contains(stderr, "still holds its output") {
		t.Errorf("printed %q and %q, code %d", stdout, stderr, code)
	}
	if got := s.pings(); s.whats() != "start 6" || got[1].body != "done\n" {
		t.Errorf("the check was told %+v", got)
	}
	if out, err := exec.Command("sh", "-c", "kill $(cat "+filepath.Join(cmd.Dir, "child")+")").CombinedOutput(); err != nil {
		t.Errorf("what runs in the background was ended: %s", out)
	}
}

func TestWrapEndsWithItsReader(t *testing.T) {
	t.Parallel()
	s := newPingServer(t)
	cmd := s.wrap("--", "yes")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 2)); err != nil {
		t.Error(err)
	}
	stdout.Close()
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 128+int(syscall.SIGPIPE) || s.whats() != "start 141" {
		t.Errorf("code %d, the check was told %s; want a command that met a closed pipe", code, s.whats())
	}
}

func TestWrapRefusesWrongUseBeforeTheCommandRuns(t *testing.T) {
	t.Parallel()
	const good = "http://127.0.0.1:1" + checkPath
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--", "touch", "ran"}, "--check"},
		{[]string{"--check", good}, "no command is given"},
		{[]string{"--check", good, "--"}, "no command is given"},
		{[]string{"--check", "127.0.0.1/ping/x", "--", "touch", "ran"}, "want the ping URL"},
		{[]string{"--check", "ftp://host/ping/x", "--", "touch", "ran"}, "want the ping URL"},
		{[]string{"--check", "http://host/", "--", "touch", "ran"}, "want the ping URL"},
		{[]string{"--check", good + "#x", "--", "touch", "ran"}, "after #"},
		{[]string{"--check", good + "/fail", "--", "touch", "ran"}, "ends in /fail"},
		{[]string{"--check", good, "--timeout", "-1s", "--", "touch", "ran"}, "--timeout"},
		{[]string{"--check", good, "--kill-after", "-1s", "--", "touch", "ran"}, "--kill-after"},
		{[]string{"--check", good, "--tail=-2", "--", "touch", "ran"}, "--tail"},
		{[]string{"--check", good, "--tail", "1048577", "--", "touch", "ran"}, "--tail"},
		{[]string{"--check", good, "--retries", "21", "--", "touch", "ran"}, "--retries"},
		{[]string{"--check", good, "--retry-delay", "61s", "--", "touch", "ran"}, "--retry-delay"},
		{[]string{"--check", good, "--retires", "1", "--", "touch", "ran"}, "--retires"},
	} {
		cmd := exec.Command("belfry", append([]string{"wrap"}, c.args...)...)
		cmd.Dir = t.TempDir()
		_, stderr, code := finish(t, cmd)
		if code != exitWrongUse || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: code %d, %q; want 2 and %q", c.args, code, stderr, c.want)
		}
		if _, err := os.Stat(filepath.Join(cmd.Dir, "ran")); err == nil {
			t.Errorf("%q: the command ran", c.args)
		}
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	for _, c := range []struct {
		max, limit   int
		writes       []string
		note, wanted string
	}{
		{10, 10, []string{"short"}, "", "short"},
		{10, 10, []string{"0123456789"}, "", "0123456789"},
		{10, 10, []string{"01234", "56789a"}, "", "123456789a"},
		{4, 10, []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}, "", "ghij"},
		{4, 10, []string{"before", "very long line"}, "", "line"},
		{10, 8, []string{"0123456789"}, "", "23456789"},
		{10, 8, []string{"0123456789"}, "end", "56789end"},
		{10, 2, []string{"0123456789"}, "end", "en"},
		{0, 1000, []string{"dropped"}, "note", "note"},
		{4, 10, []string{"xöö"}, "", "öö"},
		{3, 10, []string{"xöö"}, "", "ö"}, // not half a letter before it
		{3, 10, []string{"\x80\x80\x80"}, "", "\x80\x80\x80"},
	} {
		tl := newTail(c.max)
		for _, w := range c.writes {
			tl.write([]byte(w))
		}
		got := string(tl.body(c.note, c.limit))
		if got != c.wanted {
			t.Errorf("%d bytes of %q with %q in %d: %q, want %q", c.max, c.writes, c.note, c.limit, got, c.wanted)
		}
		if len(tl.b) > 2*c.max {
			t.Errorf("%d bytes are kept for %d", len(tl.b), c.max)
		}
		if c.wanted == "öö" && !utf8.ValidString(got) {
			t.Errorf("%q is not text", got)
		}
	}
}
