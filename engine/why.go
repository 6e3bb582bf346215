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

// Why answers, from what is stored alone, what became of the schedule's
// occurrence at the given time (cut to the second), in a sentence.
//
// What ran, and what the gaps of the ledger say, is told first, of every life of the
// name that has anything there. Then what waits is told from the entry in the due
// queue. Only what was never due is told from the definition, as far as that is the
// one that held then: an edit replaces it.
func (e *Engine) Why(ctx context.Context, h *History, at time.Time) (*Why, error) {
	at = at.UTC().Truncate(time.Second)
	if h.Ref.Name == "" {
		return e.whyRule(ctx, h, at)
	}
	told, err := e.stored(ctx, h, at)
	if err != nil || told != nil {
		return told, err
	}
	now := e.now()
	life := h.lifeAt(at)
	t, err := e.parser.timing(life)
	if err != nil {
		return unknown(at, "its definition cannot be read any more"), nil //nolint:nilerr // the sentence says it
	}
	if h.Current != nil && life.ID == h.Current.ID {
		if w, err := e.waits(ctx, life, &t, at, now); err != nil || w != nil {
			return w, err
		}
	}
	next, more := t.next(at.Add(-time.Second))
	isDue := more && next.Equal(at)
	switch {
	case at.Before(now.Add(-e.c.Retention)):
		return unknown(at, fmt.Sprintf("history is kept for %d days, and that is longer ago", int(e.c.Retention.Hours()/24))), nil
	case at.Before(life.Created):
		return &Why{Outcome: "not_due", Sentence: fmt.Sprintf("It did not run at %s because the schedule was created later, at %s.", stamp(at), stamp(life.Created))}, nil
	case !life.Retired.IsZero() && at.After(life.Retired):
		return &Why{Outcome: "not_due", Sentence: fmt.Sprintf("It did not run at %s because the schedule had been deleted, at %s.", stamp(at), stamp(life.Retired))}, nil
	case !at.After(life.Since) && at.After(life.Created):
		return &Why{Outcome: "not_due", Sentence: fmt.Sprintf("It was not due at %s, as far as is stored: its times were set, or it was enabled, at %s, and what was due before that is in the ledger.", stamp(at), stamp(life.Since))}, nil
	case !isDue:
		return &Why{Sentence: notDue(at, next, more, life), Outcome: "not_due"}, nil
	case !life.Retired.IsZero() || h.Current == nil && !life.Retired.After(at):
		return &Why{Outcome: "not_due", Sentence: fmt.Sprintf("It did not run at %s because the schedule had been deleted.", stamp(at))}, nil
	case at.After(now):
		return e.ahead1(life, &t, at), nil
	case !at.After(life.Since):
		return &Why{Outcome: "not_due", Sentence: fmt.Sprintf("It was not due at %s: a new schedule does not fire for a time before it was made.", stamp(at))}, nil
	}
	return unknown(at, "nothing is recorded of it, which must not happen; belfry doctor says whether a part of the history cannot be read"), nil
}

// unknown is the answer where nothing is stored that could give one.
func unknown(at time.Time, why string) *Why {
	return &Why{Outcome: "unknown", Sentence: fmt.Sprintf("What became of %s is not known: %s.", stamp(at), why)}
}

// stored tells the runs and gaps that lives of the name have at the time; nil when
// there are none.
func (e *Engine) stored(ctx context.Context, h *History, at time.Time) (*Why, error) {
	runs, err := e.Runs(ctx, h, at, at, len(h.lives)+1)
	if err != nil {
		return nil, err
	}
	all := &Why{}
	add := func(w Why) {
		if all.Sentence == "" {
			*all = w
			return
		}
		all.Sentence += " An earlier schedule of the name: " + w.Sentence
	}
	ran := map[belfry.ID]bool{}
	for i := range runs {
		r := &runs[i]
		ran[r.Schedule] = true
		add(Why{Sentence: sentence(r, h.deleted(r.Schedule)), Outcome: r.Outcome.String(), Run: r})
	}
	gaps, err := e.gaps(ctx, h, at, at)
	if err != nil {
		return nil, err
	}
	for i := range gaps {
		g := &gaps[i]
		if g.Count > 0 && !ran[g.Schedule] && e.holds(h, g, at) {
			add(Why{Sentence: gapSentence(at, g), Outcome: "gap", Gap: g})
		}
	}
	if all.Sentence == "" {
		return nil, nil //nolint:nilnil // nothing is stored
	}
	return all, nil
}

// deleted reports whether that life of the name has ended.
func (h *History) deleted(id belfry.ID) bool { return h.Current == nil || h.Current.ID != id }

// holds reports whether a gap that spans the time holds an occurrence at it. Where
// the definition has been replaced since, or cannot be read, the gap's ends say
// that.
func (e *Engine) holds(h *History, g *belfry.Gap, at time.Time) bool {
	if g.From.Equal(at) || g.To.Equal(at) && g.Reason != belfry.GapDisabled {
		return true
	}
	for _, s := range h.lives {
		if s.ID != g.Schedule {
			continue
		}
		t, err := e.parser.timing(s)
		if err != nil || s.Since.After(g.To) {
			return true
		}
		next, ok := t.next(at.Add(-time.Second))
		return ok && next.Equal(at)
	}
	return true
}

// waits tells of the entry that the schedule has in the due queue, when the time is
// the entry's, or lies between it and now; nil when it is neither.
func (e *Engine) waits(ctx context.Context, s *belfry.Schedule, t *timing, at, now time.Time) (*Why, error) {
	pending, err := e.c.Store.Pending(ctx, s.ID, t.pendingCandidates(now, s.Revision), now, true)
	if err != nil || pending == nil || at.Before(pending.Time) {
		return nil, err
	}
	if _, yes := e.deleting.Load(groupKey{s.Scope, s.Group}); yes {
		return &Why{Outcome: "not_due", Sentence: fmt.Sprintf("It does not run at %s: its group is being deleted.", stamp(at))}, nil
	}
	next, ok := t.next(at.Add(-time.Second))
	switch {
	case pending.Time.Equal(at) && pending.At.Equal(at) && at.After(now):
		return &Why{Outcome: "future", Sentence: fmt.Sprintf("It has not run yet: it is due at %s.", stamp(at))}, nil
	case pending.Time.Equal(at) && pending.At.After(now):
		return &Why{Outcome: "future", Sentence: fmt.Sprintf("It has not run yet: it is scheduled for %s and, within its flexible time window, starts at %s.", stamp(at), stamp(pending.At))}, nil
	case pending.Time.Equal(at):
		return &Why{Outcome: "future", Sentence: fmt.Sprintf("It has not run yet: it was due at %s and waits to be started; belfry doctor says what holds it up.", stamp(pending.At))}, nil
	case at.After(now) || !ok || !next.Equal(at) || !at.After(s.Since):
		return nil, nil //nolint:nilnil // it is not what waits
	}
	return &Why{Outcome: "future", Sentence: fmt.Sprintf("It has not run yet: it waits behind the occurrence of %s, which starts at %s.", stamp(pending.Time), stamp(pending.At))}, nil
}

// ahead1 tells of an occurrence to come that is not the next one.
func (e *Engine) ahead1(s *belfry.Schedule, t *timing, at time.Time) *Why {
	if s.State == belfry.Disabled {
		return &Why{Outcome: "not_due", Sentence: fmt.Sprintf("It is not due at %s as long as the schedule is disabled.", stamp(at))}
	}
	if due := t.due(at); !due.Equal(at) {
		return &Why{Outcome: "future", Sentence: fmt.Sprintf("It has not run yet: it is scheduled for %s and, within its flexible time window, starts at %s.", stamp(at), stamp(due))}
	}
	return &Why{Outcome: "future", Sentence: fmt.Sprintf("It has not run yet: it is due at %s.", stamp(at))}
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

// lifeAt returns the schedule that had the name at the time, else the nearest
// before, else the first.
func (h *History) lifeAt(at time.Time) *belfry.Schedule {
	for _, s := range h.lives { // newest first
		if !at.Before(s.Created.Truncate(time.Minute)) {
			return s
		}
	}
	return h.lives[len(h.lives)-1]
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// sentence tells what became of a run; deleted says that its schedule is.
func sentence(r *belfry.Run, deleted bool) string {
	started := fmt.Sprintf("The run scheduled for %s started %s late", stamp(r.Time), lateness(r.Started.Sub(r.Time)))
	took := r.Ended.Sub(r.Started).Round(time.Millisecond)
	switch r.Outcome {
	case belfry.Pending:
		if deleted {
			return fmt.Sprintf("%s; attempt %d failed, and no other is made, since the schedule has been deleted.", started, len(r.Attempts))
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
		return fmt.Sprintf("%s and went to the dead-letter queue. %s.", started, r.Reason)
	}
	return fmt.Sprintf("%s and ended as %s. %s.", started, r.Outcome, r.Reason)
}

func lateness(d time.Duration) string { return max(d, 0).Round(time.Millisecond).String() }

func gapSentence(at time.Time, g *belfry.Gap) string {
	switch g.Reason {
	case belfry.GapDisabled:
		if g.Waited {
			return fmt.Sprintf("It did not run at %s because the schedule was disabled while that waited to be started.", stamp(at))
		}
		return fmt.Sprintf("It did not run at %s because the schedule was disabled from %s to %s.", stamp(at), stamp(g.From), stamp(g.To))
	case belfry.GapMissed:
		if g.Count == 1 {
			return fmt.Sprintf("It did not run at %s because it could not be started in time: Belfry was not running, the machine slept, or there was no room; when it could, that was too long ago.", stamp(at))
		}
		return fmt.Sprintf("It did not run at %s because it could not be started in time: Belfry was not running, the machine slept, or there was no room. Of the occurrences from then on only the latest is caught up with, and only within an hour: %d between %s and %s did not run.",
			stamp(at), g.Count, stamp(g.From), stamp(g.To))
	case belfry.GapEdited:
		return fmt.Sprintf("It did not run at %s because the schedule's times were edited before it started.", stamp(at))
	case belfry.GapTooOld:
		return fmt.Sprintf("It did not run at %s because that was longer ago than its maximum event age when the schedule was made or enabled.", stamp(at))
	case belfry.GapDone:
		return fmt.Sprintf("It did not run at %s because an earlier schedule of the same name had run that very occurrence.", stamp(at))
	}
	return fmt.Sprintf("It did not run at %s because the schedule was deleted before it started.", stamp(at))
}

func notDue(at, next time.Time, more bool, s *belfry.Schedule) string {
	if !more {
		return fmt.Sprintf("It was not due at %s, and %s in %s has no later occurrence.", stamp(at), s.Expression, s.Timezone)
	}
	return fmt.Sprintf("It was not due at %s: after that, %s in %s is due first at %s.", stamp(at), s.Expression, s.Timezone, stamp(next))
}
