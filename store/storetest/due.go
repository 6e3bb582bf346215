package storetest

import (
	"slices"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

var dueCases = []engineCase{
	{"entries come in the order of the queue, in pages of every size", (*engineTest).dueOrder},
	{"a page has no more than so many bytes, but always an entry", (*engineTest).dueBytes},
	{"entries are found by their keys", (*engineTest).items},
	{"all entries of a schedule are found, wherever they are", (*engineTest).places},
	{"an entry is moved, or removed, once", (*engineTest).move},
	{"an entry is due at its time, not a millisecond earlier", (*engineTest).dueUntil},
	{"the next entry is found however far away it is", (*engineTest).dueNext},
	{"a retry carries its run as it is by then", (*engineTest).dueRetry},
	{"the backlog counts what is due, up to the limit", (*engineTest).backlog},
}

// mixed fills the queue with entries that differ in one part of the order
// each, and returns them as they are to come.
func (e *engineTest) mixed() []belfry.Due {
	var all []belfry.Due
	for _, name := range []string{"a", "b", "c"} {
		s, d := e.create(name, 60)
		first := *entry(s, 30)
		// Two runs of it wait for retries at the time of the entry.
		for _, second := range []int{10, 20} {
			o := belfry.Occurrence{Schedule: s.ID, Time: at(second)}
			retry := belfry.Due{At: at(60), Retry: true, Occurrence: o, Revision: 1, Attempt: 2}
			claim := e.start(belfry.Start{Due: *d, Run: &o, At: at(second), Next: d})
			e.finish(belfry.Finish{Occurrence: o, Claim: claim, Outcome: belfry.Pending, Started: at(second), Ended: at(second), Retry: &retry})
			all = append(all, retry)
		}
		if name == "b" { // it is due before all others
			e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s, New: edited(s, ""), Pending: d, Next: &first}))
			d = &first
		}
		all = append(all, *d)
	}
	slices.SortFunc(all, func(a, b belfry.Due) int {
		if a.Before(&b) {
			return -1
		}
		return 1
	})
	return all
}

func (e *engineTest) dueOrder() {
	all := e.mixed()
	for limit := 1; limit <= len(all)+1; limit++ {
		var got []belfry.Due
		var after *belfry.Due
		for {
			page, more, err := e.Due(e.ctx, after, far, limit, 1<<30)
			e.ok(err)
			if len(page) > limit {
				e.Fatalf("%d entries for a limit of %d", len(page), limit)
			}
			for _, it := range page {
				got = append(got, it.Due)
			}
			if !more {
				break
			}
			after = &got[len(got)-1]
		}
		e.same(got, all)
	}
}

func (e *engineTest) dueBytes() {
	_, a := e.create("a", 10)
	large := e.spec(engineRef("b"))
	large.Target.Input = strings.Repeat("x", 100_000)
	b := entry(large, 20)
	e.ok(e.CreateSchedule(e.ctx, creation(large, b, nil)))
	_, c := e.create("c", 30)
	for _, p := range []struct {
		after *belfry.Due
		bytes int
		want  []belfry.Due
		more  bool
	}{
		{nil, 50_000, []belfry.Due{*a}, true},
		{a, 50_000, []belfry.Due{*b}, true}, // it is larger than all of it
		{a, 110_000, []belfry.Due{*b, *c}, false},
		{b, 1, []belfry.Due{*c}, false},
		{c, 1, nil, false},
	} {
		items, more, err := e.Due(e.ctx, p.after, far, 10, p.bytes)
		e.ok(err)
		var got []belfry.Due
		for _, it := range items {
			got = append(got, it.Due)
		}
		e.same(got, p.want)
		e.same(more, p.more)
	}
}

func (e *engineTest) items() {
	all := e.mixed()
	gone := all[3]
	gone.At = gone.At.Add(time.Millisecond)
	asked := append([]belfry.Due{gone}, all...)
	items, read, err := e.Items(e.ctx, asked, 1<<30)
	e.ok(err)
	e.same(items, e.due())
	e.same(read, len(asked))
	// One that is larger than what there is room for is read all the same, alone.
	var got []belfry.Due
	for left := asked; len(left) > 0; left = left[read:] {
		items, read, err = e.Items(e.ctx, left, 1)
		e.ok(err)
		if len(items) > 1 || read < 1 {
			e.Fatalf("%d entries, %d read, want one each time", len(items), read)
		}
		for _, it := range items {
			got = append(got, it.Due)
		}
	}
	e.same(got, all)
}

func (e *engineTest) places() {
	a, da := e.create("a", 10)
	b, db := e.create("b", 20)
	c, _ := e.create("c", 30)
	kept := *entry(b, 5000)
	kept.Kept, kept.Own = true, true
	n := edited(b, "x")
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: b, New: n, Pending: db, Next: &kept}))
	none := e.spec(engineRef("d"))
	found, err := e.Places(e.ctx, []belfry.ID{a.ID, b.ID, none.ID})
	e.ok(err)
	e.same(found, map[belfry.ID][]belfry.Due{a.ID: {*da}, b.ID: {kept}, none.ID: nil})
	_ = c

	// What was kept is found by its schedule, all others by their place; only who
	// must have one is looked for everywhere.
	pending := func(id belfry.ID, sure bool) *belfry.Due {
		d, err := e.Pending(e.ctx, id, nil, at(0), sure)
		e.ok(err)
		return d
	}
	e.same(pending(b.ID, false), &kept)
	e.same(pending(a.ID, false), (*belfry.Due)(nil))
	e.same(pending(a.ID, true), da)
	e.same(pending(none.ID, true), (*belfry.Due)(nil))
}

func (e *engineTest) move() {
	_, d := e.create("a", 10)
	to := *d
	to.At = at(99)
	for n, want := range []bool{true, false} {
		moved, err := e.Move(e.ctx, *d, &to)
		e.ok(err)
		if moved != want {
			e.Fatalf("move %d: %v", n, moved)
		}
	}
	e.queued(&to)
	for _, want := range []bool{true, false} {
		moved, err := e.Move(e.ctx, to, nil)
		e.ok(err)
		e.same(moved, want)
	}
	e.queued()
}

func (e *engineTest) dueUntil() {
	_, d := e.create("a", 60)
	for _, c := range []struct {
		until time.Time
		want  int
	}{{d.At.Add(-time.Millisecond), 0}, {d.At, 1}, {d.At.Add(time.Millisecond), 1}} {
		items, _, err := e.Due(e.ctx, nil, c.until, 10, 1<<30)
		e.ok(err)
		if len(items) != c.want {
			e.Fatalf("%d entries until %v, want %d", len(items), c.until, c.want)
		}
	}
}

func (e *engineTest) dueNext() {
	next := func(after *belfry.Due) time.Time {
		at, err := e.NextDue(e.ctx, after)
		e.ok(err)
		return at
	}
	e.same(next(&belfry.Due{At: at(0)}), time.Time{})
	_, near := e.create("near", 60)
	_, last := e.create("last", 100*366*24*3600)
	e.same(next(&belfry.Due{At: near.At.Add(-time.Millisecond)}), near.At)
	e.same(next(near), last.At)
	e.same(next(last), time.Time{})
	all := &belfry.Due{At: near.At, Retry: true, Occurrence: belfry.Occurrence{Schedule: 1<<63 - 1}}
	e.same(next(all), last.At)
}

func (e *engineTest) dueRetry() {
	s, d := e.create("a", 60)
	claim := e.start(startOf(d, nil))
	first := failure(d, claim, 1)
	e.finish(first)
	want := belfry.Run{
		Occurrence: d.Occurrence, Revision: 1, Outcome: belfry.Pending, Started: first.Started, Attempts: first.Attempts,
	}
	e.same(e.due(), []belfry.DueItem{{Due: *first.Retry, Spec: s, Run: &want}})

	n := edited(s, "new") // the retry follows the schedule as it is by then
	e.ok(e.ChangeSchedule(e.ctx, belfry.ScheduleChange{Old: s, New: n}))
	e.same(e.due(), []belfry.DueItem{{Due: *first.Retry, Spec: n, Run: &want}})
}

func (e *engineTest) backlog() {
	for _, second := range []int{10, 20, 30} {
		e.create(string(rune('a'+second/10)), second)
	}
	for _, c := range []struct {
		now         time.Time
		limit, want int
	}{
		{at(10).Add(-time.Millisecond), 10, 0},
		{at(10), 10, 1},
		{at(30), 10, 3},
		{at(30), 3, 3},
		{at(30), 2, 2},
	} {
		n, err := e.Backlog(e.ctx, c.now, c.limit)
		e.ok(err)
		if n != c.want {
			e.Errorf("backlog at %v up to %d is %d, want %d", c.now, c.limit, n, c.want)
		}
	}
}

// failure is the end of the attempt with that number; the next follows a
// minute later.
func failure(d *belfry.Due, claim belfry.Claim, number int) belfry.Finish {
	f := succeeded(d, claim)
	f.Outcome = belfry.Pending
	for n := range number {
		f.Attempts = append(f.Attempts, belfry.Attempt{
			Number: n + 1, ExecutionID: d.ExecutionID(n + 1), Started: f.Started.Add(time.Duration(n) * time.Minute), Ended: f.Ended.Add(time.Duration(n) * time.Minute),
			Result: belfry.Result{Status: belfry.AttemptRetryable, ErrorCode: "E", ErrorMessage: "täglich \"☂\"", HandlerError: true, Log: "line\n"},
		})
	}
	f.Ended = f.Attempts[number-1].Ended
	f.Retry = &belfry.Due{
		At: f.Ended.Add(time.Minute), Retry: true, Occurrence: d.Occurrence, Revision: d.Revision, Attempt: number + 1,
	}
	return f
}
