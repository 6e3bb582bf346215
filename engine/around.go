package engine

import (
	"context"
	"slices"
	"time"

	"github.com/belfry-run/belfry"
)

// around takes out of gaps, which are about to be recorded for schedule s, the
// occurrences that have run: under a clock that was ahead then and has been set
// back since. Without such a step there are none, and nothing is asked.
func (e *Engine) around(ctx context.Context, s *belfry.Schedule, t *timing, gaps []belfry.Gap) ([]belfry.Gap, error) {
	if !slices.ContainsFunc(gaps, func(g belfry.Gap) bool { return e.steps.mayHaveRun(g.From) }) {
		return gaps, nil
	}
	var all []belfry.Gap
	for _, g := range gaps {
		if g.To.IsZero() || !e.steps.mayHaveRun(g.From) {
			all = append(all, g)
			continue
		}
		parts, err := e.aroundRuns(ctx, s, t, g)
		if err != nil {
			return nil, err
		}
		all = append(all, parts...)
	}
	return all, nil
}

func (e *Engine) aroundRuns(ctx context.Context, s *belfry.Schedule, t *timing, g belfry.Gap) ([]belfry.Gap, error) {
	runs, err := e.c.Store.Runs(ctx, belfry.RunQuery{Schedules: []belfry.ID{s.ID}, From: g.From, To: g.To, Limit: auditLook})
	return split(g, runs, t), err
}

// closed is the gap of a schedule that is disabled as it would be if it ended at
// that time, without what has run in it. Of an open gap, At says that it was made
// longer when the clock was set back, so that runs may lie in it.
func (e *Engine) closed(ctx context.Context, s *belfry.Schedule, t *timing, g belfry.Gap, at time.Time) ([]belfry.Gap, error) {
	g.To = at.Truncate(time.Second)
	g.Count, _ = t.count(g.From.Add(-1), at)
	longer := !g.At.IsZero()
	g.At = time.Time{}
	if longer {
		return e.aroundRuns(ctx, s, t, g)
	}
	return e.around(ctx, s, t, []belfry.Gap{g})
}

// unlessRun takes the run out of a step whose occurrence has run under a clock that
// was ahead: the store knows that of recent runs alone, and it may be history, or be
// that of an earlier life of the name.
func (e *Engine) unlessRun(ctx context.Context, s *belfry.Schedule, st *belfry.Start) error {
	if st.Run == nil || !e.steps.mayHaveRun(st.Run.Time) {
		return nil
	}
	runs, err := e.c.Store.Runs(ctx, belfry.RunQuery{Schedules: []belfry.ID{st.Run.Schedule}, From: st.Run.Time, To: st.Run.Time, Limit: 1})
	if err != nil || len(runs) > 0 {
		st.Run = nil
		return err
	}
	o := st.Run.Time
	_, ran, err := e.ranEarlier(ctx, s.Ref(), o)
	if ran {
		st.Run = nil
		st.Gaps = append(st.Gaps, belfry.Gap{Schedule: s.ID, From: o, To: o, Count: 1, Reason: belfry.GapDone, At: st.At})
	}
	return err
}

// split is the gap without the runs, newest first, that lie in it.
func split(g belfry.Gap, runs []belfry.Run, t *timing) []belfry.Gap {
	if len(runs) == 0 {
		return []belfry.Gap{g}
	}
	if g.From.Equal(g.To) {
		return nil
	}
	var parts []belfry.Gap
	part := g
	add := func() {
		n, last := t.count(part.From.Add(-1), part.To)
		if n == 0 {
			return
		}
		first, _ := t.next(part.From.Add(-1))
		part.From, part.To, part.Count = first, last, n
		parts = append(parts, part)
	}
	for _, r := range slices.Backward(runs) {
		from := part.From
		if part.To = r.Time.Add(-1); !part.To.Before(from) {
			add()
		}
		part = g
		part.From = r.Time.Add(1)
	}
	part.To = g.To
	add()
	return parts
}
