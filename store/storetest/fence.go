package storetest

import (
	"cmp"
	"slices"
	"sync"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
)

var fenceCases = []engineCase{
	{"epochs grow", (*engineTest).epochs},
	{"after a take-over the old owner starts and finishes nothing", (*engineTest).fenced},
	{"a take-over in the middle of starts loses and doubles none", (*engineTest).fenceRace},
	{"the new owner gets what the old one left, once", (*engineTest).interrupted},
	{"what was interrupted beside a neighbour is found once", (*engineTest).interruptedOnce},
	{"what waits for a retry was not interrupted", (*engineTest).notInterrupted},
}

// takeOver makes s the owner, and the store of the test, and returns what the
// one before left.
func (e *engineTest) takeOver(s engine.Store) ([]belfry.Occurrence, belfry.Claim) {
	e.Helper()
	e.acquire(s)
	e.Store = s
	left, claim, err := s.Interrupted(e.ctx)
	e.ok(err)
	return left, claim
}

func (e *engineTest) epochs() {
	last := map[belfry.Shard]int64{}
	other := e.open()
	for range 3 {
		for _, s := range []engine.Store{e.Store, other, e.open()} {
			leases := e.acquire(s)
			seen := map[belfry.Shard]bool{}
			for _, l := range leases {
				if l.Epoch <= last[l.Shard] {
					e.Fatalf("shard %d is taken with epoch %d, after %d", l.Shard, l.Epoch, last[l.Shard])
				}
				last[l.Shard] = l.Epoch
				seen[l.Shard] = true
			}
			if len(seen) != belfry.Shards || len(leases) != belfry.Shards {
				e.Fatalf("%d leases of %d shards, want each of %d", len(leases), len(seen), belfry.Shards)
			}
		}
	}
}

func (e *engineTest) fenced() {
	a, da := e.create("a", 60)
	b, db := e.create("b", 60)
	claim := e.start(startOf(da, entry(a, 120)))
	old := e.Store
	e.Store = e.open()
	e.acquire(e.Store)
	queue, runs := e.due(), e.runs(a.ID, b.ID)

	st := startOf(db, entry(b, 120))
	st.Gaps = []belfry.Gap{{Schedule: b.ID, From: at(30), To: at(30), Count: 1, Reason: belfry.GapMissed}}
	retry := failure(da, claim, 1)
	gone := succeeded(da, claim)
	gone.Delete = a.Revision
	for range 2 {
		_, _, err := old.Start(e.ctx, []belfry.Start{st})
		e.kind(err, belfry.Fenced)
		e.kind(old.Finish(e.ctx, []belfry.Finish{gone}), belfry.Fenced)
		e.kind(old.Finish(e.ctx, []belfry.Finish{retry}), belfry.Fenced)
		_, _, err = old.Interrupted(e.ctx)
		e.kind(err, belfry.Fenced)
	}
	e.same(e.due(), queue)
	e.same(e.runs(a.ID, b.ID), runs)
	e.same(e.gaps(a.ID, b.ID), []belfry.Gap(nil))
	_, err := e.Schedule(e.ctx, a.Ref())
	e.ok(err)

	// The new owner goes on with both.
	left, claim, err := e.Interrupted(e.ctx)
	e.ok(err)
	e.same(left, []belfry.Occurrence{da.Occurrence})
	e.finish(succeeded(da, claim), succeeded(db, e.start(st)))
	e.queued(ordered(entry(a, 120), entry(b, 120))...)
	// Clients may still write through the old one.
	e.ok(old.CreateSchedule(e.ctx, creation(e.spec(engineRef("c")), nil, nil)))
}

func ordered(a, b *belfry.Due) []*belfry.Due {
	if b.Before(a) {
		return []*belfry.Due{b, a}
	}
	return []*belfry.Due{a, b}
}

// fenceRace lets the old owner start as fast as it can until it is fenced; the
// new owner must find every run that was acknowledged, and start the rest.
func (e *engineTest) fenceRace() {
	const n = 200
	var all []*belfry.Due
	var ids []belfry.ID
	for i := range n {
		s, d := e.create("s"+string(rune('0'+i/100))+string(rune('0'+i/10%10))+string(rune('0'+i%10)), 60)
		all, ids = append(all, d), append(ids, s.ID)
	}
	old := e.Store
	acknowledged := map[belfry.Occurrence]bool{}
	some := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for i, d := range all {
			if i == n/10 {
				close(some)
			}
			_, started, err := old.Start(e.ctx, []belfry.Start{startOf(d, nil)})
			if err != nil {
				if belfry.KindOf(err) != belfry.Fenced {
					e.Errorf("start: %v", err)
				}
				if i < n/10 {
					close(some)
				}
				return
			}
			acknowledged[d.Occurrence] = started[0] == belfry.IsRunning
		}
	})
	next := e.open()
	<-some
	left, _ := e.takeOver(next)
	running.Wait()
	found := map[belfry.Occurrence]bool{}
	for _, o := range left {
		found[o] = true
	}
	e.same(found, acknowledged)
	for _, it := range e.due() {
		if found[it.Occurrence] {
			e.Fatalf("%s is under way and due", it.OccurrenceID())
		}
		e.start(startOf(&it.Due, nil))
	}
	if got := len(e.runs(ids...)); got != n {
		e.Fatalf("%d runs, want %d", got, n)
	}
}

func (e *engineTest) interrupted() {
	first, fresh, err := e.Interrupted(e.ctx)
	e.ok(err)
	e.same(first, []belfry.Occurrence(nil))
	e.same(fresh, belfry.Claim(0))
	a, da := e.create("a", 60)
	b, db := e.create("b", 60)
	c, dc := e.create("c", 60)
	claim := e.start(startOf(da, nil), startOf(db, nil))
	e.start(startOf(dc, nil))
	e.finish(succeeded(db, claim))
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: c}))

	left, claim := e.takeOver(e.open())
	byID := map[belfry.ID]belfry.DueItem{}
	for _, it := range e.running(left) {
		byID[it.Schedule] = it
		if it.Run == nil || it.Run.Outcome != belfry.Running || it.Run.Occurrence != it.Occurrence || it.Revision != 1 || !it.Retry {
			e.Errorf("left is %+v with run %+v, want a run under way to deliver again", it.Due, it.Run)
		}
	}
	if len(left) != 2 || len(byID) != 2 {
		e.Fatalf("%d runs were left, want those of a and c", len(left))
	}
	e.same(byID[a.ID].Spec, a)
	e.same(byID[c.ID].Spec, (*belfry.Schedule)(nil)) // deleted meanwhile
	e.finish(succeeded(da, claim))

	// The next owner gets what this one did not end, and only that.
	left, claim = e.takeOver(e.open())
	e.same(left, []belfry.Occurrence{dc.Occurrence})
	e.finish(succeeded(dc, claim))
	left, _ = e.takeOver(e.open())
	e.same(left, []belfry.Occurrence(nil))
	for _, r := range e.runs(a.ID, b.ID, c.ID) {
		if r.Outcome != belfry.Succeeded {
			e.Errorf("run %s is %v", r.OccurrenceID(), r.Outcome)
		}
	}
}

// running returns interrupted runs as they are stored, read one by one.
func (e *engineTest) running(of []belfry.Occurrence) (all []belfry.DueItem) {
	e.Helper()
	for len(of) > 0 {
		items, read, err := e.Running(e.ctx, of, 1)
		e.ok(err)
		e.same([]int{len(items), read}, []int{1, 1})
		all, of = append(all, items...), of[read:]
	}
	return all
}

// interruptedOnce: a run is in two claims when its earlier attempt shared one with
// a neighbour that is still under way.
func (e *engineTest) interruptedOnce() {
	_, da := e.create("a", 60)
	_, db := e.create("b", 60)
	claim := e.start(startOf(da, nil), startOf(db, nil))
	f := failure(da, claim, 1)
	e.finish(f)
	e.start(startOf(f.Retry, nil))
	left, claim := e.takeOver(e.open())
	slices.SortFunc(left, func(a, b belfry.Occurrence) int { return cmp.Compare(a.Schedule, b.Schedule) })
	e.same(left, []belfry.Occurrence{da.Occurrence, db.Occurrence})
	e.finish(succeeded(da, claim))
	left, _ = e.takeOver(e.open())
	e.same(left, []belfry.Occurrence{db.Occurrence})
}

func (e *engineTest) notInterrupted() {
	_, d := e.create("a", 60)
	f := failure(d, e.start(startOf(d, nil)), 1)
	e.finish(f)
	left, _ := e.takeOver(e.open())
	e.same(left, []belfry.Occurrence(nil))
	e.queued(f.Retry)

	attempts := f.Attempts
	e.start(startOf(f.Retry, nil))
	left, _ = e.takeOver(e.open())
	e.same(left, []belfry.Occurrence{d.Occurrence})
	e.same(e.running(left)[0].Run.Attempts, attempts)
}
