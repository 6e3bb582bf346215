package function

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
)

// A Policy says who else may use a function (semantics.md 3.8). It is kept and
// shown; callers of this server's own account need no permission.
type Policy struct {
	Statements []Statement `json:"statements"`
	Revision   string      `json:"revision"` // new at every change
}

// A Statement of a policy, in the order of members that Lambda shows.
type Statement struct {
	Sid       string                       `json:"Sid"`
	Effect    string                       `json:"Effect"`
	Principal json.RawMessage              `json:"Principal"`
	Action    string                       `json:"Action"`
	Resource  string                       `json:"Resource"`
	Condition map[string]map[string]string `json:"Condition,omitempty"`
}

// Document returns the policy as Lambda shows it.
func (p Policy) Document() ([]byte, error) {
	return json.Marshal(struct {
		Version   string
		ID        string `json:"Id"`
		Statement []Statement
	}{"2012-10-17", "default", p.Statements})
}

// A Permission is a statement to be added.
type Permission struct {
	StatementID, Action, Principal string

	// Conditions; empty is none.
	SourceARN, SourceAccount, EventSourceToken, OrganizationID, URLAuthType string

	Revision string // of the policy that the caller expects; empty: any
}

// maxPolicy is the size of a policy, in bytes of its JSON; Lambda's is the same.
const maxPolicy = 20_480

// AddPermission adds a statement to a function's policy and returns it.
// Conflict when it has one of that id.
func (h *Host) AddPermission(ctx context.Context, ref Ref, qualifier string, p Permission) (Statement, error) {
	if qualifier == Latest {
		return Statement{}, invalid("Qualifier", "We currently do not support adding policies for $LATEST.")
	}
	s, err := p.statement((&Request{Function: ref, Qualifier: qualifier}).arn())
	if err != nil {
		return s, err
	}
	_, err = h.amend(ctx, ref, qualifier, func(f *Function) error {
		return f.policy(qualifier).add(s, p.Revision, functionRevisionCall)
	})
	return s, err
}

// add adds a statement to a policy of that revision; empty is any. call is what
// tells the last one.
func (p *Policy) add(s Statement, revision, call string) error {
	if err := checkRevision(revision, p.Revision, call); err != nil {
		return err
	}
	if slices.ContainsFunc(p.Statements, func(o Statement) bool { return o.Sid == s.Sid }) {
		return &belfry.Error{
			Kind: belfry.Conflict, Code: "ResourceConflictException", Field: "StatementId",
			Message: "The statement id (" + s.Sid + ") provided already exists. Please provide a new statement id, or remove the existing statement.",
		}
	}
	p.Statements = append(p.Statements, s)
	p.Revision = uuid.NewString()
	text, err := p.Document()
	if err == nil && len(text) > maxPolicy {
		return &belfry.Error{
			Kind: belfry.Quota, Code: "PolicyLengthExceededException",
			Message: fmt.Sprintf("The final policy size (%d) is bigger than the limit (%d).", len(text), maxPolicy),
		}
	}
	return err
}

// statement translates a permission as Lambda does, for the resource of that ARN.
func (p Permission) statement(resource string) (Statement, error) {
	var principal any
	switch arn, ok := belfry.ParseARN(p.Principal); {
	case p.Principal == "*":
		principal = "*"
	case ok && arn.Service == "iam":
		principal = map[string]string{"AWS": p.Principal}
	case len(p.Principal) == 12 && strings.Trim(p.Principal, "0123456789") == "":
		principal = map[string]string{"AWS": "arn:aws:iam::" + p.Principal + ":root"}
	case strings.Contains(p.Principal, ".") && !strings.ContainsAny(p.Principal, " :/"):
		principal = map[string]string{"Service": p.Principal}
	default:
		return Statement{}, invalid("Principal", "The provided principal was invalid. Please check the principal and try again.")
	}
	text, err := json.Marshal(principal)
	if err != nil {
		return Statement{}, fmt.Errorf("encode the principal: %w", err)
	}
	s := Statement{Sid: p.StatementID, Effect: "Allow", Principal: text, Action: p.Action, Resource: resource}
	for _, c := range []struct{ operator, key, value string }{
		{"ArnLike", "AWS:SourceArn", p.SourceARN},
		{"StringEquals", "AWS:SourceAccount", p.SourceAccount},
		{"StringEquals", "lambda:EventSourceToken", p.EventSourceToken},
		{"StringEquals", "aws:PrincipalOrgID", p.OrganizationID},
		{"StringEquals", "lambda:FunctionUrlAuthType", p.URLAuthType},
	} {
		if c.value == "" {
			continue
		}
		if s.Condition == nil {
			s.Condition = map[string]map[string]string{}
		}
		if s.Condition[c.operator] == nil {
			s.Condition[c.operator] = map[string]string{}
		}
		s.Condition[c.operator][c.key] = c.value
	}
	return s, nil
}

// Policy returns a function's policy; NotFound when it has no statement.
func (h *Host) Policy(ctx context.Context, ref Ref, qualifier string) (Policy, error) {
	f, err := h.Get(ctx, ref, qualifier)
	if err != nil {
		return Policy{}, err
	}
	if len(f.Policy.Statements) == 0 {
		return Policy{}, noResource("The resource you requested does not exist.")
	}
	return f.Policy, nil
}

// RemovePermission removes a statement; NotFound when there is none of that id.
func (h *Host) RemovePermission(ctx context.Context, ref Ref, qualifier, statementID, revision string) error {
	_, err := h.amend(ctx, ref, qualifier, func(f *Function) error {
		return f.policy(qualifier).remove(statementID, revision, functionRevisionCall)
	})
	return err
}

// remove removes a statement from a policy, as add adds one.
func (p *Policy) remove(statementID, revision, call string) error {
	if err := checkRevision(revision, p.Revision, call); err != nil {
		return err
	}
	i := slices.IndexFunc(p.Statements, func(s Statement) bool { return s.Sid == statementID })
	if i < 0 {
		return noResource("Statement " + statementID + " is not found in resource policy.")
	}
	p.Statements = slices.Delete(p.Statements, i, i+1)
	p.Revision = uuid.NewString()
	return nil
}

func noResource(message string) error {
	return &belfry.Error{Kind: belfry.NotFound, Code: "ResourceNotFoundException", Message: message}
}
