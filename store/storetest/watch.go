package storetest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
	"github.com/belfry-run/belfry/monitor"
)

// A WatchedStore keeps schedules, and what their watches have to know.
type WatchedStore interface {
	engine.Store
	monitor.WatchStore
	monitor.SelfStore
	ListFlips(ctx context.Context, q monitor.FlipQuery) ([]monitor.Flip, error)
}

// Watch holds a store to what [monitor.WatchStore] and [monitor.SelfStore]
// promise. data is as in [Engine].
func Watch[S WatchedStore](t *testing.T, data func(t *testing.T) (open func() S)) {
	for _, c := range watchCases {
		t.Run(c.name, func(t *testing.T) {
			of := data(t)
			s := of()
			e := &engineTest{T: t, Store: s, ctx: t.Context(), open: func() engine.Store { return of() }}
			e.acquire(s)
			c.run(&watchTest{engineTest: e, watch: s, again: func() WatchedStore { return of() }})
		})
	}
}

type watchTest struct {
	*engineTest
	watch WatchedStore
	again func() WatchedStore // another store on the same data
}

var watchCases = []struct {
	name string
	run  func(*watchTest)
}{
	{"the success of a schedule that is well is no news", (*watchTest).wellIsNoNews},
	{"failures, retries, late starts and gaps are news, in their order", (*watchTest).news},
	{"a schedule with news or a watch has news of each run, until it is settled as well", (*watchTest).untilWell},
	{"what was refused or rolled back is no news", (*watchTest).refused},
	{"a schedule that is deleted or disabled is news only if it is watched", (*watchTest).off},
	{"another process goes on where this one was", (*watchTest).restart},
	{"settling takes place once", (*watchTest).settleOnce},
	{"batches are bounded, and lose nothing", (*watchTest).batches},
	{"a reason is cut at the end of a character", (*watchTest).reasons},
	{"a watch reads as it was kept", (*watchTest).roundTrip},
	{"a condition that is gone keeps nothing", (*watchTest).conditions},
	{"entries are overdue in the order of the queue", (*watchTest).overdue},
	{"enabled schedules that the queue does not have are found", (*watchTest).unqueued},
	{"runs are long from their first attempt on, through retries", (*watchTest).long},
	{"durations are of the newest that succeeded, in the history of a month", (*watchTest).durations},
	{"an account's watches come in pages", (*watchTest).list},
	{"what Belfry has found out about itself reads as it was kept", (*watchTest).self},
}

func (e *watchTest) batch() monitor.NewsBatch {
	e.Helper()
	b, err := e.watch.News(e.ctx, 10_000)
	e.ok(err)
	return b
}

// noNews fails the test if there is any.
func (e *watchTest) noNews() {
	e.Helper()
	if b := e.batch(); len(b.News) != 0 || b.Through != b.After || b.More {
		e.Fatalf("there is news: %+v", b)
	}
}

// settleWell takes all news there is and finds every schedule well.
func (e *watchTest) settleWell() {
	e.Helper()
	b := e.batch()
	st := monitor.Settlement{After: b.After, Through: b.Through}
	for id := range b.Watches {
		st.Drop = append(st.Drop, id)
	}
	e.ok(e.watch.Settle(e.ctx, st))
}

// keep settles what there is with the watches.
func (e *watchTest) keep(watches ...*monitor.Watch) {
	e.Helper()
	b := e.batch()
	st := monitor.Settlement{After: b.After, Through: b.Through}
	for _, w := range watches {
		st.Keep = append(st.Keep, monitor.Kept{Watch: w})
	}
	e.ok(e.watch.Settle(e.ctx, st))
}

func failed(d *belfry.Due, claim belfry.Claim, reason string) belfry.Finish {
	f := failure(d, claim, 1)
	f.Outcome, f.Reason, f.Retry = belfry.Failed, reason, nil
	return f
}

func downWatch(s *belfry.Schedule) *monitor.Watch {
	return &monitor.Watch{
		Schedule: s.ID, Ref: s.Ref(), Status: monitor.Down, Since: at(60), Reason: monitor.ReasonFailed,
		Detail: "It failed: ☂", Run: at(60), Outcomes: 0xF000000000000001, Known: 64, InARow: 1, Retrying: at(30), RetryingSince: at(31),
	}
}

func (e *watchTest) wellIsNoNews() {
	s, d := e.create("a", 60)
	e.finish(succeeded(d, e.start(startOf(d, entry(s, 120)))))
	e.noNews()
	skipped, sd := e.create("b", 60)
	end := succeeded(sd, e.start(startOf(sd, nil)))
	end.Outcome = belfry.SkippedOverlap
	e.finish(end)
	e.noNews()
	w, err := e.watch.WatchOf(e.ctx, skipped.Ref())
	e.ok(err)
	e.same(w, monitor.Watch{Schedule: skipped.ID, Ref: skipped.Ref(), Status: monitor.Up})
}

func (e *watchTest) news() {
	a, da := e.create("a", 60)
	b, db := e.create("b", 60)
	c, dc := e.create("c", 60)
	late := startOf(dc, nil)
	late.At = at(60).Add(monitor.MinLateAfter + time.Millisecond)
	late.Gaps = []belfry.Gap{{Schedule: c.ID, From: at(30), To: at(50), Count: 2, Reason: belfry.GapMissed}}
	inTime := startOf(db, nil)
	inTime.At = at(60).Add(monitor.MinLateAfter)
	claim := e.start(startOf(da, nil), inTime, late)
	first, last := failure(da, claim, 1), failed(db, claim, "It broke.")
	dead := last
	dead.Occurrence, dead.Outcome, dead.Reason = dc.Occurrence, belfry.DeadLettered, "Dead."
	e.finish(first, last, dead)
	tooOld := &belfry.Gap{Schedule: e.spec(engineRef("d")).ID, From: at(-60), To: at(-60), Count: 1, Reason: belfry.GapTooOld}
	d := e.spec(engineRef("d"))
	tooOld.Schedule = d.ID
	e.ok(e.CreateSchedule(e.ctx, creation(d, nil, tooOld)))

	got := e.batch()
	if n := len(got.News); n != 6 || got.More {
		e.Fatalf("%d news, more: %v; want 6 and no more", n, got.More)
	}
	if got.News[5].At.IsZero() {
		e.Error("a gap does not say when it was recorded")
	}
	got.News[5].At = time.Time{}
	e.same(got.News, []monitor.News{
		{Kind: monitor.RunsPassed, Occurrence: belfry.Occurrence{Schedule: c.ID, Time: at(30)}, At: late.At, To: at(50), Count: 2, Gap: belfry.GapMissed},
		{Kind: monitor.RunLate, Occurrence: dc.Occurrence, At: late.At, Started: late.At, Due: dc.At},
		{Kind: monitor.RunRetries, Occurrence: da.Occurrence, At: first.Ended, Outcome: belfry.Pending, Started: first.Started, Reason: first.Reason},
		{Kind: monitor.RunEnded, Occurrence: db.Occurrence, At: last.Ended, Outcome: belfry.Failed, Started: last.Started, Reason: "It broke."},
		{Kind: monitor.RunEnded, Occurrence: dc.Occurrence, At: dead.Ended, Outcome: belfry.DeadLettered, Started: dead.Started, Reason: "Dead."},
		{Kind: monitor.RunsPassed, Occurrence: belfry.Occurrence{Schedule: d.ID, Time: at(-60)}, To: at(-60), Count: 1, Gap: belfry.GapTooOld},
	})
	want := map[belfry.ID]*monitor.Watch{}
	for _, s := range []*belfry.Schedule{a, b, c, d} {
		want[s.ID] = &monitor.Watch{Schedule: s.ID, Ref: s.Ref(), Status: monitor.Up}
	}
	e.same(got.Watches, want)
	e.settleWell()
	e.noNews()
}

func (e *watchTest) untilWell() {
	s, d := e.create("a", 60)
	next := entry(s, 120)
	e.finish(failed(d, e.start(startOf(d, next)), "x"))
	e.finish(succeeded(next, e.start(startOf(next, entry(s, 180))))) // before anybody has looked
	if n := len(e.batch().News); n != 2 {
		e.Fatalf("%d news of a failure and the success after it, want 2", n)
	}
	w := downWatch(s)
	e.keep(w)
	e.noNews()
	next = entry(s, 180)
	e.finish(succeeded(next, e.start(startOf(next, entry(s, 240)))))
	b := e.batch()
	if len(b.News) != 1 || b.News[0].Outcome != belfry.Succeeded {
		e.Fatalf("news of a watched schedule's success is %+v", b.News)
	}
	e.same(b.Watches[s.ID], w)
	e.settleWell()
	next = entry(s, 240)
	e.finish(succeeded(next, e.start(startOf(next, entry(s, 300)))))
	e.noNews()

	// What came between the look and its settling is not forgotten.
	next = entry(s, 300)
	e.finish(failed(next, e.start(startOf(next, entry(s, 360))), "x"))
	b = e.batch()
	next = entry(s, 360)
	e.finish(failed(next, e.start(startOf(next, entry(s, 420))), "y"))
	e.ok(e.watch.Settle(e.ctx, monitor.Settlement{After: b.After, Through: b.Through, Drop: []belfry.ID{s.ID}}))
	next = entry(s, 420)
	e.finish(succeeded(next, e.start(startOf(next, entry(s, 480)))))
	if n := len(e.batch().News); n != 2 {
		e.Fatalf("%d news after the settling, want the failure and the success", n)
	}
}

func (e *watchTest) refused() {
	s, d := e.create("a", 60)
	gap := belfry.Gap{Schedule: s.ID, From: at(10), To: at(10), Count: 1, Reason: belfry.GapMissed}
	st := startOf(d, nil)
	st.Due.Revision, st.At, st.Gaps = 2, far, []belfry.Gap{gap}
	_, started, err := e.Start(e.ctx, []belfry.Start{st})
	e.ok(err)
	e.same(started, []belfry.Started{belfry.NotStarted})
	e.finish(failed(d, 0, "not under way"))
	e.stale(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: edited(s, "x"), New: edited(s, "y"), Gaps: []belfry.Gap{gap}}))
	r := &belfry.Rule{Scope: engineScope, Name: "r", Revision: 1}
	e.stale(e.ChangeRule(e.ctx, belfry.RuleChange{New: r, Limit: 10, Targets: []belfry.ScheduleChange{
		{New: e.spec(r.Ref().Target("t")), Gaps: []belfry.Gap{gap}},
		{Old: edited(s, "x"), New: edited(s, "y")},
	}}))
	e.noNews()
}

func (e *watchTest) off() {
	s, d := e.create("a", 60)
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s, Pending: d}))
	e.noNews()
	s, d = e.create("b", 60)
	other, od := e.create("c", 60)
	e.keep(downWatch(s), downWatch(other))
	disabled := edited(s, "off")
	disabled.State = belfry.Disabled
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s, New: disabled, Pending: d, At: at(70)}))
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: disabled, New: func() *belfry.Schedule {
		n := edited(disabled, "still off")
		return n
	}()}))
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: other, Pending: od, At: at(80)}))
	b := e.batch()
	e.same(b.News, []monitor.News{
		{Kind: monitor.ScheduleOff, Occurrence: belfry.Occurrence{Schedule: s.ID}, At: at(70), Reason: string(monitor.ReasonDisabled)},
		{Kind: monitor.ScheduleOff, Occurrence: belfry.Occurrence{Schedule: other.ID}, At: at(80), Reason: string(monitor.ReasonDeleted)},
	})
	e.same(b.Watches[other.ID], downWatch(other))
	e.settleWell()
	all, _, err := e.watch.Watches(e.ctx, []belfry.ID{other.ID})
	e.ok(err)
	e.same(all[other.ID], &monitor.Watch{Schedule: other.ID, Ref: other.Ref(), Status: monitor.Up, Deleted: true})
}

func (e *watchTest) restart() {
	s, d := e.create("a", 60)
	other, od := e.create("b", 60)
	e.keep(downWatch(s))
	claim := e.start(startOf(d, entry(s, 120)), startOf(od, entry(other, 120)))
	e.finish(failed(od, claim, "x"))
	before := e.batch()

	e.watch = e.again()
	e.Store = e.watch
	e.acquire(e.Store)
	e.same(e.batch(), before)
	left, claim, err := e.Interrupted(e.ctx)
	e.ok(err)
	if len(left) != 1 {
		e.Fatalf("%d interrupted runs, want 1", len(left))
	}
	next := entry(other, 120)
	e.finish(succeeded(d, claim), succeeded(next, e.start(startOf(next, nil))))
	b := e.batch()
	if len(b.News) != 3 || b.Through <= before.Through {
		e.Fatalf("after the restart there is %+v", b)
	}
	e.settleWell()
	e.noNews()
}

func (e *watchTest) settleOnce() {
	s, d := e.create("a", 60)
	e.finish(failed(d, e.start(startOf(d, nil)), "x"))
	b := e.batch()
	w := downWatch(s)
	flip := monitor.Flip{
		Subject: w.Subject(), Name: monitor.WatchName(w.Ref), At: at(61), From: monitor.Up, To: monitor.Down,
		Reason: monitor.ReasonFailed, Detail: "It failed.", Run: d.OccurrenceID(),
	}
	st := monitor.Settlement{After: b.After, Through: b.Through, Keep: []monitor.Kept{{Watch: w}}, Flips: []monitor.Flip{flip}}
	e.ok(e.watch.Settle(e.ctx, st))
	e.stale(e.watch.Settle(e.ctx, st))
	st.After++
	e.same(e.flips(w.Subject()), []monitor.Flip{flip})
}

// flips of the subject, oldest first and without their ids.
func (e *watchTest) flips(s monitor.Subject) []monitor.Flip {
	e.Helper()
	all, err := e.watch.ListFlips(e.ctx, monitor.FlipQuery{Subject: s, Limit: 1000})
	e.ok(err)
	slices.Reverse(all)
	for i := range all {
		all[i].ID = 0
	}
	return all
}

func (e *watchTest) batches() {
	var want []belfry.Occurrence
	for i := range 20 {
		s, d := e.create("a"+strings.Repeat("x", i), 60)
		want = append(want, belfry.Occurrence{Schedule: s.ID, Time: at(60)})
		e.finish(failed(d, e.start(startOf(d, nil)), "x"))
	}
	var got []belfry.Occurrence
	for {
		b, err := e.watch.News(e.ctx, 7)
		e.ok(err)
		if len(b.News) > 7+20 { // a row may go beyond it
			e.Fatalf("%d news, asked for 7", len(b.News))
		}
		for _, n := range b.News {
			got = append(got, n.Occurrence)
		}
		st := monitor.Settlement{After: b.After, Through: b.Through}
		if b.Through == b.After {
			break
		}
		for id := range b.Watches {
			st.Drop = append(st.Drop, id)
		}
		e.ok(e.watch.Settle(e.ctx, st))
	}
	e.same(got, want)
}

func (e *watchTest) reasons() {
	long := strings.Repeat("☂", 200)
	_, da := e.create("a", 60)
	_, db := e.create("b", 60)
	claim := e.start(startOf(da, nil), startOf(db, nil))
	exact := strings.Repeat("x", monitor.MaxNewsReason)
	e.finish(failed(da, claim, exact), failed(db, claim, long))
	b := e.batch()
	e.same(b.News[0].Reason, exact)
	e.same(b.News[1].Reason, strings.Repeat("☂", 99)+"…")
}

func (e *watchTest) roundTrip() {
	s, _ := e.create("a", 60)
	w := downWatch(s)
	e.keep(w)
	got, err := e.watch.WatchOf(e.ctx, s.Ref())
	e.ok(err)
	e.same(got, *w)
	w.Status, w.Reason, w.RetryingSince = monitor.Grace, monitor.ReasonLate, time.Time{}
	e.keep(w)
	all, _, err := e.watch.Watches(e.ctx, []belfry.ID{s.ID, s.ID})
	e.ok(err)
	e.same(all, map[belfry.ID]*monitor.Watch{s.ID: w})
	counts, err := e.watch.CountWatches(e.ctx)
	e.ok(err)
	e.same(counts, map[monitor.Status]int64{monitor.Grace: 1})
	_, err = e.watch.WatchOf(e.ctx, engineRef("none"))
	e.kind(err, belfry.NotFound)
}

func (e *watchTest) conditions() {
	s, d := e.create("a", 60)
	w := downWatch(s)
	flip := &monitor.Flip{Subject: w.Subject(), At: at(61), From: monitor.Up, To: monitor.Grace, Reason: monitor.ReasonLate}
	try := func(k monitor.Kept) (kept bool) {
		e.Helper()
		_, after, err := e.watch.Watches(e.ctx, nil)
		e.ok(err)
		before := len(e.flips(w.Subject()))
		k.Watch, k.Flip = w, flip
		e.ok(e.watch.Settle(e.ctx, monitor.Settlement{After: after, Through: after, Keep: []monitor.Kept{k}}))
		return len(e.flips(w.Subject())) == before+1
	}
	run := &d.Occurrence
	e.same(try(monitor.Kept{Underway: run}), false)
	e.same(try(monitor.Kept{Waits: entry(s, 61)}), false)
	all, _, err := e.watch.Watches(e.ctx, []belfry.ID{s.ID})
	e.ok(err)
	e.same(all[s.ID].Status, monitor.Up)
	e.same(try(monitor.Kept{Waits: d}), true)
	claim := e.start(startOf(d, nil))
	e.same(try(monitor.Kept{Waits: d}), false)
	e.same(try(monitor.Kept{Underway: run}), true)
	first := failure(d, claim, 1)
	e.finish(first)
	e.same(try(monitor.Kept{Underway: run}), true)
	e.finish(succeeded(d, e.start(startOf(first.Retry, nil))))
	e.same(try(monitor.Kept{Underway: run}), false)

	other, od := e.create("b", 60)
	e.start(startOf(od, nil))
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: other}))
	w.Schedule = other.ID
	e.same(try(monitor.Kept{Underway: &od.Occurrence}), false)
}

func (e *watchTest) overdue() {
	_, da := e.create("a", 60)
	_, db := e.create("b", 50)
	e.create("c", 70)
	s, d := e.create("d", 40)
	e.finish(failure(d, e.start(startOf(d, entry(s, 65))), 1)) // a retry is no first attempt
	read := func(before time.Time, after *belfry.Due, limit int) []belfry.Due {
		e.Helper()
		found, err := e.watch.OverdueRuns(e.ctx, before, after, limit)
		e.ok(err)
		return found
	}
	e.same(read(at(65), nil, 10), []belfry.Due{*db, *da})
	e.same(read(at(65).Add(1*time.Millisecond), nil, 10), []belfry.Due{*db, *da, *entry(s, 65)})
	e.same(read(at(65), nil, 1), []belfry.Due{*db})
	e.same(read(at(65), db, 10), []belfry.Due{*da})
	e.same(read(at(50), nil, 10), []belfry.Due(nil))
}

func (e *watchTest) unqueued() {
	e.create("queued", 60)
	bare := func(name string, edit func(*belfry.Schedule)) *belfry.Schedule {
		s := e.spec(engineRef(name))
		s.End = time.Time{}
		edit(s)
		e.ok(e.CreateSchedule(e.ctx, creation(s, nil, nil)))
		return s
	}
	now := at(3600)
	a := bare("a", func(*belfry.Schedule) {})
	bare("disabled", func(s *belfry.Schedule) { s.State = belfry.Disabled })
	bare("over", func(s *belfry.Schedule) { s.End = now.Add(-time.Millisecond) })
	last := bare("last", func(s *belfry.Schedule) { s.End = now })
	bare("done", func(s *belfry.Schedule) {
		s.Expression = "at(" + now.AddDate(0, 0, -2).Format("2006-01-02T15:04:05") + ")"
	})
	soon := bare("soon", func(s *belfry.Schedule) { s.Expression = "at(" + now.Format("2006-01-02T15:04:05") + ")" })
	_, d := e.create("retries", 60)
	claim := e.start(startOf(d, nil))
	e.finish(failure(d, claim, 1)) // a retry does not make it queued
	all := func(*belfry.Schedule) bool { return true }
	found, err := e.watch.Unqueued(e.ctx, now, 10, all)
	e.ok(err)
	var got []string
	for _, s := range found {
		got = append(got, s.Name)
		if s.Name == "a" {
			e.same(s, a)
		}
	}
	slices.Sort(got)
	e.same(got, []string{a.Name, last.Name, "retries", soon.Name})
	found, err = e.watch.Unqueued(e.ctx, now, 2, all)
	e.ok(err)
	e.same(len(found), 2)
	found, err = e.watch.Unqueued(e.ctx, now, 10, func(s *belfry.Schedule) bool { return s.Name == "last" })
	e.ok(err)
	e.same(found, []*belfry.Schedule{last})
}

func (e *watchTest) long() {
	a, da := e.create("a", 60)
	_, db := e.create("b", 60)
	_, dc := e.create("c", 90)
	claim := e.start(startOf(da, nil), startOf(db, nil), startOf(dc, nil))
	started := func(d *belfry.Due) monitor.LongRun {
		return monitor.LongRun{Occurrence: d.Occurrence, Started: d.At.Add(5 * time.Millisecond)}
	}
	read := func(before time.Time) []monitor.LongRun {
		e.Helper()
		found, err := e.watch.LongRuns(e.ctx, before, 10)
		e.ok(err)
		slices.SortFunc(found, func(x, y monitor.LongRun) int { return int(x.Schedule - y.Schedule) })
		return found
	}
	e.same(read(at(60).Add(5*time.Millisecond)), []monitor.LongRun(nil))
	e.same(read(at(60).Add(6*time.Millisecond)), []monitor.LongRun{started(da), started(db)})
	first := failure(da, claim, 1)
	e.finish(first, succeeded(db, claim))
	e.same(read(at(70)), []monitor.LongRun(nil)) // nobody has taken the news of the retry yet
	w := downWatch(a)
	w.Retrying, w.RetryingSince = da.Time, first.Started
	e.keep(w)
	e.same(read(at(70)), []monitor.LongRun{{Occurrence: da.Occurrence, Started: first.Started}})
	e.same(read(first.Started), []monitor.LongRun(nil))
}

func (e *watchTest) durations() {
	s, _ := e.create("a", 999)
	other, _ := e.create("b", 999)
	e.ran(s, 10, 20, 2*aDay)
	e.ran(other, 15)
	read := func(now time.Time, limit int) []time.Duration {
		e.Helper()
		took, err := e.watch.Durations(e.ctx, s.ID, now, limit)
		e.ok(err)
		return took
	}
	d := entry(s, 30)
	pending, err := e.Pending(e.ctx, s.ID, nil, at(10*aDay), false)
	e.ok(err)
	st := startOf(d, nil)
	st.Due = *pending
	e.finish(failed(d, e.start(st), "x"))
	e.same(read(at(3*aDay), 10), []time.Duration(nil))
	e.archived(at(4 * aDay))
	took := 20 * time.Millisecond
	e.same(read(at(3*aDay), 10), []time.Duration{took, took, took})
	e.same(read(at(3*aDay), 2), []time.Duration{took, took})
	e.same(read(at(32*aDay), 10), []time.Duration{took})
	e.same(read(at(60*aDay), 10), []time.Duration(nil))
}

func (e *watchTest) list() {
	var want []monitor.Watch
	for _, name := range []string{"a", "b", "c"} {
		s, _ := e.create(name, 60)
		want = append(want, *downWatch(s))
	}
	want[1].Status = monitor.Grace
	up, _ := e.create("up", 60)
	upWatch := downWatch(up)
	upWatch.Status = monitor.Up
	r := engineRef("other")
	r.Account = "111111111111"
	other := e.spec(r)
	e.ok(e.CreateSchedule(e.ctx, creation(other, nil, nil)))
	e.keep(&want[0], &want[1], &want[2], upWatch, downWatch(other))
	slices.SortFunc(want, func(a, b monitor.Watch) int { return int(a.Schedule - b.Schedule) })
	got, err := e.watch.ListWatches(e.ctx, engineScope.Account, 0, 10)
	e.ok(err)
	e.same(got, want)
	got, err = e.watch.ListWatches(e.ctx, engineScope.Account, 0, 2)
	e.ok(err)
	e.same(got, want[:2])
	got, err = e.watch.ListWatches(e.ctx, engineScope.Account, got[1].Schedule, 2)
	e.ok(err)
	e.same(got, want[2:])
}

func (e *watchTest) self() {
	found := []monitor.SelfState{
		{Name: "disk", Status: monitor.Down, Since: at(60), Detail: "It is full: ☂"},
		{Name: "clock", Status: monitor.Up, Since: at(61)},
	}
	flip := monitor.Flip{
		Subject: monitor.Subject{Account: engineScope.Account, Kind: monitor.SubjectServer, ID: "disk"}, Name: "disk",
		At: at(60), From: monitor.Up, To: monitor.Down, Reason: monitor.ReasonFailed, Detail: "It is full: ☂",
	}
	e.ok(e.watch.KeepSelf(e.ctx, found, []monitor.Flip{flip}))
	got, err := e.watch.SelfStates(e.ctx)
	e.ok(err)
	e.same(got, []monitor.SelfState{found[1], found[0]})
	e.same(e.flips(flip.Subject), []monitor.Flip{flip})
	found[0].Status, found[0].Detail = monitor.Up, ""
	e.ok(e.watch.KeepSelf(e.ctx, found[:1], nil))
	got, err = e.watch.SelfStates(e.ctx)
	e.ok(err)
	e.same(got, []monitor.SelfState{found[1], found[0]})

	s, d := e.create("a", 60)
	n, err := e.watch.Outcome(e.ctx, d.Occurrence)
	e.ok(err)
	e.same(n, (*belfry.Run)(nil))
	e.start(startOf(d, nil))
	n, err = e.watch.Outcome(e.ctx, d.Occurrence)
	e.ok(err)
	e.same(n.Outcome, belfry.Running)
	oldest, err := e.watch.OldestDue(e.ctx)
	e.ok(err)
	e.same(oldest, time.Time{})
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s, New: edited(s, "x"), Next: entry(s, 90)}))
	oldest, err = e.watch.OldestDue(e.ctx)
	e.ok(err)
	e.same(oldest, at(90))
}
