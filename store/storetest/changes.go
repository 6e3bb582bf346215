package storetest

import (
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
)

func cut(path string) (group, name string) {
	group, name, _ = strings.Cut(path, "/")
	return group, name
}

func (e *engineTest) change() {
	s, d := e.create("a", 60)
	n := edited(s, "new")
	n.State, n.Expression, n.Timezone, n.Window, n.DeleteAfterCompletion = belfry.Disabled, "rate(2 minutes)", "UTC", 0, false
	n.Start, n.End, n.Anchor, n.Since = at(1), at(2), at(3), at(4)
	n.Target = belfry.Target{ARN: "arn:other", Retry: belfry.DefaultRetry()}
	gap := belfry.Gap{Schedule: s.ID, From: at(10), Reason: belfry.GapDisabled}
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s, New: n, Pending: d, Gaps: []belfry.Gap{gap}}))
	got, err := e.Schedule(e.ctx, s.Ref())
	e.ok(err)
	e.same(got, n)
	e.queued()
	e.same(e.gaps(s.ID), []belfry.Gap{gap})

	again := edited(n, "again")
	next := entry(again, 90)
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: n, New: again, Next: next}))
	e.same(e.due(), []belfry.DueItem{{Due: *next, Spec: again}})
}

func (e *engineTest) changeStale() {
	s, d := e.create("a", 60)
	n := edited(s, "new")
	next := entry(n, 60)
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s, New: n, Pending: d, Next: next}))

	late := edited(s, "late")
	gap := belfry.Gap{Schedule: s.ID, From: at(10), Reason: belfry.GapDisabled}
	unknown := e.spec(engineRef("a"))
	for _, ch := range []belfry.ScheduleChange{
		{Old: s, New: late, Pending: next, Next: entry(late, 90), Gaps: []belfry.Gap{gap}},
		{Old: s, Pending: next, Gaps: []belfry.Gap{gap}},
		{Old: n, New: edited(n, "late"), Pending: d, Next: entry(late, 90), Gaps: []belfry.Gap{gap}}, // the entry of the revision before
		{Old: n, Pending: entry(n, 30), Gaps: []belfry.Gap{gap}},
		{Old: unknown, New: edited(unknown, "late"), Gaps: []belfry.Gap{gap}},
	} {
		e.stale(e.ChangeSchedule(e.ctx, ch))
		got, err := e.Schedule(e.ctx, s.Ref())
		e.ok(err)
		e.same(got, n)
		e.queued(next)
		e.same(e.gaps(s.ID), []belfry.Gap(nil))
	}
}

func (e *engineTest) changeStarted() {
	s, d := e.create("a", 60)
	next := entry(s, 120)
	e.start(startOf(d, next))
	n := edited(s, "new")
	gap := belfry.Gap{Schedule: s.ID, From: at(10), Reason: belfry.GapDisabled}
	e.stale(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s, New: n, Pending: d, Gaps: []belfry.Gap{gap}}))
	e.queued(next)
	e.same(e.gaps(s.ID), []belfry.Gap(nil))
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s, New: n, Pending: next, Gaps: []belfry.Gap{gap}}))
	e.queued()
}

func (e *engineTest) changeRace() {
	s, d := e.create("a", 60)
	news := make([]*belfry.Schedule, 16)
	for i := range news {
		news[i] = edited(s, strings.Repeat("x", i))
	}
	errs := e.race(len(news), func(st engine.Store, i int) error {
		return st.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s, New: news[i], Pending: d, Next: entry(news[i], 100+i)})
	})
	won := e.winner(errs, isStale)
	e.same(e.due(), []belfry.DueItem{{Due: *entry(news[won], 100+won), Spec: news[won]}})
}

func (e *engineTest) changeCloses() {
	s, d := e.create("a", 60)
	other, od := e.create("b", 60)
	closed := belfry.Gap{Schedule: s.ID, From: at(-20), To: at(-10), Count: 3, Reason: belfry.GapDisabled}
	open := belfry.Gap{Schedule: s.ID, From: at(10), Reason: belfry.GapDisabled}
	others := belfry.Gap{Schedule: other.ID, From: at(10), Reason: belfry.GapDisabled}
	off := edited(s, "off")
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s, New: off, Pending: d, Gaps: []belfry.Gap{closed, open}}))
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: other, New: edited(other, "off"), Pending: od, Gaps: []belfry.Gap{others}}))

	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: off, New: edited(off, "on"), CloseAt: at(40), Closed: 7}))
	open.To, open.Count = at(40), 7
	e.same(e.gaps(s.ID), []belfry.Gap{closed, open})
	e.same(e.gaps(other.ID), []belfry.Gap{others})
}

func (e *engineTest) changeUndoes() {
	s, d := e.create("a", 60)
	one := belfry.Gap{Schedule: s.ID, From: at(60), To: at(60), Count: 1, Reason: belfry.GapDisabled}
	other := belfry.Gap{Schedule: s.ID, From: at(10), To: at(20), Count: 2, Reason: belfry.GapMissed}
	off := edited(s, "off")
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s, New: off, Pending: d, Gaps: []belfry.Gap{other, one}}))
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: off, New: edited(off, "on"), Undone: []belfry.Gap{one}}))
	e.same(e.gaps(s.ID), []belfry.Gap{other})
}

func (e *engineTest) changeRemoves() {
	s, d := e.create("a", 60)
	next := entry(s, 120)
	retry := &belfry.Due{At: at(70), Retry: true, Occurrence: d.Occurrence, Revision: 1, Attempt: 2}
	claim := e.start(startOf(d, next))
	e.finish(belfry.Finish{Occurrence: d.Occurrence, Claim: claim, Outcome: belfry.Pending, Retry: retry})
	gap := belfry.Gap{Schedule: s.ID, From: at(120), To: at(180), Count: 2, Reason: belfry.GapDeleted}
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s, Pending: next, Gaps: []belfry.Gap{gap}}))

	_, err := e.Schedule(e.ctx, s.Ref())
	e.kind(err, belfry.NotFound)
	e.same(e.list(belfry.ScheduleQuery{Limit: 10}), []string(nil))
	e.stale(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s}))
	e.same(e.gaps(s.ID), []belfry.Gap{gap})
	runs := e.runs(s.ID)
	if len(runs) != 1 || runs[0].Outcome != belfry.Pending {
		e.Fatalf("runs are %+v, want the one that waits", runs)
	}
	// Its retry is still due, without the schedule.
	e.same(e.due(), []belfry.DueItem{{Due: *retry, Run: &runs[0]}})

	again, _ := e.create("a", 300)
	current, retired, err := e.Lives(e.ctx, s.Ref())
	e.ok(err)
	e.same(current, again)
	e.same(retired, []*belfry.Schedule{s})
}
