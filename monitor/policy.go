package monitor

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

// A Severity says how bad it is.
type Severity string

// The severities, the least first.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Serious  Severity = "error"
	Critical Severity = "critical"
)

var severities = []Severity{Info, Warning, Serious, Critical}

// rank orders severities; an unknown one is below all.
func (s Severity) rank() int { return slices.Index(severities, s) }

// A ScopeKind says what a policy's scope names.
type ScopeKind string

// The kinds of scope.
const (
	ScopeDefault  ScopeKind = "default"  // all subjects of the account
	ScopeGroup    ScopeKind = "group"    // the schedules of a group, by its ARN
	ScopeSchedule ScopeKind = "schedule" // a schedule or rule, by its ARN
	ScopeTag      ScopeKind = "tag"      // the checks with a tag
	ScopeCheck    ScopeKind = "check"    // a check, by its UUID
)

// A Scope is what a policy is about. An account has one policy for a scope.
type Scope struct {
	Kind  ScopeKind
	Value string // empty for the default
}

// A Policy says what is told about a subject, to whom, and how often.
type Policy struct {
	ID      string // a UUID; empty: the default, which nobody has changed
	Account string
	Name    string
	Scope
	Rules
	Revision         int64
	Created, Updated time.Time
}

// Rules are what a policy says.
type Rules struct {
	// Outcomes are what counts against a schedule: failed, dead_lettered, missed,
	// late, too_long. What a check or a channel says of itself always counts.
	Outcomes []Reason
	// A schedule is down after After bad outcomes in a row, or when Share percent
	// of the last Of are bad. After 0 and Share 0 leave that rule out.
	After     int
	Share, Of int
	// LateAfter is how late a start may be; Longest how long a run may take, 0:
	// learned from the schedule's own history, Factor times what 95 % of its runs
	// took; Factor 0: no limit.
	LateAfter, Longest time.Duration
	Factor             float64

	Severity Severity
	// Channels are who is told; nil: all of the account.
	Channels []string
	// Remind is how often what is still wrong is told again, until somebody
	// acknowledges it; 0: never.
	Remind time.Duration
	// Escalate tells others of what nobody acknowledges.
	Escalate []Step
	// Quiet is when nobody is disturbed.
	Quiet Quiet
	// NoRecovery leaves out the message that all is well again.
	NoRecovery bool
}

// A Step of an escalation comes that long after the alert was opened.
type Step struct {
	After    time.Duration
	Channels []string // nil: all of the account
}

// Bounds of a policy.
const (
	maxInARow        = 64
	maxSteps         = 10
	minPolicyTime    = time.Minute
	maxPolicyTime    = 30 * 24 * time.Hour
	minScheduleLimit = 10 * time.Second
	maxFactor        = 1000
)

// outcomes are what can count against a schedule.
var outcomes = []Reason{ReasonFailed, ReasonDeadLettered, ReasonMissed, ReasonLate, ReasonTooLong}

// DefaultRules are those of an account that has said nothing: every failure, at
// once, to all channels, with a message when it is over.
func DefaultRules() Rules {
	return Rules{Outcomes: slices.Clone(outcomes), After: 1, LateAfter: time.Minute, Factor: 3, Severity: Serious}
}

// DefaultPolicy is the policy of an account that has made none.
func DefaultPolicy(account string) Policy {
	return Policy{Account: account, Name: "default", Scope: Scope{Kind: ScopeDefault}, Rules: DefaultRules()}
}

// counts reports whether a subject that is not well for that reason is told of.
func (r *Rules) counts(reason Reason) bool {
	return !slices.Contains(outcomes, reason) || slices.Contains(r.Outcomes, reason)
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (s Scope) check(account string) error {
	bad := func(what string) error {
		return belfry.Errorf(belfry.Invalid, "scope", "The scope %s names %s.", s.Kind, what)
	}
	switch s.Kind {
	case ScopeDefault:
		if s.Value != "" {
			return bad("nothing; leave the value out")
		}
	case ScopeGroup, ScopeSchedule:
		a, ok := belfry.ParseARN(s.Value)
		switch {
		case !ok || a.Account != account:
			return bad("an ARN of the account " + account)
		case s.Kind == ScopeGroup && (a.Service != "scheduler" || !strings.HasPrefix(a.Resource, "schedule-group/")):
			return bad("a schedule group by its ARN, such as arn:aws:scheduler:us-east-1:" + account + ":schedule-group/default")
		case s.Kind == ScopeSchedule && (a.Service != "scheduler" || !strings.HasPrefix(a.Resource, "schedule/")) &&
			(a.Service != "events" || !strings.HasPrefix(a.Resource, "rule/")):
			return bad("a schedule or a rule by its ARN, such as arn:aws:scheduler:us-east-1:" + account + ":schedule/default/name")
		}
	case ScopeTag:
		if s.Value == "" || len(s.Value) > maxNameLength || strings.ContainsAny(s.Value, " \t\r\n") {
			return bad("one tag, without blanks")
		}
	case ScopeCheck:
		if !uuidForm.MatchString(s.Value) {
			return bad("a check by its UUID")
		}
	default:
		return belfry.Errorf(belfry.Invalid, "scope", "The scope %q is none; take default, group, schedule, tag or check.", s.Kind)
	}
	return nil
}

func (r *Rules) check() error {
	invalid := func(field, format string, args ...any) error {
		return belfry.Errorf(belfry.Invalid, field, format, args...)
	}
	for _, o := range r.Outcomes {
		if !slices.Contains(outcomes, o) {
			return invalid("outcomes", "%q does not count as an outcome; take failed, dead_lettered, missed, late and too_long.", o)
		}
	}
	switch {
	case r.After < 0 || r.After > maxInARow:
		return invalid("after", "after is %d; give 1 to %d outcomes in a row, or 0 with a share.", r.After, maxInARow)
	case r.Share < 0 || r.Share > 100:
		return invalid("share_percent", "share_percent is %d; give 1 to 100, or 0 for none.", r.Share)
	case r.Share > 0 && (r.Of < 1 || r.Of > maxInARow):
		return invalid("share_of", "share_of is %d; give 1 to %d outcomes that share_percent is taken of.", r.Of, maxInARow)
	case r.Share == 0 && r.Of != 0:
		return invalid("share_of", "share_of is %d, but there is no share_percent of it.", r.Of)
	case r.After == 0 && r.Share == 0:
		return invalid("after", "after and share_percent are both 0, so that nothing would ever be told.")
	case r.LateAfter < minScheduleLimit || r.LateAfter > maxPolicyTime:
		return invalid("late_after_seconds", "late_after_seconds is %d; give 10 to %d.", int(r.LateAfter.Seconds()), int(maxPolicyTime.Seconds()))
	case r.Longest != 0 && (r.Longest < minScheduleLimit || r.Longest > maxPolicyTime):
		return invalid("longest_seconds", "longest_seconds is %d; give 10 to %d, or 0 to learn it.", int(r.Longest.Seconds()), int(maxPolicyTime.Seconds()))
	case r.Factor != 0 && !(r.Factor >= 1 && r.Factor <= maxFactor):
		return invalid("longest_factor", "longest_factor is %v; give 1 to %d, or 0 for no limit.", r.Factor, maxFactor)
	case r.Severity.rank() < 0:
		return invalid("severity", "severity is %q; take info, warning, error or critical.", r.Severity)
	case r.Remind != 0 && (r.Remind < minPolicyTime || r.Remind > maxPolicyTime):
		return invalid("remind_seconds", "remind_seconds is %d; give %d to %d, or 0 for no reminder.", int(r.Remind.Seconds()), int(minPolicyTime.Seconds()), int(maxPolicyTime.Seconds()))
	case len(r.Escalate) > maxSteps:
		return invalid("escalate", "There are %d steps of escalation; %d are allowed.", len(r.Escalate), maxSteps)
	}
	var before time.Duration
	for i, s := range r.Escalate {
		if s.After < minPolicyTime || s.After > maxPolicyTime || s.After <= before {
			return invalid("escalate", "Step %d of the escalation comes after %d seconds; give %d to %d, each more than the one before.", i+1, int(s.After.Seconds()), int(minPolicyTime.Seconds()), int(maxPolicyTime.Seconds()))
		}
		before = s.After
	}
	return r.Quiet.check()
}

// A policySet is all policies of an account.
type policySet struct {
	account string
	byScope map[Scope]*Policy
}

func newPolicySet(account string, all []Policy) *policySet {
	p := &policySet{account: account, byScope: make(map[Scope]*Policy, len(all))}
	for i := range all {
		p.byScope[all[i].Scope] = &all[i]
	}
	return p
}

// of returns the most specific policy for a subject: its own, else its group's or
// its rule's, or that of the first of its tags in the order of the alphabet, else the default.
func (p *policySet) of(s Subject, tags []string) *Policy {
	var scopes []Scope
	switch s.Kind {
	case SubjectSchedule:
		scopes = append(scopes, Scope{ScopeSchedule, s.ID})
		if a, ok := belfry.ParseARN(s.ID); ok && a.Service == "scheduler" {
			if parts := strings.Split(a.Resource, "/"); len(parts) == 3 {
				group := belfry.Group{Scope: a.Scope(), Name: parts[1]}
				scopes = append(scopes, Scope{ScopeGroup, group.ARN()})
			}
		} else if parts := strings.Split(a.Resource, "/"); ok && len(parts) == 3 { // a target of a rule
			rule := belfry.RuleRef{Scope: a.Scope(), Name: parts[1]}
			scopes = append(scopes, Scope{ScopeSchedule, rule.ARN()})
		}
	case SubjectCheck:
		scopes = append(scopes, Scope{ScopeCheck, s.ID})
		for _, tag := range slices.Sorted(slices.Values(tags)) {
			scopes = append(scopes, Scope{ScopeTag, tag})
		}
	}
	for _, scope := range append(scopes, Scope{Kind: ScopeDefault}) {
		if found := p.byScope[scope]; found != nil {
			return found
		}
	}
	d := DefaultPolicy(p.account)
	return &d
}
