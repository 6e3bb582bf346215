package belfry

import (
	"strings"
	"time"
)

// A Rule is a scheduled rule of EventBridge: an expression in UTC with up to
// five targets. Each target is a schedule of the rule's own group, so that a
// target's occurrences, retries and ledger are a schedule's.
type Rule struct {
	Scope
	Name        string
	Revision    int64 // 1 at creation, one more at each change of the rule or its targets
	Description string
	State       State
	Expression  string // as the client wrote it
	RoleARN     string // kept and echoed, not used
	Tags        map[string]string
	Anchor      time.Time // origin of a rate's grid, the same for all targets
	Created     time.Time
	Modified    time.Time
}

// Ref returns the name that clients know the rule by.
func (r *Rule) Ref() RuleRef { return RuleRef{Scope: r.Scope, Name: r.Name} }

// ARN returns the rule's Amazon Resource Name.
func (r *Rule) ARN() string { return r.Ref().ARN() }

// RuleRef names a rule of the default event bus.
type RuleRef struct {
	Scope
	Name string
}

// ARN returns the Amazon Resource Name of the rule that r names.
func (r RuleRef) ARN() string {
	return "arn:aws:events:" + r.Region + ":" + r.Account + ":rule/" + r.Name
}

// Reserved begins the names of groups that no client can name or list: it
// comes after every character that a group's name may have.
const Reserved = "~"

const rulePrefix = Reserved + "rule/"

// OwnGroup is the group of Belfry's own schedules.
const OwnGroup = Reserved + "belfry"

// Group returns the group of the schedules that are the rule's targets.
func (r RuleRef) Group() string { return rulePrefix + r.Name }

// Target names the schedule that is the target with that id.
func (r RuleRef) Target(id string) ScheduleRef {
	return ScheduleRef{Scope: r.Scope, Group: r.Group(), Name: id}
}

// Rule returns the name of the rule that has the schedule as a target; empty
// for a schedule of a client.
func (r ScheduleRef) Rule() string {
	if name, ok := strings.CutPrefix(r.Group, rulePrefix); ok {
		return name
	}
	return ""
}

// Rule returns the name of the rule that has the schedule as a target; empty
// for a schedule of a client.
func (s *Schedule) Rule() string { return s.Ref().Rule() }

// A RuleTarget is a target as it is put to a rule.
type RuleTarget struct {
	ID string // unique within the rule
	Target
}

// A RuleChange creates, replaces or removes a rule and changes its targets, in
// one step.
type RuleChange struct {
	Old     *Rule            // as read; nil when there was none
	New     *Rule            // nil removes it
	Targets []ScheduleChange // one without Old is a new target
	Limit   int              // rules that the scope may have; beyond it a new one is refused
}

// A RuleQuery selects rules of a scope in the order of their names.
type RuleQuery struct {
	Scope
	NamePrefix string
	After      string // position: the last one of the page before
	Limit      int
}
