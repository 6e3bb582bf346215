package function

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/memory"
)

// How events are tried (semantics.md 3.7); see [EventConfig] for the rest.
const (
	eventRetryDelay = time.Minute // after the first error; twice that after the second
	maxBackoff      = 5 * time.Minute
	storeRetryDelay = 10 * time.Second
	eventWorkers    = 32 // events that are under way at once
)

// events is the queue of asynchronous invocations. The store has them; in
// memory is what is due when.
type events struct {
	host *Host
	work chan struct{} // a token for each event under way

	mu     sync.Mutex // guards what follows
	due    dueHeap
	active map[string]bool // ids under way
	wake   chan struct{}   // closed when a nearer one has come
}

type dueEvent struct {
	id   string
	ref  Ref
	at   time.Time
	size int // bytes that it has in the store
}

type dueHeap []dueEvent

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(dueEvent)) }
func (h *dueHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func newEvents(h *Host, workers int) *events {
	return &events{
		host: h, work: make(chan struct{}, workers),
		active: map[string]bool{}, wake: make(chan struct{}),
	}
}

// InvokeAsync accepts an invocation and returns its request id. Once it has
// returned nil the event is durable: it is tried until the function succeeds,
// has failed as often as its [EventConfig] allows, or the event is too old, with
// the same request id each time. A restart may repeat a try. What became of it
// is sent to the destination that the function has for that.
func (h *Host) InvokeAsync(ctx context.Context, r Request) (requestID string, err error) {
	if err := h.enter(); err != nil {
		return "", err
	}
	defer h.leave()
	if _, err := h.resolve(ctx, r.Function, r.Qualifier); err != nil {
		return "", err
	}
	if err := checkRequest(&r, MaxEventPayload, "Event"); err != nil {
		return "", err
	}
	if h.events.count() >= h.cfg.MaxEvents {
		h.counts.throttles.Add(1)
		return "", throttled()
	}
	now := h.now()
	e := &Event{ID: r.RequestID, Function: r.Function, Qualifier: r.Qualifier, Payload: r.Payload, ClientContext: r.ClientContext, Accepted: now, Due: now}
	if err := h.cfg.Store.PutEvent(ctx, e); err != nil {
		return "", fmt.Errorf("store the event: %w", err)
	}
	h.events.add(e)
	return e.ID, nil
}

// Check answers a dry run: whether a request would be taken.
func (h *Host) Check(ctx context.Context, r Request) error {
	if err := h.enter(); err != nil {
		return err
	}
	defer h.leave()
	if _, err := h.resolve(ctx, r.Function, r.Qualifier); err != nil {
		return err
	}
	return checkRequest(&r, MaxPayload, "RequestResponse")
}

func (q *events) count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.due) + len(q.active)
}

// loadEvents takes up what an earlier server has left.
func (h *Host) loadEvents(pending []*Event) {
	for _, e := range pending {
		if e.Endpoint != "" {
			h.posts.add(e)
		} else {
			h.events.add(e)
		}
	}
}

func (q *events) add(e *Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	heap.Push(&q.due, dueEvent{id: e.ID, ref: e.Function, at: e.Due, size: max(e.Size, len(e.Payload)+len(e.ClientContext))})
	if q.due[0].id == e.ID {
		close(q.wake)
		q.wake = make(chan struct{})
	}
}

// forget drops the events of a function that was deleted; the store has
// dropped them already.
func (q *events) forget(ref Ref) {
	q.mu.Lock()
	defer q.mu.Unlock()
	kept := q.due[:0]
	for _, d := range q.due {
		if d.ref != ref {
			kept = append(kept, d)
		}
	}
	clear(q.due[len(kept):])
	q.due = kept
	heap.Init(&q.due)
}

// run tries events as they fall due until ctx ends, and waits for the tries to
// end; they are cut off when work ends.
func (q *events) run(ctx, work context.Context) {
	var tries sync.WaitGroup
	defer tries.Wait()
	for {
		select {
		case q.work <- struct{}{}: // first: what is taken from the queue can be worked on
		case <-ctx.Done():
			return
		}
		d, ok := q.take(ctx)
		if !ok {
			return
		}
		tries.Go(func() {
			defer func() { <-q.work }()
			hold, err := q.host.eventBytes.Take(ctx, d.size)
			if err != nil {
				return // the host stops, and the event is in the store
			}
			defer hold.Release()
			q.try(work, d)
		})
	}
}

// take waits for the next event to fall due.
func (q *events) take(ctx context.Context) (d dueEvent, ok bool) {
	clock := q.host.cfg.Clock
	for {
		q.mu.Lock()
		wake := q.wake
		var timer <-chan time.Time
		if len(q.due) > 0 {
			wait := q.due[0].at.Sub(clock.Now())
			if wait <= 0 {
				d := heap.Pop(&q.due).(dueEvent)
				q.active[d.id] = true
				q.mu.Unlock()
				return d, true
			}
			timer = clock.After(wait)
		}
		q.mu.Unlock()
		select {
		case <-ctx.Done():
			return dueEvent{}, false
		case <-wake:
		case <-timer:
		}
	}
}

// errSetApart is what became of an event whose try ended in a panic.
var errSetApart = errors.New("set apart")

// try runs an event once and makes what follows from it durable.
func (q *events) try(ctx context.Context, d dueEvent) {
	h := q.host
	again, err := (*Event)(nil), errSetApart
	kept, end := memory.Scope(ctx) // the answer's bytes, until it has been told on
	h.cfg.Apart.Do(ctx, "try event", d.id, func() error {
		again, err = q.once(kept, d.id)
		return nil
	})
	end()
	q.mu.Lock()
	delete(q.active, d.id)
	q.mu.Unlock()
	if err != nil {
		// In the store it is as it was.
		if ctx.Err() == nil && h.isRunning() {
			if !errors.Is(err, errSetApart) { // else the log has been told
				h.log.ErrorContext(ctx, "an event could not be dealt with; it is tried again later", "request_id", d.id, "error", err)
			}
			q.add(&Event{ID: d.id, Function: d.ref, Size: d.size, Due: h.now().Add(max(storeRetryDelay, h.cfg.Apart.Wait("try event", d.id)))})
		}
		return
	}
	if again != nil {
		q.add(again)
	}
}

// once tries an event, and returns it when it is to be tried again.
func (q *events) once(ctx context.Context, id string) (*Event, error) {
	h := q.host
	e, err := h.cfg.Store.Event(ctx, id)
	if err != nil {
		return nil, unlessGone(err) // then its function was deleted
	}
	if e.Endpoint != "" {
		return q.post(ctx, e)
	}
	f, err := h.resolve(ctx, e.Function, e.Qualifier)
	if err != nil && belfry.KindOf(err) != belfry.NotFound {
		return nil, err
	}
	var response *Response
	if err == nil {
		if f.Reserved != nil && *f.Reserved == 0 {
			return nil, q.end(ctx, f, e, zeroConcurrency, nil)
		}
		taken, claimErr := q.claim(ctx, f, e)
		switch {
		case belfry.KindOf(claimErr) == belfry.Invalid:
			return nil, q.keyless(ctx, f, e, claimErr)
		case claimErr != nil:
			return nil, unlessGone(claimErr)
		case taken != "":
			return nil, q.skip(ctx, f, e, taken)
		}
		response, err = h.runEvent(ctx, f, e)
	}
	switch {
	case err == nil && response.FunctionError == "":
		e.Tries++
		return nil, q.end(ctx, f, e, success, response)
	case err == nil:
		e.Tries, e.Backoffs = e.Tries+1, 0
		if e.Tries >= f.Events.tries() {
			return nil, q.end(ctx, f, e, retriesExhausted, response)
		}
		e.Due = h.now().Add(eventRetryDelay * time.Duration(e.Tries))
	case ctx.Err() != nil || h.pools.isClosed() || !h.isRunning():
		return nil, err
	case belfry.KindOf(err) == belfry.NotFound:
		h.log.WarnContext(ctx, "an event was dropped: its function is gone", "function", e.Function.ARN(), "request_id", id)
		return nil, h.cfg.Store.FailEvent(ctx, id)
	default:
		e.Backoffs++
		e.Due = h.now().Add(backoff(e.Backoffs))
	}
	if e.Due.Sub(e.Accepted) > f.Events.maxAge() {
		return nil, q.end(ctx, f, e, tooOld, response)
	}
	if err := h.cfg.Store.UpdateEvent(ctx, e); err != nil {
		return nil, unlessGone(err)
	}
	return e, nil
}

// runEvent gives an event to f, which is chosen already.
func (h *Host) runEvent(ctx context.Context, f *Function, e *Event) (*Response, error) {
	if err := h.enter(); err != nil {
		return nil, err
	}
	defer h.leave()
	return h.invoke(ctx, f, &Request{
		Function: e.Function, Qualifier: e.Qualifier, Payload: e.Payload, RequestID: e.ID, ClientContext: e.ClientContext,
	})
}

func unlessGone(err error) error {
	if belfry.KindOf(err) == belfry.NotFound {
		return nil
	}
	return err
}
