package e2e

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const functionRole = "arn:aws:iam::" + account + ":role/report"

type functionConfiguration struct {
	FunctionName, FunctionArn, Runtime, Handler, Role, CodeSha256, RevisionID, State, LastUpdateStatus, Description string
	Timeout, MemorySize, CodeSize                                                                                   int
	Environment                                                                                                     struct{ Variables map[string]string }
}

// TestStep1FunctionWithAWSCLI is the first thing that a user does: a function
// with three kinds of task, through its whole life.
func TestStep1FunctionWithAWSCLI(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	record := filepath.Join(s.dir, "record")
	code := s.file("function.zip", functionZip(t))
	changed := s.file("changed.zip", functionZip(t, "VERSION = 1", "VERSION = 2"))

	var created functionConfiguration
	s.aws(&created, "lambda", "create-function", "--function-name", "report",
		"--runtime", "python3.12", "--handler", "handler.handler", "--role", functionRole,
		"--zip-file", "fileb://"+code, "--environment", "Variables={RECORD="+record+"}")
	if want := "arn:aws:lambda:us-east-1:000000000000:function:report"; created.FunctionArn != want {
		t.Errorf("FunctionArn is %s, want %s", created.FunctionArn, want)
	}
	s.aws(nil, "lambda", "wait", "function-active-v2", "--function-name", "report")

	var got struct{ Configuration functionConfiguration }
	s.aws(&got, "lambda", "get-function", "--function-name", "report")
	if c := got.Configuration; c.State != "Active" || c.Handler != "handler.handler" || c.Timeout != 3 || c.MemorySize != 128 ||
		c.CodeSha256 != created.CodeSha256 || c.Environment.Variables["RECORD"] != record {
		t.Errorf("get-function: %+v", c)
	}

	result := s.invoke(t, `{"task_type": "daily_sales", "format": "pdf"}`)
	if result["format"] != "pdf" || result["version"] != 1.0 {
		t.Errorf("daily_sales returned %v", result)
	}

	var meta struct{ FunctionError, LogResult string }
	payload, out := s.file("event.json", []byte(`{"task_type": "partner_export"}`)), filepath.Join(s.dir, "out.json")
	s.aws(&meta, "lambda", "invoke", "--function-name", "report", "--payload", "fileb://"+payload, "--log-type", "Tail", out)
	log, err := base64.StdEncoding.DecodeString(meta.LogResult)
	if err != nil {
		t.Fatal(err)
	}
	if meta.FunctionError != "Unhandled" {
		t.Errorf("FunctionError is %q, want Unhandled", meta.FunctionError)
	}
	for _, want := range []string{"START RequestId: ", "[INFO]\t", "\ttask partner_export", "[ERROR] UpstreamUnavailable: partner answered 503", "END RequestId: ", "REPORT RequestId: "} {
		if !strings.Contains(string(log), want) {
			t.Errorf("the log's tail has no %q:\n%s", want, log)
		}
	}
	if failure := readJSON(t, out); failure["errorType"] != "UpstreamUnavailable" || failure["errorMessage"] != "partner answered 503" {
		t.Errorf("the error's payload is %v", failure)
	}

	payload = s.file("event.json", []byte(`{"task_type": "weekly_summary", "from": "an event"}`))
	var accepted struct{ StatusCode int }
	s.aws(&accepted, "lambda", "invoke", "--function-name", "report", "--invocation-type", "Event", "--payload", "fileb://"+payload, out)
	if accepted.StatusCode != 202 {
		t.Errorf("an Event invocation answered %d, want 202", accepted.StatusCode)
	}
	s.eventually("the Event invocation ran", 20*time.Second, func() bool {
		b, _ := os.ReadFile(record)
		return strings.Contains(string(b), "an event")
	})

	var updated functionConfiguration
	s.aws(&updated, "lambda", "update-function-code", "--function-name", "report", "--zip-file", "fileb://"+changed)
	if updated.CodeSha256 == created.CodeSha256 {
		t.Error("update-function-code left CodeSha256 as it was")
	}
	s.aws(nil, "lambda", "wait", "function-updated-v2", "--function-name", "report")
	if result := s.invoke(t, `{"task_type": "weekly_summary"}`); result["version"] != 2.0 {
		t.Errorf("after update-function-code it returned %v", result)
	}
	s.aws(nil, "lambda", "update-function-configuration", "--function-name", "report", "--timeout", "7", "--environment", "Variables={GREETING=hello}")
	s.aws(nil, "lambda", "wait", "function-updated-v2", "--function-name", "report")
	if result := s.invoke(t, `{"task_type": "daily_sales"}`); result["greeting"] != "hello" {
		t.Errorf("after update-function-configuration it returned %v", result)
	}

	var list struct{ Functions []functionConfiguration }
	s.aws(&list, "lambda", "list-functions")
	if len(list.Functions) != 1 || list.Functions[0].Timeout != 7 || list.Functions[0].FunctionName != "report" {
		t.Errorf("list-functions: %+v", list.Functions)
	}
	s.aws(nil, "lambda", "delete-function", "--function-name", "report")
	s.awsFails("ResourceNotFoundException", "lambda", "get-function", "--function-name", "report")
}

// TestStep1FunctionWithBoto3 is the same from Python, and reads back every member.
func TestStep1FunctionWithBoto3(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.boto3("step1.py", s.file("function.zip", functionZip(t)), s.file("changed.zip", functionZip(t, "VERSION = 1", "VERSION = 2")))
}

// invoke runs the function "report" with the AWS CLI and returns its result.
func (s *server) invoke(t *testing.T, event string) map[string]any {
	t.Helper()
	payload, out := s.file("event.json", []byte(event)), filepath.Join(s.dir, "out.json")
	var meta struct {
		StatusCode    int
		FunctionError string
	}
	s.aws(&meta, "lambda", "invoke", "--function-name", "report", "--payload", "fileb://"+payload, out)
	if meta.StatusCode != 200 || meta.FunctionError != "" {
		t.Fatalf("invoking with %s: %+v", event, meta)
	}
	return readJSON(t, out)
}

func readJSON(t *testing.T, path string) map[string]any {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}
