// Package lambda translates AWS Lambda's API into calls of the function host.
//
// What it keeps true: it decides nothing that the host decides; a member that
// AWS knows and this server cannot honour is refused by name, not ignored; the
// caller's account and region are those that the request was signed for.
package lambda

import (
	"context"
	"net/http"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
	"github.com/belfry-run/belfry/function"
)

// Service implements [lambdaapi.Service] on a function host.
type Service struct {
	host *function.Host
}

var _ lambdaapi.Service = (*Service)(nil)

// New returns the Lambda API of host as a router serves it.
func New(host *function.Host) *awswire.Service {
	s := lambdaapi.New(&Service{host: host})
	s.Calls = map[string]bool{"Invoke": true}
	return s
}

// ref returns the function that a request names, and the version: the
// qualifier in the name and the one beside it must agree.
func ref(ctx context.Context, name, qualifier *string) (function.Ref, string, error) {
	r, derived, err := function.ParseName(awswire.CallerFrom(ctx).Scope, awswire.Value(name))
	if err != nil {
		return r, "", err
	}
	given := awswire.Value(qualifier)
	if derived != "" && given != "" && derived != given {
		return r, "", invalid("Qualifier", "The derived qualifier from the function name does not match the specified qualifier.")
	}
	if given == "" {
		given = derived
	}
	return r, given, nil
}

func invalid(field, message string) error {
	return &belfry.Error{Kind: belfry.Invalid, Code: "InvalidParameterValueException", Field: field, Message: message}
}

// GetFunction answers with a function, and a link to its code.
func (s *Service) GetFunction(ctx context.Context, in *lambdaapi.GetFunctionInput) (*lambdaapi.GetFunctionOutput, error) {
	r, qualifier, err := ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	f, err := s.host.Get(ctx, r, qualifier)
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.GetFunctionOutput{
		Configuration: configuration(f, active, qualifier),
		Code: &lambdaapi.FunctionCodeLocation{
			RepositoryType: new("S3"), // what clients know; it is this server
			Location:       new(s.codeURL(ctx, f.CodeSHA256)),
		},
	}
	if len(f.Tags) > 0 {
		out.Tags = f.Tags
	}
	if f.Reserved != nil {
		out.Concurrency = &lambdaapi.Concurrency{ReservedConcurrentExecutions: f.Reserved}
	}
	return out, nil
}

// GetFunctionConfiguration answers with a function.
func (s *Service) GetFunctionConfiguration(ctx context.Context, in *lambdaapi.GetFunctionConfigurationInput) (*lambdaapi.FunctionConfiguration, error) {
	r, qualifier, err := ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	f, err := s.host.Get(ctx, r, qualifier)
	if err != nil {
		return nil, err
	}
	return configuration(f, active, qualifier), nil
}

// DeleteFunction deletes a function.
func (s *Service) DeleteFunction(ctx context.Context, in *lambdaapi.DeleteFunctionInput) (*lambdaapi.DeleteFunctionOutput, error) {
	r, qualifier, err := ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if err := s.host.Delete(ctx, r, qualifier); err != nil {
		return nil, err
	}
	return &lambdaapi.DeleteFunctionOutput{StatusCode: new(http.StatusNoContent)}, nil // as recorded; the model says 200
}

// GetFunctionCodeSigningConfig answers that there is none.
func (s *Service) GetFunctionCodeSigningConfig(ctx context.Context, in *lambdaapi.GetFunctionCodeSigningConfigInput) (*lambdaapi.GetFunctionCodeSigningConfigOutput, error) {
	r, qualifier, err := ref(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	f, err := s.host.Get(ctx, r, qualifier)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.GetFunctionCodeSigningConfigOutput{CodeSigningConfigArn: new(""), FunctionName: &f.Name}, nil
}
