// Package sqsapi is Amazon SQS on the wire: its types, as AWS's model has
// them, and an interface for the implementation. All but this file is
// generated. It speaks JSON, as today's SDKs do, and forms with XML, as older
// ones and curl do.
package sqsapi

import (
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
)

func dialect() awswire.Dialect {
	return awswire.Dialect{Kind: kind, Code: code, TooLarge: tooLarge, Rewrite: rewrite, Action: action}
}

// kind is the service's name for each kind of error (semantics.md 4.4).
func kind(k belfry.Kind) awswire.Fault {
	switch k {
	case belfry.Invalid, belfry.TooLarge:
		return fault("InvalidParameterValueException")
	case belfry.NotFound:
		return fault("QueueDoesNotExist")
	case belfry.Conflict:
		return fault("QueueNameExists")
	case belfry.Quota:
		return fault("OverLimit")
	case belfry.Throttled:
		return fault("RequestThrottled")
	case belfry.Denied:
		return fault("AccessDeniedException")
	case belfry.Unavailable, belfry.Fenced:
		return fault("ServiceUnavailable")
	}
	return fault("InternalFailure")
}

func fault(name string) awswire.Fault {
	f, _ := code(name)
	return f
}

// prefix is what half of SQS's legacy codes start with.
const prefix = "AWS.SimpleQueueService."

// faults has the errors under both their names.
var faults = [...]awswire.Fault{
	{Code: "QueueDoesNotExist", Legacy: prefix + "NonExistentQueue", Status: 400},
	{Code: "QueueNameExists", Legacy: "QueueAlreadyExists", Status: 400},
	{Code: "QueueDeletedRecently", Legacy: prefix + "QueueDeletedRecently", Status: 400},
	{Code: "InvalidParameterValueException", Legacy: "InvalidParameterValue", Status: 400},
	{Code: "MissingRequiredParameterException", Legacy: "MissingParameter", Status: 400},
	{Code: "InvalidAttributeName", Legacy: "InvalidAttributeName", Status: 400},
	{Code: "InvalidAttributeValue", Legacy: "InvalidAttributeValue", Status: 400},
	{Code: "InvalidMessageContents", Legacy: "InvalidMessageContents", Status: 400},
	{Code: "ReceiptHandleIsInvalid", Legacy: "ReceiptHandleIsInvalid", Status: 400},
	{Code: "MessageNotInflight", Legacy: prefix + "MessageNotInflight", Status: 400},
	{Code: "TooManyEntriesInBatchRequest", Legacy: prefix + "TooManyEntriesInBatchRequest", Status: 400},
	{Code: "EmptyBatchRequest", Legacy: prefix + "EmptyBatchRequest", Status: 400},
	{Code: "InvalidBatchEntryId", Legacy: prefix + "InvalidBatchEntryId", Status: 400},
	{Code: "BatchRequestTooLong", Legacy: prefix + "BatchRequestTooLong", Status: 400},
	{Code: "BatchEntryIdsNotDistinct", Legacy: prefix + "BatchEntryIdsNotDistinct", Status: 400},
	{Code: "PurgeQueueInProgress", Legacy: prefix + "PurgeQueueInProgress", Status: 403},
	{Code: "UnsupportedOperation", Legacy: prefix + "UnsupportedOperation", Status: 400},
	{Code: "OverLimit", Legacy: "OverLimit", Status: 403},
	{Code: "RequestThrottled", Legacy: "RequestThrottled", Status: 403},
	{Code: "AccessDeniedException", Legacy: "AccessDenied", Status: 403},
	{Code: "InternalFailure", Legacy: "InternalFailure", Status: 500},
	{Code: "ServiceUnavailable", Legacy: "ServiceUnavailable", Status: 503},
}

// code knows an error by either of its names.
func code(name string) (awswire.Fault, bool) {
	for i := range faults {
		if f := &faults[i]; f.Code == name || f.Legacy == name {
			f := *f
			f.Lower = true
			return f, true
		}
	}
	status, lower, ok := modelled(name)
	return awswire.Fault{Code: name, Status: status, Lower: lower}, ok
}

func tooLarge(_ string, limit int64) *belfry.Error {
	return belfry.Errorf(belfry.TooLarge, "",
		"One or more parameters are invalid. Reason: The request must be shorter than %d bytes.", limit)
}

// rewrite has the query protocol's own wording (semantics.md 4.4).
func rewrite(code, message string) string {
	if code == "QueueDoesNotExist" && message == "The specified queue does not exist." {
		return "The specified queue does not exist for this wsdl version."
	}
	return message
}

// ownsPath knows the path of a queue, /<12 digits>/<name>.
func ownsPath(path string) bool {
	if len(path) < 15 || path[0] != '/' || path[13] != '/' {
		return false
	}
	return awswire.IsAccount(path[1:13]) && !strings.Contains(path[14:], "/")
}

// action: a batch is allowed as what it is a batch of.
func action(operation string) string { return strings.TrimSuffix(operation, "Batch") }

// resource is the ARN of the queue that an operation is on.
func resource(scope belfry.Scope, _ string, n named) string {
	name := n.QueueName
	if n.QueueUrl != nil {
		url := *n.QueueUrl
		rest := url[:max(strings.LastIndexByte(url, '/'), 0)]
		if account := rest[strings.LastIndexByte(rest, '/')+1:]; awswire.IsAccount(account) {
			scope.Account = account
		}
		name = new(url[len(rest):])
	}
	if name == nil {
		return "*"
	}
	return "arn:aws:sqs:" + scope.Region + ":" + scope.Account + ":" + strings.TrimPrefix(*name, "/")
}
