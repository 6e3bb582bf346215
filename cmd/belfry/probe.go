package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

type probeCmd struct {
	HTTP   probeHTTPCmd   `cmd:"" name:"http" help:"Look at a web page again and again."`
	TCP    probeTCPCmd    `cmd:"" name:"tcp" help:"Look again and again whether a port answers."`
	TLS    probeTLSCmd    `cmd:"" name:"tls" help:"Look again and again how long a certificate is good."`
	List   probeListCmd   `cmd:"" help:"List probes and what they saw last."`
	Run    probeRunCmd    `cmd:"" help:"Look now. The exit code is 1 when what was seen is not well."`
	Delete probeDeleteCmd `cmd:"" help:"Delete a probe with its check."`
}

// newProbe is the flags of every probe that is made.
type newProbe struct {
	Name     string        `placeholder:"NAME" help:"What people call it (what it looks at)."`
	Tags     string        `placeholder:"TAGS" help:"Tags, separated by blanks."`
	Interval time.Duration `placeholder:"D" help:"Time between two looks, at least 1m (5m)."`
	Schedule string        `placeholder:"S" help:"In place of an interval, a crontab's five fields or a calendar expression of systemd's."`
	Timezone string        `placeholder:"TZ" help:"Time zone of --schedule (UTC)."`
	Timeout  time.Duration `default:"10s" placeholder:"D" help:"Time that one look may take, at most 60s (${default})."`
	Retries  int           `default:"1" placeholder:"N" help:"Looks after one that failed, before the check goes down (${default})."`
	JSON     bool          `help:"Print JSON."`
	server
}

// make makes a probe of a kind that looks at target.
func (c *newProbe) make(out output, kind, target string, what map[string]any) error {
	if c.Interval%time.Second != 0 || c.Timeout%time.Second != 0 {
		return wrongUse{errors.New("--interval and --timeout are in whole seconds")}
	}
	if c.Name == "" {
		c.Name = shortTarget(target)
	}
	body, err := json.Marshal(map[string]any{
		"name": c.Name, "tags": c.Tags, "interval_seconds": int64(c.Interval.Seconds()), "schedule": c.Schedule, "timezone": c.Timezone,
		"kind": kind, "timeout_seconds": int64(c.Timeout.Seconds()), "retries": c.Retries, kind: what,
	})
	if err != nil {
		return err
	}
	var answer json.RawMessage
	if err := c.do(http.MethodPost, "/belfry/v1/probes", body, &answer); err != nil {
		return err
	}
	return printProbe(out, answer, c.JSON, "The probe %[1]s (%[2]s) looks from now on.\n")
}

// maxProbeName is how long a name may be, in characters.
const maxProbeName = 100

// shortTarget makes a name of what is looked at, without what may be secret in
// a URL.
func shortTarget(target string) string {
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		target = u.Host + strings.TrimSuffix(u.Path, "/")
	}
	name := []rune(target)
	return string(name[:min(len(name), maxProbeName)])
}

type probeHTTPCmd struct {
	URL        string            `arg:"" help:"The page."`
	Method     string            `default:"GET" help:"Method of the request (${default})."`
	Header     map[string]string `placeholder:"NAME=VALUE" help:"Header of the request; may be given several times."`
	Body       string            `placeholder:"TEXT" help:"Body of the request."`
	Status     []string          `placeholder:"CODES" help:"Codes that are well, such as 200 or 200-299 (200-299)."`
	Contains   string            `placeholder:"TEXT" help:"Text that the answer must have."`
	Matches    string            `placeholder:"RE" help:"Regular expression that the answer must match."`
	Redirects  int               `default:"5" placeholder:"N" help:"Redirects that are followed (${default})."`
	SkipVerify bool              `help:"Accept any certificate."`
	newProbe
}

func (c *probeHTTPCmd) Run(out output) error {
	return c.make(out, "http", c.URL, map[string]any{
		"url": c.URL, "method": c.Method, "headers": c.Header, "body": c.Body, "status": c.Status, "contains": c.Contains,
		"matches": c.Matches, "redirects": c.Redirects, "skip_verify": c.SkipVerify,
	})
}

type probeTCPCmd struct {
	Address string `arg:"" help:"host:port."`
	Send    string `placeholder:"TEXT" help:"Text that is sent first."`
	Expect  string `placeholder:"TEXT" help:"Text that must come."`
	newProbe
}

func (c *probeTCPCmd) Run(out output) error {
	return c.make(out, "tcp", c.Address, map[string]any{"address": c.Address, "send": c.Send, "expect": c.Expect})
}

type probeTLSCmd struct {
	Address    string `arg:"" help:"host:port."`
	Days       int    `default:"14" placeholder:"N" help:"How long before its end a certificate is not well, in days (${default})."`
	ServerName string `placeholder:"NAME" help:"Name that the certificate must be for (the host)."`
	SkipVerify bool   `help:"Look at the dates alone."`
	newProbe
}

func (c *probeTLSCmd) Run(out output) error {
	return c.make(out, "tls", c.Address, map[string]any{
		"address": c.Address, "days": c.Days, "server_name": c.ServerName, "skip_verify": c.SkipVerify,
	})
}

// A probeItem is a probe of the native API, as far as it is shown.
type probeItem struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Kind     string    `json:"kind"`
	Status   string    `json:"status"`
	NextLook time.Time `json:"next_look"`
	Last     *struct {
		At     time.Time `json:"at"`
		OK     bool      `json:"ok"`
		Detail string    `json:"detail"`
		Took   int64     `json:"took_ms"`
	} `json:"last"`
}

// printProbe prints an answer as it is, or in a sentence about its id and name.
func printProbe(out output, answer json.RawMessage, asJSON bool, sentence string) error {
	if asJSON {
		return printJSON(out, answer)
	}
	var p probeItem
	if err := json.Unmarshal(answer, &p); err != nil {
		return fmt.Errorf("the server's answer: %w", err)
	}
	_, err := fmt.Fprintf(out, sentence, p.ID, p.Name)
	return err
}

type probeListCmd struct {
	JSON bool `help:"Print JSON."`
	server
}

// maxProbes bounds a list; it is what an account may have.
const maxProbes = 1_000_000

func (c *probeListCmd) Run(out output) error {
	if c.JSON {
		items, err := list[any](&c.server, "/belfry/v1/probes", url.Values{}, maxProbes)
		if err != nil {
			return err
		}
		return printJSON(out, map[string]any{"items": items})
	}
	probes, err := list[probeItem](&c.server, "/belfry/v1/probes", url.Values{}, maxProbes)
	if err != nil {
		return err
	}
	tb := newTable("PROBE", "NAME", "KIND", "STATUS", "LOOKED", "TOOK", "SAW")
	for _, p := range probes {
		looked, took, saw := "-", "-", "-"
		if l := p.Last; l != nil {
			looked, took, saw = fromNow(-time.Since(l.At)), short(time.Duration(l.Took)*time.Millisecond), l.Detail
		}
		tb.row(p.ID, p.Name, p.Kind, p.Status, looked, took, saw)
	}
	return tb.print(out)
}

type probeRunCmd struct {
	ID   string `arg:"" help:"The probe's id."`
	JSON bool   `help:"Print JSON."`
	server
}

func (c *probeRunCmd) Run(out output) error {
	var answer json.RawMessage
	if err := c.doWithin(maxLook, http.MethodPost, "/belfry/v1/probes/"+url.PathEscape(c.ID)+"/run", nil, &answer); err != nil {
		return err
	}
	var p probeItem
	if err := json.Unmarshal(answer, &p); err != nil || p.Last == nil {
		return errors.New("the server answered without what the probe saw")
	}
	var err error
	if c.JSON {
		err = printJSON(out, answer)
	} else {
		_, err = fmt.Fprintln(out, p.Last.Detail)
	}
	if err == nil && !p.Last.OK {
		return exitStatus(exitFailed)
	}
	return err
}

type probeDeleteCmd struct {
	ID   string `arg:"" help:"The probe's id."`
	JSON bool   `help:"Print JSON."`
	server
}

func (c *probeDeleteCmd) Run(out output) error {
	var answer json.RawMessage
	if err := c.do(http.MethodDelete, "/belfry/v1/probes/"+url.PathEscape(c.ID), nil, &answer); err != nil {
		return err
	}
	return printProbe(out, answer, c.JSON, "The probe %[1]s (%[2]s) is deleted, with its check.\n")
}
