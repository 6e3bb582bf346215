package storetest

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
)

var runCases = []engineCase{
	{"start takes the entry, records the run and moves on", (*engineTest).startMovesOn},
	{"an entry that is gone starts nothing and writes nothing", (*engineTest).startGone},
	{"a step may leave nothing to run", (*engineTest).startNothing},
	{"an occurrence that has a run is not started again", (*engineTest).startAgain},
	{"one step starts many, each on its own", (*engineTest).startMany},
	{"of many starts of one entry at once exactly one wins", (*engineTest).startRace},
	{"a retry goes on with its run", (*engineTest).startRetry},
	{"finish records the outcome, once", (*engineTest).finishOnce},
	{"finish of a run that is not under way writes nothing", (*engineTest).finishNothing},
	{"finish takes many at once", (*engineTest).finishMany},
	{"a completed schedule is deleted only at the revision that completed", (*engineTest).finishDeletes},
	{"a call whose context has ended writes all or nothing", (*engineTest).cancelled},
}

func (e *engineTest) startMovesOn() {
	s, d := e.create("a", 60)
	st := startOf(d, entry(s, 180))
	st.Run.Time = at(120) // the latest of two that were missed
	st.Gaps = []belfry.Gap{{Schedule: s.ID, From: at(60), To: at(60), Count: 1, Reason: belfry.GapMissed}}
	e.start(st)
	e.same(e.runs(s.ID), []belfry.Run{{Occurrence: *st.Run, Revision: 1, Outcome: belfry.Running, Started: st.At}})
	e.same(e.gaps(s.ID), st.Gaps)
	e.queued(st.Next)
}

func (e *engineTest) startGone() {
	s, d := e.create("a", 60)
	for _, st := range []belfry.Start{
		startOf(entry(s, 30), nil),
		startOf(&belfry.Due{At: d.At.Add(time.Millisecond), Occurrence: d.Occurrence, Revision: 1, Attempt: 1}, nil),
		startOf(&belfry.Due{At: d.At, Occurrence: d.Occurrence, Revision: 2, Attempt: 1}, nil),
		startOf(&belfry.Due{At: d.At, Retry: true, Occurrence: d.Occurrence, Revision: 1, Attempt: 1}, nil),
	} {
		st.Next = entry(s, 240)
		st.Gaps = []belfry.Gap{{Schedule: s.ID, From: at(30), To: at(30), Count: 1, Reason: belfry.GapMissed}}
		_, started, err := e.Start(e.ctx, []belfry.Start{st})
		e.ok(err)
		e.same(started, []belfry.Started{belfry.NotStarted})
		e.queued(d)
		e.same(e.gaps(s.ID), []belfry.Gap(nil))
		e.same(e.runs(s.ID), []belfry.Run(nil))
	}
}

func (e *engineTest) startNothing() {
	s, d := e.create("a", 60)
	gap := &belfry.Gap{Schedule: s.ID, From: at(60), To: at(120), Count: 2, Reason: belfry.GapMissed}
	next := entry(s, 180)
	_, started, err := e.Start(e.ctx, []belfry.Start{{Due: *d, At: at(150), Next: next, Gaps: []belfry.Gap{*gap}}})
	e.ok(err)
	e.same(started, []belfry.Started{belfry.NotStarted})
	e.same(e.runs(s.ID), []belfry.Run(nil))
	e.same(e.gaps(s.ID), []belfry.Gap{*gap})
	e.queued(next)
}

func (e *engineTest) startAgain() {
	s, d := e.create("a", 60)
	claim := e.start(startOf(d, d)) // the entry comes again
	e.finish(succeeded(d, claim))
	before := e.runs(s.ID)
	next := entry(s, 120)
	st := startOf(d, next)
	st.At = at(61)
	_, started, err := e.Start(e.ctx, []belfry.Start{st})
	e.ok(err)
	e.same(started, []belfry.Started{belfry.NotStarted})
	e.same(e.runs(s.ID), before)
	e.queued(next) // the schedule goes on
}

func (e *engineTest) startMany() {
	a, da := e.create("a", 60)
	b, db := e.create("b", 60)
	_, started, err := e.Start(e.ctx, []belfry.Start{startOf(da, entry(a, 120)), startOf(entry(b, 30), nil), startOf(da, nil), startOf(db, nil)})
	e.ok(err)
	e.same(started, []belfry.Started{belfry.IsRunning, belfry.NotStarted, belfry.NotStarted, belfry.IsRunning})
	e.queued(entry(a, 120))
	if n := len(e.runs(a.ID, b.ID)); n != 2 {
		e.Fatalf("%d runs, want 2", n)
	}
	_, started, err = e.Start(e.ctx, nil)
	e.ok(err)
	e.same(started, []belfry.Started{})
}

func (e *engineTest) startRace() {
	s, d := e.create("a", 60)
	won := make([]bool, 16)
	next := make([]*belfry.Due, len(won))
	for i, err := range e.raceOwner(len(won), func(i int) error {
		next[i] = entry(s, 100+i)
		_, started, err := e.Start(e.ctx, []belfry.Start{startOf(d, next[i])})
		won[i] = err == nil && started[0] == belfry.IsRunning
		return err
	}) {
		e.ok(err)
		if won[i] {
			e.queued(next[i])
			won[i] = false
			e.same(won, make([]bool, len(won)))
			return
		}
	}
	e.Fatal("nobody won")
}

func (e *engineTest) startRetry() {
	s, d := e.create("a", 60)
	claim := e.start(startOf(d, nil))
	first := failure(d, claim, 1)
	e.finish(first)
	retry := startOf(first.Retry, nil)
	claim = e.start(retry)
	run := belfry.Run{Occurrence: d.Occurrence, Revision: 1, Outcome: belfry.Running, Started: first.Started, Attempts: first.Attempts}
	e.same(e.runs(s.ID), []belfry.Run{run})
	e.queued()

	second := failure(d, claim, 2)
	second.Outcome, second.Reason, second.Retry = belfry.Failed, "It failed twice.", nil
	e.finish(second)
	run.Outcome, run.Reason, run.Ended, run.Attempts = belfry.Failed, second.Reason, second.Ended, second.Attempts
	e.same(e.runs(s.ID), []belfry.Run{run})

	_, started, err := e.Start(e.ctx, []belfry.Start{retry})
	e.ok(err)
	e.same(started, []belfry.Started{belfry.NotStarted})
	e.same(e.runs(s.ID), []belfry.Run{run})
}

func (e *engineTest) finishOnce() {
	s, d := e.create("a", 60)
	other, od := e.create("b", 60)
	claim := e.start(startOf(d, nil), startOf(od, nil))
	end := succeeded(d, claim)
	e.finish(end)
	run := belfry.Run{
		Occurrence: d.Occurrence, Revision: 1, Outcome: belfry.Succeeded, Started: end.Started, Ended: end.Ended,
		Attempts: []belfry.Attempt{{
			Number: 1, ExecutionID: d.ExecutionID(1), Started: end.Started, Ended: end.Ended,
			Result: belfry.Result{Status: belfry.AttemptSucceeded},
		}},
	}
	e.same(e.runs(s.ID), []belfry.Run{run})
	again := failure(d, claim, 1)
	again.Delete = s.Revision
	for range 3 {
		e.finish(again)
		e.same(e.runs(s.ID), []belfry.Run{run})
		e.queued()
		_, err := e.Schedule(e.ctx, s.Ref())
		e.ok(err)
	}
	// The other run of the step is still under way, and known to be.
	_, unrelated := e.create("c", 60)
	e.finish(succeeded(unrelated, e.start(startOf(unrelated, nil))))
	left, _ := e.takeOver(e.open())
	e.same(left, []belfry.Occurrence{{Schedule: other.ID, Time: od.Time}})
}

func (e *engineTest) finishNothing() {
	s, d := e.create("a", 60)
	end := failure(d, 0, 1)
	end.Delete = s.Revision
	e.finish(end)
	e.queued(d)
	e.same(e.runs(s.ID), []belfry.Run(nil))
	_, err := e.Schedule(e.ctx, s.Ref())
	e.ok(err)
}

func (e *engineTest) finishMany() {
	a, da := e.create("a", 60)
	b, db := e.create("b", 60)
	c, dc := e.create("c", 60)
	claim := e.start(startOf(da, nil), startOf(db, nil), startOf(dc, nil))
	retry := failure(db, claim, 1)
	dead := succeeded(dc, claim)
	dead.Outcome, dead.Reason, dead.Attempts = belfry.DeadLettered, "It is gone.", failure(dc, claim, 1).Attempts
	dead.Delete = c.Revision
	e.finish(succeeded(da, claim), retry, dead)
	got := map[belfry.ID]belfry.Outcome{}
	for _, r := range e.runs(a.ID, b.ID, c.ID) {
		got[r.Schedule] = r.Outcome
		if final := !r.Ended.IsZero(); final != r.Outcome.Final() {
			e.Errorf("run is %v and ended at %v", r.Outcome, r.Ended)
		}
	}
	e.same(got, map[belfry.ID]belfry.Outcome{a.ID: belfry.Succeeded, b.ID: belfry.Pending, c.ID: belfry.DeadLettered})
	e.queued(retry.Retry)
	_, err := e.Schedule(e.ctx, c.Ref())
	e.kind(err, belfry.NotFound)
	e.ok(e.Finish(e.ctx, nil))
}

func (e *engineTest) finishDeletes() {
	s, d := e.create("a", 60)
	claim := e.start(startOf(d, nil))
	n := edited(s, "new")
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s, New: n, Next: entry(n, 120)}))
	end := succeeded(d, claim)
	end.Delete = s.Revision
	e.finish(end)
	got, err := e.Schedule(e.ctx, s.Ref())
	e.ok(err)
	e.same(got, n)

	claim = e.start(startOf(entry(n, 120), nil))
	end = succeeded(entry(n, 120), claim)
	end.Delete = n.Revision
	e.finish(end)
	_, err = e.Schedule(e.ctx, s.Ref())
	e.kind(err, belfry.NotFound)

	// One that has an entry which an edit has kept is not complete.
	waits, first := e.create("waits", 60)
	kept := *entry(waits, 90)
	kept.Kept, kept.Own = true, true
	end = succeeded(first, e.start(startOf(first, &kept)))
	end.Delete = waits.Revision
	e.finish(end)
	_, err = e.Schedule(e.ctx, waits.Ref())
	e.ok(err)
	if runs := e.runs(s.ID); len(runs) != 2 {
		e.Fatalf("%d runs are left, want both", len(runs))
	}
	current, retired, err := e.Lives(e.ctx, s.Ref())
	e.ok(err)
	e.same(current, (*belfry.Schedule)(nil))
	e.same(retired, []*belfry.Schedule{n})
}

func (e *engineTest) cancelled() {
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	for i := range 20 {
		s := e.spec(engineRef(string(rune('a' + i))))
		d := entry(s, 60)
		if err := e.CreateSchedule(ctx, creation(s, d, nil)); err != nil {
			_, err := e.Schedule(e.ctx, s.Ref())
			e.kind(err, belfry.NotFound)
			e.ok(e.CreateSchedule(e.ctx, creation(s, d, nil)))
		}
		claim, started, err := e.Start(ctx, []belfry.Start{startOf(d, nil)})
		if wrote := len(e.runs(s.ID)) == 1; wrote != (err == nil) {
			e.Fatalf("start answered %v, and wrote is %v", err, wrote)
		}
		if err != nil {
			continue
		}
		e.same(started, []belfry.Started{belfry.IsRunning})
		err = e.Finish(ctx, []belfry.Finish{succeeded(d, claim)})
		if wrote := e.runs(s.ID)[0].Outcome == belfry.Succeeded; wrote != (err == nil) {
			e.Fatalf("finish answered %v, and wrote is %v", err, wrote)
		}
	}
}

// raceOwner is race on the store that holds the shards.
func (e *engineTest) raceOwner(n int, f func(i int) error) []error {
	other := e.open
	defer func() { e.open = other }()
	e.open = func() engine.Store { return e.Store }
	return e.race(n, func(_ engine.Store, i int) error { return f(i) })
}
