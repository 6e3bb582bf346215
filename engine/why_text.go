package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

// The sentences of Why, Outlook and the ledger.

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func days(d time.Duration) string { return fmt.Sprintf("%d days", int64(d/(24*time.Hour))) }

func lateness(d time.Duration) string { return max(d, 0).Round(time.Millisecond).String() }

// listMax bounds the files that a sentence names.
const listMax = 3

func list(names []string) string {
	if n := len(names) - listMax; n > 0 {
		names = append(names[:listMax:listMax], fmt.Sprintf("%d more", n))
	}
	return strings.Join(names, ", ")
}

func notKnown(at time.Time, why string) string {
	return fmt.Sprintf("What became of %s is not known: %s.", stamp(at), why)
}

func notForeseen(at time.Time, why string) string {
	return fmt.Sprintf("Whether it runs at %s is not known: %s.", stamp(at), why)
}

// sentence tells what became of a run of s.
func sentence(r *belfry.Run, s *belfry.Schedule) string {
	started := fmt.Sprintf("The run scheduled for %s started %s late", stamp(r.Time), lateness(r.Started.Sub(r.Time)))
	took := r.Ended.Sub(r.Started).Round(time.Millisecond)
	switch r.Outcome {
	case belfry.Pending:
		if !s.Retired.IsZero() {
			return fmt.Sprintf("%s; attempt %d failed, and no other one is made: the schedule was deleted, at %s. It ends as cancelled when that attempt would have been due.",
				started, len(r.Attempts), stamp(s.Retired))
		}
		return fmt.Sprintf("%s; attempt %d failed and another one follows.", started, len(r.Attempts))
	case belfry.Running:
		return started + " and is under way."
	case belfry.Succeeded:
		if len(r.Attempts) > 1 {
			return fmt.Sprintf("%s and succeeded at attempt %d, after %s.", started, len(r.Attempts), took)
		}
		return fmt.Sprintf("%s and succeeded at the first attempt, in %s.", started, took)
	case belfry.SkippedDuplicate:
		return fmt.Sprintf("The run scheduled for %s was skipped, because it was done already: %s.", stamp(r.Time), r.Reason)
	case belfry.DeadLettered:
		return fmt.Sprintf("%s and went to the dead-letter queue. %s.", started, strings.TrimSuffix(r.Reason, "."))
	}
	return fmt.Sprintf("%s and ended as %s. %s.", started, r.Outcome, strings.TrimSuffix(r.Reason, "."))
}

// Detail says, of a gap, why nothing ran in it; of a run it is its reason.
func (x *Entry) Detail() string {
	if x.Run != nil {
		return x.Run.Reason
	}
	g, settled := x.Gap, ""
	if !g.At.IsZero() {
		settled = ", at " + stamp(g.At)
	}
	switch g.Reason {
	case belfry.GapDisabled:
		switch {
		case !g.At.IsZero():
			return "it waited to be started when the schedule was disabled" + settled
		case x.Open:
			return "the schedule has been disabled since " + stamp(g.From)
		case g.From.Equal(g.To):
			return "the schedule was disabled for a moment then"
		}
		return fmt.Sprintf("the schedule was disabled from %s to %s", stamp(g.From), stamp(g.To))
	case belfry.GapMissed:
		return "it could not be started in time: Belfry was not running, the machine slept, or there was no room" + when(settled, "; that was over")
	case belfry.GapEdited:
		return "it waited to be started when the schedule's times were edited" + settled
	case belfry.GapTooOld:
		return "its time was past by more than its maximum event age when it was made or enabled" + settled
	case belfry.GapDone:
		return "an earlier schedule of this name had run that very occurrence"
	case belfry.GapDeleted:
		return "it waited to be started when the schedule was deleted" + settled
	}
	return string(g.Reason)
}

// when is the text before a time that is known.
func when(settled, text string) string {
	if settled == "" {
		return ""
	}
	return text + settled
}

func gapSentence(at time.Time, x *Entry) string {
	because := "It did not run at " + stamp(at) + " because " + x.Detail() + "."
	g := x.Gap
	if g.Reason != belfry.GapMissed {
		return because
	}
	because += " Of what comes due meanwhile only the latest runs, and only within an hour, a one-time schedule within its maximum event age."
	if g.Count > 1 {
		because += fmt.Sprintf(" %d did not run, from %s to %s.", g.Count, stamp(g.From), stamp(g.To))
	}
	return because
}

// maybeInGap tells of a time within a gap that was made by a definition that has
// been replaced.
func maybeInGap(at time.Time, x *Entry, s *belfry.Schedule) string {
	g := x.Gap
	return fmt.Sprintf("Nothing ran at %s. Whether it was due then is not known: the schedule's times have been set anew, at %s. %d occurrences from %s to %s did not run because %s.",
		stamp(at), stamp(s.TimesSet()), g.Count, stamp(g.From), stamp(g.To), x.Detail())
}

// waitSentence tells of the time at, for which p waits, or which waits behind it.
func waitSentence(p *belfry.Due, at, now time.Time) string {
	starts := "starts at " + stamp(p.At)
	switch late := now.Sub(p.At); {
	case late >= time.Second:
		starts = "was due to start at " + stamp(p.At) + " and waits to be let in: there is a backlog, or a limit is reached, which belfry doctor and the metrics tell"
	case late >= 0:
		starts = "starts now"
	}
	switch {
	case !p.Time.Equal(at):
		return "it waits behind the occurrence of " + stamp(p.Time) + ", which " + starts
	case p.At.Equal(at) && p.At.After(now):
		return "it is due at " + stamp(at)
	case p.At.After(now):
		return "it is scheduled for " + stamp(at) + " and, within its flexible time window, " + starts
	}
	return "it " + starts
}

// notQueued says that an enabled schedule with an occurrence to come does not wait
// for it. A one-time schedule that has had its run may have been moved by new zone
// data.
func notQueued(t *timing) string {
	if t.oneTime() {
		return "nothing waits in the due queue, as if it had run"
	}
	return "it is due then, but nothing waits in the due queue, which must not happen; update the schedule, without a change, and please report it"
}

// beforeEdit tells of a time at which nothing is recorded, before the times of s
// were set.
func beforeEdit(at time.Time, s *belfry.Schedule, t *timing) string {
	if t.has(at) {
		return fmt.Sprintf("It did not run at %s because its times were set only at %s, and an edited schedule does not fire for a time before its edit. By the ledger nothing was due then before that.",
			stamp(at), stamp(s.TimesSet()))
	}
	return fmt.Sprintf("It was not due at %s, by the ledger, which has nothing then. The times that the schedule had before %s, when they were set anew, are not kept.", stamp(at), stamp(s.TimesSet()))
}

// noOccurrence tells of a time that is none of the schedule's, whose definition
// was the same then.
func noOccurrence(at, now time.Time, s *belfry.Schedule, t *timing) string {
	was := "was"
	if at.After(now) {
		was = "is"
	}
	text := fmt.Sprintf("It %s not due at %s: ", was, stamp(at))
	next, more := t.next(at)
	switch {
	case !s.Retired.IsZero() || s.State == belfry.Disabled:
		return text + fmt.Sprintf("that is no occurrence of %s in %s.", s.Expression, s.Timezone)
	case !more:
		return text + fmt.Sprintf("%s in %s has no occurrence after that.", s.Expression, s.Timezone)
	}
	return text + fmt.Sprintf("after that, %s in %s has its first occurrence at %s.", s.Expression, s.Timezone, stamp(next))
}
