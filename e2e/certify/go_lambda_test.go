package certify

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

const functionRole = "arn:aws:iam::" + account + ":role/function"

var one = aws.String("one")

func goLambda(t *testing.T, config aws.Config) {
	c, ctx := lambda.NewFromConfig(config), t.Context()
	create := func(name string) *lambda.CreateFunctionInput {
		return &lambda.CreateFunctionInput{
			FunctionName: &name, Runtime: types.RuntimePython312, Handler: aws.String("handler.handler"), Role: aws.String(functionRole),
			Timeout: aws.Int32(30), Code: &types.FunctionCode{ZipFile: zipped(t, handler)}, Tags: map[string]string{"team": "a"},
		}
	}
	for _, name := range []string{"one", "two"} {
		must[lambda.CreateFunctionOutput](t)(c.CreateFunction(ctx, create(name)))
		if err := lambda.NewFunctionActiveV2Waiter(c).Wait(ctx, &lambda.GetFunctionInput{FunctionName: &name}, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	goLambdaErrors(t, c, create)
	f := must[lambda.GetFunctionOutput](t)(c.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: one}))
	same(t, "ARN", *f.Configuration.FunctionArn, "arn:aws:lambda:"+config.Region+":"+account+":function:one")
	goInvoke(t, c)

	must[lambda.UpdateFunctionCodeOutput](t)(c.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: one, ZipFile: zipped(t, handler+"\n")}))
	updated := must[lambda.UpdateFunctionConfigurationOutput](t)(c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
		FunctionName: one, MemorySize: aws.Int32(256), Environment: &types.Environment{Variables: map[string]string{"KEY": "v"}},
	}))
	if err := lambda.NewFunctionUpdatedV2Waiter(c).Wait(ctx, &lambda.GetFunctionInput{FunctionName: one}, time.Minute); err != nil {
		t.Fatal(err)
	}
	now := must[lambda.GetFunctionConfigurationOutput](t)(c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: one}))
	same(t, "memory", *now.MemorySize, 256)
	same(t, "revision", *now.RevisionId, *updated.RevisionId)
	if *now.CodeSha256 == *f.Configuration.CodeSha256 {
		t.Error("the code is the old one")
	}

	names := ""
	for list := lambda.NewListFunctionsPaginator(c, &lambda.ListFunctionsInput{MaxItems: aws.Int32(1)}); list.HasMorePages(); {
		for _, f := range must[lambda.ListFunctionsOutput](t)(list.NextPage(ctx)).Functions {
			names += *f.FunctionName + " "
		}
	}
	same(t, "functions", names, "one two ")
	versions := ""
	for list := lambda.NewListVersionsByFunctionPaginator(c, &lambda.ListVersionsByFunctionInput{FunctionName: one}); list.HasMorePages(); {
		for _, f := range must[lambda.ListVersionsByFunctionOutput](t)(list.NextPage(ctx)).Versions {
			versions += *f.Version
		}
	}
	same(t, "versions", versions, "$LATEST")
	must[lambda.GetFunctionCodeSigningConfigOutput](t)(c.GetFunctionCodeSigningConfig(ctx, &lambda.GetFunctionCodeSigningConfigInput{FunctionName: one}))
	goLambdaTags(t, c, f.Configuration.FunctionArn)
	goPermissions(t, c)
	goConcurrency(t, c)
	goEventInvokeConfig(t, c, config.Region)
	goVersions(t, c)
	goLayers(t, c, create)

	for _, name := range []string{"one", "two"} {
		must[lambda.DeleteFunctionOutput](t)(c.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &name}))
	}
	out, err := c.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: one})
	is[*types.ResourceNotFoundException](t, out, err)
}

func goLambdaErrors(t *testing.T, c *lambda.Client, create func(string) *lambda.CreateFunctionInput) {
	ctx := t.Context()
	out, err := c.CreateFunction(ctx, create("one"))
	is[*types.ResourceConflictException](t, out, err)
	bad := create("bad")
	bad.Runtime = "cobol85"
	out, err = c.CreateFunction(ctx, bad)
	is[*types.InvalidParameterValueException](t, out, err)
	updated, err := c.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: one, ZipFile: zipped(t, handler), RevisionId: aws.String("old")})
	is[*types.PreconditionFailedException](t, updated, err)
	invoked, err := c.Invoke(ctx, &lambda.InvokeInput{FunctionName: one, Payload: []byte("{")})
	is[*types.InvalidRequestContentException](t, invoked, err)
}

func goInvoke(t *testing.T, c *lambda.Client) {
	ctx := t.Context()
	r := must[lambda.InvokeOutput](t)(c.Invoke(ctx, &lambda.InvokeInput{FunctionName: one, Payload: []byte(`{"a":1}`), LogType: types.LogTypeTail}))
	log, err := base64.StdEncoding.DecodeString(aws.ToString(r.LogResult))
	if err != nil || r.StatusCode != 200 || r.FunctionError != nil || *r.ExecutedVersion != "$LATEST" || !strings.Contains(string(log), "seen by") {
		t.Errorf("invoked: %+v, log %s, %v", r, log, err)
	}
	r = must[lambda.InvokeOutput](t)(c.Invoke(ctx, &lambda.InvokeInput{FunctionName: one, Payload: []byte(`{"fail":"no"}`)}))
	if aws.ToString(r.FunctionError) != "Unhandled" || !strings.Contains(string(r.Payload), `"errorType":"ValueError"`) && !strings.Contains(string(r.Payload), `"errorType": "ValueError"`) {
		t.Errorf("failed: %+v, %s", r, r.Payload)
	}
	r = must[lambda.InvokeOutput](t)(c.Invoke(ctx, &lambda.InvokeInput{FunctionName: one, InvocationType: types.InvocationTypeDryRun}))
	same(t, "status of a dry run", r.StatusCode, 204)
	r = must[lambda.InvokeOutput](t)(c.Invoke(ctx, &lambda.InvokeInput{FunctionName: one, InvocationType: types.InvocationTypeEvent}))
	same(t, "status of an event", r.StatusCode, 202)
}

func goLambdaTags(t *testing.T, c *lambda.Client, arn *string) {
	ctx := t.Context()
	must[lambda.TagResourceOutput](t)(c.TagResource(ctx, &lambda.TagResourceInput{Resource: arn, Tags: map[string]string{"x": "y"}}))
	must[lambda.UntagResourceOutput](t)(c.UntagResource(ctx, &lambda.UntagResourceInput{Resource: arn, TagKeys: []string{"team"}}))
	tags := must[lambda.ListTagsOutput](t)(c.ListTags(ctx, &lambda.ListTagsInput{Resource: arn})).Tags
	if len(tags) != 1 || tags["x"] != "y" {
		t.Errorf("tags %v", tags)
	}
}

func goPermissions(t *testing.T, c *lambda.Client) {
	ctx := t.Context()
	add := &lambda.AddPermissionInput{
		FunctionName: one, StatementId: aws.String("events"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("events.amazonaws.com"),
	}
	must[lambda.AddPermissionOutput](t)(c.AddPermission(ctx, add))
	added, err := c.AddPermission(ctx, add)
	is[*types.ResourceConflictException](t, added, err)
	p := must[lambda.GetPolicyOutput](t)(c.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: one}))
	if !strings.Contains(*p.Policy, `"Sid":"events"`) || p.RevisionId == nil {
		t.Errorf("policy %+v", p)
	}
	must[lambda.RemovePermissionOutput](t)(c.RemovePermission(ctx, &lambda.RemovePermissionInput{FunctionName: one, StatementId: aws.String("events")}))
	got, err := c.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: one})
	is[*types.ResourceNotFoundException](t, got, err)
}

func goConcurrency(t *testing.T, c *lambda.Client) {
	ctx := t.Context()
	must[lambda.PutFunctionConcurrencyOutput](t)(c.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: one, ReservedConcurrentExecutions: aws.Int32(0)}))
	same(t, "reserved", *must[lambda.GetFunctionConcurrencyOutput](t)(c.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: one})).ReservedConcurrentExecutions, 0)
	out, err := c.Invoke(ctx, &lambda.InvokeInput{FunctionName: one})
	same(t, "reason", is[*types.TooManyRequestsException](t, out, err).Reason, types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded)
	must[lambda.DeleteFunctionConcurrencyOutput](t)(c.DeleteFunctionConcurrency(ctx, &lambda.DeleteFunctionConcurrencyInput{FunctionName: one}))
	settings := must[lambda.GetAccountSettingsOutput](t)(c.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{}))
	same(t, "functions", settings.AccountUsage.FunctionCount, 2)
	same(t, "unreserved", *settings.AccountLimit.UnreservedConcurrentExecutions, 1000)
}

func goEventInvokeConfig(t *testing.T, c *lambda.Client, region string) {
	ctx := t.Context()
	to := aws.String("arn:aws:sqs:" + region + ":" + account + ":ended")
	must[lambda.PutFunctionEventInvokeConfigOutput](t)(c.PutFunctionEventInvokeConfig(ctx, &lambda.PutFunctionEventInvokeConfigInput{
		FunctionName: one, MaximumRetryAttempts: aws.Int32(0), DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: to}},
	}))
	must[lambda.UpdateFunctionEventInvokeConfigOutput](t)(c.UpdateFunctionEventInvokeConfig(ctx, &lambda.UpdateFunctionEventInvokeConfigInput{
		FunctionName: one, MaximumEventAgeInSeconds: aws.Int32(60),
	}))
	got := must[lambda.GetFunctionEventInvokeConfigOutput](t)(c.GetFunctionEventInvokeConfig(ctx, &lambda.GetFunctionEventInvokeConfigInput{FunctionName: one}))
	if *got.MaximumRetryAttempts != 0 || *got.MaximumEventAgeInSeconds != 60 || *got.DestinationConfig.OnFailure.Destination != *to || got.LastModified == nil {
		t.Errorf("config %+v", got)
	}
	n := 0
	for list := lambda.NewListFunctionEventInvokeConfigsPaginator(c, &lambda.ListFunctionEventInvokeConfigsInput{FunctionName: one}); list.HasMorePages(); {
		n += len(must[lambda.ListFunctionEventInvokeConfigsOutput](t)(list.NextPage(ctx)).FunctionEventInvokeConfigs)
	}
	same(t, "configs", n, 1)
	must[lambda.DeleteFunctionEventInvokeConfigOutput](t)(c.DeleteFunctionEventInvokeConfig(ctx, &lambda.DeleteFunctionEventInvokeConfigInput{FunctionName: one}))
	out, err := c.GetFunctionEventInvokeConfig(ctx, &lambda.GetFunctionEventInvokeConfigInput{FunctionName: one})
	is[*types.ResourceNotFoundException](t, out, err)
	bad, err := c.PutFunctionEventInvokeConfig(ctx, &lambda.PutFunctionEventInvokeConfigInput{FunctionName: one})
	is[*types.InvalidParameterValueException](t, bad, err)
}
