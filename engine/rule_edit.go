package engine

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
)

// A ruleEdit is a rule as it was read, and what is to become of it.
type ruleEdit struct {
	now     time.Time
	old     *belfry.Rule // nil when there is none
	missing error        // why there is none
	targets []*belfry.Schedule

	rule    *belfry.Rule // nil removes it
	changes []belfry.ScheduleChange
}

// changeExisting is changeRule for a rule that must be there; x.rule begins as
// a copy of it.
func (e *Engine) changeExisting(ctx context.Context, ref belfry.RuleRef, decide func(x *ruleEdit) error) error {
	return e.changeRule(ctx, ref, func(x *ruleEdit) error {
		if x.old == nil {
			return x.missing
		}
		changed := *x.old
		x.rule = &changed
		return decide(x)
	})
}

// changeRule reads the rule and its targets, lets decide say what becomes of
// them, and stores all of it in one step; when any of it moved meanwhile, it
// starts over. All targets see the same time, so their grids stay one.
func (e *Engine) changeRule(ctx context.Context, ref belfry.RuleRef, decide func(x *ruleEdit) error) error {
	for {
		x, err := e.readRule(ctx, ref)
		if err != nil {
			return err
		}
		if err := decide(x); err != nil {
			return err
		}
		if x.rule == nil && x.old == nil {
			return nil
		}
		if x.rule != nil {
			x.rule.Modified, x.rule.Revision = x.now, 1
			if x.old != nil {
				x.rule.Revision = x.old.Revision + 1
			}
		}
		err = e.c.Store.ChangeRule(ctx, belfry.RuleChange{Old: x.old, New: x.rule, Targets: x.changes, Limit: maxRules})
		if isStale(err) && ctx.Err() == nil {
			continue
		}
		if err == nil {
			for _, ch := range x.changes {
				e.arrived(ch.Next, ch.New)
			}
		}
		return err
	}
}

func (e *Engine) readRule(ctx context.Context, ref belfry.RuleRef) (*ruleEdit, error) {
	old, err := e.c.Store.Rule(ctx, ref)
	if belfry.KindOf(err) == belfry.NotFound {
		return &ruleEdit{now: e.now(), missing: err}, nil
	}
	if err != nil {
		return nil, err
	}
	// Every change of a target changes the rule's revision, so what is read
	// here fits together or is found stale.
	targets, err := e.targetsOf(ctx, ref, "", maxRuleTargets)
	return &ruleEdit{now: e.now(), old: old, targets: targets}, err
}

func (x *ruleEdit) target(id string) *belfry.Schedule {
	for _, s := range x.targets {
		if s.Name == id {
			return s
		}
	}
	return nil
}

// retime gives all targets the times and the state of the rule.
func (x *ruleEdit) retime(ctx context.Context, e *Engine) error {
	for _, old := range x.targets {
		if old.Expression == x.rule.Expression && old.State == x.rule.State {
			continue
		}
		if err := x.replace(ctx, e, old, old.Target); err != nil {
			return err
		}
	}
	return nil
}

// put adds or replaces one target.
func (x *ruleEdit) put(ctx context.Context, e *Engine, t belfry.RuleTarget) error {
	if old := x.target(t.ID); old != nil {
		return x.replace(ctx, e, old, t.Target)
	}
	s := x.schedule(t.ID, t.Target)
	s.ID = e.ids.next(x.now, belfry.ShardOf(s.Ref()))
	s.Revision, s.Created, s.Modified, s.Since, s.Anchor = 1, x.now, x.now, x.now, x.rule.Anchor
	timing, err := e.check(ctx, &s, nil, x.now)
	if err != nil {
		return err
	}
	ch := belfry.ScheduleChange{New: &s, At: x.now}
	if s.State == belfry.Disabled {
		ch.Gaps = []belfry.Gap{disabledGap(x.now, time.Time{}, &timing)}
	} else {
		ch.Next = timing.entryAfter(x.now, s.Revision)
	}
	x.changes = append(x.changes, ch)
	return nil
}

func (x *ruleEdit) replace(ctx context.Context, e *Engine, old *belfry.Schedule, t belfry.Target) error {
	ch, err := e.decided(ctx, old, x.now, func(old *belfry.Schedule, pending *belfry.Due, was *timing, now time.Time) (belfry.ScheduleChange, error) {
		return e.replaced(ctx, x.schedule(old.Name, t), old, pending, was, now)
	})
	if err == nil {
		x.changes = append(x.changes, ch)
	}
	return err
}

// schedule is the schedule of a target.
func (x *ruleEdit) schedule(id string, t belfry.Target) belfry.Schedule {
	ref := x.rule.Ref().Target(id)
	return belfry.Schedule{
		Scope: ref.Scope, Group: ref.Group, Name: ref.Name,
		State: x.rule.State, Expression: x.rule.Expression, Timezone: "UTC", Target: t,
	}
}
