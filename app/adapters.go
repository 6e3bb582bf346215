package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/queue"
	"github.com/belfry-run/belfry/target"
)

// functions lets targets run functions of the host.
type functions struct {
	host     *function.Host
	delivery string // Config.LambdaDelivery
	coldRuns prometheus.Counter
}

// InvokeFunction runs a function. The request id is the occurrence's: as with
// Lambda's own retries it stays the same over all attempts.
func (f functions) InvokeFunction(ctx context.Context, call target.FunctionCall) (target.FunctionAnswer, error) {
	r, err := requestOf(call)
	if err != nil {
		return target.FunctionAnswer{}, err
	}
	switch {
	case call.DryRun:
		return target.FunctionAnswer{}, f.host.Check(ctx, r)
	case call.Event || call.StandsIn && f.accepts(r.Function.Account):
		_, err := f.host.InvokeAsync(ctx, r)
		return target.FunctionAnswer{}, err
	case call.StandsIn:
		answer, was, err := f.host.StandIn(ctx, r)
		if err != nil {
			return target.FunctionAnswer{}, err
		}
		if answer.Init > 0 {
			f.coldRuns.Inc()
		}
		a := answerOf(answer)
		if a.Error != "" {
			a.Own, a.Forwards = was.Own(), was.Forwards()
		}
		return a, nil
	}
	answer, err := f.host.Invoke(ctx, r)
	if err != nil {
		return target.FunctionAnswer{}, err
	}
	return answerOf(answer), nil
}

// accepts reports whether scheduled runs of the account's functions end when
// the event is accepted.
func (f functions) accepts(account string) bool {
	return f.delivery == "aws" || slices.Contains(strings.Split(f.delivery, ","), account)
}

// ForwardFunction tells a function's own destinations of what it failed to do.
func (f functions) ForwardFunction(ctx context.Context, call target.FunctionCall, answer target.FunctionAnswer, aged bool) error {
	r, err := requestOf(call)
	if err != nil {
		return err
	}
	last := &function.Response{Payload: answer.Payload, FunctionError: "Unhandled", Version: cmp.Or(answer.Version, function.Latest)}
	return f.host.Failed(ctx, r, last, call.Attempt, aged)
}

func answerOf(r *function.Response) target.FunctionAnswer {
	return target.FunctionAnswer{Payload: r.Payload, Error: r.FunctionError, LogTail: string(r.LogTail()), Version: r.Version}
}

// calledBy returns what a call runs.
func calledBy(call target.FunctionCall) (ref function.Ref, qualifier string, err error) {
	ref, qualifier, err = function.ParseName(call.Scope, call.Function)
	if qualifier == "" {
		qualifier = call.Qualifier
	}
	return ref, qualifier, err
}

func requestOf(call target.FunctionCall) (r function.Request, err error) {
	ref, qualifier, err := calledBy(call)
	if err != nil {
		return r, err
	}
	if call.ClientContext == nil {
		call.ClientContext, err = json.Marshal(map[string]any{"custom": map[string]any{
			"belfry_occurrence_id": call.OccurrenceID, "belfry_attempt": call.Attempt,
		}})
		if err != nil {
			return r, err
		}
	}
	return function.Request{
		Function: ref, Qualifier: qualifier, Payload: call.Payload, RequestID: requestID(call.OccurrenceID), ClientContext: call.ClientContext,
		Patient: true, // the engine decides how long a run may wait
	}, nil
}

// requestID is the id of the invocations that an occurrence leads to.
func requestID(occurrence string) string {
	sum := sha256.Sum256([]byte(occurrence))
	id := uuid.UUID(sum[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8 (RFC 9562)
	return id.String()
}

// records lets the function host send to queues of the server.
type records struct{ service *queue.Service }

// SendMessage puts a message into a queue.
func (q records) SendMessage(ctx context.Context, queueARN, body string, attributes []function.Attribute) error {
	arn, ok := belfry.ParseARN(queueARN)
	if !ok || arn.Service != "sqs" {
		return belfry.Errorf(belfry.Invalid, "Destination", "%s is not the ARN of a queue.", queueARN)
	}
	m := queue.Message{Body: body, Sender: arn.Account}
	for _, a := range attributes {
		m.Attributes = append(m.Attributes, queue.Attribute(a))
	}
	_, err := q.service.Send(ctx, arn.Scope(), arn.Resource, m)
	return err
}

// queues lets targets send to queues of the server.
type queues struct{ service *queue.Service }

// SendMessage puts a message into a queue.
func (q queues) SendMessage(ctx context.Context, queueARN string, m target.Message) error {
	arn, ok := belfry.ParseARN(queueARN)
	if !ok || arn.Service != "sqs" {
		return belfry.Errorf(belfry.Invalid, "Arn", "%s is not the ARN of a queue.", queueARN)
	}
	out := queue.Message{
		Body: m.Body, GroupID: m.GroupID, DeduplicationID: m.DeduplicationID,
		DelaySeconds: m.DelaySeconds, TraceHeader: m.TraceHeader, Sender: arn.Account,
	}
	for _, a := range m.Attributes {
		out.Attributes = append(out.Attributes, queue.Attribute(a))
	}
	_, err := q.service.Send(ctx, arn.Scope(), arn.Resource, out)
	return err
}
