package function

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

// Endpoints delivers over HTTP. Invalid, NotFound and Denied are final; after
// another error the record is tried again.
type Endpoints interface {
	// Post sends a JSON text and returns when the endpoint has accepted it. The id
	// stays the same when the same text is sent again.
	Post(ctx context.Context, url, id string, body []byte) error
}

// noEndpoints stands for a host that reaches none.
type noEndpoints struct{}

func (noEndpoints) Post(_ context.Context, url, _ string, _ []byte) error {
	return belfry.Errorf(belfry.Denied, "", "This server does not deliver to %s.", url)
}

const postWorkers = 16 // records that are on their way to endpoints at once

// isEndpoint says whether a destination is a URL, which only Belfry has.
func isEndpoint(to string) bool {
	return strings.HasPrefix(to, "https://") || strings.HasPrefix(to, "http://")
}

// checkEndpoint refuses what is no place to post to. A password does not belong
// into it: whoever may read the function's settings sees it.
func checkEndpoint(to string) error {
	u, err := url.Parse(to)
	switch {
	case err != nil || u.Hostname() == "":
		return invalid("Destination", "The destination URL "+to+" is invalid.")
	case u.User != nil:
		return invalid("Destination", "The destination URL must not have a user or a password: the function's settings show it.")
	case strings.Contains(to, "#"):
		return invalid("Destination", "The destination URL "+to+" is invalid: leave out what begins with #.")
	}
	return nil
}

// putPost makes a record durable that is to be posted. It is an event without a
// function to run; the same record takes its own place.
func (h *Host) putPost(ctx context.Context, f *Function, to, requestID string, body []byte) error {
	now := h.now()
	e := &Event{ID: requestID + "-record", Function: f.Ref, Endpoint: to, Payload: body, Accepted: now, Due: now}
	if err := h.cfg.Store.PutEvent(ctx, e); err != nil {
		return err
	}
	h.posts.add(e)
	return nil
}

// post posts a record once, and returns it when it is to be tried again.
func (q *events) post(ctx context.Context, e *Event) (*Event, error) {
	h := q.host
	id := strings.TrimSuffix(e.ID, "-record")
	err := h.cfg.Endpoints.Post(ctx, e.Endpoint, id, e.Payload)
	if err != nil && ctx.Err() != nil {
		return nil, err // it is cut off, and in the store
	}
	final := err == nil
	switch belfry.KindOf(err) {
	case belfry.NotFound, belfry.Denied, belfry.Invalid, belfry.TooLarge:
		final = true
	}
	if !final {
		e.Backoffs++
		if e.Due = h.now().Add(backoff(e.Backoffs)); e.Due.Sub(e.Accepted) <= MaxEventAge {
			if err := h.cfg.Store.UpdateEvent(ctx, e); err != nil {
				return nil, unlessGone(err)
			}
			return e, nil
		}
	}
	if err != nil {
		h.log.ErrorContext(ctx, "how an event ended could not be delivered, and is not tried again",
			"function", e.Function.ARN(), "request_id", id, "destination", e.Endpoint, "error", err)
	}
	return nil, h.cfg.Store.DeleteEvent(ctx, e.ID)
}

// backoff is the pause after so many tries in a row that came to nothing.
func backoff(n int) time.Duration { return min(time.Second<<min(n-1, 16), maxBackoff) }
