package engine

import (
	"time"

	"github.com/belfry-run/belfry"
)

const (
	// catchUpReach is how old the latest of several occurrences that could not be
	// started in time may be to run still (architecture.md, "catch-up after
	// downtime"). A one-time schedule has its maximum event age.
	catchUpReach = time.Hour
	// lateMax is how late an entry may be and still be started as if it were not:
	// beyond it, Belfry was down, asleep, without its store or without room for the
	// attempt. Which of these it was does not matter, so nobody has to notice it.
	lateMax = time.Minute
)

// plan decides what an entry of the due queue leads to. One that is later than
// lateMax could not be started in time: of the occurrences that have come due
// since, only the latest runs, if it is not too old, and the others were missed.
func plan(it *belfry.DueItem, t *timing, now time.Time) belfry.Start {
	st := belfry.Start{Due: it.Due, At: now}
	if it.Retry {
		st.Run = &st.Due.Occurrence
		return st
	}
	st.Run = &belfry.Occurrence{Schedule: it.Schedule, Time: it.Time}
	from := laterOf(it.Time, it.Spec.Since)
	if now.Sub(it.At) > lateMax {
		latest := it.Time
		var passed []time.Time // the first and the last one passed over after it
		n := int64(0)
		for o, ok := t.next(from); ok && !o.After(now); o, ok = t.next(o) {
			if n > 0 {
				passed = append(passed[:min(len(passed), 1)], latest)
			}
			latest = o
			n++
		}
		reach := min(it.Spec.Target.Retry.MaximumAge, catchUpReach)
		if t.oneTime() {
			reach = it.Spec.Target.Retry.MaximumAge
		}
		if st.Run.Time = latest; now.Sub(latest) > reach {
			if st.Run = nil; n > 0 {
				passed = append(passed[:min(len(passed), 1)], latest)
			}
			n++
		}
		if n > 0 {
			st.Gaps = gapsOf(it, n, passed, belfry.GapMissed, now)
		}
		from = laterOf(latest, from)
	}
	st.Next = t.entryAfter(from, it.Spec.Revision)
	if st.Next != nil && st.Next.At.Before(now) {
		// Its window opened while the one before it still waited in its own.
		st.Next.At, st.Next.Kept = now, true
	}
	return st
}

// gapsOf accounts for an entry and for those that waited behind it, n in all, of
// which rest holds the first and the last but for the entry itself. They are one
// gap, unless the schedule's times were edited while the entry waited: what lay in
// between is accounted for then.
func gapsOf(it *belfry.DueItem, n int64, rest []time.Time, reason belfry.GapReason, now time.Time) []belfry.Gap {
	own := belfry.Gap{Schedule: it.Schedule, From: it.Time, To: it.Time, Count: n, Reason: reason, At: now}
	if len(rest) == 0 {
		return []belfry.Gap{own}
	}
	last := rest[len(rest)-1]
	if it.Time.Before(it.Spec.Since) {
		own.Count = 1
		return []belfry.Gap{own, {Schedule: it.Schedule, From: rest[0], To: last, Count: n - 1, Reason: reason, At: now}}
	}
	own.To = last
	return []belfry.Gap{own}
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
