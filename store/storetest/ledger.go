package storetest

import (
	"time"

	"github.com/belfry-run/belfry"
)

var ledgerCases = []engineCase{
	{"runs come newest first, within the bounds and the limit", (*engineTest).runsQuery},
	{"gaps that touch the interval come oldest first", (*engineTest).gapsQuery},
	{"the lives of a name come newest first", (*engineTest).lives},
}

// ran records a run of s at each second.
func (e *engineTest) ran(s *belfry.Schedule, seconds ...int) {
	e.Helper()
	for _, second := range seconds {
		d := entry(s, second)
		pending, err := e.Pending(e.ctx, s.ID, nil, far, false)
		e.ok(err)
		if pending == nil {
			e.Fatal("the schedule has no entry to start from")
		}
		st := startOf(d, pending)
		st.Due = *pending
		e.finish(succeeded(d, e.start(st)))
	}
}

// at which the runs lie, in seconds.
func (e *engineTest) seconds(q belfry.RunQuery) []int {
	e.Helper()
	runs, err := e.Runs(e.ctx, q)
	e.ok(err)
	var all []int
	for _, r := range runs {
		all = append(all, int(r.Time.Sub(at(0))/time.Second))
	}
	return all
}

func (e *engineTest) runsQuery() {
	a, _ := e.create("a", 999)
	b, _ := e.create("b", 999)
	e.ran(a, 20, 60, 40)
	e.ran(b, 50)
	both := []belfry.ID{a.ID, b.ID}
	for _, c := range []struct {
		q    belfry.RunQuery
		want []int
	}{
		{belfry.RunQuery{Schedules: []belfry.ID{a.ID}, Limit: 10}, []int{60, 40, 20}},
		{belfry.RunQuery{Schedules: both, Limit: 10}, []int{60, 50, 40, 20}},
		{belfry.RunQuery{Schedules: both, Limit: 4}, []int{60, 50, 40, 20}},
		{belfry.RunQuery{Schedules: both, Limit: 3}, []int{60, 50, 40}},
		{belfry.RunQuery{Schedules: both, Limit: 0}, nil},
		{belfry.RunQuery{Limit: 10}, nil},
		{belfry.RunQuery{Schedules: []belfry.ID{belfry.MakeID(7, 7)}, Limit: 10}, nil},
		{belfry.RunQuery{Schedules: both, From: at(40), Limit: 10}, []int{60, 50, 40}},
		{belfry.RunQuery{Schedules: both, From: at(41), Limit: 10}, []int{60, 50}},
		{belfry.RunQuery{Schedules: both, To: at(50), Limit: 10}, []int{50, 40, 20}},
		{belfry.RunQuery{Schedules: both, To: at(49), Limit: 10}, []int{40, 20}},
		{belfry.RunQuery{Schedules: both, From: at(40), To: at(40), Limit: 10}, []int{40}},
		{belfry.RunQuery{Schedules: both, From: at(40), To: at(50), Limit: 1}, []int{50}},
	} {
		e.Logf("%+v", c.q)
		e.same(e.seconds(c.q), c.want)
	}
}

func (e *engineTest) gapsQuery() {
	s, other := e.spec(engineRef("a")), e.spec(engineRef("b"))
	late := belfry.Gap{Schedule: s.ID, From: at(100), To: at(200), Count: 3, Reason: belfry.GapMissed}
	early := belfry.Gap{Schedule: s.ID, From: at(10), To: at(20), Count: 2, Reason: belfry.GapEdited, At: at(20).Add(5 * time.Millisecond)}
	open := belfry.Gap{Schedule: s.ID, From: at(300), Reason: belfry.GapDisabled}
	others := belfry.Gap{Schedule: other.ID, From: at(50), To: at(60), Count: 1, Reason: belfry.GapMissed}
	e.ok(e.CreateSchedule(e.ctx, creation(s, nil, &late)))
	e.ok(e.CreateSchedule(e.ctx, creation(other, nil, &others)))
	n := edited(s, "new")
	n.State = belfry.Disabled
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s, New: n, Gaps: []belfry.Gap{open, early}}))
	for _, c := range []struct {
		ids      []belfry.ID
		from, to time.Time
		want     []belfry.Gap
	}{
		{[]belfry.ID{s.ID}, time.Time{}, time.Time{}, []belfry.Gap{early, late, open}},
		{[]belfry.ID{s.ID, other.ID}, time.Time{}, time.Time{}, []belfry.Gap{early, others, late, open}},
		{nil, time.Time{}, time.Time{}, nil},
		{[]belfry.ID{s.ID}, at(20), at(100), []belfry.Gap{early, late}},
		{[]belfry.ID{s.ID}, at(21), at(99), nil},
		{[]belfry.ID{s.ID}, at(150), at(150), []belfry.Gap{late}},
		{[]belfry.ID{s.ID}, at(201), at(299), nil},
		{[]belfry.ID{s.ID}, at(201), at(300), []belfry.Gap{open}},
		{[]belfry.ID{s.ID}, far, time.Time{}, []belfry.Gap{open}},
		{[]belfry.ID{s.ID}, time.Time{}, at(9), nil},
		{[]belfry.ID{s.ID}, time.Time{}, at(10), []belfry.Gap{early}},
	} {
		got, err := e.Gaps(e.ctx, c.ids, c.from, c.to)
		e.ok(err)
		e.Logf("%v to %v", c.from, c.to)
		e.same(got, c.want)
	}
}

func (e *engineTest) lives() {
	current, retired, err := e.Lives(e.ctx, engineRef("a"))
	e.ok(err)
	e.same(current, (*belfry.Schedule)(nil))
	e.same(retired, []*belfry.Schedule(nil))

	var want []*belfry.Schedule
	var ends []time.Time
	for i := range 5 { // removed and completed in turn, one right after the other
		s, d := e.create("a", 60)
		if i == 3 {
			s.Target.Parameters = nil
			n := edited(s, "bare")
			e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s, New: n, Pending: d, Next: d}))
			s = n
		}
		if i%2 == 0 {
			e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s, Pending: d, At: d.At}))
			ends = append([]time.Time{d.At}, ends...)
		} else {
			end := succeeded(d, e.start(startOf(d, nil)))
			end.Delete = s.Revision
			e.finish(end)
			ends = append([]time.Time{end.Ended}, ends...)
		}
		want = append([]*belfry.Schedule{s}, want...)
	}
	e.create("b", 60)
	current, retired, err = e.Lives(e.ctx, engineRef("a"))
	e.ok(err)
	e.same(current, (*belfry.Schedule)(nil))
	e.same(retired, want)
	for i, s := range retired {
		e.same(s.Retired, ends[i])
	}

	now, _ := e.create("a", 60)
	current, retired, err = e.Lives(e.ctx, engineRef("a"))
	e.ok(err)
	e.same(current, now)
	e.same(retired, want)
	other := engineRef("a")
	other.Region = "eu-west-2"
	current, retired, err = e.Lives(e.ctx, other)
	e.ok(err)
	e.same(current, (*belfry.Schedule)(nil))
	e.same(retired, []*belfry.Schedule(nil))
}
