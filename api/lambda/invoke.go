package lambda

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/lambdaapi"
	"github.com/belfry-run/belfry/function"
)

// Invoke runs a function, queues an event for it, or checks whether it would.
func (s *Service) Invoke(ctx context.Context, in *lambdaapi.InvokeInput) (*lambdaapi.InvokeOutput, error) {
	r, qualifier, err := ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if err := refuse(
		member{"DurableExecutionName", in.DurableExecutionName != nil, "durable functions are"},
		member{"TenantId", in.TenantId != nil, "tenancy is"},
	); err != nil {
		return nil, err
	}
	clientContext, err := decodeContext(in.ClientContext)
	if err != nil {
		return nil, err
	}
	req := function.Request{
		Function: r, Qualifier: qualifier, Payload: in.Payload, ClientContext: clientContext,
		RequestID: awswire.RequestIDFrom(ctx), // clients look for the one that the answer's header has
	}
	switch awswire.Value(in.InvocationType) {
	case lambdaapi.InvocationTypeDryRun:
		if err := s.host.Check(ctx, req); err != nil {
			return nil, reason(err)
		}
		return &lambdaapi.InvokeOutput{StatusCode: new(http.StatusNoContent)}, nil
	case lambdaapi.InvocationTypeEvent:
		if _, err := s.host.InvokeAsync(ctx, req); err != nil {
			return nil, reason(err)
		}
		return &lambdaapi.InvokeOutput{StatusCode: new(http.StatusAccepted)}, nil
	}
	in.Payload = nil // it may be large, and the function may run for long
	req.Delivered = func() { awswire.BodyGone(ctx) }
	// As on Lambda, the function runs on when the client goes away.
	answer, err := s.host.Invoke(context.WithoutCancel(ctx), req)
	if err != nil {
		return nil, reason(err)
	}
	out := &lambdaapi.InvokeOutput{StatusCode: new(http.StatusOK), ExecutedVersion: new(answer.Version), Payload: answer.Payload}
	if answer.FunctionError != "" {
		out.FunctionError = new(answer.FunctionError)
	}
	if awswire.Value(in.LogType) == lambdaapi.LogTypeTail {
		out.LogResult = new(base64.StdEncoding.EncodeToString(answer.LogTail()))
	}
	return out, nil
}

// reason says why a request was throttled, as Lambda does.
func reason(err error) error {
	switch {
	case function.OverReserved(err):
		return awswire.WithReason(err, "ReservedFunctionConcurrentInvocationLimitExceeded")
	case belfry.KindOf(err) == belfry.Throttled:
		return awswire.WithReason(err, "ConcurrentInvocationLimitExceeded")
	}
	return err
}

func decodeContext(given *string) ([]byte, error) {
	if given == nil {
		return nil, nil
	}
	refused := func(message string) error {
		return &belfry.Error{Kind: belfry.Invalid, Code: "InvalidRequestContentException", Field: "ClientContext", Message: message}
	}
	if len(*given) > function.MaxContext {
		return nil, refused("The client context must not be longer than 3583 bytes.")
	}
	b, err := base64.StdEncoding.DecodeString(*given)
	if err != nil {
		return nil, refused("Client context must be a valid Base64-encoded JSON object.")
	}
	return b, nil
}

func list(items []string) string { return "[" + strings.Join(items, ", ") + "]" }
