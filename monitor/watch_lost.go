package monitor

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/expr"
)

// findLost looks for schedules that are enabled, have an occurrence to come, and
// are not in the due queue: they would never fire, and nothing else would tell.
func (w *Watcher) findLost(ctx context.Context, now time.Time) error {
	var lost []belfry.ID
	var next []time.Time
	err := w.c.Store.Unqueued(ctx, now, func(s *belfry.Schedule) error {
		if at, ok := nextOf(s, now); ok && len(lost) < watchPage {
			lost, next = append(lost, s.ID), append(next, at)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.decide(ctx, len(lost), func(i int) belfry.ID { return lost[i] }, func(i int, x *Watch, _ *WatchPolicy) (Kept, error) {
		return Kept{Flip: x.Lost(next[i], now)}, nil
	})
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
