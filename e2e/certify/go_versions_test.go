package certify

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// goVersions publishes, names and takes away versions of the function one.
func goVersions(t *testing.T, c *lambda.Client) {
	ctx, live := t.Context(), aws.String("live")
	for _, want := range []string{"1", "2"} {
		must[lambda.UpdateFunctionConfigurationOutput](t)(c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: one, Description: &want}))
		v := must[lambda.PublishVersionOutput](t)(c.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: one}))
		same(t, "version", *v.Version, want)
		if err := lambda.NewPublishedVersionActiveWaiter(c).Wait(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: one, Qualifier: v.Version}, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	published, err := c.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: one, RevisionId: aws.String("old")})
	is[*types.PreconditionFailedException](t, published, err)
	versions := ""
	for list := lambda.NewListVersionsByFunctionPaginator(c, &lambda.ListVersionsByFunctionInput{FunctionName: one, MaxItems: aws.Int32(1)}); list.HasMorePages(); {
		for _, f := range must[lambda.ListVersionsByFunctionOutput](t)(list.NextPage(ctx)).Versions {
			versions += *f.Version + " "
		}
	}
	same(t, "versions", versions, "$LATEST 1 2 ")

	create := &lambda.CreateAliasInput{FunctionName: one, Name: live, FunctionVersion: aws.String("1")}
	must[lambda.CreateAliasOutput](t)(c.CreateAlias(ctx, create))
	again, err := c.CreateAlias(ctx, create)
	is[*types.ResourceConflictException](t, again, err)
	must[lambda.UpdateAliasOutput](t)(c.UpdateAlias(ctx, &lambda.UpdateAliasInput{
		FunctionName: one, Name: live, RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 1}},
	}))
	a := must[lambda.GetAliasOutput](t)(c.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: one, Name: live}))
	if *a.FunctionVersion != "1" || a.RoutingConfig == nil || a.RoutingConfig.AdditionalVersionWeights["2"] != 1 {
		t.Errorf("alias %+v", a)
	}
	aliases := 0
	for list := lambda.NewListAliasesPaginator(c, &lambda.ListAliasesInput{FunctionName: one}); list.HasMorePages(); {
		aliases += len(must[lambda.ListAliasesOutput](t)(list.NextPage(ctx)).Aliases)
	}
	same(t, "aliases", aliases, 1)
	same(t, "executed version", *must[lambda.InvokeOutput](t)(c.Invoke(ctx, &lambda.InvokeInput{FunctionName: one, Qualifier: live})).ExecutedVersion, "2")
	second := &lambda.DeleteFunctionInput{FunctionName: one, Qualifier: aws.String("2")}
	deleted, err := c.DeleteFunction(ctx, second)
	is[*types.ResourceConflictException](t, deleted, err)
	must[lambda.DeleteAliasOutput](t)(c.DeleteAlias(ctx, &lambda.DeleteAliasInput{FunctionName: one, Name: live}))
	gone, err := c.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: one, Name: live})
	is[*types.ResourceNotFoundException](t, gone, err)
	must[lambda.DeleteFunctionOutput](t)(c.DeleteFunction(ctx, second))

	same(t, "runtime", must[lambda.GetRuntimeManagementConfigOutput](t)(c.GetRuntimeManagementConfig(ctx, &lambda.GetRuntimeManagementConfigInput{FunctionName: one})).UpdateRuntimeOn, types.UpdateRuntimeOnAuto)
	same(t, "recursion", must[lambda.GetFunctionRecursionConfigOutput](t)(c.GetFunctionRecursionConfig(ctx, &lambda.GetFunctionRecursionConfigInput{FunctionName: one})).RecursiveLoop, types.RecursiveLoopTerminate)
	provisioned, err := c.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: one, Qualifier: aws.String("1")})
	is[*types.ProvisionedConcurrencyConfigNotFoundException](t, provisioned, err)
	auto := must[lambda.PutRuntimeManagementConfigOutput](t)(c.PutRuntimeManagementConfig(ctx, &lambda.PutRuntimeManagementConfigInput{FunctionName: one, UpdateRuntimeOn: types.UpdateRuntimeOnAuto}))
	same(t, "runtime", auto.UpdateRuntimeOn, types.UpdateRuntimeOnAuto)
	put, err := c.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{FunctionName: one, Qualifier: aws.String("1"), ProvisionedConcurrentExecutions: aws.Int32(1)})
	is[*types.InvalidParameterValueException](t, put, err)
	listed := must[lambda.ListProvisionedConcurrencyConfigsOutput](t)(c.ListProvisionedConcurrencyConfigs(ctx, &lambda.ListProvisionedConcurrencyConfigsInput{FunctionName: one}))
	same(t, "provisioned", len(listed.ProvisionedConcurrencyConfigs), 0)
	must[lambda.DeleteProvisionedConcurrencyConfigOutput](t)(c.DeleteProvisionedConcurrencyConfig(ctx, &lambda.DeleteProvisionedConcurrencyConfigInput{FunctionName: one, Qualifier: aws.String("1")}))
	streamed, err := c.InvokeWithResponseStream(ctx, &lambda.InvokeWithResponseStreamInput{FunctionName: one})
	is[*types.InvalidParameterValueException](t, streamed, err)
}
