package target

import (
	"encoding/json"
	"strings"

	"github.com/belfry-run/belfry"
)

const universalInvokeARN = ":" + universalPrefix + "lambda:invoke"

// FunctionOf returns which function the schedule's runs wait for, as far as the
// call names it. A target that only hands an event over does not wait; ok is false
// for it, as for all others.
func FunctionOf(s *belfry.Schedule) (call FunctionCall, ok bool) {
	kind, arn := kindOf(s.Target.ARN)
	if kind == kindFunction {
		return FunctionCall{Function: s.Target.ARN, Scope: arn.Scope()}, true
	}
	if kind != kindUniversal || !strings.HasSuffix(s.Target.ARN, universalInvokeARN) {
		return call, false
	}
	var r struct{ FunctionName, Qualifier, InvocationType string }
	if json.Unmarshal([]byte(s.Target.Input), &r) != nil || r.InvocationType != "" && r.InvocationType != "RequestResponse" {
		return call, false
	}
	return FunctionCall{Function: r.FunctionName, Qualifier: r.Qualifier, Scope: s.Scope}, r.FunctionName != ""
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
