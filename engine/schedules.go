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
// is Invalid, a taken name Conflict, an unknown group NotFound, one schedule
// more than Config.MaxSchedules Quota.
//
// Here and in the other changes, at most one token may follow. When the same
// request was carried out with it, it is not carried out again and the answer
// is the same; with a token of another request the answer is Conflict.
func (e *Engine) CreateSchedule(ctx context.Context, s belfry.Schedule, once ...belfry.Token) (*belfry.Schedule, error) {
	for {
		made, err := e.tryCreate(ctx, s, e.tokenOf(once))
		if isStale(err) && ctx.Err() == nil {
			continue
		}
		if err := e.unlessReplayed(ctx, once, err); err != nil {
			return nil, err
		}
		return made, nil
	}
}

func (e *Engine) tryCreate(ctx context.Context, s belfry.Schedule, token *belfry.Token) (*belfry.Schedule, error) {
	now := e.now()
	s.ID = e.ids.next(now, belfry.ShardOf(s.Ref()))
	s.Revision, s.Created, s.Modified, s.Since = 1, now, now, now
	s.Anchor = anchorOf(&s, now)
	t, err := e.check(ctx, &s, nil, now)
	if err != nil {
		return &s, err
	}
	c := belfry.ScheduleCreation{Schedule: &s, Token: token, Limit: e.c.MaxSchedules}
	c.Next, c.Gap = first(&s, &t, now)
	if c.Next != nil && !c.Next.Time.After(now) {
		if err := e.unlessRan(ctx, &c, &t, now); err != nil {
			return &s, err
		}
	}
	if err := e.c.Store.CreateSchedule(ctx, c); err != nil {
		return &s, err
	}
	e.arrived(c.Next, &s)
	if c.Gap != nil {
		e.retireIfGivenUp(ctx, &s, c.Next, []belfry.Gap{*c.Gap})
	}
	return &s, nil
}

// ranEarlier reports whether a deleted schedule of the name ran the occurrence, and
// which of them is the newest; 0 when there is none.
func (e *Engine) ranEarlier(ctx context.Context, r belfry.ScheduleRef, o time.Time) (newest belfry.ID, ran bool, err error) {
	lives, err := e.c.Store.Retired(ctx, r, livesLook)
	if err != nil || len(lives) == 0 {
		return 0, false, err
	}
	runs, err := e.c.Store.Runs(ctx, belfry.RunQuery{Schedules: lives, From: o, To: o, Limit: 1})
	return lives[0], len(runs) > 0, err
}

// livesLook bounds the earlier lives of a name that are looked at for what they ran.
const livesLook = 1000

// unlessRan takes the first entry of a new schedule away when an earlier life of
// its name ran that very occurrence: who makes a schedule again, with the same
// name and time, does not want its work done again.
func (e *Engine) unlessRan(ctx context.Context, c *belfry.ScheduleCreation, t *timing, now time.Time) error {
	o := c.Next.Time
	newest, ran, err := e.ranEarlier(ctx, c.Schedule.Ref(), o)
	c.After = &newest
	if err != nil || !ran {
		return err
	}
	c.Gap = &belfry.Gap{Schedule: c.Schedule.ID, From: o, To: o, Count: 1, Reason: belfry.GapDone, At: now}
	c.Next = t.entryAfter(laterOf(o, now), c.Schedule.Revision)
	return nil
}

// OwnSchedule returns a schedule of Belfry's own, in a reserved group that no
// client can name; it is created from s if it is not there.
func (e *Engine) OwnSchedule(ctx context.Context, s belfry.Schedule) (*belfry.Schedule, error) {
	made, err := e.CreateSchedule(ctx, s)
	if belfry.KindOf(err) == belfry.Conflict {
		return e.Schedule(ctx, s.Ref())
	}
	return made, err
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
func (e *Engine) check(ctx context.Context, s, old *belfry.Schedule, now time.Time) (timing, error) {
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
	// One that has completed may still be disabled, enabled and described. A
	// rule may have an expression that is never due, as with AWS.
	if !oneTime && s.Rule() == "" && (old == nil || !sameTimes(old, s)) {
		// A rate's anchor is an occurrence although it lies in the past.
		if _, ok := t.next(now.Add(-time.Minute)); !ok {
			return t, belfry.Errorf(belfry.Invalid, "ScheduleExpression",
				"The schedule expression %s will never be due: it has no occurrence after %s within its StartDate and EndDate.",
				s.Expression, now.Format(time.RFC3339))
		}
	}
	if e.c.CheckTarget != nil {
		if err := e.c.CheckTarget(ctx, s); err != nil {
			return t, err
		}
	}
	return t, nil
}

// first decides what a new schedule begins with.
func first(s *belfry.Schedule, t *timing, now time.Time) (*belfry.Due, *belfry.Gap) {
	if s.State == belfry.Disabled {
		gap := disabledGap(now, time.Time{}, t)
		return nil, &gap
	}
	if t.oneTime() {
		return oneTimeEntry(s, t, now)
	}
	if t.expr.Every() > 0 && s.Start.IsZero() && (s.End.IsZero() || !s.Anchor.After(s.End)) {
		// A rate without StartDate is first due when it is created.
		d := t.entry(s.Anchor, s.Revision)
		if d.At.Before(now) {
			d.At, d.Kept = now, true
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
		return nil, &belfry.Gap{Schedule: s.ID, From: o, To: o, Count: 1, Reason: belfry.GapTooOld, At: now}
	}
	d := t.entry(o, s.Revision)
	if d.At.Before(now) {
		d.At, d.Kept = now, true
	}
	return d, nil
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
