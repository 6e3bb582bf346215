package engine

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
)

// run starts what is due until ctx ends. Attempts get their own context, which
// outlives it. The error, if any, is that the shards were lost.
func (e *Engine) run(ctx, attempts context.Context, upSince time.Time) error {
	l := &e.loop
	for ctx.Err() == nil {
		e.absorb()
		now := e.now()
		if err := e.fill(ctx, now); err != nil {
			e.storeFailed(ctx, "reading the due queue", err)
			continue
		}
		n := e.takeSlots(e.ready(now))
		if n == 0 {
			slept := e.wait(ctx, now)
			if slept > sleptFor {
				e.c.Logger.WarnContext(ctx, "the clock jumped ahead; what came due meanwhile was missed", "by", slept)
				upSince = e.now()
				l.forget()
			}
			continue
		}
		batch := l.window[:n]
		l.window = l.window[n:]
		err := e.start(ctx, attempts, batch, now, upSince)
		clear(batch) // the window's array outlives them
		if err != nil {
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
	e.loop.forget()
	e.sleep(ctx, storeRetry)
}

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
	room := aloneMax - len(e.slots)
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

// takeSlots takes up to n slots for attempts and returns how many it got. When
// there were fewer, the next one that becomes free wakes the loop.
func (e *Engine) takeSlots(n int) int {
	for i := range n {
		if e.takeSlot() {
			continue
		}
		e.starved.Store(true)
		if !e.takeSlot() { // none became free before that was told
			return i
		}
	}
	return n
}

func (e *Engine) takeSlot() bool {
	select {
	case e.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

func (e *Engine) freeSlot() {
	<-e.slots
	if e.starved.Load() && e.starved.CompareAndSwap(true, false) {
		e.loop.poke()
	}
}

// wait returns when the next entry is due, more has to be read, something
// arrived or ctx ended; after MaxSleep at the latest, so that a clock that
// jumped is noticed. It returns by how much it overslept.
func (e *Engine) wait(ctx context.Context, now time.Time) time.Duration {
	l := &e.loop
	until := earlierOf(now.Add(e.c.MaxSleep), l.rescan)
	if !l.more {
		until = earlierOf(until, l.nextRead)
	}
	if len(l.window) > 0 && l.window[0].At.After(now) { // else it waits for a slot
		next := l.window[0].At
		if e.alone() > 0 {
			next = next.Add(-lead)
		}
		until = earlierOf(until, next)
	}
	// now is cut to the millisecond, so what is due within one is due at its end.
	until = until.Add(time.Millisecond - 1).Truncate(time.Millisecond)
	timer, release := e.c.Clock.NewTimer(until.Sub(e.c.Clock.Now()))
	defer release()
	select {
	case <-timer:
		return e.c.Clock.Now().Sub(until)
	case <-l.wake:
	case <-ctx.Done():
	}
	return 0
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
// wait until they are due. It holds a slot for each entry.
func (e *Engine) start(ctx, attempts context.Context, batch []belfry.DueItem, now, upSince time.Time) error {
	starts := make([]belfry.Start, 0, len(batch))
	from := make([]*belfry.DueItem, 0, len(batch))
	for i := range batch {
		it := &batch[i]
		if it.Spec == nil && !it.Retry {
			e.freeSlot() // deleted since it was read
			continue
		}
		if it.Spec != nil {
			if _, yes := e.deleting.Load(groupKey{it.Spec.Scope, it.Spec.Group}); yes {
				e.freeSlot() // the group's deletion accounts for it
				continue
			}
		}
		st, err := e.planned(it, laterOf(now, it.At), upSince)
		if err != nil {
			e.c.Logger.ErrorContext(ctx, "a stored schedule cannot be read; it does not run", "schedule", it.Spec.ARN(), "err", err)
			e.freeSlot()
			continue
		}
		if st.Run != nil && !it.Retry {
			// A payload without the key gets no claim, and is not delivered either.
			st.Once, _ = e.onceClaims(it.Spec, *st.Run)
		}
		starts = append(starts, st)
		from = append(from, it)
	}
	claim, started, err := e.c.Store.Start(ctx, starts)
	if err != nil {
		for range starts {
			e.freeSlot()
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
			e.freeSlot()
			if spec := from[i].Spec; (st.Run == nil || skipped) && st.Next == nil && spec.DeleteAfterCompletion {
				e.background(func() { e.retire(ctx, spec) })
			}
			continue
		}
		e.launch(attempts, delivery{
			spec: from[i].Spec, run: *st.Run, revision: st.Due.Revision, claim: claim, due: st.Due.At,
			started: st.At, attempts: earlier(from[i]), firstStarted: firstStart(from[i], st.At),
		})
	}
	return nil
}

func (e *Engine) planned(it *belfry.DueItem, now, upSince time.Time) (belfry.Start, error) {
	if it.Retry {
		return plan(it, nil, now, upSince), nil
	}
	t, err := e.parser.timing(it.Spec)
	if err != nil {
		return belfry.Start{}, err
	}
	return plan(it, &t, now, upSince), nil
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
