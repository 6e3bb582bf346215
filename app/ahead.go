package app

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/target"
)

// ahead has a function made ready for the schedule's run that is due, when the
// schedule's role may run it. It implements [engine.Config.Ahead].
func (g *guard) ahead(ctx context.Context, s *belfry.Schedule, due time.Time, host *function.Host) {
	call, ok := target.FunctionOf(s)
	if !ok {
		return
	}
	ref, qualifier, err := calledBy(call)
	if err != nil || !g.mayRun(ctx, s, ref) {
		return // the attempt says what is wrong
	}
	host.Prestart(ref, qualifier, due)
}

// mayRun says whether a delivery to the schedule's function will be let through.
func (g *guard) mayRun(ctx context.Context, s *belfry.Schedule, f function.Ref) bool {
	if roleless(s.Ref(), s.Target.RoleARN) && f.Account != s.Account {
		return false // package target refuses it
	}
	return g.authorize(ctx, s.Ref(), &s.Target) == nil
}
