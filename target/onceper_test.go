package target_test

import (
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/target"
)

func TestFunctionThatARunWaitsFor(t *testing.T) {
	const universal = "arn:aws:scheduler:::aws-sdk:lambda:invoke"
	const arn = "arn:aws:lambda:eu-west-1:111111111111:function:f"
	for _, tt := range []struct{ name, target, input, function, qualifier, region string }{
		{"a function", arn, "", arn, "", "eu-west-1"},
		{"a universal target, by name", universal, `{"FunctionName": "f"}`, "f", "", "us-east-1"},
		{"a version of it", universal, `{"FunctionName": "f", "Qualifier": "live"}`, "f", "live", "us-east-1"},
		{"one that asks for the answer", universal, `{"FunctionName": "f", "InvocationType": "RequestResponse"}`, "f", "", "us-east-1"},
		{"one that hands an event over", universal, `{"FunctionName": "f", "InvocationType": "Event"}`, "", "", ""},
		{"one that asks whether it might", universal, `{"FunctionName": "f", "InvocationType": "DryRun"}`, "", "", ""},
		{"one without a function", universal, `{}`, "", "", ""},
		{"one that is not JSON", universal, `{`, "", "", ""},
		{"another action", "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", `{"FunctionName": "f"}`, "", "", ""},
		{"a queue", "arn:aws:sqs:eu-west-1:111111111111:q", "", "", "", ""},
	} {
		s := &belfry.Schedule{
			Scope: belfry.Scope{Account: "000000000000", Region: "us-east-1"}, Target: belfry.Target{ARN: tt.target, Input: tt.input},
		}
		call, ok := target.FunctionOf(s)
		if call.Function != tt.function || call.Qualifier != tt.qualifier || ok != (tt.function != "") || ok && call.Scope.Region != tt.region {
			t.Errorf("%s: %+v, %v, want %q of %s", tt.name, call, ok, tt.function, tt.region)
		}
	}
}

func TestWhatTheCodeIsGiven(t *testing.T) {
	const universal = "arn:aws:scheduler:::aws-sdk:lambda:invoke"
	for _, tt := range []struct{ name, target, input, want string }{
		{"the input", "arn:aws:sqs:eu-west-1:111111111111:q", `{"a": 1}`, `{"a": 1}`},
		{"with its attributes", "arn:aws:sqs:eu-west-1:111111111111:q", `{"n": <aws.scheduler.attempt-number>}`, `{"n": 1}`},
		{"the payload within the request", universal, `{"FunctionName": "f", "Payload": "{\"n\": \"<aws.scheduler.attempt-number>\"}"}`, `{"n": "1"}`},
		{"a request without payload", universal, `{"FunctionName": "f"}`, ""},
		{"a request that is not JSON", universal, `{`, ""},
	} {
		in := &belfry.Invocation{Attempt: 1, Target: &belfry.Target{ARN: tt.target, Input: tt.input}}
		if got := target.Delivered(in); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
