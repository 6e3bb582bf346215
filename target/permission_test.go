package target_test

import (
	"strings"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/target"
)

func TestPermissionOf(t *testing.T) {
	scope := belfry.Scope{Account: "000000000001", Region: "eu-west-1"}
	for _, c := range []struct{ arn, input, action, resource string }{
		{"arn:aws:lambda:eu-west-1:000000000001:function:f", "", "lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:000000000001:function:f"},
		{"arn:aws:lambda:eu-west-1:000000000001:function:f:live", "", "lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:000000000001:function:f:live"},
		{"arn:aws:sqs:eu-west-1:000000000001:q.fifo", "", "sqs:SendMessage", "arn:aws:sqs:eu-west-1:000000000001:q.fifo"},
		{"arn:aws:sns:eu-west-1:000000000001:t", "", "sns:Publish", "arn:aws:sns:eu-west-1:000000000001:t"},
		{"arn:aws:events:eu-west-1:000000000001:event-bus/b", "", "events:PutEvents", "arn:aws:events:eu-west-1:000000000001:event-bus/b"},
		{"arn:aws:elsewhere:eu-west-1:000000000001:x", "", "elsewhere:Invoke", "arn:aws:elsewhere:eu-west-1:000000000001:x"},
		{target.HTTPInvokeARN, `{"ApiEndpoint": "http://x"}`, "http:InvokeEndpoint", "*"},

		{"arn:aws:scheduler:::aws-sdk:lambda:invoke", `{"FunctionName": "f"}`, "lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:000000000001:function:f"},
		{"arn:aws:scheduler:::aws-sdk:lambda:invoke", `{"FunctionName": "arn:aws:lambda:eu-west-1:000000000002:function:f"}`, "lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:000000000002:function:f"},
		{"arn:aws:scheduler:::aws-sdk:lambda:invoke", `{"FunctionName": "000000000002:function:f"}`, "lambda:InvokeFunction", "*"},
		{"arn:aws:scheduler:::aws-sdk:lambda:invoke", `{"FunctionName": "f", "Qualifier": "live"}`, "lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:000000000001:function:f:live"},
		{"arn:aws:scheduler:::aws-sdk:lambda:invoke", `{"FunctionName": "f:2", "Qualifier": "2"}`, "lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:000000000001:function:f:2"},
		{"arn:aws:scheduler:::aws-sdk:lambda:updateFunctionCode", `{"FunctionName": "f"}`, "lambda:UpdateFunctionCode", "arn:aws:lambda:eu-west-1:000000000001:function:f"},
		{"arn:aws:scheduler:::aws-sdk:sqs:sendMessage", `{"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/000000000002/q"}`, "sqs:SendMessage", "arn:aws:sqs:eu-west-1:000000000002:q"},
		{"arn:aws:scheduler:::aws-sdk:sqs:sendMessageBatch", `{"QueueUrl": "http://localhost/000000000001/q"}`, "sqs:SendMessage", "arn:aws:sqs:eu-west-1:000000000001:q"},
		{"arn:aws:scheduler:::aws-sdk:sqs:sendMessage", `{"QueueUrl": "http://localhost/q"}`, "sqs:SendMessage", "*"},
		{"arn:aws:scheduler:::aws-sdk:sqs:sendMessage", `{"QueueUrl": "http://x/000000000001/q<aws.scheduler.attempt-number>"}`, "sqs:SendMessage", "*"},
		{"arn:aws:scheduler:::aws-sdk:sqs:sendMessage", `{"queueUrl": "http://x/000000000001/q"}`, "sqs:SendMessage", "*"},
		{"arn:aws:scheduler:::aws-sdk:dynamodb:putItem", `{"TableName": "t"}`, "dynamodb:PutItem", "arn:aws:dynamodb:eu-west-1:000000000001:table/t"},
		{"arn:aws:scheduler:::aws-sdk:sfn:startExecution", `{"StateMachineArn": "arn:aws:states:eu-west-1:000000000001:stateMachine:m"}`, "states:StartExecution", "arn:aws:states:eu-west-1:000000000001:stateMachine:m"},
		{"arn:aws:scheduler:::aws-sdk:eventbridge:putEvents", `{"Entries": []}`, "events:PutEvents", "*"},
		{"arn:aws:scheduler:::aws-sdk:sqs:sendMessage", `no JSON`, "sqs:SendMessage", "*"},
	} {
		got := target.PermissionOf(&belfry.Target{ARN: c.arn, Input: c.input}, scope)
		if want := (target.Permission{Action: c.action, Resource: c.resource}); got != want {
			t.Errorf("%s %s: %+v, want %+v", c.arn, c.input, got, want)
		}
	}
}

// TestRefuse: what was not delivered can still be dead-lettered as it would
// have been sent.
func TestRefuse(t *testing.T) {
	in := &belfry.Invocation{ScheduleARN: "arn:s", Target: &belfry.Target{Input: `{"by": "<aws.scheduler.schedule-arn>"}`}, Attempt: 1}
	got := target.Refuse(in, "User: x is not authorized\x00"+strings.Repeat("y", 5000))
	if got.Status != belfry.AttemptPermanent || got.ErrorCode != "AccessDeniedException" || got.Payload != `{"by": "arn:s"}` ||
		!strings.HasPrefix(got.ErrorMessage, "User: x is not authorized\uFFFD") || len(got.ErrorMessage) > 2100 {
		t.Errorf("%+v", got)
	}
}
