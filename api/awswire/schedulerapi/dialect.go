// Package schedulerapi is Amazon EventBridge Scheduler on the wire: its types,
// as AWS's model has them, and an interface for the implementation. All but
// this file is generated.
package schedulerapi

import (
	"net/http"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
)

func dialect() awswire.Dialect {
	return awswire.Dialect{Kind: kind, Code: code, TooLarge: tooLarge}
}

// kind is the service's name for each kind of error (semantics.md 1.1).
func kind(k belfry.Kind) awswire.Fault {
	switch k {
	case belfry.Invalid:
		return fault("ValidationException")
	case belfry.NotFound:
		return fault("ResourceNotFoundException")
	case belfry.Conflict:
		return fault("ConflictException")
	case belfry.Quota:
		return fault("ServiceQuotaExceededException")
	case belfry.Throttled:
		return fault("ThrottlingException")
	case belfry.Denied:
		return awswire.Fault{Code: "AccessDeniedException", Status: http.StatusForbidden}
	case belfry.TooLarge:
		return awswire.Fault{Code: "RequestEntityTooLargeException", Status: http.StatusRequestEntityTooLarge}
	case belfry.Unavailable, belfry.Fenced:
		return awswire.Fault{Code: "ServiceUnavailableException", Status: http.StatusServiceUnavailable}
	}
	return fault("InternalServerException")
}

func fault(name string) awswire.Fault {
	f, _ := code(name)
	return f
}

func code(name string) (awswire.Fault, bool) {
	status, lower, ok := modelled(name)
	return awswire.Fault{Code: name, Status: status, Lower: lower}, ok
}

func tooLarge(_ string, limit int64) *belfry.Error {
	return belfry.Errorf(belfry.TooLarge, "", "The request body must not be larger than %d bytes.", limit)
}

func ownsPath(path string) bool {
	for _, p := range []string{"/schedules", "/schedule-groups", "/tags"} {
		if rest, ok := strings.CutPrefix(path, p); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

// resource is the ARN of the schedule or group that an operation is on.
func resource(scope belfry.Scope, operation string, n named) string {
	switch {
	case n.ResourceArn != nil:
		return *n.ResourceArn
	case n.Name == nil:
		return "*"
	case strings.HasSuffix(operation, "Group"):
		g := belfry.Group{Scope: scope, Name: *n.Name}
		return g.ARN()
	}
	group := belfry.DefaultGroup
	if n.GroupName != nil {
		group = *n.GroupName
	}
	return belfry.ScheduleRef{Scope: scope, Group: group, Name: *n.Name}.ARN()
}
