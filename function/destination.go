package function

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/belfry-run/belfry"
)

// Queues delivers to queues. NotFound and Denied are final; after another
// error the event is kept and tried again, as its function is then.
type Queues interface {
	// SendMessage puts a message into a queue and returns when it is durable.
	SendMessage(ctx context.Context, queueARN, body string, attributes []Attribute) error
}

// An Attribute is a typed value beside a message's body.
type Attribute struct{ Name, Type, Value string }

// noQueues stands for a host that knows no queues.
type noQueues struct{}

func (noQueues) SendMessage(_ context.Context, queueARN, _ string, _ []Attribute) error {
	return belfry.Errorf(belfry.NotFound, "", "There is no queue %s.", queueARN)
}

// A condition is how an event ended, as its record says.
type condition string

const (
	success          condition = "Success"
	retriesExhausted condition = "RetriesExhausted"
	tooOld           condition = "EventAgeExceeded"
	zeroConcurrency  condition = "ZeroReservedConcurrency"
)

// end tells those who are to know how an event ended, and then forgets it. When
// somebody cannot be told for now the event is not forgotten, so that it comes
// to its end again. last is the answer of the last try; nil: none reached the
// function.
func (q *events) end(ctx context.Context, f *Function, e *Event, c condition, last *Response) error {
	h := q.host
	if c != success {
		kind, message := last.Failure()
		h.log.WarnContext(ctx, "an event has failed for good", "function", f.ARN(), "request_id", e.ID,
			"condition", string(c), "tries", e.Tries, "error_type", kind, "error_message", message)
	}
	toDestination, toQueue := h.tell(ctx, f, e, c, last)
	err := errors.Join(h.lost(ctx, toDestination, f, e), h.lost(ctx, toQueue, f, e))
	if err != nil {
		return err
	}
	if c != success {
		return h.cfg.Store.FailEvent(ctx, e.ID)
	}
	return h.cfg.Store.DeleteEvent(ctx, e.ID)
}

// tell tells a function's destination, and of a failure its dead-letter queue,
// how an event ended. It returns what kept either from being told.
func (h *Host) tell(ctx context.Context, f *Function, e *Event, c condition, last *Response) (toDestination, toQueue error) {
	if to := f.destination(c); to != "" {
		toDestination = h.deliverRecord(ctx, f, to, newRecord(f, e, c, last, h.now()))
	}
	if c != success && f.DeadLetterARN != "" {
		_, message := last.Failure()
		toQueue = h.deadLetter(ctx, f, e, message)
	}
	return toDestination, toQueue
}

// destination is who is to get the record of an event that ended so; empty:
// nobody.
func (f *Function) destination(c condition) string {
	switch {
	case f.Events == nil:
		return ""
	case c == success:
		return f.Events.OnSuccess
	}
	return f.Events.OnFailure
}

// A record is what a destination gets (semantics.md 3.7).
type record struct {
	Version        string `json:"version"`
	Timestamp      string `json:"timestamp"`
	RequestContext struct {
		RequestID   string    `json:"requestId"`
		FunctionARN string    `json:"functionArn"`
		Condition   condition `json:"condition"`
		Invokes     int       `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	RequestPayload  json.RawMessage  `json:"requestPayload"`
	ResponseContext *responseContext `json:"responseContext,omitempty"`
	ResponsePayload json.RawMessage  `json:"responsePayload,omitempty"`
}

type responseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError,omitempty"`
}

func newRecord(f *Function, e *Event, c condition, last *Response, now time.Time) record {
	r := record{Version: "1.0", Timestamp: now.UTC().Format("2006-01-02T15:04:05.000Z"), RequestPayload: e.Payload}
	r.RequestContext.RequestID = e.ID
	r.RequestContext.FunctionARN = f.ARN() + ":" + cmp.Or(e.Qualifier, Latest)
	r.RequestContext.Condition = c
	r.RequestContext.Invokes = e.Tries
	if last != nil {
		r.ResponseContext = &responseContext{StatusCode: 200, ExecutedVersion: last.Version, FunctionError: last.FunctionError}
		if json.Valid(last.Payload) { // what a binary of the user's answers need not be
			r.ResponsePayload = last.Payload
		}
	}
	return r
}

// deliverRecord sends a record to a queue or a function, or on its way to an
// endpoint.
func (h *Host) deliverRecord(ctx context.Context, f *Function, to string, r record) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the record of event %s: %w", r.RequestContext.RequestID, err)
	}
	arn, _ := belfry.ParseARN(to)
	if isEndpoint(to) {
		err = h.putPost(ctx, f, to, r.RequestContext.RequestID, body)
	} else if arn.Service == "sqs" {
		err = h.cfg.Queues.SendMessage(ctx, to, string(body), nil)
	} else {
		ref, qualifier, parseErr := ParseName(f.Scope, to)
		if err = parseErr; err == nil {
			_, err = h.InvokeAsync(ctx, Request{Function: ref, Qualifier: qualifier, Payload: body})
		}
	}
	if err != nil {
		return fmt.Errorf("deliver to %s: %w", to, err)
	}
	return nil
}

// deadLetter sends a failed event to its function's dead-letter queue.
func (h *Host) deadLetter(ctx context.Context, f *Function, e *Event, message string) error {
	const maxMessage = 1024 // characters
	attributes := []Attribute{{"RequestID", "String", e.ID}, {"ErrorCode", "Number", "200"}}
	if m := []rune(message); len(m) > 0 {
		attributes = append(attributes, Attribute{"ErrorMessage", "String", string(m[:min(len(m), maxMessage)])})
	}
	if err := h.cfg.Queues.SendMessage(ctx, f.DeadLetterARN, string(e.Payload), attributes); err != nil {
		return fmt.Errorf("send to %s: %w", f.DeadLetterARN, err)
	}
	return nil
}

// lost logs a delivery that another try would not help, and returns what is
// left of err.
func (h *Host) lost(ctx context.Context, err error, f *Function, e *Event) error {
	switch belfry.KindOf(err) {
	case belfry.NotFound, belfry.Denied, belfry.Invalid, belfry.TooLarge:
		h.log.ErrorContext(ctx, "how an event ended could not be delivered, and is not tried again",
			"function", f.ARN(), "request_id", e.ID, "error", err)
		return nil
	}
	return err
}
