package function_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

// TestLog holds the log of a cold and of a warm invocation against the lines
// that Lambda writes.
func TestLog(t *testing.T) {
	lines := &collected{}
	b := newBench(t, func(c *function.Config) { c.Logs = lines.add })
	b.deploy(python("f", `
import logging, os, subprocess, sys
print("at init")
def handler(event, context):
    print("printed ü")
    print("to stderr", file=sys.stderr)
    log = logging.getLogger("mine")
    log.warning("warned %s", 1)
    log.info("not shown by default")
    subprocess.run(["echo", "from a child"])
    try: 1 / 0
    except ZeroDivisionError: log.exception("caught")
    sys.stdout.write("no newline")
`))
	id := `[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`
	stamp := `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`
	handler := `START RequestId: ` + id + ` Version: \$LATEST
printed ü
to stderr
\[WARNING\]\t` + stamp + `\t` + id + `\twarned 1
from a child
\[ERROR\]\t` + stamp + `\t` + id + `\tcaught
Traceback \(most recent call last\):
  File "/var/task/app\.py", line 11, in handler
    try: 1 / 0
         ~~\^~~
ZeroDivisionError: division by zero
no newline
END RequestId: ` + id + `
REPORT RequestId: ` + id + `\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: [1-9]\d* MB\t`
	handler = strings.Replace(handler, `         ~~\^~~`+"\n", `(?:         ~~\^~~`+"\n)?", 1) // newer Pythons mark the place
	for _, c := range []struct{ name, want string }{
		{"cold", `INIT_START Runtime Version: python:3\.\d+\.\d+[^\t]*\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:[0-9a-f]{64}
at init
` + handler + `Init Duration: \d+\.\d\d ms\t\t` + "\n"},
		{"warm", handler + "\t\n"},
	} {
		r := b.invoke("f", "")
		if !regexp.MustCompile(`^` + c.want + `$`).Match(r.Log) {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, r.Log, c.want)
		}
		got := lines.text(r.RequestID)
		if c.name == "cold" { // what started before anybody asked belongs to nobody
			got = lines.text("") + got
		}
		got = strings.Replace(got, "no newlineEND", "no newline\nEND", 1) // a line of its own needs no break
		if got != string(r.Log) {
			t.Errorf("passed on was\n%s", got)
		}
		if (r.Init > 0) != (c.name == "cold") || r.PeakMemory < 3 {
			t.Errorf("%s: init %v, peak %d MB", c.name, r.Init, r.PeakMemory)
		}
	}
}

// collected is the lines that a host passes on.
type collected struct {
	mu    sync.Mutex
	lines []function.Line
}

func (c *collected) add(l function.Line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, l)
}

// text is what was passed on of an invocation.
func (c *collected) text(request string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for _, l := range c.lines {
		if l.Request == request {
			b.WriteString(l.Text)
		}
	}
	return b.String()
}

func TestLinesArePassedOnWhileTheFunctionRuns(t *testing.T) {
	lines := &collected{}
	b := newBench(t, func(c *function.Config) { c.Logs = lines.add })
	gate := filepath.Join(t.TempDir(), "gate")
	b.deploy(python("f", "import os, time\ndef handler(e, c):\n    print('begun')\n    while not os.path.exists(e): time.sleep(.01)\n"))
	done := make(chan *function.Response)
	go func() {
		r, _ := b.Invoke(context.WithoutCancel(t.Context()), function.Request{Function: ref("f"), Payload: []byte(`"` + gate + `"`), RequestID: "one"})
		done <- r
	}()
	eventually(t, "its first line is passed on", func() bool { return strings.Contains(lines.text("one"), "begun\n") })
	if strings.Contains(lines.text("one"), "REPORT") {
		t.Error("it has ended already")
	}
	if err := os.WriteFile(gate, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := <-done; r == nil || r.FunctionError != "" {
		t.Errorf("%+v", r)
	}
}

func TestOfALongLogTheLimitAndTheEndArePassedOn(t *testing.T) {
	lines := &collected{}
	b := newBench(t, func(c *function.Config) { c.Logs, c.MaxLog = lines.add, 1000 })
	b.deploy(python("f", "def handler(e, c):\n    for i in range(e): print('%09d' % i)\n"))
	for _, c := range []struct {
		count string
		cut   bool
	}{{"80", false}, {"1000", true}} {
		r := b.invoke("f", c.count)
		got := lines.text(r.RequestID)
		if cut := strings.Contains(got, "[belfry: "); cut != c.cut || !strings.Contains(got, "\nREPORT RequestId") || !strings.Contains(got, "\n000000079\n") {
			t.Errorf("of %s lines:\n%s", c.count, got)
		}
		if c.cut && (!strings.Contains(got, "\n000000999\n") || !strings.Contains(got, "left out here") || len(got) > 3000) {
			t.Errorf("of %s lines %d bytes were passed on:\n%s", c.count, len(got), got)
		}
	}
}

func TestJSONLog(t *testing.T) {
	b := newBench(t)
	f := python("f", `
import logging
log = logging.getLogger("mine")
def handler(e, c):
    print("plain")
    log.info("told %s", 1, extra={"order": 7})
    log.debug("too fine")
    try: 1 / 0
    except ZeroDivisionError: log.exception("caught")
    if e == "fail": raise ValueError("no")
`)
	f.LogFormat = function.LogJSON
	b.deploy(f)
	for _, payload := range []string{"1", `"fail"`} {
		r := b.invoke("f", payload)
		kinds := map[string]map[string]any{}
		for line := range strings.Lines(string(r.Log)) {
			if line == "plain\n" {
				continue
			}
			v := decode[map[string]any](t, []byte(line))
			for _, k := range []string{"type", "message", "log_level"} {
				if s, ok := v[k].(string); ok {
					kinds[s] = v
				}
			}
		}
		if v := kinds["told 1"]; v["level"] != "INFO" || v["logger"] != "mine" || v["requestId"] != r.RequestID || v["order"] != 7.0 {
			t.Errorf("%v", v)
		}
		if v := kinds["caught"]; v["errorType"] != "ZeroDivisionError" || v["location"] == nil {
			t.Errorf("%v", v)
		}
		report, _ := kinds["platform.report"]["record"].(map[string]any)
		want := map[bool]string{false: "success", true: "error"}[r.FunctionError != ""]
		if kinds["platform.start"] == nil || kinds["too fine"] != nil || report["status"] != want || report["requestId"] != r.RequestID {
			t.Errorf("%s", r.Log)
		}
		if v := kinds["ERROR"]; (v != nil) != (want == "error") || v != nil && v["errorMessage"] != "no" {
			t.Errorf("%v", v)
		}
	}
}

func TestLogLevelsNeedTheJSONFormat(t *testing.T) {
	b := newBench(t)
	f := python("f", "def handler(e, c): pass\n")
	f.Zip, f.ApplicationLogLevel = zipped(t, files{"app.py": "def handler(e, c): pass\n"}), "DEBUG"
	_, err := b.Create(t.Context(), f)
	refused(t, err, belfry.Invalid, "InvalidParameterValueException", "need the log format JSON")
	f.LogFormat = function.LogJSON
	if made := b.deploy(f); made.ApplicationLogLevel != "DEBUG" || made.SystemLogLevel != "INFO" {
		t.Errorf("%+v", made.Settings)
	}
}

func TestLogOfAnError(t *testing.T) {
	b := newBench(t)
	b.deploy(python("f", "class CustomException(Exception): pass\ndef handler(e, c):\n    raise CustomException(\"some error occurred\")\n"))
	want := `[ERROR] CustomException: some error occurred
Traceback (most recent call last):
  File "/var/task/app.py", line 3, in handler
    raise CustomException("some error occurred")
`
	if r := b.invoke("f", ""); !strings.Contains(string(r.Log), want) {
		t.Errorf("log:\n%s\nwant in it:\n%s", r.Log, want)
	}
}

func TestNoLineIsLostAtATimeout(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	f := python("f", "import time\ndef handler(e, c):\n    for i in range(2000): print('line', i)\n    time.sleep(60)\n")
	f.Timeout = time.Second
	b.deploy(f)
	r := b.invoke("f", "")
	log := string(r.Log)
	for i := range 2000 {
		if !strings.Contains(log, fmt.Sprintf("\nline %d\n", i)) {
			t.Fatalf("line %d is missing", i)
		}
	}
	for _, want := range []string{r.RequestID + " Task timed out after 1.00 seconds\n", "\tStatus: timeout\t", "END RequestId: " + r.RequestID} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is missing at the end:\n%s", want, log[max(0, len(log)-500):])
		}
	}
}

func TestALongLogIsCut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.deploy(python("f", "def handler(e, c):\n    print('\\n'.join('%09d' % i for i in range(e)))\n"))
	r := b.invoke("f", "20000") // 200,000 bytes
	if log := string(r.Log); strings.Contains(log, "left out") || strings.Count(log, "\n") < 20003 {
		t.Errorf("a log below the limit was cut: %d bytes", len(log))
	}
	if tail := string(r.LogTail()); len(tail) != 4096 || !strings.Contains(tail, "000019999\nEND") {
		t.Errorf("tail of %d bytes: %s", len(tail), tail)
	}
	r = b.invoke("f", "1000000") // 10 MB
	log := string(r.Log)
	if len(log) > 270<<10 {
		t.Errorf("the log has %d bytes", len(log))
	}
	for _, want := range []string{"\n000000001\n", "\n[belfry: 97", " bytes of log were left out here]\n", "\n000999999\nEND RequestId: ", "\nREPORT RequestId: "} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if again := string(b.invoke("f", "1").Log); !strings.HasPrefix(again, "START") || !strings.Contains(again, "\n000000000\nEND") {
		t.Errorf("the log after it:\n%s", again)
	}
}
