package storetest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/belfry-run/belfry"
)

var onceCases = []engineCase{
	{"of runs with one claim the first runs and the others are skipped", (*engineTest).onceFirst},
	{"a claim is kept by a run that waits or has succeeded, and given back by one that failed", (*engineTest).onceGivenBack},
	{"a run takes all its claims or none", (*engineTest).onceAll},
	{"a claim ends by itself", (*engineTest).onceExpires},
	{"a claim is kept over a take-over", (*engineTest).onceTakenOver},
	{"of many runs with one claim at once exactly one runs", (*engineTest).onceRace},
}

// claimOf is the claim of that name, good for a minute after the suite's begin.
func claimOf(name string) belfry.OnceClaim {
	c := belfry.OnceClaim{Expires: at(3600), What: "claim " + name}
	copy(c.Key[:], name)
	return c
}

// claiming starts a run of a new schedule with the claims, and returns how that
// ended and the end of the run with success.
func (e *engineTest) claiming(name string, claims ...belfry.OnceClaim) (belfry.Started, belfry.Finish) {
	e.Helper()
	return e.claimingAt(at(60), name, claims...)
}

func (e *engineTest) claimingAt(now time.Time, name string, claims ...belfry.OnceClaim) (belfry.Started, belfry.Finish) {
	e.Helper()
	_, d := e.create(name, 60)
	st := startOf(d, nil)
	st.At, st.Once = now, claims
	claim, started, err := e.Start(e.ctx, []belfry.Start{st})
	e.ok(err)
	return started[0], succeeded(d, claim)
}

// skipped wants the run of a schedule of that name to be skipped because of the
// holder.
func (e *engineTest) skipped(name string, holder belfry.Finish, state string, claims ...belfry.OnceClaim) {
	e.Helper()
	became, f := e.claiming(name, claims...)
	if became != belfry.IsSkipped {
		e.Fatalf("%s became %v, want skipped", name, became)
	}
	run := e.runs(f.Schedule)[0]
	if run.Outcome != belfry.SkippedDuplicate || run.Ended.IsZero() || !strings.HasSuffix(run.Reason, holder.OccurrenceID()+" "+state) {
		e.Fatalf("the skipped run is %+v", run)
	}
	// It has ended: nothing is left to finish, nor to deliver again.
	e.finish(f)
	e.same(e.runs(f.Schedule)[0], run)
}

func (e *engineTest) runsNow(name string, claims ...belfry.OnceClaim) belfry.Finish {
	e.Helper()
	became, f := e.claiming(name, claims...)
	if became != belfry.IsRunning {
		e.Fatalf("%s became %v, want running: %+v", name, became, e.runs(f.Schedule))
	}
	return f
}

func (e *engineTest) onceFirst() {
	_, first := e.create("first", 60)
	_, second := e.create("second", 60)
	_, other := e.create("other", 60)
	a, b, c := startOf(first, nil), startOf(second, nil), startOf(other, nil)
	a.Once, b.Once, c.Once = []belfry.OnceClaim{claimOf("x")}, []belfry.OnceClaim{claimOf("x")}, []belfry.OnceClaim{claimOf("y")}
	claim, started, err := e.Start(e.ctx, []belfry.Start{a, b, c})
	e.ok(err)
	e.same(started, []belfry.Started{belfry.IsRunning, belfry.IsSkipped, belfry.IsRunning})
	e.skipped("third", succeeded(first, claim), "is under way", claimOf("x"))
	e.finish(succeeded(first, claim))
	e.skipped("fourth", succeeded(first, claim), "has succeeded", claimOf("x"))
	e.runsNow("without")
}

func (e *engineTest) onceGivenBack() {
	f := e.runsNow("first", claimOf("x"))
	f.Outcome, f.Attempts = belfry.Pending, []belfry.Attempt{{Number: 1}}
	f.Retry = &belfry.Due{At: at(120), Retry: true, Occurrence: f.Occurrence, Revision: 1, Attempt: 2}
	e.finish(f)
	e.skipped("while it waits", f, "is under way", claimOf("x"))
	f.Claim = e.start(startOf(f.Retry, nil)) // a retry needs no claim of its own
	f.Outcome, f.Reason, f.Retry = belfry.Failed, "It failed.", nil
	e.finish(f)
	second := e.runsNow("after the failure", claimOf("x"))
	// The late end of the one that failed takes nothing from the next.
	e.finish(f)
	e.skipped("after that", second, "is under way", claimOf("x"))
	for i, o := range []belfry.Outcome{belfry.DeadLettered, belfry.Cancelled} {
		second.Outcome, second.Reason = o, "It ended."
		e.finish(second)
		second = e.runsNow(fmt.Sprint("after ", i), claimOf("x"))
	}
}

func (e *engineTest) onceAll() {
	first := e.runsNow("first", claimOf("x"))
	e.skipped("second", first, "is under way", claimOf("y"), claimOf("x"))
	e.runsNow("third", claimOf("y"))
}

func (e *engineTest) onceExpires() {
	first := e.runsNow("first", claimOf("x"))
	e.finish(first)
	if became, _ := e.claimingAt(at(3600).Add(-time.Millisecond), "before", claimOf("x")); became != belfry.IsSkipped {
		e.Fatalf("before its end: %v", became)
	}
	if became, _ := e.claimingAt(at(3600), "at", claimOf("x")); became != belfry.IsRunning {
		e.Fatalf("at its end: %v", became)
	}
}

func (e *engineTest) onceTakenOver() {
	f := e.runsNow("first", claimOf("x"))
	e.Store = e.open()
	left, claim := e.takeOver(e.Store)
	e.same(left, []belfry.Occurrence{f.Occurrence})
	e.skipped("second", f, "is under way", claimOf("x"))
	f.Claim, f.Outcome, f.Reason = claim, belfry.Failed, "It failed."
	e.finish(f)
	e.runsNow("third", claimOf("x"))
}

func (e *engineTest) onceRace() {
	const n = 50
	starts := make([]belfry.Start, n)
	for i := range starts {
		_, d := e.create(fmt.Sprint("s", i), 60)
		starts[i] = startOf(d, nil)
		starts[i].Once = []belfry.OnceClaim{claimOf("x")}
	}
	var running, skipped atomic.Int64
	for _, err := range e.raceOwner(n, func(i int) error {
		_, started, err := e.Start(e.ctx, starts[i:i+1])
		if err == nil && started[0] == belfry.IsRunning {
			running.Add(1)
		} else if err == nil && started[0] == belfry.IsSkipped {
			skipped.Add(1)
		}
		return err
	}) {
		e.ok(err)
	}
	if running.Load() != 1 || skipped.Load() != n-1 {
		e.Errorf("%d run and %d are skipped", running.Load(), skipped.Load())
	}
}
