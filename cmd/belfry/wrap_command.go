package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// Exit codes that shells, env and timeout gave a meaning.
const (
	exitTimedOut    = 124
	exitCannotStart = 126
	exitNotFound    = 127
	exitSignal      = 128 // plus the signal's number
)

// groupPoll is how often a process group is looked at that is being ended.
const groupPoll = 20 * time.Millisecond

// An ending is how a command ended.
type ending struct {
	code int
	note string // what the output does not tell; empty when it ended by itself
}

// catchSignals takes the signals that are passed on to the command. Those that
// wrap was started with ignored stay so, for the command too (nohup).
func catchSignals() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 16)
	for _, s := range []os.Signal{
		syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2,
		syscall.SIGPIPE, // not passed on: the command meets a closed pipe itself
	} {
		if !signal.Ignored(s) {
			signal.Notify(c, s)
		}
	}
	return c, func() { signal.Stop(c) }
}

// untilSignal returns a context that ends when wrap is told to stop.
func untilSignal(signals <-chan os.Signal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for {
			select {
			case s := <-signals:
				if s == syscall.SIGINT || s == syscall.SIGTERM {
					cancel()
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, cancel
}

// A process is a command that runs.
type process struct {
	cmd *exec.Cmd
	// group says that it leads a process group of its own, so that everything
	// that it started gets its signals.
	group bool
}

// runCommand runs a command to its end, with wrap's own input and outputs; the
// end of what it prints goes into t.
func runCommand(args []string, t *tail, timeout, killAfter time.Duration, signals <-chan os.Signal) ending {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin = os.Stdin
	// On a terminal a group of its own could not read from it, or be stopped.
	p := &process{cmd: cmd, group: !onTerminal()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: p.group}
	out, err := openOutputs(cmd, t)
	if err != nil {
		return cannotStart(args[0], err)
	}
	err = cmd.Start()
	out.started()
	if err != nil {
		out.wait()
		return cannotStart(args[0], err)
	}
	timedOut := p.await(timeout, killAfter, signals)
	if held := out.wait(); held {
		fmt.Fprintln(os.Stderr, "belfry: the command has ended, and something that it started still holds its output; what that prints from now on is lost. Redirect its output, or give --tail 0")
	}
	e := endingOf(cmd.ProcessState)
	if timedOut {
		return ending{exitTimedOut, fmt.Sprintf("\nbelfry: the command was ended after its time-out of %v\n", timeout)}
	}
	return e
}

func cannotStart(name string, err error) ending {
	code := exitCannotStart
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		code = exitNotFound
	}
	if e, ok := errors.AsType[*exec.Error](err); ok {
		err = e.Err
	} else if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	note := fmt.Sprintf("belfry: %s cannot be started: %v\n", name, err)
	fmt.Fprint(os.Stderr, note)
	return ending{code, note}
}

func endingOf(s *os.ProcessState) ending {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return ending{exitSignal + int(w.Signal()), fmt.Sprintf("\nbelfry: the command was ended by signal %d (%v)\n", w.Signal(), w.Signal())}
	}
	return ending{code: s.ExitCode()}
}

// await waits for the command's end, passes signals on, and ends it when its
// time is over.
func (p *process) await(timeout, killAfter time.Duration, signals <-chan os.Signal) (timedOut bool) {
	done := make(chan struct{})
	go func() {
		_ = p.cmd.Wait() // ProcessState tells it all
		close(done)
	}()
	var limit, kill <-chan time.Time
	if timeout > 0 {
		limit = time.After(timeout)
	}
	for {
		select {
		case s := <-signals:
			p.pass(s)
		case <-limit:
			timedOut = true
			kill = time.After(killAfter)
			p.signal(syscall.SIGTERM)
			p.signal(syscall.SIGCONT) // a stopped process would not see it
		case <-kill:
			p.signal(syscall.SIGKILL)
		case <-done:
			if timedOut && p.group {
				p.endGroup(kill)
			}
			return timedOut
		}
	}
}

// endGroup gives what the command left behind the rest of its time, then kills it.
func (p *process) endGroup(kill <-chan time.Time) {
	tick := time.NewTicker(groupPoll)
	defer tick.Stop()
	for syscall.Kill(-p.cmd.Process.Pid, 0) == nil {
		select {
		case <-tick.C:
		case <-kill:
			p.signal(syscall.SIGKILL)
			return
		}
	}
}

// pass hands a signal on that wrap got.
func (p *process) pass(s os.Signal) {
	switch s {
	case syscall.SIGPIPE:
		return
	case syscall.SIGINT, syscall.SIGQUIT:
		if !p.group {
			return // the terminal gave it to the command too
		}
	}
	if s, ok := s.(syscall.Signal); ok {
		p.signal(s)
	}
}

// signal sends s to the command, and to all of its group. That it has just
// ended is no error.
func (p *process) signal(s syscall.Signal) {
	if p.group {
		_ = syscall.Kill(-p.cmd.Process.Pid, s)
		return
	}
	_ = p.cmd.Process.Signal(s)
}

// onTerminal says whether somebody sits before the command: cron and systemd
// have no terminal.
func onTerminal() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	tty.Close()
	return true
}
