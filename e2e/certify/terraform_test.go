package certify

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// A resource makes the calls that Terraform's AWS provider makes for one, in
// the provider's order; its own pauses are left out. read returns what the
// provider keeps in its state, and checks what it relies on.
type resource struct {
	name   string
	create func(t *testing.T)
	read   func(t *testing.T) map[string]any
	update func(t *testing.T) // nil: a change makes a new one
	remove func(t *testing.T)
	gone   func(t *testing.T) bool
}

func certifyTerraform(t *testing.T, endpoint, region string) {
	config := awsConfig(endpoint, region)
	terraformStart(t, config)
	for _, r := range []resource{
		terraformScheduleGroup(config),
		terraformSchedule(config),
		terraformQueue(config),
		terraformTable(config),
		terraformFunction(config),
		terraformPermission(config),
		terraformAlias(config),
		terraformLayerVersion(config),
		terraformLayerPermission(config),
		terraformRule(config),
		terraformTarget(config),
		terraformRole(config),
		terraformRolePolicy(config),
		terraformEventInvokeConfig(config),
	} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.replay(t)
		})
	}
}

// replay is an apply, a plan, an apply of a change, a plan, and a destroy. A
// plan that finds something to do is drift.
func (r resource) replay(t *testing.T) {
	noDrift := func() string {
		t.Helper()
		first, second := state(t, r.read(t)), state(t, r.read(t))
		if first != second {
			t.Fatalf("drift: the second read is\n%s\nafter\n%s", second, first)
		}
		return first
	}
	r.create(t)
	created := noDrift()
	if r.update != nil {
		r.update(t)
		if changed := noDrift(); changed == created {
			t.Errorf("the update has changed nothing: %s", changed)
		}
	}
	r.remove(t)
	eventually(t, r.name+" is gone", func() bool { return r.gone(t) })
}

func state(t *testing.T, v map[string]any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// there wants members that the provider reads without looking whether they are
// there: it would panic.
func there(t *testing.T, members map[string]bool) {
	t.Helper()
	for name, ok := range members {
		if !ok {
			t.Errorf("%s is not there", name)
		}
	}
}

func terraformScheduleGroup(config aws.Config) resource {
	c, name := scheduler.NewFromConfig(config), aws.String("tf-group")
	var arn *string
	tag := func(k, v string) []schedulertypes.Tag { return []schedulertypes.Tag{{Key: &k, Value: &v}} }
	return resource{
		name: "aws_scheduler_schedule_group",
		create: func(t *testing.T) {
			arn = must[scheduler.CreateScheduleGroupOutput](t)(c.CreateScheduleGroup(t.Context(), &scheduler.CreateScheduleGroupInput{Name: name, Tags: tag("a", "1")})).ScheduleGroupArn
			for range 2 { // seen ACTIVE twice
				same(t, "state", must[scheduler.GetScheduleGroupOutput](t)(c.GetScheduleGroup(t.Context(), &scheduler.GetScheduleGroupInput{Name: name})).State, "ACTIVE")
			}
		},
		read: func(t *testing.T) map[string]any {
			g := must[scheduler.GetScheduleGroupOutput](t)(c.GetScheduleGroup(t.Context(), &scheduler.GetScheduleGroupInput{Name: name}))
			there(t, map[string]bool{"Arn": g.Arn != nil, "CreationDate": g.CreationDate != nil, "LastModificationDate": g.LastModificationDate != nil})
			same(t, "ARN", *g.Arn, *arn)
			tags := must[scheduler.ListTagsForResourceOutput](t)(c.ListTagsForResource(t.Context(), &scheduler.ListTagsForResourceInput{ResourceArn: g.Arn}))
			return map[string]any{
				"arn": g.Arn, "name": g.Name, "state": g.State, "tags": tags.Tags,
				"creation_date": g.CreationDate.Format(time.RFC3339), "last_modification_date": g.LastModificationDate.Format(time.RFC3339),
			}
		},
		update: func(t *testing.T) {
			must[scheduler.UntagResourceOutput](t)(c.UntagResource(t.Context(), &scheduler.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a"}}))
			must[scheduler.TagResourceOutput](t)(c.TagResource(t.Context(), &scheduler.TagResourceInput{ResourceArn: arn, Tags: tag("b", "2")}))
		},
		remove: func(t *testing.T) {
			must[scheduler.DeleteScheduleGroupOutput](t)(c.DeleteScheduleGroup(t.Context(), &scheduler.DeleteScheduleGroupInput{Name: name}))
		},
		gone: func(t *testing.T) bool {
			g, err := c.GetScheduleGroup(t.Context(), &scheduler.GetScheduleGroupInput{Name: name})
			if err == nil {
				same(t, "state", g.State, "DELETING")
				return false
			}
			is[*schedulertypes.ResourceNotFoundException](t, g, err)
			return true
		},
	}
}

func terraformSchedule(config aws.Config) resource {
	c, name := scheduler.NewFromConfig(config), aws.String("tf-schedule")
	var group *string // from the id, which is made of the ARN
	target := &schedulertypes.Target{
		Arn: aws.String("arn:aws:lambda:" + config.Region + ":" + account + ":function:f"), RoleArn: aws.String(schedulerRole), Input: aws.String("{\"a\" : 1}"),
		RetryPolicy: &schedulertypes.RetryPolicy{MaximumRetryAttempts: aws.Int32(0), MaximumEventAgeInSeconds: aws.Int32(3600)},
	}
	start := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	return resource{
		name: "aws_scheduler_schedule",
		create: func(t *testing.T) {
			out := must[scheduler.CreateScheduleOutput](t)(c.CreateSchedule(t.Context(), &scheduler.CreateScheduleInput{
				Name: name, GroupName: aws.String("default"), ScheduleExpression: aws.String("cron(0  8 * * ? *)"), StartDate: &start, Target: target,
				FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff}, State: schedulertypes.ScheduleStateEnabled,
				ClientToken: aws.String("terraform-20260101"),
			}))
			parts := strings.Split((*out.ScheduleArn)[strings.LastIndex(*out.ScheduleArn, ":")+1:], "/")
			if len(parts) != 3 || parts[0] != "schedule" || parts[2] != *name {
				t.Fatalf("the id cannot be made of %s", *out.ScheduleArn)
			}
			group = &parts[1]
		},
		read: func(t *testing.T) map[string]any {
			s := must[scheduler.GetScheduleOutput](t)(c.GetSchedule(t.Context(), &scheduler.GetScheduleInput{Name: name, GroupName: group}))
			there(t, map[string]bool{"Arn": s.Arn != nil, "Target.Arn": s.Target.Arn != nil, "ScheduleExpression": s.ScheduleExpression != nil})
			same(t, "expression", *s.ScheduleExpression, "cron(0  8 * * ? *)")
			same(t, "zone", *s.ScheduleExpressionTimezone, "UTC")
			same(t, "group", *s.GroupName, "default")
			same(t, "input", *s.Target.Input, "{\"a\" : 1}")
			same(t, "retries", *s.Target.RetryPolicy.MaximumRetryAttempts, 0)
			same(t, "window", s.FlexibleTimeWindow.MaximumWindowInMinutes, nil)
			same(t, "start", s.StartDate.UTC().Format(time.RFC3339), "2031-02-03T04:05:06Z")
			return map[string]any{
				"arn": s.Arn, "action": s.ActionAfterCompletion, "description": s.Description, "start": s.StartDate.Format(time.RFC3339), "end": s.EndDate,
				"window": s.FlexibleTimeWindow, "group": s.GroupName, "kms": s.KmsKeyArn, "expression": s.ScheduleExpression,
				"zone": s.ScheduleExpressionTimezone, "state": s.State, "target": s.Target,
			}
		},
		update: func(t *testing.T) {
			must[scheduler.UpdateScheduleOutput](t)(c.UpdateSchedule(t.Context(), &scheduler.UpdateScheduleInput{
				Name: name, GroupName: group, ScheduleExpression: aws.String("cron(0  8 * * ? *)"), StartDate: &start, Target: target,
				FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff},
				State:              schedulertypes.ScheduleStateDisabled, Description: aws.String("off"),
			}))
		},
		remove: func(t *testing.T) {
			must[scheduler.DeleteScheduleOutput](t)(c.DeleteSchedule(t.Context(), &scheduler.DeleteScheduleInput{Name: name, GroupName: group}))
		},
		gone: func(t *testing.T) bool {
			out, err := c.GetSchedule(t.Context(), &scheduler.GetScheduleInput{Name: name, GroupName: group})
			is[*schedulertypes.ResourceNotFoundException](t, out, err)
			return true
		},
	}
}

func terraformQueue(config aws.Config) resource {
	c := sqs.NewFromConfig(config)
	var url *string
	sent := map[string]string{
		"DelaySeconds": "1", "MaximumMessageSize": "2048", "MessageRetentionPeriod": "86400", "ReceiveMessageWaitTimeSeconds": "10",
		"VisibilityTimeout": "45", "SqsManagedSseEnabled": "true",
		"Policy":             `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"*"}]}`,
		"RedriveAllowPolicy": `{"redrivePermission":"denyAll"}`,
	}
	read := func(t *testing.T) map[string]string {
		return must[sqs.GetQueueAttributesOutput](t)(c.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
			QueueUrl: url, AttributeNames: []sqstypes.QueueAttributeName{"All"},
		})).Attributes
	}
	settled := func(t *testing.T) { // seen equal six times
		for range 6 {
			got := read(t)
			for name, want := range sent {
				same(t, name, got[name], want)
			}
		}
	}
	return resource{
		name: "aws_sqs_queue",
		create: func(t *testing.T) {
			url = must[sqs.CreateQueueOutput](t)(c.CreateQueue(t.Context(), &sqs.CreateQueueInput{
				QueueName: aws.String("tf-queue"), Attributes: sent, Tags: map[string]string{"a": "1"},
			})).QueueUrl
			if !regexp.MustCompile(`^http://[^/]+/` + account + `/tf-queue$`).MatchString(*url) {
				t.Errorf("the provider cannot take %s apart", *url)
			}
			settled(t)
		},
		read: func(t *testing.T) map[string]any {
			a := read(t)
			for _, name := range []string{"QueueArn", "VisibilityTimeout", "DelaySeconds", "MaximumMessageSize", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "SqsManagedSseEnabled"} {
				there(t, map[string]bool{name: a[name] != ""})
			}
			tags := must[sqs.ListQueueTagsOutput](t)(c.ListQueueTags(t.Context(), &sqs.ListQueueTagsInput{QueueUrl: url})).Tags
			return map[string]any{"attributes": a, "tags": tags}
		},
		update: func(t *testing.T) {
			sent["VisibilityTimeout"] = "60"
			must[sqs.SetQueueAttributesOutput](t)(c.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{"VisibilityTimeout": "60"}}))
			settled(t)
			must[sqs.UntagQueueOutput](t)(c.UntagQueue(t.Context(), &sqs.UntagQueueInput{QueueUrl: url, TagKeys: []string{"a"}}))
			must[sqs.TagQueueOutput](t)(c.TagQueue(t.Context(), &sqs.TagQueueInput{QueueUrl: url, Tags: map[string]string{"b": "2"}}))
		},
		remove: func(t *testing.T) {
			must[sqs.DeleteQueueOutput](t)(c.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: url}))
		},
		gone: func(t *testing.T) bool { // seen gone fifteen times
			for range 15 {
				out, err := c.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []sqstypes.QueueAttributeName{"All"}})
				// The provider looks for the query protocol's code.
				same(t, "code", is[*sqstypes.QueueDoesNotExist](t, out, err).ErrorCode(), "AWS.SimpleQueueService.NonExistentQueue")
			}
			return true
		},
	}
}

func terraformFunction(config aws.Config) resource {
	c, name := lambda.NewFromConfig(config), aws.String("tf-function")
	get := func(t *testing.T) *lambda.GetFunctionOutput {
		t.Helper()
		return must[lambda.GetFunctionOutput](t)(c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: name}))
	}
	updated := func(t *testing.T) {
		t.Helper()
		eventually(t, "the update is done", func() bool { return get(t).Configuration.LastUpdateStatus == lambdatypes.LastUpdateStatusSuccessful })
	}
	var arn *string
	return resource{
		name: "aws_lambda_function",
		create: func(t *testing.T) {
			arn = must[lambda.CreateFunctionOutput](t)(c.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
				FunctionName: name, Runtime: lambdatypes.RuntimePython312, Handler: aws.String("handler.handler"), Role: aws.String(functionRole),
				Code: &lambdatypes.FunctionCode{ZipFile: zipped(t, handler)}, PackageType: lambdatypes.PackageTypeZip, Publish: false,
				Timeout: aws.Int32(3), MemorySize: aws.Int32(128), Architectures: []lambdatypes.Architecture{"x86_64"},
				EphemeralStorage: &lambdatypes.EphemeralStorage{Size: aws.Int32(512)}, Tags: map[string]string{"a": "1"},
			})).FunctionArn
			eventually(t, "the function is active", func() bool { return get(t).Configuration.State == lambdatypes.StateActive })
			must[lambda.PutFunctionConcurrencyOutput](t)(c.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: aws.Int32(5)}))
		},
		read: func(t *testing.T) map[string]any {
			f := get(t)
			there(t, map[string]bool{"Code": f.Code != nil && f.Code.Location != nil, "Configuration": f.Configuration != nil})
			g := f.Configuration
			there(t, map[string]bool{
				"EphemeralStorage": g.EphemeralStorage != nil, "LoggingConfig": g.LoggingConfig != nil, "TracingConfig": g.TracingConfig != nil,
				"SnapStart": g.SnapStart != nil, "State": g.State != "", "LastUpdateStatus": g.LastUpdateStatus != "", "LastModified": g.LastModified != nil,
			})
			same(t, "version", *g.Version, "$LATEST")
			same(t, "architectures", fmt.Sprint(g.Architectures), "[x86_64]")
			same(t, "log group", *g.LoggingConfig.LogGroup, "/aws/lambda/tf-function")
			same(t, "tracing", g.TracingConfig.Mode, "PassThrough")
			var last lambdatypes.FunctionConfiguration
			for list := lambda.NewListVersionsByFunctionPaginator(c, &lambda.ListVersionsByFunctionInput{FunctionName: name, MaxItems: aws.Int32(10000)}); list.HasMorePages(); {
				page := must[lambda.ListVersionsByFunctionOutput](t)(list.NextPage(t.Context())).Versions
				last = page[len(page)-1]
			}
			same(t, "qualified ARN", *last.FunctionArn, *arn+":$LATEST")
			signing := must[lambda.GetFunctionCodeSigningConfigOutput](t)(c.GetFunctionCodeSigningConfig(t.Context(), &lambda.GetFunctionCodeSigningConfigInput{FunctionName: name}))
			var reserved any = -1
			if f.Concurrency != nil {
				reserved = f.Concurrency.ReservedConcurrentExecutions
			}
			return map[string]any{
				"configuration": g, "tags": f.Tags, "version": last.Version, "signing": aws.ToString(signing.CodeSigningConfigArn), "reserved": reserved,
			}
		},
		update: func(t *testing.T) {
			must[lambda.UpdateFunctionConfigurationOutput](t)(c.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{
				FunctionName: name, MemorySize: aws.Int32(256), Environment: &lambdatypes.Environment{Variables: map[string]string{"KEY": "v"}},
			}))
			updated(t)
			must[lambda.UpdateFunctionCodeOutput](t)(c.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: name, ZipFile: zipped(t, handler+"#")}))
			updated(t)
			must[lambda.DeleteFunctionConcurrencyOutput](t)(c.DeleteFunctionConcurrency(t.Context(), &lambda.DeleteFunctionConcurrencyInput{FunctionName: name}))
			must[lambda.TagResourceOutput](t)(c.TagResource(t.Context(), &lambda.TagResourceInput{Resource: arn, Tags: map[string]string{"b": "2"}}))
			must[lambda.UntagResourceOutput](t)(c.UntagResource(t.Context(), &lambda.UntagResourceInput{Resource: arn, TagKeys: []string{"a"}}))
		},
		remove: func(t *testing.T) {
			must[lambda.DeleteFunctionOutput](t)(c.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: name}))
		},
		gone: func(t *testing.T) bool {
			out, err := c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: name})
			is[*lambdatypes.ResourceNotFoundException](t, out, err)
			return true
		},
	}
}

func terraformPermission(config aws.Config) resource {
	c, name := lambda.NewFromConfig(config), aws.String("tf-permission")
	type document struct {
		Version, ID string
		Statement   []struct {
			Sid, Effect, Action, Resource string
			Principal                     any
			Condition                     map[string]map[string]any
		}
	}
	policy := func(t *testing.T) document {
		out := must[lambda.GetPolicyOutput](t)(c.GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: name}))
		var d document
		if err := json.Unmarshal([]byte(*out.Policy), &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	return resource{
		name: "aws_lambda_permission",
		create: func(t *testing.T) {
			terraformMakeFunction(t, c, name)
			for i, principal := range []string{"events.amazonaws.com", "123456789012"} {
				must[lambda.AddPermissionOutput](t)(c.AddPermission(t.Context(), &lambda.AddPermissionInput{
					FunctionName: name, StatementId: aws.String("s" + strconv.Itoa(i)), Action: aws.String("lambda:InvokeFunction"), Principal: &principal,
					SourceArn: aws.String("arn:aws:events:" + config.Region + ":" + account + ":rule/r"), SourceAccount: aws.String(account),
				}))
			}
		},
		read: func(t *testing.T) map[string]any {
			d := policy(t)
			if len(d.Statement) != 2 {
				t.Fatalf("policy %+v", d)
			}
			s := d.Statement[0]
			same(t, "sid", s.Sid, "s0")
			same(t, "effect", s.Effect, "Allow")
			if !regexp.MustCompile(`^arn:[\w-]+:lambda:[a-z]{2}-(?:[a-z]+-){1,2}\d:\d{12}:function:[a-zA-Z0-9-_]+(:(?:\$LATEST|[a-zA-Z0-9-_]+))?$`).MatchString(s.Resource) {
				t.Errorf("the provider does not understand the resource %s", s.Resource)
			}
			same(t, "principal", fmt.Sprint(s.Principal), "map[Service:events.amazonaws.com]")
			same(t, "principal", fmt.Sprint(d.Statement[1].Principal), "map[AWS:arn:aws:iam::123456789012:root]")
			same(t, "condition", fmt.Sprint(s.Condition["ArnLike"]), "map[AWS:SourceArn:arn:aws:events:"+config.Region+":"+account+":rule/r]")
			same(t, "condition", fmt.Sprint(s.Condition["StringEquals"]), "map[AWS:SourceAccount:"+account+"]")
			return map[string]any{"policy": d}
		},
		remove: func(t *testing.T) {
			for i := range 2 {
				must[lambda.RemovePermissionOutput](t)(c.RemovePermission(t.Context(), &lambda.RemovePermissionInput{FunctionName: name, StatementId: aws.String("s" + strconv.Itoa(i))}))
				if i == 0 {
					same(t, "statements left", len(policy(t).Statement), 1)
				}
			}
		},
		gone: func(t *testing.T) bool {
			out, err := c.GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: name})
			is[*lambdatypes.ResourceNotFoundException](t, out, err)
			must[lambda.DeleteFunctionOutput](t)(c.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: name}))
			return true
		},
	}
}
