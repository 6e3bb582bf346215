package shim

import (
	"errors"
	"os"
	"runtime"
	"strconv"
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
//
// Whatever can be made before the order comes is made before: a shim may have
// been started long ahead, and then somebody waits from the order on.
func shim() int {
	// Whatever else came along does not go on to the program.
	if err := call(sysCloseRange, otherFD, 1<<32-1, closeRangeOnExec); err != nil {
		return refuse(failed("close what is inherited", err))
	}
	syscall.CloseOnExec(controlFD)
	buf := make([]byte, MaxMessage)
	s, err := receiveSetting(buf)
	if err != nil {
		return refuse(err) // most likely the server is gone
	}
	launcher, unready := settle(&s)
	o, files, err := receiveOrder(buf)
	if err == nil {
		err = unready
	}
	if err != nil {
		return refuse(err)
	}
	host := -1
	if len(o.Places) > 0 && s.Namespaces {
		if host, err = keepHost(); err != nil {
			return refuse(err)
		}
	}
	listeners, err := prepare(&s, &o)
	if err != nil {
		return refuse(err)
	}
	pid, err := launcher.start(&o, files)
	if err != nil {
		_ = answer(Answer{Error: err.Error(), Exec: errors.As(err, new(*execError))}) // the server is gone: so is the need
		return 1
	}
	status, err := syscall.Open("/proc/"+strconv.Itoa(pid)+"/status", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return refuse(failed("watch the program", err))
	}
	if err := answer(Answer{}, append([]int{status}, listeners...)...); err != nil {
		return 1
	}
	for _, fd := range append(append(listeners, files...), status) {
		syscall.Close(fd) //nolint:errcheck // the server and the program have their own
	}
	go obey(&s, &o, pid, host, buf)
	_ = answer(Answer{Kind: Exited, Status: reap(pid)})
	return 0
}

func refuse(err error) int {
	_ = answer(Answer{Error: err.Error()}) // the server is gone: so is the need
	return 1
}

// settle makes what is the same for all programs.
func settle(s *Setting) (*launcher, error) {
	if s.Namespaces {
		if err := buildRoot(s); err != nil {
			return nil, err
		}
		if err := syscall.Sethostname([]byte("localhost")); err != nil {
			return nil, failed("name the host", err)
		}
	}
	if s.Network {
		if err := loopbackUp(); err != nil {
			return nil, failed("bring the loopback interface up", err)
		}
	}
	l, err := newLauncher(s)
	if err != nil {
		return nil, err
	}
	// Nobody traces the shim, or reads its memory, whatever users it has. The
	// launcher's change of user has set this anew.
	if err := prctl(prSetDumpable, 0); err != nil {
		return nil, failed("close the shim", err)
	}
	return l, nil
}

// prepare makes the rest of the program's world.
func prepare(s *Setting, o *Order) (listeners []int, err error) {
	if s.Namespaces {
		if err := enterRoot(s, o); err != nil {
			return nil, err
		}
	}
	if s.Network {
		if listeners, err = listenAll(o.Ports); err != nil {
			return nil, err
		}
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

// A launcher is a thread that has no privileges left. The other threads keep
// theirs: the program, which this one starts, cannot reach them.
type launcher struct {
	namespaces bool
	launches   chan func()
}

func newLauncher(s *Setting) (*launcher, error) {
	l := &launcher{namespaces: s.Namespaces, launches: make(chan func())}
	dropped := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked
		dropped <- dropPrivileges(s)
		(<-l.launches)()
		if !s.Namespaces {
			select {} // the program dies with this thread, see fork
		}
	}()
	return l, <-dropped
}

// start starts the program. It is called once.
func (l *launcher) start(o *Order, files []int) (pid int, err error) {
	started := make(chan struct{})
	l.launches <- func() {
		if pid, err = fork(o, files, l.namespaces); err != nil {
			err = &execError{path: o.Path, err: err}
		}
		close(started)
	}
	<-started
	return pid, err
}

func fork(o *Order, files []int, namespaces bool) (int, error) {
	attr := &syscall.ProcAttr{Dir: o.Dir, Env: o.Env, Files: []uintptr{0, uintptr(files[0]), uintptr(files[0])}, Sys: &syscall.SysProcAttr{Setsid: true}}
	for _, f := range files[1:] {
		attr.Files = append(attr.Files, uintptr(f))
	}
	if !namespaces {
		attr.Sys.Pdeathsig = syscall.SIGKILL
	}
	return syscall.ForkExec(o.Path, o.Args, attr)
}

// obey does what the server says, and ends with it.
func obey(s *Setting, o *Order, pid, host int, buf []byte) {
	target := -pid // the program's own group
	if s.Namespaces {
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
