package function

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"strconv"
	"strings"
	"time"
)

// Credentials are what the AWS SDKs within a function sign with.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
}

// defaultZone is the TZ of functions that do not set theirs.
const defaultZone = ":UTC"

// environment returns what the function's process starts with. What a client
// set wins over the first part and loses against the second (semantics.md 3.6).
func (h *Host) environment(ctx context.Context, f *Function, v *view, stream string) (map[string]string, error) {
	c, err := h.cfg.Roles.Credentials(ctx, f)
	if err != nil {
		return nil, roleError(err)
	}
	opt := cmp.Or(v.opt, isolatedOpt)
	env := map[string]string{
		"PATH":                      "/usr/local/bin:/usr/bin:/bin:" + opt + "/bin",
		"LANG":                      "en_US.UTF-8",
		"LC_CTYPE":                  "C.UTF-8",
		"TZ":                        defaultZone,
		"LD_LIBRARY_PATH":           strings.Join([]string{v.task, v.task + "/lib", opt + "/lib"}, ":"),
		"AWS_EC2_METADATA_DISABLED": "true", // there is none to wait for
		"AWS_XRAY_CONTEXT_MISSING":  "LOG_ERROR",
		"BELFRY":                    "1", // for code that wants to know where it runs
	}
	if v.endpoint != "" {
		env["AWS_ENDPOINT_URL"] = v.endpoint
		env["AWS_ENDPOINT_URL_EVENTBRIDGE"] = v.endpoint
	}
	if v.proxy != "" {
		for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
			env[name] = v.proxy
		}
		env["NO_PROXY"], env["no_proxy"] = "127.0.0.1,localhost", "127.0.0.1,localhost"
	}
	maps.Copy(env, f.Environment)
	maps.Copy(env, map[string]string{
		"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     f.VersionName(),
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.Memory),
		"AWS_LAMBDA_LOG_GROUP_NAME":       f.LogGroupName(),
		"AWS_LAMBDA_LOG_STREAM_NAME":      stream,
		"AWS_LAMBDA_LOG_FORMAT":           f.LogFormatName(),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_EXECUTION_ENV":               "AWS_Lambda_" + f.Runtime,
		"AWS_REGION":                      f.Region,
		"AWS_DEFAULT_REGION":              f.Region,
		"AWS_ACCESS_KEY_ID":               c.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY":           c.SecretAccessKey,
		"AWS_SESSION_TOKEN":               c.SessionToken,
		"LAMBDA_TASK_ROOT":                v.task,
		"LAMBDA_RUNTIME_DIR":              v.runtime,
		"PWD":                             v.task,
		"_HANDLER":                        f.Handler,
		hostVariable:                      h.id,
	})
	if f.ApplicationLogLevel != "" {
		env["AWS_LAMBDA_LOG_LEVEL"] = f.ApplicationLogLevel
	} else {
		delete(env, "AWS_LAMBDA_LOG_LEVEL")
	}
	return env, nil
}

func environList(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	return list
}

// newStream returns the name of the log stream of an instance of f. In a group
// that functions can share it has the function's name.
func newStream(f *Function, now time.Time) string {
	name := ""
	if f.LogGroup != "" {
		name = f.Name
	}
	return now.UTC().Format("2006/01/02") + "/" + name + "[" + f.VersionName() + "]" + randomHex(16)
}

// newTrace returns an X-Ray header that asks for no tracing.
func newTrace(now time.Time) string {
	return "Root=1-" + strconv.FormatInt(now.Unix(), 16) + "-" + randomHex(12) + ";Parent=" + randomHex(8) + ";Sampled=0"
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
