package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// An Action is what became of a part.
type Action string

// What can become of a part. With a dry run it would.
const (
	Created   Action = "created"
	Updated   Action = "updated"
	Unchanged Action = "unchanged"
	Deleted   Action = "deleted"
)

// A Step is one part of a deployment.
type Step struct {
	Kind    string   `json:"kind"` // queue, function, group, schedule
	Name    string   `json:"name"`
	Action  Action   `json:"action"`
	Changes []string `json:"changes,omitempty"` // the names of what was updated
}

// A Deployment brings one package onto one server.
type Deployment struct {
	Client          *Client
	Account, Region string
	Package         *Package
	DryRun          bool
	Prune           bool       // delete the function's other schedules
	Done            func(Step) // told of each step as it is done

	steps []Step
}

// A Result is what there is after a deployment.
type Result struct {
	FunctionARN string `json:"function_arn"`
	Unchanged   bool   `json:"unchanged"` // all of it was there already
	Steps       []Step `json:"steps"`
}

// Apply makes the server have what the package says: dead-letter queues, the
// function, then its schedules, so that none of them runs what is not there. An
// error says what is there by then, and what is not.
func (d *Deployment) Apply(ctx context.Context) (*Result, error) {
	rest := d.parts()
	arn, err := d.apply(ctx, &rest)
	if err != nil {
		return nil, d.explain(err, rest)
	}
	r := &Result{FunctionARN: arn, Unchanged: true, Steps: d.steps}
	for _, s := range d.steps {
		r.Unchanged = r.Unchanged && s.Action == Unchanged
	}
	return r, nil
}

// parts are the parts of a deployment, in their order.
func (d *Deployment) parts() []string {
	var parts []string
	for _, q := range d.queues() {
		parts = append(parts, "queue "+q)
	}
	parts = append(parts, "function "+d.Package.Name)
	for i := range d.Package.Schedules {
		parts = append(parts, "schedule "+d.Package.Schedules[i].path())
	}
	return parts
}

// apply takes off rest what is done.
func (d *Deployment) apply(ctx context.Context, rest *[]string) (arn string, err error) {
	for _, q := range d.queues() {
		if err := d.queue(ctx, q); err != nil {
			return "", fmt.Errorf("queue %s: %w", q, err)
		}
		*rest = (*rest)[1:]
	}
	if arn, err = d.function(ctx); err != nil {
		return "", fmt.Errorf("function %s: %w", d.Package.Name, err)
	}
	*rest = (*rest)[1:]
	for i := range d.Package.Schedules {
		s := &d.Package.Schedules[i]
		if err := d.group(ctx, s.Group); err != nil {
			return "", fmt.Errorf("schedule group %s: %w", s.Group, err)
		}
		if err := d.schedule(ctx, s, arn); err != nil {
			return "", fmt.Errorf("schedule %s: %w", s.path(), err)
		}
		*rest = (*rest)[1:]
	}
	if d.Prune {
		if err := d.prune(ctx, arn); err != nil {
			return "", fmt.Errorf("deleting schedules that %s does not have: %w", ManifestName, err)
		}
	}
	return arn, nil
}

func (d *Deployment) did(kind, name string, a Action, changes ...string) {
	s := Step{kind, name, a, changes}
	d.steps = append(d.steps, s)
	if d.Done != nil {
		d.Done(s)
	}
}

// explain adds to an error what the server has by now.
func (d *Deployment) explain(err error, rest []string) error {
	if d.DryRun {
		return err
	}
	var done []string
	for _, s := range d.steps {
		if s.Action != Unchanged {
			done = append(done, s.Kind+" "+s.Name+" "+string(s.Action))
		}
	}
	text := "nothing was changed before"
	if len(done) > 0 {
		text = "done before: " + strings.Join(done, ", ")
	}
	if len(rest) > 0 {
		text += "; not deployed: " + strings.Join(rest, ", ")
	}
	return fmt.Errorf("%w (%s)", err, text)
}

// change makes a request that changes something, unless this is a dry run.
func (d *Deployment) change(ctx context.Context, q request, out any) error {
	if d.DryRun {
		return nil
	}
	return d.Client.do(ctx, q, out)
}

// setOncePer sets the once_per at path of the native API, and says whether it
// was another. text is nil when it is to stay as it is.
func (d *Deployment) setOncePer(ctx context.Context, path string, text json.RawMessage) (changed bool, err error) {
	if text == nil {
		return false, nil
	}
	type oncePer struct {
		Window string `json:"window"`
		Key    string `json:"key,omitempty"`
	}
	var want *oncePer
	if err := json.Unmarshal(text, &want); err != nil {
		return false, err
	}
	var have struct {
		OncePer *oncePer `json:"once_per"`
	}
	err = d.Client.do(ctx, request{service: "belfry", method: "GET", path: path}, &have)
	if d.DryRun && isStatus(err, 404) {
		return want != nil, nil // it would have been created by now
	}
	if err != nil {
		return false, err
	}
	if (want == nil) == (have.OncePer == nil) && (want == nil || *want == *have.OncePer) {
		return false, nil
	}
	return true, d.change(ctx, request{service: "belfry", method: "PUT", path: path, in: map[string]any{"once_per": want}}, nil)
}

// roleARN is that of a role by its name, or itself.
func (d *Deployment) roleARN(role string) string {
	if strings.HasPrefix(role, "arn:") {
		return role
	}
	return "arn:aws:iam::" + d.Account + ":role/" + role
}

// queueARN is that of a queue by its name, or itself; empty for none.
func (d *Deployment) queueARN(queue string) string {
	if queue == "" || strings.HasPrefix(queue, "arn:") {
		return queue
	}
	return "arn:aws:sqs:" + d.Region + ":" + d.Account + ":" + queue
}

// activeTime is how long a function may take to become active.
const activeTime = time.Minute

// errNotActive is the end of that time.
var errNotActive = errors.New("it is not active after " + activeTime.String())
