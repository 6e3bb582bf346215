package target_test

import (
	"context"
	"errors"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/target"
)

type functions struct {
	call   target.FunctionCall
	answer target.FunctionAnswer
	err    error
	aged   bool
}

func (f *functions) InvokeFunction(_ context.Context, call target.FunctionCall) (target.FunctionAnswer, error) {
	f.call = call
	return f.answer, f.err
}

func (f *functions) ForwardFunction(_ context.Context, call target.FunctionCall, answer target.FunctionAnswer, aged bool) error {
	f.call, f.answer, f.aged = call, answer, aged
	return f.err
}

const functionARN = "arn:aws:lambda:us-east-1:000000000000:function:f"

func TestWhatTheErrorOfAServiceMeans(t *testing.T) {
	tests := []struct {
		kind            belfry.Kind
		status          belfry.AttemptStatus
		function, queue string
	}{
		{belfry.Invalid, belfry.AttemptPermanent, "Lambda.ValidationException", "SQS.ValidationException"},
		{belfry.NotFound, belfry.AttemptPermanent, "Lambda.ResourceNotFoundException", "AWS.SimpleQueueService.NonExistentQueue"},
		{belfry.Denied, belfry.AttemptPermanent, "Lambda.AccessDeniedException", "SQS.AccessDeniedException"},
		{belfry.TooLarge, belfry.AttemptPermanent, "Lambda.RequestEntityTooLargeException", "SQS.RequestEntityTooLargeException"},
		{belfry.Conflict, belfry.AttemptRetryable, "Lambda.ResourceConflictException", "SQS.ResourceConflictException"},
		{belfry.Throttled, belfry.AttemptRetryable, "Lambda.TooManyRequestsException", "SQS.TooManyRequestsException"},
		{belfry.Quota, belfry.AttemptRetryable, "Lambda.ServiceQuotaExceededException", "SQS.ServiceQuotaExceededException"},
		{belfry.Unavailable, belfry.AttemptRetryable, "Lambda.ServiceUnavailableException", "SQS.ServiceUnavailableException"},
	}
	for _, tt := range tests {
		t.Run(tt.kind.String(), func(t *testing.T) {
			err := belfry.Errorf(tt.kind, "", "why")
			x := target.New(&functions{err: err}, &queues{err: err}, nil, agent, target.Bounds{})
			r := x.Invoke(t.Context(), invocation(functionARN, `{"a":1}`))
			wantResult(t, r, tt.status, tt.function)
			if r.ErrorMessage != "why" || r.Payload != `{"a":1}` || r.HandlerError {
				t.Errorf("got %+v", r)
			}
			wantResult(t, x.Invoke(t.Context(), invocation(queueARN, "text")), tt.status, tt.queue)
		})
	}
	t.Run("one that is ours", func(t *testing.T) {
		err := errors.New("disk at /secret/path is full")
		x := target.New(&functions{err: err}, &queues{err: err}, nil, agent, target.Bounds{})
		for _, arn := range []string{functionARN, queueARN} {
			r := x.Invoke(t.Context(), invocation(arn, "{}"))
			wantResult(t, r, belfry.AttemptRetryable, "AWS.Scheduler.InternalServerError")
			if r.ErrorMessage != "Unexpected error occurred while processing the request" {
				t.Errorf("message: %s", r.ErrorMessage)
			}
		}
	})
}

func TestWhatAFunctionIsGivenAndAnswers(t *testing.T) {
	f := &functions{answer: target.FunctionAnswer{LogTail: "END"}}
	x := target.New(f, nil, nil, agent, target.Bounds{})
	r := x.Invoke(t.Context(), invocation(functionARN, `{"a":1}`))
	if r.Status != belfry.AttemptSucceeded || r.Log != "END" || r.Payload != "" {
		t.Errorf("got %+v", r)
	}
	if f.call.Function != functionARN || string(f.call.Payload) != `{"a":1}` || f.call.OccurrenceID != occurrence.OccurrenceID() || f.call.Attempt != 2 {
		t.Errorf("called with %+v", f.call)
	}
	f.answer = target.FunctionAnswer{Error: "Unhandled", Payload: []byte(`{"errorType":"KeyError","errorMessage":"no x"}`)}
	r = x.Invoke(t.Context(), invocation(functionARN, "{}"))
	wantResult(t, r, belfry.AttemptRetryable, "KeyError")
	if !r.HandlerError || r.ErrorMessage != "no x" {
		t.Errorf("got %+v", r)
	}
	f.answer.Payload = []byte("no JSON")
	r = x.Invoke(t.Context(), invocation(functionARN, "{}"))
	wantResult(t, r, belfry.AttemptRetryable, "Unhandled")
}

func TestAMessageGoesToItsGroup(t *testing.T) {
	q := &queues{}
	in := invocation(queueARN+".fifo", "text")
	in.Target.Parameters = []byte(`{"SqsParameters":{"MessageGroupId":"g"}}`)
	wantResult(t, target.New(nil, q, nil, agent, target.Bounds{}).Invoke(t.Context(), in), belfry.AttemptSucceeded, "")
	if q.arn != queueARN+".fifo" || q.body != "text" || q.group != "g" {
		t.Errorf("got %+v", q)
	}
}

func TestWhatAFunctionFailedIsHandedToIt(t *testing.T) {
	own := &belfry.OwnPolicy{Retries: 1}
	f := &functions{answer: target.FunctionAnswer{Error: "Unhandled", Payload: []byte(`{"errorType":"KeyError"}`), Version: "7", Own: own, Forwards: true}}
	x := target.New(f, nil, nil, agent, target.Bounds{})
	in := invocation(functionARN, `{"a":1}`)
	r := x.Invoke(t.Context(), in)
	if !f.call.StandsIn || r.Own != own || !r.Forwards {
		t.Errorf("called with %+v, got %+v", f.call, r)
	}
	f.err = errors.New("not now")
	if err := x.Forward(t.Context(), in, r.Payload, &r, true); !errors.Is(err, f.err) {
		t.Errorf("got %v", err)
	}
	if string(f.call.Payload) != `{"a":1}` || f.call.Attempt != 2 || string(f.answer.Payload) != `{"errorType":"KeyError"}` || f.answer.Version != "7" || !f.aged {
		t.Errorf("handed %+v, %+v, aged %t", f.call, f.answer, f.aged)
	}
}
