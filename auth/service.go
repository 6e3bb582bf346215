package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/belfry-run/belfry"
)

// Limits of an account. AWS's are quotas too, some of them lower.
const (
	MaxKeys     = 100
	MaxRoles    = 1000
	MaxPolicies = 1500
)

// AdminAccount is the account whose root looks after the access keys of all.
const AdminAccount = "000000000000"

// A Config says how a service works. Store, Vault and Now are required.
type Config struct {
	Store Store
	Vault *Vault
	Now   func() time.Time
	// Created is when the default roles are said to have been made.
	Created time.Time
	// RootKey and RootSecret are an access key of AdminAccount that is in no
	// store; both empty: none.
	RootKey, RootSecret string
	// Permissive leaves roles unenforced: what stays is that an account reaches
	// nothing of another one.
	Permissive bool
}

// A Service keeps keys, roles and policies, and answers what may be done. It
// is safe for concurrent use.
type Service struct {
	Config
	keys  cache[string, *keyEntry]
	roles cache[roleKey, *compiledRole]
}

type roleKey struct{ account, name string }

// New returns a service.
func New(c Config) *Service { return &Service{Config: c} }

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

func noEntity(format string, args ...any) error {
	return &belfry.Error{Kind: belfry.NotFound, Code: "NoSuchEntity", Message: fmt.Sprintf(format, args...)}
}

func limitExceeded(format string, args ...any) error {
	return &belfry.Error{Kind: belfry.Quota, Code: "LimitExceeded", Message: fmt.Sprintf(format, args...)}
}

func validation(field, format string, args ...any) error {
	return &belfry.Error{Kind: belfry.Invalid, Code: "ValidationError", Field: field, Message: fmt.Sprintf(format, args...)}
}

// A Caller is who asks a question that is his account's alone: its root, or a
// session of it.
type Caller struct {
	Account string
	Session *Session // nil: the root of the account
}

func (c *Caller) principal() Principal {
	p := Principal{Account: c.Account}
	if c.Session != nil {
		p.RoleARN, p.SessionARN = c.Session.RoleARN(), c.Session.ARN()
	}
	return p
}

// ARN returns the caller's Amazon Resource Name.
func (c *Caller) ARN() string {
	if c.Session != nil {
		return c.Session.ARN()
	}
	return "arn:aws:iam::" + c.Account + ":root"
}

// compiledRole is a role with its policies read.
type compiledRole struct {
	role        *Role
	trust       *Document
	permissions []*Document
	unreadable  string // why a policy cannot be read; nothing is allowed then
}

// compiled returns a role that is ready to be asked.
func (s *Service) compiled(ctx context.Context, account, name string) (*compiledRole, error) {
	key := roleKey{account, name}
	return s.roles.get(key, s.Now(), func() (*compiledRole, error) {
		r, err := s.Role(ctx, account, name)
		if err != nil {
			return nil, err
		}
		c := &compiledRole{role: r}
		read := func(text string, use Use) *Document {
			d, err := ParsePolicy(text, use)
			if err != nil {
				c.unreadable = "because a policy of the role cannot be read: " + err.Error()
				return &Document{}
			}
			return d
		}
		c.trust = read(r.Trust, Trust)
		for _, text := range r.Inline {
			c.permissions = append(c.permissions, read(text, Identity))
		}
		for _, arn := range r.Attached {
			p, err := s.Policy(ctx, account, arn)
			if err != nil {
				return nil, err
			}
			c.permissions = append(c.permissions, read(p.Document, Identity))
		}
		return c, nil
	})
}

// forgetRole drops what is remembered of the role.
func (s *Service) forgetRole(account, name string) {
	s.roles.forget(func(k roleKey) bool { return k == roleKey{account, name} })
}
