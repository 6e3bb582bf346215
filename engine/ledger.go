package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/belfry-run/belfry"
)

// A History is the lives of one schedule name: the schedule that has it now,
// and those that had it and were deleted.
//
// That of a rule is the histories of all targets that it has or had.
type History struct {
	Ref     belfry.ScheduleRef // of a rule: its group, without a name
	Current *belfry.Schedule   // nil when it is deleted
	lives   []*belfry.Schedule
	targets []*History // of a rule, by target id
}

func (h *History) ids() []belfry.ID {
	all := ids(h.lives)
	for _, t := range h.targets {
		all = append(all, t.ids()...)
	}
	return all
}

// Present returns the schedules that there are now: the one of the name, if it
// has not been deleted, or the targets that the rule has.
func (h *History) Present() []belfry.ScheduleRef {
	var all []belfry.ScheduleRef
	if h.Current != nil {
		all = append(all, h.Current.Ref())
	}
	for _, t := range h.targets {
		all = append(all, t.Present()...)
	}
	return all
}

// Target returns the id of the rule's target that the schedule is; empty when
// h is not a rule's history.
func (h *History) Target(id belfry.ID) string {
	for _, t := range h.targets {
		if slices.Contains(t.ids(), id) {
			return t.Ref.Name
		}
	}
	return ""
}

// History returns the lives of the name; NotFound when there never was one, or
// its history is older than the retention.
func (e *Engine) History(ctx context.Context, ref belfry.ScheduleRef) (*History, error) {
	current, retired, err := e.c.Store.Lives(ctx, ref)
	if err != nil {
		return nil, err
	}
	h := &History{Ref: ref, Current: current, lives: retired}
	if current != nil {
		h.lives = append([]*belfry.Schedule{current}, retired...)
	}
	if len(h.lives) == 0 {
		return nil, belfry.Errorf(belfry.NotFound, "schedule", "Schedule %s does not exist.", ref.Name)
	}
	return h, nil
}

// RuleHistory returns the history of a rule; NotFound when there never was one,
// or its history is older than the retention.
func (e *Engine) RuleHistory(ctx context.Context, ref belfry.RuleRef) (*History, error) {
	current, retired, err := e.c.Store.RuleLives(ctx, ref)
	if err != nil {
		return nil, err
	}
	h := &History{Ref: ref.Target("")}
	if len(current)+len(retired) == 0 {
		_, err := e.c.Store.Rule(ctx, ref)
		return h, err
	}
	byID := map[string]*History{}
	target := func(s *belfry.Schedule) *History {
		t := byID[s.Name]
		if t == nil {
			t = &History{Ref: s.Ref()}
			byID[s.Name] = t
			h.targets = append(h.targets, t)
		}
		t.lives = append(t.lives, s)
		return t
	}
	for _, s := range current {
		target(s).Current = s
	}
	for _, s := range retired {
		target(s)
	}
	slices.SortFunc(h.targets, func(a, b *History) int { return cmp.Compare(a.Ref.Name, b.Ref.Name) })
	return h, nil
}

// Runs returns up to limit runs with a scheduled time within [from, to], newest
// first; a zero bound is open.
func (e *Engine) Runs(ctx context.Context, h *History, from, to time.Time, limit int) ([]belfry.Run, error) {
	return e.c.Store.Runs(ctx, belfry.RunQuery{Schedules: h.ids(), From: from, To: to, Limit: limit})
}

// An Entry of the ledger is a run or a gap.
type Entry struct {
	Run *belfry.Run
	Gap *belfry.Gap
	// Open says that the gap goes on: its end and its count are those of now.
	Open bool
}

// At is the entry's place: the run's scheduled time, or where the gap begins.
func (x *Entry) At() time.Time {
	if x.Run != nil {
		return x.Run.Time
	}
	return x.Gap.From
}

func (x *Entry) schedule() belfry.ID {
	if x.Run != nil {
		return x.Run.Schedule
	}
	return x.Gap.Schedule
}

// Ledger returns the runs and gaps within [from, to], the newest up to limit, in
// the order of time; with limit 0 all gaps, and no run.
func (e *Engine) Ledger(ctx context.Context, h *History, from, to time.Time, limit int) ([]Entry, error) {
	runs, err := e.Runs(ctx, h, from, to, limit)
	if err != nil {
		return nil, err
	}
	if len(runs) == limit && limit > 0 {
		from = runs[len(runs)-1].Time // what lies before is not among the newest
	}
	entries, err := e.gaps(ctx, h, from, to)
	if err != nil {
		return nil, err
	}
	for i := range runs {
		entries = append(entries, Entry{Run: &runs[i]})
	}
	slices.SortStableFunc(entries, func(a, b Entry) int {
		return cmp.Or(a.At().Compare(b.At()), cmp.Compare(a.schedule(), b.schedule()))
	})
	if limit == 0 {
		return entries, nil
	}
	return entries[max(0, len(entries)-limit):], nil
}

// gaps returns the gaps that touch the interval; one that is open is counted up
// to now, and left out while it has nothing in it.
func (e *Engine) gaps(ctx context.Context, h *History, from, to time.Time) ([]Entry, error) {
	var all []Entry
	for _, t := range h.targets {
		gaps, err := e.gaps(ctx, t, from, to)
		if err != nil {
			return nil, err
		}
		all = append(all, gaps...)
	}
	gaps, err := e.c.Store.Gaps(ctx, ids(h.lives), from, to)
	if err != nil {
		return nil, err
	}
	now := e.now()
	for i := range gaps {
		x := Entry{Gap: &gaps[i], Open: gaps[i].To.IsZero()}
		if x.Open {
			if h.Current == nil || x.Gap.Schedule != h.Current.ID {
				continue // its schedule is gone, so it cannot be
			}
			t, err := e.parser.timing(h.Current)
			if err == nil {
				parts, err := e.closed(ctx, h.Current, &t, *x.Gap, now)
				if err != nil {
					return nil, err
				}
				for p := range parts {
					if parts[p].Count > 0 {
						all = append(all, Entry{Gap: &parts[p], Open: true})
					}
				}
				continue
			}
			x.Gap.To, x.Gap.At = now.Truncate(time.Second), time.Time{}
		}
		all = append(all, x)
	}
	return all, nil
}

func ids(lives []*belfry.Schedule) []belfry.ID {
	var all []belfry.ID
	for _, s := range lives {
		all = append(all, s.ID)
	}
	return all
}
