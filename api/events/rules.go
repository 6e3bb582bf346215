package events

import (
	"context"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire/eventsapi"
)

// PutRule creates a rule or replaces it: what the request leaves out takes its
// default again, but targets stay, and the tags of a request count for a new
// rule only.
func (a *API) PutRule(ctx context.Context, in *eventsapi.PutRuleInput) (*eventsapi.PutRuleOutput, error) {
	switch {
	case or(in.ScheduleExpression, "") == "" && or(in.EventPattern, "") == "":
		return nil, invalid("ScheduleExpression", "Parameter(s) EventPattern or ScheduleExpression must be specified")
	case or(in.EventPattern, "") != "":
		return nil, invalid("EventPattern", "Parameter EventPattern is not supported: Belfry runs scheduled rules only; give a ScheduleExpression instead.")
	case !isDefault(ctx, in.EventBusName):
		return nil, invalid("EventBusName", "ScheduleExpression is supported only on the default event bus.")
	case or(in.State, "") == eventsapi.RuleStateEnabledWithAllCloudtrailManagementEvents:
		return nil, invalid("State", "State "+*in.State+" is for rules with an event pattern; a scheduled rule is ENABLED or DISABLED.")
	}
	r := belfry.Rule{
		Scope: scopeOf(ctx), Name: *in.Name, Description: or(in.Description, ""), Expression: *in.ScheduleExpression,
		RoleARN: or(in.RoleArn, ""), Tags: tagsOf(in.Tags),
	}
	if or(in.State, "") == eventsapi.RuleStateDisabled {
		r.State = belfry.Disabled
	}
	put, err := a.engine.PutRule(ctx, r)
	if err != nil {
		return nil, err
	}
	arn := put.ARN()
	return &eventsapi.PutRuleOutput{RuleArn: &arn}, nil
}

// DescribeRule returns a rule.
func (a *API) DescribeRule(ctx context.Context, in *eventsapi.DescribeRuleInput) (*eventsapi.DescribeRuleOutput, error) {
	ref, err := ref(ctx, in.EventBusName, in.Name)
	if err != nil {
		return nil, err
	}
	r, err := a.engine.Rule(ctx, ref)
	if err != nil {
		return nil, err
	}
	w := wire(r)
	return &eventsapi.DescribeRuleOutput{
		Name: w.Name, Arn: w.Arn, ScheduleExpression: w.ScheduleExpression, State: w.State, Description: w.Description,
		RoleArn: w.RoleArn, EventBusName: w.EventBusName, CreatedBy: &r.Account,
	}, nil
}

func wire(r *belfry.Rule) eventsapi.Rule {
	arn, state, busName := r.ARN(), r.State.String(), defaultBus
	return eventsapi.Rule{
		Name: &r.Name, Arn: &arn, ScheduleExpression: &r.Expression, State: &state, Description: set(r.Description),
		RoleArn: set(r.RoleARN), EventBusName: &busName,
	}
}

// ListRules returns a page of rules in the order of their names.
func (a *API) ListRules(ctx context.Context, in *eventsapi.ListRulesInput) (*eventsapi.ListRulesOutput, error) {
	if err := bus(ctx, in.EventBusName); err != nil {
		return nil, err
	}
	from, err := after(in.NextToken)
	if err != nil {
		return nil, err
	}
	limit := or(in.Limit, defaultPage)
	found, err := a.engine.Rules(ctx, belfry.RuleQuery{Scope: scopeOf(ctx), NamePrefix: or(in.NamePrefix, ""), After: from, Limit: limit + 1})
	if err != nil {
		return nil, err
	}
	out := &eventsapi.ListRulesOutput{Rules: []eventsapi.Rule{}}
	found, out.NextToken = cut(found, limit, func(r *belfry.Rule) string { return r.Name })
	for _, r := range found {
		out.Rules = append(out.Rules, wire(r))
	}
	return out, nil
}

// EnableRule lets a rule fire from its next occurrence on.
func (a *API) EnableRule(ctx context.Context, in *eventsapi.EnableRuleInput) (*eventsapi.EnableRuleOutput, error) {
	return nil, a.setState(ctx, in.EventBusName, in.Name, belfry.Enabled)
}

// DisableRule keeps a rule from firing.
func (a *API) DisableRule(ctx context.Context, in *eventsapi.DisableRuleInput) (*eventsapi.DisableRuleOutput, error) {
	return nil, a.setState(ctx, in.EventBusName, in.Name, belfry.Disabled)
}

func (a *API) setState(ctx context.Context, busName, name *string, state belfry.State) error {
	ref, err := ref(ctx, busName, name)
	if err != nil {
		return err
	}
	return a.engine.SetRuleState(ctx, ref, state)
}

// DeleteRule removes a rule that has no targets; one that is not there is no
// error.
func (a *API) DeleteRule(ctx context.Context, in *eventsapi.DeleteRuleInput) (*eventsapi.DeleteRuleOutput, error) {
	ref, err := ref(ctx, in.EventBusName, in.Name)
	if err != nil {
		return nil, err
	}
	return nil, a.engine.DeleteRule(ctx, ref)
}
