package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const functionsPath = "/2015-03-31/functions/"

// A configuration is a function as Lambda shows it.
type configuration struct {
	FunctionArn, Runtime, Handler, Description, Role, CodeSha256 string
	State, StateReason, LastUpdateStatus, LastUpdateStatusReason string
	Timeout, MemorySize                                          int
	EphemeralStorage                                             struct{ Size int }
	Environment                                                  struct{ Variables map[string]string }
	Layers                                                       []struct{ Arn string }
	DeadLetterConfig                                             struct{ TargetArn string }
	Architectures                                                []string
}

// function creates or updates the function, waits until it is active and returns
// its ARN.
func (d *Deployment) function(ctx context.Context) (arn string, err error) {
	p := d.Package
	have, err := d.configuration(ctx)
	switch {
	case isStatus(err, http.StatusNotFound):
		return d.create(ctx)
	case err != nil:
		return "", err
	}
	settings, changes := d.settings(have)
	if len(changes) > 0 {
		if err := d.change(ctx, request{service: "lambda", method: "PUT", path: functionsPath + p.Name + "/configuration", in: settings}, nil); err != nil {
			return "", err
		}
		if err := d.active(ctx); err != nil {
			return "", err
		}
	}
	architecture := p.Architecture != "" && !slices.Equal(have.Architectures, []string{p.Architecture})
	if architecture {
		changes = append(changes, "architecture")
	}
	if architecture || have.CodeSha256 != p.Code.SHA256 {
		in := map[string]any{"ZipFile": p.Code.Zip}
		if p.Architecture != "" {
			in["Architectures"] = []string{p.Architecture}
		}
		if err := d.change(ctx, request{service: "lambda", method: "PUT", path: functionsPath + p.Name + "/code", in: in, upload: true}, nil); err != nil {
			if len(changes) > 0 {
				err = fmt.Errorf("its settings are the new ones already, its code is not: %w", err)
			}
			return "", err
		}
		changes = append(changes, "code")
		if err := d.active(ctx); err != nil {
			return "", err
		}
	}
	once, err := d.setOncePer(ctx, "/belfry/v1/functions/"+p.Name+"/settings", p.OncePer)
	if err != nil {
		return "", fmt.Errorf("code and settings are the new ones already, once_per is not: %w", err)
	}
	if once {
		changes = append(changes, "once_per")
	}
	if len(changes) == 0 {
		d.did("function", p.Name, Unchanged)
	} else {
		d.did("function", p.Name, Updated, changes...)
	}
	return have.FunctionArn, nil
}

func (d *Deployment) create(ctx context.Context) (arn string, err error) {
	p := d.Package
	in, _ := d.settings(&configuration{Runtime: p.runtime("")})
	in["FunctionName"], in["Code"] = p.Name, map[string]any{"ZipFile": p.Code.Zip}
	in["Runtime"], in["Handler"] = p.runtime(""), p.Handler
	if in["Runtime"] == "" {
		return "", errors.New("what runs it is not known: name it with --runtime, or with runtime in " + ManifestName)
	}
	if p.Role == "" {
		in["Role"] = d.roleARN("belfry")
	}
	if p.Architecture != "" {
		in["Architectures"] = []string{p.Architecture}
	}
	made := configuration{FunctionArn: "arn:aws:lambda:" + d.Region + ":" + d.Account + ":function:" + p.Name}
	if err := d.change(ctx, request{service: "lambda", method: "POST", path: strings.TrimSuffix(functionsPath, "/"), in: in, upload: true}, &made); err != nil {
		return "", err
	}
	if err := d.active(ctx); err != nil {
		return "", err
	}
	if _, err := d.setOncePer(ctx, "/belfry/v1/functions/"+p.Name+"/settings", p.OncePer); err != nil {
		return "", fmt.Errorf("it is created, and once_per is not set: %w", err)
	}
	d.did("function", p.Name, Created)
	return made.FunctionArn, nil
}

func (d *Deployment) configuration(ctx context.Context) (*configuration, error) {
	var got struct{ Configuration configuration }
	err := d.Client.do(ctx, request{service: "lambda", method: "GET", path: functionsPath + d.Package.Name}, &got)
	return &got.Configuration, err
}

// active waits until the function takes invocations with what was changed last.
func (d *Deployment) active(ctx context.Context) error {
	if d.DryRun {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, activeTime, errNotActive)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := d.configuration(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return err
		case c.State == "Failed":
			return fmt.Errorf("it cannot be used: %s", c.StateReason)
		case c.LastUpdateStatus == "Failed":
			return fmt.Errorf("the update failed: %s", c.LastUpdateStatusReason)
		case c.State != "Pending" && c.LastUpdateStatus != "InProgress":
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// settings returns the members of an UpdateFunctionConfiguration that makes the
// function what the package says, and the fields that are different from have.
// What the package does not name is not in it.
func (d *Deployment) settings(have *configuration) (in map[string]any, changes []string) {
	p := d.Package
	in = map[string]any{}
	set := func(field, member string, value any, differs bool) {
		if differs {
			in[member], changes = value, append(changes, field)
		}
	}
	runtime := p.runtime(have.Runtime)
	set("runtime", "Runtime", runtime, runtime != have.Runtime)
	set("handler", "Handler", p.Handler, p.Handler != have.Handler)
	set("description", "Description", p.Description, p.Description != "" && p.Description != have.Description)
	set("role", "Role", d.roleARN(p.Role), p.Role != "" && d.roleARN(p.Role) != have.Role)
	set("timeout", "Timeout", p.Timeout, p.Timeout != 0 && p.Timeout != have.Timeout)
	set("memory", "MemorySize", p.Memory, p.Memory != 0 && p.Memory != have.MemorySize)
	set("storage", "EphemeralStorage", map[string]int{"Size": p.Storage}, p.Storage != 0 && p.Storage != have.EphemeralStorage.Size)
	queue := d.queueARN(p.DeadLetter)
	set("dead_letter", "DeadLetterConfig", map[string]string{"TargetArn": queue}, queue != "" && queue != have.DeadLetterConfig.TargetArn)
	if p.Environment != nil {
		env := map[string]string{}
		for k, v := range p.Environment {
			env[k] = *v
		}
		set("environment", "Environment", map[string]any{"Variables": env}, !maps.Equal(env, have.Environment.Variables))
	}
	if p.Layers != nil {
		var layers []string
		for _, l := range have.Layers {
			layers = append(layers, l.Arn)
		}
		set("layers", "Layers", p.Layers, !slices.Equal(p.Layers, layers))
	}
	return in, changes
}

// runtime is the one that is named, else the function's own if it runs the same
// code, else the newest of those that do.
func (p *Package) runtime(have string) string {
	switch {
	case p.Runtime != "":
		return p.Runtime
	case have != "" && strings.HasPrefix(have, p.family.prefix):
		return have
	}
	return p.family.newest
}
