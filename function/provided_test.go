package function_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/function/sandbox"
)

// golambda is the stock aws-lambda-go function of testdata/golambda.
var golambda = sync.OnceValues(func() (program []byte, err error) {
	dir, err := os.MkdirTemp("", "belfry-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "bootstrap")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Dir = "testdata/golambda"
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return os.ReadFile(path)
})

func provided(name string, zip []byte) function.Creation {
	f := python(name, "")
	f.Runtime, f.Handler, f.Zip = "provided.al2023", "", zip
	return f
}

func TestStockGoFunction(t *testing.T) { atEachLevel(t, checkStockGoFunction) }

func checkStockGoFunction(t *testing.T, b *bench) {
	program, err := golambda()
	if err != nil {
		t.Fatal(err)
	}
	zip := zipped(t, files{"bootstrap": string(program)})
	b.deploy(provided("go", zip))

	type answer struct {
		PID           int
		ID, ARN, Name string
		Memory        int
		Left          float64
		Custom        map[string]string
	}
	r, err := b.Invoke(t.Context(), function.Request{
		Function: ref("go"), Payload: []byte(`{"do": "tell"}`), ClientContext: []byte(`{"custom": {"key": "v"}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	got := decode[answer](t, r.Payload)
	if got.ID != r.RequestID || got.ARN != ref("go").ARN() || got.Name != "go" || got.Memory != 128 ||
		got.Left <= 0 || got.Left > patience.Seconds() || got.Custom["key"] != "v" {
		t.Errorf("answer %s", r.Payload)
	}
	if !strings.Contains(string(r.Log), "START RequestId: "+r.RequestID+" Version: $LATEST\ndoing tell\nEND") || r.PeakMemory == 0 {
		t.Errorf("peak %d MB, log:\n%s", r.PeakMemory, r.Log)
	}
	for _, c := range []struct{ payload, kind, message string }{
		{`{"do": "error"}`, "errorString", "as asked"},
		{`{"do": "large", "n": 6291555}`, "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes)."},
	} {
		r := b.invoke("go", c.payload)
		if kind, message := r.Failure(); kind != c.kind || message != c.message {
			t.Errorf("%s: %s: %s", c.payload, kind, message)
		}
	}
	if large := b.result("go", `{"do": "large", "n": 6291554}`); len(large) != 6291556 {
		t.Errorf("the largest response came as %d bytes", len(large))
	}
	for _, c := range []struct{ payload, kind, message string }{
		{`{"do": "panic"}`, "string", "as asked"},
		{`{"do": "exit", "n": 7}`, "Runtime.ExitError", "Error: Runtime exited with error: exit status 7"},
		{`{"do": "exit"}`, "Runtime.ExitError", "Error: Runtime exited without providing a reason"},
	} {
		b.result("go", "")
		before := b.Stats().Starts
		r := b.invoke("go", c.payload)
		if kind, message := r.Failure(); kind != c.kind || !strings.Contains(message, c.message) {
			t.Errorf("%s: %s: %s", c.payload, kind, message)
		}
		if b.result("go", ""); b.Stats().Starts != before+1 {
			t.Errorf("%s: the process was used again", c.payload)
		}
	}

	slow := provided("slow", zip)
	slow.Timeout = time.Second
	b.deploy(slow)
	if kind, message := b.invoke("slow", `{"do": "sleep"}`).Failure(); kind != "Sandbox.Timedout" || !strings.HasSuffix(message, "Error: Task timed out after 1.00 seconds") {
		t.Errorf("%s: %s", kind, message)
	}
	broken := provided("broken", zip)
	broken.Environment = map[string]string{"FAIL_INIT": "1"}
	b.deploy(broken)
	r = b.invoke("broken", "")
	if kind, message := r.Failure(); kind != "Runtime.ExitError" || !strings.HasSuffix(message, "exit status 5") || !strings.Contains(string(r.Log), "init fails\n") {
		t.Errorf("%s: %s\n%s", kind, message, r.Log)
	}
}

func TestBootstrapThatCannotRun(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		name    string
		content files
		message string
	}{
		{"missing", files{"other": "x"}, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"},
		{"no program", files{"bootstrap": "nonsense"}, "exec format error"},
		{"missing interpreter", files{"bootstrap": "#!/no/such/interpreter\n"}, "no such file or directory"},
	} {
		f := provided(strings.ReplaceAll(c.name, " ", "-"), zipped(t, c.content))
		b.deploy(f)
		r := b.invoke(f.Name, "")
		if kind, message := r.Failure(); kind != "Runtime.InvalidEntrypoint" || !strings.Contains(message, c.message) {
			t.Errorf("%s: %s: %s", c.name, kind, message)
		}
		if !strings.Contains(string(r.Log), "\nREPORT RequestId: "+r.RequestID) {
			t.Errorf("%s: log\n%s", c.name, r.Log)
		}
	}
	if s := b.Stats(); s.Instances != 0 || s.Starting != 0 || s.MemoryPromised != 0 {
		t.Errorf("left behind: %+v", s)
	}
}

// probe is a runtime in Python that asks its Runtime API what the payload
// lists, between taking the invocation and answering it, and answers with what
// it was told.
const probe = `#!/usr/bin/env python3
import http.client, json, os, socket
host = os.environ["AWS_LAMBDA_RUNTIME_API"]
base = "/2018-06-01/runtime"
def call(method, path, body=None, headers={}):
    c = http.client.HTTPConnection(host)
    c.request(method, path, body, headers)
    r = c.getresponse()
    return r.status, r.read().decode(), dict(r.getheaders())
def truncated(path):
    s = socket.create_connection(host.split(":"))
    s.sendall(("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nshort" % path).encode())
    s.shutdown(socket.SHUT_WR)
    return int(s.makefile().readline().split()[1]), "", {}
early = call("POST", base + "/invocation/none/response", "{}")
if os.environ.get("INIT_ERROR"):
    told = [call("POST", base + "/init/error", os.environ["INIT_ERROR"], {"Lambda-Runtime-Function-Error-Type": os.environ["INIT_TYPE"]})[:2]]
    told.append(call("POST", base + "/init/error", "{}")[:2])
    told.append(call("GET", base + "/invocation/next")[:2])
    print(json.dumps(told), flush=True)
    os._exit(0)
while True:
    status, event, headers = call("GET", base + "/invocation/next")
    id = headers["Lambda-Runtime-Aws-Request-Id"]
    told = {"early": early[:2], "headers": headers}
    event = json.loads(event)
    for name, (method, path, body, more) in event.get("calls", {}).items():
        path = path.replace("{id}", id)
        if body == "large": body = "x" * 6291557
        told[name] = (truncated(path) if body == "truncated" else call(method, path, body, more))[:2]
    if event.get("error"):
        call("POST", base + "/invocation/%s/error" % id, event["error"], {"Lambda-Runtime-Function-Error-Type": event["type"]})
    elif not event.get("answered"):
        call("POST", base + "/invocation/%s/response" % id, json.dumps(told))
    twice = call("POST", base + "/invocation/%s/response" % id, "{}")
    print("twice", json.dumps(twice[:2]), flush=True)
`

// TestRuntimeAPI holds the Runtime API's answers against semantics.md 3.9.
func TestRuntimeAPI(t *testing.T) { atEachLevel(t, checkRuntimeAPI) }

func checkRuntimeAPI(t *testing.T, b *bench) {
	b.deploy(provided("probe", zipped(t, files{"bootstrap": probe})))
	type ask = [4]any
	none := map[string]string{}
	calls := map[string]ask{
		"ping":           {"GET", "/2018-06-01/ping", nil, none},
		"next again":     {"GET", "/2018-06-01/runtime/invocation/next", nil, none},
		"wrong id":       {"POST", "/2018-06-01/runtime/invocation/other/response", "{}", none},
		"wrong error id": {"POST", "/2018-06-01/runtime/invocation/other/error", "{}", none},
		"late init":      {"POST", "/2018-06-01/runtime/init/error", "{}", none},
		"mode":           {"POST", "/2018-06-01/runtime/invocation/{id}/response", "{}", map[string]string{"Lambda-Runtime-Function-Response-Mode": "other"}},
		"truncated":      {"POST", "/2018-06-01/runtime/invocation/{id}/response", "truncated", none},
		"extension":      {"POST", "/2020-01-01/extension/register", "{}", none},
		"extension next": {"GET", "/2020-01-01/extension/event/next", nil, none},
		"logs":           {"PUT", "/2020-08-15/logs", "{}", none},
		"telemetry":      {"PUT", "/2022-07-01/telemetry", "{}", none},
		"nonsense":       {"GET", "/nonsense", nil, none},
	}
	payload, err := json.Marshal(map[string]any{"calls": calls})
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Invoke(t.Context(), function.Request{Function: ref("probe"), Payload: payload, ClientContext: []byte("{\n\"a\": \"b\"}")})
	if err != nil {
		t.Fatal(err)
	}
	if r.FunctionError != "" {
		t.Fatalf("%s\n%s", r.Payload, r.Log)
	}
	told := decode[map[string]json.RawMessage](t, r.Payload)
	state := `"errorType":"InvalidStateTransition"`
	for name, want := range map[string]struct {
		status int
		body   string
	}{
		"early":          {403, state},
		"ping":           {200, "pong"},
		"next again":     {403, state},
		"wrong id":       {400, `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`},
		"wrong error id": {400, `"errorType":"InvalidRequestID"`},
		"late init":      {403, state},
		"mode":           {400, `"errorType":"InvalidFunctionResponseMode"`},
		"truncated":      {400, ""},
		"extension":      {403, `{"errorMessage":"Extensions are not supported on this server.","errorType":"Extension.NotSupported"}`},
		"extension next": {403, "Extension.NotSupported"},
		"logs":           {202, `{"errorMessage":"Logs API is not supported","errorType":"Logs.NotSupported"}`},
		"telemetry":      {202, `{"errorMessage":"Telemetry API is not supported","errorType":"Telemetry.NotSupported"}`},
		"nonsense":       {404, ""},
	} {
		got := decode[[]any](t, told[name])
		if got[0] != float64(want.status) || !strings.Contains(fmt.Sprint(got[1]), want.body) {
			t.Errorf("%s: %v, want %d %s", name, got, want.status, want.body)
		}
	}
	headers := decode[map[string]string](t, told["headers"])
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Lambda-Runtime-Aws-Request-Id": r.RequestID,
		"Lambda-Runtime-Invoked-Function-Arn": ref("probe").ARN(), "Lambda-Runtime-Client-Context": `{"a":"b"}`,
	} {
		if headers[name] != want {
			t.Errorf("header %s is %q, want %q", name, headers[name], want)
		}
	}
	if headers["Lambda-Runtime-Deadline-Ms"] == "" || headers["Lambda-Runtime-Trace-Id"] == "" {
		t.Errorf("headers %v", headers)
	}
	if _, there := headers["Lambda-Runtime-Cognito-Identity"]; there {
		t.Error("an empty header was sent")
	}
	// What the runtime was told after its answer is in this log, or in the next.
	if log := string(r.Log) + string(b.invoke("probe", "").Log); !strings.Contains(log, `twice [403, "{\"errorMessage\":`) {
		t.Errorf("the second answer was not refused:\n%s", log)
	}
}

func TestRuntimeAPITooLarge(t *testing.T) {
	b := newBench(t)
	b.deploy(provided("probe", zipped(t, files{"bootstrap": strings.Replace(probe, `    if event.get("error")`, `    if event.get("calls"): print(json.dumps(told["large"]), flush=True)
    if event.get("error")`, 1)})))
	payload := `{"answered": true, "calls": {"large": ["POST", "/2018-06-01/runtime/invocation/{id}/response", "large", {}]}}`
	r := b.invoke("probe", payload)
	if kind, message := r.Failure(); kind != "Function.ResponseSizeTooLarge" || message != "Response payload size exceeded maximum allowed payload size (6291556 bytes)." {
		t.Errorf("%s: %s", kind, message)
	}
	var all bytes.Buffer
	all.Write(r.Log)
	all.Write(b.invoke("probe", "").Log)
	if !strings.Contains(all.String(), `[413, "{\"errorMessage\":\"Exceeded maximum allowed payload size (6291556 bytes).\",\"errorType\":\"RequestEntityTooLarge\"}`) {
		t.Errorf("the runtime was told:\n%s", all.String())
	}
}

func TestRuntimeAPIErrors(t *testing.T) { atEachLevel(t, checkRuntimeAPIErrors) }

func checkRuntimeAPIErrors(t *testing.T, b *bench) {
	b.deploy(provided("probe", zipped(t, files{"bootstrap": probe})))
	for _, c := range []struct{ name, body, kind, want string }{
		{"an error object passes as it is", `{"errorMessage": "m", "errorType": "Own"}`, "Runtime.Own", `{"errorMessage": "m", "errorType": "Own"}`},
		{"without one the type of the header counts", "text", "Function.Own", `{"errorType":"Function.Own","errorMessage":""}`},
		{"an odd type of the function's is unknown", "text", "Function.own!", `{"errorType":"Function.Unknown","errorMessage":""}`},
		{"any other odd type is the runtime's", "text", "own", `{"errorType":"Runtime.Unknown","errorMessage":""}`},
	} {
		payload, err := json.Marshal(map[string]string{"error": c.body, "type": c.kind})
		if err != nil {
			t.Fatal(err)
		}
		if r := b.invoke("probe", string(payload)); r.FunctionError != "Unhandled" || string(r.Payload) != c.want {
			t.Errorf("%s: %q %s, want %s", c.name, r.FunctionError, r.Payload, c.want)
		}
	}
	f := provided("init", zipped(t, files{"bootstrap": probe}))
	f.Environment = map[string]string{"INIT_ERROR": `{"errorMessage": "m", "errorType": "Own"}`, "INIT_TYPE": "Runtime.Own"}
	b.deploy(f)
	r := b.invoke("init", "")
	if r.FunctionError != "Unhandled" || string(r.Payload) != f.Environment["INIT_ERROR"] {
		t.Errorf("init error: %q %s", r.FunctionError, r.Payload)
	}
	if log := string(r.Log); !strings.Contains(log, `[[202, "{\"status\":\"OK\"}\n"], [403, `) || strings.Count(log, "InvalidStateTransition") != 2 {
		t.Errorf("the runtime was told:\n%s", log)
	}
}

// TestAProgramInGoKnowsItsShareOfTheProcessor: what bounds it is out of its sight.
func TestAProgramInGoKnowsItsShareOfTheProcessor(t *testing.T) {
	atEachLevel(t, func(t *testing.T, b *bench) {
		limited := b.Isolation().Level > sandbox.None && !slices.Contains(b.Isolation().Missing, "limits of processor time")
		tell := strings.Replace(probe, `told = {`, `told = {"cores": os.environ.get("GOMAXPROCS"), `, 1)
		for _, c := range []struct {
			name   string
			memory int
			set    string
			cores  int // 0: as many as there are
		}{
			{"small", 128, "", 1},
			{"one", 1769, "", 1},
			{"two", 1770, "", 2},
			{"own", 128, "7", 7},
		} {
			want := ""
			if c.set != "" || limited && c.cores < runtime.NumCPU() {
				want = strconv.Itoa(c.cores)
			}
			f := provided(c.name, zipped(t, files{"bootstrap": tell}))
			f.Memory = c.memory
			if c.set != "" {
				f.Environment = map[string]string{"GOMAXPROCS": c.set}
			}
			b.deploy(f)
			if got := decode[struct{ Cores string }](t, []byte(b.result(c.name, ""))); got.Cores != want {
				t.Errorf("with %d MB: %q, want %q", c.memory, got.Cores, want)
			}
		}
	})
}
