package engine

import (
	"context"
	"slices"
	"time"

	"github.com/belfry-run/belfry"
)

// UpdateSchedule replaces what clients may set of the schedule that s names,
// and returns it as stored. The name, the group and the creation time stay. In
// a group that is being deleted it is Conflict.
func (e *Engine) UpdateSchedule(ctx context.Context, s belfry.Schedule, once ...belfry.Token) (*belfry.Schedule, error) {
	var updated *belfry.Schedule
	err := e.change(ctx, s.Ref(), once, func(old *belfry.Schedule, pending *belfry.Due, was *timing, now time.Time) (belfry.ScheduleChange, error) {
		if _, yes := e.deleting.Load(groupKey{s.Scope, s.Group}); yes {
			return belfry.ScheduleChange{}, beingDeleted(s.Group)
		}
		ch, err := e.replaced(ctx, s, old, pending, was, now)
		updated = ch.New
		return ch, err
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// replaced is the change from old, which has pending in the due queue, to s.
func (e *Engine) replaced(ctx context.Context, s belfry.Schedule, old *belfry.Schedule, pending *belfry.Due, was *timing, now time.Time) (belfry.ScheduleChange, error) {
	updated := s
	updated.ID, updated.Revision, updated.Created, updated.Modified = old.ID, old.Revision+1, old.Created, now
	same := sameTimes(old, &updated)
	enabled := old.State == belfry.Disabled && updated.State == belfry.Enabled
	updated.Since, updated.Timed = now, time.Time{}
	switch {
	case same && enabled:
		updated.Timed = old.TimesSet()
	case same:
		updated.Since, updated.Timed = old.Since, old.Timed
	}
	updated.Anchor = old.Anchor
	updated.Settings = old.Settings // AWS's API knows nothing of them
	if s.Expression != old.Expression || !s.Start.Equal(old.Start) {
		updated.Anchor = anchorOf(&s, now)
	}
	t, err := e.check(ctx, &updated, old, now)
	ch := belfry.ScheduleChange{Old: old, New: &updated, Pending: pending, At: now}
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
		ch.Gaps = append(ch.Gaps, disabledGap(now, old.Since, &t, was))
	}
	switch {
	case pending != nil && !pending.Time.After(now) && old.State == belfry.Enabled:
		// Due already: the edit must not lose it.
		if disabled {
			ch.Gaps = append(ch.Gaps, waiting(old, pending, was, now, belfry.GapDisabled)...)
			break
		}
		kept := *pending
		kept.Revision, kept.Kept = updated.Revision, true
		kept.Own = kept.Own || !same
		ch.Next = &kept
		if !same { // what waits behind it has no successor
			ch.Gaps = append(ch.Gaps, behind(old, pending, was, now, belfry.GapEdited)...)
		}
	case disabled:
	case t.oneTime():
		err = e.resumeOneTime(ctx, &ch, was, &t, now)
	default:
		ch.Next = t.entryAfter(now, updated.Revision)
	}
	return ch, err
}

// disabledGap is the open gap of a schedule that is disabled now. It begins with
// this second, unless that is an occurrence, by what the schedule says now or by
// what it said before: what is due by now is not part of it. Times that were set in
// this very second, at since, may have followed others of which it was one.
func disabledGap(now, since time.Time, t *timing, before ...*timing) belfry.Gap {
	second := now.Truncate(time.Second)
	from := second
	if !since.Before(second) {
		from = second.Add(time.Second)
	}
	for _, x := range append(before, t) {
		if o, ok := x.next(second.Add(-1)); ok && o.Equal(second) {
			from = second.Add(time.Second)
		}
	}
	return belfry.Gap{Schedule: t.id, From: from, Reason: belfry.GapDisabled}
}

// sameTimes reports whether the two have the same occurrences.
func sameTimes(a, b *belfry.Schedule) bool {
	return a.Expression == b.Expression && a.Timezone == b.Timezone && a.Start.Equal(b.Start) && a.End.Equal(b.End)
}

// resumeOneTime gives an enabled one-time schedule its entry, unless it has run
// or was given up. One whose time passed while it was disabled runs at once, if
// it is not too old; it is then no part of the gap. One whose time was set to a
// past one does not run: an edit never fires for a time before itself.
func (e *Engine) resumeOneTime(ctx context.Context, ch *belfry.ScheduleChange, was, t *timing, now time.Time) error {
	o, ok := t.next(time.Time{})
	if !ok {
		return nil
	}
	if !o.After(now) {
		old := ch.Old
		ofNow := !old.Since.After(o) || old.Since.Equal(old.Created) // else its times were set after o
		if !sameTimes(old, ch.New) || !ofNow {
			return nil
		}
	}
	var set *belfry.Schedule
	if sameTimes(ch.Old, ch.New) {
		set = ch.Old
	}
	done, err := e.accounted(ctx, ch.Old.ID, o, set)
	if err != nil || done {
		return err
	}
	next, gap := oneTimeEntry(ch.New, t, now)
	before, _ := was.next(time.Time{})
	inGap := ch.Closed > 0 && was.oneTime() && before.Equal(o)
	// It may have waited when it was disabled before.
	waited, err := e.c.Store.Gaps(ctx, []belfry.ID{ch.Old.ID}, o, o)
	if err != nil {
		return err
	}
	waited = slices.DeleteFunc(waited, func(g belfry.Gap) bool { return g.To.IsZero() || g.Count != 1 })
	inGap = inGap || len(waited) > 0
	if next != nil && !o.After(now) {
		_, ran, err := e.ranEarlier(ctx, ch.New.Ref(), o)
		if err != nil {
			return err
		}
		if ran {
			next, gap = nil, &belfry.Gap{Schedule: ch.New.ID, From: o, To: o, Count: 1, Reason: belfry.GapDone}
		}
	}
	switch {
	case next != nil && inGap:
		ch.Undone = waited
		if was.oneTime() && before.Equal(o) {
			ch.Closed = 0
		}
	case gap != nil && !inGap:
		ch.Gaps = append(ch.Gaps, *gap)
	}
	ch.Next = next
	return nil
}

// accounted reports whether the occurrence of a one-time schedule, at o, has a run
// or was given up. Of one whose times are as set has them, a run since then was it,
// though the zone's rules may say by now that it was at another time; unless it was
// started under a clock that was ahead, and of an earlier revision, and so maybe
// before. nil: the times are being replaced.
func (e *Engine) accounted(ctx context.Context, id belfry.ID, o time.Time, set *belfry.Schedule) (bool, error) {
	ids := []belfry.ID{id}
	runs, err := e.c.Store.Runs(ctx, belfry.RunQuery{Schedules: ids, Limit: livesLook})
	if err != nil {
		return false, err
	}
	now := e.now()
	for i := range runs {
		r := &runs[i]
		switch {
		case r.Time.Equal(o):
			return true, nil
		case set == nil || r.Time.Sub(o).Abs() > zoneReach:
		case r.Revision == set.Revision, !r.Started.Before(set.Since) && !r.Started.After(now):
			return true, nil
		}
	}
	gaps, err := e.c.Store.Gaps(ctx, ids, o, o)
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
	gaps, err := e.c.Store.Gaps(ctx, []belfry.ID{ch.Old.ID}, now, time.Time{})
	if err != nil {
		return err
	}
	for _, g := range gaps {
		if g.To.IsZero() {
			ch.CloseAt = now
			ch.Closed, _ = was.count(g.From.Add(-1), now)
		}
	}
	return nil
}

// waiting is the gaps of an entry that is due and not started, and of what waits
// behind it. What the entry stands for is read from the entry: the schedule's
// times may have been edited since it was made.
func waiting(s *belfry.Schedule, d *belfry.Due, t *timing, now time.Time, reason belfry.GapReason) []belfry.Gap {
	rest := behind(s, d, t, now, reason)
	own := belfry.Gap{Schedule: d.Schedule, From: d.Time, To: d.Time, Count: 1, Reason: reason, At: now}
	if len(rest) == 1 && !d.Time.Before(s.Since) {
		own.To, own.Count, rest = rest[0].To, rest[0].Count+1, nil
	}
	return append([]belfry.Gap{own}, rest...)
}

// behind is the gap of the occurrences that have come due since the entry's own,
// and since the schedule's times were set; none when there are none.
func behind(s *belfry.Schedule, d *belfry.Due, t *timing, now time.Time, reason belfry.GapReason) []belfry.Gap {
	from := laterOf(d.Time, s.Since)
	n, last := t.count(from, now)
	if n == 0 {
		return nil
	}
	first, _ := t.next(from)
	return []belfry.Gap{{Schedule: d.Schedule, From: first, To: last, Count: n, Reason: reason, At: now}}
}

// DeleteSchedule removes the schedule; its runs stay in the ledger.
func (e *Engine) DeleteSchedule(ctx context.Context, ref belfry.ScheduleRef, once ...belfry.Token) error {
	return e.change(ctx, ref, once, func(old *belfry.Schedule, pending *belfry.Due, was *timing, now time.Time) (belfry.ScheduleChange, error) {
		return e.removed(ctx, old, pending, was, now)
	})
}

// removed is the change that removes old, which has pending in the due queue.
func (e *Engine) removed(ctx context.Context, old *belfry.Schedule, pending *belfry.Due, was *timing, now time.Time) (belfry.ScheduleChange, error) {
	ch := belfry.ScheduleChange{Old: old, Pending: pending, At: now}
	if err := e.closeGap(ctx, &ch, was, now); err != nil {
		return ch, err
	}
	if pending != nil && !pending.Time.After(now) && old.State == belfry.Enabled {
		ch.Gaps = append(ch.Gaps, waiting(old, pending, was, now, belfry.GapDeleted)...)
	}
	return ch, nil
}

type changeFunc func(old *belfry.Schedule, pending *belfry.Due, was *timing, now time.Time) (belfry.ScheduleChange, error)

// change reads the schedule, lets decide say what becomes of it, and stores
// that; when the schedule or its place in the due queue moved meanwhile, it
// starts over.
func (e *Engine) change(ctx context.Context, ref belfry.ScheduleRef, once []belfry.Token, decide changeFunc) error {
	return e.unlessReplayed(ctx, once, e.tryChange(ctx, ref, e.tokenOf(once), decide))
}

func (e *Engine) tryChange(ctx context.Context, ref belfry.ScheduleRef, token *belfry.Token, decide changeFunc) error {
	for {
		old, err := e.c.Store.Schedule(ctx, ref)
		if err != nil {
			return err
		}
		ch, err := e.decided(ctx, old, e.now(), decide)
		if err != nil {
			return err
		}
		ch.Token = token
		err = e.c.Store.ChangeSchedule(ctx, ch)
		if isStale(err) && ctx.Err() == nil {
			continue
		}
		if err == nil {
			e.arrived(ch.Next, ch.New)
			e.retireIfGivenUp(ctx, ch.New, ch.Next, ch.Gaps)
		}
		return err
	}
}

// retireIfGivenUp removes a schedule that asked to be deleted on completion when
// its one time was given up: nothing follows that could complete it.
func (e *Engine) retireIfGivenUp(ctx context.Context, s *belfry.Schedule, next *belfry.Due, gaps []belfry.Gap) {
	if s == nil || next != nil || !s.DeleteAfterCompletion {
		return
	}
	for _, g := range gaps {
		if g.Reason == belfry.GapTooOld || g.Reason == belfry.GapDone {
			e.retire(ctx, s)
			return
		}
	}
}

// decided finds the place of old in the due queue and lets decide say what
// becomes of it.
func (e *Engine) decided(ctx context.Context, old *belfry.Schedule, now time.Time, decide changeFunc) (belfry.ScheduleChange, error) {
	e.steps.glance(e.c.Clock)
	if e.steps.mayHaveRun(now) {
		if err := e.trimOne(ctx, old.ID, now); err != nil {
			return belfry.ScheduleChange{}, err
		}
	}
	was, err := e.parser.timing(old)
	if err != nil {
		was = timing{id: old.ID} // it can be edited and deleted all the same
	}
	_, more := was.next(now.Add(-zoneReach - windowReach)) // its zone may have said later
	sure := err != nil || more && old.State == belfry.Enabled
	pending, err := e.c.Store.Pending(ctx, old.ID, was.pendingCandidates(now, old.Revision), now, sure)
	if err != nil {
		return belfry.ScheduleChange{}, err
	}
	ch, err := decide(old, pending, &was, afterWhatIsDone(old, pending, &was, now))
	if err != nil {
		return ch, err
	}
	if ch.Closed > 0 {
		gaps, err := e.c.Store.Gaps(ctx, []belfry.ID{old.ID}, now, time.Time{})
		if err != nil {
			return ch, err
		}
		for _, g := range gaps {
			if g.To.IsZero() && (!g.At.IsZero() || e.steps.mayHaveRun(g.From)) {
				parts, err := e.closed(ctx, old, &was, g, ch.CloseAt)
				if err != nil {
					return ch, err
				}
				ch.Gaps, ch.Closed = append(ch.Gaps, parts...), 0
			}
		}
	}
	for i := range ch.Gaps {
		if g := &ch.Gaps[i]; g.To.IsZero() && e.steps.mayHaveRun(now) {
			g.At = now // it may come to times that have run
		}
	}
	ch.Gaps, err = e.around(ctx, old, &was, ch.Gaps)
	return ch, err
}

// afterWhatIsDone is now, or a little later: an edit comes after a run that was
// started ahead of its time, and after the edit before it that did.
func afterWhatIsDone(old *belfry.Schedule, pending *belfry.Due, was *timing, now time.Time) time.Time {
	if m := old.Modified; m.After(now) && !m.After(now.Add(lead)) {
		now = m
	}
	if o, yes := was.startedAhead(now, pending); yes && old.State == belfry.Enabled {
		now = o
	}
	return now
}
