package events

import (
	"context"
	"encoding/json"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire/eventsapi"
)

// parameters are the members of a target that are kept as they came.
type parameters struct {
	InputPath                   *string                                `json:",omitempty"`
	InputTransformer            *eventsapi.InputTransformer            `json:",omitempty"`
	KinesisParameters           *eventsapi.KinesisParameters           `json:",omitempty"`
	RunCommandParameters        *eventsapi.RunCommandParameters        `json:",omitempty"`
	EcsParameters               *eventsapi.EcsParameters               `json:",omitempty"`
	BatchParameters             *eventsapi.BatchParameters             `json:",omitempty"`
	SqsParameters               *eventsapi.SqsParameters               `json:",omitempty"`
	HttpParameters              *eventsapi.HttpParameters              `json:",omitempty"`
	RedshiftDataParameters      *eventsapi.RedshiftDataParameters      `json:",omitempty"`
	SageMakerPipelineParameters *eventsapi.SageMakerPipelineParameters `json:",omitempty"`
	AppSyncParameters           *eventsapi.AppSyncParameters           `json:",omitempty"`
	// RetryPolicy is echoed as it came: what the client left out stays out.
	RetryPolicy *eventsapi.RetryPolicy `json:",omitempty"`
}

func targetOf(in *eventsapi.Target) (belfry.RuleTarget, error) {
	t := belfry.RuleTarget{ID: *in.Id, Target: belfry.Target{
		ARN: *in.Arn, RoleARN: or(in.RoleArn, ""), Input: or(in.Input, ""), Retry: belfry.DefaultRetry(),
	}}
	if in.Input != nil && *in.Input == "" {
		return t, invalid("Targets", "JSON syntax error in input for target "+t.ID)
	}
	if in.DeadLetterConfig != nil {
		t.DeadLetterARN = or(in.DeadLetterConfig.Arn, "")
	}
	if p := in.RetryPolicy; p != nil {
		t.Retry.Default = false
		t.Retry.MaximumAttempts = or(p.MaximumRetryAttempts, t.Retry.MaximumAttempts)
		if p.MaximumEventAgeInSeconds != nil {
			t.Retry.MaximumAge = time.Duration(*p.MaximumEventAgeInSeconds) * time.Second
		}
	}
	p := parameters{
		in.InputPath, in.InputTransformer, in.KinesisParameters, in.RunCommandParameters, in.EcsParameters, in.BatchParameters, in.SqsParameters,
		in.HttpParameters, in.RedshiftDataParameters, in.SageMakerPipelineParameters, in.AppSyncParameters, in.RetryPolicy,
	}
	if p == (parameters{}) {
		return t, nil
	}
	var err error
	t.Parameters, err = json.Marshal(p)
	return t, err
}

// wireTarget writes a target as it was put.
func wireTarget(s *belfry.Schedule) (eventsapi.Target, error) {
	t := &s.Target
	var p parameters
	if len(t.Parameters) > 0 {
		if err := json.Unmarshal(t.Parameters, &p); err != nil {
			return eventsapi.Target{}, err
		}
	}
	out := eventsapi.Target{
		Id: &s.Name, Arn: &t.ARN, RoleArn: set(t.RoleARN), Input: set(t.Input), InputPath: p.InputPath, InputTransformer: p.InputTransformer,
		KinesisParameters: p.KinesisParameters, RunCommandParameters: p.RunCommandParameters, EcsParameters: p.EcsParameters,
		BatchParameters: p.BatchParameters, SqsParameters: p.SqsParameters, HttpParameters: p.HttpParameters,
		RedshiftDataParameters: p.RedshiftDataParameters, SageMakerPipelineParameters: p.SageMakerPipelineParameters,
		AppSyncParameters: p.AppSyncParameters, RetryPolicy: p.RetryPolicy,
	}
	if t.DeadLetterARN != "" {
		out.DeadLetterConfig = &eventsapi.DeadLetterConfig{Arn: &t.DeadLetterARN}
	}
	return out, nil
}

// PutTargets adds targets to a rule or replaces those with the same id: all of
// them, or none with an error. No entry fails alone.
func (a *API) PutTargets(ctx context.Context, in *eventsapi.PutTargetsInput) (*eventsapi.PutTargetsOutput, error) {
	ref, err := ref(ctx, in.EventBusName, in.Rule)
	if err != nil {
		return nil, err
	}
	targets := make([]belfry.RuleTarget, len(in.Targets))
	for i := range in.Targets {
		if targets[i], err = targetOf(&in.Targets[i]); err != nil {
			return nil, err
		}
	}
	if err := a.engine.PutTargets(ctx, ref, targets); err != nil {
		return nil, err
	}
	failed := 0
	return &eventsapi.PutTargetsOutput{FailedEntryCount: &failed, FailedEntries: []eventsapi.PutTargetsResultEntry{}}, nil
}

// RemoveTargets removes targets from a rule. An id that the rule does not have
// is a failed entry; the others are removed.
func (a *API) RemoveTargets(ctx context.Context, in *eventsapi.RemoveTargetsInput) (*eventsapi.RemoveTargetsOutput, error) {
	ref, err := ref(ctx, in.EventBusName, in.Rule)
	if err != nil {
		return nil, err
	}
	missing, err := a.engine.RemoveTargets(ctx, ref, in.Ids)
	if err != nil {
		return nil, err
	}
	failed := len(missing)
	out := &eventsapi.RemoveTargetsOutput{FailedEntryCount: &failed, FailedEntries: []eventsapi.RemoveTargetsResultEntry{}}
	for _, id := range missing {
		code, message := "ResourceNotFoundException", "Rule '"+ref.Name+"' does not have a target with the Id '"+id+"'."
		out.FailedEntries = append(out.FailedEntries, eventsapi.RemoveTargetsResultEntry{TargetId: &id, ErrorCode: &code, ErrorMessage: &message})
	}
	return out, nil
}

// ListTargetsByRule returns a page of a rule's targets in the order of their ids.
func (a *API) ListTargetsByRule(ctx context.Context, in *eventsapi.ListTargetsByRuleInput) (*eventsapi.ListTargetsByRuleOutput, error) {
	ref, err := ref(ctx, in.EventBusName, in.Rule)
	if err != nil {
		return nil, err
	}
	from, err := after(in.NextToken)
	if err != nil {
		return nil, err
	}
	limit := or(in.Limit, defaultPage)
	found, err := a.engine.RuleTargets(ctx, ref, from, limit+1)
	if err != nil {
		return nil, err
	}
	out := &eventsapi.ListTargetsByRuleOutput{Targets: []eventsapi.Target{}}
	found, out.NextToken = cut(found, limit, func(s *belfry.Schedule) string { return s.Name })
	for _, s := range found {
		t, err := wireTarget(s)
		if err != nil {
			return nil, err
		}
		out.Targets = append(out.Targets, t)
	}
	return out, nil
}

// ListRuleNamesByTarget returns a page of the names of the rules that have the
// target.
func (a *API) ListRuleNamesByTarget(ctx context.Context, in *eventsapi.ListRuleNamesByTargetInput) (*eventsapi.ListRuleNamesByTargetOutput, error) {
	if err := bus(ctx, in.EventBusName); err != nil {
		return nil, err
	}
	from, err := after(in.NextToken)
	if err != nil {
		return nil, err
	}
	limit := or(in.Limit, defaultPage)
	found, err := a.engine.RulesOfTarget(ctx, scopeOf(ctx), *in.TargetArn, from, limit+1)
	if err != nil {
		return nil, err
	}
	out := &eventsapi.ListRuleNamesByTargetOutput{}
	out.RuleNames, out.NextToken = cut(found, limit, func(s string) string { return s })
	if out.RuleNames == nil {
		out.RuleNames = []string{}
	}
	return out, nil
}
