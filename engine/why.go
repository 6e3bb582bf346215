package engine

import (
	"context"
	"slices"
	"time"

	"github.com/belfry-run/belfry"
)

// A Why explains what became of one scheduled time. At most one of Run and Gap
// is set.
type Why struct {
	Sentence string
	Outcome  string // an outcome's name, "gap", "future", "not_due" or "unknown"
	Run      *belfry.Run
	Gap      *belfry.Gap
	Open     bool // the gap goes on: its end and its count are those of now
	// Also is what the time was to earlier schedules of the name, the newest first.
	// Sentence tells that too.
	Also []Why
	// Targets explains each target of a rule; Outcome is then theirs if they
	// agree, else "mixed".
	Targets []TargetWhy
}

// A TargetWhy is a Why of one target of a rule.
type TargetWhy struct {
	ID string
	Why
}

// Outcomes of a Why that are none of a run.
const (
	isGap   = "gap"     // it did not run
	future  = "future"  // it has not run yet
	notDue  = "not_due" // there was nothing to run
	unknown = "unknown" // what is stored does not tell
)

// Why answers, from what is stored alone, what became of the schedule's
// occurrence at the given time (cut to the second), in a sentence.
//
// What ran, and what the gaps say, is told first, of every life of the name that
// has anything there; then what waits, from the entry in the due queue. What has
// left no trace is told from the definition only as far as that is the one that
// held then: an edit replaces it. What is not known is said to be unknown.
func (e *Engine) Why(ctx context.Context, h *History, at time.Time) (*Why, error) {
	at = at.UTC().Truncate(time.Second)
	if h.Ref.Name == "" {
		return e.whyRule(ctx, h, at)
	}
	told, err := e.told(ctx, h, at)
	if err != nil || told != nil {
		return told, err
	}
	w, sure, err := e.absent(ctx, h, at)
	if err == nil && !sure {
		// It may have been started between the two readings.
		if told, err := e.told(ctx, h, at); err != nil || told != nil {
			return told, err
		}
	}
	return w, err
}

// told tells what the lives of the name have at the time, stored or waiting; nil
// when that is nothing.
func (e *Engine) told(ctx context.Context, h *History, at time.Time) (*Why, error) {
	runs, err := e.Runs(ctx, h, at, at, len(h.lives))
	if err != nil {
		return nil, err
	}
	gaps, err := e.gaps(ctx, h, at, at)
	if err != nil {
		return nil, err
	}
	var first *Why
	for _, s := range h.lives { // newest first
		w := e.ofLife(s, runs, gaps, at)
		if w == nil && h.Current == s {
			if w, err = e.waits(ctx, s, at); err != nil {
				return nil, err
			}
		}
		if w == nil {
			continue
		}
		if s != h.lives[0] {
			w.Sentence = "An earlier schedule of this name, deleted at " + stamp(s.Retired) + ": " + w.Sentence
		}
		if first == nil {
			first = w
			continue
		}
		first.Sentence += " " + w.Sentence
		first.Also = append(first.Also, *w)
	}
	return first, nil
}

// ofLife tells the run, or the gap, that one life of the name has at the time.
func (e *Engine) ofLife(s *belfry.Schedule, runs []belfry.Run, gaps []Entry, at time.Time) *Why {
	for i := range runs {
		if r := &runs[i]; r.Schedule == s.ID {
			return &Why{Sentence: sentence(r, s), Outcome: r.Outcome.String(), Run: r}
		}
	}
	var unsure *Why
	for i := range gaps {
		x := &gaps[i]
		if x.Gap.Schedule != s.ID {
			continue
		}
		w := &Why{Gap: x.Gap, Open: x.Open}
		switch holds, sure := e.holds(s, x.Gap, at); {
		case !sure:
			w.Outcome, w.Sentence = unknown, maybeInGap(at, x, s)
			unsure = w
		case holds:
			w.Outcome, w.Sentence = isGap, gapSentence(at, x)
			return w
		}
	}
	return unsure
}

// holds reports whether a gap that spans the time has an occurrence there. Where
// the definition that the gap was made by has been replaced, only its ends tell.
func (e *Engine) holds(s *belfry.Schedule, g *belfry.Gap, at time.Time) (holds, sure bool) {
	stretch := g.Reason == belfry.GapDisabled && g.At.IsZero() // its ends are no occurrences
	switch {
	case !stretch && (g.From.Equal(at) || g.To.Equal(at)):
		return true, true
	case !stretch && g.Count <= 2:
		return false, true
	case s.TimesSet().After(g.From.Add(time.Second)): // the second in which it was disabled
		return false, false
	}
	t, err := e.parser.timing(s)
	if err != nil {
		return false, false
	}
	if n, _ := t.count(g.From.Add(-1), g.To); n != g.Count {
		return false, false // its zone's rules have changed since
	}
	return t.has(at), true
}

// waits tells of the entry that the schedule has in the due queue, when the time
// is the entry's, or has come due behind it; nil when it is neither.
func (e *Engine) waits(ctx context.Context, s *belfry.Schedule, at time.Time) (*Why, error) {
	now := e.now()
	p, t, err := e.pending(ctx, s, now)
	if err != nil || p == nil || at.Before(p.Time) {
		return nil, err
	}
	own := p.Time.Equal(at)
	if !own && (at.After(now) || !t.has(at) || !at.After(s.Since)) {
		return nil, nil //nolint:nilnil // it is not what waits
	}
	if e.isDeleting(s) {
		return &Why{Outcome: notDue, Sentence: "It does not run at " + stamp(at) + ": its group is being deleted."}, nil
	}
	return &Why{Outcome: future, Sentence: "It has not run yet: " + waitSentence(p, at, now) + "."}, nil
}

// pending returns the schedule's entry in the due queue, nil when it has none. One
// that cannot have any is not sought in all of the queue.
func (e *Engine) pending(ctx context.Context, s *belfry.Schedule, now time.Time) (*belfry.Due, *timing, error) {
	t, err := e.parser.timing(s)
	if err != nil {
		t = timing{id: s.ID}
	}
	_, more := t.next(now)
	p, err := e.c.Store.Pending(ctx, s.ID, t.pendingCandidates(now, s.Revision), now, more && s.State == belfry.Enabled)
	return p, &t, err
}

func (e *Engine) isDeleting(s *belfry.Schedule) bool {
	_, yes := e.deleting.Load(groupKey{s.Scope, s.Group})
	return yes
}

// absent tells of a time at which nothing is stored and nothing waits. Not sure:
// there should be something.
func (e *Engine) absent(ctx context.Context, h *History, at time.Time) (w *Why, sure bool, err error) {
	now := e.now()
	life := h.lifeAt(at)
	t, unread := e.parser.timing(life)
	is := func(outcome, sentence string) (*Why, bool, error) {
		return &Why{Outcome: outcome, Sentence: sentence}, true, nil
	}
	gone := !life.Retired.IsZero() && at.After(life.Retired)
	dropped := at.Before(now.Add(-e.c.Retention))
	lost := e.unreadable(at, at)
	switch {
	case at.After(now) && h.Current != nil:
		return e.toCome(ctx, h.Current, at, now)
	case at.After(now):
		return is(notDue, "It is not due at "+stamp(at)+": the schedule was deleted, at "+stamp(life.Retired)+".")
	case unread != nil:
		return is(unknown, notKnown(at, "what is stored of the schedule's definition cannot be read"))
	case at.After(life.TimesSet()) && !gone && !t.has(at):
		return is(notDue, noOccurrence(at, now, life, &t))
	case lost != "":
		return is(unknown, notKnown(at, "a part of the history cannot be read ("+lost+")"))
	case dropped:
		return is(unknown, notKnown(at, "history is kept for "+days(e.c.Retention)+", and what is older has been dropped"))
	case !at.After(life.Created):
		return is(notDue, "It did not run at "+stamp(at)+" because the schedule was created only at "+stamp(life.Created)+".")
	case gone:
		return is(notDue, "It did not run at "+stamp(at)+" because the schedule had been deleted, at "+stamp(life.Retired)+".")
	case !at.After(life.TimesSet()):
		return is(notDue, beforeEdit(at, life, &t))
	}
	return &Why{Outcome: unknown, Sentence: notKnown(at, "it was due, and nothing is recorded, which must not happen; please report it")}, false, nil
}

// toCome tells of a time to come that is not that of the entry in the due queue.
func (e *Engine) toCome(ctx context.Context, s *belfry.Schedule, at, now time.Time) (w *Why, sure bool, err error) {
	p, t, err := e.pending(ctx, s, now)
	if err != nil {
		return nil, false, err
	}
	w = &Why{Outcome: notDue}
	switch {
	case e.isDeleting(s):
		w.Sentence = "It is not due at " + stamp(at) + ": its group is being deleted."
	case t.expr == nil:
		w.Outcome, w.Sentence = unknown, notForeseen(at, "what is stored of the schedule's definition cannot be read")
	case !t.has(at):
		w.Sentence = noOccurrence(at, now, s, t)
	case s.State == belfry.Disabled:
		w.Sentence = "It is not due at " + stamp(at) + " as long as the schedule is disabled."
	case p == nil:
		w.Outcome, w.Sentence = unknown, notForeseen(at, notQueued(t))
		return w, false, nil
	case p.Time.After(at):
		w.Outcome, w.Sentence = unknown, notForeseen(at, "its times say that it is due then, but what waits in the due queue is the occurrence of "+stamp(p.Time))
		return w, false, nil
	default:
		w.Outcome, w.Sentence = future, "It has not run yet: it is due at "+stamp(at)+"."
		if s.Window > 0 {
			w.Sentence = "It has not run yet: it is due at " + stamp(at) + ", and starts within its flexible time window, " + s.Window.String() + " from then."
		}
	}
	return w, true, nil
}

// unreadable names what of the history within the interval cannot be read; empty
// when all can be.
func (e *Engine) unreadable(from, to time.Time) string {
	if e.c.Unreadable == nil {
		return ""
	}
	return list(e.c.Unreadable(from, to))
}

// whyRule answers for each target that the rule has, and for those that it had
// and that have anything at the time.
func (e *Engine) whyRule(ctx context.Context, h *History, at time.Time) (*Why, error) {
	var targets []*History
	for _, t := range h.targets {
		if t.Current == nil {
			if told, err := e.told(ctx, t, at); err != nil {
				return nil, err
			} else if told == nil {
				continue
			}
		}
		targets = append(targets, t)
	}
	if len(targets) == 0 {
		targets = h.targets
	}
	if len(targets) == 0 {
		return &Why{Outcome: notDue, Sentence: "It runs nothing: the rule has no targets."}, nil
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
	i := slices.IndexFunc(h.lives, func(s *belfry.Schedule) bool { return at.After(s.Created) }) // newest first
	if i < 0 {
		i = len(h.lives) - 1
	}
	return h.lives[i]
}
