package auth

import (
	"context"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

// A Service that acts for an account signs itself with these names.
const (
	SchedulerService = "scheduler.amazonaws.com"
	LambdaService    = "lambda.amazonaws.com"
	EventsService    = "events.amazonaws.com"
)

func accessDenied(who string, q *Query, reason string) *belfry.Error {
	return &belfry.Error{
		Kind: belfry.Denied, Code: "AccessDeniedException",
		Message: "User: " + who + " is not authorized to perform: " + q.Action + " on resource: " + q.Resource + " " + reason,
	}
}

// foreign says whether the resource belongs to another account. There are no
// policies on resources, so nothing there can be allowed.
func foreign(resource, account string) bool {
	a, ok := belfry.ParseARN(resource)
	return ok && a.Account != "" && a.Account != account
}

const foreignReason = "because the resource belongs to another account"

// Authorize returns nil when the caller may do it: everything in his own
// account for its root, what the role's policies allow for a session; else
// Denied.
func (s *Service) Authorize(ctx context.Context, c Caller, q Query) error {
	if foreign(q.Resource, c.Account) {
		return accessDenied(c.ARN(), &q, foreignReason)
	}
	if c.Session == nil || s.Permissive {
		return nil
	}
	role, err := s.compiled(ctx, c.Account, c.Session.Role)
	if err != nil {
		return err
	}
	if err := s.completeRole(ctx, &q); err != nil {
		return err
	}
	q.Context.PrincipalARN, q.Context.PrincipalAccount = c.Session.RoleARN(), c.Account
	if d := role.may(&q); d.Effect != Allowed {
		return accessDenied(c.ARN(), &q, d.Reason)
	}
	return nil
}

// completeRole adds the path to the ARN of a role that the caller of IAM has
// named without it.
func (s *Service) completeRole(ctx context.Context, q *Query) error {
	if !strings.HasPrefix(q.Action, "iam:") || q.Action == "iam:CreateRole" || q.Action == "iam:PassRole" {
		return nil
	}
	account, name, ok := ParseRoleARN(q.Resource)
	if !ok {
		return nil
	}
	c, err := s.compiled(ctx, account, name)
	if err == nil {
		q.Resource = c.role.ARN()
	}
	if belfry.KindOf(err) == belfry.NotFound {
		return nil
	}
	return err
}

func (c *compiledRole) may(q *Query) Decision {
	if c.unreadable != "" {
		return Decision{Effect: Denied, Reason: c.unreadable}
	}
	return Evaluate(q, c.permissions...)
}

// An Errand is what a service wants to do in the name of a role.
type Errand struct {
	Service   string // SchedulerService
	Account   string // for which it acts
	RoleARN   string // empty: the account's DefaultRole
	SourceARN string // aws:SourceArn
	Session   string // its name in refusals
}

// role returns the role of an errand, or why it cannot be taken on: Denied.
func (s *Service) role(ctx context.Context, e *Errand) (*compiledRole, error) {
	account, name := e.Account, DefaultRole
	if e.RoleARN != "" {
		var ok bool
		if account, name, ok = ParseRoleARN(e.RoleARN); !ok || account != e.Account {
			return nil, belfry.Errorf(belfry.Denied, "RoleArn", "%s is not a role of the account %s.", e.RoleARN, e.Account)
		}
	}
	c, err := s.compiled(ctx, account, name)
	if belfry.KindOf(err) == belfry.NotFound || err == nil && e.RoleARN != "" && c.role.ARN() != e.RoleARN {
		return nil, belfry.Errorf(belfry.Denied, "RoleArn", "The role %s does not exist.", e.RoleARN)
	}
	return c, err
}

// CheckTrust returns nil when the service may take the role on for the
// account, else Denied with the reason.
func (s *Service) CheckTrust(ctx context.Context, e Errand) error {
	if s.Permissive {
		return nil
	}
	c, err := s.role(ctx, &e)
	if err != nil {
		return err
	}
	return c.trusts(&e)
}

func (c *compiledRole) trusts(e *Errand) error {
	q := Query{Action: "sts:AssumeRole", Resource: e.RoleARN, Context: Context{SourceARN: e.SourceARN, SourceAccount: e.Account}}
	d := EvaluateTrust(&q, &Principal{Service: e.Service}, c.trust)
	if d.Effect == Allowed {
		return nil
	}
	return accessDenied(e.Service, &Query{Action: q.Action, Resource: c.role.ARN()}, d.Reason)
}

// AuthorizeErrand returns nil when the service may take the role on and the
// role may do it, else Denied with the reason. It is on the path of every run.
func (s *Service) AuthorizeErrand(ctx context.Context, e Errand, action, resource string) error {
	q := Query{Action: action, Resource: resource}
	if foreign(resource, e.Account) {
		return accessDenied(e.Service, &q, foreignReason)
	}
	if s.Permissive {
		return nil
	}
	c, err := s.role(ctx, &e)
	if err != nil {
		return err
	}
	if err := c.trusts(&e); err != nil {
		return err
	}
	q.Context.PrincipalARN, q.Context.PrincipalAccount = c.role.ARN(), e.Account
	if d := c.may(&q); d.Effect != Allowed {
		session := Session{Account: e.Account, Role: c.role.Name, Name: e.Session}
		return accessDenied(session.ARN(), &q, d.Reason)
	}
	return nil
}

// ServiceCredentials returns credentials of a role for what a service runs,
// good for the given time. In permissive mode a role that is not there is
// replaced by the account's DefaultRole.
func (s *Service) ServiceCredentials(ctx context.Context, e Errand, d time.Duration) (*Credentials, error) {
	c, err := s.role(ctx, &e)
	if s.Permissive && belfry.KindOf(err) == belfry.Denied {
		c, err = s.compiled(ctx, e.Account, DefaultRole)
	}
	if err != nil {
		return nil, err
	}
	if err := c.trusts(&e); err != nil && !s.Permissive {
		return nil, err
	}
	return s.issue(c.role, e.Session, d)
}

func (s *Service) issue(r *Role, name string, d time.Duration) (*Credentials, error) {
	return s.Vault.issue(Session{
		Account: r.Account, Role: r.Name, Path: r.Path, RoleID: r.ID, Name: name, Expires: s.Now().Add(d),
	})
}

// An Assumption is a request for the credentials of a role.
type Assumption struct {
	RoleARN    string
	Session    string
	Duration   time.Duration // 0: DefaultSession
	ExternalID string
}

// Assume returns credentials of a role for the caller, when the role's trust
// policy and the caller's own policies allow it. A role that is not there is
// refused as one that may not be assumed, so that nobody learns of it.
func (s *Service) Assume(ctx context.Context, by Caller, a Assumption) (*Credentials, error) {
	account, name, ok := ParseRoleARN(a.RoleARN)
	if !ok {
		return nil, validation("RoleArn", "%s is invalid", clip(a.RoleARN))
	}
	q := Query{Action: "sts:AssumeRole", Resource: a.RoleARN, Context: Context{
		ExternalID: a.ExternalID, SessionName: a.Session, PrincipalAccount: by.Account, PrincipalARN: by.ARN(),
	}}
	if by.Session != nil {
		q.Context.PrincipalARN = by.Session.RoleARN()
	}
	refused := func(reason string) error { return accessDenied(by.ARN(), &q, reason) }
	c, err := s.compiled(ctx, account, name)
	if belfry.KindOf(err) == belfry.NotFound || err == nil && c.role.ARN() != a.RoleARN {
		return nil, refused("because no statement of the role's trust policy allows the sts:AssumeRole action")
	}
	if err != nil {
		return nil, err
	}
	if !s.Permissive || by.Account != account {
		p := by.principal()
		trust := EvaluateTrust(&q, &p, c.trust)
		if trust.Effect != Allowed {
			return nil, refused(trust.Reason)
		}
		if by.Session != nil {
			own, err := s.compiled(ctx, by.Account, by.Session.Role)
			if err != nil {
				return nil, err
			}
			d := own.may(&q)
			// A role that is named itself needs no policy of its own within the account.
			named := trust.Itself && by.Account == account
			if d.Effect == Denied || d.Effect != Allowed && !named {
				return nil, refused(d.Reason)
			}
		}
	}
	if a.Duration == 0 {
		a.Duration = min(DefaultSession, time.Duration(c.role.MaxSession)*time.Second)
	}
	limit := time.Duration(c.role.MaxSession) * time.Second
	if by.Session != nil {
		limit = min(limit, time.Hour) // a chain of roles; AWS's limit
	}
	if a.Duration > limit {
		return nil, validation("DurationSeconds", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return s.issue(c.role, a.Session, a.Duration)
}
