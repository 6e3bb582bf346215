// Package scheduler is the EventBridge Scheduler API on top of the engine. It
// only translates: names, defaults and shapes are AWS's, rules are the
// engine's (semantics.md 1).
package scheduler

import (
	"context"
	"encoding/json"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/schedulerapi"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/engine"
)

// API implements the operations of EventBridge Scheduler.
type API struct{ engine *engine.Engine }

var _ schedulerapi.Service = (*API)(nil)

// New returns the API of an engine.
func New(e *engine.Engine) *API { return &API{engine: e} }

func scopeOf(ctx context.Context) belfry.Scope { return awswire.CallerFrom(ctx).Scope }

// or returns what p points to, else the default.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// CreateSchedule creates a schedule.
func (a *API) CreateSchedule(ctx context.Context, in *schedulerapi.CreateScheduleInput) (*schedulerapi.CreateScheduleOutput, error) {
	s, err := scheduleOf(scopeOf(ctx), in)
	if err != nil {
		return nil, err
	}
	if err := mayPass(ctx, s.Target.RoleARN); err != nil {
		return nil, err
	}
	made, err := a.engine.CreateSchedule(ctx, s)
	if err != nil {
		return nil, err
	}
	arn := made.ARN()
	return &schedulerapi.CreateScheduleOutput{ScheduleArn: &arn}, nil
}

// UpdateSchedule replaces a schedule: what the request leaves out takes its
// default again.
func (a *API) UpdateSchedule(ctx context.Context, in *schedulerapi.UpdateScheduleInput) (*schedulerapi.UpdateScheduleOutput, error) {
	create := schedulerapi.CreateScheduleInput(*in)
	s, err := scheduleOf(scopeOf(ctx), &create)
	if err != nil {
		return nil, err
	}
	if err := mayPass(ctx, s.Target.RoleARN); err != nil {
		return nil, err
	}
	made, err := a.engine.UpdateSchedule(ctx, s)
	if err != nil {
		return nil, err
	}
	arn := made.ARN()
	return &schedulerapi.UpdateScheduleOutput{ScheduleArn: &arn}, nil
}

// mayPass says whether the caller may have schedules run as the role; else he
// could do through a schedule what he may not do himself.
func mayPass(ctx context.Context, role string) error {
	return awswire.Authorize(ctx, auth.Query{
		Action: "iam:PassRole", Resource: role, Context: auth.Context{PassedToService: auth.SchedulerService},
	})
}

// GetSchedule returns a schedule with the defaults filled in.
func (a *API) GetSchedule(ctx context.Context, in *schedulerapi.GetScheduleInput) (*schedulerapi.GetScheduleOutput, error) {
	s, err := a.engine.Schedule(ctx, ref(ctx, in.GroupName, in.Name))
	if err != nil {
		return nil, err
	}
	return wire(s)
}

// DeleteSchedule removes a schedule.
func (a *API) DeleteSchedule(ctx context.Context, in *schedulerapi.DeleteScheduleInput) (*schedulerapi.DeleteScheduleOutput, error) {
	return nil, a.engine.DeleteSchedule(ctx, ref(ctx, in.GroupName, in.Name))
}

// ListSchedules returns a page of schedules in the order of group and name.
func (a *API) ListSchedules(ctx context.Context, in *schedulerapi.ListSchedulesInput) (*schedulerapi.ListSchedulesOutput, error) {
	q := belfry.ScheduleQuery{
		Scope: scopeOf(ctx), Group: or(in.GroupName, ""), NamePrefix: or(in.NamePrefix, ""), Limit: pageSize(in.MaxResults),
	}
	if in.State != nil {
		state := stateOf(in.State)
		q.State = &state
	}
	if in.NextToken != nil {
		at, err := parseToken(*in.NextToken, 2)
		if err != nil {
			return nil, err
		}
		q.AfterGroup, q.AfterName = at[0], at[1]
	}
	q.Limit++ // one more, to know whether there is another page
	page, err := a.engine.Schedules(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &schedulerapi.ListSchedulesOutput{Schedules: []schedulerapi.ScheduleSummary{}}
	if len(page) == q.Limit {
		page = page[:len(page)-1]
		last := page[len(page)-1]
		out.NextToken = token(last.Group, last.Name)
	}
	for _, s := range page {
		arn, state := s.ARN(), s.State.String()
		out.Schedules = append(out.Schedules, schedulerapi.ScheduleSummary{
			Arn: &arn, Name: &s.Name, GroupName: &s.Group, State: &state,
			CreationDate: &s.Created, LastModificationDate: &s.Modified,
			Target: &schedulerapi.TargetSummary{Arn: &s.Target.ARN},
		})
	}
	return out, nil
}

func ref(ctx context.Context, group, name *string) belfry.ScheduleRef {
	return belfry.ScheduleRef{Scope: scopeOf(ctx), Group: or(group, belfry.DefaultGroup), Name: *name}
}

func stateOf(s *string) belfry.State {
	if or(s, "") == schedulerapi.ScheduleStateDisabled {
		return belfry.Disabled
	}
	return belfry.Enabled
}

// scheduleOf reads a create or update request.
func scheduleOf(scope belfry.Scope, in *schedulerapi.CreateScheduleInput) (belfry.Schedule, error) {
	s := belfry.Schedule{
		Scope:                 scope,
		Group:                 or(in.GroupName, belfry.DefaultGroup),
		Name:                  *in.Name,
		Description:           or(in.Description, ""),
		State:                 stateOf(in.State),
		Expression:            *in.ScheduleExpression,
		Timezone:              or(in.ScheduleExpressionTimezone, "UTC"),
		Start:                 timeOf(in.StartDate),
		End:                   timeOf(in.EndDate),
		DeleteAfterCompletion: or(in.ActionAfterCompletion, "") == schedulerapi.ActionAfterCompletionDelete,
		KMSKeyARN:             or(in.KmsKeyArn, ""),
	}
	minutes := in.FlexibleTimeWindow.MaximumWindowInMinutes
	flexible := *in.FlexibleTimeWindow.Mode == schedulerapi.FlexibleTimeWindowModeFlexible
	switch {
	case flexible && minutes == nil:
		return s, belfry.Errorf(belfry.Invalid, "FlexibleTimeWindow", "MaximumWindowInMinutes must be provided when FlexibleTimeWindowMode is set to FLEXIBLE.")
	case !flexible && minutes != nil:
		return s, belfry.Errorf(belfry.Invalid, "FlexibleTimeWindow", "MaximumWindowInMinutes must not be provided when FlexibleTimeWindowMode is set to OFF.")
	case flexible:
		s.Window = time.Duration(*minutes) * time.Minute
	}
	t, err := targetOf(in.Target)
	s.Target = t
	return s, err
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}

// blocks are the parameter blocks of a target, as the vocabulary carries them.
type blocks struct {
	EcsParameters               *schedulerapi.EcsParameters               `json:",omitempty"`
	EventBridgeParameters       *schedulerapi.EventBridgeParameters       `json:",omitempty"`
	KinesisParameters           *schedulerapi.KinesisParameters           `json:",omitempty"`
	SageMakerPipelineParameters *schedulerapi.SageMakerPipelineParameters `json:",omitempty"`
	SqsParameters               *schedulerapi.SqsParameters               `json:",omitempty"`
}

func targetOf(in *schedulerapi.Target) (belfry.Target, error) {
	t := belfry.Target{ARN: *in.Arn, RoleARN: *in.RoleArn, Input: or(in.Input, ""), Retry: belfry.DefaultRetry()}
	if in.DeadLetterConfig != nil {
		t.DeadLetterARN = or(in.DeadLetterConfig.Arn, "")
	}
	if r := in.RetryPolicy; r != nil {
		t.Retry.Default = false
		if r.MaximumEventAgeInSeconds != nil {
			t.Retry.MaximumAge = time.Duration(*r.MaximumEventAgeInSeconds) * time.Second
		}
		if r.MaximumRetryAttempts != nil {
			t.Retry.MaximumAttempts = *r.MaximumRetryAttempts
		}
	}
	b := blocks{in.EcsParameters, in.EventBridgeParameters, in.KinesisParameters, in.SageMakerPipelineParameters, in.SqsParameters}
	if b == (blocks{}) {
		return t, nil
	}
	var err error
	t.Parameters, err = json.Marshal(b)
	return t, err
}

// wire writes a schedule as GetSchedule answers it: defaults are filled in,
// what was not set is left out.
func wire(s *belfry.Schedule) (*schedulerapi.GetScheduleOutput, error) {
	arn, state, after, mode := s.ARN(), s.State.String(), schedulerapi.ActionAfterCompletionNone, schedulerapi.FlexibleTimeWindowModeOff
	if s.DeleteAfterCompletion {
		after = schedulerapi.ActionAfterCompletionDelete
	}
	window := &schedulerapi.FlexibleTimeWindow{Mode: &mode}
	if s.Window > 0 {
		mode = schedulerapi.FlexibleTimeWindowModeFlexible
		minutes := int(s.Window / time.Minute)
		window.MaximumWindowInMinutes = &minutes
	}
	var b blocks
	if len(s.Target.Parameters) > 0 {
		if err := json.Unmarshal(s.Target.Parameters, &b); err != nil {
			return nil, err
		}
	}
	age, attempts := int(s.Target.Retry.MaximumAge/time.Second), s.Target.Retry.MaximumAttempts
	t := &schedulerapi.Target{
		Arn: &s.Target.ARN, RoleArn: &s.Target.RoleARN, Input: set(s.Target.Input),
		RetryPolicy:   &schedulerapi.RetryPolicy{MaximumEventAgeInSeconds: &age, MaximumRetryAttempts: &attempts},
		EcsParameters: b.EcsParameters, EventBridgeParameters: b.EventBridgeParameters, KinesisParameters: b.KinesisParameters,
		SageMakerPipelineParameters: b.SageMakerPipelineParameters, SqsParameters: b.SqsParameters,
	}
	if s.Target.DeadLetterARN != "" {
		t.DeadLetterConfig = &schedulerapi.DeadLetterConfig{Arn: &s.Target.DeadLetterARN}
	}
	return &schedulerapi.GetScheduleOutput{
		Arn: &arn, Name: &s.Name, GroupName: &s.Group, State: &state, Description: set(s.Description),
		ScheduleExpression: &s.Expression, ScheduleExpressionTimezone: &s.Timezone,
		StartDate: setTime(s.Start), EndDate: setTime(s.End), KmsKeyArn: set(s.KMSKeyARN),
		ActionAfterCompletion: &after, FlexibleTimeWindow: window, Target: t,
		CreationDate: &s.Created, LastModificationDate: &s.Modified,
	}, nil
}

// set returns nil for a text that is not set, so that it is left out.
func set(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func setTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
