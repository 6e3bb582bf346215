package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belfry-run/belfry/function/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Main()
	os.Exit(m.Run())
}

// trial is what sandboxes are tried with; empty: this very program. Under the race
// detector that takes hundreds of milliseconds to start.
var trial = os.Getenv("BELFRY_TEST_TRIAL")

// levels are those that a test runs at; the machine must permit them all.
func levels(t *testing.T) []sandbox.Level {
	t.Helper()
	if os.Geteuid() == 0 {
		return []sandbox.Level{sandbox.UID, sandbox.Rootless, sandbox.Full}
	}
	return []sandbox.Level{sandbox.Rootless}
}

// spawner starts commands from one thread, as the function host does.
func spawner(t testing.TB) func(*exec.Cmd) error {
	spawn, end := mortalSpawner()
	t.Cleanup(end)
	return spawn
}

// mortalSpawner returns how to start commands, and how to end the thread that
// does.
func mortalSpawner() (spawn func(*exec.Cmd) error, end func()) {
	type request struct {
		cmd  *exec.Cmd
		done chan error
	}
	requests, ended := make(chan request), make(chan struct{})
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		for {
			select {
			case r := <-requests:
				r.done <- r.cmd.Start()
			case <-ended:
				return
			}
		}
	}()
	return func(cmd *exec.Cmd) error {
		r := request{cmd, make(chan error, 1)}
		select {
		case requests <- r:
			return <-r.done
		case <-ended:
			return os.ErrProcessDone
		}
	}, func() { close(ended) }
}

func newSandbox(t testing.TB, wish sandbox.Level) *sandbox.Sandbox {
	t.Helper()
	dir := openDir(t)
	s, err := sandbox.New(t.Context(), sandbox.Config{Wish: wish, ID: fmt.Sprintf("%x", time.Now().UnixNano()), Dir: dir, Root: dir + "/root", Trial: trial, Spawn: spawner(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// openDir is a folder that every user can reach.
func openDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "belfry-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// sh is a spec that runs a script.
func sh(script string) *sandbox.Spec {
	return &sandbox.Spec{
		Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Dir: "/",
		Memory: 64, Storage: 8, Processes: 64,
	}
}

// run starts a program and returns how it ended and what it printed.
func run(t testing.TB, s *sandbox.Sandbox, spec *sandbox.Spec) (sandbox.Exit, string) {
	t.Helper()
	p, out := runProcess(t, s, spec)
	return p.Wait(), out
}

// runProcess starts a program, and returns its process with what it printed.
func runProcess(t testing.TB, s *sandbox.Sandbox, spec *sandbox.Spec) (*sandbox.Process, string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	spec.Output = w
	p, err := s.Start(t.Context(), spec)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range p.Listeners {
		l.Close()
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return p, strings.TrimSpace(string(out))
}

func TestTheLevelThatIsWishedForIsReached(t *testing.T) {
	for _, level := range levels(t) {
		r := newSandbox(t, level)
		if got := r.Report(); got.Level != level {
			t.Errorf("level %s, want %s: %q", got.Level, level, got.Reasons)
		}
	}
}

func TestRequire(t *testing.T) {
	none := newSandbox(t, sandbox.None).Report()
	if err := none.Require(sandbox.None); err != nil {
		t.Error(err)
	}
	err := none.Require(sandbox.Full)
	for _, want := range []string{"isolation full is required", "gives none", "files of their own", "limits of memory", "no more was asked for"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
	full := sandbox.Report{Level: sandbox.Full}
	if err := errors.Join(full.Require(sandbox.Full), full.Require(sandbox.UID)); err != nil {
		t.Error(err)
	}
}

func TestParseLevel(t *testing.T) {
	for _, l := range []sandbox.Level{sandbox.None, sandbox.UID, sandbox.Rootless, sandbox.Full, sandbox.Best} {
		if got, err := sandbox.ParseLevel(l.String()); err != nil || got != l {
			t.Errorf("%s is %v, %v", l, got, err)
		}
	}
	if _, err := sandbox.ParseLevel("most"); err == nil || !strings.Contains(err.Error(), "rootless") {
		t.Errorf("most: %v", err)
	}
}

// atLevels runs f at each level.
func atLevels(t *testing.T, f func(t *testing.T, s *sandbox.Sandbox, level sandbox.Level)) {
	for _, level := range levels(t) {
		t.Run(level.String(), func(t *testing.T) {
			s := newSandbox(t, level)
			if s.Report().Level != level {
				t.Fatalf("the level is %s: %q", s.Report().Level, s.Report().Reasons)
			}
			f(t, s, level)
		})
	}
}

func TestExits(t *testing.T) {
	atLevels(t, func(t *testing.T, s *sandbox.Sandbox, _ sandbox.Level) {
		for _, c := range []struct {
			script, out string
			check       func(syscall.WaitStatus) bool
		}{
			{"echo hello; exit 7", "hello", func(w syscall.WaitStatus) bool { return w.ExitStatus() == 7 }},
			{"true", "", func(w syscall.WaitStatus) bool { return w.Exited() && w.ExitStatus() == 0 }},
			{"kill -9 $$", "", func(w syscall.WaitStatus) bool { return w.Signaled() && w.Signal() == syscall.SIGKILL }},
			{"kill -11 $$", "", func(w syscall.WaitStatus) bool { return w.Signaled() && w.Signal() == syscall.SIGSEGV }},
		} {
			exit, out := run(t, s, sh(c.script))
			if !c.check(exit.Status) || out != c.out || exit.OutOfMemory {
				t.Errorf("%s: %+v, %q", c.script, exit, out)
			}
		}
	})
}

func TestAProgramThatCannotBeStarted(t *testing.T) {
	atLevels(t, func(t *testing.T, s *sandbox.Sandbox, _ sandbox.Level) {
		spec := sh("")
		spec.Path = "/nothing"
		_, err := s.Start(t.Context(), spec)
		var e *sandbox.ExecError
		if !errors.As(err, &e) || e.Message != "fork/exec /nothing: no such file or directory" {
			t.Errorf("%v", err)
		}
	})
}

func TestASandboxThatCannotBeBuiltStartsNothing(t *testing.T) {
	s := newSandbox(t, levels(t)[len(levels(t))-1])
	for name, change := range map[string]func(*sandbox.Spec){
		"a mount of nothing":          func(s *sandbox.Spec) { s.Mounts = []sandbox.Mount{{Source: "/nothing", Target: "/var/task"}} },
		"a target out of the root":    func(s *sandbox.Spec) { s.Mounts = []sandbox.Mount{{Source: "/usr", Target: "/../x"}} },
		"an environment beyond limit": func(s *sandbox.Spec) { s.Env = []string{"A=" + strings.Repeat("x", 70_000)} },
	} {
		spec := sh("echo started")
		change(spec)
		if p, err := s.Start(t.Context(), spec); err == nil {
			p.Wait()
			t.Errorf("%s: started", name)
		}
	}
}

func TestDescriptorsAndMounts(t *testing.T) {
	s := newSandbox(t, sandbox.Best)
	dir := openDir(t)
	if err := os.WriteFile(dir+"/file", []byte("content\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	spec := sh("cat file; echo given >&3; ls /proc/self/fd | wc -l; touch file 2>/dev/null || echo closed; id -u")
	spec.Dir, spec.Files, spec.Mounts = "/var/task", []*os.File{w}, []sandbox.Mount{{Source: dir, Target: "/var/task"}}
	exit, out := run(t, s, spec)
	w.Close()
	given, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	// ls has 0 to 3, and the folder that it reads.
	if f := strings.Fields(out); exit.Status != 0 || len(f) != 4 || f[0] != "content" || f[1] != "5" || f[2] != "closed" || f[3] == "0" || string(given) != "given\n" {
		t.Errorf("%+v %q, given %q", exit, out, given)
	}
}

func TestListenersAreServedFromOutside(t *testing.T) {
	s := newSandbox(t, levels(t)[len(levels(t))-1])
	spec := sh(`python3 -c 'import socket; s = socket.create_connection(("127.0.0.1", 9001)); print(s.recv(9).decode())'`)
	spec.Ports = []int{9001}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	spec.Output = w
	p, err := s.Start(t.Context(), spec)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		c, err := p.Listeners[0].Accept()
		if err == nil {
			io.WriteString(c, "hello")
			c.Close()
		}
	}()
	out, err := io.ReadAll(r)
	if exit := p.Wait(); exit.Status != 0 || strings.TrimSpace(string(out)) != "hello" {
		t.Errorf("%+v %q %v", exit, out, err)
	}
	p.Listeners[0].Close()
}

func TestKillAndWhatIsLeftBehind(t *testing.T) {
	atLevels(t, func(t *testing.T, s *sandbox.Sandbox, _ sandbox.Level) {
		for _, frozen := range []bool{false, true} {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			spec := sh("setsid sh -c 'setsid sleep 600 & sleep 600' & echo up; sleep 600")
			spec.Output = w
			p, err := s.Start(t.Context(), spec)
			w.Close()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Read(make([]byte, 3)); err != nil {
				t.Fatal(err)
			}
			if frozen {
				if err := p.Freeze(); err != nil {
					t.Error(err)
				}
			}
			p.Kill()
			if exit := p.Wait(); !exit.Status.Signaled() {
				t.Errorf("exit %+v", exit)
			}
			// All of them hold the pipe: it ends with the last.
			if _, err := io.ReadAll(r); err != nil {
				t.Error(err)
			}
			r.Close()
		}
	})
}

func TestFreeze(t *testing.T) {
	atLevels(t, func(t *testing.T, s *sandbox.Sandbox, _ sandbox.Level) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		spec := sh("while true; do echo x; sleep 0.01; done")
		spec.Output = w
		p, err := s.Start(t.Context(), spec)
		w.Close()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { p.Kill(); p.Wait() }()
		buf := make([]byte, 4096)
		if _, err := r.Read(buf); err != nil {
			t.Fatal(err)
		}
		if err := p.Freeze(); err != nil {
			t.Fatal(err)
		}
		// Whatever it still wrote is drained; then nothing more comes.
		for quiet := false; !quiet; {
			r.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			_, err := r.Read(buf)
			quiet = errors.Is(err, os.ErrDeadlineExceeded)
		}
		if err := p.Thaw(); err != nil {
			t.Fatal(err)
		}
		r.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := r.Read(buf); err != nil {
			t.Errorf("after the thaw: %v", err)
		}
	})
}

func TestACallerThatLeavesStartsNothing(t *testing.T) {
	s := newSandbox(t, sandbox.Best)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Start(ctx, sh("sleep 600")); err == nil {
		t.Error("started")
	}
}

func BenchmarkStart(b *testing.B) {
	for _, level := range []sandbox.Level{sandbox.UID, sandbox.Rootless, sandbox.Full} {
		b.Run(level.String(), func(b *testing.B) {
			s := newSandbox(b, level)
			for b.Loop() {
				run(b, s, sh("exit 0"))
			}
		})
	}
	b.Run("none", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command("/bin/sh", "-c", "exit 0").Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestProgramsEndWithTheirServer ends the thread that stands for the server's
// process, while one program is frozen.
func TestProgramsEndWithTheirServer(t *testing.T) {
	for _, level := range levels(t) {
		for _, frozen := range []bool{false, true} {
			spawn, end := mortalSpawner()
			dir := openDir(t)
			s, err := sandbox.New(t.Context(), sandbox.Config{Wish: level, ID: fmt.Sprintf("%x", time.Now().UnixNano()), Dir: dir, Root: dir + "/root", Trial: trial, Spawn: spawn})
			if err != nil || s.Report().Level != level {
				t.Fatalf("%v %+v", err, s.Report())
			}
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			spec := sh("echo up; exec sleep 600")
			spec.Output = w
			p, err := s.Start(t.Context(), spec)
			w.Close()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Read(make([]byte, 3)); err != nil {
				t.Fatal(err)
			}
			if frozen {
				if err := p.Freeze(); err != nil {
					t.Error(err)
				}
			}
			end()
			r.SetReadDeadline(time.Now().Add(20 * time.Second))
			if _, err := io.ReadAll(r); err != nil {
				t.Errorf("%s, frozen %v: the program lives on: %v", level, frozen, err)
				p.Kill()
			}
			p.Wait()
			r.Close()
			s.Close()
		}
	}
}

func TestADataDirectoryThatProgramsWouldSee(t *testing.T) {
	s, err := sandbox.New(t.Context(), sandbox.Config{Wish: sandbox.Rootless, ID: "x", Dir: "/usr/belfry", Root: openDir(t) + "/root", Spawn: spawner(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if r := s.Report(); r.Level >= sandbox.Rootless || !strings.Contains(strings.Join(r.Reasons, "; "), "rootless: the data directory is below /usr, which functions see") {
		t.Errorf("%+v", r)
	}
}
