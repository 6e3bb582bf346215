package app

import (
	"context"
	"crypto/sha256"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/queue"
	"github.com/belfry-run/belfry/target"
)

// functions lets targets run functions of the host.
type functions struct{ host *function.Host }

// InvokeFunction runs a function. The request id is the occurrence's: as with
// Lambda's own retries it stays the same over all attempts.
func (f functions) InvokeFunction(ctx context.Context, call target.FunctionCall) (target.FunctionAnswer, error) {
	arn, ok := belfry.ParseARN(call.ARN)
	if !ok {
		return target.FunctionAnswer{}, belfry.Errorf(belfry.Invalid, "Target.Arn", "%s is not an ARN.", call.ARN)
	}
	ref, qualifier, err := function.ParseName(arn.Scope(), call.ARN)
	if err != nil {
		return target.FunctionAnswer{}, err
	}
	clientContext, err := json.Marshal(map[string]any{"custom": map[string]any{
		"belfry_occurrence_id": call.OccurrenceID, "belfry_attempt": call.Attempt,
	}})
	if err != nil {
		return target.FunctionAnswer{}, err
	}
	sum := sha256.Sum256([]byte(call.OccurrenceID))
	id := uuid.UUID(sum[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8 (RFC 9562)
	r, err := f.host.Invoke(ctx, function.Request{
		Function: ref, Qualifier: qualifier, Payload: call.Payload, RequestID: id.String(), ClientContext: clientContext,
	})
	if err != nil {
		return target.FunctionAnswer{}, err
	}
	return target.FunctionAnswer{Payload: r.Payload, Error: r.FunctionError, LogTail: string(r.LogTail())}, nil
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

// SendMessage puts a message into a queue; the attributes are strings.
func (q queues) SendMessage(ctx context.Context, queueARN, body, groupID string, attributes map[string]string) error {
	arn, ok := belfry.ParseARN(queueARN)
	if !ok || arn.Service != "sqs" {
		return belfry.Errorf(belfry.Invalid, "Arn", "%s is not the ARN of a queue.", queueARN)
	}
	m := queue.Message{Body: body, GroupID: groupID, Sender: arn.Account}
	for name, value := range attributes {
		m.Attributes = append(m.Attributes, queue.Attribute{Name: name, Type: "String", Value: value})
	}
	_, err := q.service.Send(ctx, arn.Scope(), arn.Resource, m)
	return err
}
