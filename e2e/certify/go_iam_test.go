package certify

import (
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

const (
	trustDocument = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"sts:AssumeRole"}]}`
	allowDocument = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}]}`
)

// makeRoles makes the roles that the clients give their schedules and functions.
func makeRoles(t *testing.T, endpoint string) {
	c := iam.NewFromConfig(awsConfig(endpoint, "us-east-1"))
	for _, service := range []string{"scheduler", "function"} {
		principal := strings.Replace(service, "function", "lambda", 1) + ".amazonaws.com"
		trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + principal + `"},"Action":"sts:AssumeRole"}]}`
		must[iam.CreateRoleOutput](t)(c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &service, AssumeRolePolicyDocument: &trust}))
	}
}

// goIAM names its role and policy after the client: they belong to the account,
// whatever the region.
func goIAM(t *testing.T, config aws.Config) {
	c, ctx := iam.NewFromConfig(config), t.Context()
	role, policy := aws.String("go-role"), aws.String("arn:aws:iam::"+account+":policy/go-policy")
	made := must[iam.CreateRoleOutput](t)(c.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: role, AssumeRolePolicyDocument: aws.String(trustDocument), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	})).Role
	same(t, "ARN", *made.Arn, "arn:aws:iam::"+account+":role/go-role")
	goRoles(t, c, role)
	goPolicies(t, c, role, policy)
	goSTS(t, sts.NewFromConfig(config), made.Arn)

	must[iam.DetachRolePolicyOutput](t)(c.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: role, PolicyArn: policy}))
	must[iam.DeleteRolePolicyOutput](t)(c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: role, PolicyName: aws.String("inline")}))
	must[iam.DeletePolicyOutput](t)(c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: policy}))
	must[iam.DeleteRoleOutput](t)(c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: role}))
	gone, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: role})
	is[*types.NoSuchEntityException](t, gone, err)
}

// unescaped is a document as IAM sends it, which is URL-encoded.
func unescaped(t *testing.T, document *string) string {
	t.Helper()
	text, err := url.QueryUnescape(aws.ToString(document))
	if err != nil || !strings.HasPrefix(aws.ToString(document), "%7B") {
		t.Errorf("the document %s is not URL-encoded: %v", aws.ToString(document), err)
	}
	return text
}

func goRoles(t *testing.T, c *iam.Client, role *string) {
	ctx := t.Context()
	must[iam.UpdateRoleOutput](t)(c.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: role, MaxSessionDuration: aws.Int32(7200)}))
	must[iam.UpdateRoleDescriptionOutput](t)(c.UpdateRoleDescription(ctx, &iam.UpdateRoleDescriptionInput{RoleName: role, Description: aws.String("f")}))
	must[iam.UpdateAssumeRolePolicyOutput](t)(c.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: role, PolicyDocument: aws.String(trustDocument)}))
	got := must[iam.GetRoleOutput](t)(c.GetRole(ctx, &iam.GetRoleInput{RoleName: role})).Role
	same(t, "description", *got.Description, "f")
	same(t, "duration", *got.MaxSessionDuration, 7200)
	same(t, "trust", unescaped(t, got.AssumeRolePolicyDocument), trustDocument)
	found := false
	for list := iam.NewListRolesPaginator(c, &iam.ListRolesInput{MaxItems: aws.Int32(1)}); list.HasMorePages(); {
		for _, r := range must[iam.ListRolesOutput](t)(list.NextPage(ctx)).Roles {
			found = found || *r.RoleName == *role
		}
	}
	same(t, "listed", found, true)
	must[iam.TagRoleOutput](t)(c.TagRole(ctx, &iam.TagRoleInput{RoleName: role, Tags: []types.Tag{{Key: aws.String("x"), Value: aws.String("y")}}}))
	must[iam.UntagRoleOutput](t)(c.UntagRole(ctx, &iam.UntagRoleInput{RoleName: role, TagKeys: []string{"team"}}))
	tags := must[iam.ListRoleTagsOutput](t)(c.ListRoleTags(ctx, &iam.ListRoleTagsInput{RoleName: role})).Tags
	if len(tags) != 1 || *tags[0].Key != "x" {
		t.Errorf("tags %v", tags)
	}
	again, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: role, AssumeRolePolicyDocument: aws.String(trustDocument)})
	is[*types.EntityAlreadyExistsException](t, again, err)
	again, err = c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("go-bad"), AssumeRolePolicyDocument: aws.String("{")})
	is[*types.MalformedPolicyDocumentException](t, again, err)
}

func goPolicies(t *testing.T, c *iam.Client, role, policy *string) {
	ctx, inline := t.Context(), aws.String("inline")
	must[iam.PutRolePolicyOutput](t)(c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: role, PolicyName: inline, PolicyDocument: aws.String(allowDocument)}))
	same(t, "inline policy", unescaped(t, must[iam.GetRolePolicyOutput](t)(c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: role, PolicyName: inline})).PolicyDocument), allowDocument)
	names := must[iam.ListRolePoliciesOutput](t)(iam.NewListRolePoliciesPaginator(c, &iam.ListRolePoliciesInput{RoleName: role}).NextPage(ctx)).PolicyNames
	same(t, "inline policies", strings.Join(names, " "), "inline")
	made := must[iam.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("go-policy"), PolicyDocument: aws.String(allowDocument)})).Policy
	same(t, "ARN", *made.Arn, *policy)
	version := must[iam.GetPolicyOutput](t)(c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: policy})).Policy.DefaultVersionId
	document := must[iam.GetPolicyVersionOutput](t)(c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: policy, VersionId: version})).PolicyVersion.Document
	same(t, "policy", unescaped(t, document), allowDocument)
	versions := must[iam.ListPolicyVersionsOutput](t)(iam.NewListPolicyVersionsPaginator(c, &iam.ListPolicyVersionsInput{PolicyArn: policy}).NextPage(ctx)).Versions
	same(t, "versions", len(versions), 1)
	must[iam.AttachRolePolicyOutput](t)(c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: role, PolicyArn: policy}))
	attached := must[iam.ListAttachedRolePoliciesOutput](t)(iam.NewListAttachedRolePoliciesPaginator(c, &iam.ListAttachedRolePoliciesInput{RoleName: role}).NextPage(ctx)).AttachedPolicies
	if len(attached) != 1 || *attached[0].PolicyName != "go-policy" {
		t.Errorf("attached %v", attached)
	}
	profiles := must[iam.ListInstanceProfilesForRoleOutput](t)(c.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: role})).InstanceProfiles
	same(t, "profiles", len(profiles), 0)
	deleted, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: role})
	is[*types.DeleteConflictException](t, deleted, err)
}

func goSTS(t *testing.T, c *sts.Client, role *string) {
	ctx := t.Context()
	same(t, "account", *must[sts.GetCallerIdentityOutput](t)(c.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})).Account, account)
	session := must[sts.AssumeRoleOutput](t)(c.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role, RoleSessionName: aws.String("go")}))
	same(t, "session", *session.AssumedRoleUser.Arn, "arn:aws:sts::"+account+":assumed-role/go-role/go")
	if !strings.HasPrefix(*session.Credentials.AccessKeyId, "ASIA") || session.Credentials.Expiration == nil {
		t.Errorf("credentials %+v", session.Credentials)
	}
	absent, err := c.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String(*role + "-absent"), RoleSessionName: aws.String("go")})
	same(t, "code", is[smithy.APIError](t, absent, err).ErrorCode(), "AccessDenied")
}
