package certify

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// terraformEventInvokeConfig is that of a published version, as the provider's
// documentation shows it.
func terraformEventInvokeConfig(config aws.Config) resource {
	c, name, qualifier := lambda.NewFromConfig(config), aws.String("tf-events"), aws.String("1")
	put := func(t *testing.T, retries int32, to *lambdatypes.DestinationConfig) {
		t.Helper()
		out := must[lambda.PutFunctionEventInvokeConfigOutput](t)(c.PutFunctionEventInvokeConfig(t.Context(), &lambda.PutFunctionEventInvokeConfigInput{
			FunctionName: name, Qualifier: qualifier, MaximumRetryAttempts: &retries, MaximumEventAgeInSeconds: aws.Int32(60), DestinationConfig: to,
		}))
		same(t, "ARN", *out.FunctionArn, "arn:aws:lambda:"+config.Region+":"+account+":function:tf-events:1")
	}
	get := &lambda.GetFunctionEventInvokeConfigInput{FunctionName: name, Qualifier: qualifier}
	queue := aws.String("arn:aws:sqs:" + config.Region + ":" + account + ":failed")
	return resource{
		name: "aws_lambda_function_event_invoke_config",
		create: func(t *testing.T) {
			must[lambda.CreateFunctionOutput](t)(c.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
				FunctionName: name, Runtime: lambdatypes.RuntimePython312, Handler: aws.String("handler.handler"), Role: aws.String(functionRole),
				Code: &lambdatypes.FunctionCode{ZipFile: zipped(t, handler)}, Publish: true,
			}))
			put(t, 1, &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: queue}})
		},
		read: func(t *testing.T) map[string]any {
			got := must[lambda.GetFunctionEventInvokeConfigOutput](t)(c.GetFunctionEventInvokeConfig(t.Context(), get))
			there(t, map[string]bool{"DestinationConfig": got.DestinationConfig != nil, "MaximumEventAgeInSeconds": got.MaximumEventAgeInSeconds != nil, "MaximumRetryAttempts": got.MaximumRetryAttempts != nil})
			same(t, "age", *got.MaximumEventAgeInSeconds, 60)
			return map[string]any{
				"retries": got.MaximumRetryAttempts, "age": got.MaximumEventAgeInSeconds,
				"on_failure": aws.ToString(got.DestinationConfig.OnFailure.Destination), "on_success": aws.ToString(got.DestinationConfig.OnSuccess.Destination),
			}
		},
		update: func(t *testing.T) {
			put(t, 0, &lambdatypes.DestinationConfig{OnSuccess: &lambdatypes.OnSuccess{Destination: queue}})
		},
		remove: func(t *testing.T) {
			must[lambda.DeleteFunctionEventInvokeConfigOutput](t)(c.DeleteFunctionEventInvokeConfig(t.Context(), &lambda.DeleteFunctionEventInvokeConfigInput{FunctionName: name, Qualifier: qualifier}))
		},
		gone: func(t *testing.T) bool {
			out, err := c.GetFunctionEventInvokeConfig(t.Context(), get)
			is[*lambdatypes.ResourceNotFoundException](t, out, err)
			return true
		},
	}
}
