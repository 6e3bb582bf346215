package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/belfry-run/belfry"
)

// Quotas of scheduled rules (semantics.md 2.2), and of their tags.
const (
	maxRules       = 300 // of an account and region
	maxRuleTargets = 5
	maxRuleTags    = 50
)

// PutRule creates the rule, or replaces what clients may set of it: what r
// leaves out is cleared, but its targets and tags stay. Like an edited
// schedule, an edited rule does not fire for a time before the edit; a rate
// keeps its grid unless the expression changes.
func (e *Engine) PutRule(ctx context.Context, r belfry.Rule) (*belfry.Rule, error) {
	if _, err := e.parser.parse(parsedKey{r.Expression, "UTC", true}); err != nil {
		return nil, err
	}
	put := r
	err := e.changeRule(ctx, r.Ref(), func(x *ruleEdit) error {
		put = r
		put.Created, put.Anchor = x.now, x.now.Truncate(time.Minute)
		if old := x.old; old != nil {
			put.Created, put.Tags = old.Created, old.Tags
			if r.Expression == old.Expression {
				put.Anchor = old.Anchor
			}
		} else if len(put.Tags) > maxRuleTags {
			return tooMany()
		}
		x.rule = &put
		return x.retime(ctx, e)
	})
	return &put, err
}

// SetRuleState enables or disables the rule with all its targets.
func (e *Engine) SetRuleState(ctx context.Context, ref belfry.RuleRef, state belfry.State) error {
	return e.changeExisting(ctx, ref, func(x *ruleEdit) error {
		x.rule.State = state
		return x.retime(ctx, e)
	})
}

// TagRule sets tags on the rule, and removes those named by remove.
func (e *Engine) TagRule(ctx context.Context, ref belfry.RuleRef, set map[string]string, remove []string) error {
	return e.changeExisting(ctx, ref, func(x *ruleEdit) error {
		tags := maps.Clone(x.rule.Tags)
		if tags == nil {
			tags = map[string]string{}
		}
		maps.Copy(tags, set)
		for _, k := range remove {
			delete(tags, k)
		}
		if len(tags) > maxRuleTags {
			return tooMany()
		}
		x.rule.Tags = tags
		return nil
	})
}

// DeleteRule removes the rule; the runs of its former targets stay in the
// ledger. A rule that has targets is Invalid, one that is not there no error.
func (e *Engine) DeleteRule(ctx context.Context, ref belfry.RuleRef) error {
	return e.changeRule(ctx, ref, func(x *ruleEdit) error {
		if len(x.targets) > 0 {
			return belfry.Errorf(belfry.Invalid, "Name", "Rule can't be deleted since it has targets.")
		}
		return nil // x.rule is nil: it goes
	})
}

// PutTargets adds targets to the rule, or replaces those with the same id. A
// new target first fires at the rule's next occurrence.
func (e *Engine) PutTargets(ctx context.Context, ref belfry.RuleRef, targets []belfry.RuleTarget) error {
	seen := map[string]bool{}
	for _, t := range targets {
		if seen[t.ID] {
			return belfry.Errorf(belfry.Invalid, "Targets", "More than one target with Id '%s' is provided", t.ID)
		}
		seen[t.ID] = true
	}
	return e.changeExisting(ctx, ref, func(x *ruleEdit) error {
		for _, t := range targets {
			if err := x.put(ctx, e, t); err != nil {
				return err
			}
			seen[t.ID] = true
		}
		for _, s := range x.targets {
			seen[s.Name] = true
		}
		if len(seen) > maxRuleTargets {
			return tooMany()
		}
		return nil
	})
}

// RemoveTargets removes the rule's targets with these ids, and returns those
// of the ids that it does not have.
func (e *Engine) RemoveTargets(ctx context.Context, ref belfry.RuleRef, ids []string) (missing []string, err error) {
	err = e.changeExisting(ctx, ref, func(x *ruleEdit) error {
		missing = nil
		for i, id := range ids {
			old := x.target(id)
			switch {
			case slices.Contains(ids[:i], id):
				continue
			case old == nil:
				missing = append(missing, id)
				continue
			}
			ch, err := e.decided(ctx, old, x.now, func(old *belfry.Schedule, pending *belfry.Due, was *timing, now time.Time) (belfry.ScheduleChange, error) {
				return e.removed(ctx, old, pending, was, now)
			})
			if err != nil {
				return err
			}
			x.changes = append(x.changes, ch)
		}
		return nil
	})
	return missing, err
}

// Rule returns the rule of that name, or NotFound.
func (e *Engine) Rule(ctx context.Context, ref belfry.RuleRef) (*belfry.Rule, error) {
	return e.c.Store.Rule(ctx, ref)
}

// Rules returns a page of rules in the order of their names.
func (e *Engine) Rules(ctx context.Context, q belfry.RuleQuery) ([]*belfry.Rule, error) {
	return e.c.Store.Rules(ctx, q)
}

// RuleTargets returns up to limit targets of the rule, after the given id and
// in the order of their ids; NotFound when there is no such rule.
func (e *Engine) RuleTargets(ctx context.Context, ref belfry.RuleRef, after string, limit int) ([]*belfry.Schedule, error) {
	if _, err := e.c.Store.Rule(ctx, ref); err != nil {
		return nil, err
	}
	return e.targetsOf(ctx, ref, after, limit)
}

func (e *Engine) targetsOf(ctx context.Context, ref belfry.RuleRef, after string, limit int) ([]*belfry.Schedule, error) {
	group := ref.Group()
	return e.c.Store.Schedules(ctx, belfry.ScheduleQuery{Scope: ref.Scope, Group: group, AfterGroup: group, AfterName: after, Limit: limit})
}

// RulesOfTarget returns up to limit names of rules that have a target with this
// ARN, after the given name and in order.
func (e *Engine) RulesOfTarget(ctx context.Context, scope belfry.Scope, arn, after string, limit int) ([]string, error) {
	return e.c.Store.RulesOfTarget(ctx, scope, arn, after, limit)
}

func tooMany() error {
	return belfry.Errorf(belfry.Quota, "", "The requested resource exceeds the maximum number allowed.")
}
