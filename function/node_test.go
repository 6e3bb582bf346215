package function_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belfry-run/belfry/function"
)

// node is a function of one file, app.js.
func node(t testing.TB, name, code string) function.Creation {
	f := python(name, "")
	f.Runtime = "nodejs20.x"
	f.Zip = zipped(t, files{"app.js": code})
	return f
}

func TestNodeResults(t *testing.T) { atEachLevel(t, checkNodeResults) }

func checkNodeResults(t *testing.T, b *bench) {
	for _, c := range []struct{ name, code, in, want string }{
		{"an absent payload is an empty object", "exports.handler = async (e) => e", "", `{}`},
		{"unicode stays what it is", "exports.handler = async (e) => e", `{"a": "ü☂𝄞"}`, `{"a":"ü☂𝄞"}`},
		{"a lone surrogate is escaped", "exports.handler = async () => '\\ud800'", "", `"\ud800"`},
		{"scalars are events", "exports.handler = async (e) => e", "7", "7"},
		{"undefined is null", "exports.handler = async () => {}", "", "null"},
		{"what is no JSON is null", "exports.handler = async () => () => 1", "", "null"},
		{"a promise", "exports.handler = () => new Promise((r) => setTimeout(r, 5, 'p'))", "", `"p"`},
		{"what is only like a promise", "exports.handler = () => ({then(f) { f('t') }})", "", `"t"`},
		{"a result that was not promised is not used", "exports.handler = () => 'r'", "", "null"},
		{"a promise that nothing will keep is null", "exports.handler = () => new Promise(() => {})", "", "null"},
		{"a callback", "exports.handler = (e, c, cb) => setTimeout(cb, 5, null, 'c')", "", `"c"`},
		{"the first of two callbacks", "exports.handler = (e, c, cb) => { cb(null, 1); cb(null, 2) }", "", "1"},
		{"a result is what it was at the callback", "exports.handler = (e, c, cb) => { const r = {n: 0}; cb(null, r); setTimeout(() => r.n++, 20) }", "", `{"n":0}`},
		{"a callback that need not wait", "exports.handler = (e, c, cb) => { c.callbackWaitsForEmptyEventLoop = false; setTimeout(() => {}, 1e9); cb(null, c.callbackWaitsForEmptyEventLoop) }", "", "false"},
		{"context.succeed", "exports.handler = (e, c) => { setTimeout(() => {}, 1e9); c.succeed('s') }", "", `"s"`},
		{"context.done", "exports.handler = (e, c) => { setTimeout(() => {}, 1e9); c.done(null, 'd') }", "", `"d"`},
	} {
		name := strings.NewReplacer(" ", "-", ".", "-").Replace(c.name)
		b.deploy(node(t, name, c.code))
		for range 2 {
			if got := b.result(name, c.in); got != c.want {
				t.Errorf("%s: %s, want %s", c.name, got, c.want)
			}
		}
	}
}

// TestNodeCallbackWaits proves that an answer by callback waits for all that the
// handler has begun.
func TestNodeCallbackWaits(t *testing.T) {
	b := newBench(t)
	b.deploy(node(t, "f", "let n = 0; exports.handler = (e, c, cb) => { cb(null, n); setTimeout(() => n++, 20) }"))
	if first, second := b.result("f", ""), b.result("f", ""); first != "0" || second != "1" {
		t.Errorf("%s and then %s, want 0 and 1", first, second)
	}
}

// TestNodeFailures are in the words of Lambda's Node.js runtime.
func TestNodeFailures(t *testing.T) { atEachLevel(t, checkNodeFailures) }

func checkNodeFailures(t *testing.T, b *bench) {
	for _, c := range []struct {
		name, handler, code string
		kind, message       string
		trace               string // the start of one of its lines; empty: not looked at
	}{
		{"throws", "app.handler", "exports.handler = async () => {\n  throw new Error('Handler fails') }", "Error", "Handler fails", "    at exports.handler (/var/task/app.js:2:9)"},
		{"throws at once", "app.handler", "exports.handler = () => { throw new TypeError('t') }", "TypeError", "t", "TypeError: t"},
		{"own error", "app.handler", "class Own extends Error { constructor(m) { super(m); this.name = 'Own' } }\nexports.handler = async () => { throw new Own('ünï') }", "Own", "ünï", ""},
		{"rejects with a string", "app.handler", "exports.handler = () => Promise.reject('no')", "string", "no", ""},
		{"rejects with an object", "app.handler", "exports.handler = () => Promise.reject({a: 1})", "object", "[object Object]", ""},
		{"rejects with nothing", "app.handler", "exports.handler = () => Promise.reject()", "handled", "callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack", ""},
		{"calls back an error", "app.handler", "exports.handler = (e, c, cb) => { setTimeout(() => {}, 1e9); cb(new Error('cb')) }", "Error", "cb", ""},
		{"context.fail", "app.handler", "exports.handler = (e, c) => c.fail(new RangeError('f'))", "RangeError", "f", ""},
		{"context.fail with nothing", "app.handler", "exports.handler = (e, c) => c.fail()", "string", "handled", ""},
		{"a result with a circle", "app.handler", "exports.handler = async () => { const a = {}; a.a = a; return a }", "Error", "Unable to stringify response body", ""},
		{"a BigInt", "app.handler", "exports.handler = async () => 1n", "Error", "Unable to stringify response body", ""},
		{"a long message", "app.handler", "exports.handler = async () => { throw new Error('x'.repeat(7e6)) }", "Error", strings.Repeat("x", 65536), ""},
		{"uncaught", "app.handler", "exports.handler = () => { setTimeout(() => { throw new Error('late') }, 1); return new Promise((r) => setTimeout(r, 1e4)) }", "Error", "late", "Error: late"},
		{"unhandled", "app.handler", "exports.handler = () => { Promise.reject(new Error('lost')); return new Promise((r) => setTimeout(r, 1e4)) }", "Runtime.UnhandledPromiseRejection", "Error: lost", "Runtime.UnhandledPromiseRejection: Error: lost"},
		{"exits", "app.handler", "exports.handler = async () => process.exit(0)", "Runtime.ExitError", "Error: Runtime exited without providing a reason", ""},
		{"exits with a status", "app.handler", "exports.handler = async () => process.exit(127)", "Runtime.ExitError", "Error: Runtime exited with error: exit status 127", ""},
		{"aborts", "app.handler", "exports.handler = async () => process.abort()", "Runtime.ExitError", "Error: Runtime exited with error: signal: aborted", ""},
		{"too large", "app.handler", "exports.handler = async () => 'x'.repeat(6291555)", "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes).", ""},
		{"not too large", "app.handler", "exports.handler = async () => 'x'.repeat(6291554)", "", "", ""},

		{"init throws", "app.handler", "throw new Error('Runtime startup fails')", "Error", "Runtime startup fails", "    at Object.<anonymous> (/var/task/app.js:1:7)"},
		{"init throws a string", "app.handler", "throw 'up'", "string", "up", ""},
		{"init rejects", "app.handler", "Promise.reject(new Error('lost')); exports.handler = async () => {}", "Runtime.UnhandledPromiseRejection", "Error: lost", ""},
		{"init exits", "app.handler", "process.exit(3)", "Runtime.ExitError", "Error: Runtime exited with error: exit status 3", ""},
		{"no module", "missing.handler", "", "Runtime.ImportModuleError", "Error: Cannot find module 'missing'\nRequire stack:\n- /var/", "Runtime.ImportModuleError: Error: Cannot find module 'missing'"},
		{"no module within a module", "app.handler", "require('nothere')", "Runtime.ImportModuleError", "Error: Cannot find module 'nothere'\nRequire stack:\n- /var/task/app.js", ""},
		{"no function", "app.missing", "exports.handler = 1", "Runtime.HandlerNotFound", "app.missing is undefined or not exported", ""},
		{"no function, but something", "app.handler", "exports.handler = 1", "Runtime.HandlerNotFound", "app.handler is not a function", ""},
		{"no dot", "app", "", "Runtime.MalformedHandlerName", "Bad handler", ""},
		{"path out of the code", "../app.handler", "", "Runtime.MalformedHandlerName", "'../app.handler' is not a valid handler name. Use absolute paths when specifying root directories in handler names.", ""},
		{"syntax error", "app.handler", "exports.handler = (", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected end of input", "/var/task/app.js:1"},
		{"streaming", "app.handler", "exports.handler = awslambda.streamifyResponse(async () => {})", "Runtime.MalformedStreamingHandler", "This server does not run streaming handlers (awslambda.streamifyResponse). Return the response instead.", ""},
		{"channel of nonsense", "app.handler", "exports.handler = async () => { require('fs').writeSync(3, 'nonsense!'.repeat(9)); await new Promise((r) => setTimeout(r, 9e3)) }", "Runtime.ExitError", "Runtime exited with error: signal: killed", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := node(t, strings.NewReplacer(" ", "-", ",", "", ".", "-").Replace(c.name), c.code)
			f.Handler = c.handler
			b.deploy(f)
			for range 2 { // a failed instance must not spoil the next
				r := b.invoke(f.Name, "")
				kind, message := r.Failure()
				if kind != c.kind || !strings.Contains(message, c.message) {
					t.Fatalf("error %q: %.300s: %.300s\nwant %s: %.300s\n%.2000s", r.FunctionError, kind, message, c.kind, c.message, r.Log)
				}
				if c.trace == "" {
					continue
				}
				trace := decode[struct{ Trace []string }](t, r.Payload).Trace
				found := false
				for _, line := range trace {
					found = found || strings.HasPrefix(line, c.trace)
				}
				if !found {
					t.Errorf("the trace has no line %q:\n%s", c.trace, strings.Join(trace, "\n"))
				}
			}
		})
	}
}

func TestNodeModules(t *testing.T) { atEachLevel(t, checkNodeModules) }

func checkNodeModules(t *testing.T, b *bench) {
	const cjs, esm = "exports.f = async () => __filename.split('/').pop()", "import { basename } from 'node:path';\nexport const f = async () => basename(new URL(import.meta.url).pathname)"
	zip := zipped(t, files{
		"a.js": cjs, "m.mjs": esm, "c.cjs": cjs, "nested.js": "exports.b = {c: async () => 'nested'}",
		"esm/package.json": `{"type": "module"}`, "esm/e.js": esm, "esm/sub/deep.js": esm, "esm/c.cjs": cjs,
		"folder/index.js": cjs, "node_modules/pkg/index.js": cjs, "lib.js": "exports.f = require('pkg').f",
		"awaits.mjs": "const v = await new Promise((r) => setTimeout(r, 5, 'awaited'));\nexport const f = async () => v",
		"counts.mjs": "import './once.mjs';\nawait 1;\nexport const f = async () => String(globalThis.evaluated)",
		"once.mjs":   "globalThis.evaluated = (globalThis.evaluated ?? 0) + 1",
		"path.js":    "exports.f = require('via-path').f", "more/via-path.js": cjs,
		"options.mjs": "export const f = async () => process.env.NODE_OPTIONS",
	})
	for i, c := range []struct{ handler, want string }{
		{"a.f", "a.js"},
		{"m.f", "m.mjs"},
		{"c.f", "c.cjs"},
		{"nested.b.c", "nested"},
		{"esm/e.f", "e.js"},
		{"esm/sub/deep.f", "deep.js"},
		{"./esm/sub/deep.f", "deep.js"},
		{"esm/c.f", "c.cjs"},
		{"folder.f", "index.js"},
		{"pkg.f", "index.js"},
		{"lib.f", "index.js"},
		{"awaits.f", "awaited"},
		{"counts.f", "1"},
		{"options.f", "--conditions=own"},
		{"path.f", "via-path.js"},
	} {
		f := node(t, string(rune('a'+i)), "")
		f.Handler, f.Zip = c.handler, zip
		switch c.handler {
		case "options.f":
			f.Environment = map[string]string{"NODE_OPTIONS": c.want}
		case "path.f":
			f.Environment = map[string]string{"NODE_PATH": "/var/task/more"}
			if !b.Isolation().Network() {
				continue // the code has another path
			}
		}
		b.deploy(f)
		r := b.invoke(f.Name, "")
		if got := string(r.Payload); got != `"`+c.want+`"` || strings.Contains(string(r.Log), "Warning") {
			t.Errorf("%s: %s, want %s\n%s", c.handler, got, c.want, r.Log)
		}
	}
}

func TestNodeContext(t *testing.T) { atEachLevel(t, checkNodeContext) }

func checkNodeContext(t *testing.T, b *bench) {
	f := node(t, "context", `
exports.handler = async (event, c) => {
  const left = c.getRemainingTimeInMillis();
  return { ...c, left: left > 0 && left <= 9000, undefineds: Object.keys(c).filter((k) => c[k] === undefined), trace: process.env._X_AMZN_TRACE_ID.slice(0, 7), cwd: process.cwd() === process.env.LAMBDA_TASK_ROOT };
};`)
	f.Memory, f.Timeout = 256, 9*time.Second
	b.deploy(f)
	r, err := b.Invoke(t.Context(), function.Request{
		Function: ref("context"), RequestID: "11111111-2222-4333-8444-555555555555", ClientContext: []byte(`{"custom": {"k": "v"}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	got := decode[map[string]any](t, r.Payload)
	if stream, _ := got["logStreamName"].(string); !strings.Contains(stream, "/[$LATEST]") {
		t.Errorf("log stream %q", stream)
	}
	delete(got, "logStreamName")
	want := map[string]any{
		"awsRequestId": "11111111-2222-4333-8444-555555555555", "functionName": "context", "functionVersion": "$LATEST",
		"memoryLimitInMB": "256", "invokedFunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:context",
		"logGroupName": "/aws/lambda/context", "clientContext": map[string]any{"custom": map[string]any{"k": "v"}},
		"callbackWaitsForEmptyEventLoop": true, "left": true, "undefineds": []any{"identity", "tenantId"}, "trace": "Root=1-", "cwd": true,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestNodeLog holds what handlers print against the lines of Lambda, in both of
// its formats.
func TestNodeLog(t *testing.T) {
	b := newBench(t)
	const code = `
console.log("at init");
exports.handler = async () => {
  console.log("logged %s", 1, {a: [1]});
  console.info("info"); console.warn("warn"); console.error(new Error("told").message); console.debug("two\nlines"); console.fatal("fatal");
  console.log({k: "v"});
  process.stdout.write("written\n");
  process.stderr.write("to stderr\n");
  require("child_process").execFileSync("/bin/echo", ["from a child"], {stdio: "inherit"});
  console.error("failed", new TypeError("t"));
  process.stdout.write("no newline");
};`
	const stamp, id = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`, `[0-9a-f-]{36}`
	for _, c := range []struct {
		name string
		as   string
		want string
	}{
		{"text", function.LogText, stamp + `\tundefined\tINFO\tat init
START RequestId: ` + id + ` Version: \$LATEST
` + stamp + `\t` + id + `\tINFO\tlogged 1 { a: \[ 1 \] }
` + stamp + `\t` + id + `\tINFO\tinfo
` + stamp + `\t` + id + `\tWARN\twarn
` + stamp + `\t` + id + `\tERROR\ttold
` + stamp + `\t` + id + `\tDEBUG\ttwo
lines
` + stamp + `\t` + id + `\tFATAL\tfatal
` + stamp + `\t` + id + `\tINFO\t{ k: 'v' }
written
to stderr
from a child
` + stamp + `\t` + id + `\tERROR\tfailed TypeError: t
    at exports\.handler \(/var/task/app\.js:10:27\)
(    at .*\n)*no newline
END RequestId`},
		{"json", function.LogJSON, `{"timestamp":"` + stamp + `","level":"INFO","message":"at init"}
{"time":"` + stamp + `","type":"platform\.start","record":{"requestId":"` + id + `","version":"\$LATEST"}}
{"timestamp":"` + stamp + `","level":"INFO","requestId":"` + id + `","message":"logged 1 { a: \[ 1 \] }"}
{"timestamp":"` + stamp + `","level":"INFO","requestId":"` + id + `","message":"info"}
{"timestamp":"` + stamp + `","level":"WARN","requestId":"` + id + `","message":"warn"}
{"timestamp":"` + stamp + `","level":"ERROR","requestId":"` + id + `","message":"told"}
{"timestamp":"` + stamp + `","level":"FATAL","requestId":"` + id + `","message":"fatal"}
{"timestamp":"` + stamp + `","level":"INFO","requestId":"` + id + `","message":{"k":"v"}}
written
to stderr
from a child
{"timestamp":"` + stamp + `","level":"ERROR","requestId":"` + id + `","message":"failed TypeError: t\\n[^"]*","errorType":"TypeError","errorMessage":"t","stackTrace":\["TypeError: t",[^\]]*\]}
no newline
{"time":"`},
	} {
		f := node(t, c.name, code)
		f.LogFormat = c.as
		b.deploy(f)
		r := b.invoke(c.name, "")
		if !regexp.MustCompile(`(ARN: \S+|"platform\.initStart".*)\n` + c.want).Match(r.Log) {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, r.Log, c.want)
		}
	}
	f := node(t, "fails", "exports.handler = async () => {\n  throw Object.assign(new Error('boom'), {code: 'E1', detail: 7}) }")
	b.deploy(f)
	want := `\t` + id + `\tERROR\tInvoke Error \t{"errorType":"Error","errorMessage":"boom","code":"E1","detail":7,"stack":\["Error: boom","    at exports\.handler \(/var/task/app\.js:2:2\d\)",.*\]}` + "\n"
	if r := b.invoke("fails", ""); !regexp.MustCompile(want).Match(r.Log) {
		t.Errorf("the log of an error is\n%s\nwant\n%s", r.Log, want)
	}
	f = node(t, "crashes", "exports.handler = () => { setTimeout(() => { throw new Error('late') }, 1) }")
	b.deploy(f)
	r := b.invoke("crashes", "")
	for _, want := range []string{"\tERROR\tUncaught Exception \t{\"errorType\":\"Error\",\"errorMessage\":\"late\"", "RequestId: " + r.RequestID + " Error: Runtime exited with error: exit status 129\nRuntime.ExitError\nEND RequestId"} {
		if !strings.Contains(string(r.Log), want) {
			t.Errorf("the log has no %q:\n%s", want, r.Log)
		}
	}
}

// TestNodeStateStays proves that an instance is used again, and that what it
// began and did not wait for goes on in the next invocation.
func TestNodeStateStays(t *testing.T) { atEachLevel(t, checkNodeStateStays) }

func checkNodeStateStays(t *testing.T, b *bench) {
	b.deploy(node(t, "f", `
let calls = 0, fired = 0;
exports.handler = async () => {
  if (calls++ === 0) setTimeout(() => fired++, 1);
  return [calls, fired];
};`))
	if got := b.result("f", ""); got != "[1,0]" {
		t.Errorf("the first is %s", got)
	}
	eventually(t, "the timer fires between two invocations", func() bool { return strings.HasSuffix(b.result("f", ""), ",1]") })
	if n := b.Stats().Starts; n != 1 {
		t.Errorf("%d starts, want 1", n)
	}
}
