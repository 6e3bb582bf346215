package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belfry-run/belfry/function/sandbox/shim"
)

// A Spec says what program to start.
type Spec struct {
	Path    string   // within the sandbox
	Args    []string // with the program's name first
	Env     []string
	Dir     string     // within the sandbox
	Output  *os.File   // for standard output and error; nil: nobody gets it
	Files   []*os.File // that the program gets, from descriptor 3 on
	Mounts  []Mount    // shown beside the system's own folders; nothing at [UID]
	Memory  int        // MB
	Storage int        // MB of /tmp, which is memory too; nothing at [UID]
	Places  []string   // empty folders, for what Assign shows; refused at [UID]
	// Processes and threads at once.
	Processes int
	// HostNetwork leaves the program in the host's network.
	HostNetwork bool
	Ports       []int // of 127.0.0.1 in the program's own network; see Process.Listeners
}

// A Mount shows a file or folder of the host in the sandbox, read-only.
type Mount = shim.Mount

// An ExecError says that the program of a Spec cannot be started, the sandbox
// being well.
type ExecError struct{ Message string }

func (e *ExecError) Error() string { return e.Message }

// A Process is a program in its sandbox. It is safe for concurrent use, save Wait.
type Process struct {
	PID    int      // of the sandbox's first process, on the host
	Status *os.File // the program's /proc/PID/status; nil: it has ended at once
	// Listeners are those of the spec's ports: what connects to them in the
	// sandbox is accepted here. Whoever started the process closes them.
	Listeners []net.Listener

	cmd     *exec.Cmd
	control *net.UnixConn
	group   group
	user    int
	box     *Sandbox
	host    string // what of the host has changed when it was put together; see hostFolders

	setting  *shim.Setting
	programs []*shim.Program // that the shim was sent, the last one it works on
	order    *shim.Order
	pid      int // of the program at UID; 0: it has a namespace of its own

	memory   int                // MB, as in the spec
	places   bool               // it can be assigned
	assigned chan error         // what the shim made of the assignment
	ended    chan struct{}      // closed when the shim has nothing more to say
	status   syscall.WaitStatus // of the program, from then on

	mu     sync.Mutex // guards waited, and programs once it has started
	waited bool       // the process's number may be somebody else's now
}

// An Exit is how a program ended.
type Exit struct {
	Status      syscall.WaitStatus
	OutOfMemory bool // the kernel ended it, or something it started, at its limit
}

// startTime bounds how long a sandbox may take to come up.
const startTime = 30 * time.Second

// Start starts a program. The error is an *ExecError when only the program is
// to blame.
func (s *Sandbox) Start(ctx context.Context, spec *Spec) (_ *Process, err error) {
	if len(spec.Places) > 0 && !s.namespaces {
		return nil, errors.New("programs that see the host's files cannot be shown others later")
	}
	output := spec.Output
	if output == nil {
		if output, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
			return nil, fmt.Errorf("open what swallows the output: %w", err)
		}
		defer output.Close() // the process has its own
	}
	p, started, err := s.take(!spec.HostNetwork)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.discard()
		}
	}()
	defer started()
	p.places, p.memory = len(spec.Places) > 0, spec.Memory
	if err := p.group.limit(s.limits(spec.Memory, spec.Storage, spec.Processes)); err != nil {
		return nil, err
	}
	deadline := time.Now().Add(startTime)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := p.control.SetDeadline(deadline); err != nil {
		return nil, fmt.Errorf("set the control socket's deadline: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = p.control.SetDeadline(time.Now()) }) // closed already: it is over
	defer stop()
	if err := p.begin(spec, append([]*os.File{output}, spec.Files...)); err != nil {
		return nil, err
	}
	if err := p.control.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("set the control socket's deadline: %w", err)
	}
	go p.listen() // Wait waits for it
	return p, nil
}

// prepare starts a shim, which settles in and then waits for its order.
func (s *Sandbox) prepare(network bool) (_ *Process, err error) {
	p := &Process{
		box: s, assigned: make(chan error, 1), ended: make(chan struct{}),
		status: syscall.WaitStatus(syscall.SIGKILL), // when the shim cannot say
	}
	if s.users {
		p.user = s.takeUser()
	}
	defer func() {
		if err != nil {
			p.discard()
		}
	}()
	p.setting = &shim.Setting{Namespaces: s.namespaces, Network: s.namespaces && network, Root: s.root, User: p.user, Own: os.Geteuid()}
	if s.userNamespace {
		p.setting.Own = insideUser
	}
	setting, err := p.setting.Program()
	if err != nil {
		return nil, err
	}
	p.programs = []*shim.Program{setting}
	if p.group, err = s.cgroups.make(s.nextName()); err != nil {
		return nil, err
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket pair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "control"), os.NewFile(uintptr(fds[1]), "control")
	defer ours.Close()   // the connection has its own
	defer theirs.Close() // the process has its own
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, fmt.Errorf("open the control socket: %w", err)
	}
	p.control = conn.(*net.UnixConn) //nolint:forcetypeassert // it was made above
	p.cmd = s.command(network, theirs)
	if err := s.spawn(p.cmd); err != nil {
		return nil, fmt.Errorf("start a sandbox: %w", err)
	}
	p.PID = p.cmd.Process.Pid
	if err := p.group.add(p.PID); err != nil {
		return nil, err
	}
	if _, err := p.control.Write(setting.Message); err != nil {
		return nil, fmt.Errorf("tell a sandbox what it is to be: %w", err)
	}
	return p, nil
}

// command is the shim of a sandbox.
func (s *Sandbox) command(network bool, control *os.File) *exec.Cmd {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if s.namespaces {
		attr.Cloneflags = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS
		if network {
			attr.Cloneflags |= unix.CLONE_NEWNET
		}
	}
	if s.userNamespace {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: insideUser, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: insideUser, HostID: os.Getegid(), Size: 1}}
		// Without them the shim would lose at its start what it has in its namespace.
		attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT, unix.CAP_NET_ADMIN, unix.CAP_SETPCAP}
	}
	return &exec.Cmd{
		Path: "/proc/self/fd/" + strconv.Itoa(int(s.shim.Fd())), Args: []string{shim.Name}, Dir: "/", Env: s.mark,
		ExtraFiles: []*os.File{control}, SysProcAttr: attr,
	}
}

// begin sends the order, with the program's output and its other files, and
// takes what the shim answers.
func (p *Process) begin(spec *Spec, files []*os.File) error {
	p.order = &shim.Order{
		Path: spec.Path, Args: spec.Args, Env: spec.Env, Dir: spec.Dir, Files: len(spec.Files), Mounts: spec.Mounts, Places: spec.Places,
		Storage: spec.Storage, Processes: spec.Processes, Ports: spec.Ports, Filter: callFilter(),
	}
	if !p.setting.Network {
		p.order.Ports = nil
	}
	order, err := p.order.Program(p.setting)
	if err != nil {
		return err
	}
	p.programs = append(p.programs, order)
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	_, _, err = p.control.WriteMsgUnix(order.Message, unix.UnixRights(fds...), nil)
	runtime.KeepAlive(files)
	if err != nil {
		return fmt.Errorf("order a sandbox: %w", err)
	}
	buf, rights := make([]byte, 4096), make([]byte, unix.CmsgSpace(4*(len(spec.Ports)+1)))
	n, rn, _, _, err := p.control.ReadMsgUnix(buf, rights)
	if err == nil && n == 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("wait for a sandbox: %w", err)
	}
	got := descriptors(rights[:rn])
	a, err := shim.DecodeAnswer(buf[:n], p.programs...)
	switch {
	case err != nil:
		return err
	case a.Exec:
		return &ExecError{Message: a.Err.Error()}
	case a.Err != nil:
		return a.Err
	case p.setting.Namespaces:
		return p.take(got)
	}
	p.pid = a.PID
	status, err := os.Open("/proc/" + strconv.Itoa(a.PID) + "/status")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it has ended, and the shim has taken note of it
	}
	if err != nil {
		return fmt.Errorf("watch a program: %w", err)
	}
	return p.take([]*os.File{status})
}

// descriptors are those that came with a message.
func descriptors(rights []byte) (files []*os.File) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "sandbox"))
		}
	}
	return files
}

// take takes what came with an answer: listeners, then the status.
func (p *Process) take(files []*os.File) error {
	if len(files) != len(p.order.Ports)+1 {
		return errors.New("a sandbox did not send the descriptors that it should")
	}
	last := len(files) - 1
	p.Status = files[last]
	for _, f := range files[:last] {
		l, err := net.FileListener(f)
		f.Close() // the listener has its own
		if err != nil {
			return fmt.Errorf("take a sandbox's listener: %w", err)
		}
		p.Listeners = append(p.Listeners, l)
	}
	return nil
}

// Wait waits until the program has ended, and everything that it started with
// it. It must be called once.
func (p *Process) Wait() Exit {
	<-p.ended
	p.end()
	exit := Exit{Status: p.status, OutOfMemory: p.group.outOfMemory()}
	p.discard()
	return exit
}

// listen takes what the shim says until it has ended.
func (p *Process) listen() {
	defer close(p.ended)
	buf := make([]byte, 4096)
	for {
		n, err := p.control.Read(buf)
		if err != nil || n == 0 {
			return
		}
		switch a, err := shim.DecodeAnswer(buf[:n], p.sent()...); {
		case err != nil: // cannot be
		case a.Kind == shim.Assigned || a.Kind == shim.Unassigned:
			p.assigned <- a.Err // there is room: it is said once
		case a.Kind == shim.Exited:
			p.status = a.Status
		}
	}
}

// end waits for the shim, and kills what it has left behind.
func (p *Process) end() {
	p.Kill()
	waitExit(p.PID)
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.cmd.Wait() // its status matters to nobody
	p.waited = true
}

// waitExit returns when the process has exited, and leaves it to be waited for.
func waitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// discard lets go of what belongs to the process, which has ended or never was.
func (p *Process) discard() {
	if p.cmd != nil && p.cmd.Process != nil && !p.hasEnded() {
		p.end()
	}
	if p.user != 0 && !p.box.namespaces {
		killUser(p.user)
	}
	p.group.kill()
	p.group.remove()
	if p.control != nil {
		p.control.Close() //nolint:errcheck // there is nobody at its other end
	}
	if p.Status != nil {
		p.Status.Close() // only read from
	}
	if p.user != 0 {
		p.box.giveUser(p.user)
	}
}

// killUser ends the processes of a user that only a program of ours has had.
func killUser(user int) {
	for again := true; again; {
		again = false
		folders, _ := filepath.Glob("/proc/[0-9]*") // the pattern is right
		for _, dir := range folders {
			var stat unix.Stat_t
			if unix.Stat(dir, &stat) != nil || int(stat.Uid) != user {
				continue
			}
			if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil && unix.Kill(pid, unix.SIGKILL) == nil {
				again = running(dir) // it may have started another one before
			}
		}
	}
}

// running says whether the process of a folder of /proc is more than a zombie.
func running(dir string) bool {
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return false
	}
	i := bytes.LastIndex(stat, []byte(") "))
	return i >= 0 && stat[i+2] != 'Z' && stat[i+2] != 'X'
}

func (p *Process) hasEnded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waited
}

// waits says whether the shim is still there to take an order.
func (p *Process) waits() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, p.PID, &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
	return err == nil && info.Signo == 0
}

// Kill ends the program and all that it has started, frozen or not.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waited {
		return
	}
	if !p.box.namespaces {
		p.group.kill()
	}
	// With the first process of a namespace go all others.
	_ = unix.Kill(-p.PID, unix.SIGKILL) // it is gone already
}

// Freeze lets nothing of the program run until Thaw.
func (p *Process) Freeze() error { return p.frozen(true, unix.SIGSTOP) }

// Thaw ends Freeze.
func (p *Process) Thaw() error { return p.frozen(false, unix.SIGCONT) }

func (p *Process) frozen(on bool, signal unix.Signal) error {
	if p.group.freezer != "" {
		return p.group.freeze(on)
	}
	program, err := shim.Signal(p.pid, signal)
	if err != nil {
		return err
	}
	_, err = p.control.Write(program.Message)
	return err
}

// send has the shim carry out a program, which may be refused.
func (p *Process) send(program *shim.Program) error {
	p.mu.Lock()
	p.programs = append(p.programs[:1:1], program)
	p.mu.Unlock()
	_, err := p.control.Write(program.Message)
	return err
}

func (p *Process) sent() []*shim.Program {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.programs
}
