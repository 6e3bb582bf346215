package function

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/belfry-run/belfry"
)

// onces is what the functions that have a once_per say, so that who asks for
// each of its deliveries need not read the store.
type onces struct {
	change sync.Mutex // held while one is changed, in the store and in byRef
	byRef  sync.Map   // Ref → *belfry.OncePer
	count  atomic.Int64
}

func (o *onces) set(ref Ref, once *belfry.OncePer) {
	var had bool
	if once == nil {
		if _, had = o.byRef.LoadAndDelete(ref); had {
			o.count.Add(-1)
		}
	} else if _, had = o.byRef.Swap(ref, once); !had {
		o.count.Add(1)
	}
}

// AnyOncePer says whether any function has a once_per.
func (h *Host) AnyOncePer() bool { return h.onces.count.Load() > 0 }

// OncePer returns the function's once_per; nil when it has none, or is not
// there. It is quick.
func (h *Host) OncePer(ref Ref) *belfry.OncePer {
	once, ok := h.onces.byRef.Load(ref)
	if !ok {
		return nil
	}
	return once.(*belfry.OncePer)
}

// SetOncePer lets one delivery of each window through to the function: of its
// asynchronous invocations, and of those that a scheduler asks about. nil lets
// all through. Direct synchronous invocations are not concerned.
func (h *Host) SetOncePer(ctx context.Context, ref Ref, once *belfry.OncePer) error {
	if once != nil {
		if err := once.Check(); err != nil {
			return err
		}
	}
	h.onces.change.Lock()
	defer h.onces.change.Unlock()
	_, err := h.amend(ctx, ref, "", func(f *Function) error {
		f.OncePer = once
		return nil
	})
	if err == nil {
		h.onces.set(ref, once)
	}
	return err
}

// claim takes what the event needs before its first try. taken says who has it
// already; the error is Invalid when the payload has no key.
func (q *events) claim(ctx context.Context, f *Function, e *Event) (taken string, err error) {
	once := f.OncePer
	if once == nil || once.Window == belfry.OncePerOccurrence || e.Tries+e.Backoffs > 0 {
		return "", nil // an event is an occurrence of its own
	}
	c, err := once.Claim(f.ARN(), e.Accepted, string(e.Payload))
	if err != nil {
		return "", err
	}
	return q.host.cfg.Store.ClaimEvent(ctx, e.ID, c, q.host.now())
}

// keyless ends an event whose payload has no key for the function's once_per.
func (q *events) keyless(ctx context.Context, f *Function, e *Event, err error) error {
	return q.end(ctx, f, e, retriesExhausted, &Response{
		RequestID: e.ID, Version: f.VersionName(), FunctionError: unhandled, Payload: errorPayload("Belfry.NoOncePerKey", err.Error()),
	})
}

// skip forgets an event that another delivery of its window made needless.
func (q *events) skip(ctx context.Context, f *Function, e *Event, taken string) error {
	q.host.counts.skipped.Add(1)
	q.host.log.InfoContext(ctx, "an event was skipped, because it was done already", "function", f.ARN(), "request_id", e.ID, "because", taken)
	return q.host.cfg.Store.DeleteEvent(ctx, e.ID)
}
