package engine

import (
	"time"

	"github.com/belfry-run/belfry"
)

// catchUpReach is how old the latest occurrence missed while the service was
// down may be to run still (architecture.md, "catch-up after downtime").
const catchUpReach = time.Hour

// plan decides what an entry of the due queue leads to. upSince is when the
// service came up: an entry that was due before was missed, and of those only
// the latest runs.
func plan(it *belfry.DueItem, t *timing, now, upSince time.Time) belfry.Start {
	st := belfry.Start{Due: it.Due, At: now}
	if it.Retry {
		st.Run = &st.Due.Occurrence
		return st
	}
	st.Run = &belfry.Occurrence{Schedule: it.Schedule, Time: it.Time}
	from := laterOf(it.Time, it.Spec.Since)
	if it.At.Before(upSince) {
		latest := it.Time
		passed := int64(0)
		before := latest // the last one passed over
		for o, ok := t.next(from); ok && !o.After(now); o, ok = t.next(o) {
			before, latest = latest, o
			passed++
		}
		if now.Sub(latest) > min(it.Spec.Target.Retry.MaximumAge, catchUpReach) {
			st.Run, before = nil, latest
			passed++
		} else {
			st.Run.Time = latest
		}
		if passed > 0 {
			st.Gap = &belfry.Gap{Schedule: it.Schedule, From: it.Time, To: before, Count: passed, Reason: belfry.GapMissed}
		}
		from = laterOf(latest, from)
	}
	st.Next = t.entryAfter(from, it.Spec.Revision)
	if st.Next != nil && st.Next.At.Before(now) {
		st.Next.At = now // its window opened while the one before it still waited in its own
	}
	return st
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlierOf(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
