package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belfry-run/belfry"
)

const (
	// leastStep is by how much wall and monotonic time must disagree, between two
	// looks that are at most MaxSleep apart, to be a step of the clock. A clock that
	// is only sped up or slowed down stays far below.
	leastStep = belfry.ClockStep
	// settle is how long nothing is started after the clock has jumped ahead by
	// more than lateMax: a wrong time is often put right within seconds, and what
	// was started for it cannot be taken back.
	settle = 5 * time.Second
	// stepsKept bounds the steps that are remembered for those who ask.
	stepsKept = 16
)

// A Step is a jump of the wall clock: somebody set it, or the machine slept.
type Step struct {
	At   time.Time     // by the clock after it, UTC
	By   time.Duration // ahead; negative: back
	Down bool          // it was found at start: the clock is behind where it was
}

// stepWatch compares the wall clock with one that nobody can set.
type stepWatch struct {
	wall time.Time
	mono time.Duration // of the last look; both belong to the loop's goroutine
	// apart is by how much the wall clock was ahead of the monotonic one at the last
	// look, in nanoseconds; 0 before the first.
	apart atomic.Int64

	mu    sync.Mutex
	steps []Step // guarded by mu

	newest time.Time // guarded by mu: that the clock has ever shown
	kept   int64     // guarded by mu: through as it is in the store
	// through is what the newest was when the clock was last set back, Unix seconds:
	// occurrences up to there may have run before their time.
	through atomic.Int64
}

// look returns by how much the wall clock has jumped since the look before; 0
// when it has not.
func (w *stepWatch) look(c Clock) time.Duration {
	wall, mono := bothTimes(c)
	by := time.Duration(0)
	if !w.wall.IsZero() {
		by = wall.Sub(w.wall) - (mono - w.mono)
	}
	w.wall, w.mono = wall, mono
	w.apart.Store(wall.UnixNano() - int64(mono))
	if by.Abs() < leastStep {
		return 0
	}
	return by
}

// bothTimes reads both clocks at one moment: again when the goroutine was held
// up in between.
func bothTimes(c Clock) (wall time.Time, mono time.Duration) {
	for range 10 {
		before := c.Monotonic()
		wall, mono = c.Now().Round(0), c.Monotonic()
		if mono-before < leastStep/10 {
			break
		}
	}
	return wall, mono
}

func (w *stepWatch) add(s Step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.steps) == stepsKept {
		w.steps = w.steps[1:]
	}
	w.steps = append(w.steps, s)
}

// lastKey is where the store keeps the time that the clock showed last, newestKey
// the newest that it ever has, and throughKey what that was when the clock was set
// back.
const (
	lastKey    = "clock"
	newestKey  = "clock_newest"
	throughKey = "clock_back_from"
)

// mayHaveRun reports whether an occurrence at that time may have run under a clock
// that was ahead.
func (w *stepWatch) mayHaveRun(at time.Time) bool { return at.Unix() <= w.through.Load() }

// glance finds that the clock has been set back since the last look, for those who
// cannot wait for the next.
func (w *stepWatch) glance(c Clock) {
	apart := w.apart.Load()
	wall, mono := bothTimes(c)
	if by := wall.UnixNano() - int64(mono) - apart; apart != 0 && by < -int64(leastStep) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.through.Store(max(w.through.Load(), wall.Add(-time.Duration(by)).Unix()+1))
	}
}

// noteClock keeps the time, so that a later start can tell that the clock has been
// set back.
func (e *Engine) noteClock(ctx context.Context) {
	now := e.now()
	e.steps.mu.Lock()
	ahead := now.After(e.steps.newest)
	if ahead {
		e.steps.newest = now
	}
	if now.Before(e.steps.newest.Add(-leastStep)) {
		e.steps.through.Store(max(e.steps.through.Load(), e.steps.newest.Unix()+1))
	}
	through := e.steps.through.Load()
	back := through != e.steps.kept
	e.steps.kept = through
	e.steps.mu.Unlock()
	err := e.c.Store.See(ctx, lastKey, now.Format(time.RFC3339))
	if err == nil && ahead {
		err = e.c.Store.See(ctx, newestKey, now.Format(time.RFC3339))
	}
	if err == nil && back {
		err = e.c.Store.See(ctx, throughKey, time.Unix(through, 0).UTC().Format(time.RFC3339))
	}
	if err != nil {
		e.steps.mu.Lock()
		e.steps.kept = 0 // it is tried again
		e.steps.mu.Unlock()
	}
	if err != nil && ctx.Err() == nil {
		e.c.Logger.WarnContext(ctx, "the time could not be stored; it is tried again", "err", err)
	}
}

// lookBack tells when the clock is behind where it was before the last stop. What
// follows from it the check of the queue finds, at each start.
func (e *Engine) lookBack(ctx context.Context) {
	last, newest := e.seenTime(ctx, lastKey), e.seenTime(ctx, newestKey)
	e.steps.mu.Lock()
	e.steps.newest = newest
	e.steps.kept = e.seenTime(ctx, throughKey).Unix()
	e.steps.through.Store(e.steps.kept)
	if at := e.seenTime(ctx, trimKey); !at.IsZero() {
		e.trims.at.Store(at.Unix())
	}
	e.steps.mu.Unlock()
	now := e.now()
	if by := now.Sub(last); !last.IsZero() && by < -leastStep {
		e.c.Metrics.steps.Inc()
		e.steps.add(Step{At: now, By: by, Down: true})
		e.c.Logger.WarnContext(ctx, "the clock is behind where it was before the last stop; the due queue and the ledger are checked against it", "by", -by)
		e.recheck() // all of it at once: what was given up may have no entry
	}
	e.noteClock(ctx)
}

// seenTime is a time that was kept; zero when there is none that can be read.
func (e *Engine) seenTime(ctx context.Context, key string) time.Time {
	text, err := e.c.Store.Seen(ctx, key)
	if err != nil {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// lookAtClock puts right what was read from the clock when it was wrong: all
// that the loop remembers, and what is in the queue when the clock was set back.
//
// A clock that jumps ahead needs no more: what came due meanwhile is late, and
// lateness decides what becomes of it (plan). It is not acted on at once, though.
func (e *Engine) lookAtClock(ctx context.Context) {
	by := e.steps.look(e.c.Clock)
	if by == 0 {
		return
	}
	e.c.Metrics.steps.Inc()
	e.steps.add(Step{At: e.now(), By: by})
	e.forget()
	e.loop.quiet = 0
	e.steps.mu.Lock()
	e.steps.newest = laterOf(e.steps.newest, e.now().Add(-by)) // before a step back
	e.steps.mu.Unlock()
	e.noteClock(ctx)
	if by < 0 {
		e.c.Logger.WarnContext(ctx, "the clock was set back; the due queue and the ledger are checked against it", "by", -by)
		e.recheck()
		return
	}
	if by > lateMax {
		e.loop.quiet = e.c.Clock.Monotonic() + settle
	}
	e.c.Logger.WarnContext(ctx, "the clock jumped ahead: it was set, or the machine slept; of what came due meanwhile the latest occurrence of each schedule runs", "by", by)
}
