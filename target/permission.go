package target

import (
	"encoding/json"
	"strings"

	"github.com/belfry-run/belfry"
)

// A Permission is what the role of a schedule must be allowed, in the words of
// AWS's policies.
type Permission struct {
	Action   string // sqs:SendMessage
	Resource string // an ARN; "*" when the action is on none, or when it cannot be told on which
}

// InvokeEndpoint is the action of an HTTP target; its resource is "*".
const InvokeEndpoint = "http:InvokeEndpoint"

// SendMessage is the action of a queue, and of a dead-letter queue.
const SendMessage = "sqs:SendMessage"

// templated are the actions of templated targets, by the service of the ARN
// (semantics.md 1.10).
var templated = map[string]string{
	"lambda":       "lambda:InvokeFunction",
	"sqs":          SendMessage,
	"sns":          "sns:Publish",
	"states":       "states:StartExecution",
	"events":       "events:PutEvents",
	"kinesis":      "kinesis:PutRecord",
	"firehose":     "firehose:PutRecord",
	"ecs":          "ecs:RunTask",
	"codebuild":    "codebuild:StartBuild",
	"codepipeline": "codepipeline:StartPipelineExecution",
	"inspector":    "inspector:StartAssessmentRun",
	"sagemaker":    "sagemaker:StartPipelineExecution",
}

// prefixes are what policies call a service that universal targets call
// otherwise.
var prefixes = map[string]string{"sfn": "states", "eventbridge": "events", "cloudwatchevents": "events", "cloudwatchlogs": "logs"}

// PermissionOf returns what a delivery to the target takes of the role of a
// schedule in the given account and region.
func PermissionOf(t *belfry.Target, s belfry.Scope) Permission {
	if t.ARN == HTTPInvokeARN {
		return Permission{InvokeEndpoint, "*"}
	}
	arn, _ := belfry.ParseARN(t.ARN)
	if call, ok := strings.CutPrefix(arn.Resource, universalPrefix); ok && arn.Service == "scheduler" {
		service, action, _ := strings.Cut(call, ":")
		return universalPermission(service, action, t.Input, s)
	}
	if action, ok := templated[arn.Service]; ok {
		return Permission{action, t.ARN}
	}
	return Permission{arn.Service + ":Invoke", t.ARN}
}

// universalPermission is the permission of a call that is named as the SDKs name it.
func universalPermission(service, action, input string, s belfry.Scope) Permission {
	if action != "" {
		action = strings.ToUpper(action[:1]) + action[1:]
	}
	prefix := service
	if p, ok := prefixes[service]; ok {
		prefix = p
	}
	if service == "lambda" && action == "Invoke" {
		action = "InvokeFunction"
	}
	if service == "sqs" {
		action = strings.TrimSuffix(action, "Batch")
	}
	return Permission{prefix + ":" + action, resourceOf(service, input, s)}
}

// resourceOf is the ARN of what a call is on, where its input says so. What a
// context attribute stands in for is not known before the call.
func resourceOf(service, input string, s belfry.Scope) string {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(input), &members) != nil {
		return "*"
	}
	member := func(name string) string {
		var v string
		if json.Unmarshal(members[name], &v) != nil || strings.Contains(v, attributePrefix) {
			return ""
		}
		return v
	}
	arn := func(name, kind string) string {
		v := member(name)
		if v == "" || strings.HasPrefix(v, "arn:") {
			return v
		}
		return "arn:aws:" + service + ":" + s.Region + ":" + s.Account + ":" + kind + v
	}
	found := ""
	switch service {
	case "lambda":
		// A name may be function:name or account:function:name too.
		if name := member("FunctionName"); strings.HasPrefix(name, "arn:") || !strings.Contains(name, "function:") {
			found = arn("FunctionName", "function:")
			if q := member("Qualifier"); found != "" && q != "" && !hasQualifier(found) {
				found += ":" + q
			}
		}
	case "sqs":
		found, _ = queueOf(member("QueueUrl"), s)
	case "dynamodb":
		found = arn("TableName", "table/")
	case "sns":
		found = member("TopicArn")
	case "sfn":
		found = member("StateMachineArn")
	}
	if found == "" {
		return "*"
	}
	return found
}

// hasQualifier says whether the ARN of a function names a version or an alias.
func hasQualifier(arn string) bool { return strings.Count(arn, ":") > 6 }

// Refuse is the result of an attempt that was not made, because the role may
// not: the message goes straight to the dead-letter queue.
func Refuse(in *belfry.Invocation, message string) belfry.Result {
	r := permanent("AccessDeniedException", clip(message, messageMax))
	r.Payload = payloadOf(in)
	return r
}
