package storetest

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/belfry-run/belfry"
)

var archiveCases = []engineCase{
	{"archived runs read as before", (*engineTest).archive},
	{"runs that have not ended stay", (*engineTest).archiveOpen},
	{"an archive that is interrupted anywhere loses and doubles none", (*engineTest).archiveInterrupted},
	{"history is forgotten when it lies wholly before", (*engineTest).forget},
}

const aDay = 24 * 60 * 60

func (e *engineTest) archived(before time.Time) int {
	e.Helper()
	n, err := e.Archive(e.ctx, before)
	e.ok(err)
	return n
}

// everyLimit fails the test unless runs are the given ones at every small
// limit, and without one.
func (e *engineTest) everyLimit(want []belfry.Run, ids ...belfry.ID) {
	e.Helper()
	for limit := 1; limit <= len(want)+1; limit++ {
		if limit > 12 {
			limit = len(want) + 1
		}
		got, err := e.Runs(e.ctx, belfry.RunQuery{Schedules: ids, Limit: limit})
		e.ok(err)
		e.same(got, want[:min(limit, len(want))])
	}
}

func (e *engineTest) archive() {
	a, da := e.create("a", 999_999)
	b, _ := e.create("b", 999_999)
	e.ran(a, -2*aDay, -aDay, -aDay+1, 0)
	e.ran(b, -aDay, 10)
	claim := e.start(func() belfry.Start {
		st := startOf(entry(a, -30), da)
		st.Due = *da
		return st
	}())
	failed := failure(entry(a, -30), claim, 2)
	failed.Outcome, failed.Reason, failed.Retry = belfry.Failed, "It failed.", nil
	e.finish(failed)
	want := e.runs(a.ID, b.ID)
	for _, c := range []struct{ before, moved int }{
		{-2 * aDay, 0}, {-2*aDay + 1, 1}, {-aDay + 1, 2}, {0, 2}, {0, 0}, {11, 2}, {11, 0},
	} {
		if n := e.archived(at(c.before)); n != c.moved {
			e.Fatalf("%d runs before second %d moved, want %d", n, c.before, c.moved)
		}
		e.everyLimit(want, a.ID, b.ID)
		ids := []belfry.ID{a.ID}
		e.same(e.seconds(belfry.RunQuery{Schedules: ids, From: at(-aDay), To: at(-30), Limit: 9}), []int{-30, -aDay + 1, -aDay})
		e.same(e.seconds(belfry.RunQuery{Schedules: ids, From: at(-aDay), To: at(-30), Limit: 2}), []int{-30, -aDay + 1})
		e.same(e.seconds(belfry.RunQuery{Schedules: ids, From: at(-aDay + 1), To: at(-31), Limit: 9}), []int{-aDay + 1})
		e.same(e.seconds(belfry.RunQuery{Schedules: ids, To: at(-aDay - 1), Limit: 9}), []int{-2 * aDay})
	}
	e.Store = e.open()
	e.everyLimit(want, a.ID, b.ID)
}

func (e *engineTest) archiveOpen() {
	a, da := e.create("a", 10)
	b, db := e.create("b", 20)
	e.finish(failure(da, e.start(startOf(da, nil)), 1))
	claim := e.start(startOf(db, nil))
	want := e.runs(a.ID, b.ID)
	if n := e.archived(far); n != 0 {
		e.Fatalf("%d runs moved, want none", n)
	}
	e.same(e.runs(a.ID, b.ID), want)
	e.finish(succeeded(db, claim))
	if n := e.archived(far); n != 1 {
		e.Fatalf("%d runs moved, want the one that ended", n)
	}
	e.same(len(e.due()), 1)
	e.same(e.due()[0].Run.Outcome, belfry.Pending)
}

// lookedAt is a context that ends when its Done is called for the n-th time, so
// that a test can end it at each place where a store looks.
type lookedAt struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
}

func lookAt(ctx context.Context, n int) *lookedAt {
	c := &lookedAt{}
	c.Context, c.cancel = context.WithCancel(ctx)
	c.left.Store(int64(n))
	return c
}

func (c *lookedAt) look() {
	if c.left.Add(-1) <= 0 {
		c.cancel()
	}
}

func (c *lookedAt) Done() <-chan struct{} { c.look(); return c.Context.Done() }

func (e *engineTest) archiveInterrupted() {
	s, _ := e.create("a", 999_999)
	// A look is tried more than once: a store may go either way when it finds
	// both the context ended and itself ready.
	const each, most = 4, 100 // the latter is more than an Archive of so few runs needs
	for n := range most {
		// Two runs on each of two days, after those that are in the history.
		second := (2*n - 2*most) * aDay
		e.ran(s, second, second+1, second+aDay, second+aDay+1)
		want := e.runs(s.ID)
		e.same(len(want), 4*(n+1))
		ctx := lookAt(e.ctx, n/each)
		_, err := e.Archive(ctx, far)
		ended := ctx.Err() != nil
		ctx.cancel()
		if err != nil && !ended {
			e.Fatal(err)
		}
		e.everyLimit(want, s.ID)
		e.archived(far)
		e.everyLimit(want, s.ID)
		if !ended {
			return // it was done before
		}
	}
	e.Fatalf("an Archive of four runs looks at its context %d times", most/each)
}

func (e *engineTest) forget() {
	midnight := at(-12 * 60 * 60)
	second := int(midnight.Sub(at(0)) / time.Second)
	s, d := e.create("a", 999_999)
	e.ran(s, second-aDay, second-1, second, second+60)
	old := belfry.Gap{Schedule: s.ID, From: at(second - 60), To: at(second - 1), Count: 1, Reason: belfry.GapMissed}
	over := belfry.Gap{Schedule: s.ID, From: at(second - 50), To: at(second), Count: 1, Reason: belfry.GapMissed}
	open := belfry.Gap{Schedule: s.ID, From: at(second - 40), Reason: belfry.GapDisabled}
	n := edited(s, "new")
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s, New: n, Pending: d, Gaps: []belfry.Gap{old, over, open}}))
	gone, kept := e.completed("gone", second-60), e.completed("kept", second+60)
	e.archived(far)

	for range 2 {
		_, err := e.Forget(e.ctx, at(second-aDay))
		e.ok(err)
		e.same(e.seconds(belfry.RunQuery{Schedules: []belfry.ID{s.ID}, Limit: 9}), []int{second + 60, second, second - 1, second - aDay})
		e.same(e.gaps(s.ID), []belfry.Gap{old, over, open})
	}
	// A second before midnight, the last run of the day is not before.
	_, err := e.Forget(e.ctx, at(second-1))
	e.ok(err)
	e.same(e.seconds(belfry.RunQuery{Schedules: []belfry.ID{s.ID}, Limit: 3}), []int{second + 60, second, second - 1})
	e.same(e.gaps(s.ID), []belfry.Gap{old, over, open})
	for range 2 {
		_, err := e.Forget(e.ctx, midnight)
		e.ok(err)
		e.same(e.seconds(belfry.RunQuery{Schedules: []belfry.ID{s.ID}, Limit: 9}), []int{second + 60, second})
		e.same(e.gaps(s.ID), []belfry.Gap{over, open})
		_, retired, err := e.Lives(e.ctx, gone.Ref())
		e.ok(err)
		e.same(retired, []*belfry.Schedule(nil))
		_, retired, err = e.Lives(e.ctx, kept.Ref())
		e.ok(err)
		e.same(retired, []*belfry.Schedule{kept})
	}
	current, _, err := e.Lives(e.ctx, s.Ref())
	e.ok(err)
	e.same(current, n)
}

// completed makes a schedule that ran at the second and was deleted then.
func (e *engineTest) completed(name string, second int) *belfry.Schedule {
	e.Helper()
	s, d := e.create(name, second)
	end := succeeded(d, e.start(startOf(d, nil)))
	end.Delete = s.Revision
	e.finish(end)
	return s
}
