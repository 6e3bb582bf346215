package monitor

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/expr"
)

// lost are schedules that are enabled, have an occurrence to come, and are not in the
// due queue: they would never fire, and nothing else would tell.
type lost struct {
	ids  []belfry.ID
	next []time.Time // their occurrences
	now  time.Time   // when they were looked for
}

// searchLost looks for the lost when it is time, in the background: it may take
// minutes, and who is late is to be noticed within seconds.
func (w *Watcher) searchLost(ctx context.Context, now time.Time) {
	if w.audit.IsZero() {
		w.audit = now.Add(auditAfter)
	}
	if now.Before(w.audit) {
		return
	}
	w.audit = now.Add(auditEvery)
	w.searches.Go(func() {
		err := w.c.Apart.Round(ctx, "look for lost schedules", func() error {
			found := lost{now: now}
			all, err := w.c.Store.Unqueued(ctx, now, watchPage, func(s *belfry.Schedule) bool {
				_, ok := nextOf(s, now)
				return ok
			})
			for _, s := range all {
				if at, ok := nextOf(s, now); ok {
					found.ids, found.next = append(found.ids, s.ID), append(found.next, at)
				}
			}
			if len(found.ids) > 0 {
				select {
				case w.lost <- found:
				case <-ctx.Done():
				}
			}
			return err
		})
		if err != nil && ctx.Err() == nil {
			w.c.Logger.ErrorContext(ctx, "looking for lost schedules failed; it is tried again, and nothing is lost", "err", err, "in", auditEvery)
		}
	})
}

// findLost decides about those that the last search has found.
func (w *Watcher) findLost(ctx context.Context) error {
	select {
	case l := <-w.lost:
		err := w.decide(ctx, len(l.ids), func(i int) belfry.ID { return l.ids[i] }, func(i int, x *Watch, _ *WatchPolicy) (Kept, error) {
			return Kept{Flip: x.Lost(l.next[i], l.now)}, nil
		})
		if err != nil {
			w.audit = l.now // they are looked for again
		}
		return err
	default:
		return nil
	}
}

// nextOf returns the schedule's first occurrence after now; false when there is
// none, or nobody can read when it is due.
func nextOf(s *belfry.Schedule, now time.Time) (time.Time, bool) {
	bounds := expr.Bounds{Anchor: s.Anchor, Start: s.Start, End: s.End}
	if s.Rule() != "" {
		e, err := expr.ParseRule(s.Expression)
		if err != nil {
			return time.Time{}, false
		}
		return e.Next(now, bounds)
	}
	loc, err := expr.LoadZone(s.Timezone)
	if err != nil {
		return time.Time{}, false
	}
	e, err := expr.Parse(s.Expression, loc)
	if err != nil {
		return time.Time{}, false
	}
	return e.Next(now, bounds)
}

// Lost says what follows from a schedule's missing in the due queue, though it
// has an occurrence at next; nil is nothing. No policy leaves that out.
func (w *Watch) Lost(next, now time.Time) *Flip {
	if w.Status == Down {
		return nil
	}
	return w.become(Down, now, ReasonNeverFired, time.Time{},
		"It is enabled and due at "+clock(next)+", but is not in the due queue, and so would not run. Update it, without a change, to put it back; and please report this: it must not happen.")
}
