package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/belfry-run/belfry"
)

// A Why explains what became of one scheduled time. At most one of Run and Gap
// is set.
type Why struct {
	Sentence string
	Outcome  string // an outcome's name, "gap", "future" or "not_due"
	Run      *belfry.Run
	Gap      *belfry.Gap
	// Targets explains each target of a rule; Outcome is then theirs if they
	// agree, else "mixed".
	Targets []TargetWhy
}

// A TargetWhy is a Why of one target of a rule.
type TargetWhy struct {
	ID string
	Why
}

// Why answers, from the ledger alone, what became of the schedule's occurrence
// at the given time (cut to the second), in a sentence.
func (e *Engine) Why(ctx context.Context, h *History, at time.Time) (*Why, error) {
	at = at.UTC().Truncate(time.Second)
	if h.Ref.Name == "" {
		return e.whyRule(ctx, h, at)
	}
	runs, err := e.Runs(ctx, h, at, at, 1)
	if err != nil {
		return nil, err
	}
	if len(runs) > 0 {
		return &Why{Sentence: sentence(&runs[0]), Outcome: runs[0].Outcome.String(), Run: &runs[0]}, nil
	}
	gaps, err := e.gaps(ctx, h, at, at)
	if err != nil {
		return nil, err
	}
	life := h.lifeAt(at)
	t, err := e.parser.timing(life)
	if err != nil {
		return nil, err
	}
	next, more := t.next(at.Add(-time.Second))
	if !more || !next.Equal(at) {
		return &Why{Sentence: notDue(at, next, more, life), Outcome: "not_due"}, nil
	}
	for i := range gaps {
		if gaps[i].Count > 0 {
			return &Why{Sentence: gapSentence(at, &gaps[i]), Outcome: "gap", Gap: &gaps[i]}, nil
		}
	}
	switch {
	case at.Before(life.Created):
		return &Why{Outcome: "not_due", Sentence: fmt.Sprintf("It did not run at %s because the schedule was created later, at %s.", stamp(at), stamp(life.Created))}, nil
	case at.Before(life.Since):
		return &Why{Outcome: "not_due", Sentence: fmt.Sprintf("It was not due at %s: the expression was set at %s, and an edited schedule does not fire for a time before its edit.", stamp(at), stamp(life.Since))}, nil
	case h.Current == nil:
		return &Why{Outcome: "not_due", Sentence: fmt.Sprintf("It did not run at %s because the schedule had been deleted.", stamp(at))}, nil
	}
	due := t.due(at)
	if due.Equal(at) {
		return &Why{Outcome: "future", Sentence: fmt.Sprintf("It has not run yet: it is due at %s.", stamp(at))}, nil
	}
	return &Why{Outcome: "future", Sentence: fmt.Sprintf("It has not run yet: it is scheduled for %s and, within its flexible time window, starts at %s.", stamp(at), stamp(due))}, nil
}

// whyRule answers for each target that the rule has, or had if it has none now.
func (e *Engine) whyRule(ctx context.Context, h *History, at time.Time) (*Why, error) {
	targets := slices.DeleteFunc(slices.Clone(h.targets), func(t *History) bool { return t.Current == nil })
	if len(targets) == 0 {
		targets = h.targets
	}
	if len(targets) == 0 {
		return &Why{Outcome: "not_due", Sentence: "It runs nothing: the rule has no targets."}, nil
	}
	all := &Why{}
	for _, t := range targets {
		w, err := e.Why(ctx, t, at)
		if err != nil {
			return nil, err
		}
		if all.Targets == nil {
			all.Outcome = w.Outcome
		} else {
			all.Sentence += " "
			if all.Outcome != w.Outcome {
				all.Outcome = "mixed"
			}
		}
		all.Sentence += "Target " + t.Ref.Name + ": " + w.Sentence
		all.Targets = append(all.Targets, TargetWhy{t.Ref.Name, *w})
	}
	return all, nil
}

// lifeAt returns the schedule that had the name at the time, else the nearest.
func (h *History) lifeAt(at time.Time) *belfry.Schedule {
	for _, s := range h.lives { // newest first
		if !at.Before(s.Created.Truncate(time.Minute)) {
			return s
		}
	}
	return h.lives[len(h.lives)-1]
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func sentence(r *belfry.Run) string {
	started := fmt.Sprintf("The run scheduled for %s started %s late", stamp(r.Time), lateness(r.Started.Sub(r.Time)))
	took := r.Ended.Sub(r.Started).Round(time.Millisecond)
	switch r.Outcome {
	case belfry.Pending:
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
		return fmt.Sprintf("%s and went to the dead-letter queue. %s.", started, r.Reason)
	}
	return fmt.Sprintf("%s and ended as %s. %s.", started, r.Outcome, r.Reason)
}

func lateness(d time.Duration) string { return max(d, 0).Round(time.Millisecond).String() }

func gapSentence(at time.Time, g *belfry.Gap) string {
	switch g.Reason {
	case belfry.GapDisabled:
		return fmt.Sprintf("It did not run at %s because the schedule was disabled from %s to %s.", stamp(at), stamp(g.From), stamp(g.To))
	case belfry.GapMissed:
		return fmt.Sprintf("It did not run at %s because Belfry was not running then; of %d occurrences missed between %s and %s none ran, since only the latest is caught up, and only within an hour.",
			stamp(at), g.Count, stamp(g.From), stamp(g.To))
	case belfry.GapEdited:
		return fmt.Sprintf("It did not run at %s because the schedule's times were edited before it started.", stamp(at))
	case belfry.GapTooOld:
		return fmt.Sprintf("It did not run at %s because the schedule was written after that time, by more than its maximum event age.", stamp(at))
	}
	return fmt.Sprintf("It did not run at %s because the schedule was deleted before it started.", stamp(at))
}

func notDue(at, next time.Time, more bool, s *belfry.Schedule) string {
	if !more {
		return fmt.Sprintf("It was not due at %s, and %s in %s has no later occurrence.", stamp(at), s.Expression, s.Timezone)
	}
	return fmt.Sprintf("It was not due at %s: after that, %s in %s is due first at %s.", stamp(at), s.Expression, s.Timezone, stamp(next))
}
