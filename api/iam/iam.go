// Package iam serves AWS IAM's and STS's APIs on package auth: roles, their
// policies, and temporary credentials. It only translates.
//
// What it keeps true: a member of a request that would restrict what is
// granted, and that this server cannot honour, is refused by name, never
// ignored; documents leave as they came, URL-encoded as clients expect.
package iam

import (
	"context"
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/iamapi"
	"github.com/belfry-run/belfry/auth"
)

// API implements the operations of IAM.
type API struct{ auth *auth.Service }

var _ iamapi.Service = (*API)(nil)

// New returns the IAM API of a service.
func New(s *auth.Service) *API { return &API{auth: s} }

func accountOf(ctx context.Context) string { return awswire.CallerFrom(ctx).Account }

// encode writes a document as IAM's answers have it (RFC 3986).
func encode(document string) *string {
	return new(strings.ReplaceAll(url.QueryEscape(document), "+", "%20"))
}

// unavailable is the refusal of a member that this server cannot honour.
func unavailable(member string) error {
	return &belfry.Error{
		Kind: belfry.Invalid, Code: "ValidationError", Field: member,
		Message: member + " is not available on this server.",
	}
}

// defaultPage is the size of a page when the client names none.
const defaultPage = 100

// page cuts a sorted list to what follows the marker, and returns the marker
// of the next page; nil when there is none.
func page(names []string, marker *string, maxItems *int) (cut []string, next *string, err error) {
	after, err := afterMarker(marker)
	if err != nil {
		return nil, nil, err
	}
	i, found := slices.BinarySearch(names, after)
	if found {
		i++
	}
	names = names[i:]
	if n := awswire.Or(maxItems, defaultPage); len(names) > n {
		return names[:n], markerOf(names[n-1]), nil
	}
	return names, nil, nil
}

func markerOf(name string) *string {
	return new(base64.RawURLEncoding.EncodeToString([]byte(name)))
}

func afterMarker(marker *string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(awswire.Value(marker))
	if err != nil {
		return "", &belfry.Error{Kind: belfry.Invalid, Code: "ValidationError", Field: "Marker", Message: "Invalid Marker."}
	}
	return string(b), nil
}

func tagsIn(in []iamapi.Tag) (map[string]string, error) {
	tags := make(map[string]string, len(in))
	seen := map[string]bool{}
	for _, t := range in {
		folded := strings.ToLower(*t.Key)
		if seen[folded] {
			return nil, &belfry.Error{
				Kind: belfry.Invalid, Code: "InvalidInput", Field: "Tags",
				Message: "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
			}
		}
		seen[folded] = true
		tags[*t.Key] = *t.Value
	}
	return tags, nil
}

func tagsOut(tags map[string]string) []iamapi.Tag {
	out := []iamapi.Tag{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, iamapi.Tag{Key: &k, Value: new(tags[k])})
	}
	return out
}

// role writes a role as every answer has it.
func role(r *auth.Role) *iamapi.Role {
	out := &iamapi.Role{
		Path: &r.Path, RoleName: &r.Name, RoleId: &r.ID, Arn: new(r.ARN()), CreateDate: &r.Created,
		AssumeRolePolicyDocument: encode(r.Trust),
	}
	if r.Description != "" {
		out.Description = &r.Description
	}
	return out
}

// wholeRole writes a role as GetRole has it.
func wholeRole(r *auth.Role) *iamapi.Role {
	out := role(r)
	out.MaxSessionDuration, out.RoleLastUsed = &r.MaxSession, &iamapi.RoleLastUsed{}
	if len(r.Tags) > 0 {
		out.Tags = tagsOut(r.Tags)
	}
	return out
}

// CreateRole makes a role.
func (a *API) CreateRole(ctx context.Context, in *iamapi.CreateRoleInput) (*iamapi.CreateRoleOutput, error) {
	if in.PermissionsBoundary != nil {
		return nil, unavailable("PermissionsBoundary")
	}
	tags, err := tagsIn(in.Tags)
	if err != nil {
		return nil, err
	}
	r, err := a.auth.CreateRole(ctx, auth.Role{
		Account: accountOf(ctx), Name: *in.RoleName, Path: awswire.Or(in.Path, "/"), Description: awswire.Value(in.Description),
		MaxSession: awswire.Or(in.MaxSessionDuration, int(auth.DefaultSession/time.Second)), Trust: *in.AssumeRolePolicyDocument, Tags: tags,
	})
	if err != nil {
		return nil, err
	}
	out := role(r)
	if len(r.Tags) > 0 {
		out.Tags = tagsOut(r.Tags)
	}
	return &iamapi.CreateRoleOutput{Role: out}, nil
}

// GetRole answers with a role.
func (a *API) GetRole(ctx context.Context, in *iamapi.GetRoleInput) (*iamapi.GetRoleOutput, error) {
	r, err := a.auth.Role(ctx, accountOf(ctx), *in.RoleName)
	if err != nil {
		return nil, err
	}
	return &iamapi.GetRoleOutput{Role: wholeRole(r)}, nil
}

// ListRoles answers with a page of roles, by name.
func (a *API) ListRoles(ctx context.Context, in *iamapi.ListRolesInput) (*iamapi.ListRolesOutput, error) {
	after, err := afterMarker(in.Marker)
	if err != nil {
		return nil, err
	}
	limit := awswire.Or(in.MaxItems, defaultPage)
	out := &iamapi.ListRolesOutput{Roles: []iamapi.Role{}, IsTruncated: new(false)}
	for {
		batch, err := a.auth.Roles(ctx, accountOf(ctx), after, defaultPage)
		if err != nil {
			return nil, err
		}
		for _, r := range batch {
			if !strings.HasPrefix(r.Path, awswire.Value(in.PathPrefix)) {
				continue
			}
			if len(out.Roles) == limit {
				out.IsTruncated, out.Marker = new(true), markerOf(*out.Roles[limit-1].RoleName)
				return out, nil
			}
			listed := role(r)
			listed.MaxSessionDuration = &r.MaxSession
			out.Roles = append(out.Roles, *listed)
		}
		if len(batch) < defaultPage {
			return out, nil
		}
		after = batch[len(batch)-1].Name
	}
}

// DeleteRole removes a role.
func (a *API) DeleteRole(ctx context.Context, in *iamapi.DeleteRoleInput) (*iamapi.DeleteRoleOutput, error) {
	return nil, a.auth.DeleteRole(ctx, accountOf(ctx), *in.RoleName)
}

// UpdateRole changes what the request has.
func (a *API) UpdateRole(ctx context.Context, in *iamapi.UpdateRoleInput) (*iamapi.UpdateRoleOutput, error) {
	return nil, a.auth.ChangeRole(ctx, accountOf(ctx), *in.RoleName, func(r *auth.Role) error {
		r.Description = awswire.Or(in.Description, r.Description)
		r.MaxSession = awswire.Or(in.MaxSessionDuration, r.MaxSession)
		return nil
	})
}

// UpdateRoleDescription changes a role's description.
func (a *API) UpdateRoleDescription(ctx context.Context, in *iamapi.UpdateRoleDescriptionInput) (*iamapi.UpdateRoleDescriptionOutput, error) {
	var changed *auth.Role
	err := a.auth.ChangeRole(ctx, accountOf(ctx), *in.RoleName, func(r *auth.Role) error {
		r.Description = *in.Description
		changed = r
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iamapi.UpdateRoleDescriptionOutput{Role: role(changed)}, nil
}

// UpdateAssumeRolePolicy replaces a role's trust policy.
func (a *API) UpdateAssumeRolePolicy(ctx context.Context, in *iamapi.UpdateAssumeRolePolicyInput) (*iamapi.UpdateAssumeRolePolicyOutput, error) {
	return nil, a.auth.ChangeRole(ctx, accountOf(ctx), *in.RoleName, func(r *auth.Role) error {
		r.Trust = *in.PolicyDocument
		return nil
	})
}

// TagRole adds tags to a role.
func (a *API) TagRole(ctx context.Context, in *iamapi.TagRoleInput) (*iamapi.TagRoleOutput, error) {
	tags, err := tagsIn(in.Tags)
	if err != nil {
		return nil, err
	}
	return nil, a.auth.ChangeRole(ctx, accountOf(ctx), *in.RoleName, func(r *auth.Role) error {
		maps.Copy(r.Tags, tags)
		return nil
	})
}

// UntagRole takes tags from a role.
func (a *API) UntagRole(ctx context.Context, in *iamapi.UntagRoleInput) (*iamapi.UntagRoleOutput, error) {
	return nil, a.auth.ChangeRole(ctx, accountOf(ctx), *in.RoleName, func(r *auth.Role) error {
		for _, k := range in.TagKeys {
			delete(r.Tags, k)
		}
		return nil
	})
}

// ListRoleTags answers with a role's tags, by key.
func (a *API) ListRoleTags(ctx context.Context, in *iamapi.ListRoleTagsInput) (*iamapi.ListRoleTagsOutput, error) {
	r, err := a.auth.Role(ctx, accountOf(ctx), *in.RoleName)
	if err != nil {
		return nil, err
	}
	keys, next, err := page(slices.Sorted(maps.Keys(r.Tags)), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iamapi.ListRoleTagsOutput{Tags: []iamapi.Tag{}, IsTruncated: new(next != nil), Marker: next}
	for _, k := range keys {
		out.Tags = append(out.Tags, iamapi.Tag{Key: &k, Value: new(r.Tags[k])})
	}
	return out, nil
}

// ListInstanceProfilesForRole answers with none: there are no machines here
// that take roles on.
func (a *API) ListInstanceProfilesForRole(ctx context.Context, in *iamapi.ListInstanceProfilesForRoleInput) (*iamapi.ListInstanceProfilesForRoleOutput, error) {
	if _, err := a.auth.Role(ctx, accountOf(ctx), *in.RoleName); err != nil {
		return nil, err
	}
	return &iamapi.ListInstanceProfilesForRoleOutput{InstanceProfiles: []iamapi.InstanceProfile{}, IsTruncated: new(false)}, nil
}
