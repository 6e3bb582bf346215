package target

import (
	"encoding/json"
	"strings"

	"github.com/belfry-run/belfry"
)

const universalInvokeARN = ":" + universalPrefix + "lambda:invoke"

// FunctionOf returns the name or ARN of the function that the schedule's runs
// wait for, and the scope of one that is given by name. A target that only
// hands an event over does not wait; ok is false for it, as for all others.
func FunctionOf(s *belfry.Schedule) (name string, scope belfry.Scope, ok bool) {
	kind, arn := kindOf(s.Target.ARN)
	if kind == kindFunction {
		return s.Target.ARN, arn.Scope(), true
	}
	if kind != kindUniversal || !strings.HasSuffix(s.Target.ARN, universalInvokeARN) {
		return "", scope, false
	}
	var r struct{ FunctionName, InvocationType string }
	if json.Unmarshal([]byte(s.Target.Input), &r) != nil || r.InvocationType != "" && r.InvocationType != "RequestResponse" {
		return "", scope, false
	}
	return r.FunctionName, s.Scope, r.FunctionName != ""
}

// Delivered returns what the attempt hands to the code of its target: of a
// universal target that invokes a function, the payload within the request.
func Delivered(in *belfry.Invocation) string {
	payload := payloadOf(in)
	if !strings.HasSuffix(in.Target.ARN, universalInvokeARN) {
		return payload
	}
	var r struct{ Payload string }
	if json.Unmarshal([]byte(payload), &r) != nil {
		return ""
	}
	return r.Payload
}
