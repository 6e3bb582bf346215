package function

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/belfry-run/belfry"
)

// reservedEnv are the variables that a client may not set.
var reservedEnv = map[string]bool{
	"_HANDLER": true, "_X_AMZN_TRACE_ID": true, "AWS_DEFAULT_REGION": true, "AWS_REGION": true,
	"AWS_EXECUTION_ENV": true, "AWS_LAMBDA_FUNCTION_NAME": true, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": true,
	"AWS_LAMBDA_FUNCTION_VERSION": true, "AWS_LAMBDA_INITIALIZATION_TYPE": true,
	"AWS_LAMBDA_LOG_GROUP_NAME": true, "AWS_LAMBDA_LOG_STREAM_NAME": true, "AWS_LAMBDA_RUNTIME_API": true,
	"AWS_ACCESS_KEY": true, "AWS_ACCESS_KEY_ID": true, "AWS_SECRET_ACCESS_KEY": true, "AWS_SESSION_TOKEN": true,
	"LAMBDA_TASK_ROOT": true, "LAMBDA_RUNTIME_DIR": true,
}

var envName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)

// setDefaults fills what a client may leave out at creation.
func (s *Settings) setDefaults() {
	if s.Timeout == 0 {
		s.Timeout = DefaultTimeout
	}
	if s.Memory == 0 {
		s.Memory = DefaultMemory
	}
	if s.Storage == 0 {
		s.Storage = DefaultStorage
	}
	if s.Architecture == "" {
		s.Architecture = "x86_64"
	}
	if s.TracingMode == "" {
		s.TracingMode = "PassThrough"
	}
}

// check says whether Lambda, and this host, would take the settings.
func (s *Settings) check() error {
	if err := checkRuntimeName(s.Runtime); err != nil {
		return err
	}
	if s.Handler == "" && !isProvided(s.Runtime) {
		return invalid("Handler", "Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	if len(s.Handler) > 128 {
		return constraint("Handler", "handler", s.Handler, "Member must have length less than or equal to 128")
	}
	if strings.ContainsAny(s.Handler, " \t\r\n\x00") || !utf8.ValidString(s.Handler) {
		return constraint("Handler", "handler", s.Handler, `Member must satisfy regular expression pattern: [^\s]+`)
	}
	if utf8.RuneCountInString(s.Description) > 256 {
		return constraint("Description", "description", s.Description, "Member must have length less than or equal to 256")
	}
	seconds := int64(s.Timeout / time.Second)
	switch {
	case s.Timeout < time.Second:
		return constraint("Timeout", "timeout", seconds, "Member must have value greater than or equal to 1")
	case s.Timeout > MaxTimeout:
		return constraint("Timeout", "timeout", seconds, "Member must have value less than or equal to 900")
	case s.Memory < MinMemory:
		return constraint("MemorySize", "memorySize", s.Memory, "Member must have value greater than or equal to 128")
	case s.Memory > MaxMemory:
		return constraint("MemorySize", "memorySize", s.Memory, "Member must have value less than or equal to 10240")
	case s.Storage < DefaultStorage:
		return constraint("EphemeralStorage", "ephemeralStorage.size", s.Storage, "Member must have value greater than or equal to 512")
	case s.Storage > MaxStorage:
		return constraint("EphemeralStorage", "ephemeralStorage.size", s.Storage, "Member must have value less than or equal to 10240")
	}
	return checkEnvironment(s.Environment)
}

func checkEnvironment(env map[string]string) error {
	const field = "Environment"
	var reserved []string
	for _, k := range slices.Sorted(maps.Keys(env)) {
		switch {
		case reservedEnv[k]:
			reserved = append(reserved, k)
		case !envName.MatchString(k):
			return constraint(field, "environment.variables", k, "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]")
		case strings.ContainsRune(env[k], 0) || !utf8.ValidString(env[k]):
			return invalid(field, "The value of the environment variable "+k+" has a NUL byte or is not valid UTF-8.")
		}
	}
	if len(reserved) > 0 {
		return invalid(field, "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: "+strings.Join(reserved, ", "))
	}
	if text := environmentJSON(env); len(text) > MaxEnvironment && len(env) > 0 {
		return invalid(field, "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: "+text)
	}
	return nil
}

// invalid is Lambda's InvalidParameterValueException.
func invalid(field, message string) error {
	return &belfry.Error{Kind: belfry.Invalid, Code: "InvalidParameterValueException", Field: field, Message: message}
}

// constraint is the error of a value that the model of the API forbids.
func constraint(field, path string, value any, must string) error {
	return &belfry.Error{
		Kind: belfry.Invalid, Code: "ValidationException", Field: field,
		Message: fmt.Sprintf("1 validation error detected: Value '%v' at '%s' failed to satisfy constraint: %s", value, path, must),
	}
}
