// Package storetest holds every store to what the interfaces of the domain
// packages promise. A promise that is not tried here is not kept.
package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
)

// Engine holds a store to what [engine.Store] promises. data makes data with
// nothing in it and returns what opens a store on them; each call opens
// another, as another process would, and the stores are closed when the test
// ends. A store that acquires takes over all shards. (S spares the tests of a
// store the import of the engine.)
func Engine[S engine.Store](t *testing.T, data func(t *testing.T) (open func() S)) {
	for _, group := range []struct {
		name  string
		cases []engineCase
	}{
		{"schedules", scheduleCases},
		{"groups", groupCases},
		{"queue", dueCases},
		{"runs", runCases},
		{"once per", onceCases},
		{"fence", fenceCases},
		{"ledger", ledgerCases},
		{"archive", archiveCases},
		{"model", modelCases},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) {
					of := data(t)
					open := func() engine.Store { return of() }
					e := &engineTest{T: t, Store: open(), ctx: t.Context(), open: open}
					e.acquire(e.Store)
					c.run(e)
				})
			}
		})
	}
}

type engineCase struct {
	name string
	run  func(*engineTest)
}

// engineTest is one test: a store that holds the shards, and what all cases do with it.
type engineTest struct {
	*testing.T
	engine.Store
	ctx  context.Context
	open func() engine.Store // another store on the same data
	seq  int64
}

var (
	engineScope = belfry.Scope{Account: "000000000000", Region: "eu-west-1"}
	// far is after everything that is due in the suite.
	far = at(1_000_000)
)

func (e *engineTest) ok(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

func (e *engineTest) kind(err error, want belfry.Kind) {
	e.Helper()
	if err == nil || belfry.KindOf(err) != want {
		e.Fatalf("error is %v, want one of kind %v", err, want)
	}
}

func (e *engineTest) stale(err error) {
	e.Helper()
	if !errors.Is(err, belfry.ErrStale) {
		e.Fatalf("error is %v, want ErrStale", err)
	}
}

func (e *engineTest) same(got, want any) {
	e.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(belfry.Schedule{}, "Retired")); d != "" {
		e.Fatalf("not as it should be (-want +got):\n%s", d)
	}
}

func (e *engineTest) acquire(s engine.Store) []belfry.Lease {
	e.Helper()
	leases, err := s.Acquire(e.ctx)
	e.ok(err)
	return leases
}

func engineRef(name string) belfry.ScheduleRef {
	return belfry.ScheduleRef{Scope: engineScope, Group: belfry.DefaultGroup, Name: name}
}

// spec is a schedule with every field set, and an id that no other has.
func (e *engineTest) spec(r belfry.ScheduleRef) *belfry.Schedule {
	e.seq++
	return &belfry.Schedule{
		ID: belfry.MakeID(1<<40+e.seq, belfry.ShardOf(r)), Revision: 1, Scope: r.Scope, Group: r.Group, Name: r.Name,
		Description: "täglich ☂", Expression: "rate(1 minute)", Timezone: "Europe/Berlin",
		Start: at(-3600), End: at(3600), Window: 90 * time.Second, Anchor: at(-60),
		DeleteAfterCompletion: true, KMSKeyARN: "arn:k",
		Target: belfry.Target{
			ARN: "arn:t", RoleARN: "arn:r", Input: "{\"a\": \"\u2028\"}", DeadLetterARN: "arn:d",
			Retry:      belfry.RetryPolicy{MaximumAge: time.Hour, MaximumAttempts: 3},
			Parameters: []byte(`{"SqsParameters":{"MessageGroupId":"g"}}`),
		},
		Settings: belfry.Settings{OncePer: &belfry.OncePer{Window: "1d", Key: "$.a"}},
		Created:  at(0).Add(123 * time.Millisecond), Modified: at(1), Since: at(2), Timed: at(1).Add(7 * time.Millisecond),
	}
}

// entry is the occurrence of s at the second, due then.
func entry(s *belfry.Schedule, second int) *belfry.Due {
	return &belfry.Due{
		At: at(second), Occurrence: belfry.Occurrence{Schedule: s.ID, Time: at(second)},
		Revision: s.Revision, Attempt: 1,
	}
}

// create stores a schedule of that name that is due at the second.
func (e *engineTest) create(name string, second int) (*belfry.Schedule, *belfry.Due) {
	e.Helper()
	s := e.spec(engineRef(name))
	d := entry(s, second)
	e.ok(e.CreateSchedule(e.ctx, creation(s, d, nil)))
	return s, d
}

// due returns the whole queue.
func (e *engineTest) due() []belfry.DueItem {
	e.Helper()
	items, _, err := e.Due(e.ctx, nil, far, 10_000, 1<<30)
	e.ok(err)
	return items
}

// queued fails the test unless the queue holds just the given entries.
func (e *engineTest) queued(want ...*belfry.Due) {
	e.Helper()
	var got, all []belfry.Due
	for _, it := range e.due() {
		got = append(got, it.Due)
	}
	for _, d := range want {
		all = append(all, *d)
	}
	e.same(got, all)
}

func (e *engineTest) runs(ids ...belfry.ID) []belfry.Run {
	e.Helper()
	runs, err := e.Runs(e.ctx, belfry.RunQuery{Schedules: ids, Limit: 10_000})
	e.ok(err)
	return runs
}

func (e *engineTest) gaps(ids ...belfry.ID) []belfry.Gap {
	e.Helper()
	gaps, err := e.Gaps(e.ctx, ids, time.Time{}, time.Time{})
	e.ok(err)
	return gaps
}

// startOf is the step that runs the entry and puts next in its place.
func startOf(d, next *belfry.Due) belfry.Start {
	return belfry.Start{Due: *d, Run: &belfry.Occurrence{Schedule: d.Schedule, Time: d.Time}, At: d.At.Add(5 * time.Millisecond), Next: next}
}

// start runs the entries in one step and fails the test unless all are won.
func (e *engineTest) start(starts ...belfry.Start) belfry.Claim {
	e.Helper()
	claim, started, err := e.Start(e.ctx, starts)
	e.ok(err)
	for i, won := range started {
		if won != belfry.IsRunning {
			e.Fatalf("start %d of %d was not won", i, len(starts))
		}
	}
	return claim
}

// succeeded is the end of the entry's run at its first attempt.
func succeeded(d *belfry.Due, claim belfry.Claim) belfry.Finish {
	return belfry.Finish{
		Occurrence: d.Occurrence, Claim: claim, Outcome: belfry.Succeeded,
		Started: d.At.Add(5 * time.Millisecond), Ended: d.At.Add(25 * time.Millisecond),
	}
}

func (e *engineTest) finish(ended ...belfry.Finish) {
	e.Helper()
	e.ok(e.Finish(e.ctx, ended))
}
