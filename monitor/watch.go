package monitor

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/belfry-run/belfry"
)

// Reasons that only a schedule's flips have: nothing is expected of it any more.
const (
	ReasonDeleted  Reason = "deleted"  // it was deleted
	ReasonDisabled Reason = "disabled" // it was disabled
)

// NewsKind says what a [News] is about.
type NewsKind uint8

// The kinds of news.
const (
	RunEnded    NewsKind = iota + 1 // a run has its outcome
	RunRetries                      // an attempt failed, and another one follows
	RunLate                         // a run started long after it was due
	RunsPassed                      // a gap: occurrences that did not run
	ScheduleOff                     // the schedule was deleted or disabled
)

// News is one thing that was recorded of a schedule and that its watch may have
// to know. Stores write it in the transaction of what it tells of.
type News struct {
	Kind              NewsKind
	belfry.Occurrence           // of a gap the first one; of ScheduleOff the time is zero
	At                time.Time // when it happened

	Outcome belfry.Outcome   // of a run that ended
	Started time.Time        // of a run: its first attempt
	Due     time.Time        // of a late run: when it was to start
	To      time.Time        // of a gap: its last occurrence
	Count   int64            // of a gap: its occurrences
	Gap     belfry.GapReason // of a gap
	// Reason is the run's, cut to MaxNewsReason bytes; of ScheduleOff it is a
	// [Reason].
	Reason string
}

// MaxNewsReason bounds the reason that news carries, in bytes.
const MaxNewsReason = 300

// A Watch is what is known of how a schedule does. There is one only while the
// schedule is not simply well: without one, its last outcomes were good.
type Watch struct {
	Schedule belfry.ID
	Ref      belfry.ScheduleRef // as the schedule has it
	Deleted  bool               // the schedule is gone

	Status Status    // Up, Grace or Down
	Since  time.Time // when the status began
	Reason Reason    // of the status; empty while Up
	Detail string    // a sentence: what happened, with figures
	Run    time.Time // scheduled time of the latest run that the status comes from

	// Outcomes are the last 64 that count, the newest in the lowest bit; set is
	// bad. Known is how many of them there are: of what was before the watch, only
	// that none was bad is known.
	Outcomes uint64
	Known    int
	InARow   int // bad ones since the last good one

	// Retrying is the scheduled time of a run that waits for another attempt,
	// the oldest one if there are several; zero is none. RetryingSince is when
	// its first attempt started.
	Retrying      time.Time
	RetryingSince time.Time
}

// Subject is the schedule as flips name it.
func (w *Watch) Subject() Subject { return WatchSubject(w.Ref) }

// WatchSubject is the schedule as flips name it: by its ARN, and a target of a
// rule by the rule's ARN and the target's id.
func WatchSubject(r belfry.ScheduleRef) Subject {
	id := r.ARN()
	if r.Rule() != "" {
		id += "/" + r.Name
	}
	return Subject{Account: r.Account, Kind: SubjectSchedule, ID: id}
}

// WatchName is what people call the schedule.
func WatchName(r belfry.ScheduleRef) string {
	if rule := r.Rule(); rule != "" {
		return rule + "/" + r.Name
	}
	return r.Group + "/" + r.Name
}

// Well reports whether there is nothing to keep.
func (w *Watch) Well() bool {
	return w.Status == Up && w.Outcomes == 0 && w.Retrying.IsZero()
}

// Take lets news have its effect and returns the flip that follows from it, or nil.
func (w *Watch) Take(n *News, p *WatchPolicy) *Flip {
	switch n.Kind {
	case RunEnded:
		return w.ended(n, p)
	case RunRetries:
		if w.Retrying.IsZero() || n.Time.Before(w.Retrying) {
			w.Retrying, w.RetryingSince = n.Time, n.Started
		}
	case RunLate:
		if p.Late && w.Status == Up && n.At.Sub(n.Due) > p.LateAfter {
			return w.become(Grace, n.At, ReasonLate, n.Time, fmt.Sprintf("The run of %s started %s late, at %s.",
				clock(n.Time), length(n.At.Sub(n.Due)), clock(n.At)))
		}
	case RunsPassed:
		return w.passed(n, p)
	case ScheduleOff:
		return w.off(n.At, Reason(n.Reason))
	}
	return nil
}

func (w *Watch) ended(n *News, p *WatchPolicy) *Flip {
	if w.Retrying.Equal(n.Time) {
		w.Retrying, w.RetryingSince = time.Time{}, time.Time{}
	}
	reason, bad := p.bad(n.Outcome)
	switch {
	case bad:
		w.count(1)
		return w.failed(n.At, reason, n.Time, p, func() string { return w.story(n, p) })
	case n.Outcome == belfry.Succeeded:
		w.Outcomes, w.Known, w.InARow = w.Outcomes<<1, min(w.Known+1, 64), 0
		if w.Status == Down && p.broken(w) {
			return nil // a share of the last ones is still too much
		}
	case w.Status == Down:
		return nil // it says nothing about what is down
	}
	// A run that takes too long is all right when it ends; what else is not well
	// is so again with any run that is no older.
	if w.Status == Up || n.Time.Before(w.Run) || w.Reason == ReasonTooLong && !n.Time.Equal(w.Run) {
		return nil
	}
	return w.recovered(n)
}

func (w *Watch) recovered(n *News) *Flip {
	was, since := "down", w.Since
	if w.Status == Grace {
		was = "late"
		if w.Reason == ReasonTooLong {
			was = "taking too long"
		}
	}
	return w.become(Up, n.At, ReasonRecovered, n.Time, fmt.Sprintf("The run of %s ended with %s at %s; it had been %s for %s.",
		clock(n.Time), n.Outcome, clock(n.At), was, length(n.At.Sub(since))))
}

// passed takes a gap. Each occurrence of it counts.
func (w *Watch) passed(n *News, p *WatchPolicy) *Flip {
	if !p.Missed {
		return nil
	}
	w.count(n.Count)
	if n.Gap == belfry.GapTooOld {
		return w.failed(n.At, ReasonNeverFired, n.To, p, func() string {
			return fmt.Sprintf("It never fires: its one time, %s, was past, by more than its maximum event age, when it was set or enabled.", clock(n.Time))
		})
	}
	return w.failed(n.At, ReasonMissed, n.To, p, func() string {
		what := fmt.Sprintf("The occurrence of %s was missed", clock(n.Time))
		if n.Count > 1 {
			what = fmt.Sprintf("%d occurrences from %s to %s were missed", n.Count, clock(n.Time), clock(n.To))
		}
		return what + ": Belfry was not running, the machine slept or there was no room, for longer than catch-up reaches."
	})
}

// count takes n bad outcomes.
func (w *Watch) count(n int64) {
	w.InARow = int(min(int64(w.InARow)+n, 1<<20))
	w.Known = int(min(int64(w.Known)+n, 64))
	for range min(n, 64) {
		w.Outcomes = w.Outcomes<<1 | 1
	}
}

// failed takes the schedule down if the policy has had enough.
func (w *Watch) failed(at time.Time, reason Reason, run time.Time, p *WatchPolicy, detail func() string) *Flip {
	if w.Status == Down {
		if run.After(w.Run) {
			w.Run = run
		}
		return nil
	}
	if !p.broken(w) {
		return nil
	}
	return w.become(Down, at, reason, run, detail())
}

// story tells of a run that was one bad outcome too many.
func (w *Watch) story(n *News, p *WatchPolicy) string {
	what := fmt.Sprintf("The run of %s failed", clock(n.Time))
	if n.Outcome == belfry.DeadLettered {
		what = fmt.Sprintf("The run of %s failed, and its message is in the dead-letter queue", clock(n.Time))
	}
	switch {
	case p.Share > 0 && p.Of > 1:
		what = fmt.Sprintf("%d of the last %d runs failed. %s", p.badOnes(w), min(p.Of, w.Known), what)
	case w.InARow > 1:
		what = fmt.Sprintf("%d runs in a row failed. %s", w.InARow, what)
	}
	if n.Reason == "" {
		return what + "."
	}
	return what + ": " + n.Reason
}

// off closes what is open when nothing is expected of the schedule any more.
func (w *Watch) off(at time.Time, reason Reason) *Flip {
	var f *Flip
	if w.Status != Up {
		f = w.become(Paused, at, reason, w.Run, fmt.Sprintf("It was %s.", reason))
	}
	w.Status, w.Outcomes, w.Known, w.InARow = Up, 0, 0, 0
	w.Retrying, w.RetryingSince = time.Time{}, time.Time{}
	return f
}

// become changes the status and returns the flip that tells of it.
func (w *Watch) become(to Status, at time.Time, reason Reason, run time.Time, detail string) *Flip {
	f := &Flip{Subject: w.Subject(), Name: WatchName(w.Ref), At: at, From: w.Status, To: to, Reason: reason, Detail: detail}
	if !run.IsZero() {
		f.Run = belfry.Occurrence{Schedule: w.Schedule, Time: run}.OccurrenceID()
	}
	w.Status, w.Since, w.Reason, w.Run, w.Detail = to, at, reason, run, detail
	return f
}

// badOnes counts the bad ones of the outcomes that the policy looks at.
func (p *WatchPolicy) badOnes(w *Watch) int {
	return bits.OnesCount64(w.Outcomes & (^uint64(0) >> (64 - min(max(p.Of, 1), 64))))
}

// length prints a duration for people.
func length(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
