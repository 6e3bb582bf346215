package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/function"
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

// errand is what the scheduler does for a schedule: conditions see its group.
func errand(s belfry.Scope, group, name, roleARN string) auth.Errand {
	g := belfry.Group{Scope: s, Name: group}
	return auth.Errand{Service: auth.SchedulerService, Account: s.Account, RoleARN: roleARN, SourceARN: g.ARN(), Session: name}
}

// check refuses a target that cannot be right, and a role that the scheduler
// cannot take on.
func (g *guard) check(ctx context.Context, s *belfry.Schedule) error {
	if err := target.Check(s, g.dev); err != nil || g.dev {
		return err
	}
	err := g.auth.CheckTrust(ctx, errand(s.Scope, s.Group, s.Name, s.Target.RoleARN))
	if belfry.KindOf(err) == belfry.Denied {
		return &belfry.Error{
			Kind: belfry.Invalid, Field: "Target.RoleArn", Err: err,
			Message: "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
		}
	}
	return err
}

// Invoke delivers the attempt if the role may. A refusal is permanent.
func (g *guard) Invoke(ctx context.Context, in *belfry.Invocation) belfry.Result {
	if g.dev {
		return g.targets.Invoke(ctx, in)
	}
	group, name := scheduleName(in.ScheduleARN)
	p := target.PermissionOf(in.Target, in.Scope)
	err := g.auth.AuthorizeErrand(ctx, errand(in.Scope, group, name, in.Target.RoleARN), p.Action, p.Resource)
	if err == nil {
		return g.targets.Invoke(ctx, in)
	}
	if e, ok := errors.AsType[*belfry.Error](err); ok && e.Kind == belfry.Denied {
		return target.Refuse(in, e.Message)
	}
	g.log.Error("whether a role may could not be found out", "role", in.Target.RoleARN, "err", err)
	return belfry.Result{
		Status: belfry.AttemptRetryable, ErrorCode: "AWS.Scheduler.InternalServerError",
		ErrorMessage: "Unexpected error occurred while processing the request",
	}
}

// SendDeadLetter puts a message into the schedule's dead-letter queue if its
// role may.
func (g *guard) SendDeadLetter(ctx context.Context, s *belfry.Schedule, body string, attributes map[string]string) error {
	if !g.dev {
		err := g.auth.AuthorizeErrand(ctx, errand(s.Scope, s.Group, s.Name, s.Target.RoleARN), target.SendMessage, s.Target.DeadLetterARN)
		if err != nil {
			return err
		}
	}
	return g.targets.SendDeadLetter(ctx, s, body, attributes)
}

// scheduleName returns group and name out of the ARN of a schedule.
func scheduleName(arn string) (group, name string) {
	_, rest, _ := strings.Cut(arn, ":schedule/")
	group, name, _ = strings.Cut(rest, "/")
	return group, name
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
