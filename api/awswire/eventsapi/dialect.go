// Package eventsapi is Amazon EventBridge, formerly CloudWatch Events, on the
// wire: the types of scheduled rules, as AWS's model has them, and an interface
// for the implementation. All but this file is generated.
package eventsapi

import (
	"net/http"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
)

func dialect() awswire.Dialect {
	return awswire.Dialect{Kind: kind, Code: code, TooLarge: tooLarge}
}

// kind is the service's name for each kind of error (semantics.md 2.3). A
// refusal has status 400, whatever its kind.
func kind(k belfry.Kind) awswire.Fault {
	switch k {
	case belfry.Invalid, belfry.TooLarge:
		return fault("ValidationException")
	case belfry.NotFound:
		return fault("ResourceNotFoundException")
	case belfry.Conflict:
		return fault("ConcurrentModificationException")
	case belfry.Quota:
		return fault("LimitExceededException")
	case belfry.Throttled:
		return fault("ThrottlingException")
	case belfry.Denied:
		return fault("AccessDeniedException")
	case belfry.Unavailable, belfry.Fenced:
		return awswire.Fault{Code: "ServiceUnavailable", Status: http.StatusServiceUnavailable, Lower: true}
	}
	return awswire.Fault{Code: "InternalException", Status: http.StatusInternalServerError, Lower: true}
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
	case "InternalException":
		f.Status = http.StatusInternalServerError
	case "ValidationException", "SerializationException", "ThrottlingException", "AccessDeniedException":
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

// resource is the ARN of the rule that an operation is on.
func resource(scope belfry.Scope, _ string, n named) string {
	name := n.Name
	if n.Rule != nil {
		name = n.Rule
	}
	switch {
	case n.ResourceARN != nil:
		return *n.ResourceARN
	case name != nil:
		return belfry.RuleRef{Scope: scope, Name: *name}.ARN()
	}
	return "*"
}
