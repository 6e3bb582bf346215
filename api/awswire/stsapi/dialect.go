// Package stsapi is AWS Security Token Service on the wire: its types, as
// AWS's model has them, and an interface for the implementation. All but this
// file is generated. It speaks the query protocol: forms and XML.
package stsapi

import (
	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
)

func dialect() awswire.Dialect {
	return awswire.Dialect{Kind: kind, Code: code, Action: action}
}

// action: everybody may ask who he is, and trust policies decide about the
// rest, not those of the caller alone.
func action(string) string { return "" }

// kind is the service's name for each kind of error (semantics.md 6).
func kind(k belfry.Kind) awswire.Fault {
	switch k {
	case belfry.Invalid, belfry.TooLarge:
		return awswire.Fault{Code: "ValidationError", Status: 400}
	case belfry.Throttled:
		return awswire.Fault{Code: "Throttling", Status: 400}
	case belfry.NotFound, belfry.Conflict, belfry.Quota, belfry.Denied:
		return awswire.Fault{Code: "AccessDenied", Status: 403}
	case belfry.Unavailable, belfry.Fenced:
		return awswire.Fault{Code: "ServiceUnavailable", Status: 503}
	}
	return awswire.Fault{Code: "InternalFailure", Status: 500}
}

func code(name string) (awswire.Fault, bool) {
	switch name {
	case "ValidationException": // what the checks of the model say
		return kind(belfry.Invalid), true
	case "ExpiredTokenException": // the caller's; the model means web identities
		return awswire.Fault{}, false
	}
	status, _, ok := modelled(name)
	return awswire.Fault{Code: name, Status: status}, ok
}

func ownsPath(string) bool { return false }
