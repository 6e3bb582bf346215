package shim

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// A process that is a shim never gets to main. It stays on the thread that it
// began on, so that it is another one that gives up its privileges: the first is
// what the kernel goes by when somebody signals the process, and when the server
// ends.
func init() {
	if os.Args[0] == Name {
		runtime.LockOSThread()
		os.Exit(shim())
	}
}

// shim carries out one order. Its exit status matters to nobody: what became of
// the program is in its last answer.
func shim() int {
	// Whatever else came along does not go on to the program.
	if err := call(sysCloseRange, firstFileFD, 1<<32-1, closeRangeOnExec); err != nil {
		return refuse(fmt.Errorf("close what is inherited: %w", err))
	}
	syscall.CloseOnExec(controlFD)
	buf := make([]byte, MaxMessage)
	message, err := receive(controlFD, buf)
	if err != nil {
		return 1 // the server is gone
	}
	o, err := decodeOrder(message)
	if err != nil {
		return refuse(err)
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
		_ = answer(Answer{Error: err.Error(), Exec: errors.As(err, new(*execError))}) // the server is gone: so is the need
		return 1
	}
	status, err := syscall.Open(fmt.Sprintf("/proc/%d/status", pid), syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return refuse(fmt.Errorf("watch the program: %w", err))
	}
	if err := answer(Answer{}, append([]int{status}, listeners...)...); err != nil {
		return 1
	}
	for _, fd := range append(listeners, status) {
		syscall.Close(fd) //nolint:errcheck // the server has its own
	}
	go obey(&o, pid, host, buf)
	_ = answer(Answer{Kind: Exited, Status: reap(pid)})
	return 0
}

func refuse(err error) int {
	_ = answer(Answer{Error: err.Error()}) // the server is gone: so is the need
	return 1
}

// prepare makes the world of the program.
func prepare(o *Order) (listeners []int, err error) {
	if o.Namespaces {
		if err := buildRoot(o); err != nil {
			return nil, err
		}
		if err := syscall.Sethostname([]byte("localhost")); err != nil {
			return nil, fmt.Errorf("name the host: %w", err)
		}
	}
	if o.Network {
		if listeners, err = openNetwork(o.Ports); err != nil {
			return nil, err
		}
	}
	// Nobody traces the shim, or reads its memory, whatever user it has.
	if err := prctl(prSetDumpable, 0); err != nil {
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
func start(o *Order) (pid int, err error) {
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

func fork(o *Order) (int, error) {
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
func obey(o *Order, pid, host int, buf []byte) {
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
		case StopCommand:
			_ = syscall.Kill(target, syscall.SIGSTOP) // it is just ending
		case ContinueCommand:
			_ = syscall.Kill(target, syscall.SIGCONT)
		case assignCommand:
			a := Answer{Kind: Assigned}
			if err := assign(o, host, command[1:]); err != nil {
				a.Error = err.Error()
			}
			_ = answer(a) // the server is gone: so is the need
		}
	}
}

// reap waits for what ends in here until the program has ended.
func reap(pid int) syscall.WaitStatus {
	for {
		var status syscall.WaitStatus
		got, err := syscall.Wait4(-1, &status, 0, nil)
		if got == pid || err != nil && !errors.Is(err, syscall.EINTR) {
			return status
		}
	}
}
