// Package lambdaapi is AWS Lambda on the wire: its types, as AWS's model has
// them, and an interface for the implementation. All but this file is
// generated.
//
// The model's check of Runtime is left to the implementation, because Lambda
// words that refusal in its own way (semantics.md 3.4).
package lambdaapi

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
)

func dialect() awswire.Dialect {
	return awswire.Dialect{Kind: kind, Code: code, TooLarge: tooLarge, Type: true, Action: action}
}

// kind is the service's name for each kind of error (semantics.md 3.4).
func kind(k belfry.Kind) awswire.Fault {
	switch k {
	case belfry.Invalid:
		return fault("InvalidParameterValueException")
	case belfry.NotFound:
		return fault("ResourceNotFoundException")
	case belfry.Conflict:
		return fault("ResourceConflictException")
	case belfry.Quota:
		return fault("CodeStorageExceededException")
	case belfry.Throttled:
		return fault("TooManyRequestsException")
	case belfry.Denied:
		return awswire.Fault{Code: "AccessDeniedException", Status: http.StatusForbidden}
	case belfry.TooLarge:
		return fault("RequestEntityTooLargeException")
	case belfry.Unavailable, belfry.Fenced:
		return awswire.Fault{Code: "ServiceUnavailableException", Status: http.StatusServiceUnavailable}
	}
	return fault("ServiceException")
}

func fault(name string) awswire.Fault {
	f, _ := code(name)
	return f
}

func code(name string) (awswire.Fault, bool) {
	switch name {
	case "RequestEntityTooLargeException": // as recorded; the model has other names for it
		return awswire.Fault{Code: name, Status: http.StatusRequestEntityTooLarge, Lower: true}, true
	case "ValidationException", "SerializationException":
		return awswire.Fault{Code: name, Status: http.StatusBadRequest, Lower: true}, true
	}
	status, lower, ok := modelled(name)
	f := awswire.Fault{Code: name, Status: status, Lower: lower}
	if name == "TooManyRequestsException" {
		f.Reason = "ConcurrentInvocationLimitExceeded"
	}
	return f, ok
}

// tooLarge has the recorded text (semantics.md 3.4). Invoke has another name
// there.
func tooLarge(operation string, limit int64) *belfry.Error {
	if operation == "Invoke" {
		operation = "InvokeFunction"
	}
	return belfry.Errorf(belfry.TooLarge, "", "Request must be smaller than %d bytes for the %s operation", limit, operation)
}

// ownsPath knows Lambda's paths by the date that they start with.
func ownsPath(path string) bool {
	for _, p := range []string{"/functions", "/tags", "/event-source-mappings", "/layers", "/account-settings", "/code-signing-configs"} {
		if len(path) > 11 && path[0] == '/' && path[5] == '-' && path[8] == '-' && strings.HasPrefix(path[11:], p) {
			return true
		}
	}
	return false
}

// action is what policies call an operation.
func action(operation string) string {
	switch operation {
	case "Invoke", "InvokeWithResponseStream":
		return "InvokeFunction"
	case "GetLayerVersionByArn":
		return "GetLayerVersion"
	}
	return operation
}

// resource is the ARN of the function or layer that an operation is on, which
// requests name in many ways (semantics.md 3.1). To invoke a version or an alias
// is to be allowed for that; for other operations on functions it is not part of
// the name.
func resource(scope belfry.Scope, operation string, n named) string {
	if n.Arn != nil {
		return *n.Arn
	}
	if n.LayerName != nil {
		return layer(scope, *n.LayerName, n.VersionNumber)
	}
	name := n.FunctionName
	if n.Resource != nil {
		name = n.Resource
	}
	if name == nil {
		return "*"
	}
	parts := strings.Split(*name, ":")
	switch {
	case parts[0] == "arn" && len(parts) >= 7:
		scope, parts = belfry.Scope{Region: parts[3], Account: parts[4]}, parts[6:]
	case parts[0] == "function" && len(parts) > 1:
		parts = parts[1:]
	case len(parts) > 2 && parts[1] == "function":
		scope.Account, parts = parts[0], parts[2:]
	}
	arn := "arn:aws:lambda:" + scope.Region + ":" + scope.Account + ":function:" + parts[0]
	switch {
	case action(operation) != "InvokeFunction":
	case n.Qualifier != nil && *n.Qualifier != "":
		arn += ":" + *n.Qualifier
	case len(parts) == 2:
		arn += ":" + parts[1]
	}
	return arn
}

// layer is the ARN of a layer, or of its version when there is a number.
func layer(scope belfry.Scope, name string, version *int64) string {
	arn := name
	if !strings.HasPrefix(name, "arn:") {
		arn = "arn:aws:lambda:" + scope.Region + ":" + scope.Account + ":layer:" + name
	}
	if version != nil {
		arn += ":" + strconv.FormatInt(*version, 10)
	}
	return arn
}
