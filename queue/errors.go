package queue

import "github.com/belfry-run/belfry"

// The codes are the names of SQS's error shapes, which its JSON protocol uses
// (semantics.md 4.4). They stand in [belfry.Error].Code.
const (
	codeNotExist      = "QueueDoesNotExist"
	codeNameExists    = "QueueNameExists"
	codeInvalidParam  = "InvalidParameterValueException"
	codeMissing       = "MissingRequiredParameterException"
	codeAttrName      = "InvalidAttributeName"
	codeAttrValue     = "InvalidAttributeValue"
	codeHandle        = "ReceiptHandleIsInvalid"
	codeContents      = "InvalidMessageContents"
	codeUnsupported   = "UnsupportedOperation"
	codePurging       = "PurgeQueueInProgress"
	codeTooMany       = "TooManyEntriesInBatchRequest"
	codeEmptyBatch    = "EmptyBatchRequest"
	codeBatchID       = "InvalidBatchEntryId"
	codeBatchDistinct = "BatchEntryIdsNotDistinct"
	codeBatchLong     = "BatchRequestTooLong"
)

func fail(code string, kind belfry.Kind, field, format string, args ...any) *belfry.Error {
	e := belfry.Errorf(kind, field, format, args...)
	e.Code = code
	return e
}

// NotExist is the error for a queue that is not there. Stores return it too.
func NotExist() *belfry.Error {
	return fail(codeNotExist, belfry.NotFound, "QueueUrl", "The specified queue does not exist.")
}

func missing(param string) *belfry.Error {
	return fail(codeMissing, belfry.Invalid, param, "The request must contain the parameter %s.", param)
}

func invalid(field, format string, args ...any) *belfry.Error {
	return fail(codeInvalidParam, belfry.Invalid, field, format, args...)
}

// badValue is SQS's usual sentence about a parameter.
func badValue(value any, param, reason string) *belfry.Error {
	return invalid(param, "Value %v for parameter %s is invalid. Reason: %s", value, param, reason)
}
