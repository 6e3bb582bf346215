package engine

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
)

// run starts what is due until ctx ends. Attempts get their own context, which
// outlives it. The error, if any, is that the shards were lost.
func (e *Engine) run(ctx, attempts context.Context) error {
	for ctx.Err() == nil {
		e.lookAtClock(ctx)
		e.absorb()
		now := e.now()
		if err := e.fill(ctx, now); err != nil {
			e.storeFailed(ctx, "reading the due queue", err)
			continue
		}
		batch, idle, err := e.take(ctx, now)
		if err != nil {
			e.storeFailed(ctx, "reading what has waited", err)
			continue
		}
		if idle {
			e.wait(ctx, now)
		}
		if len(batch) == 0 {
			continue
		}
		if err := e.start(ctx, attempts, batch, now); err != nil {
			if belfry.KindOf(err) == belfry.Fenced {
				return err
			}
			e.storeFailed(ctx, "starting runs", err)
		}
	}
	return nil
}

func (e *Engine) storeFailed(ctx context.Context, doing string, err error) {
	if ctx.Err() != nil {
		return
	}
	e.c.Logger.ErrorContext(ctx, "the store failed; trying again, nothing is lost", "doing", doing, "err", err)
	e.c.Metrics.storeErrors.Inc()
	e.forget()
	e.sleep(ctx, storeRetry)
}

// A starting is an entry that has been let in, and what it holds.
type starting struct {
	belfry.DueItem
	ticket ticket
}

// take lets in what can be started now, up to a batch: first who has waited, then
// what is due. It is idle when it could do nothing.
func (e *Engine) take(ctx context.Context, now time.Time) (batch []starting, idle bool, err error) {
	if e.loop.quiet > 0 {
		if e.c.Clock.Monotonic() < e.loop.quiet {
			return nil, true, nil
		}
		e.loop.quiet = 0
	}
	l := &e.loop
	n, kept := e.ready(now), 0
	most := startBatch
	if n > 0 {
		most /= 2 // who has waited leaves half of the room to what is due now
	}
	batch, err = e.takeWaiting(ctx, most)
	if err != nil {
		for i := range batch {
			e.release(&batch[i].ticket)
		}
		return nil, false, err
	}
	for n = min(n, len(l.window)); kept < n && len(batch) < startBatch; kept++ {
		it := &l.window[kept]
		in, ok := e.letIn(it)
		if !ok {
			break
		}
		if in != nil {
			batch = append(batch, *in)
		}
	}
	l.drop(kept)
	return batch, len(batch) == 0 && kept == 0, nil
}

// letIn admits the entry, or has it wait at the gate that is in its way, and
// returns nil. It is false when nobody gets in.
func (e *Engine) letIn(it *belfry.DueItem) (*starting, bool) {
	t := e.ticketOf(it)
	if x := e.gates.behind(&t); x != nil {
		e.gates.wait(x, it, t)
		return nil, true
	}
	x, ok := e.admit(&t)
	switch {
	case ok:
		return &starting{*it, t}, true
	case x == nil:
		return nil, false
	}
	e.gates.wait(x, it, t)
	return nil, true
}

// admit is that of gates; when it refuses, the next attempt that ends wakes the
// loop.
func (e *Engine) admit(t *ticket) (at *gate, ok bool) {
	if at, ok = e.gates.admit(t); ok {
		return at, ok
	}
	e.starved.Store(true)
	return e.gates.admit(t) // perhaps one ended before that was told
}

// release gives back what an attempt held.
func (e *Engine) release(t *ticket) {
	e.gates.release(t)
	if e.starved.Load() && e.starved.CompareAndSwap(true, false) {
		e.loop.poke()
	}
}

// takeWaiting lets in up to most of those who wait at gates that have room by
// now. Who is let through one gate may have to wait at the next.
func (e *Engine) takeWaiting(ctx context.Context, most int) (batch []starting, err error) {
	for looked := 0; len(batch) < most; looked++ {
		x, line, gates := e.gates.next(most - len(batch))
		if looked >= gates {
			return batch, nil
		}
		var in []waiter
		n := 0
		for ; n < len(line); n++ {
			w := &line[n]
			at, ok := e.admit(&w.ticket)
			if !ok && (at == nil || at == x) {
				break
			}
			if ok {
				in = append(in, *w)
			} else {
				e.gates.join(at, *w)
			}
		}
		if n == 0 {
			continue
		}
		again := e.gates.passed(x, n)
		items, read, err := e.itemsOf(ctx, in)
		batch = append(batch, items...)
		for i := range in[read:] {
			e.release(&in[read+i].ticket)
		}
		if err != nil {
			return batch, err
		}
		if again || read < len(in) {
			e.forget() // what there was no room for is in the queue
		}
	}
	return batch, nil
}

// itemsOf completes those who have waited and been let in, as many as memory has
// room for; what is not in the queue any more has been edited or deleted, and
// gives back what it holds.
func (e *Engine) itemsOf(ctx context.Context, line []waiter) (in []starting, read int, err error) {
	var missing []belfry.Due
	for i := range line {
		if line[i].item == nil {
			missing = append(missing, line[i].Due)
		}
	}
	var items []belfry.DueItem
	if len(missing) > 0 {
		if items, read, err = e.c.Store.Items(ctx, missing, readBytes); err != nil {
			return nil, 0, err
		}
		missing = missing[:read]
	}
	for read = range line {
		w := &line[read]
		switch {
		case w.item != nil:
			in = append(in, starting{*w.item, w.ticket})
			continue
		case len(missing) == 0:
			return in, read, nil // there was no room for it
		}
		missing = missing[1:]
		if len(items) > 0 && samePlace(&items[0].Due, &w.Due) {
			in = append(in, starting{items[0], w.ticket})
			items = items[1:]
		} else {
			e.release(&w.ticket)
		}
	}
	return in, len(line), nil
}

func samePlace(a, b *belfry.Due) bool { return !a.Before(b) && !b.Before(a) }

// dueIn counts the entries at the head of the window that are due, up to a batch.
func (e *Engine) dueIn(now time.Time) int {
	n := 0
	for n < len(e.loop.window) && n < startBatch && !e.loop.window[n].At.After(now) {
		n++
	}
	return n
}

// ready counts the entries at the head of the window that can be started now.
func (e *Engine) ready(now time.Time) int {
	if n := e.dueIn(now); n > 0 {
		return n
	}
	if n := e.alone(); n > 0 && !e.loop.window[0].At.Add(-lead).After(now) {
		return n
	}
	return 0
}

// alone counts the entries that are due next, if they are few enough to be
// recorded ahead of their time; else it is 0.
func (e *Engine) alone() int {
	if len(e.loop.window) == 0 {
		return 0
	}
	room := aloneMax - e.gates.inFlight()
	for n, it := range e.loop.window {
		if !it.At.Equal(e.loop.window[0].At) {
			return n
		}
		if n >= room {
			return 0
		}
	}
	return len(e.loop.window)
}

// wait returns when the next entry is due, more has to be read, something
// arrived or ctx ended; after MaxSleep at the latest, so that a clock that
// jumped is noticed.
func (e *Engine) wait(ctx context.Context, now time.Time) {
	l := &e.loop
	until := earlierOf(now.Add(e.c.MaxSleep), l.rescan)
	if !l.more {
		until = earlierOf(until, l.nextRead)
	}
	if len(l.window) > 0 && e.ready(now) == 0 { // else it waits to be let in
		next := l.window[0].At
		if e.alone() > 0 {
			next = next.Add(-lead)
		}
		until = earlierOf(until, next)
	}
	// now is cut to the millisecond, so what is due within one is due at its end.
	until = until.Add(time.Millisecond - 1).Truncate(time.Millisecond)
	d := until.Sub(e.c.Clock.Now())
	if l.quiet > 0 {
		d = min(max(d, time.Millisecond), l.quiet-e.c.Clock.Monotonic())
	}
	timer, release := e.c.Clock.NewTimer(d)
	defer release()
	select {
	case <-timer:
	case <-l.wake:
	case <-ctx.Done():
	}
}

func (e *Engine) sleep(ctx context.Context, d time.Duration) {
	timer, release := e.c.Clock.NewTimer(d)
	defer release()
	select {
	case <-timer:
	case <-ctx.Done():
	}
}

// start makes the batch's runs durable and hands them to their attempts, which
// wait until they are due. It takes over what the batch holds.
func (e *Engine) start(ctx, attempts context.Context, batch []starting, now time.Time) error {
	starts := make([]belfry.Start, 0, len(batch))
	from := make([]*starting, 0, len(batch))
	for i := range batch {
		it := &batch[i]
		st, ok := e.prepare(ctx, it, laterOf(now, it.At))
		if !ok {
			e.release(&it.ticket)
			continue
		}
		starts = append(starts, st)
		from = append(from, it)
	}
	if len(starts) == 0 {
		return nil
	}
	claim, started, err := e.c.Store.Start(ctx, starts)
	if err != nil {
		for _, it := range from {
			e.release(&it.ticket)
		}
		return err
	}
	for i := range starts {
		st := &starts[i]
		if st.Next != nil {
			e.arrived(st.Next, from[i].Spec)
		}
		skipped := started[i] == belfry.IsSkipped
		if skipped {
			e.c.Metrics.runs.WithLabelValues(belfry.SkippedDuplicate.String()).Inc()
		}
		if started[i] != belfry.IsRunning {
			e.release(&from[i].ticket)
			if spec := from[i].Spec; (st.Run == nil || skipped) && st.Next == nil && spec.DeleteAfterCompletion {
				e.background(func() { e.retire(ctx, spec) })
			}
			continue
		}
		e.launch(attempts, delivery{
			spec: from[i].Spec, run: *st.Run, revision: st.Due.Revision, claim: claim, due: st.Due.At, ticket: from[i].ticket,
			started: st.At, attempts: earlier(&from[i].DueItem), firstStarted: firstStart(&from[i].DueItem, st.At),
		})
	}
	return nil
}

// prepare decides what the entry leads to; it is false for one that leads to
// nothing now.
func (e *Engine) prepare(ctx context.Context, it *starting, now time.Time) (st belfry.Start, ok bool) {
	switch {
	case it.Spec == nil && !it.Retry, it.Retry && it.Run == nil && it.Err == nil:
		e.stray(ctx, &it.Due)
		return st, false
	case it.Spec != nil:
		if _, yes := e.deleting.Load(groupKey{it.Spec.Scope, it.Spec.Group}); yes {
			return st, false // the group's deletion accounts for it
		}
	}
	moved := false
	var failed error // of the store, and not of the entry
	ok = e.c.Barrier.Do(ctx, "start run", it.object(), func() error {
		switch {
		case it.Err != nil:
			return it.Err
		case it.Retry:
			st = plan(&it.DueItem, nil, now)
			return nil
		}
		t, err := e.parser.timing(it.Spec)
		if err != nil {
			return err
		}
		if moved = it.Spec.State == belfry.Disabled || !t.fits(&it.DueItem); moved {
			failed = e.putRight(ctx, &it.DueItem, &t, e.now())
			return nil
		}
		st = plan(&it.DueItem, &t, now)
		if st.Gaps, failed = e.around(ctx, it.Spec, &t, st.Gaps); failed == nil {
			failed = e.unlessRun(ctx, it.Spec, &st)
		}
		// A payload without the key gets no claim, and is not delivered either.
		if st.Run != nil {
			st.Once, _ = e.onceClaims(it.Spec, *st.Run)
		}
		return nil
	})
	if failed != nil && ctx.Err() == nil {
		e.c.Logger.ErrorContext(ctx, "an entry of the due queue could not be put right; it is tried again", "schedule", it.Spec.ARN(), "err", failed)
	}
	return st, ok && !moved && failed == nil
}

// object names the entry for people.
func (s *starting) object() string {
	if s.Spec == nil {
		return s.OccurrenceID()
	}
	return s.Spec.ARN() + " at " + s.Time.UTC().Format(time.RFC3339)
}

// earlier returns the attempts that a retry follows.
func earlier(it *belfry.DueItem) []belfry.Attempt {
	if it.Run == nil {
		return nil
	}
	return it.Run.Attempts
}

func firstStart(it *belfry.DueItem, now time.Time) time.Time {
	if it.Run == nil {
		return now
	}
	return it.Run.Started
}
