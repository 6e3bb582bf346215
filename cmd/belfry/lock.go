package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

type lockCmd struct {
	Key     string        `arg:"" help:"Name of the lock, the same on all machines."`
	Command []string      `arg:"" passthrough:"" help:"The command and its arguments, after --."`
	TTL     time.Duration `default:"10m" placeholder:"TIME" help:"How long the lock outlives this process if it dies; while it lives the lock is renewed (${default}, 1s to 24h)."`
	Owner   string        `placeholder:"NAME" help:"Who is named to others that want the lock (HOST:PID)."`
	server
}

// renewals is how often a lock is renewed within its time to live, so that two
// that fail in a row do no harm.
const renewals = 3

// A heldLock is a lock as the native API shows it.
type heldLock struct {
	Key   string `json:"key"`
	Token int64  `json:"token"`
}

// Run runs the command while it holds the lock and ends as the command does;
// with exitHeld, without running it, when somebody else holds the lock. When
// the lock is lost on the way, the command is asked to end.
func (c *lockCmd) Run() error {
	command := c.Command
	if len(command) > 0 && command[0] == "--" {
		command = command[1:]
	}
	if len(command) == 0 {
		return wrongUse{fmt.Errorf("no command is given: belfry lock %s -- COMMAND", c.Key)}
	}
	if c.TTL < time.Second || c.TTL > 24*time.Hour || c.TTL%time.Second != 0 {
		return wrongUse{fmt.Errorf("--ttl is %v, want whole seconds from 1s to 24h", c.TTL)}
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return wrongUse{err}
	}
	asked := time.Now()
	l, err := c.acquire()
	if no := (*refused)(nil); errors.As(err, &no) && no.code == "conflict" {
		fmt.Fprintf(os.Stderr, "belfry: %v\n", err)
		return exitStatus(exitHeld)
	}
	if err != nil {
		return err
	}
	child := exec.Command(path, command[1:]...)
	child.Args[0] = command[0]
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	child.Env = append(os.Environ(), "BELFRY_LOCK_KEY="+l.Key, "BELFRY_LOCK_TOKEN="+strconv.FormatInt(l.Token, 10))
	ended := c.run(child, l, asked.Add(c.TTL))
	if err := c.release(l); err != nil {
		fmt.Fprintf(os.Stderr, "belfry: the lock %s could not be released: %v\n", l.Key, err)
	}
	return ended
}

// run runs the command, passes signals on to it and renews the lock, which
// expires at the given time, until it has ended.
func (c *lockCmd) run(child *exec.Cmd, l *heldLock, expires time.Time) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := child.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	renewal := time.NewTicker(c.TTL / renewals)
	defer renewal.Stop()
	for {
		select {
		case err := <-ended:
			return exitOf(child, err)
		case s := <-signals:
			child.Process.Signal(s) //nolint:errcheck // it has ended meanwhile, and says so next
		case <-renewal.C:
			asked := time.Now()
			err := c.renew(l)
			no := (*refused)(nil)
			switch {
			case err == nil:
				expires = asked.Add(c.TTL)
			case errors.As(err, &no) || !time.Now().Before(expires):
				fmt.Fprintf(os.Stderr, "belfry: the lock %s is lost, the command is asked to end: %v\n", l.Key, err)
				child.Process.Signal(syscall.SIGTERM) //nolint:errcheck // as above
				renewal.Stop()
			default:
				fmt.Fprintf(os.Stderr, "belfry: the lock %s could not be renewed, trying again: %v\n", l.Key, err)
			}
		}
	}
}

// exitOf is the command's exit code; 128 and the signal's number when one ended
// it, as shells say it.
func exitOf(child *exec.Cmd, err error) error {
	if err == nil {
		return nil
	}
	if child.ProcessState == nil {
		return err
	}
	if w, ok := child.ProcessState.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return exitStatus(128 + int(w.Signal()))
	}
	return exitStatus(child.ProcessState.ExitCode())
}

func (c *lockCmd) path() string { return "/belfry/v1/locks/" + url.PathEscape(c.Key) }

func (c *lockCmd) acquire() (*heldLock, error) {
	owner := c.Owner
	if owner == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown"
		}
		owner = fmt.Sprintf("%s:%d", host, os.Getpid())
	}
	body, err := json.Marshal(map[string]any{"owner": owner, "ttl_seconds": c.TTL / time.Second})
	if err != nil {
		return nil, err
	}
	l := &heldLock{}
	return l, c.do(http.MethodPost, c.path(), body, l)
}

func (c *lockCmd) renew(l *heldLock) error {
	body, err := json.Marshal(map[string]any{"token": l.Token, "ttl_seconds": c.TTL / time.Second})
	if err != nil {
		return err
	}
	return c.doWithin(min(c.TTL/renewals, requestTimeout), http.MethodPut, c.path(), body, &heldLock{})
}

func (c *lockCmd) release(l *heldLock) error {
	return c.do(http.MethodDelete, c.path()+"?token="+strconv.FormatInt(l.Token, 10), nil, &heldLock{})
}
