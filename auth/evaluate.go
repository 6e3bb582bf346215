package auth

import "strings"

// A Query asks whether something may be done.
type Query struct {
	Action   string // sqs:SendMessage
	Resource string // an ARN; "*" when the action is on none, or on which is not known
	Context  Context
}

// An Effect is what policies say to a Query.
type Effect uint8

// The effects. A query may be done only when it is Allowed.
const (
	Unmentioned Effect = iota // no statement allows it
	Denied                    // a statement denies it, or might and is not understood
	Allowed
)

// A Decision is the answer to a Query.
type Decision struct {
	Effect Effect
	Reason string // of a refusal: "because ..."
	// Itself is set when a trust policy allows the principal itself, not only
	// the account that it belongs to.
	Itself bool
}

// Evaluate asks the policies of a role. It is a pure function of its arguments.
func Evaluate(q *Query, policies ...*Document) Decision {
	return evaluate(q, nil, policies)
}

// EvaluateTrust asks a trust policy whether p may take its role on.
func EvaluateTrust(q *Query, p *Principal, trust *Document) Decision {
	return evaluate(q, p, []*Document{trust})
}

func evaluate(q *Query, p *Principal, policies []*Document) Decision {
	action := strings.ToLower(q.Action)
	var d Decision
	for _, doc := range policies {
		for i := range doc.statements {
			s := &doc.statements[i]
			itself := false
			if p != nil {
				var covered bool
				if covered, itself = s.coversPrincipal(p); !covered {
					continue
				}
			} else if matchAny(s.resources, q.Resource) == s.notResources {
				continue
			}
			if matchAny(s.actions, action) == s.notActions {
				continue
			}
			if s.unknown != "" {
				return Decision{Effect: Denied, Reason: "because the statement " + s.name + " uses " + s.unknown + ", which this server does not understand"}
			}
			if !s.conditionsHold(&q.Context) {
				continue
			}
			if !s.allow {
				return Decision{Effect: Denied, Reason: "with an explicit deny in the statement " + s.name}
			}
			d.Effect = Allowed
			d.Itself = d.Itself || itself
		}
	}
	if d.Effect != Allowed {
		kind := "identity-based policy"
		if p != nil {
			kind = "statement of the role's trust policy"
		}
		d.Reason = "because no " + kind + " allows the " + q.Action + " action"
	}
	return d
}

func (s *statement) coversPrincipal(p *Principal) (covered, itself bool) {
	for _, e := range s.principals {
		c, i := e.covers(p)
		covered, itself = covered || c, itself || c && i
	}
	return covered, itself
}

func (s *statement) conditionsHold(ctx *Context) bool {
	for i := range s.conditions {
		if !s.conditions[i].holds(ctx) {
			return false
		}
	}
	return true
}
