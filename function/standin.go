package function

import (
	"context"
	"errors"

	"github.com/belfry-run/belfry"
)

// A scheduled run waits for its function, and is tried again by the engine. It
// stands in for the asynchronous invocation that AWS would make of it, so what
// the function's owner has set for those holds for it too.

// StandIn runs a function in place of an asynchronous invocation, and returns
// when it has answered and, if it succeeded, its on-success destination has been
// told; an answer without that is an error. The function is returned as it was
// then, so that the caller can follow its settings.
func (h *Host) StandIn(ctx context.Context, r Request) (*Response, *Function, error) {
	if err := h.enter(); err != nil {
		return nil, nil, err
	}
	defer h.leave()
	f, err := h.resolve(ctx, r.Function, r.Qualifier)
	if err != nil {
		return nil, nil, err
	}
	if err := checkRequest(&r, MaxPayload, "RequestResponse"); err != nil {
		return nil, nil, err
	}
	answer, err := h.invoke(ctx, f, &r)
	if err != nil || answer.FunctionError != "" {
		return answer, f, err
	}
	e := r.event(1)
	told, _ := h.tell(ctx, f, e, success, answer)
	return answer, f, h.lost(ctx, told, f, e)
}

// Failed tells a function's own dead-letter queue and on-failure destination of
// a request that StandIn has tried so often and that is not tried again: because
// it became too old, or else because its tries are used up. last is the last
// answer, as far as it is known.
func (h *Host) Failed(ctx context.Context, r Request, last *Response, tries int, aged bool) error {
	if err := h.enter(); err != nil {
		return err
	}
	defer h.leave()
	f, err := h.resolve(ctx, r.Function, r.Qualifier)
	if err != nil {
		return err
	}
	c := retriesExhausted
	if aged {
		c = tooOld
	}
	return errors.Join(h.tell(ctx, f, r.event(tries), c, last))
}

// event is the event for which the request stands in.
func (r *Request) event(tries int) *Event {
	return &Event{ID: r.RequestID, Function: r.Function, Qualifier: r.Qualifier, Payload: r.Payload, ClientContext: r.ClientContext, Tries: tries}
}

// Own returns how the function's owner has asynchronous invocations tried; nil
// when nothing is set.
func (f *Function) Own() *belfry.OwnPolicy {
	if f.Events == nil {
		return nil
	}
	return &belfry.OwnPolicy{Retries: f.Events.tries() - 1, MaximumAge: f.Events.maxAge()}
}

// Forwards reports whether the function has a place of its own for what it has
// failed to do.
func (f *Function) Forwards() bool {
	return f.DeadLetterARN != "" || f.destination(retriesExhausted) != ""
}
