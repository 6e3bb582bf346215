package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/belfry-run/belfry/app"
	"github.com/belfry-run/belfry/deploy"
)

type deployCmd struct {
	Dir          string   `arg:"" default:"." help:"Folder with the function's code, and with or without a belfry.json that says how it is deployed (.)."`
	Name         string   `placeholder:"NAME" help:"Name of the function (that of the folder)."`
	Runtime      string   `placeholder:"RUNTIME" help:"Such as python3.12 (seen from the files)."`
	Handler      string   `placeholder:"HANDLER" help:"Such as handler.handler, FILE.FUNCTION (seen from the files)."`
	Description  string   `placeholder:"TEXT" help:"What the function is for."`
	Timeout      int      `placeholder:"SECONDS" help:"How long an invocation may take, 1 to 900 (a new function: 3)."`
	Memory       int      `placeholder:"MB" help:"128 to 10240 (a new function: 128)."`
	Storage      int      `placeholder:"MB" help:"Size of /tmp, 512 to 10240 (a new function: 512)."`
	Architecture string   `placeholder:"ARCH" help:"x86_64 or arm64 (a new function: x86_64)."`
	Role         string   `placeholder:"ROLE" help:"Name or ARN of the role that the function runs as (a new function: belfry)."`
	Env          []string `placeholder:"NAME=VALUE" sep:"none" help:"A variable of the function, beside those of belfry.json; NAME alone takes the value from your environment. May be given again."`
	Layer        []string `placeholder:"ARN" help:"A layer, by the ARN of its version. May be given again."`
	DryRun       bool     `help:"Say what would be zipped and changed, and change nothing."`
	Prune        bool     `help:"Delete the schedules that run the function and that belfry.json does not have."`
	JSON         bool     `help:"Print JSON."`
	server
}

// Run deploys the folder. What there is to see on the way goes to standard error,
// so that standard output ends with the function's ARN.
func (c *deployCmd) Run(out output) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	m, err := deploy.ReadManifest(c.Dir)
	if err != nil {
		return err
	}
	if err := c.override(m); err != nil {
		return wrongUse{err}
	}
	p, err := deploy.Prepare(ctx, c.Dir, m, os.LookupEnv, c.local())
	if err != nil {
		return err
	}
	account := devAccount
	if os.Getenv("AWS_ACCESS_KEY_ID") != "" {
		if account, err = (&scheduleServer{server: c.server}).account(); err != nil {
			return err
		}
	}
	show := newProgress(os.Stderr)
	for _, w := range p.Warnings {
		show.line("warning: " + w)
	}
	show.line(c.zipped(p))
	d := &deploy.Deployment{
		Client: &deploy.Client{
			Endpoint: strings.TrimSuffix(c.Endpoint, "/"), HTTP: http.DefaultClient, Sign: c.sign, Sending: show.sending,
		},
		Account: account, Region: c.Region, Package: p, DryRun: c.DryRun, Prune: c.Prune,
		Done: func(s deploy.Step) { show.line(c.told(s)) },
	}
	result, err := d.Apply(ctx)
	show.end()
	if err != nil {
		return c.failed(err)
	}
	return c.print(out, p, result)
}

// override writes what flags say over what belfry.json says.
func (c *deployCmd) override(m *deploy.Manifest) error {
	m.Name = cmp.Or(c.Name, m.Name)
	m.Runtime = cmp.Or(c.Runtime, m.Runtime)
	m.Handler = cmp.Or(c.Handler, m.Handler)
	m.Description = cmp.Or(c.Description, m.Description)
	m.Timeout = cmp.Or(c.Timeout, m.Timeout)
	m.Memory = cmp.Or(c.Memory, m.Memory)
	m.Storage = cmp.Or(c.Storage, m.Storage)
	m.Architecture = cmp.Or(c.Architecture, m.Architecture)
	m.Role = cmp.Or(c.Role, m.Role)
	if len(c.Layer) > 0 {
		m.Layers = c.Layer
	}
	for _, variable := range c.Env {
		name, value, given := strings.Cut(variable, "=")
		if name == "" {
			return fmt.Errorf("--env %s: want NAME=VALUE, or NAME", variable)
		}
		if m.Environment == nil {
			m.Environment = map[string]*string{}
		}
		m.Environment[name] = nil // it is looked up
		if given {
			m.Environment[name] = &value
		}
	}
	return nil
}

// local says whether the server runs on this machine.
func (c *deployCmd) local() bool {
	u, err := url.Parse(c.Endpoint)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// sign signs with the access key of the environment; without one in form only,
// which names the region and is enough for serve --dev.
func (c *deployCmd) sign(r *http.Request, body []byte, service string) error {
	key, secret := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
	if key == "" && secret == "" {
		key, secret = "dev", "dev"
	}
	if err := app.SignFor(service, r, body, key, secret, os.Getenv("AWS_SESSION_TOKEN"), c.Region); err != nil {
		return wrongUse{err}
	}
	return nil
}

// failed says what to do about an error, where that is known.
func (c *deployCmd) failed(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("%w\n%w", c.unreachable(e), err)
	}
	if e, ok := errors.AsType[*deploy.Refusal](err); ok && e.Status == http.StatusForbidden && os.Getenv("AWS_ACCESS_KEY_ID") == "" {
		return fmt.Errorf("%w. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to an access key of the server", err)
	}
	return err
}

func (c *deployCmd) zipped(p *deploy.Package) string {
	files := "1 file"
	if n := len(p.Code.Files); n != 1 {
		files = fmt.Sprintf("%d files", n)
	}
	return fmt.Sprintf("zipped %s, %s, as %s", files, deploy.Bytes(p.Code.Size()), deploy.Bytes(int64(len(p.Code.Zip))))
}

// told is a step for people.
func (c *deployCmd) told(s deploy.Step) string {
	action := string(s.Action)
	if c.DryRun && s.Action != deploy.Unchanged {
		action = "would be " + action
	}
	if len(s.Changes) > 0 {
		action += ": " + strings.Join(s.Changes, ", ")
	}
	return fmt.Sprintf("%-8s  %s  %s", s.Kind, s.Name, action)
}

func (c *deployCmd) print(out output, p *deploy.Package, r *deploy.Result) error {
	if c.JSON {
		return printJSON(out, map[string]any{
			"function_arn": r.FunctionARN, "unchanged": r.Unchanged, "dry_run": c.DryRun, "steps": r.Steps,
			"code": map[string]any{"files": p.Code.Files, "size": p.Code.Size(), "zip_size": len(p.Code.Zip), "sha256": p.Code.SHA256},
		})
	}
	if c.DryRun {
		for _, f := range p.Code.Files {
			if _, err := fmt.Fprintf(out, "%10s  %s\n", deploy.Bytes(f.Size), f.Name); err != nil {
				return err
			}
		}
	}
	if r.Unchanged {
		if _, err := fmt.Fprintln(out, "unchanged"); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(out, r.FunctionARN)
	return err
}
