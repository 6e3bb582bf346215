package deploy

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// An awsSchedule is a schedule as CreateSchedule takes it, without what stands in
// the path, and as GetSchedule shows it.
type awsSchedule struct {
	GroupName                  string
	Description                string `json:",omitempty"`
	ScheduleExpression         string
	ScheduleExpressionTimezone string
	StartDate                  float64 `json:",omitempty"` // Unix seconds
	EndDate                    float64 `json:",omitempty"`
	State                      string
	ActionAfterCompletion      string
	FlexibleTimeWindow         awsWindow
	Target                     awsTarget
}

type awsWindow struct {
	Mode                   string
	MaximumWindowInMinutes int `json:",omitempty"`
}

type awsTarget struct {
	Arn, RoleArn     string
	Input            string         `json:",omitempty"`
	RetryPolicy      *awsRetry      `json:",omitempty"`
	DeadLetterConfig *awsDeadLetter `json:",omitempty"`
}

type awsRetry struct{ MaximumEventAgeInSeconds, MaximumRetryAttempts int }

type awsDeadLetter struct{ Arn string }

// State of a schedule.
const (
	enabled  = "ENABLED"
	disabled = "DISABLED"
)

// aws is the schedule with function as its target. state is what it has, if it is
// there.
func (d *Deployment) aws(s *Schedule, function, state string) awsSchedule {
	a := awsSchedule{
		GroupName: s.Group, Description: s.Description, ScheduleExpression: s.Expression, ScheduleExpressionTimezone: s.Timezone,
		StartDate: seconds(s.Start), EndDate: seconds(s.End), State: cmp.Or(state, enabled), ActionAfterCompletion: "NONE",
		FlexibleTimeWindow: awsWindow{Mode: "OFF"},
		Target:             awsTarget{Arn: function, RoleArn: d.roleARN(cmp.Or(s.Role, "belfry")), Input: s.input()},
	}
	if s.Enabled != nil {
		a.State = map[bool]string{true: enabled, false: disabled}[*s.Enabled]
	}
	if s.Window > 0 {
		a.FlexibleTimeWindow = awsWindow{"FLEXIBLE", s.Window}
	}
	if s.Retry != nil {
		a.Target.RetryPolicy = &awsRetry{maxAge, maxAttempts}
		if s.Retry.MaxAge != nil {
			a.Target.RetryPolicy.MaximumEventAgeInSeconds = *s.Retry.MaxAge
		}
		if s.Retry.Attempts != nil {
			a.Target.RetryPolicy.MaximumRetryAttempts = *s.Retry.Attempts
		}
	}
	if q := d.queueARN(s.DeadLetter); q != "" {
		a.Target.DeadLetterConfig = &awsDeadLetter{q}
	}
	return a
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1e3
}

// differences are the fields in which two schedules differ. A policy of retries
// that is not set is shown as the default one.
func differences(want, have *awsSchedule) (changes []string) {
	note := func(field string, differs bool) {
		if differs {
			changes = append(changes, field)
		}
	}
	note("description", want.Description != have.Description)
	note("expression", want.ScheduleExpression != have.ScheduleExpression)
	note("timezone", want.ScheduleExpressionTimezone != have.ScheduleExpressionTimezone)
	note("start", want.StartDate != have.StartDate)
	note("end", want.EndDate != have.EndDate)
	note("enabled", want.State != have.State)
	note("after completion", want.ActionAfterCompletion != have.ActionAfterCompletion)
	note("window", want.FlexibleTimeWindow != have.FlexibleTimeWindow)
	w, h := want.Target, have.Target
	note("target", w.Arn != h.Arn)
	note("role", w.RoleArn != h.RoleArn)
	note("input", w.Input != h.Input)
	unset := awsRetry{maxAge, maxAttempts}
	note("retry", *cmp.Or(w.RetryPolicy, &unset) != *cmp.Or(h.RetryPolicy, &unset))
	note("dead_letter", *cmp.Or(w.DeadLetterConfig, &awsDeadLetter{}) != *cmp.Or(h.DeadLetterConfig, &awsDeadLetter{}))
	return changes
}

func schedulePath(name string) string { return "/schedules/" + url.PathEscape(name) }

// schedule creates or updates a schedule of the function.
func (d *Deployment) schedule(ctx context.Context, s *Schedule, function string) error {
	var have awsSchedule
	err := d.Client.do(ctx, request{service: "scheduler", method: "GET", path: schedulePath(s.Name) + "?groupName=" + url.QueryEscape(s.Group)}, &have)
	if isStatus(err, http.StatusNotFound) {
		return d.newSchedule(ctx, s, function)
	}
	if err != nil {
		return err
	}
	want := d.aws(s, function, have.State)
	changes := differences(&want, &have)
	once, err := d.setOncePer(ctx, d.settingsPath(s), s.OncePer)
	if err != nil {
		return err
	}
	if len(changes) > 0 {
		if err := d.change(ctx, request{service: "scheduler", method: "PUT", path: schedulePath(s.Name), in: want}, nil); err != nil {
			return err
		}
	}
	if once {
		changes = append(changes, "once_per")
	}
	if len(changes) == 0 {
		d.did("schedule", s.path(), Unchanged)
	} else {
		d.did("schedule", s.path(), Updated, changes...)
	}
	return nil
}

// newSchedule creates a schedule. One with a once_per sleeps until that is set,
// so that no run goes without; when it cannot be set, the schedule goes again.
func (d *Deployment) newSchedule(ctx context.Context, s *Schedule, function string) error {
	want := d.aws(s, function, "")
	guarded := s.OncePer != nil && !isNull(s.OncePer)
	state := want.State
	if guarded {
		want.State = disabled
	}
	create := request{service: "scheduler", method: "POST", path: schedulePath(s.Name), in: want}
	if err := d.change(ctx, create, nil); err != nil {
		return err
	}
	if guarded {
		if err := d.guard(ctx, s, want, state); err != nil {
			if err := d.remove(ctx, s); err != nil {
				return fmt.Errorf("it is created, disabled and without its once_per, and could not be deleted: %w", err)
			}
			return err
		}
	}
	d.did("schedule", s.path(), Created)
	return nil
}

// guard sets the once_per of a schedule that sleeps, and wakes it up.
func (d *Deployment) guard(ctx context.Context, s *Schedule, want awsSchedule, state string) error {
	if _, err := d.setOncePer(ctx, d.settingsPath(s), s.OncePer); err != nil || state == want.State {
		return err
	}
	want.State = state
	return d.change(ctx, request{service: "scheduler", method: "PUT", path: schedulePath(s.Name), in: want}, nil)
}

func (d *Deployment) remove(ctx context.Context, s *Schedule) error {
	path := schedulePath(s.Name) + "?groupName=" + url.QueryEscape(s.Group)
	return d.change(ctx, request{service: "scheduler", method: "DELETE", path: path}, nil)
}

func (d *Deployment) settingsPath(s *Schedule) string {
	arn := "arn:aws:scheduler:" + d.Region + ":" + d.Account + ":schedule/" + s.Group + "/" + s.Name
	return "/belfry/v1/schedules/settings?schedule=" + url.QueryEscape(arn)
}

// group makes a schedule's group if it is not there.
func (d *Deployment) group(ctx context.Context, name string) error {
	if name == "default" || slices.ContainsFunc(d.steps, func(s Step) bool { return s.Kind == "group" && s.Name == name }) {
		return nil
	}
	path := "/schedule-groups/" + url.PathEscape(name)
	err := d.Client.do(ctx, request{service: "scheduler", method: "GET", path: path}, nil)
	if !isStatus(err, http.StatusNotFound) {
		return err
	}
	if err := d.change(ctx, request{service: "scheduler", method: "POST", path: path, in: struct{}{}}, nil); err != nil {
		return err
	}
	d.did("group", name, Created)
	return nil
}

// prune deletes the schedules that run the function and are not the package's.
func (d *Deployment) prune(ctx context.Context, function string) error {
	keep := map[string]bool{}
	for i := range d.Package.Schedules {
		keep[d.Package.Schedules[i].path()] = true
	}
	var others []Schedule
	for next := ""; ; {
		query := url.Values{"MaxResults": {"100"}}
		if next != "" {
			query.Set("NextToken", next)
		}
		var page struct {
			Schedules []struct {
				Name, GroupName string
				Target          struct{ Arn string }
			}
			NextToken string
		}
		if err := d.Client.do(ctx, request{service: "scheduler", method: "GET", path: "/schedules?" + query.Encode()}, &page); err != nil {
			return err
		}
		for _, s := range page.Schedules {
			other := Schedule{Name: s.Name, Group: s.GroupName}
			if s.Target.Arn == function && !keep[other.path()] {
				others = append(others, other)
			}
		}
		if next = page.NextToken; next == "" {
			break
		}
	}
	for _, s := range others {
		if err := d.remove(ctx, &s); err != nil {
			return err
		}
		d.did("schedule", s.path(), Deleted)
	}
	return nil
}
