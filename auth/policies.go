package auth

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/belfry-run/belfry"
)

func field(err error) string {
	if e, ok := errors.AsType[*belfry.Error](err); ok {
		return e.Field
	}
	return ""
}

// Policy returns the policy as an account sees it: its own, or one of AWS's
// that every server has.
func (s *Service) Policy(ctx context.Context, account, arn string) (*Policy, error) {
	if p, ok := managedPolicy(arn, s.Created); ok {
		return p, nil
	}
	owner, name, ok := ParsePolicyARN(arn)
	missing := noEntity("Policy %s was not found.", clip(arn))
	if !ok || owner != account {
		return nil, missing
	}
	p, err := s.Store.Policy(ctx, account, name)
	if belfry.KindOf(err) == belfry.NotFound || err == nil && p.ARN() != arn {
		return nil, missing
	}
	return p, err
}

// Attachments counts the roles of the account that have the policy attached.
func (s *Service) Attachments(ctx context.Context, account, arn string) (int, error) {
	return s.Store.Attachments(ctx, account, arn)
}

// CreatePolicy stores a policy that roles can attach.
func (s *Service) CreatePolicy(ctx context.Context, p Policy) (*Policy, error) {
	if _, err := ParsePolicy(p.Document, Identity); err != nil {
		return nil, err
	}
	if size(p.Document) > maxPolicySize {
		return nil, limitExceeded("Cannot exceed quota for PolicySize: %d", maxPolicySize)
	}
	if err := checkTags(p.Tags); err != nil {
		return nil, err
	}
	p.ID, p.Created = newID(policyPrefix, 17), s.now().Truncate(time.Second)
	err := s.Store.CreatePolicy(ctx, &p, MaxPolicies)
	switch belfry.KindOf(err) {
	case belfry.Conflict:
		return nil, &belfry.Error{Kind: belfry.Conflict, Code: "EntityAlreadyExists", Message: "A policy called " + p.Name + " already exists. Duplicate names are not allowed."}
	case belfry.Quota:
		return nil, limitExceeded("Cannot exceed quota for PoliciesPerAccount: %d", MaxPolicies)
	}
	return &p, err
}

// DeletePolicy removes a policy that no role has attached.
func (s *Service) DeletePolicy(ctx context.Context, account, arn string) error {
	p, err := s.Policy(ctx, account, arn)
	if err != nil {
		return err
	}
	if p.Account != account {
		return &belfry.Error{Kind: belfry.Denied, Code: "AccessDeniedException", Message: "Policy " + arn + " is not yours to delete."}
	}
	err = s.Store.DeletePolicy(ctx, account, p.Name)
	switch belfry.KindOf(err) {
	case belfry.Conflict:
		return inUse("Cannot delete a policy attached to entities.")
	case belfry.NotFound:
		return noEntity("Policy %s was not found.", arn)
	}
	return err
}

// PutInline sets an inline policy of a role.
func (s *Service) PutInline(ctx context.Context, account, role, name, document string) error {
	if _, err := ParsePolicy(document, Identity); err != nil {
		return err
	}
	return s.ChangeRole(ctx, account, role, func(r *Role) error {
		r.Inline[name] = document
		return nil
	})
}

// DeleteInline removes an inline policy of a role.
func (s *Service) DeleteInline(ctx context.Context, account, role, name string) error {
	return s.ChangeRole(ctx, account, role, func(r *Role) error {
		if _, ok := r.Inline[name]; !ok {
			return noEntity("The role policy with name %s cannot be found.", name)
		}
		delete(r.Inline, name)
		return nil
	})
}

// Attach attaches a policy to a role; one that is attached already stays.
func (s *Service) Attach(ctx context.Context, account, role, arn string) error {
	if _, _, ok := ParsePolicyARN(arn); !ok {
		return validation("PolicyArn", "Invalid ARN:  Could not be parsed!")
	}
	unattachable := noEntity("Policy %s does not exist or is not attachable.", arn)
	if _, err := s.Policy(ctx, account, arn); err != nil {
		if belfry.KindOf(err) == belfry.NotFound {
			return unattachable
		}
		return err
	}
	err := s.ChangeRole(ctx, account, role, func(r *Role) error {
		if !slices.Contains(r.Attached, arn) {
			r.Attached = append(r.Attached, arn)
		}
		return nil
	})
	if belfry.KindOf(err) == belfry.NotFound && field(err) == "PolicyArn" {
		return unattachable // it was deleted meanwhile
	}
	return err
}

// Detach takes a policy from a role.
func (s *Service) Detach(ctx context.Context, account, role, arn string) error {
	return s.ChangeRole(ctx, account, role, func(r *Role) error {
		i := slices.Index(r.Attached, arn)
		if i < 0 {
			return noEntity("Policy %s was not found.", arn)
		}
		r.Attached = slices.Delete(r.Attached, i, i+1)
		return nil
	})
}
