package monitor

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/belfry-run/belfry"
)

// Limits and defaults of a [WatchPolicy].
const (
	// MinLateAfter is the least that a policy may call late: what the loop, and
	// the journal of starts, are exact to.
	MinLateAfter = 10 * time.Second
	// MinTooLong is the least that a policy may call too long, and
	// minLearnedLimit the least that is learned: of a run that takes a second,
	// three seconds are no news.
	MinTooLong      = 10 * time.Second
	minLearnedLimit = time.Minute

	DefaultLateAfter = time.Minute
	DefaultFactor    = 3.0

	// neverAfter times the limit for late is when a run that has not started is
	// not late any more but missing.
	neverAfter = 10
	// A limit is learned from that many runs that succeeded, at least and at most.
	minLearned, maxLearned = 10, 64
	learnedPercent         = 95
)

// A WatchPolicy says what is to be told of a schedule.
type WatchPolicy struct {
	Failed       bool // a run failed
	DeadLettered bool // a run failed, and its message went to the dead-letter queue
	Missed       bool // occurrences did not run, or never will
	Late         bool // a run has not started, or started, LateAfter its time
	TooLong      bool // a run takes longer than Longest, or than Factor times what it mostly does

	// A schedule is down after After bad outcomes in a row, or when Share percent
	// of the last Of (1 to 64) are bad. Both zero: after one.
	After     int
	Share, Of int

	LateAfter time.Duration // at least MinLateAfter
	Longest   time.Duration // fixed, at least MinTooLong; 0: learned
	Factor    float64       // of a limit that is learned; 0: none is
}

// WatchPolicies knows the policy of a schedule: the most specific one there is.
type WatchPolicies interface {
	WatchPolicy(ctx context.Context, r belfry.ScheduleRef) (WatchPolicy, error)
}

// DefaultWatchPolicy tells of everything, at once.
func DefaultWatchPolicy() WatchPolicy {
	return WatchPolicy{
		Failed: true, DeadLettered: true, Missed: true, Late: true, TooLong: true,
		After: 1, LateAfter: DefaultLateAfter, Factor: DefaultFactor,
	}
}

// WatchPolicy returns what the account's policies say of the schedule. It may be
// a second old.
func (a *Alerts) WatchPolicy(ctx context.Context, r belfry.ScheduleRef) (WatchPolicy, error) {
	p, err := a.PolicyFor(ctx, WatchSubject(r), nil)
	return p.watch(), err
}

func (r *Rules) watch() WatchPolicy {
	yes := func(o Reason) bool { return slices.Contains(r.Outcomes, o) }
	return WatchPolicy{
		Failed: yes(ReasonFailed), DeadLettered: yes(ReasonDeadLettered), Missed: yes(ReasonMissed),
		Late: yes(ReasonLate), TooLong: yes(ReasonTooLong),
		After: r.After, Share: r.Share, Of: r.Of,
		LateAfter: r.LateAfter, Longest: r.Longest, Factor: r.Factor,
	}
}

// bad reports whether an outcome counts against the schedule, and as what.
func (p *WatchPolicy) bad(o belfry.Outcome) (Reason, bool) {
	switch o {
	case belfry.Failed:
		return ReasonFailed, p.Failed
	case belfry.DeadLettered:
		return ReasonDeadLettered, p.DeadLettered
	}
	return "", false
}

// broken reports whether the outcomes are bad enough to be down.
func (p *WatchPolicy) broken(w *Watch) bool {
	if p.Share > 0 && p.badOnes(w)*100 >= p.Share*max(p.Of, 1) {
		return true
	}
	after := p.After
	if after == 0 && p.Share == 0 {
		after = 1
	}
	return after > 0 && w.InARow >= after
}

// Overdue says what follows from a run that was due and has not started by now;
// nil is nothing. Before up nobody could have started it.
func (w *Watch) Overdue(d belfry.Due, p *WatchPolicy, up, now time.Time) *Flip {
	by, waited := now.Sub(d.At), now.Sub(up)
	switch {
	case !p.Late || min(by, waited) <= p.LateAfter || w.Status == Down:
		return nil
	case min(by, waited) > neverAfter*p.LateAfter:
		return w.become(Down, now, ReasonNeverFired, d.Time, fmt.Sprintf(
			"The run of %s was due at %s and has not started for %s. Nothing of it is lost: it starts as soon as Belfry can.", clock(d.Time), clock(d.At), length(by)))
	case w.Status == Up:
		return w.become(Grace, now, ReasonLate, d.Time, fmt.Sprintf(
			"The run of %s was due at %s and has not started for %s.", clock(d.Time), clock(d.At), length(by)))
	}
	return nil
}

// A Limit is how long a run may take.
type Limit struct {
	Longest time.Duration // 0: there is no limit
	P95     time.Duration // what it was learned from: 95 % of Samples runs took no longer; 0: it is fixed
	Samples int
}

// LimitOf returns the limit of a policy, learned from how long the last runs
// that succeeded took where the policy says so.
func (p *WatchPolicy) LimitOf(took []time.Duration) Limit {
	switch {
	case !p.TooLong:
		return Limit{}
	case p.Longest > 0:
		return Limit{Longest: max(p.Longest, MinTooLong)}
	case p.Factor <= 0 || len(took) < minLearned:
		return Limit{}
	}
	sorted := slices.Sorted(slices.Values(took))
	p95 := sorted[int(math.Ceil(float64(len(sorted))*learnedPercent/100))-1]
	longest := max(time.Duration(float64(p95)*p.Factor), minLearnedLimit)
	return Limit{Longest: longest, P95: p95, Samples: len(sorted)}
}

// Underway says what follows from a run that began at started and has not ended
// by now; nil is nothing.
func (w *Watch) Underway(run, started time.Time, l Limit, now time.Time) *Flip {
	took := now.Sub(started)
	if l.Longest == 0 || took <= l.Longest || w.Status != Up {
		return nil
	}
	what := fmt.Sprintf("The run of %s has been under way for %s, since %s", clock(run), length(took), clock(started))
	if w.Retrying.Equal(run) {
		what = fmt.Sprintf("The run of %s has failed so far and is being tried again, for %s now, since %s", clock(run), length(took), clock(started))
	}
	limit := fmt.Sprintf("; its limit is %s.", length(l.Longest))
	if l.P95 > 0 {
		limit = fmt.Sprintf("; of its last %d runs that succeeded 95 %% took no longer than %s, and %s is the limit made from that.", l.Samples, length(l.P95), length(l.Longest))
	}
	return w.become(Grace, now, ReasonTooLong, run, what+limit)
}
