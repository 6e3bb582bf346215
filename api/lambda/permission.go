package lambda

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
	"github.com/belfry-run/belfry/function"
)

// AddPermission adds a statement to a function's policy.
func (s *Service) AddPermission(ctx context.Context, in *lambdaapi.AddPermissionInput) (*lambdaapi.AddPermissionOutput, error) {
	r, qualifier, err := ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if err := refuse(
		member{"InvokedViaFunctionUrl", in.InvokedViaFunctionUrl != nil, "function URLs are"},
		member{"FunctionUrlAuthType", in.FunctionUrlAuthType != nil, "function URLs are"},
	); err != nil {
		return nil, err
	}
	st, err := s.host.AddPermission(ctx, r, qualifier, function.Permission{
		StatementID: *in.StatementId, Action: *in.Action, Principal: *in.Principal,
		SourceARN: awswire.Value(in.SourceArn), SourceAccount: awswire.Value(in.SourceAccount),
		EventSourceToken: awswire.Value(in.EventSourceToken), OrganizationID: awswire.Value(in.PrincipalOrgID),
		Revision: awswire.Value(in.RevisionId),
	})
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(st)
	if err != nil {
		return nil, fmt.Errorf("encode the statement: %w", err)
	}
	return &lambdaapi.AddPermissionOutput{Statement: new(string(text))}, nil
}

// GetPolicy answers with a function's policy.
func (s *Service) GetPolicy(ctx context.Context, in *lambdaapi.GetPolicyInput) (*lambdaapi.GetPolicyOutput, error) {
	r, qualifier, err := ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	p, err := s.host.Policy(ctx, r, qualifier)
	if err != nil {
		return nil, err
	}
	text, err := p.Document()
	if err != nil {
		return nil, fmt.Errorf("encode the policy: %w", err)
	}
	return &lambdaapi.GetPolicyOutput{Policy: new(string(text)), RevisionId: &p.Revision}, nil
}

// RemovePermission removes a statement from a function's policy.
func (s *Service) RemovePermission(ctx context.Context, in *lambdaapi.RemovePermissionInput) (*lambdaapi.RemovePermissionOutput, error) {
	r, qualifier, err := ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.RemovePermissionOutput{},
		s.host.RemovePermission(ctx, r, qualifier, *in.StatementId, awswire.Value(in.RevisionId))
}
