// Package dynamodbapi is Amazon DynamoDB on the wire: its types, as AWS's
// model has them, and an interface for the implementation. All but this file
// and value.go is generated.
package dynamodbapi

import (
	"net/http"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
)

func dialect() awswire.Dialect {
	return awswire.Dialect{Kind: kind, Code: code, TooLarge: tooLarge}
}

// kind is the service's name for each kind of error (semantics.md 5).
func kind(k belfry.Kind) awswire.Fault {
	switch k {
	case belfry.Invalid, belfry.TooLarge:
		return fault("ValidationException")
	case belfry.NotFound:
		return fault("ResourceNotFoundException")
	case belfry.Conflict:
		return fault("ResourceInUseException")
	case belfry.Quota:
		return fault("LimitExceededException")
	case belfry.Throttled:
		return fault("ThrottlingException")
	case belfry.Denied:
		return fault("AccessDeniedException")
	case belfry.Unavailable, belfry.Fenced:
		return fault("ServiceUnavailable")
	}
	return fault("InternalServerError")
}

func fault(name string) awswire.Fault {
	f, _ := code(name)
	return f
}

// coral is the namespace of the errors that DynamoDB's front end answers.
const coral = "com.amazon.coral.service"

// code has the status and the namespace of the errors that the model lacks or
// has without a status.
func code(name string) (awswire.Fault, bool) {
	f := awswire.Fault{Code: name, Status: http.StatusBadRequest, Lower: true}
	switch name {
	case "ValidationException":
		f.Namespace = "com.amazon.coral.validate"
		return f, true
	case "SerializationException", "UnknownOperationException", "AccessDeniedException",
		"UnrecognizedClientException", "InvalidSignatureException", "IncompleteSignatureException",
		"MissingAuthenticationTokenException":
		f.Namespace = coral
		return f, true
	case "InternalServerError":
		f.Status = http.StatusInternalServerError
		return f, true
	case "ServiceUnavailable":
		f.Status = http.StatusServiceUnavailable
		return f, true
	}
	status, lower, ok := modelled(name)
	return awswire.Fault{Code: name, Status: status, Lower: lower}, ok
}

func tooLarge(_ string, limit int64) *belfry.Error {
	return belfry.Errorf(belfry.TooLarge, "", "Request size exceeded %d bytes", limit)
}

// ownsPath knows no path: all requests go to "/".
func ownsPath(string) bool { return false }

// resource is the ARN of the table that an operation is on; one that is on
// several is on "*".
func resource(scope belfry.Scope, _ string, n named) string {
	switch {
	case n.ResourceArn != nil:
		return *n.ResourceArn
	case n.TableName == nil:
		return "*"
	case strings.HasPrefix(*n.TableName, "arn:"):
		return *n.TableName
	}
	return "arn:aws:dynamodb:" + scope.Region + ":" + scope.Account + ":table/" + *n.TableName
}
