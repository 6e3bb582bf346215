package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// wrapCmd runs a command and tells a check how it went. Its own exit code is
// the command's, whether or not the check could be told.
type wrapCmd struct {
	Check      string        `env:"BELFRY_CHECK" required:"" placeholder:"URL" help:"Ping URL of the check, such as http://host:7420/ping/UUID or .../ping/KEY/SLUG."`
	Create     bool          `help:"Let the server make the check if there is none with the slug."`
	Timeout    time.Duration `placeholder:"D" help:"End the command after this time and report a failure; the exit code is then 124 (no limit)."`
	KillAfter  time.Duration `default:"10s" placeholder:"D" help:"How long after SIGTERM what is left gets SIGKILL (${default})."`
	Tail       int           `default:"-1" placeholder:"BYTES" help:"How much of the end of the output is sent; 0 is none, and leaves the output alone (what the server keeps)."`
	NoStart    bool          `help:"Do not tell when the command starts, only how it ends."`
	Retries    int           `default:"5" placeholder:"N" help:"How often a ping that fails is tried again (${default})."`
	RetryDelay time.Duration `default:"1s" placeholder:"D" help:"Wait before the first of these tries; it doubles with each (${default})."`

	Command []string `arg:"" passthrough:"partial" help:"The command and its arguments, best after --."`
}

// Limits of what wrap is told.
const (
	maxRetries = 20
	// maxTail bounds what is kept of the output, and sent, in bytes.
	maxTail = 1 << 20
	// someTail is kept as long as the server has not said how much it stores,
	// and usualTail sent to one that never says: what Healthchecks stores.
	someTail, usualTail = 100_000, 10_000
)

// exitStatus ends belfry with this code, without a message.
type exitStatus int

func (e exitStatus) Error() string { return "exit status " + strconv.Itoa(int(e)) }

// Validate refuses what makes no sense; kong calls it.
func (c *wrapCmd) Validate() error {
	switch {
	case c.Timeout < 0:
		return fmt.Errorf("--timeout is %v, want a time such as 30m, or none", c.Timeout)
	case c.KillAfter < 0:
		return fmt.Errorf("--kill-after is %v, want 0s or more", c.KillAfter)
	case c.Tail < -1 || c.Tail > maxTail:
		return fmt.Errorf("--tail is %d, want 0 to %d", c.Tail, maxTail)
	case c.Retries < 0 || c.Retries > maxRetries:
		return fmt.Errorf("--retries is %d, want 0 to %d", c.Retries, maxRetries)
	case c.RetryDelay < 0 || c.RetryDelay > time.Minute:
		return fmt.Errorf("--retry-delay is %v, want 0s to 1m", c.RetryDelay)
	}
	if len(c.Command) > 0 && c.Command[0] == "--" {
		c.Command = c.Command[1:]
	}
	if len(c.Command) == 0 || c.Command[0] == "" {
		return errors.New("no command is given; it stands after --, as in belfry wrap --check URL -- backup.sh --full")
	}
	return nil
}

func (c *wrapCmd) Run() error {
	base, err := pingURL(c.Check)
	if err != nil {
		return wrongUse{err}
	}
	p := newPinger(base, c.Create, c.Retries, c.RetryDelay)
	signals, stop := catchSignals()
	defer stop()

	// The command does not wait for the server: a backup must not begin late, or
	// never, because nobody could be told.
	running, ended := context.WithCancel(context.Background())
	defer ended()
	var telling sync.WaitGroup
	if !c.NoStart {
		telling.Go(func() { complain(p.ping(running, "start", nil)) })
	}
	t := newTail(c.kept())
	e := runCommand(c.Command, t, c.Timeout, c.KillAfter, signals)
	ended()
	telling.Wait() // a start that arrived after the end would count as a new run

	finish, cancel := untilSignal(signals)
	defer cancel()
	complain(p.ping(finish, strconv.Itoa(e.code), t.body(e.note, c.sent(p.bodyLimit))))
	if e.code != 0 {
		return exitStatus(e.code)
	}
	return nil
}

// kept is how much of the output is remembered, in bytes.
func (c *wrapCmd) kept() int {
	if c.Tail < 0 {
		return someTail
	}
	return c.Tail
}

// sent is how long a ping's body may be. A server stores the beginning of a
// body that is longer than its limit, and 0 is a server that did not tell.
func (c *wrapCmd) sent(limit int) int {
	switch {
	case c.Tail < 0 && limit == 0:
		return usualTail
	case c.Tail < 0:
		return min(limit, someTail)
	case limit == 0:
		return max(c.Tail, noteRoom)
	}
	return min(limit, max(c.Tail, noteRoom))
}

// complain tells people of a ping that did not arrive. It changes nothing else.
func complain(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "belfry: %v\n", err)
	}
}

// pingURL checks the URL that a check is told under.
func pingURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || strings.Trim(u.Path, "/") == "" {
		return nil, fmt.Errorf("--check is %q, want the ping URL of a check, such as http://127.0.0.1:7420/ping/UUID", s)
	}
	if u.Fragment != "" {
		return nil, fmt.Errorf("--check is %q: a ping URL has no part after #", s)
	}
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), ""
	switch last := path.Base(u.Path); last {
	case "start", "fail", "log":
		return nil, fmt.Errorf("--check ends in /%s: give the check's own URL, wrap adds what happened", last)
	}
	return u, nil
}
