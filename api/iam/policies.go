package iam

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/iamapi"
	"github.com/belfry-run/belfry/auth"
)

// onlyVersion is the version that every policy has.
const onlyVersion = "v1"

// PutRolePolicy sets an inline policy of a role.
func (a *API) PutRolePolicy(ctx context.Context, in *iamapi.PutRolePolicyInput) (*iamapi.PutRolePolicyOutput, error) {
	return nil, a.auth.PutInline(ctx, accountOf(ctx), *in.RoleName, *in.PolicyName, *in.PolicyDocument)
}

// GetRolePolicy answers with an inline policy of a role.
func (a *API) GetRolePolicy(ctx context.Context, in *iamapi.GetRolePolicyInput) (*iamapi.GetRolePolicyOutput, error) {
	r, err := a.auth.Role(ctx, accountOf(ctx), *in.RoleName)
	if err != nil {
		return nil, err
	}
	document, ok := r.Inline[*in.PolicyName]
	if !ok {
		return nil, noEntity("The role policy with name " + *in.PolicyName + " cannot be found.")
	}
	return &iamapi.GetRolePolicyOutput{RoleName: in.RoleName, PolicyName: in.PolicyName, PolicyDocument: encode(document)}, nil
}

func noEntity(message string) error {
	return &belfry.Error{Kind: belfry.NotFound, Code: "NoSuchEntity", Message: message}
}

// DeleteRolePolicy removes an inline policy of a role.
func (a *API) DeleteRolePolicy(ctx context.Context, in *iamapi.DeleteRolePolicyInput) (*iamapi.DeleteRolePolicyOutput, error) {
	return nil, a.auth.DeleteInline(ctx, accountOf(ctx), *in.RoleName, *in.PolicyName)
}

// ListRolePolicies answers with the names of a role's inline policies.
func (a *API) ListRolePolicies(ctx context.Context, in *iamapi.ListRolePoliciesInput) (*iamapi.ListRolePoliciesOutput, error) {
	r, err := a.auth.Role(ctx, accountOf(ctx), *in.RoleName)
	if err != nil {
		return nil, err
	}
	names, next, err := page(slices.Sorted(maps.Keys(r.Inline)), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListRolePoliciesOutput{PolicyNames: append([]string{}, names...), IsTruncated: new(next != nil), Marker: next}, nil
}

// AttachRolePolicy attaches a policy to a role.
func (a *API) AttachRolePolicy(ctx context.Context, in *iamapi.AttachRolePolicyInput) (*iamapi.AttachRolePolicyOutput, error) {
	return nil, a.auth.Attach(ctx, accountOf(ctx), *in.RoleName, *in.PolicyArn)
}

// DetachRolePolicy takes a policy from a role.
func (a *API) DetachRolePolicy(ctx context.Context, in *iamapi.DetachRolePolicyInput) (*iamapi.DetachRolePolicyOutput, error) {
	return nil, a.auth.Detach(ctx, accountOf(ctx), *in.RoleName, *in.PolicyArn)
}

// ListAttachedRolePolicies answers with the policies that a role has attached.
func (a *API) ListAttachedRolePolicies(ctx context.Context, in *iamapi.ListAttachedRolePoliciesInput) (*iamapi.ListAttachedRolePoliciesOutput, error) {
	r, err := a.auth.Role(ctx, accountOf(ctx), *in.RoleName)
	if err != nil {
		return nil, err
	}
	arns := slices.DeleteFunc(slices.Sorted(slices.Values(r.Attached)), func(arn string) bool {
		return !underPath(arn, in.PathPrefix)
	})
	arns, next, err := page(arns, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iamapi.ListAttachedRolePoliciesOutput{AttachedPolicies: []iamapi.AttachedPolicy{}, IsTruncated: new(next != nil), Marker: next}
	for _, arn := range arns {
		_, name, _ := auth.ParsePolicyARN(arn)
		out.AttachedPolicies = append(out.AttachedPolicies, iamapi.AttachedPolicy{PolicyArn: &arn, PolicyName: &name})
	}
	return out, nil
}

// underPath says whether the policy's path begins with the prefix.
func underPath(arn string, prefix *string) bool {
	a, _ := belfry.ParseARN(arn)
	return strings.HasPrefix(strings.TrimPrefix(a.Resource, "policy"), awswire.Value(prefix))
}

func (a *API) policy(ctx context.Context, p *auth.Policy) (*iamapi.Policy, error) {
	attached, err := a.auth.Attachments(ctx, accountOf(ctx), p.ARN())
	if err != nil {
		return nil, err
	}
	out := &iamapi.Policy{
		PolicyName: &p.Name, PolicyId: &p.ID, Arn: new(p.ARN()), Path: &p.Path, DefaultVersionId: new(onlyVersion),
		AttachmentCount: &attached, PermissionsBoundaryUsageCount: new(0), IsAttachable: new(true), CreateDate: &p.Created, UpdateDate: &p.Created,
	}
	if len(p.Tags) > 0 {
		out.Tags = tagsOut(p.Tags)
	}
	return out, nil
}

// CreatePolicy makes a policy that roles can attach.
func (a *API) CreatePolicy(ctx context.Context, in *iamapi.CreatePolicyInput) (*iamapi.CreatePolicyOutput, error) {
	tags, err := tagsIn(in.Tags)
	if err != nil {
		return nil, err
	}
	p, err := a.auth.CreatePolicy(ctx, auth.Policy{
		Account: accountOf(ctx), Name: *in.PolicyName, Path: awswire.Or(in.Path, "/"), Description: awswire.Value(in.Description),
		Document: *in.PolicyDocument, Tags: tags,
	})
	if err != nil {
		return nil, err
	}
	out, err := a.policy(ctx, p)
	return &iamapi.CreatePolicyOutput{Policy: out}, err
}

// GetPolicy answers with a policy, without its document.
func (a *API) GetPolicy(ctx context.Context, in *iamapi.GetPolicyInput) (*iamapi.GetPolicyOutput, error) {
	p, err := a.auth.Policy(ctx, accountOf(ctx), *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	out, err := a.policy(ctx, p)
	if err != nil {
		return nil, err
	}
	if p.Description != "" {
		out.Description = &p.Description
	}
	return &iamapi.GetPolicyOutput{Policy: out}, nil
}

// GetPolicyVersion answers with a policy's document.
func (a *API) GetPolicyVersion(ctx context.Context, in *iamapi.GetPolicyVersionInput) (*iamapi.GetPolicyVersionOutput, error) {
	p, err := a.auth.Policy(ctx, accountOf(ctx), *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	if *in.VersionId != onlyVersion {
		return nil, noEntity("Policy " + *in.PolicyArn + " version " + *in.VersionId + " does not exist or is not attachable.")
	}
	v := version(p)
	v.Document = encode(p.Document)
	return &iamapi.GetPolicyVersionOutput{PolicyVersion: v}, nil
}

func version(p *auth.Policy) *iamapi.PolicyVersion {
	return &iamapi.PolicyVersion{VersionId: new(onlyVersion), IsDefaultVersion: new(true), CreateDate: &p.Created}
}

// ListPolicyVersions answers with the one version that a policy has.
func (a *API) ListPolicyVersions(ctx context.Context, in *iamapi.ListPolicyVersionsInput) (*iamapi.ListPolicyVersionsOutput, error) {
	p, err := a.auth.Policy(ctx, accountOf(ctx), *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListPolicyVersionsOutput{Versions: []iamapi.PolicyVersion{*version(p)}, IsTruncated: new(false)}, nil
}

// DeletePolicy removes a policy that no role has attached.
func (a *API) DeletePolicy(ctx context.Context, in *iamapi.DeletePolicyInput) (*iamapi.DeletePolicyOutput, error) {
	return nil, a.auth.DeletePolicy(ctx, accountOf(ctx), *in.PolicyArn)
}
