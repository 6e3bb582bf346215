package target

import (
	"encoding/json"
	"testing"

	"github.com/belfry-run/belfry"
)

// TestCheckTemplated has what each service wants of its target; e2e has the
// recorded refusals.
func TestCheckTemplated(t *testing.T) {
	const (
		here     = ":eu-west-1:000000000000:"
		badARN   = "Provided Arn is not in correct format"
		badInput = "JSON syntax error in input for the target"
		fargate  = "Parameter NetworkConfiguration must be specified for the target when launch type is FARGATE"
	)
	for _, c := range []struct {
		name, arn, input, parameters string
		strict, permissive           string // the refusal; "" accepts
	}{
		{"a function", "arn:aws:lambda" + here + "function:f", "{}", "", "", ""},
		{"a function's version", "arn:aws:lambda" + here + "function:f:$LATEST", "", "", "", ""},
		{"no function", "arn:aws:lambda" + here + "f", "{}", "", badARN, badARN},
		{"a queue takes any text", "arn:aws:sqs" + here + "q", "{", "", "", ""},
		{"a topic is not run", "arn:aws:sns" + here + "t", "{", "", "sns is not a supported service for a target.", ""},
		{"a state machine wants JSON", "arn:aws:states" + here + "stateMachine:s", "{", "", "states is not a supported service for a target.", badInput},
		{"an event bus wants its block", "arn:aws:events" + here + "event-bus/b", "{}", "", "events is not a supported service for a target.", "Parameters EventBridgeParameters must be specified"},
		{"a cluster wants its block", "arn:aws:ecs" + here + "cluster/c", "", "", "ecs is not a supported service for a target.", "Parameters EcsParameters must be specified"},
		{"Fargate wants a network", "arn:aws:ecs" + here + "cluster/c", "", `{"EcsParameters":{"LaunchType":"FARGATE","NetworkConfiguration":null}}`, "ecs is not a supported service for a target.", fargate},
		{"Fargate with a network", "arn:aws:ecs" + here + "cluster/c", "", `{"EcsParameters":{"LaunchType":"FARGATE","NetworkConfiguration":{"awsvpcConfiguration":{}}}}`, "ecs is not a supported service for a target.", ""},
		{"EC2 without a network", "arn:aws:ecs" + here + "cluster/c", "", `{"EcsParameters":{"LaunchType":"EC2"}}`, "ecs is not a supported service for a target.", ""},
		{"a stream", "arn:aws:kinesis" + here + "stream/s", "x", `{"KinesisParameters":{"PartitionKey":"p"}}`, "kinesis is not a supported service for a target.", ""},
		{"a pipeline", "arn:aws:sagemaker" + here + "pipeline/p", "", `{"SageMakerPipelineParameters":{}}`, "sagemaker is not a supported service for a target.", ""},
		{"a FIFO queue", "arn:aws:sqs" + here + "q.fifo", "x", `{"SqsParameters":{"MessageGroupId":"g"}}`, "", ""},
		{"another region", "arn:aws:sqs:eu-west-2:000000000000:q", "x", "", "The target ARN provided does not match the current region eu-west-1.", "The target ARN provided does not match the current region eu-west-1."},
		{"another account", "arn:aws:sqs:eu-west-1:111111111111:q", "x", "", "", ""},
		{"a universal target with a region", "arn:aws:scheduler" + here + "aws-sdk:sqs:sendMessage", "{}", "", "scheduler is not a supported service for a target", "scheduler is not a supported service for a target"},
		{"a service that has no targets", "arn:aws:s3" + here + "b", "x", "", "s3 is not a supported service for a target.", "s3 is not a supported service for a target."},
		{"no ARN", "q", "x", "", badARN, badARN},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := universal("", c.input)
			s.Target.ARN, s.Target.Parameters = c.arn, json.RawMessage(c.parameters)
			for permissive, want := range map[bool]string{false: c.strict, true: c.permissive} {
				got := ""
				if err := Check(s, permissive); err != nil {
					got = err.Error()
					if belfry.KindOf(err) != belfry.Invalid {
						t.Errorf("permissive %v: kind %v", permissive, belfry.KindOf(err))
					}
				}
				if got != want {
					t.Errorf("permissive %v: %q, want %q", permissive, got, want)
				}
			}
		})
	}
}
