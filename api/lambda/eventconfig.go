package lambda

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
	"github.com/belfry-run/belfry/function"
)

// PutFunctionEventInvokeConfig sets how a function's events are tried; what the
// request leaves out goes back to its default.
func (s *Service) PutFunctionEventInvokeConfig(ctx context.Context, in *lambdaapi.PutFunctionEventInvokeConfigInput) (*lambdaapi.FunctionEventInvokeConfig, error) {
	r, qualifier, err := ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	var c function.EventConfig
	applyEvents(&c, in.MaximumRetryAttempts, in.MaximumEventAgeInSeconds, in.DestinationConfig)
	set, err := s.host.PutEventConfig(ctx, r, qualifier, c)
	if err != nil {
		return nil, err
	}
	return eventConfig(r, qualifier, set), nil
}

// UpdateFunctionEventInvokeConfig changes what the request has.
func (s *Service) UpdateFunctionEventInvokeConfig(ctx context.Context, in *lambdaapi.UpdateFunctionEventInvokeConfigInput) (*lambdaapi.FunctionEventInvokeConfig, error) {
	r, qualifier, err := ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	set, err := s.host.UpdateEventConfig(ctx, r, qualifier, func(c *function.EventConfig) {
		applyEvents(c, in.MaximumRetryAttempts, in.MaximumEventAgeInSeconds, in.DestinationConfig)
	})
	if err != nil {
		return nil, err
	}
	return eventConfig(r, qualifier, set), nil
}

// GetFunctionEventInvokeConfig answers with how a function's events are tried.
func (s *Service) GetFunctionEventInvokeConfig(ctx context.Context, in *lambdaapi.GetFunctionEventInvokeConfigInput) (*lambdaapi.FunctionEventInvokeConfig, error) {
	r, qualifier, err := ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	c, err := s.host.EventConfig(ctx, r, qualifier)
	if err != nil {
		return nil, err
	}
	return eventConfig(r, qualifier, c), nil
}

// ListFunctionEventInvokeConfigs answers with a page of those that a function,
// its versions and its aliases have.
func (s *Service) ListFunctionEventInvokeConfigs(ctx context.Context, in *lambdaapi.ListFunctionEventInvokeConfigsInput) (*lambdaapi.ListFunctionEventInvokeConfigsOutput, error) {
	r, err := latest(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	limit, after, err := page(in.MaxItems, in.Marker, position{})
	if err != nil {
		return nil, err
	}
	all, err := s.host.EventConfigs(ctx, r)
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.ListFunctionEventInvokeConfigsOutput{FunctionEventInvokeConfigs: []lambdaapi.FunctionEventInvokeConfig{}}
	last := ""
	for _, qualifier := range slices.Sorted(maps.Keys(all)) {
		if qualifier <= after.name {
			continue
		}
		if len(out.FunctionEventInvokeConfigs) == limit {
			out.NextMarker = position{name: last}.marker()
			break
		}
		last = qualifier
		out.FunctionEventInvokeConfigs = append(out.FunctionEventInvokeConfigs, *eventConfig(r, qualifier, all[qualifier]))
	}
	return out, nil
}

// DeleteFunctionEventInvokeConfig goes back to the defaults.
func (s *Service) DeleteFunctionEventInvokeConfig(ctx context.Context, in *lambdaapi.DeleteFunctionEventInvokeConfigInput) (*lambdaapi.DeleteFunctionEventInvokeConfigOutput, error) {
	r, qualifier, err := ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.DeleteFunctionEventInvokeConfigOutput{}, s.host.DeleteEventConfig(ctx, r, qualifier)
}

// applyEvents writes what is set into c.
func applyEvents(c *function.EventConfig, retries, age *int, to *lambdaapi.DestinationConfig) {
	if retries != nil {
		c.Retries = retries
	}
	if age != nil {
		c.MaxAge = time.Duration(*age) * time.Second
	}
	if to == nil {
		return
	}
	if to.OnSuccess != nil {
		c.OnSuccess = awswire.Value(to.OnSuccess.Destination)
	}
	if to.OnFailure != nil {
		c.OnFailure = awswire.Value(to.OnFailure.Destination)
	}
}

func eventConfig(r function.Ref, qualifier string, c *function.EventConfig) *lambdaapi.FunctionEventInvokeConfig {
	out := &lambdaapi.FunctionEventInvokeConfig{
		LastModified: &c.Modified, FunctionArn: new(r.ARN() + ":" + cmp.Or(qualifier, function.Latest)), MaximumRetryAttempts: c.Retries,
		DestinationConfig: &lambdaapi.DestinationConfig{OnSuccess: &lambdaapi.OnSuccess{}, OnFailure: &lambdaapi.OnFailure{}},
	}
	if c.MaxAge != 0 {
		out.MaximumEventAgeInSeconds = new(int(c.MaxAge / time.Second))
	}
	if c.OnSuccess != "" {
		out.DestinationConfig.OnSuccess.Destination = &c.OnSuccess
	}
	if c.OnFailure != "" {
		out.DestinationConfig.OnFailure.Destination = &c.OnFailure
	}
	return out
}
