package function

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/belfry-run/belfry"
)

// An instance is one process of a function. It serves one invocation at a
// time and belongs to whoever has taken it from the pool.
type instance struct {
	fn     *Function // as it was when the process started
	born   time.Time
	pid    int
	stream string
	link   link
	logs   *capture
	status *os.File // /proc/PID/status

	exited chan struct{}    // closed when the process has been waited for
	state  *os.ProcessState // valid from then on

	mu     sync.Mutex // guards waited
	waited bool       // the process's number may be somebody else's now

	ending sync.Once
	ended  chan struct{} // closed when nothing is left of it

	initTime time.Duration // of the start, until an invocation has reported it
	peak     int           // highest resident memory seen, MB

	// The pools' lock guards these.
	use       instanceUse
	idleSince time.Time
	place     *list.Element // in the list of the idle
}

const (
	initGrace = 10 * time.Second // that a start may take beyond the function's time-out
	exitGrace = time.Second      // between a closed connection and the exit
)

// launch starts the process for an instance of f.
func (h *Host) launch(ctx context.Context, f *Function) (*instance, error) {
	key := f.codeKey()
	task := h.codes.taskDir(key)
	now := h.cfg.Clock.Now()
	in := &instance{fn: f, born: now, stream: newStream(now), exited: make(chan struct{}), ended: make(chan struct{})}
	env, err := h.environment(ctx, f, task, in.stream)
	if err != nil {
		return nil, err
	}
	var (
		argv   []string
		extra  []*os.File
		banner string
	)
	if isProvided(f.Runtime) {
		path, err := findBootstrap(task)
		if err != nil {
			return nil, err
		}
		api, err := newRuntimeAPI()
		if err != nil {
			return nil, err
		}
		env["AWS_LAMBDA_RUNTIME_API"] = api.addr
		in.link, argv = api, []string{path}
		banner = f.Runtime
	} else {
		py, err := h.pythons.forRuntime(ctx, f.Runtime)
		if err != nil {
			return nil, &belfry.Error{Kind: belfry.Unavailable, Message: "This server cannot run " + f.Runtime + " now: it found no Python interpreter.", Err: err}
		}
		l, theirs, err := newFramed()
		if err != nil {
			return nil, err
		}
		defer theirs.Close() // the process has its own
		in.link, argv, extra = l, py.argv(), []*os.File{theirs}
		if _, set := f.Environment["PATH"]; !set {
			env["PATH"] = filepath.Dir(py.Executable) + ":" + env["PATH"]
		}
		banner = "python:" + py.Version
		if !py.is(f.Runtime) {
			banner += fmt.Sprintf(" (this server has no %s; the function runs on its Python %s)", f.Runtime, py.Version)
		}
	}
	if err := h.exec(in, argv, task, environList(env), extra); err != nil {
		in.link.close()
		return nil, err
	}
	in.logs.print("INIT_START Runtime Version: %s\tRuntime Version ARN: %s\n", banner, RuntimeVersionARN(f))
	h.codes.hold(key)
	h.pools.add(in)
	h.processes.Go(func() {
		<-in.exited
		h.codes.release(key)
		if a, ok := in.link.(*runtimeAPI); ok {
			a.leave()
		}
		h.pools.exited(in)
		<-in.ended
	})
	return in, nil
}

// exec starts the process with its output in a pipe.
func (h *Host) exec(in *instance, argv []string, dir string, env []string, extra []*os.File) error {
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC); err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	w := os.NewFile(uintptr(fds[1]), "output")
	defer w.Close()                       // the process has its own
	_ = syscall.SetNonblock(fds[0], true) // cannot fail on a pipe just made
	r := os.NewFile(uintptr(fds[0]), "output")
	cmd := &exec.Cmd{Path: argv[0], Args: argv, Dir: dir, Env: env, Stdout: w, Stderr: w, ExtraFiles: extra}
	if err := h.spawner.start(cmd); err != nil {
		r.Close() // nothing was written
		if isProvided(in.fn.Runtime) {
			return &startError{err: err}
		}
		return fmt.Errorf("start %s: %w", argv[0], err)
	}
	in.pid = cmd.Process.Pid
	in.logs = newCapture(r)
	in.status, _ = os.Open("/proc/" + strconv.Itoa(in.pid) + "/status") // nil: no figure
	go func() {
		defer close(in.exited)
		waitExit(in.pid)
		in.mu.Lock()
		defer in.mu.Unlock()
		killGroup(in.pid) // what it started ends with it
		_ = cmd.Wait()    // its exit status is in the state
		in.state, in.waited = cmd.ProcessState, true
	}()
	return nil
}

// kill ends the process and what it started.
func (in *instance) kill() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.waited {
		killGroup(in.pid)
	}
}

func (in *instance) hasExited() bool {
	select {
	case <-in.exited:
		return true
	default:
		return false
	}
}

// waitExit waits up to d for the process to exit, and then kills it.
func (in *instance) waitExit(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-in.exited:
		return
	case <-t.C:
	}
	in.kill()
	<-in.exited
}

// end kills the process and lets go of what belongs to it. It does not wait.
func (in *instance) end() {
	in.ending.Do(func() {
		go func() {
			defer close(in.ended)
			in.kill()
			<-in.exited
			in.link.close()
			in.logs.close()
			if in.status != nil {
				in.status.Close() // only read from
			}
		}()
	})
}

// sampleMemory notes the highest resident memory so far, as the kernel counts it.
func (in *instance) sampleMemory() {
	if in.status == nil {
		return
	}
	var buf [2048]byte
	n, _ := in.status.ReadAt(buf[:], 0) // io.EOF, or the process is gone
	_, after, ok := bytes.Cut(buf[:n], []byte("VmHWM:"))
	if !ok {
		return
	}
	line, _, _ := bytes.Cut(after, []byte(" kB"))
	if kb, err := strconv.Atoi(string(bytes.TrimSpace(line))); err == nil {
		in.peak = max(in.peak, (kb+1023)/1024)
	}
}

// A startError is a function whose own program cannot be started.
type startError struct{ err error }

func (e *startError) Error() string { return e.err.Error() }
func (e *startError) Unwrap() error { return e.err }

// findBootstrap returns the program of a provided runtime.
func findBootstrap(task string) (string, error) {
	path := filepath.Join(task, "bootstrap")
	switch info, err := os.Stat(path); {
	case err != nil || !info.Mode().IsRegular():
		return "", &startError{err: errors.New("Couldn't find valid bootstrap(s): [/var/task/bootstrap]")}
	case info.Mode()&0o111 == 0:
		return "", &startError{err: errors.New("fork/exec /var/task/bootstrap: permission denied")}
	}
	return path, nil
}
