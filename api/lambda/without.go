package lambda

import (
	"context"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
	"github.com/belfry-run/belfry/function"
)

// What follows answers for settings that functions here do not have, as Lambda
// does for a function that has none: tools read them on their way.

// known returns what a request names, as ref does; it must be there.
func (s *Service) known(ctx context.Context, name, qualifier *string) (function.Ref, string, error) {
	r, q, err := ref(ctx, name, qualifier)
	if err == nil {
		_, err = s.host.Get(ctx, r, q)
	}
	return r, q, err
}

// GetRuntimeManagementConfig answers that the server chooses the interpreter.
func (s *Service) GetRuntimeManagementConfig(ctx context.Context, in *lambdaapi.GetRuntimeManagementConfigInput) (*lambdaapi.GetRuntimeManagementConfigOutput, error) {
	r, qualifier, err := s.known(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.GetRuntimeManagementConfigOutput{UpdateRuntimeOn: new(lambdaapi.UpdateRuntimeOnAuto), FunctionArn: new(qualified(r, qualifier))}, nil
}

// PutRuntimeManagementConfig takes what holds anyway.
func (s *Service) PutRuntimeManagementConfig(ctx context.Context, in *lambdaapi.PutRuntimeManagementConfigInput) (*lambdaapi.PutRuntimeManagementConfigOutput, error) {
	r, qualifier, err := s.known(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if on := awswire.Value(in.UpdateRuntimeOn); on != lambdaapi.UpdateRuntimeOnAuto || in.RuntimeVersionArn != nil {
		return nil, invalid("UpdateRuntimeOn", "UpdateRuntimeOn: functions here run on the interpreters of the machine, as they are, so "+on+
			" cannot be kept to; leave it at Auto, without a RuntimeVersionArn.")
	}
	return &lambdaapi.PutRuntimeManagementConfigOutput{UpdateRuntimeOn: in.UpdateRuntimeOn, FunctionArn: new(qualified(r, qualifier))}, nil
}

func qualified(r function.Ref, qualifier string) string {
	if qualifier == "" {
		return r.ARN()
	}
	return r.ARN() + ":" + qualifier
}

// GetFunctionRecursionConfig answers with Lambda's default.
func (s *Service) GetFunctionRecursionConfig(ctx context.Context, in *lambdaapi.GetFunctionRecursionConfigInput) (*lambdaapi.GetFunctionRecursionConfigOutput, error) {
	if _, _, err := s.known(ctx, in.FunctionName, nil); err != nil {
		return nil, err
	}
	return &lambdaapi.GetFunctionRecursionConfigOutput{RecursiveLoop: new(lambdaapi.RecursiveLoopTerminate)}, nil
}

// GetProvisionedConcurrencyConfig answers that there is none.
func (s *Service) GetProvisionedConcurrencyConfig(ctx context.Context, in *lambdaapi.GetProvisionedConcurrencyConfigInput) (*lambdaapi.GetProvisionedConcurrencyConfigOutput, error) {
	if _, _, err := s.known(ctx, in.FunctionName, in.Qualifier); err != nil {
		return nil, err
	}
	return nil, &belfry.Error{
		Kind: belfry.NotFound, Code: "ProvisionedConcurrencyConfigNotFoundException",
		Message: "No Provisioned Concurrency Config found for this function",
	}
}

// ListProvisionedConcurrencyConfigs answers that there are none.
func (s *Service) ListProvisionedConcurrencyConfigs(ctx context.Context, in *lambdaapi.ListProvisionedConcurrencyConfigsInput) (*lambdaapi.ListProvisionedConcurrencyConfigsOutput, error) {
	if _, _, err := s.known(ctx, in.FunctionName, nil); err != nil {
		return nil, err
	}
	return &lambdaapi.ListProvisionedConcurrencyConfigsOutput{ProvisionedConcurrencyConfigs: []lambdaapi.ProvisionedConcurrencyConfigListItem{}}, nil
}

// PutProvisionedConcurrencyConfig refuses.
func (s *Service) PutProvisionedConcurrencyConfig(ctx context.Context, in *lambdaapi.PutProvisionedConcurrencyConfigInput) (*lambdaapi.PutProvisionedConcurrencyConfigOutput, error) {
	if _, _, err := s.known(ctx, in.FunctionName, in.Qualifier); err != nil {
		return nil, err
	}
	return nil, invalid("ProvisionedConcurrentExecutions", "ProvisionedConcurrentExecutions: provisioned concurrency is not available on this server. "+
		"It starts instances itself, shortly before a schedule is due, and keeps them for a while after an invocation.")
}

// DeleteProvisionedConcurrencyConfig has nothing to delete.
func (s *Service) DeleteProvisionedConcurrencyConfig(ctx context.Context, in *lambdaapi.DeleteProvisionedConcurrencyConfigInput) (*lambdaapi.DeleteProvisionedConcurrencyConfigOutput, error) {
	_, _, err := s.known(ctx, in.FunctionName, in.Qualifier)
	return &lambdaapi.DeleteProvisionedConcurrencyConfigOutput{}, err
}

// InvokeWithResponseStream refuses, and runs nothing.
func (s *Service) InvokeWithResponseStream(ctx context.Context, in *lambdaapi.InvokeWithResponseStreamInput) (*lambdaapi.InvokeWithResponseStreamOutput, error) {
	if _, _, err := s.known(ctx, in.FunctionName, in.Qualifier); err != nil {
		return nil, err
	}
	return nil, invalid("FunctionName", "Response streaming is not available on this server; call Invoke, which answers with the whole response, up to 6 MB.")
}
