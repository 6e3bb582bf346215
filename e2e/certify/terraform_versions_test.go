package certify

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// terraformMakeFunction makes a function that another resource is about.
func terraformMakeFunction(t *testing.T, c *lambda.Client, name *string) {
	t.Helper()
	must[lambda.CreateFunctionOutput](t)(c.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: name, Runtime: lambdatypes.RuntimePython312, Handler: aws.String("handler.handler"), Role: aws.String(functionRole),
		Code: &lambdatypes.FunctionCode{ZipFile: zipped(t, handler)},
	}))
}

func terraformAlias(config aws.Config) resource {
	c, name, live := lambda.NewFromConfig(config), aws.String("tf-alias"), aws.String("live")
	publish := func(t *testing.T, description string) *string {
		must[lambda.UpdateFunctionConfigurationOutput](t)(c.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: name, Description: &description}))
		return must[lambda.PublishVersionOutput](t)(c.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: name})).Version
	}
	get := &lambda.GetAliasInput{FunctionName: name, Name: live}
	var arn *string
	return resource{
		name: "aws_lambda_alias",
		create: func(t *testing.T) {
			terraformMakeFunction(t, c, name)
			arn = must[lambda.CreateAliasOutput](t)(c.CreateAlias(t.Context(), &lambda.CreateAliasInput{
				Description: aws.String(""), FunctionName: name, FunctionVersion: publish(t, "first"), Name: live,
				RoutingConfig: &lambdatypes.AliasRoutingConfiguration{},
			})).AliasArn
		},
		read: func(t *testing.T) map[string]any {
			a := must[lambda.GetAliasOutput](t)(c.GetAlias(t.Context(), get))
			there(t, map[string]bool{"AliasArn": a.AliasArn != nil, "Description": a.Description != nil, "FunctionVersion": a.FunctionVersion != nil, "Name": a.Name != nil})
			same(t, "ARN", *a.AliasArn, *arn)
			return map[string]any{"arn": a.AliasArn, "description": a.Description, "version": a.FunctionVersion, "name": a.Name, "routing": a.RoutingConfig}
		},
		update: func(t *testing.T) {
			must[lambda.UpdateAliasOutput](t)(c.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{
				Description: aws.String("d"), FunctionName: name, FunctionVersion: aws.String("1"), Name: live,
				RoutingConfig: &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{*publish(t, "second"): 0.5}},
			}))
		},
		remove: func(t *testing.T) {
			must[lambda.DeleteAliasOutput](t)(c.DeleteAlias(t.Context(), &lambda.DeleteAliasInput{FunctionName: name, Name: live}))
		},
		gone: func(t *testing.T) bool {
			out, err := c.GetAlias(t.Context(), get)
			is[*lambdatypes.ResourceNotFoundException](t, out, err)
			must[lambda.DeleteFunctionOutput](t)(c.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: name}))
			return true
		},
	}
}

// terraformPublishLayer makes a version as the provider does, and returns its
// name and number as the provider reads them from the ARN, which is its id.
func terraformPublishLayer(t *testing.T, c *lambda.Client, name *string) (layer *string, version *int64) {
	t.Helper()
	arn := *must[lambda.PublishLayerVersionOutput](t)(c.PublishLayerVersion(t.Context(), &lambda.PublishLayerVersionInput{
		Content: &lambdatypes.LayerVersionContentInput{ZipFile: zippedAs(t, "python/dep.py", "VALUE = 1")}, Description: aws.String(""), LayerName: name,
		LicenseInfo: aws.String(""), CompatibleArchitectures: []lambdatypes.Architecture{"x86_64"}, CompatibleRuntimes: []lambdatypes.Runtime{"python3.12"},
	})).LayerVersionArn
	parts := strings.Split(arn, ":")
	number, err := strconv.ParseInt(parts[len(parts)-1], 10, 64)
	if err != nil || len(parts) != 8 || parts[6] != *name {
		t.Fatalf("the id cannot be read: %s, %v", arn, err)
	}
	return &parts[6], &number
}

func terraformLayerVersion(config aws.Config) resource {
	c := lambda.NewFromConfig(config)
	var get lambda.GetLayerVersionInput
	return resource{
		name: "aws_lambda_layer_version",
		create: func(t *testing.T) {
			get.LayerName, get.VersionNumber = terraformPublishLayer(t, c, aws.String("tf-layer"))
		},
		read: func(t *testing.T) map[string]any {
			l := must[lambda.GetLayerVersionOutput](t)(c.GetLayerVersion(t.Context(), &get))
			there(t, map[string]bool{
				"Content": l.Content != nil && l.Content.CodeSha256 != nil && l.Content.Location != nil, "LayerArn": l.LayerArn != nil,
				"LayerVersionArn": l.LayerVersionArn != nil, "CreatedDate": l.CreatedDate != nil, "Description": l.Description != nil,
			})
			same(t, "layer ARN", *l.LayerArn+":"+strconv.FormatInt(l.Version, 10), *l.LayerVersionArn)
			return map[string]any{
				"arn": l.LayerVersionArn, "layer_arn": l.LayerArn, "version": l.Version, "created_date": l.CreatedDate, "description": l.Description,
				"license_info": l.LicenseInfo, "compatible_architectures": l.CompatibleArchitectures, "compatible_runtimes": l.CompatibleRuntimes,
				"code_sha256": l.Content.CodeSha256, "source_code_size": l.Content.CodeSize,
			}
		},
		remove: func(t *testing.T) {
			must[lambda.DeleteLayerVersionOutput](t)(c.DeleteLayerVersion(t.Context(), &lambda.DeleteLayerVersionInput{LayerName: get.LayerName, VersionNumber: get.VersionNumber}))
		},
		gone: func(t *testing.T) bool {
			out, err := c.GetLayerVersion(t.Context(), &get)
			is[*lambdatypes.ResourceNotFoundException](t, out, err)
			return true
		},
	}
}

func terraformLayerPermission(config aws.Config) resource {
	c := lambda.NewFromConfig(config)
	var get lambda.GetLayerVersionPolicyInput
	return resource{
		name: "aws_lambda_layer_version_permission",
		create: func(t *testing.T) {
			get.LayerName, get.VersionNumber = terraformPublishLayer(t, c, aws.String("tf-layer-permission"))
			must[lambda.AddLayerVersionPermissionOutput](t)(c.AddLayerVersionPermission(t.Context(), &lambda.AddLayerVersionPermissionInput{
				LayerName: get.LayerName, VersionNumber: get.VersionNumber, StatementId: aws.String("s"),
				Action: aws.String("lambda:GetLayerVersion"), Principal: aws.String("123456789012"),
			}))
		},
		read: func(t *testing.T) map[string]any {
			out := must[lambda.GetLayerVersionPolicyOutput](t)(c.GetLayerVersionPolicy(t.Context(), &get))
			var d struct {
				Statement []struct {
					Sid, Action string
					Principal   struct{ AWS string }
				}
			}
			if err := json.Unmarshal([]byte(*out.Policy), &d); err != nil || len(d.Statement) != 1 {
				t.Fatalf("policy %s, %v", *out.Policy, err)
			}
			s := d.Statement[0]
			same(t, "statement", s.Sid+" "+s.Action+" "+s.Principal.AWS, "s lambda:GetLayerVersion arn:aws:iam::123456789012:root")
			return map[string]any{"policy": out.Policy, "revision_id": out.RevisionId}
		},
		remove: func(t *testing.T) {
			must[lambda.RemoveLayerVersionPermissionOutput](t)(c.RemoveLayerVersionPermission(t.Context(), &lambda.RemoveLayerVersionPermissionInput{
				LayerName: get.LayerName, VersionNumber: get.VersionNumber, StatementId: aws.String("s"),
			}))
		},
		gone: func(t *testing.T) bool {
			out, err := c.GetLayerVersionPolicy(t.Context(), &get)
			is[*lambdatypes.ResourceNotFoundException](t, out, err)
			return true
		},
	}
}
