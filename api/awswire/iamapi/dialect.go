// Package iamapi is AWS Identity and Access Management on the wire: its types,
// as AWS's model has them, and an interface for the implementation. All but
// this file is generated. It speaks the query protocol: forms and XML.
package iamapi

import (
	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
)

func dialect() awswire.Dialect { return awswire.Dialect{Kind: kind, Code: code} }

// kind is the service's name for each kind of error (semantics.md 6).
func kind(k belfry.Kind) awswire.Fault {
	switch k {
	case belfry.Invalid, belfry.TooLarge:
		return awswire.Fault{Code: "ValidationError", Status: 400}
	case belfry.NotFound:
		return awswire.Fault{Code: "NoSuchEntity", Status: 404}
	case belfry.Conflict:
		return awswire.Fault{Code: "EntityAlreadyExists", Status: 409}
	case belfry.Quota:
		return awswire.Fault{Code: "LimitExceeded", Status: 409}
	case belfry.Throttled:
		return awswire.Fault{Code: "Throttling", Status: 400}
	case belfry.Denied:
		return awswire.Fault{Code: "AccessDenied", Status: 403}
	case belfry.Unavailable, belfry.Fenced:
		return awswire.Fault{Code: "ServiceUnavailable", Status: 503}
	}
	return awswire.Fault{Code: "ServiceFailure", Status: 500}
}

func code(name string) (awswire.Fault, bool) {
	if name == "ValidationException" { // what the checks of the model say
		return kind(belfry.Invalid), true
	}
	status, _, ok := modelled(name)
	return awswire.Fault{Code: name, Status: status}, ok
}

// resource is the ARN of the role or policy that an operation is on. The path
// of a role that is there already is filled in by who decides.
func resource(scope belfry.Scope, operation string, n named) string {
	path := awswire.Value(n.Path)
	if path == "" {
		path = "/"
	}
	switch {
	case n.RoleName != nil:
		return "arn:aws:iam::" + scope.Account + ":role" + path + *n.RoleName
	case n.PolicyArn != nil:
		return *n.PolicyArn
	case operation == "CreatePolicy" && n.PolicyName != nil:
		return "arn:aws:iam::" + scope.Account + ":policy" + path + *n.PolicyName
	}
	return "*"
}

func ownsPath(string) bool { return false }
