package monitor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

var noon = time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC)

func upWatch() *monitor.Watch {
	return &monitor.Watch{Schedule: 1, Ref: refOf("a"), Status: monitor.Up}
}

func TestOverdueLimits(t *testing.T) {
	p := monitor.DefaultWatchPolicy()
	due := belfry.Due{At: noon, Occurrence: belfry.Occurrence{Schedule: 1, Time: noon}}
	for _, c := range []struct {
		name   string
		status monitor.Status
		up     time.Duration // before noon
		after  time.Duration
		want   monitor.Status // of the flip; empty is none
	}{
		{"at the limit", monitor.Up, time.Hour, time.Minute, ""},
		{"beyond it", monitor.Up, time.Hour, time.Minute + time.Millisecond, monitor.Grace},
		{"told already", monitor.Grace, time.Hour, 10 * time.Minute, ""},
		{"ten times beyond it", monitor.Grace, time.Hour, 10*time.Minute + time.Millisecond, monitor.Down},
		{"down already", monitor.Down, time.Hour, time.Hour, ""},
		{"just come up", monitor.Up, -time.Hour, time.Hour + time.Minute, ""},
		{"not just come up", monitor.Up, -time.Hour, time.Hour + time.Minute + time.Millisecond, monitor.Grace},
	} {
		w := upWatch()
		w.Status = c.status
		f := w.Overdue(due, &p, noon.Add(-c.up), noon.Add(c.after))
		switch {
		case f == nil && c.want != "" || f != nil && f.To != c.want:
			t.Errorf("%s: flip is %+v, want to %q", c.name, f, c.want)
		case f != nil && w.Status != c.want:
			t.Errorf("%s: the watch is %s, its flip goes to %s", c.name, w.Status, c.want)
		}
	}
	p.Late = false
	if f := upWatch().Overdue(due, &p, noon.Add(-time.Hour), noon.Add(time.Hour)); f != nil {
		t.Errorf("a policy without late told %+v", f)
	}
}

func TestLateStartLimits(t *testing.T) {
	p := monitor.DefaultWatchPolicy()
	n := monitor.News{Kind: monitor.RunLate, Occurrence: belfry.Occurrence{Schedule: 1, Time: noon}, Due: noon.Add(time.Second)}
	n.At = n.Due.Add(time.Minute)
	if f := upWatch().Take(&n, &p); f != nil {
		t.Errorf("at the limit: %+v", f)
	}
	n.At = n.At.Add(time.Millisecond)
	if f := upWatch().Take(&n, &p); f == nil || f.To != monitor.Grace || f.Reason != monitor.ReasonLate {
		t.Errorf("beyond the limit: %+v", f)
	}
}

func TestLimitIsLearned(t *testing.T) {
	took := func(n int, each, last time.Duration) []time.Duration {
		all := make([]time.Duration, n)
		for i := range all {
			all[i] = each
		}
		all[0] = last
		return all
	}
	minute := time.Minute
	for _, c := range []struct {
		name string
		took []time.Duration
		want monitor.Limit
	}{
		{"too few to learn from", took(9, minute, minute), monitor.Limit{}},
		{"enough", took(10, minute, minute), monitor.Limit{Longest: 3 * minute, P95: minute, Samples: 10}},
		{"one in twenty may be longer", took(20, minute, time.Hour), monitor.Limit{Longest: 3 * minute, P95: minute, Samples: 20}},
		{"one in nineteen may not", took(19, minute, time.Hour), monitor.Limit{Longest: 3 * time.Hour, P95: time.Hour, Samples: 19}},
		{"short ones have a minute", took(10, time.Second, time.Second), monitor.Limit{Longest: minute, P95: time.Second, Samples: 10}},
	} {
		p := monitor.DefaultWatchPolicy()
		if got := p.LimitOf(c.took); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		p.Factor = 0
		if got := p.LimitOf(c.took); got != (monitor.Limit{}) {
			t.Errorf("%s: %+v without a factor", c.name, got)
		}
		p.Longest = 5 * time.Minute
		if got := p.LimitOf(c.took); got != (monitor.Limit{Longest: 5 * time.Minute}) {
			t.Errorf("%s: %+v with a fixed limit", c.name, got)
		}
		p.Longest = time.Second
		if got := p.LimitOf(nil); got.Longest != monitor.MinTooLong {
			t.Errorf("a limit of a second is %v, want the least", got.Longest)
		}
	}
}

func TestUnderwayLimits(t *testing.T) {
	l := monitor.Limit{Longest: time.Minute}
	if f := upWatch().Underway(noon, noon, l, noon.Add(time.Minute)); f != nil {
		t.Errorf("at the limit: %+v", f)
	}
	if f := upWatch().Underway(noon, noon, l, noon.Add(time.Minute+time.Millisecond)); f == nil || f.Reason != monitor.ReasonTooLong {
		t.Errorf("beyond the limit: %+v", f)
	}
	if f := upWatch().Underway(noon, noon, monitor.Limit{}, noon.Add(time.Hour)); f != nil {
		t.Errorf("without a limit: %+v", f)
	}
}

// Outcomes of other runs do not make good what a run that takes too long, or was
// missed, is not well for.
func TestRecoveryIsOfTheRunThatWasNotWell(t *testing.T) {
	p := monitor.DefaultWatchPolicy()
	ended := func(at time.Time, o belfry.Outcome) *monitor.News {
		return &monitor.News{Kind: monitor.RunEnded, Occurrence: belfry.Occurrence{Schedule: 1, Time: at}, At: at.Add(time.Hour), Outcome: o}
	}
	w := upWatch()
	w.Underway(noon, noon, monitor.Limit{Longest: time.Minute}, noon.Add(time.Hour))
	if f := w.Take(ended(noon.Add(time.Minute), belfry.Succeeded), &p); f != nil {
		t.Errorf("another run made a long one well: %+v", f)
	}
	if f := w.Take(ended(noon, belfry.Cancelled), &p); f == nil || f.To != monitor.Up {
		t.Errorf("a long run that was cancelled is still long: %+v", f)
	}

	w = upWatch()
	w.Take(&monitor.News{
		Kind: monitor.RunsPassed, Occurrence: belfry.Occurrence{Schedule: 1, Time: noon}, At: noon.Add(time.Hour), To: noon.Add(time.Minute), Count: 2, Gap: belfry.GapMissed,
	}, &p)
	if w.Status != monitor.Down || w.InARow != 2 || w.Outcomes != 3 {
		t.Errorf("after two missed ones: %+v", w)
	}
	for _, n := range []*monitor.News{ended(noon.Add(-time.Minute), belfry.Succeeded), ended(noon.Add(time.Hour), belfry.SkippedOverlap)} {
		if f := w.Take(n, &p); f != nil {
			t.Errorf("%v of %v made good what was missed later: %+v", n.Outcome, n.Time, f)
		}
	}
	if f := w.Take(ended(noon.Add(2*time.Minute), belfry.Succeeded), &p); f == nil || f.To != monitor.Up {
		t.Errorf("the next run made nothing good: %+v", f)
	}
	for range 64 {
		w.Take(ended(noon.Add(3*time.Minute), belfry.Succeeded), &p)
	}
	if !w.Well() {
		t.Errorf("after 64 good ones there is still something to keep: %+v", w)
	}
}

// Of what a watch shows, it knows only what was recorded since it began.
func TestKnownOutcomes(t *testing.T) {
	p := monitor.DefaultWatchPolicy()
	p.Share, p.Of, p.After = 50, 4, 0
	ended := func(minute int, o belfry.Outcome) *monitor.News {
		at := noon.Add(time.Duration(minute) * time.Minute)
		return &monitor.News{Kind: monitor.RunEnded, Occurrence: belfry.Occurrence{Schedule: 1, Time: at}, At: at, Outcome: o}
	}
	w := upWatch()
	for i, o := range []belfry.Outcome{belfry.Failed, belfry.SkippedOverlap, belfry.Succeeded} {
		if f := w.Take(ended(i, o), &p); f != nil {
			t.Errorf("%+v", f)
		}
	}
	if w.Known != 2 || w.Outcomes != 0b10 {
		t.Errorf("after one bad and one good: %d known, %b", w.Known, w.Outcomes)
	}
	if f := w.Take(ended(3, belfry.Failed), &p); f == nil || !strings.HasPrefix(f.Detail, "2 of the last 3 runs failed. ") {
		t.Errorf("%+v", f)
	}
	for i := range 100 {
		w.Take(ended(4+i, belfry.Succeeded), &p)
	}
	if w.Known != 64 {
		t.Errorf("%d known", w.Known)
	}
	w.Take(&monitor.News{
		Kind: monitor.RunsPassed, Occurrence: belfry.Occurrence{Schedule: 1, Time: noon}, At: noon, To: noon, Count: 100, Gap: belfry.GapMissed,
	}, &p)
	if w.Known != 64 || w.Outcomes != ^uint64(0) {
		t.Errorf("%d known, %b", w.Known, w.Outcomes)
	}
	w.Take(&monitor.News{Kind: monitor.ScheduleOff, Reason: string(monitor.ReasonDisabled)}, &p)
	if w.Known != 0 {
		t.Errorf("%d known of a schedule that was disabled", w.Known)
	}
}
