package certify

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// layeredHandler answers with what it finds in a layer with python/dep.py.
const layeredHandler = `
import dep
def handler(event, context):
    return dep.VALUE
`

// goLayers publishes versions of a layer, gives one to a function, and takes them
// away.
func goLayers(t *testing.T, c *lambda.Client, create func(string) *lambda.CreateFunctionInput) {
	ctx, dep := t.Context(), aws.String("dep")
	publish := func(version int, compatible ...types.Runtime) string {
		l := must[lambda.PublishLayerVersionOutput](t)(c.PublishLayerVersion(ctx, &lambda.PublishLayerVersionInput{
			LayerName: dep, CompatibleRuntimes: compatible, LicenseInfo: aws.String("MIT"),
			Content: &types.LayerVersionContentInput{ZipFile: zippedAs(t, "python/dep.py", fmt.Sprint("VALUE = ", version))},
		}))
		same(t, "version", l.Version, int64(version))
		return *l.LayerVersionArn
	}
	first, second := publish(1, types.RuntimePython312), publish(2)
	bad, err := c.PublishLayerVersion(ctx, &lambda.PublishLayerVersionInput{LayerName: dep, Content: &types.LayerVersionContentInput{ZipFile: []byte("no zip")}})
	is[*types.InvalidParameterValueException](t, bad, err)
	get := &lambda.GetLayerVersionInput{LayerName: dep, VersionNumber: aws.Int64(1)}
	same(t, "license", *must[lambda.GetLayerVersionOutput](t)(c.GetLayerVersion(ctx, get)).LicenseInfo, "MIT")
	same(t, "version", must[lambda.GetLayerVersionByArnOutput](t)(c.GetLayerVersionByArn(ctx, &lambda.GetLayerVersionByArnInput{Arn: &second})).Version, 2)
	found := ""
	for list := lambda.NewListLayersPaginator(c, &lambda.ListLayersInput{CompatibleRuntime: types.RuntimePython312}); list.HasMorePages(); {
		for _, l := range must[lambda.ListLayersOutput](t)(list.NextPage(ctx)).Layers {
			found += fmt.Sprint(*l.LayerName, l.LatestMatchingVersion.Version)
		}
	}
	for list := lambda.NewListLayerVersionsPaginator(c, &lambda.ListLayerVersionsInput{LayerName: dep, MaxItems: aws.Int32(1)}); list.HasMorePages(); {
		for _, v := range must[lambda.ListLayerVersionsOutput](t)(list.NextPage(ctx)).LayerVersions {
			found += fmt.Sprint(" ", v.Version)
		}
	}
	same(t, "found", found, "dep1 2 1")

	f := create("layered")
	f.Code.ZipFile, f.Layers = zipped(t, layeredHandler), []string{first}
	same(t, "layer", *must[lambda.CreateFunctionOutput](t)(c.CreateFunction(ctx, f)).Layers[0].Arn, first)
	must[lambda.DeleteLayerVersionOutput](t)(c.DeleteLayerVersion(ctx, &lambda.DeleteLayerVersionInput{LayerName: dep, VersionNumber: aws.Int64(1)}))
	gone, err := c.GetLayerVersion(ctx, get)
	is[*types.ResourceNotFoundException](t, gone, err)
	same(t, "answer", string(must[lambda.InvokeOutput](t)(c.Invoke(ctx, &lambda.InvokeInput{FunctionName: f.FunctionName})).Payload), "1")
	update := &lambda.UpdateFunctionConfigurationInput{FunctionName: f.FunctionName, Layers: []string{first}}
	updated, err := c.UpdateFunctionConfiguration(ctx, update)
	is[*types.InvalidParameterValueException](t, updated, err)
	update.Layers[0] = second
	must[lambda.UpdateFunctionConfigurationOutput](t)(c.UpdateFunctionConfiguration(ctx, update))
	same(t, "answer", string(must[lambda.InvokeOutput](t)(c.Invoke(ctx, &lambda.InvokeInput{FunctionName: f.FunctionName})).Payload), "2")
	must[lambda.DeleteFunctionOutput](t)(c.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: f.FunctionName}))

	add := &lambda.AddLayerVersionPermissionInput{
		LayerName: dep, VersionNumber: aws.Int64(2), StatementId: aws.String("s"), Action: aws.String("lambda:GetLayerVersion"), Principal: aws.String("*"),
	}
	must[lambda.AddLayerVersionPermissionOutput](t)(c.AddLayerVersionPermission(ctx, add))
	again, err := c.AddLayerVersionPermission(ctx, add)
	is[*types.ResourceConflictException](t, again, err)
	policy := &lambda.GetLayerVersionPolicyInput{LayerName: dep, VersionNumber: aws.Int64(2)}
	revision := must[lambda.GetLayerVersionPolicyOutput](t)(c.GetLayerVersionPolicy(ctx, policy)).RevisionId
	must[lambda.RemoveLayerVersionPermissionOutput](t)(c.RemoveLayerVersionPermission(ctx, &lambda.RemoveLayerVersionPermissionInput{
		LayerName: dep, VersionNumber: aws.Int64(2), StatementId: aws.String("s"), RevisionId: revision,
	}))
	none, err := c.GetLayerVersionPolicy(ctx, policy)
	is[*types.ResourceNotFoundException](t, none, err)
	must[lambda.DeleteLayerVersionOutput](t)(c.DeleteLayerVersion(ctx, &lambda.DeleteLayerVersionInput{LayerName: dep, VersionNumber: aws.Int64(2)}))
}
