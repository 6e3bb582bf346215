package lambda

import (
	"context"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
)

// What follows answers for settings that functions here do not have, as Lambda
// does for a function that has none: tools read them on their way.

// GetRuntimeManagementConfig answers that the server chooses the interpreter.
func (s *Service) GetRuntimeManagementConfig(ctx context.Context, in *lambdaapi.GetRuntimeManagementConfigInput) (*lambdaapi.GetRuntimeManagementConfigOutput, error) {
	r, qualifier, err := ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if _, err := s.host.Get(ctx, r, qualifier); err != nil {
		return nil, err
	}
	arn := r.ARN()
	if qualifier != "" {
		arn += ":" + qualifier
	}
	return &lambdaapi.GetRuntimeManagementConfigOutput{UpdateRuntimeOn: new(lambdaapi.UpdateRuntimeOnAuto), FunctionArn: &arn}, nil
}

// GetFunctionRecursionConfig answers with Lambda's default.
func (s *Service) GetFunctionRecursionConfig(ctx context.Context, in *lambdaapi.GetFunctionRecursionConfigInput) (*lambdaapi.GetFunctionRecursionConfigOutput, error) {
	r, err := latest(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if _, err := s.host.Get(ctx, r, ""); err != nil {
		return nil, err
	}
	return &lambdaapi.GetFunctionRecursionConfigOutput{RecursiveLoop: new(lambdaapi.RecursiveLoopTerminate)}, nil
}

// GetProvisionedConcurrencyConfig answers that there is none.
func (s *Service) GetProvisionedConcurrencyConfig(ctx context.Context, in *lambdaapi.GetProvisionedConcurrencyConfigInput) (*lambdaapi.GetProvisionedConcurrencyConfigOutput, error) {
	r, qualifier, err := ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if _, err := s.host.Get(ctx, r, qualifier); err != nil {
		return nil, err
	}
	return nil, &belfry.Error{
		Kind: belfry.NotFound, Code: "ProvisionedConcurrencyConfigNotFoundException",
		Message: "No Provisioned Concurrency Config found for this function",
	}
}
