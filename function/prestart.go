package function

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/barrier"
)

// How far ahead of its time an instance is started: what the function's own
// starts have taken, and something for what they may take longer.
const (
	leadMargin   = 100 * time.Millisecond
	shortestLead = 150 * time.Millisecond
	longestLead  = 10 * time.Second
	// unknownInit stands for the starts of a function that has not been started
	// since the server was, or since its code changed.
	unknownInit = 500 * time.Millisecond
	// aheadPerCore bounds the instances of one function that are made ready for one
	// moment: more do not answer sooner, as those that are done first serve the rest.
	aheadPerCore = 8
	maxWishes    = 10_000 // moments that are kept; each holds about 200 bytes
	// promiseGrace is how long an instance is kept for an invocation that is late.
	promiseGrace = time.Second
	roomPause    = 100 * time.Millisecond // until room is looked for again
)

// A wish is that instances of a function be ready at a moment.
type wish struct {
	wishKey
	count int       // invocations that are due then
	start time.Time // when to look at it
	place int       // in the heap; -1: it waits for its turn
}

type wishKey struct {
	ref       Ref
	qualifier string
	due       int64 // milliseconds of Unix time
}

// prestarts start instances before they are needed. They take turns, behind all
// callers; what is not ready in time costs nothing but a cold start.
type prestarts struct {
	host *Host
	wake chan struct{} // cap 1: a wish has come, or there may be room

	mu     sync.Mutex // guards what follows
	wishes map[wishKey]*wish
	queue  wishHeap // those whose time has not come
	total  int      // invocations that are wished for
}

func newPrestarts(h *Host) *prestarts {
	return &prestarts{host: h, wake: make(chan struct{}, 1), wishes: map[wishKey]*wish{}}
}

// Prestart says that a function will be invoked at the time due, which is in the
// future, so that an instance is ready then. It is called once for each such
// invocation and returns at once. Nothing is promised: a function that is edited,
// deleted or not invoked meanwhile leaves at most an idle instance.
func (h *Host) Prestart(ref Ref, qualifier string, due time.Time) {
	h.prestarts.wish(wishKey{ref, qualifier, due.UnixMilli()})
}

func (q *prestarts) wish(key wishKey) {
	lead, init := q.host.pools.lead(key.ref)
	now := q.host.cfg.Clock.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	w := q.wishes[key]
	switch {
	case key.due <= now.UnixMilli():
		return
	case w == nil && len(q.wishes) >= maxWishes:
		return
	case w == nil:
		w = &wish{wishKey: key}
		q.wishes[key] = w
		heap.Push(&q.queue, w)
	}
	w.count++
	q.total++
	// The more there is to start, the earlier it begins: starts take turns.
	turns := time.Duration(q.total / maxAhead())
	w.start = time.UnixMilli(key.due).Add(-min(lead+turns*init, longestLead))
	if w.place >= 0 {
		heap.Fix(&q.queue, w.place)
	}
	if w.place <= 0 {
		q.poke()
	}
}

// poke has what can be started looked at.
func (q *prestarts) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// run starts what is wished for until ctx ends, and waits for the starts to end.
func (q *prestarts) run(ctx context.Context) {
	h := q.host
	var starts sync.WaitGroup
	defer starts.Wait()
	var turn []*wish // those that wait for a start, the first due first
	for ctx.Err() == nil {
		coming, next := q.come()
		if len(coming) > 0 {
			turn = append(turn, coming...)
			slices.SortStableFunc(turn, func(a, b *wish) int { return cmp.Compare(a.due, b.due) })
		}
		for len(turn) > 0 {
			var again time.Time
			var waits bool
			h.cfg.Apart.Do(ctx, "prestart", turn[0].ref.ARN(), func() error {
				again, waits = q.grant(ctx, &starts, turn[0])
				return nil
			})
			if waits {
				break
			}
			next = q.later(turn[0], again, next)
			turn[0], turn = nil, turn[1:]
		}
		var timer <-chan time.Time
		if !next.IsZero() {
			timer = q.host.cfg.Clock.After(max(next.Sub(q.host.cfg.Clock.Now()), 0))
		}
		select {
		case <-q.wake:
		case <-timer:
		case <-ctx.Done():
		}
	}
}

// come takes the wishes whose time has come, and says when the next one's does.
func (q *prestarts) come() (coming []*wish, next time.Time) {
	now := q.host.cfg.Clock.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.queue) > 0 {
		if q.queue[0].start.After(now) {
			return coming, q.queue[0].start
		}
		coming = append(coming, heap.Pop(&q.queue).(*wish)) //nolint:forcetypeassert // of this file
	}
	return coming, time.Time{}
}

// later puts a wish back until the time again; zero forgets it. It returns the
// earlier of that and next.
func (q *prestarts) later(w *wish, again, next time.Time) time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	if again.IsZero() {
		q.total -= w.count
		delete(q.wishes, w.wishKey)
		return next
	}
	w.start = again
	heap.Push(&q.queue, w)
	if next.IsZero() || again.Before(next) {
		return again
	}
	return next
}

// grant starts what a wish lacks, and says when to look at it again, zero for
// never; or that it waits for its turn.
func (q *prestarts) grant(ctx context.Context, starts *sync.WaitGroup, w *wish) (again time.Time, waits bool) {
	h := q.host
	now := h.cfg.Clock.Now()
	due := time.UnixMilli(w.due)
	if !due.After(now) {
		return time.Time{}, false
	}
	f, err := h.resolve(ctx, w.ref, w.qualifier)
	if err != nil {
		if belfry.KindOf(err) != belfry.NotFound && ctx.Err() == nil {
			h.log.WarnContext(ctx, "a function could not be made ready before it is due", "function", w.ref.ARN(), "error", err)
		}
		return time.Time{}, false
	}
	q.mu.Lock()
	want := min(w.count, aheadPerCore*maxAhead())
	q.mu.Unlock()
	for {
		switch h.pools.reserveAhead(f, want, due) {
		case startOne:
			starts.Go(func() {
				// It has taken room, so it is not passed over.
				if err := barrier.Try(func() error { q.start(ctx, f, due); return nil }); err != nil {
					h.cfg.Apart.Report(ctx, "start ahead", f.ARN(), err)
				}
			})
		case haveEnough:
			if awake := due.Add(-shortestLead); awake.After(now) {
				return awake, false // the function may have changed by then
			}
			for _, in := range h.pools.promisedAt(f, due) {
				in.wake(due.Sub(now) + promiseGrace)
			}
			return due, false // until then there may be more that are due with it
		case noRoom:
			if again = now.Add(roomPause); again.After(due) {
				again = due
			}
			return again, false
		case notYet:
			return time.Time{}, true
		}
	}
}

// start brings an instance up and lays it by. No invocation waits for that, so
// none will report it.
func (q *prestarts) start(ctx context.Context, f *Function, due time.Time) {
	h := q.host
	h.counts.prestarts.Add(1)
	v := &outcome{}
	in, err := h.start(ctx, f, v)
	if in == nil {
		h.pools.endAhead(f)
	}
	switch {
	case in != nil:
		h.log.DebugContext(ctx, "a function is ready before it is due", "function", f.ARN(), "due", due, "init", in.initTime)
		in.initTime = 0
		switch idle, left := h.pools.lay(in, due), due.Sub(h.cfg.Clock.Now()); {
		case !idle:
		case left > shortestLead:
			in.freeze()
		default:
			in.wake(left + promiseGrace)
		}
	case ctx.Err() != nil || h.pools.isClosed():
	case err != nil:
		h.log.WarnContext(ctx, "a function could not be made ready before it is due", "function", f.ARN(), "due", due, "error", err)
	default: // the invocation will say so
		h.log.DebugContext(ctx, "a function's start failed before it is due", "function", f.ARN(), "due", due, "error", string(v.Payload))
	}
}

type wishHeap []*wish

func (h wishHeap) Len() int           { return len(h) }
func (h wishHeap) Less(i, j int) bool { return h[i].start.Before(h[j].start) }
func (h wishHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *wishHeap) Push(x any) {
	w := x.(*wish) //nolint:forcetypeassert // of this file
	w.place = len(*h)
	*h = append(*h, w)
}

func (h *wishHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	last.place = -1
	return last
}
