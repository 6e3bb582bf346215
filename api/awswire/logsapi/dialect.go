// Package logsapi is Amazon CloudWatch Logs on the wire: its types, as AWS's
// model has them, and an interface for the implementation. All but this file
// is generated.
package logsapi

import (
	"net/http"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
)

func dialect() awswire.Dialect {
	return awswire.Dialect{Kind: kind, Code: code, TooLarge: tooLarge}
}

// kind is the service's name for each kind of error. A refusal has status 400,
// whatever its kind.
func kind(k belfry.Kind) awswire.Fault {
	switch k {
	case belfry.Invalid, belfry.TooLarge:
		return fault("InvalidParameterException")
	case belfry.NotFound:
		return fault("ResourceNotFoundException")
	case belfry.Conflict:
		return fault("ResourceAlreadyExistsException")
	case belfry.Quota:
		return fault("LimitExceededException")
	case belfry.Throttled:
		return fault("ThrottlingException")
	case belfry.Denied:
		return fault("AccessDeniedException")
	case belfry.Unavailable, belfry.Fenced:
		return fault("ServiceUnavailableException")
	}
	return awswire.Fault{Code: "InternalFailure", Status: http.StatusInternalServerError, Lower: true}
}

func fault(name string) awswire.Fault {
	f, _ := code(name)
	return f
}

// code has the errors that the model names and those that it does not but AWS
// answers with.
func code(name string) (awswire.Fault, bool) {
	f := awswire.Fault{Code: name, Status: http.StatusBadRequest, Lower: true}
	switch name {
	case "ServiceUnavailableException":
		f.Status = http.StatusServiceUnavailable
	case "SerializationException", "ThrottlingException", "AccessDeniedException":
	default:
		_, _, ok := modelled(name)
		return f, ok
	}
	return f, true
}

func tooLarge(_ string, limit int64) *belfry.Error {
	return belfry.Errorf(belfry.TooLarge, "", "The request body must not be larger than %d bytes.", limit)
}

// ownsPath knows no path: every request is a POST to / with a target.
func ownsPath(string) bool { return false }

// resource is the ARN that an operation is on, in the form that policies of AWS
// are written for: a group is named by its streams, so that both
// "log-group:NAME:*" and "*" match.
func resource(scope belfry.Scope, _ string, n named) string {
	group, stream := "", ""
	switch {
	case n.ResourceArn != nil:
		return *n.ResourceArn
	case n.LogGroupName != nil:
		group = *n.LogGroupName
	case n.LogGroupIdentifier != nil:
		group = *n.LogGroupIdentifier
	}
	if n.LogStreamName != nil {
		stream = *n.LogStreamName
	}
	if strings.HasPrefix(group, "arn:") {
		return strings.TrimSuffix(group, ":*") + ":log-stream:" + stream
	}
	return "arn:aws:logs:" + scope.Region + ":" + scope.Account + ":log-group:" + group + ":log-stream:" + stream
}
