package monitor

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/barrier"
)

const (
	// watchEvery is how often the watch looks, and longEvery times that how often
	// for runs that take too long.
	watchEvery = time.Second
	longEvery  = 5
	// sleptFor is how long two looks must be apart to mean that the machine slept
	// in between, or the clock was set.
	sleptFor = time.Minute
	// auditEvery is how often all schedules are looked through for one that the due
	// queue has lost, the first time auditAfter the start: nothing loses any, as
	// far as anybody knows.
	auditEvery = 6 * time.Hour
	auditAfter = 30 * time.Minute
	// watchAfterError is the wait after a store error.
	watchAfterError = 5 * time.Second
	// newsBatch bounds the news that one transaction settles: it writes a few
	// rows for each schedule in it, and others wait for it.
	newsBatch = 1000
	// watchPage bounds the late and the retrying runs of one look.
	watchPage = 1000
	// A limit that was learned is used so long, for at most so many schedules.
	limitLife = 10 * time.Minute
	limitsMax = 10_000
)

// WatchConfig is what a [Watcher] is made of. All but Flipped is required.
type WatchConfig struct {
	Store    WatchStore
	Clock    Clock
	Logger   *slog.Logger
	Policies WatchPolicies
	Flipped  func() // called after flips have been stored
	Apart    *barrier.Set
}

// A Watcher watches every schedule by what the engine records of it. The
// engine does not know of it. There is one on a store.
type Watcher struct {
	c        WatchConfig
	up       time.Time // since when runs can start
	audit    time.Time // when to look for lost schedules next
	lost     chan lost // cap 1: what a search has found
	searches sync.WaitGroup
	late     *belfry.Due // how far the look for late runs has come; nil: the beginning
	limits   map[belfry.ID]learned
}

type learned struct {
	Limit
	until time.Time // when it is to be looked up again
}

// NewWatcher returns a watcher that does nothing until Run.
func NewWatcher(c WatchConfig) *Watcher {
	return &Watcher{c: c, lost: make(chan lost, 1), limits: map[belfry.ID]learned{}}
}

func (w *Watcher) now() time.Time { return w.c.Clock.Now().UTC().Truncate(time.Millisecond) }

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	defer w.searches.Wait()
	last := time.Time{}
	for look := 0; ; look++ {
		now := w.now()
		if now.Sub(last) > sleptFor {
			w.up = now
		}
		last = now
		wait := beat(now, watchEvery)
		err := w.c.Apart.Round(ctx, "watch schedules", func() error { return w.look(ctx, look%longEvery == 0) })
		if err != nil && ctx.Err() == nil {
			w.c.Logger.ErrorContext(ctx, "watching the schedules failed; it is tried again, and nothing is lost", "err", err)
			wait = watchAfterError
		}
		timer, release := w.c.Clock.NewTimer(wait)
		select {
		case <-timer:
			release()
		case <-ctx.Done():
			release()
			return
		}
	}
}

func (w *Watcher) look(ctx context.Context, long bool) error {
	for more := true; more; {
		var err error
		if more, err = w.takeNews(ctx); err != nil {
			return err
		}
	}
	if err := w.findLate(ctx); err != nil {
		return err
	}
	if err := w.findLost(ctx); err != nil || !long {
		return err
	}
	if err := w.findLong(ctx); err != nil {
		return err
	}
	w.searchLost(ctx, w.now())
	return nil
}

// takeNews takes a batch of news and reports whether there may be more.
func (w *Watcher) takeNews(ctx context.Context) (more bool, err error) {
	batch, err := w.c.Store.News(ctx, newsBatch)
	if err != nil || batch.Through == batch.After {
		return false, err
	}
	st := Settlement{After: batch.After, Through: batch.Through}
	policies := map[belfry.ID]*WatchPolicy{}
	for i := range batch.News {
		n := &batch.News[i]
		x := batch.Watches[n.Schedule]
		if hidden(x.Ref) {
			continue
		}
		p, ok := policies[n.Schedule]
		if !ok {
			if p, err = w.policy(ctx, x.Ref); err != nil {
				return false, err
			}
			policies[n.Schedule] = p
		}
		w.c.Apart.Do(ctx, "take news of schedule", x.Ref.ARN(), func() error {
			if f := x.Take(n, p); f != nil {
				st.Flips = append(st.Flips, *f)
			}
			return nil
		})
	}
	for _, id := range slices.Sorted(maps.Keys(batch.Watches)) {
		x := batch.Watches[id]
		if x.Deleted { // nothing would ever end what is open
			if f := x.off(w.now(), ReasonDeleted); f != nil {
				st.Flips = append(st.Flips, *f)
			}
		}
		if x.Well() {
			st.Drop = append(st.Drop, id)
		} else {
			st.Keep = append(st.Keep, Kept{Watch: x})
		}
	}
	return batch.More, w.settle(ctx, st)
}

// hidden reports whether the schedule is Belfry's own, or nothing is known of it
// any more.
func hidden(r belfry.ScheduleRef) bool {
	return r.Name == "" || strings.HasPrefix(r.Group, belfry.Reserved) && r.Rule() == ""
}

func (w *Watcher) policy(ctx context.Context, r belfry.ScheduleRef) (*WatchPolicy, error) {
	p, err := w.c.Policies.WatchPolicy(ctx, r)
	p.LateAfter = max(p.LateAfter, MinLateAfter)
	return &p, err
}

// settle stores what was decided. When another one was faster, or the schedules
// have moved on, the next look decides again.
func (w *Watcher) settle(ctx context.Context, st Settlement) error {
	err := w.c.Store.Settle(ctx, st)
	if errors.Is(err, belfry.ErrStale) {
		return nil
	}
	flips := len(st.Flips)
	for _, k := range st.Keep {
		if k.Flip != nil {
			flips++
		}
	}
	if err == nil && flips > 0 && w.c.Flipped != nil {
		w.c.Flipped()
	}
	return err
}

// findLate looks for runs that were due and have not started, a page at a time.
func (w *Watcher) findLate(ctx context.Context) error {
	now := w.now()
	late, err := w.c.Store.OverdueRuns(ctx, now.Add(-MinLateAfter), w.late, watchPage)
	if err != nil {
		return err
	}
	w.late = nil
	if len(late) == watchPage {
		w.late = &late[watchPage-1]
	}
	return w.decide(ctx, len(late), func(i int) belfry.ID { return late[i].Schedule }, func(i int, x *Watch, p *WatchPolicy) (Kept, error) {
		return Kept{Flip: x.Overdue(late[i], p, w.up, now), Waits: &late[i]}, nil
	})
}

// decide asks for each of n runs what follows from it, and stores that.
func (w *Watcher) decide(ctx context.Context, n int, id func(i int) belfry.ID, decide func(i int, x *Watch, p *WatchPolicy) (Kept, error)) error {
	if n == 0 {
		return nil
	}
	ids := make([]belfry.ID, n)
	for i := range ids {
		ids[i] = id(i)
	}
	watches, after, err := w.c.Store.Watches(ctx, ids)
	if err != nil {
		return err
	}
	st := Settlement{After: after, Through: after}
	for i, id := range ids {
		x := watches[id]
		if x.Deleted || hidden(x.Ref) {
			continue
		}
		p, err := w.policy(ctx, x.Ref)
		if err != nil {
			return err
		}
		var k Kept
		w.c.Apart.Do(ctx, "watch schedule", x.Ref.ARN(), func() error {
			k, err = decide(i, x, p)
			return nil
		})
		if err != nil {
			return err
		}
		if k.Flip != nil {
			k.Watch = x
			st.Keep = append(st.Keep, k)
		}
	}
	if len(st.Keep) == 0 {
		return nil
	}
	return w.settle(ctx, st)
}

// findLong looks for runs that take too long. Those whose limit is known and
// not reached cost nothing further.
func (w *Watcher) findLong(ctx context.Context) error {
	now := w.now()
	runs, err := w.c.Store.LongRuns(ctx, now.Add(-MinTooLong), watchPage)
	if err != nil {
		return err
	}
	runs = slices.DeleteFunc(runs, func(r LongRun) bool {
		l, ok := w.limits[r.Schedule]
		return ok && now.Before(l.until) && (l.Longest == 0 || now.Sub(r.Started) <= l.Longest)
	})
	return w.decide(ctx, len(runs), func(i int) belfry.ID { return runs[i].Schedule }, func(i int, x *Watch, p *WatchPolicy) (Kept, error) {
		l, err := w.limit(ctx, x.Schedule, p, now)
		return Kept{Flip: x.Underway(runs[i].Time, runs[i].Started, l, now), Underway: &runs[i].Occurrence}, err
	})
}

func (w *Watcher) limit(ctx context.Context, id belfry.ID, p *WatchPolicy, now time.Time) (Limit, error) {
	if l, ok := w.limits[id]; ok && now.Before(l.until) {
		return l.Limit, nil
	}
	l, err := learn(ctx, w.c.Store, id, p, now)
	if err != nil {
		return l, err
	}
	if len(w.limits) >= limitsMax {
		clear(w.limits)
	}
	w.limits[id] = learned{l, now.Add(limitLife)}
	return l, nil
}

// learn finds out how long a run of the schedule may take.
func learn(ctx context.Context, s WatchStore, id belfry.ID, p *WatchPolicy, now time.Time) (Limit, error) {
	if !p.TooLong || p.Longest > 0 {
		return p.LimitOf(nil), nil
	}
	took, err := s.Durations(ctx, id, now, maxLearned)
	return p.LimitOf(took), err
}
