package lambda

import (
	"context"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
	"github.com/belfry-run/belfry/function"
)

// PutFunctionConcurrency limits how many invocations of a function run at once.
func (s *Service) PutFunctionConcurrency(ctx context.Context, in *lambdaapi.PutFunctionConcurrencyInput) (*lambdaapi.Concurrency, error) {
	r, err := latest(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := s.host.SetReserved(ctx, r, in.ReservedConcurrentExecutions); err != nil {
		return nil, err
	}
	return &lambdaapi.Concurrency{ReservedConcurrentExecutions: in.ReservedConcurrentExecutions}, nil
}

// GetFunctionConcurrency answers with a function's limit, or with nothing.
func (s *Service) GetFunctionConcurrency(ctx context.Context, in *lambdaapi.GetFunctionConcurrencyInput) (*lambdaapi.GetFunctionConcurrencyOutput, error) {
	r, qualifier, err := ref(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	f, err := s.host.Get(ctx, r, qualifier)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.GetFunctionConcurrencyOutput{ReservedConcurrentExecutions: f.Reserved}, nil
}

// DeleteFunctionConcurrency takes a function's limit back.
func (s *Service) DeleteFunctionConcurrency(ctx context.Context, in *lambdaapi.DeleteFunctionConcurrencyInput) (*lambdaapi.DeleteFunctionConcurrencyOutput, error) {
	r, err := latest(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.DeleteFunctionConcurrencyOutput{}, s.host.SetReserved(ctx, r, nil)
}

// GetAccountSettings answers with Lambda's limits, and what the caller's
// functions take of them.
func (s *Service) GetAccountSettings(ctx context.Context, _ *lambdaapi.GetAccountSettingsInput) (*lambdaapi.GetAccountSettingsOutput, error) {
	u, err := s.host.Usage(ctx, awswire.CallerFrom(ctx).Scope)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.GetAccountSettingsOutput{
		AccountLimit: &lambdaapi.AccountLimit{
			TotalCodeSize: new(int64(function.MaxCodeStorage)), CodeSizeUnzipped: new(int64(function.MaxUnzipped)), CodeSizeZipped: new(int64(function.MaxZip)),
			ConcurrentExecutions:           new(function.AccountConcurrency),
			UnreservedConcurrentExecutions: new(function.AccountConcurrency - u.Reserved),
		},
		AccountUsage: &lambdaapi.AccountUsage{TotalCodeSize: &u.CodeSize, FunctionCount: new(int64(u.Functions))},
	}, nil
}
