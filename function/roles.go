package function

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
)

// Roles knows the roles that functions act as.
type Roles interface {
	// CheckRole returns nil when functions of the account can act as the role,
	// else Denied.
	CheckRole(ctx context.Context, account, roleARN string) error
	// Credentials returns temporary credentials of the function's role, which
	// must stay good for CredentialsAge; Denied when it cannot act as it.
	Credentials(ctx context.Context, f *Function) (Credentials, error)
}

// An instance gets its credentials once, in its environment, where most SDKs
// do not look again. So an instance ends before they do: it is not used again
// after maxInstanceAge, and CredentialsAge leaves an hour for what it has begun
// then. Lambda's own instances live for some hours too.
const (
	maxInstanceAge = 11 * time.Hour
	CredentialsAge = 12 * time.Hour
)

// anyRole is what a server in --dev takes: every role will do, and the access
// key names the account.
type anyRole struct{}

func (anyRole) CheckRole(context.Context, string, string) error { return nil }

func (anyRole) Credentials(_ context.Context, f *Function) (Credentials, error) {
	return Credentials{AccessKeyID: f.Account, SecretAccessKey: "belfry", SessionToken: "belfry"}, nil
}

const roleMessage = "The role defined for the function cannot be assumed by Lambda."

// roleError words the refusal of a role when a function is to run.
func roleError(err error) error {
	if belfry.KindOf(err) != belfry.Denied {
		return err
	}
	return &belfry.Error{Kind: belfry.Denied, Code: "AccessDeniedException", Message: roleMessage, Err: err}
}

// checkRole refuses a role that functions of the account cannot act as.
func (h *Host) checkRole(ctx context.Context, account, roleARN string) error {
	err := h.cfg.Roles.CheckRole(ctx, account, roleARN)
	if belfry.KindOf(err) == belfry.Denied {
		return &belfry.Error{Kind: belfry.Invalid, Code: "InvalidParameterValueException", Field: "Role", Message: roleMessage, Err: err}
	}
	return err
}
