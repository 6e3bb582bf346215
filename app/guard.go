package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/memory"
	"github.com/belfry-run/belfry/target"
)

// A guard delivers what the role of a schedule may do. With --dev it delivers
// everything.
type guard struct {
	auth    *auth.Service
	targets *target.Targets
	dev     bool
	log     *slog.Logger
}

// errand is what the scheduler does for a schedule, or EventBridge for a rule:
// conditions see the schedule's group, or the rule.
func errand(r belfry.ScheduleRef, roleARN string) auth.Errand {
	if rule := r.Rule(); rule != "" {
		return auth.Errand{Service: auth.EventsService, Account: r.Account, RoleARN: roleARN, SourceARN: r.ARN(), Session: rule}
	}
	g := belfry.Group{Scope: r.Scope, Name: r.Group}
	return auth.Errand{Service: auth.SchedulerService, Account: r.Account, RoleARN: roleARN, SourceARN: g.ARN(), Session: r.Name}
}

// refOf names the schedule, or the rule's target, that the invocation is of.
func refOf(in *belfry.Invocation) belfry.ScheduleRef {
	if in.Rule != "" {
		return belfry.RuleRef{Scope: in.Scope, Name: in.Rule}.Target("")
	}
	_, rest, _ := strings.Cut(in.ScheduleARN, ":schedule/")
	group, name, _ := strings.Cut(rest, "/")
	return belfry.ScheduleRef{Scope: in.Scope, Group: group, Name: name}
}

// roleless reports whether nobody's role is asked for a delivery: a rule's target
// without a role is reached in the rule's own account only, which package target
// sees to.
func roleless(r belfry.ScheduleRef, roleARN string) bool { return r.Rule() != "" && roleARN == "" }

// check refuses a target that cannot be right, and a role that the scheduler
// cannot take on.
func (g *guard) check(ctx context.Context, s *belfry.Schedule) error {
	if s.Ref() == canary {
		return nil
	}
	if err := target.Check(s, g.dev); err != nil || g.dev || roleless(s.Ref(), s.Target.RoleARN) {
		return err
	}
	err := g.auth.CheckTrust(ctx, errand(s.Ref(), s.Target.RoleARN))
	if belfry.KindOf(err) != belfry.Denied {
		return err
	}
	message := "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
	if s.Rule() != "" {
		message = "Provided role '" + s.Target.RoleARN + "' cannot be assumed by principal '" + auth.EventsService + "'."
	}
	return &belfry.Error{Kind: belfry.Invalid, Field: "Target.RoleArn", Err: err, Message: message}
}

// authorize returns nil when a delivery to the schedule's target is let through.
func (g *guard) authorize(ctx context.Context, r belfry.ScheduleRef, t *belfry.Target) error {
	if g.dev || roleless(r, t.RoleARN) {
		return nil
	}
	p := target.PermissionOf(t, r.Scope)
	return g.auth.AuthorizeErrand(ctx, errand(r, t.RoleARN), p.Action, p.Resource)
}

// Invoke delivers the attempt if the role may. A refusal is permanent.
func (g *guard) Invoke(ctx context.Context, in *belfry.Invocation) belfry.Result {
	ref := refOf(in)
	if ref == canary {
		return belfry.Result{Status: belfry.AttemptSucceeded}
	}
	ctx, done := memory.Scope(ctx) // a function's answer is looked at until then
	defer done()
	err := g.authorize(ctx, ref, in.Target)
	if err == nil {
		return g.targets.Invoke(ctx, in)
	}
	if e, ok := errors.AsType[*belfry.Error](err); ok && e.Kind == belfry.Denied {
		return target.Refuse(in, e.Message)
	}
	g.log.ErrorContext(ctx, "whether a role may could not be found out", "role", in.Target.RoleARN, "err", err)
	return belfry.Result{
		Status: belfry.AttemptRetryable, ErrorCode: "AWS.Scheduler.InternalServerError",
		ErrorMessage: "Unexpected error occurred while processing the request",
	}
}

// SendDeadLetter puts a message into the schedule's dead-letter queue if its
// role may.
func (g *guard) SendDeadLetter(ctx context.Context, s *belfry.Schedule, body string, attributes map[string]string) error {
	switch {
	case g.dev:
	case s.Rule() != "":
		// On AWS the queue's own policy lets EventBridge in, not the role.
		if arn, _ := belfry.ParseARN(s.Target.DeadLetterARN); arn.Account != s.Account {
			return belfry.Errorf(belfry.Denied, "DeadLetterConfig.Arn", "A rule's dead-letter queue must lie in the rule's own account.")
		}
	default:
		err := g.auth.AuthorizeErrand(ctx, errand(s.Ref(), s.Target.RoleARN), target.SendMessage, s.Target.DeadLetterARN)
		if err != nil {
			return err
		}
	}
	return g.targets.SendDeadLetter(ctx, s, body, attributes)
}

// functionRoles lets functions act as roles.
type functionRoles struct{ auth *auth.Service }

// CheckRole returns nil when Lambda can take the role on.
func (r functionRoles) CheckRole(ctx context.Context, account, roleARN string) error {
	return r.auth.CheckTrust(ctx, auth.Errand{Service: auth.LambdaService, Account: account, RoleARN: roleARN})
}

// Credentials returns credentials of the function's role, under its name.
func (r functionRoles) Credentials(ctx context.Context, f *function.Function) (function.Credentials, error) {
	c, err := r.auth.ServiceCredentials(ctx, auth.Errand{
		Service: auth.LambdaService, Account: f.Account, RoleARN: f.Role, Session: f.Name,
	}, function.CredentialsAge)
	if err != nil {
		return function.Credentials{}, err
	}
	return function.Credentials{AccessKeyID: c.AccessKey, SecretAccessKey: c.Secret, SessionToken: c.Token}, nil
}
