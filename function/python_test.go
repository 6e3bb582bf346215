package function_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belfry-run/belfry/function"
)

// recorded is what a real Lambda answered.
func recorded(t *testing.T) (payloads map[string]map[string]any) {
	t.Helper()
	data, err := os.ReadFile("testdata/lambda_recorded.json")
	if err != nil {
		t.Fatal(err)
	}
	return decode[struct{ Payloads map[string]map[string]any }](t, data).Payloads
}

// TestErrorPayloads holds the answers of failing functions against those that
// were recorded from Lambda, member by member.
func TestErrorPayloads(t *testing.T) { atEachLevel(t, checkErrorPayloads) }

func checkErrorPayloads(t *testing.T, b *bench) {
	vectors := recorded(t)
	for _, c := range []struct {
		vector string // the recorded payload; <uuid> in it is the request id
		file   string
		code   string
		stack  []string // in place of the recorded one
		time   time.Duration
	}{
		{vector: "python_exception", file: "lambda_handler_error", code: "def handler(event, context):\n    raise Exception(\"Handler fails\")\n"},
		{vector: "python_init_exception", file: "app", code: "raise Exception(\"Runtime startup fails\")\n", stack: []string{"  File \"/var/task/app.py\", line 1, in <module>\n    raise Exception(\"Runtime startup fails\")\n"}},
		{vector: "timeout_current", file: "app", code: "import time\ndef handler(event, context):\n    time.sleep(60)\n", time: time.Second},
		{vector: "exit", file: "app", code: "import sys\ndef handler(event, context):\n    sys.exit(0)\n"},
		{vector: "exit", file: "app2", code: "import os\ndef handler(event, context):\n    os._exit(0)\n"},
		{vector: "exit_127", file: "app", code: "import sys\ndef handler(event, context):\n    sys.exit(127)\n"},
		{vector: "response_too_large", file: "app", code: "def handler(event, context):\n    return 'x' * 6291555\n"},
	} {
		t.Run(c.vector+" "+c.file, func(t *testing.T) {
			f := python(c.vector+c.file, "")
			f.Handler = c.file + ".handler"
			f.Zip = zipped(t, files{c.file + ".py": c.code})
			if c.time > 0 {
				f.Timeout = c.time
			}
			b.deploy(f)
			r := b.invoke(f.Name, "")
			if r.FunctionError != "Unhandled" || r.Version != "$LATEST" {
				t.Errorf("error %q of version %q", r.FunctionError, r.Version)
			}
			want := vectors[c.vector]
			if c.stack != nil {
				want["stackTrace"] = c.stack
			}
			text, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			wanted := strings.ReplaceAll(string(text), `\u003cuuid\u003e`, r.RequestID)
			if d := cmp.Diff(decode[map[string]any](t, []byte(wanted)), decode[map[string]any](t, r.Payload)); d != "" {
				t.Errorf("payload (-recorded +got):\n%s\nlog:\n%s", d, r.Log)
			}
		})
	}
}

// TestPythonFailures are the failures that were not recorded, in the words of
// Lambda's Python runtime.
func TestPythonFailures(t *testing.T) { atEachLevel(t, checkPythonFailures) }

func checkPythonFailures(t *testing.T, b *bench) {
	for _, c := range []struct {
		name, handler, code string
		kind, message       string
	}{
		{"no module", "missing.handler", "", "Runtime.ImportModuleError", "Unable to import module 'missing': No module named 'missing'"},
		{"no module within a module", "app.handler", "import nothere", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'nothere'"},
		{"no function", "app.missing", "", "Runtime.HandlerNotFound", "Handler 'missing' missing on module 'app'"},
		{"no dot", "app", "", "Runtime.MalformedHandlerName", "Bad handler 'app': not enough values to unpack (expected 2, got 1)"},
		{"path out of the code", "../../app.handler", "", "Runtime.ImportModuleError", "Unable to import module '../../app': empty module name"},
		{"syntax error", "app.handler", "def handler(:\n", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': invalid syntax (app.py, line 1)"},
		{"not serialisable", "app.handler", "def handler(e, c): return {1, 2}", "Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable"},
		{"not callable", "app.handler", "handler = 1", "TypeError", "'int' object is not callable"},
		{"own exception", "app.handler", "class Own(Exception): pass\ndef handler(e, c): raise Own('ünï')", "Own", "ünï"},
		{"exception without a text", "app.handler", "class Own(Exception):\n  def __str__(self): return 1/0\ndef handler(e, c): raise Own()", "Own", "<ZeroDivisionError of the error's text>"},
		{"exit at init", "app.handler", "import sys; sys.exit(3)", "Runtime.ExitError", "Error: Runtime exited with error: exit status 3"},
		{"killed at init", "app.handler", "import os; os.kill(os.getpid(), 9)", "Runtime.ExitError", "Error: Runtime exited with error: signal: killed"},
		{"recursion", "app.handler", "def handler(e, c): return handler(e, c)", "RecursionError", "maximum recursion depth exceeded"},
		{"closed channel", "app.handler", "import os\ndef handler(e, c):\n  os.close(3)\n  os._exit(4)", "Runtime.ExitError", "exit status 4"},
		{"channel of nonsense", "app.handler", "import os,time\ndef handler(e, c):\n  os.write(3, b'nonsense!'*9)\n  time.sleep(9)", "Runtime.ExitError", "Runtime exited with error: signal: killed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := python(strings.ReplaceAll(c.name, " ", "-"), c.code)
			f.Handler = c.handler
			b.deploy(f)
			for range 2 { // a failed instance must not spoil the next
				r := b.invoke(f.Name, "")
				kind, message := r.Failure()
				if r.FunctionError != "Unhandled" || kind != c.kind || !strings.Contains(message, c.message) {
					t.Errorf("error %q: %s: %s\nwant %s: %s", r.FunctionError, kind, message, c.kind, c.message)
				}
			}
		})
	}
}

func TestPythonResults(t *testing.T) { atEachLevel(t, checkPythonResults) }

func checkPythonResults(t *testing.T, b *bench) {
	b.deploy(python("echo", `
import decimal
def handler(event, context):
    if event == "none": return None
    if event == "decimal": return [decimal.Decimal("3"), decimal.Decimal("2.5")]
    if event == "surrogate": return "\ud800"
    return event
`))
	for _, c := range []struct{ name, in, want string }{
		{"an absent payload is an empty object", "", `{}`},
		{"None is null", `"none"`, `null`},
		{"unicode stays what it is", `{"a": "ü☂𝄞"}`, `{"a": "ü☂𝄞"}`},
		{"numbers, also decimal ones", `"decimal"`, `[3, 2.5]`},
		{"a lone surrogate is escaped", `"surrogate"`, `"\ud800"`},
		{"scalars are events", `7`, `7`},
	} {
		if got := b.result("echo", c.in); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestPythonJSON holds what the bootstrap does for package json against it, and
// that a file of the function's code does not come in its place, nor in that of os.
func TestPythonJSON(t *testing.T) {
	b := newBenchAt(t, best())
	f := python("f", `
import sys, __main__
before = set(sys.modules)
early = "json" in before
import json, os
loaded = [n for n in set(sys.modules) - before if getattr(sys.modules[n], "__file__", None) and "." not in n]

def tried(f, *args):
    try:
        return repr(f(*args))
    except Exception as e:
        return "%s: %s" % (type(e).__name__, e)

circle = []
circle.append(circle)
def handler(event, context):
    wrong = [n for n in loaded if n not in __main__.StandardFinder.names]
    for text in ["", " ", "nil", "1 2", "[1,]", '"\\ud800"', '"a', '{"a": 1, "a": 2}', "\ufeff1", "NaN", "-Infinity", "1e400", " \n[1.50, 2, true, null] ",
                 '"a\\u00e4\\n"', '"\x01"', "1"*5000, "["*100000, "\x0b1", "1\xa0"]:
        for data in text.encode(), text.encode("utf-16-le"), text.encode("latin-1", "replace"):
            a, b = tried(__main__.load, data), tried(json.loads, data)
            if a != b: wrong.append([data.decode("latin-1")[:50], a[:200], b[:200]])
    for value in [None, "ä\n\x00\ud800", 1.0, float("nan"), 10**30, (1, 2), {1: 2, None: 3, True: 4, 1.5: 5}, {(): 1}, {1, 2}, circle, object, b"", [[], {}]]:
        a, b = tried(__main__.write, value), tried(lambda v: json.dumps(v, ensure_ascii=False, default=__main__.encode_more), value)
        if a != b: wrong.append(["dump", a, b])
    return [early, wrong, json.__file__ == "/var/task/json.py"]
`)
	f.Zip = zipped(t, files{"app.py": string(f.Zip), "json.py": "raise Exception('mine')", "types.py": "raise Exception('mine')", "os.py": "raise Exception('mine')", "stat.py": "raise Exception('mine')"})
	b.deploy(f)
	if got := b.result("f", ""); got != "[false, [], false]" {
		t.Errorf("started cold: %s", got)
	}
	b.stocked(2)
	b.update("f", func(*function.Settings) {})
	if got := b.result("f", ""); got != "[true, [], false]" || b.Stats().Pooled != 1 {
		t.Errorf("from the pool: %s, %+v", got, b.Stats())
	}
}

func TestPythonHandlerNames(t *testing.T) { atEachLevel(t, checkPythonHandlerNames) }

func checkPythonHandlerNames(t *testing.T, b *bench) {
	code := "def f(e, c): return __name__"
	zip := zipped(t, files{"a.py": code, "pkg/__init__.py": code, "pkg/sub/mod.py": code, "pkg/vendored.py": "import other.lib\nf = other.lib.f", "other/lib.py": code})
	for i, c := range []struct{ handler, want string }{
		{"a.f", `"a"`},
		{"pkg.f", `"pkg"`},
		{"pkg/sub/mod.f", `"pkg.sub.mod"`},
		{"pkg.sub.mod.f", `"pkg.sub.mod"`},
		{"pkg/vendored.f", `"other.lib"`},
	} {
		f := python(string(rune('a'+i)), "")
		f.Handler, f.Zip = c.handler, zip
		b.deploy(f)
		if got := b.result(f.Name, ""); got != c.want {
			t.Errorf("%s: %s, want %s", c.handler, got, c.want)
		}
	}
}

func TestPythonContext(t *testing.T) { atEachLevel(t, checkPythonContext) }

func checkPythonContext(t *testing.T, b *bench) {
	f := python("context", `
def handler(event, c):
    cc = c.client_context
    return {
        "id": c.aws_request_id, "name": c.function_name, "version": c.function_version,
        "memory": c.memory_limit_in_mb, "arn": c.invoked_function_arn, "group": c.log_group_name,
        "stream": c.log_stream_name, "left": c.get_remaining_time_in_millis(),
        "custom": cc and cc.custom, "client": cc and cc.client and cc.client.app_title,
        "identity": c.identity.cognito_identity_id,
    }
`)
	f.Memory, f.Timeout = 256, 9*time.Second
	b.deploy(f)
	r, err := b.Invoke(t.Context(), function.Request{
		Function: ref("context"), RequestID: "11111111-2222-4333-8444-555555555555",
		ClientContext: []byte("{\"custom\": {\"k\": \"v\"},\n \"client\": {\"app_title\": \"t\"}}"),
	})
	if err != nil {
		t.Fatal(err)
	}
	got := decode[map[string]any](t, r.Payload)
	if left, ok := got["left"].(float64); !ok || left <= 0 || left > 9000 {
		t.Errorf("%v ms left of 9000", got["left"])
	}
	stream, _ := got["stream"].(string)
	if !regexp.MustCompile(`^\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$`).MatchString(stream) {
		t.Errorf("log stream %q", stream)
	}
	delete(got, "left")
	delete(got, "stream")
	want := map[string]any{
		"id": "11111111-2222-4333-8444-555555555555", "name": "context", "version": "$LATEST", "memory": "256",
		"arn": "arn:aws:lambda:eu-west-1:123456789012:function:context", "group": "/aws/lambda/context",
		"custom": map[string]any{"k": "v"}, "client": "t", "identity": nil,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestEnvironment(t *testing.T) {
	atEachLevel(t, checkEnvironment, func(c *function.Config) { c.EndpointURL = "http://127.0.0.1:7420" })
}

func checkEnvironment(t *testing.T, b *bench) {
	f := python("env", "import os\ndef handler(e, c): return dict(os.environ)")
	f.Environment = map[string]string{"OWN": "ü \n=", "TZ": "Europe/Berlin"}
	b.deploy(f)
	env := decode[map[string]string](t, []byte(b.result("env", "")))
	endpoint, task := "http://127.0.0.1:7420", filepath.Join(b.cfg.Dir, "code")
	if b.Isolation().Network() {
		endpoint, task = "http://127.0.0.1:9002", "/var/task"
	}
	if !strings.HasPrefix(env["LAMBDA_TASK_ROOT"], task) {
		t.Errorf("LAMBDA_TASK_ROOT is %q, want %s", env["LAMBDA_TASK_ROOT"], task)
	}
	for k, want := range map[string]string{
		"OWN": "ü \n=", "TZ": "Europe/Berlin", "AWS_LAMBDA_FUNCTION_NAME": "env", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/env",
		"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11", "AWS_REGION": "eu-west-1",
		"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "123456789012", "_HANDLER": "app.handler",
		"LANG": "en_US.UTF-8", "AWS_ENDPOINT_URL": endpoint, "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
	} {
		if env[k] != want {
			t.Errorf("%s is %q, want %q", k, env[k], want)
		}
	}
	for _, k := range []string{"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "PATH", "AWS_LAMBDA_LOG_STREAM_NAME"} {
		if env[k] == "" {
			t.Errorf("%s is not set", k)
		}
	}
	if !regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`).MatchString(env["_X_AMZN_TRACE_ID"]) {
		t.Errorf("trace id %q", env["_X_AMZN_TRACE_ID"])
	}
	if _, leaked := env[secretVariable]; leaked {
		t.Error("the server's environment reached the function")
	}
	if env["_X_AMZN_TRACE_ID"] == decode[map[string]string](t, []byte(b.result("env", "")))["_X_AMZN_TRACE_ID"] {
		t.Error("two invocations have the same trace id")
	}
}

func TestWorkingDirectoryAndDescriptors(t *testing.T) {
	atEachLevel(t, checkWorkingDirectoryAndDescriptors)
}

func checkWorkingDirectoryAndDescriptors(t *testing.T, b *bench) {
	f := python("files", "")
	f.Zip = zipped(t, files{"data/x.txt": "content", "app.py": `
import os
def handler(e, c):
    fds = []
    for n in os.listdir("/proc/self/fd"):
        try: fds.append([int(n), os.readlink("/proc/self/fd/" + n)])
        except OSError: pass
    return {"data": open("data/x.txt").read(), "cwd": os.getcwd() == os.environ["LAMBDA_TASK_ROOT"], "fds": sorted(fds), "pgid": os.getpgid(0) == os.getpid()}
`})
	b.deploy(f)
	got := decode[struct {
		Data      string
		CWD, PGID bool
		FDs       [][]any
	}](t, []byte(b.result("files", "")))
	if got.Data != "content" || !got.CWD || !got.PGID {
		t.Errorf("got %+v", got)
	}
	if len(got.FDs) != 4 { // /dev/null, the log twice, the channel
		t.Errorf("descriptors %v, want 0 to 3 only", got.FDs)
	}
}

func TestMissingMinorVersionRunsOnThePythonThereIs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, runtime := range []string{"python3.8", "python3.14"} {
		f := python("on-"+runtime[8:], "import sys\ndef handler(e, c): return '%d.%d' % sys.version_info[:2]")
		f.Runtime = runtime
		b.deploy(f)
		r := b.invoke(f.Name, "")
		got := "python" + decode[string](t, r.Payload)
		told := strings.Contains(string(r.Log), "this server has no "+runtime)
		if told != (got != runtime) {
			t.Errorf("ran on %s for %s; the log says %.200s", got, runtime, r.Log)
		}
	}
}
