// Package scheduler is the EventBridge Scheduler API on top of the engine. It
// only translates: names, defaults and shapes are AWS's, rules are the
// engine's (semantics.md 1).
package scheduler

import (
	"context"
	"encoding/json"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/schedulerapi"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/engine"
)

// API implements the operations of EventBridge Scheduler.
type API struct {
	engine *engine.Engine
	key    []byte
	limits *limits
}

var _ schedulerapi.Service = (*API)(nil)

// New returns the API of an engine. key signs the positions in lists that
// clients are given; it is to stay the same over restarts.
func New(e *engine.Engine, key []byte, r Rates) *API {
	return &API{engine: e, key: key, limits: newLimits(r)}
}

func scopeOf(ctx context.Context) belfry.Scope { return awswire.CallerFrom(ctx).Scope }

// or returns what p points to, else the default.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// onceOf returns the token that makes the request happen once, if the client
// has sent one: a slice of one or none. token points to the member of in, which
// is the whole request.
func onceOf(ctx context.Context, operation string, token **string, in any) ([]belfry.Token, error) {
	if *token == nil {
		return nil, nil
	}
	t := **token
	*token = nil // equal requests may differ in it
	request, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	return []belfry.Token{belfry.NewToken(scopeOf(ctx), operation, t, request)}, nil
}

// CreateSchedule creates a schedule.
func (a *API) CreateSchedule(ctx context.Context, in *schedulerapi.CreateScheduleInput) (*schedulerapi.CreateScheduleOutput, error) {
	if err := a.limits.allow(ctx, creates); err != nil {
		return nil, err
	}
	s, err := scheduleOf(scopeOf(ctx), in)
	if err != nil {
		return nil, err
	}
	if err := mayPass(ctx, s.Target.RoleARN); err != nil {
		return nil, err
	}
	once, err := onceOf(ctx, "CreateSchedule", &in.ClientToken, in)
	if err != nil {
		return nil, err
	}
	made, err := a.engine.CreateSchedule(ctx, s, once...)
	if err != nil {
		return nil, err
	}
	arn := made.ARN()
	return &schedulerapi.CreateScheduleOutput{ScheduleArn: &arn}, nil
}

// UpdateSchedule replaces a schedule: what the request leaves out takes its
// default again.
func (a *API) UpdateSchedule(ctx context.Context, in *schedulerapi.UpdateScheduleInput) (*schedulerapi.UpdateScheduleOutput, error) {
	if err := a.limits.allow(ctx, schedules); err != nil {
		return nil, err
	}
	create := schedulerapi.CreateScheduleInput(*in)
	s, err := scheduleOf(scopeOf(ctx), &create)
	if err != nil {
		return nil, err
	}
	if err := mayPass(ctx, s.Target.RoleARN); err != nil {
		return nil, err
	}
	once, err := onceOf(ctx, "UpdateSchedule", &in.ClientToken, in)
	if err != nil {
		return nil, err
	}
	made, err := a.engine.UpdateSchedule(ctx, s, once...)
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
	if err := a.limits.allow(ctx, schedules); err != nil {
		return nil, err
	}
	s, err := a.engine.Schedule(ctx, ref(ctx, in.GroupName, in.Name))
	if err != nil {
		return nil, err
	}
	return wire(s)
}

// DeleteSchedule removes a schedule.
func (a *API) DeleteSchedule(ctx context.Context, in *schedulerapi.DeleteScheduleInput) (*schedulerapi.DeleteScheduleOutput, error) {
	if err := a.limits.allow(ctx, schedules); err != nil {
		return nil, err
	}
	once, err := onceOf(ctx, "DeleteSchedule", &in.ClientToken, in)
	if err != nil {
		return nil, err
	}
	return nil, a.engine.DeleteSchedule(ctx, ref(ctx, in.GroupName, in.Name), once...)
}

// ListSchedules returns a page of schedules in the order of group and name.
func (a *API) ListSchedules(ctx context.Context, in *schedulerapi.ListSchedulesInput) (*schedulerapi.ListSchedulesOutput, error) {
	if err := a.limits.allow(ctx, others); err != nil {
		return nil, err
	}
	q := belfry.ScheduleQuery{
		Scope: scopeOf(ctx), Group: or(in.GroupName, ""), NamePrefix: or(in.NamePrefix, ""), Limit: pageSize(in.MaxResults),
	}
	if in.State != nil {
		state := stateOf(in.State)
		q.State = &state
	}
	at := position{ctx, a.key, "ListSchedules", []string{q.Group, q.NamePrefix, or(in.State, "")}}
	after, err := at.parse(in.NextToken, 2)
	if err != nil {
		return nil, err
	}
	q.AfterGroup, q.AfterName = after[0], after[1]
	q.Brief = true
	q.Limit++ // one more, to know whether there is another page
	page, err := a.engine.Schedules(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &schedulerapi.ListSchedulesOutput{Schedules: []schedulerapi.ScheduleSummary{}}
	if len(page) == q.Limit {
		page = page[:len(page)-1]
		last := page[len(page)-1]
		out.NextToken = at.token(last.Group, last.Name)
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
