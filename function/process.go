package function

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"

	"github.com/belfry-run/belfry/function/sandbox"
)

// A process is what an instance runs in: with all that it starts, isolated or not.
type process interface {
	// wait waits until it has ended, and everything that it started. It is
	// called once.
	wait() exit
	kill()
	freeze()
	thaw()
	// status is /proc/PID/status; nil: no figures. It is good until wait returns.
	status() *os.File
}

// An exit is how a process ended.
type exit struct {
	ok          bool   // with status 0
	text        string // exit status 1, signal: killed, ...
	outOfMemory bool   // the kernel ended it at its limit
}

// A launch is what a process is started with.
type launch struct {
	view
	argv   []string
	env    map[string]string
	dir    string      // that the process starts in
	assign *assignment // for a bootstrap that is told the rest; nil: none
	files  []*os.File  // from descriptor 3 on
	banner string      // of the runtime, for the log
}

// exec starts the process of an instance with its output in a pipe.
func (h *Host) exec(ctx context.Context, in *instance, l *launch) error {
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC); err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	w := os.NewFile(uintptr(fds[1]), "output")
	defer w.Close()                       // the process has its own
	_ = syscall.SetNonblock(fds[0], true) // cannot fail on a pipe just made
	r := os.NewFile(uintptr(fds[0]), "output")
	start := h.execBare
	if h.isolation.Level != sandbox.None {
		start = h.execIsolated
	}
	p, err := start(ctx, in, l, w)
	if err != nil {
		r.Close() // nothing was written
		return err
	}
	in.process, in.status = p, p.status()
	in.logs = newCapture(r)
	go func() {
		defer close(in.exited)
		in.exit = p.wait()
	}()
	return nil
}

// execIsolated starts the process in a sandbox, and serves what it listens on there.
func (h *Host) execIsolated(ctx context.Context, in *instance, l *launch, output *os.File) (process, error) {
	spec := &sandbox.Spec{
		Path: l.argv[0], Args: l.argv, Env: environList(l.env), Dir: l.dir, Output: output, Files: l.files, Mounts: l.mounts,
		Memory: in.fn.Memory, Storage: in.fn.Storage, Processes: h.cfg.Processes, HostNetwork: !l.private,
	}
	for _, s := range l.services {
		spec.Ports = append(spec.Ports, s.port)
	}
	p, err := h.box.Start(ctx, spec)
	if own, ok := errors.AsType[*sandbox.ExecError](err); ok && isProvided(in.fn.Runtime) {
		return nil, &startError{err: own}
	}
	if err != nil {
		return nil, fmt.Errorf("start an isolated %s: %w", l.argv[0], err)
	}
	for i, s := range l.services {
		in.services = append(in.services, s.serve(p.Listeners[i]))
	}
	return isolated{p, h}, nil
}

type isolated struct {
	*sandbox.Process
	host *Host
}

func (p isolated) wait() exit {
	e := p.Wait()
	return exit{ok: e.Status == 0, text: describe(e.Status), outOfMemory: e.OutOfMemory}
}

func (p isolated) kill()            { p.Kill() }
func (p isolated) status() *os.File { return p.Status }

func (p isolated) freeze() {
	if err := p.Freeze(); err != nil {
		p.host.log.Debug("an idle instance could not be frozen", "pid", p.PID, "err", err)
	}
}

// A process that cannot be thawed has ended, or does not answer and times out.
func (p isolated) thaw() {
	if err := p.Thaw(); err != nil {
		p.host.log.Debug("an instance could not be thawed", "pid", p.PID, "err", err)
	}
}

// describe words a wait status as package os does.
func describe(s syscall.WaitStatus) string {
	if s.Signaled() {
		return "signal: " + s.Signal().String()
	}
	return "exit status " + strconv.Itoa(s.ExitStatus())
}

// execBare starts the process as the server's user.
func (h *Host) execBare(_ context.Context, in *instance, l *launch, output *os.File) (process, error) {
	cmd := &exec.Cmd{Path: l.argv[0], Args: l.argv, Dir: l.dir, Env: environList(l.env), Stdout: output, Stderr: output, ExtraFiles: l.files}
	if err := h.spawner.start(cmd); err != nil {
		if isProvided(in.fn.Runtime) {
			return nil, &startError{err: err}
		}
		return nil, fmt.Errorf("start %s: %w", l.argv[0], err)
	}
	p := &bare{cmd: cmd, pid: cmd.Process.Pid}
	p.file, _ = os.Open("/proc/" + strconv.Itoa(p.pid) + "/status") // nil: no figure
	return p, nil
}

// bare is a process without isolation: it and its process group. It is not
// frozen.
type bare struct {
	cmd  *exec.Cmd
	pid  int
	file *os.File

	mu     sync.Mutex // guards waited
	waited bool       // the process's number may be somebody else's now
}

func (p *bare) wait() exit {
	waitExit(p.pid)
	p.mu.Lock()
	defer p.mu.Unlock()
	killGroup(p.pid) // what it started ends with it
	_ = p.cmd.Wait() // its exit status is in the state
	p.waited = true
	if p.file != nil {
		p.file.Close() // only read from
	}
	return exit{ok: p.cmd.ProcessState.Success(), text: p.cmd.ProcessState.String()}
}

func (p *bare) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.waited {
		killGroup(p.pid)
	}
}

func (p *bare) freeze()          {}
func (p *bare) thaw()            {}
func (p *bare) status() *os.File { return p.file }

// A service is what the host serves on a port of an instance's own network.
type service struct {
	port  int
	serve func(net.Listener) (stop func())
}
