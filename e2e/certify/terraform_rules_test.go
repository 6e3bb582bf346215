package certify

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// terraformStart is what the provider asks before anything else.
func terraformStart(t *testing.T, config aws.Config) {
	id := must[sts.GetCallerIdentityOutput](t)(sts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}))
	same(t, "account", *id.Account, account)
	if !strings.HasPrefix(*id.Arn, "arn:aws:") {
		t.Errorf("the provider finds no partition in %s", *id.Arn)
	}
}

func terraformRule(config aws.Config) resource {
	c, name := eventbridge.NewFromConfig(config), aws.String("tf-rule")
	var arn *string
	put := func(t *testing.T, expression, description string) *string {
		return must[eventbridge.PutRuleOutput](t)(c.PutRule(t.Context(), &eventbridge.PutRuleInput{
			Name: name, ScheduleExpression: &expression, Description: &description, State: eventtypes.RuleStateEnabled,
			Tags: []eventtypes.Tag{{Key: aws.String("a"), Value: aws.String("1")}},
		})).RuleArn
	}
	return resource{
		name:   "aws_cloudwatch_event_rule",
		create: func(t *testing.T) { arn = put(t, "cron(0 8 * * ? *)", "first") },
		read: func(t *testing.T) map[string]any {
			r := must[eventbridge.DescribeRuleOutput](t)(c.DescribeRule(t.Context(), &eventbridge.DescribeRuleInput{Name: name, EventBusName: aws.String("default")}))
			there(t, map[string]bool{"Arn": r.Arn != nil, "Name": r.Name != nil, "State": r.State != ""})
			same(t, "ARN", *r.Arn, *arn)
			tags := must[eventbridge.ListTagsForResourceOutput](t)(c.ListTagsForResource(t.Context(), &eventbridge.ListTagsForResourceInput{ResourceARN: arn})).Tags
			return map[string]any{
				"arn": r.Arn, "name": r.Name, "state": r.State, "expression": r.ScheduleExpression, "pattern": r.EventPattern,
				"description": r.Description, "role": r.RoleArn, "tags": tags,
			}
		},
		update: func(t *testing.T) {
			put(t, "rate(5 minutes)", "second")
			must[eventbridge.UntagResourceOutput](t)(c.UntagResource(t.Context(), &eventbridge.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"a"}}))
			must[eventbridge.TagResourceOutput](t)(c.TagResource(t.Context(), &eventbridge.TagResourceInput{ResourceARN: arn, Tags: []eventtypes.Tag{{Key: aws.String("b"), Value: aws.String("2")}}}))
		},
		remove: func(t *testing.T) {
			must[eventbridge.DeleteRuleOutput](t)(c.DeleteRule(t.Context(), &eventbridge.DeleteRuleInput{Name: name, EventBusName: aws.String("default")}))
		},
		gone: func(t *testing.T) bool {
			out, err := c.DescribeRule(t.Context(), &eventbridge.DescribeRuleInput{Name: name})
			is[*eventtypes.ResourceNotFoundException](t, out, err)
			return true
		},
	}
}

func terraformTarget(config aws.Config) resource {
	c, rule, id := eventbridge.NewFromConfig(config), aws.String("tf-target"), "terraform-1"
	queue := aws.String("arn:aws:sqs:" + config.Region + ":" + account + ":jobs")
	put := func(t *testing.T, input string) {
		out := must[eventbridge.PutTargetsOutput](t)(c.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: rule, EventBusName: aws.String("default"), Targets: []eventtypes.Target{{
			Id: &id, Arn: queue, Input: &input, RetryPolicy: &eventtypes.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(60), MaximumRetryAttempts: aws.Int32(0)},
			DeadLetterConfig: &eventtypes.DeadLetterConfig{Arn: queue},
		}}}))
		same(t, "failed", len(out.FailedEntries), 0)
	}
	list := func(t *testing.T) (found *eventtypes.Target) {
		out := must[eventbridge.ListTargetsByRuleOutput](t)(c.ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: rule, EventBusName: aws.String("default"), Limit: aws.Int32(100)}))
		for i := range out.Targets {
			if *out.Targets[i].Id == id {
				found = &out.Targets[i]
			}
		}
		return found
	}
	return resource{
		name: "aws_cloudwatch_event_target",
		create: func(t *testing.T) {
			must[eventbridge.PutRuleOutput](t)(c.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: rule, ScheduleExpression: aws.String("rate(1 day)"), State: eventtypes.RuleStateDisabled}))
			put(t, `{ "a": 1 }`)
		},
		read: func(t *testing.T) map[string]any {
			found := list(t)
			if found == nil {
				t.Fatal("the target is not there")
			}
			same(t, "retries", *found.RetryPolicy.MaximumRetryAttempts, 0)
			return map[string]any{"target": found}
		},
		update: func(t *testing.T) { put(t, `{ "a": 2 }`) },
		remove: func(t *testing.T) {
			out := must[eventbridge.RemoveTargetsOutput](t)(c.RemoveTargets(t.Context(), &eventbridge.RemoveTargetsInput{Rule: rule, EventBusName: aws.String("default"), Ids: []string{id}}))
			same(t, "failed", out.FailedEntryCount, 0)
		},
		gone: func(t *testing.T) bool {
			if list(t) != nil {
				return false
			}
			must[eventbridge.DeleteRuleOutput](t)(c.DeleteRule(t.Context(), &eventbridge.DeleteRuleInput{Name: rule}))
			out, err := c.ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: rule})
			is[*eventtypes.ResourceNotFoundException](t, out, err)
			return true
		},
	}
}

// sameDocument wants a URL-encoded document that says the same as want.
func sameDocument(t *testing.T, got *string, want string) {
	t.Helper()
	text, err := url.QueryUnescape(aws.ToString(got))
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatalf("%v in the document %s", err, text)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	same(t, "document", state(t, map[string]any{"": a}), state(t, map[string]any{"": b}))
}

func terraformRole(config aws.Config) resource {
	c, name := iam.NewFromConfig(config), aws.String("tf-role")
	return resource{
		name: "aws_iam_role",
		create: func(t *testing.T) {
			must[iam.CreateRoleOutput](t)(c.CreateRole(t.Context(), &iam.CreateRoleInput{
				RoleName: name, Path: aws.String("/"), AssumeRolePolicyDocument: aws.String(trustDocument), MaxSessionDuration: aws.Int32(3600),
				Tags: []iamtypes.Tag{{Key: aws.String("a"), Value: aws.String("1")}},
			}))
		},
		read: func(t *testing.T) map[string]any {
			r := must[iam.GetRoleOutput](t)(c.GetRole(t.Context(), &iam.GetRoleInput{RoleName: name})).Role
			there(t, map[string]bool{"Arn": r.Arn != nil, "CreateDate": r.CreateDate != nil, "RoleId": r.RoleId != nil, "MaxSessionDuration": r.MaxSessionDuration != nil})
			same(t, "ARN", *r.Arn, "arn:aws:iam::"+account+":role/tf-role")
			same(t, "path", *r.Path, "/")
			sameDocument(t, r.AssumeRolePolicyDocument, trustDocument)
			inline := must[iam.ListRolePoliciesOutput](t)(c.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: name})).PolicyNames
			attached := must[iam.ListAttachedRolePoliciesOutput](t)(c.ListAttachedRolePolicies(t.Context(), &iam.ListAttachedRolePoliciesInput{RoleName: name})).AttachedPolicies
			return map[string]any{"role": r, "inline": inline, "attached": attached}
		},
		update: func(t *testing.T) {
			must[iam.UpdateAssumeRolePolicyOutput](t)(c.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: aws.String(trustDocument)}))
			must[iam.UpdateRoleDescriptionOutput](t)(c.UpdateRoleDescription(t.Context(), &iam.UpdateRoleDescriptionInput{RoleName: name, Description: aws.String("d")}))
			must[iam.UpdateRoleOutput](t)(c.UpdateRole(t.Context(), &iam.UpdateRoleInput{RoleName: name, MaxSessionDuration: aws.Int32(7200), Description: aws.String("d")}))
			must[iam.TagRoleOutput](t)(c.TagRole(t.Context(), &iam.TagRoleInput{RoleName: name, Tags: []iamtypes.Tag{{Key: aws.String("b"), Value: aws.String("2")}}}))
			must[iam.UntagRoleOutput](t)(c.UntagRole(t.Context(), &iam.UntagRoleInput{RoleName: name, TagKeys: []string{"a"}}))
		},
		remove: func(t *testing.T) {
			profiles := must[iam.ListInstanceProfilesForRoleOutput](t)(c.ListInstanceProfilesForRole(t.Context(), &iam.ListInstanceProfilesForRoleInput{RoleName: name})).InstanceProfiles
			same(t, "profiles", len(profiles), 0)
			must[iam.DeleteRoleOutput](t)(c.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: name}))
		},
		gone: func(t *testing.T) bool {
			out, err := c.GetRole(t.Context(), &iam.GetRoleInput{RoleName: name})
			is[*iamtypes.NoSuchEntityException](t, out, err)
			return true
		},
	}
}

func terraformRolePolicy(config aws.Config) resource {
	c, role, name := iam.NewFromConfig(config), aws.String("tf-role-policy"), aws.String("inline")
	document := allowDocument
	put := func(t *testing.T) {
		must[iam.PutRolePolicyOutput](t)(c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: role, PolicyName: name, PolicyDocument: &document}))
	}
	return resource{
		name: "aws_iam_role_policy",
		create: func(t *testing.T) {
			must[iam.CreateRoleOutput](t)(c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: role, AssumeRolePolicyDocument: aws.String(trustDocument)}))
			put(t)
		},
		read: func(t *testing.T) map[string]any {
			p := must[iam.GetRolePolicyOutput](t)(c.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: role, PolicyName: name}))
			sameDocument(t, p.PolicyDocument, document)
			return map[string]any{"role": p.RoleName, "name": p.PolicyName, "policy": p.PolicyDocument}
		},
		update: func(t *testing.T) {
			document = strings.Replace(allowDocument, "sqs:SendMessage", "sqs:*", 1)
			put(t)
		},
		remove: func(t *testing.T) {
			must[iam.DeleteRolePolicyOutput](t)(c.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: role, PolicyName: name}))
		},
		gone: func(t *testing.T) bool {
			out, err := c.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: role, PolicyName: name})
			is[*iamtypes.NoSuchEntityException](t, out, err)
			must[iam.DeleteRoleOutput](t)(c.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: role}))
			return true
		},
	}
}
