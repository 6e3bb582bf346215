package engine

import (
	"context"
	"slices"

	"github.com/belfry-run/belfry"
)

// around takes out of gaps, which are about to be recorded for schedule s, the
// occurrences that have run: under a clock that was ahead then and has been set
// back since. Without such a step there are none, and nothing is asked.
func (e *Engine) around(ctx context.Context, s *belfry.Schedule, t *timing, gaps []belfry.Gap) ([]belfry.Gap, error) {
	if !e.steps.back.Load() {
		return gaps, nil
	}
	var all []belfry.Gap
	for _, g := range gaps {
		if g.To.IsZero() {
			all = append(all, g)
			continue
		}
		runs, err := e.c.Store.Runs(ctx, belfry.RunQuery{Schedules: []belfry.ID{s.ID}, From: g.From, To: g.To, Limit: auditLook})
		if err != nil {
			return nil, err
		}
		all = append(all, split(g, runs, t)...)
	}
	return all, nil
}

// unlessRun takes the run out of a step whose occurrence has run under a clock that
// was ahead: the store knows that of recent runs alone, and it may be history.
func (e *Engine) unlessRun(ctx context.Context, st *belfry.Start) error {
	if st.Run == nil || !e.steps.back.Load() {
		return nil
	}
	runs, err := e.c.Store.Runs(ctx, belfry.RunQuery{Schedules: []belfry.ID{st.Run.Schedule}, From: st.Run.Time, To: st.Run.Time, Limit: 1})
	if err == nil && len(runs) > 0 {
		st.Run = nil
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
