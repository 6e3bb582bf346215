package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// canReexecute says that this process went through Main: a program that does
// not would, started as a shim, do whatever it does.
var canReexecute atomic.Bool

// A shim stays on the thread that it began on, so that it is another one that
// gives up its privileges: the first is what the kernel goes by when somebody
// signals the process, and when the server ends. Only here is it sure that main
// has not moved on to another thread yet.
func init() {
	if os.Args[0] == shimName {
		runtime.LockOSThread()
	}
}

// Main must come first in the main function of a program that makes sandboxes.
// It returns at once, unless this process is a shim; then it never returns.
func Main() {
	switch os.Args[0] {
	case shimName:
		os.Exit(shim())
	case trialName:
		os.Exit(trial())
	}
	canReexecute.Store(true)
}

// shim carries out one order. Its exit status matters to nobody: what became of
// the program is in its last answer.
func shim() int {
	// Whatever else came along does not go on to the program.
	if err := unix.CloseRange(firstFileFD, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return refuse(fmt.Errorf("close what is inherited: %w", err))
	}
	unix.CloseOnExec(controlFD)
	buf := make([]byte, maxMessage)
	message, err := receive(controlFD, buf)
	if err != nil {
		return 1 // the server is gone
	}
	var o order
	if err := json.Unmarshal(message, &o); err != nil {
		return refuse(fmt.Errorf("read the order: %w", err))
	}
	host := -1
	if len(o.Places) > 0 && o.Namespaces {
		if host, err = keepHost(); err != nil {
			return refuse(err)
		}
	}
	listeners, err := prepare(&o)
	if err != nil {
		return refuse(err)
	}
	pid, err := start(&o)
	if err != nil {
		_ = send(controlFD, answer{Error: err.Error(), Exec: errors.As(err, new(*execError))}) // the server is gone: so is the need
		return 1
	}
	status, err := unix.Open(fmt.Sprintf("/proc/%d/status", pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return refuse(fmt.Errorf("watch the program: %w", err))
	}
	if err := send(controlFD, answer{}, append([]int{status}, listeners...)...); err != nil {
		return 1
	}
	for _, fd := range append(listeners, status) {
		unix.Close(fd) //nolint:errcheck // the server has its own
	}
	go obey(&o, pid, host, buf)
	_ = send(controlFD, answer{Exited: true, Status: reap(pid)})
	return 0
}

func refuse(err error) int {
	_ = send(controlFD, answer{Error: err.Error()}) // the server is gone: so is the need
	return 1
}

// prepare makes the world of the program.
func prepare(o *order) (listeners []int, err error) {
	if o.Namespaces {
		if err := buildRoot(o); err != nil {
			return nil, err
		}
		if err := unix.Sethostname([]byte("localhost")); err != nil {
			return nil, fmt.Errorf("name the host: %w", err)
		}
	}
	if o.Network {
		if listeners, err = openNetwork(o.Ports); err != nil {
			return nil, err
		}
	}
	// Nobody traces the shim, or reads its memory, whatever user it has.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("close the shim: %w", err)
	}
	return listeners, setLimits(o)
}

// An execError says that the program itself cannot be started.
type execError struct {
	path string
	err  error
}

func (e *execError) Error() string { return "fork/exec " + e.path + ": " + e.err.Error() }
func (e *execError) Unwrap() error { return e.err }

// start starts the program from a thread that has no privileges left. The other
// threads keep theirs: the program cannot reach them.
func start(o *order) (pid int, err error) {
	started := make(chan struct{})
	go func() {
		runtime.LockOSThread() // never unlocked
		if err = dropPrivileges(o); err == nil {
			if pid, err = fork(o); err != nil {
				err = &execError{path: o.Path, err: err}
			}
		}
		close(started)
		if !o.Namespaces {
			select {} // the program dies with this thread, see fork
		}
	}()
	<-started
	return pid, err
}

func fork(o *order) (int, error) {
	attr := &syscall.ProcAttr{Dir: o.Dir, Env: o.Env, Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setsid: true}}
	for i := range o.Files {
		attr.Files = append(attr.Files, uintptr(firstFileFD+i))
	}
	if !o.Namespaces {
		attr.Sys.Pdeathsig = syscall.SIGKILL
	}
	return syscall.ForkExec(o.Path, o.Args, attr)
}

// obey does what the server says, and ends with it.
func obey(o *order, pid, host int, buf []byte) {
	target := -pid // the program's own group
	if o.Namespaces {
		target = -1 // all that is in here, save the shim
	}
	for {
		command, err := receive(controlFD, buf)
		if err != nil {
			os.Exit(1)
		}
		switch command[0] {
		case stopCommand:
			_ = unix.Kill(target, unix.SIGSTOP) // it is just ending
		case continueCommand:
			_ = unix.Kill(target, unix.SIGCONT)
		case assignCommand:
			a := answer{Assigned: true}
			if err := assign(o, host, command[1:]); err != nil {
				a.Error = err.Error()
			}
			_ = send(controlFD, a) // the server is gone: so is the need
		}
	}
}

// reap waits for what ends in here until the program has ended.
func reap(pid int) unix.WaitStatus {
	for {
		var status unix.WaitStatus
		got, err := unix.Wait4(-1, &status, 0, nil)
		if got == pid || err != nil && !errors.Is(err, unix.EINTR) {
			return status
		}
	}
}
