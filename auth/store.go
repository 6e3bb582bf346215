package auth

import (
	"context"
	"time"
)

// Store is what auth needs kept. Every write is durable when it returns nil
// and has changed nothing when it returns an error. storetest holds the
// promises below against every store.
type Store interface {
	KeyStore
	RoleStore
	PolicyStore
}

// A StoredKey is an access key as it is kept: its secret is sealed.
type StoredKey struct {
	ID      string
	Account string
	Sealed  []byte
	Created time.Time
}

// KeyStore keeps access keys.
type KeyStore interface {
	// CreateAccessKey stores a new key. A taken id is Conflict; an account that
	// has limit keys already is Quota, also of two callers at once.
	CreateAccessKey(ctx context.Context, k StoredKey, limit int) error
	// AccessKey returns the key, or NotFound.
	AccessKey(ctx context.Context, id string) (StoredKey, error)
	// AccessKeys returns up to limit keys after the given id, by id: the
	// account's, or everybody's when account is empty.
	AccessKeys(ctx context.Context, account, after string, limit int) ([]StoredKey, error)
	// DeleteAccessKey removes the key, or NotFound.
	DeleteAccessKey(ctx context.Context, id string) error
}

// RoleStore keeps roles.
type RoleStore interface {
	// PutRole stores a role in place of its revision replaces, 0 for a new one.
	// A name that is taken, or another revision, is Conflict; a role to be
	// replaced that is not there is NotFound. An account that has limit roles
	// already gets no new one: Quota. A policy of the account that the role has
	// attached and that is not there is NotFound with the field PolicyArn.
	PutRole(ctx context.Context, r *Role, replaces int64, limit int) error
	// Role returns the role, or NotFound.
	Role(ctx context.Context, account, name string) (*Role, error)
	// Roles returns up to limit roles of the account after the given name, by name.
	Roles(ctx context.Context, account, after string, limit int) ([]*Role, error)
	// DeleteRole removes the role of that revision: Conflict when it has
	// another one, NotFound when it is not there.
	DeleteRole(ctx context.Context, account, name string, revision int64) error
}

// PolicyStore keeps the policies that roles attach.
type PolicyStore interface {
	// CreatePolicy stores a new policy. A taken name is Conflict; an account
	// that has limit policies already is Quota.
	CreatePolicy(ctx context.Context, p *Policy, limit int) error
	// Policy returns the policy, or NotFound.
	Policy(ctx context.Context, account, name string) (*Policy, error)
	// Policies returns up to limit policies of the account after the given
	// name, by name.
	Policies(ctx context.Context, account, after string, limit int) ([]*Policy, error)
	// Attachments counts the roles of the account that have the policy attached.
	Attachments(ctx context.Context, account, arn string) (int, error)
	// DeletePolicy removes the policy: Conflict when a role has it attached,
	// NotFound when it is not there.
	DeletePolicy(ctx context.Context, account, name string) error
}
