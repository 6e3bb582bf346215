package engine

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
)

// startLeniency is how far in the past a recurring schedule's StartDate may
// lie when it is created (semantics.md 1.3).
const startLeniency = 5 * time.Minute

// CreateSchedule stores s and returns it as stored. ID, Revision, Anchor,
// Created and Modified are the engine's to set. A request that cannot be right
// is Invalid, a taken name Conflict, an unknown group NotFound.
func (e *Engine) CreateSchedule(ctx context.Context, s belfry.Schedule) (*belfry.Schedule, error) {
	now := e.now()
	s.ID = e.ids.next(now, belfry.ShardOf(s.Ref()))
	s.Revision, s.Created, s.Modified, s.Since = 1, now, now, now
	s.Anchor = anchorOf(&s, now)
	t, err := e.check(&s, nil, now)
	if err != nil {
		return nil, err
	}
	next, gap := first(&s, &t, now)
	if err := e.c.Store.CreateSchedule(ctx, &s, next, gap); err != nil {
		return nil, err
	}
	e.arrived(next, &s)
	return &s, nil
}

// now is the time as the store keeps it.
func (e *Engine) now() time.Time { return e.c.Clock.Now().UTC().Truncate(time.Millisecond) }

// anchorOf is the origin of a rate's grid: StartDate, else the time of
// creation, cut to the minute.
func anchorOf(s *belfry.Schedule, now time.Time) time.Time {
	if !s.Start.IsZero() {
		return s.Start.Truncate(time.Minute)
	}
	return now.Truncate(time.Minute)
}

// check refuses a schedule that cannot be right. old is the one that it
// replaces; nil for a new one.
func (e *Engine) check(s, old *belfry.Schedule, now time.Time) (timing, error) {
	t, err := e.parser.timing(s)
	if err != nil {
		return t, err
	}
	if !s.Start.IsZero() && !s.End.IsZero() && !s.Start.Before(s.End) {
		return t, belfry.Errorf(belfry.Invalid, "StartDate", "The StartDate you specify must come before the EndDate.")
	}
	oneTime := t.oneTime()
	if old == nil && !oneTime && !s.Start.IsZero() && s.Start.Before(now.Add(-startLeniency)) {
		return t, belfry.Errorf(belfry.Invalid, "StartDate", "The StartDate you specify cannot be earlier than 5 minutes ago.")
	}
	// One that has completed may still be disabled, enabled and described.
	if !oneTime && (old == nil || !sameTimes(old, s)) {
		// A rate's anchor is an occurrence although it lies in the past.
		if _, ok := t.next(now.Add(-time.Minute)); !ok {
			return t, belfry.Errorf(belfry.Invalid, "ScheduleExpression",
				"The schedule expression %s will never be due: it has no occurrence after %s within its StartDate and EndDate.",
				s.Expression, now.Format(time.RFC3339))
		}
	}
	if e.c.CheckTarget != nil {
		if err := e.c.CheckTarget(s); err != nil {
			return t, err
		}
	}
	return t, nil
}

// first decides what a new schedule begins with.
func first(s *belfry.Schedule, t *timing, now time.Time) (*belfry.Due, *belfry.Gap) {
	if s.State == belfry.Disabled {
		return nil, &belfry.Gap{Schedule: s.ID, From: now, Reason: belfry.GapDisabled}
	}
	if t.oneTime() {
		return oneTimeEntry(s, t, now)
	}
	if t.expr.Every() > 0 && s.Start.IsZero() && (s.End.IsZero() || !s.Anchor.After(s.End)) {
		// A rate without StartDate is first due when it is created.
		d := t.entry(s.Anchor, s.Revision)
		if d.At.Before(now) {
			d.At = now
		}
		return d, nil
	}
	return t.entryAfter(now, s.Revision), nil
}

// oneTimeEntry is the entry of a one-time schedule that has not run: one whose
// time has passed runs at once if it is no older than its maximum event age.
func oneTimeEntry(s *belfry.Schedule, t *timing, now time.Time) (*belfry.Due, *belfry.Gap) {
	o, ok := t.next(time.Time{})
	if !ok {
		return nil, nil
	}
	if now.Sub(o) > s.Target.Retry.MaximumAge {
		return nil, &belfry.Gap{Schedule: s.ID, From: o, To: o, Count: 1, Reason: belfry.GapTooOld}
	}
	d := t.entry(o, s.Revision)
	if d.At.Before(now) {
		d.At = now
	}
	return d, nil
}

// UpdateSchedule replaces what clients may set of the schedule that s names,
// and returns it as stored. The name, the group and the creation time stay.
func (e *Engine) UpdateSchedule(ctx context.Context, s belfry.Schedule) (*belfry.Schedule, error) {
	updated := s
	err := e.change(ctx, s.Ref(), func(old *belfry.Schedule, pending *belfry.Due, was *timing, now time.Time) (belfry.ScheduleChange, error) {
		updated = s
		updated.ID, updated.Revision, updated.Created, updated.Modified = old.ID, old.Revision+1, old.Created, now
		same := sameTimes(old, &updated)
		if updated.Since = now; same && old.State == belfry.Enabled {
			updated.Since = old.Since
		}
		updated.Anchor = old.Anchor
		if s.Expression != old.Expression || !s.Start.Equal(old.Start) {
			updated.Anchor = anchorOf(&s, now)
		}
		t, err := e.check(&updated, old, now)
		ch := belfry.ScheduleChange{Old: old, New: &updated, Pending: pending}
		if err != nil {
			return ch, err
		}
		disabled := updated.State == belfry.Disabled
		staysDisabled := disabled && same && old.State == belfry.Disabled
		if !staysDisabled {
			if err := e.closeGap(ctx, &ch, was, now); err != nil {
				return ch, err
			}
		}
		if disabled && !staysDisabled {
			ch.Gaps = append(ch.Gaps, belfry.Gap{Schedule: old.ID, From: now, Reason: belfry.GapDisabled})
		}
		switch {
		case pending != nil && !pending.Time.After(now):
			// Due already: the edit must not lose it.
			if disabled {
				ch.Gaps = append(ch.Gaps, *passed(was, pending.Time.Add(-1), now, belfry.GapDisabled))
				break
			}
			kept := *pending
			kept.Revision = updated.Revision
			ch.Next = &kept
			if later := passed(was, pending.Time, now, belfry.GapEdited); !same && later != nil {
				ch.Gaps = append(ch.Gaps, *later) // they waited behind it, and have no successor
			}
		case disabled:
		case t.oneTime():
			err = e.resumeOneTime(ctx, &ch, was, &t, now)
		default:
			ch.Next = t.entryAfter(now, updated.Revision)
		}
		return ch, err
	})
	if err != nil {
		return nil, err
	}
	return &updated, nil
}

// sameTimes reports whether the two have the same occurrences.
func sameTimes(a, b *belfry.Schedule) bool {
	return a.Expression == b.Expression && a.Timezone == b.Timezone && a.Start.Equal(b.Start) && a.End.Equal(b.End)
}

// resumeOneTime gives an enabled one-time schedule its entry, unless it has run
// or was given up. One whose time passed while it was disabled runs at once, if
// it is not too old; it is then no part of the gap.
func (e *Engine) resumeOneTime(ctx context.Context, ch *belfry.ScheduleChange, was, t *timing, now time.Time) error {
	o, ok := t.next(time.Time{})
	if !ok {
		return nil
	}
	if !o.After(now) {
		done, err := e.accounted(ctx, ch.Old.ID, o)
		if err != nil || done {
			return err
		}
	}
	next, gap := oneTimeEntry(ch.New, t, now)
	before, _ := was.next(time.Time{})
	inGap := ch.Closed > 0 && was.oneTime() && before.Equal(o)
	switch {
	case next != nil && inGap:
		ch.Closed = 0
	case gap != nil && !inGap:
		ch.Gaps = append(ch.Gaps, *gap)
	}
	ch.Next = next
	return nil
}

// accounted reports whether the occurrence of a one-time schedule has a run or
// was given up as too old.
func (e *Engine) accounted(ctx context.Context, id belfry.ID, o time.Time) (bool, error) {
	runs, err := e.c.Store.Runs(ctx, belfry.RunQuery{Schedules: []belfry.ID{id}, From: o, To: o, Limit: 1})
	if err != nil || len(runs) > 0 {
		return len(runs) > 0, err
	}
	gaps, err := e.c.Store.Gaps(ctx, []belfry.ID{id}, o, o)
	for _, g := range gaps {
		if g.Reason != belfry.GapDisabled {
			return true, nil
		}
	}
	return false, err
}

// closeGap ends the gap of a schedule that was disabled.
func (e *Engine) closeGap(ctx context.Context, ch *belfry.ScheduleChange, was *timing, now time.Time) error {
	if ch.Old.State != belfry.Disabled {
		return nil
	}
	gaps, err := e.c.Store.Gaps(ctx, []belfry.ID{ch.Old.ID}, now, now)
	if err != nil {
		return err
	}
	for _, g := range gaps {
		if g.To.IsZero() {
			ch.CloseAt = now
			ch.Closed, _ = was.count(g.From, now)
		}
	}
	return nil
}

// passed is the gap of the occurrences after from and up to now, which were
// due and not started; nil when there are none.
func passed(t *timing, from, now time.Time, reason belfry.GapReason) *belfry.Gap {
	first, _ := t.next(from)
	n, last := t.count(from, now)
	if n == 0 {
		return nil
	}
	return &belfry.Gap{Schedule: t.id, From: first, To: last, Count: n, Reason: reason}
}

// DeleteSchedule removes the schedule; its runs stay in the ledger.
func (e *Engine) DeleteSchedule(ctx context.Context, ref belfry.ScheduleRef) error {
	return e.change(ctx, ref, func(old *belfry.Schedule, pending *belfry.Due, was *timing, now time.Time) (belfry.ScheduleChange, error) {
		ch := belfry.ScheduleChange{Old: old, Pending: pending}
		if err := e.closeGap(ctx, &ch, was, now); err != nil {
			return ch, err
		}
		if pending != nil && !pending.Time.After(now) {
			ch.Gaps = append(ch.Gaps, *passed(was, pending.Time.Add(-1), now, belfry.GapDeleted))
		}
		return ch, nil
	})
}

type changeFunc func(old *belfry.Schedule, pending *belfry.Due, was *timing, now time.Time) (belfry.ScheduleChange, error)

// change reads the schedule, lets decide say what becomes of it, and stores
// that; when the schedule or its place in the due queue moved meanwhile, it
// starts over.
func (e *Engine) change(ctx context.Context, ref belfry.ScheduleRef, decide changeFunc) error {
	for {
		old, err := e.c.Store.Schedule(ctx, ref)
		if err != nil {
			return err
		}
		now := e.now()
		was, err := e.parser.timing(old)
		if err != nil {
			return err
		}
		pending, err := e.c.Store.Pending(ctx, old.ID, was.pendingCandidates(now, old.Revision), now)
		if err != nil {
			return err
		}
		ch, err := decide(old, pending, &was, now)
		if err != nil {
			return err
		}
		err = e.c.Store.ChangeSchedule(ctx, ch)
		if isStale(err) && ctx.Err() == nil {
			continue
		}
		if err == nil {
			e.arrived(ch.Next, ch.New)
		}
		return err
	}
}

// Schedule returns the schedule of that name, or NotFound.
func (e *Engine) Schedule(ctx context.Context, ref belfry.ScheduleRef) (*belfry.Schedule, error) {
	return e.c.Store.Schedule(ctx, ref)
}

// Schedules returns a page of schedules in the order of group and name. A
// group that is named and not there is NotFound.
func (e *Engine) Schedules(ctx context.Context, q belfry.ScheduleQuery) ([]*belfry.Schedule, error) {
	if q.Group != "" && q.Group != belfry.DefaultGroup {
		if _, err := e.c.Store.Group(ctx, q.Scope, q.Group); err != nil {
			return nil, err
		}
	}
	return e.c.Store.Schedules(ctx, q)
}
