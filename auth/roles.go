package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

// Limits of a role.
const (
	maxAttached   = 20
	maxInlineSize = 10_240 // characters of all inline policies, blanks left out
	maxTrustSize  = 4_096  // characters, blanks left out
	maxPolicySize = 6_144  // of a policy that roles attach; characters, blanks left out
	maxTags       = 50
)

func noRole(name string) error { return noEntity("The role with name %s cannot be found.", name) }

// Role returns the role; one that is not there is NotFound.
func (s *Service) Role(ctx context.Context, account, name string) (*Role, error) {
	r, err := s.Store.Role(ctx, account, name)
	if belfry.KindOf(err) == belfry.NotFound {
		if name == DefaultRole {
			return defaultRole(account, s.Created), nil
		}
		return nil, noRole(name)
	}
	return r, err
}

// Roles returns up to limit roles of the account after the given name, by name.
func (s *Service) Roles(ctx context.Context, account, after string, limit int) ([]*Role, error) {
	page, err := s.Store.Roles(ctx, account, after, limit)
	if err != nil || after >= DefaultRole {
		return page, err
	}
	at, stored := slices.BinarySearchFunc(page, DefaultRole, func(r *Role, name string) int { return strings.Compare(r.Name, name) })
	if !stored {
		page = slices.Insert(page, at, defaultRole(account, s.Created))
	}
	return page[:min(len(page), limit)], nil
}

// size counts a document as the limits do.
func size(text string) int {
	n := 0
	for _, c := range text {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			n++
		}
	}
	return n
}

// CreateRole stores a new role; its Account, Name, Path, Trust and what else a
// client sets are given.
func (s *Service) CreateRole(ctx context.Context, r Role) (*Role, error) {
	exists := &belfry.Error{Kind: belfry.Conflict, Code: "EntityAlreadyExists", Message: "Role with name " + r.Name + " already exists."}
	if r.Name == DefaultRole {
		return nil, exists
	}
	if err := checkRole(&r); err != nil {
		return nil, err
	}
	r.ID, r.Revision, r.Created = newID(rolePrefix, 17), 1, s.now().Truncate(time.Second)
	err := s.Store.PutRole(ctx, &r, 0, MaxRoles)
	switch belfry.KindOf(err) {
	case belfry.Conflict:
		return nil, exists
	case belfry.Quota:
		return nil, limitExceeded("Cannot exceed quota for RolesPerAccount: %d", MaxRoles)
	}
	s.forgetRole(r.Account, r.Name)
	return &r, err
}

// checkRole holds a role to what IAM asks of it.
func checkRole(r *Role) error {
	if _, err := ParsePolicy(r.Trust, Trust); err != nil {
		return err
	}
	if size(r.Trust) > maxTrustSize {
		return limitExceeded("Cannot exceed quota for ACLSizePerRole: %d", maxTrustSize)
	}
	if len(r.Attached) > maxAttached {
		return limitExceeded("Cannot exceed quota for PoliciesPerRole: %d", maxAttached)
	}
	inline := 0
	for _, text := range r.Inline {
		inline += size(text)
	}
	if inline > maxInlineSize {
		return limitExceeded("Maximum policy size of %d bytes exceeded for role %s", maxInlineSize, r.Name)
	}
	return checkTags(r.Tags)
}

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return limitExceeded("The number of tags has reached the maximum limit of %d.", maxTags)
	}
	return nil
}

// ChangeRole changes a role with edit, which may be called more than once;
// nothing is changed when edit fails or leaves something that may not be.
func (s *Service) ChangeRole(ctx context.Context, account, name string, edit func(*Role) error) error {
	for {
		old, err := s.Role(ctx, account, name)
		if err != nil {
			return err
		}
		r := old.clone()
		if err := edit(r); err != nil {
			return err
		}
		if err := checkRole(r); err != nil {
			return err
		}
		r.Revision = old.Revision + 1
		// The default role is stored when it is first changed, above the limit too.
		err = s.Store.PutRole(ctx, r, old.Revision, MaxRoles+1)
		switch belfry.KindOf(err) {
		case belfry.Conflict:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			continue // somebody else was faster
		case belfry.NotFound:
			if field(err) == "PolicyArn" {
				return err
			}
			return noRole(name)
		}
		s.forgetRole(account, name)
		return err
	}
}

// DeleteRole removes a role that has no policies any more.
func (s *Service) DeleteRole(ctx context.Context, account, name string) error {
	if name == DefaultRole {
		return &belfry.Error{
			Kind: belfry.Invalid, Code: "UnmodifiableEntity",
			Message: "Every account has the role " + DefaultRole + "; its policies can be changed, but it cannot be deleted.",
		}
	}
	for {
		r, err := s.Role(ctx, account, name)
		if err != nil {
			return err
		}
		switch {
		case len(r.Attached) > 0:
			return inUse("Cannot delete entity, must detach all policies first.")
		case len(r.Inline) > 0:
			return inUse("Cannot delete entity, must delete policies first.")
		}
		err = s.Store.DeleteRole(ctx, account, name, r.Revision)
		s.forgetRole(account, name)
		switch belfry.KindOf(err) {
		case belfry.Conflict:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			continue
		case belfry.NotFound:
			return noRole(name)
		}
		return err
	}
}

func inUse(message string) error {
	return &belfry.Error{Kind: belfry.Conflict, Code: "DeleteConflict", Message: message}
}
