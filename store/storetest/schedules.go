package storetest

import (
	"errors"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
)

var scheduleCases = []engineCase{
	{"a schedule comes back as it was stored", (*engineTest).scheduleRoundTrip},
	{"a schedule is found under its own scope, group and name only", (*engineTest).scheduleFind},
	{"a taken name is a conflict, and nothing is written", (*engineTest).scheduleTaken},
	{"a schedule needs a group that is there and stays", (*engineTest).scheduleGroup},
	{"of many creates at once, by two nodes, exactly one wins", (*engineTest).scheduleRace},
	{"schedules are listed by group and name", (*engineTest).scheduleList},
	{"pages of every size give the whole list", (*engineTest).schedulePages},
	{"the pending entry is a candidate or one that is due", (*engineTest).pending},
	{"a change replaces the schedule and its entry", (*engineTest).change},
	{"a change of another revision is stale, and nothing is written", (*engineTest).changeStale},
	{"a change is stale when its entry has been started", (*engineTest).changeStarted},
	{"of many changes to one revision, by two nodes, exactly one wins", (*engineTest).changeRace},
	{"a change closes the open gap of its schedule only", (*engineTest).changeCloses},
	{"a gap is undone when its occurrence runs after all", (*engineTest).changeUndoes},
	{"removal takes the entry and keeps the history", (*engineTest).changeRemoves},
}

// creation stores a schedule, of which there may be plenty.
func creation(s *belfry.Schedule, next *belfry.Due, gap *belfry.Gap) belfry.ScheduleCreation {
	return belfry.ScheduleCreation{Schedule: s, Next: next, Gap: gap, Limit: plenty}
}

func (e *engineTest) scheduleRoundTrip() {
	full := e.spec(engineRef("full"))
	gap := &belfry.Gap{Schedule: full.ID, From: at(-60), To: at(-60), Count: 1, Reason: belfry.GapTooOld}
	next := entry(full, 60)
	next.At = next.At.Add(17 * time.Millisecond)
	e.ok(e.CreateSchedule(e.ctx, creation(full, next, gap)))
	bare := &belfry.Schedule{
		ID: belfry.MakeID(1, belfry.ShardOf(engineRef("bare"))), Revision: 1, Scope: engineScope, Group: belfry.DefaultGroup, Name: "bare",
		State: belfry.Disabled, Target: belfry.Target{Retry: belfry.DefaultRetry()},
	}
	e.ok(e.CreateSchedule(e.ctx, creation(bare, nil, nil)))
	for _, want := range []*belfry.Schedule{full, bare} {
		got, err := e.Schedule(e.ctx, want.Ref())
		e.ok(err)
		e.same(got, want)
	}
	e.same(e.due(), []belfry.DueItem{{Due: *next, Spec: full}})
	e.same(e.gaps(full.ID, bare.ID), []belfry.Gap{*gap})
}

func (e *engineTest) scheduleFind() {
	s, _ := e.create("name", 60)
	for _, change := range []func(*belfry.ScheduleRef){
		func(r *belfry.ScheduleRef) { r.Account = "000000000001" },
		func(r *belfry.ScheduleRef) { r.Region = "eu-west-2" },
		func(r *belfry.ScheduleRef) { r.Group = "other" },
		func(r *belfry.ScheduleRef) { r.Name = "Name" },
		func(r *belfry.ScheduleRef) { r.Name = "nam" },
	} {
		r := s.Ref()
		change(&r)
		_, err := e.Schedule(e.ctx, r)
		e.kind(err, belfry.NotFound)
	}
}

func (e *engineTest) scheduleTaken() {
	first, next := e.create("a", 60)
	second := e.spec(first.Ref())
	gap := &belfry.Gap{Schedule: second.ID, From: at(0), To: at(0), Count: 1, Reason: belfry.GapTooOld}
	e.kind(e.CreateSchedule(e.ctx, creation(second, entry(second, 30), gap)), belfry.Conflict)
	e.queued(next)
	e.same(e.gaps(second.ID), []belfry.Gap(nil))
	got, err := e.Schedule(e.ctx, first.Ref())
	e.ok(err)
	e.same(got, first)

	other := first.Ref()
	other.Region = "eu-west-2"
	e.ok(e.CreateSchedule(e.ctx, creation(e.spec(other), nil, nil)))
}

func (e *engineTest) scheduleGroup() {
	r := engineRef("a")
	r.Group = "g"
	s := e.spec(r)
	gap := &belfry.Gap{Schedule: s.ID, From: at(0), To: at(0), Count: 1, Reason: belfry.GapTooOld}
	e.kind(e.CreateSchedule(e.ctx, creation(s, entry(s, 60), gap)), belfry.NotFound)

	g := belfry.Group{Scope: belfry.Scope{Account: r.Account, Region: "eu-west-2"}, Name: "g", Created: at(0), Modified: at(0)}
	e.ok(e.ChangeGroup(e.ctx, newGroup(g)))
	e.kind(e.CreateSchedule(e.ctx, creation(s, entry(s, 60), gap)), belfry.NotFound) // another region's group

	g.Scope = r.Scope
	e.ok(e.ChangeGroup(e.ctx, newGroup(g)))
	deleting := g
	deleting.Deleting = true
	e.ok(e.ChangeGroup(e.ctx, belfry.GroupChange{Old: &g, New: deleting}))
	e.kind(e.CreateSchedule(e.ctx, creation(s, entry(s, 60), gap)), belfry.Conflict)
	e.queued()
	e.same(e.gaps(s.ID), []belfry.Gap(nil))
	_, err := e.Schedule(e.ctx, r)
	e.kind(err, belfry.NotFound)

	e.ok(e.ChangeGroup(e.ctx, belfry.GroupChange{Old: &deleting, New: g}))
	e.ok(e.CreateSchedule(e.ctx, creation(s, entry(s, 60), gap)))
}

// race calls f n times at once, on two stores in turn, and returns the errors.
func (e *engineTest) race(n int, f func(s engine.Store, i int) error) []error {
	stores := []engine.Store{e.Store, e.open()}
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = f(stores[i%2], i) })
	}
	all.Wait()
	return errs
}

// winner returns which call won; the others must have been refused.
func (e *engineTest) winner(errs []error, refused func(error) bool) int {
	e.Helper()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won < 0:
			won = i
		case err == nil:
			e.Fatalf("calls %d and %d both won", won, i)
		case !refused(err):
			e.Fatalf("call %d: %v", i, err)
		}
	}
	if won < 0 {
		e.Fatal("nobody won")
	}
	return won
}

func (e *engineTest) scheduleRace() {
	specs := make([]*belfry.Schedule, 16)
	for i := range specs {
		specs[i] = e.spec(engineRef("a"))
	}
	errs := e.race(len(specs), func(s engine.Store, i int) error {
		return s.CreateSchedule(e.ctx, creation(specs[i], entry(specs[i], 60), nil))
	})
	won := e.winner(errs, func(err error) bool { return belfry.KindOf(err) == belfry.Conflict })
	e.same(e.due(), []belfry.DueItem{{Due: *entry(specs[won], 60), Spec: specs[won]}})
}

// listed makes schedules in groups and returns their names as "group/name",
// in the order in which they are to be listed.
func (e *engineTest) listed() []string {
	order := []string{"B/x", "a/-a", "a/.a", "a/0", "a/B", "a/_", "a/a", "a/aa", "a/ab", "b/a", "default/a"}
	for _, g := range []string{"a", "b", "B"} {
		e.ok(e.ChangeGroup(e.ctx, newGroup(belfry.Group{Scope: engineScope, Name: g})))
	}
	for i := range order { // stored in another order than listed
		group, name := cut(order[(i*7)%len(order)])
		s := e.spec(belfry.ScheduleRef{Scope: engineScope, Group: group, Name: name})
		if name == "aa" || name == "x" {
			s.State = belfry.Disabled
		}
		e.ok(e.CreateSchedule(e.ctx, creation(s, nil, nil)))
	}
	for _, scope := range []belfry.Scope{{Account: engineScope.Account, Region: "eu"}, {Account: "000000000001", Region: engineScope.Region}} {
		e.ok(e.CreateSchedule(e.ctx, creation(e.spec(belfry.ScheduleRef{Scope: scope, Group: belfry.DefaultGroup, Name: "a"}), nil, nil)))
	}
	return order
}

func (e *engineTest) list(q belfry.ScheduleQuery) []string {
	e.Helper()
	q.Scope = engineScope
	found, err := e.Schedules(e.ctx, q)
	e.ok(err)
	var names []string
	for _, s := range found {
		names = append(names, s.Group+"/"+s.Name)
	}
	return names
}

func (e *engineTest) scheduleList() {
	all := e.listed()
	whole, err := e.Schedules(e.ctx, belfry.ScheduleQuery{Scope: engineScope, Limit: 1})
	e.ok(err)
	brief, err := e.Schedules(e.ctx, belfry.ScheduleQuery{Scope: engineScope, Limit: 1, Brief: true})
	e.ok(err)
	if whole[0].Target.Input == "" {
		e.Error("the schedule has no input")
	}
	whole[0].Target.Input, whole[0].Target.Parameters = "", nil
	e.same(brief, whole)
	enabled, disabled := belfry.Enabled, belfry.Disabled
	for _, c := range []struct {
		q    belfry.ScheduleQuery
		want []string
	}{
		{belfry.ScheduleQuery{Limit: 100}, all},
		{belfry.ScheduleQuery{Limit: len(all)}, all},
		{belfry.ScheduleQuery{Limit: len(all) - 1}, all[:len(all)-1]},
		{belfry.ScheduleQuery{Limit: 100, Group: "b"}, []string{"b/a"}},
		{belfry.ScheduleQuery{Limit: 100, Group: "c"}, nil},
		{belfry.ScheduleQuery{Limit: 100, NamePrefix: "a"}, []string{"a/a", "a/aa", "a/ab", "b/a", "default/a"}},
		{belfry.ScheduleQuery{Limit: 100, NamePrefix: "a", Group: "a"}, []string{"a/a", "a/aa", "a/ab"}},
		{belfry.ScheduleQuery{Limit: 100, NamePrefix: "_"}, []string{"a/_"}},
		{belfry.ScheduleQuery{Limit: 100, State: &disabled}, []string{"B/x", "a/aa"}},
		{belfry.ScheduleQuery{Limit: 100, State: &enabled, NamePrefix: "a"}, []string{"a/a", "a/ab", "b/a", "default/a"}},
		{belfry.ScheduleQuery{Limit: 100, AfterGroup: "a", AfterName: "aa"}, []string{"a/ab", "b/a", "default/a"}},
		{belfry.ScheduleQuery{Limit: 100, AfterGroup: "a", AfterName: "aa", Group: "a"}, []string{"a/ab"}},
		{belfry.ScheduleQuery{Limit: 100, AfterGroup: "a", AfterName: "aaa"}, []string{"a/ab", "b/a", "default/a"}}, // gone since
		{belfry.ScheduleQuery{Limit: 100, AfterGroup: "default", AfterName: "a"}, nil},
	} {
		e.Logf("%+v", c.q)
		e.same(e.list(c.q), c.want)
	}
}

func (e *engineTest) schedulePages() {
	all := e.listed()
	for limit := 1; limit <= len(all)+1; limit++ {
		var got []string
		q := belfry.ScheduleQuery{Limit: limit}
		for {
			page := e.list(q)
			if len(page) > limit {
				e.Fatalf("a page of %d for a limit of %d", len(page), limit)
			}
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			q.AfterGroup, q.AfterName = cut(page[len(page)-1])
		}
		e.same(got, all)
	}
}

func (e *engineTest) pending() {
	s, d := e.create("a", 60)
	other, _ := e.create("b", 60)
	e.start(startOf(entry(other, 60), nil))
	for _, c := range []struct {
		name       string
		id         belfry.ID
		candidates []belfry.Due
		now        time.Time
		want       *belfry.Due
	}{
		{"due now", s.ID, nil, at(60), d},
		{"due in a millisecond", s.ID, nil, at(60).Add(-time.Millisecond), nil},
		{"among the candidates", s.ID, []belfry.Due{*entry(s, 30), *d}, at(0), d},
		{"not among the candidates", s.ID, []belfry.Due{*entry(s, 30), *entry(s, 90)}, at(0), nil},
		{"has been started", other.ID, []belfry.Due{*entry(other, 60)}, at(60), nil},
	} {
		got, err := e.Pending(e.ctx, c.id, c.candidates, c.now, false)
		e.ok(err)
		e.Log(c.name)
		e.same(got, c.want)
	}
	retry := &belfry.Due{At: at(70), Retry: true, Occurrence: belfry.Occurrence{Schedule: s.ID, Time: at(60)}, Revision: 1, Attempt: 2}
	claim := e.start(startOf(d, nil))
	e.finish(belfry.Finish{Occurrence: d.Occurrence, Claim: claim, Outcome: belfry.Pending, Retry: retry})
	got, err := e.Pending(e.ctx, s.ID, nil, far, false)
	e.ok(err)
	e.same(got, (*belfry.Due)(nil)) // a retry is the run's, not the schedule's
}

// edited is s one revision on.
func edited(s *belfry.Schedule, description string) *belfry.Schedule {
	n := *s
	n.Revision++
	n.Description, n.Modified = description, s.Modified.Add(time.Hour)
	return &n
}

func isStale(err error) bool { return errors.Is(err, belfry.ErrStale) }
