package sqs

import (
	"context"
	"errors"
	"slices"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/sqsapi"
	"github.com/belfry-run/belfry/queue"
)

// SendMessage implements [sqsapi.Service].
func (a *api) SendMessage(ctx context.Context, in *sqsapi.SendMessageInput) (*sqsapi.SendMessageOutput, error) {
	scope, name, err := named(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	m, err := message(scope, &sqsapi.SendMessageBatchRequestEntry{
		MessageBody: in.MessageBody, DelaySeconds: in.DelaySeconds,
		MessageAttributes: in.MessageAttributes, MessageSystemAttributes: in.MessageSystemAttributes,
		MessageDeduplicationId: in.MessageDeduplicationId, MessageGroupId: in.MessageGroupId,
	})
	if err != nil {
		return nil, err
	}
	r, err := a.queues.Send(ctx, scope, name, m)
	if err != nil {
		return nil, err
	}
	return &sqsapi.SendMessageOutput{
		MessageId: new(r.ID.String()), MD5OfMessageBody: new(r.BodyMD5()),
		MD5OfMessageAttributes: optional(r.AttributesMD5()), MD5OfMessageSystemAttributes: optional(r.SystemMD5()),
	}, nil
}

// message translates what a client sends; an entry of a batch has it all.
func message(scope belfry.Scope, in *sqsapi.SendMessageBatchRequestEntry) (queue.Message, error) {
	m := queue.Message{
		Body: *in.MessageBody, DelaySeconds: in.DelaySeconds, Sender: scope.Account,
		GroupID: awswire.Value(in.MessageGroupId), DeduplicationID: awswire.Value(in.MessageDeduplicationId),
	}
	for name, v := range in.MessageAttributes {
		if v.StringListValues != nil || v.BinaryListValues != nil {
			return m, listValues("MessageAttributes")
		}
		a := queue.Attribute{Name: name, Type: awswire.Value(v.DataType), Value: awswire.Value(v.StringValue)}
		if a.Binary() {
			a.Value = string(v.BinaryValue)
		}
		m.Attributes = append(m.Attributes, a)
	}
	for name, v := range in.MessageSystemAttributes {
		switch {
		case name != sqsapi.MessageSystemAttributeNameForSendsAWSTraceHeader:
			return m, belfry.Errorf(belfry.Invalid, "MessageSystemAttributes", "Message system attribute name '%s' is invalid.", name)
		case v.StringListValues != nil || v.BinaryListValues != nil:
			return m, listValues("MessageSystemAttributes")
		case awswire.Value(v.DataType) != "String" || awswire.Value(v.StringValue) == "":
			return m, belfry.Errorf(belfry.Invalid, "MessageSystemAttributes",
				"Message (system) attribute '%s' must contain a non-empty value of type 'String'.", name)
		}
		m.TraceHeader = *v.StringValue
	}
	return m, nil
}

func listValues(field string) error {
	e := belfry.Errorf(belfry.Invalid, field, "Message attribute list values in SendMessage operation are not supported.")
	e.Code = "UnsupportedOperation"
	return e
}

// SendMessageBatch implements [sqsapi.Service].
func (a *api) SendMessageBatch(ctx context.Context, in *sqsapi.SendMessageBatchInput) (*sqsapi.SendMessageBatchOutput, error) {
	scope, name, err := named(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	entries := make([]queue.SendEntry, len(in.Entries))
	for i := range in.Entries {
		m, err := message(scope, &in.Entries[i])
		entries[i] = queue.SendEntry{ID: *in.Entries[i].Id, Message: m, Err: err}
	}
	results, err := a.queues.SendBatch(ctx, scope, name, entries)
	if err != nil {
		return nil, err
	}
	out := &sqsapi.SendMessageBatchOutput{}
	for _, r := range results {
		if r.Err != nil {
			out.Failed = append(out.Failed, a.failed(r.ID, r.Err))
			continue
		}
		v := r.Value
		out.Successful = append(out.Successful, sqsapi.SendMessageBatchResultEntry{
			Id: new(r.ID), MessageId: new(v.ID.String()), MD5OfMessageBody: new(v.BodyMD5()),
			MD5OfMessageAttributes: optional(v.AttributesMD5()), MD5OfMessageSystemAttributes: optional(v.SystemMD5()),
		})
	}
	return out, nil
}

// failed is the entry of a batch that err is about. Its code is the query
// protocol's in both protocols.
func (a *api) failed(id string, err error) sqsapi.BatchResultErrorEntry {
	e := &belfry.Error{Message: "An internal error occurred."}
	errors.As(err, &e)
	f := a.dialect.Kind(e.Kind)
	if g, ok := a.dialect.Code(e.Code); ok {
		f = g
	}
	code := f.Legacy
	if code == "" {
		code = f.Code
	}
	return sqsapi.BatchResultErrorEntry{Id: new(id), SenderFault: new(f.Status < 500), Code: new(code), Message: new(e.Message)}
}

// ReceiveMessage implements [sqsapi.Service].
func (a *api) ReceiveMessage(ctx context.Context, in *sqsapi.ReceiveMessageInput) (*sqsapi.ReceiveMessageOutput, error) {
	scope, name, err := named(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	messages, err := a.queues.Receive(ctx, scope, name, queue.ReceiveOptions{
		Max: in.MaxNumberOfMessages, VisibilityTimeout: in.VisibilityTimeout, WaitTime: in.WaitTimeSeconds,
		Attributes: in.MessageAttributeNames,
		System:     slices.Concat(in.AttributeNames, in.MessageSystemAttributeNames),
		Room:       awswire.TakeAnswer,
	})
	if err != nil {
		if ctx.Err() != nil {
			return &sqsapi.ReceiveMessageOutput{}, nil // the client has gone; nobody reads this
		}
		return nil, err
	}
	out := &sqsapi.ReceiveMessageOutput{}
	for _, m := range messages {
		w := sqsapi.Message{
			MessageId: new(m.ID.String()), ReceiptHandle: new(m.Handle),
			Body: new(m.Body), MD5OfBody: new(m.BodyMD5),
			MD5OfMessageAttributes: optional(m.AttributesMD5),
		}
		if len(m.System) > 0 {
			w.Attributes = m.System
		}
		for _, at := range m.Attributes {
			if w.MessageAttributes == nil {
				w.MessageAttributes = map[string]sqsapi.MessageAttributeValue{}
			}
			v := sqsapi.MessageAttributeValue{DataType: new(at.Type)}
			if at.Binary() {
				v.BinaryValue = []byte(at.Value)
			} else {
				v.StringValue = new(at.Value)
			}
			w.MessageAttributes[at.Name] = v
		}
		out.Messages = append(out.Messages, w)
	}
	return out, nil
}

// DeleteMessage implements [sqsapi.Service].
func (a *api) DeleteMessage(ctx context.Context, in *sqsapi.DeleteMessageInput) (*sqsapi.DeleteMessageOutput, error) {
	scope, name, err := named(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &sqsapi.DeleteMessageOutput{}, a.queues.Delete(ctx, scope, name, *in.ReceiptHandle)
}

// DeleteMessageBatch implements [sqsapi.Service].
func (a *api) DeleteMessageBatch(ctx context.Context, in *sqsapi.DeleteMessageBatchInput) (*sqsapi.DeleteMessageBatchOutput, error) {
	scope, name, err := named(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	entries := make([]queue.DeleteEntry, len(in.Entries))
	for i, e := range in.Entries {
		entries[i] = queue.DeleteEntry{ID: *e.Id, Handle: *e.ReceiptHandle}
	}
	results, err := a.queues.DeleteBatch(ctx, scope, name, entries)
	if err != nil {
		return nil, err
	}
	out := &sqsapi.DeleteMessageBatchOutput{}
	for _, r := range results {
		if r.Err != nil {
			out.Failed = append(out.Failed, a.failed(r.ID, r.Err))
			continue
		}
		out.Successful = append(out.Successful, sqsapi.DeleteMessageBatchResultEntry{Id: new(r.ID)})
	}
	return out, nil
}

// ChangeMessageVisibility implements [sqsapi.Service].
func (a *api) ChangeMessageVisibility(ctx context.Context, in *sqsapi.ChangeMessageVisibilityInput) (*sqsapi.ChangeMessageVisibilityOutput, error) {
	scope, name, err := named(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &sqsapi.ChangeMessageVisibilityOutput{},
		a.queues.ChangeVisibility(ctx, scope, name, *in.ReceiptHandle, *in.VisibilityTimeout)
}

// ChangeMessageVisibilityBatch implements [sqsapi.Service]. An entry without a
// timeout gets 0, as AWS's model leaves it optional.
func (a *api) ChangeMessageVisibilityBatch(ctx context.Context, in *sqsapi.ChangeMessageVisibilityBatchInput) (*sqsapi.ChangeMessageVisibilityBatchOutput, error) {
	scope, name, err := named(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	entries := make([]queue.VisibilityEntry, len(in.Entries))
	for i, e := range in.Entries {
		entries[i] = queue.VisibilityEntry{ID: *e.Id, Handle: *e.ReceiptHandle, Timeout: awswire.Value(e.VisibilityTimeout)}
	}
	results, err := a.queues.ChangeVisibilityBatch(ctx, scope, name, entries)
	if err != nil {
		return nil, err
	}
	out := &sqsapi.ChangeMessageVisibilityBatchOutput{}
	for _, r := range results {
		if r.Err != nil {
			out.Failed = append(out.Failed, a.failed(r.ID, r.Err))
			continue
		}
		out.Successful = append(out.Successful, sqsapi.ChangeMessageVisibilityBatchResultEntry{Id: new(r.ID)})
	}
	return out, nil
}

// optional is nil for what AWS leaves out when it is empty.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return new(s)
}
