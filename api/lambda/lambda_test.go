package lambda_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/lambda"
	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/store/sqlite"
)

// TestMain puts the real interpreter first on PATH: the names may lead to
// shims that cost each command a quarter of a second.
func TestMain(m *testing.M) {
	out, err := exec.Command("python3", "-c", "import boto3, sys; print(sys.executable)").Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "these tests need python3 with boto3 on PATH:", err)
		os.Exit(1)
	}
	os.Setenv("PATH", filepath.Dir(strings.TrimSpace(string(out)))+":"+os.Getenv("PATH"))
	os.Exit(m.Run())
}

// A server is the API on a real port.
type server struct {
	*httptest.Server
	t testing.TB
}

func newServer(t testing.TB, change ...func(*awswire.Options)) *server {
	t.Helper()
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	s := &server{Server: httptest.NewServer(mux), t: t}
	host, err := function.New(function.Config{Dir: t.TempDir(), Store: store, EndpointURL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := awswire.Options{Auth: awswire.DevAuth{}, Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&o)
	}
	mux.Handle("/", awswire.NewRouter(o, lambda.New(host)))
	mux.Handle(lambda.CodePrefix, lambda.CodeHandler(host))
	t.Cleanup(func() {
		s.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		if err := host.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// client runs a program that talks to the server as AWS and returns what it prints.
func (s *server) client(name string, args ...string) (stdout string, err error) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "AWS_ENDPOINT_URL="+s.URL, "AWS_ACCESS_KEY_ID=123456789012", "AWS_SECRET_ACCESS_KEY=x",
		"AWS_DEFAULT_REGION=eu-west-1", "AWS_PAGER=", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return out.String(), nil
}

func (s *server) aws(args ...string) string {
	s.t.Helper()
	out, err := s.client("aws", append([]string{"lambda", "--output", "json"}, args...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func zipped(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for name, content := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func writeFile(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func decode(t testing.TB, text string) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%v in %.500s", err, text)
	}
	return m
}

// tasks is a handler with three tasks, one of which fails.
const tasks = `
import json, logging
log = logging.getLogger()
log.setLevel(logging.INFO)

def handler(event, context):
    kind = event["task_type"]
    log.info("task %s for %s", kind, context.aws_request_id)
    if kind == "daily_sales":
        return {"task": kind, "rows": 3, "format": event.get("format", "csv")}
    if kind == "cleanup":
        return {"task": kind, "removed": [1, 2]}
    raise ValueError("unknown task: " + kind)
`

// TestCommandLine is a user's first hour with the AWS CLI; a command of it takes
// a second, so the rest is TestBoto3's.
func TestCommandLine(t *testing.T) {
	s := newServer(t)
	code := writeFile(t, "code.zip", zipped(t, map[string]string{"app.py": tasks}))
	made := decode(t, s.aws("create-function", "--function-name", "report", "--runtime", "python3.11", "--handler", "app.handler",
		"--role", "arn:aws:iam::123456789012:role/r", "--timeout", "20", "--zip-file", "fileb://"+code, "--environment", "Variables={AA=b}"))
	if made["State"] != "Pending" || made["FunctionArn"] != "arn:aws:lambda:eu-west-1:123456789012:function:report" || made["Version"] != "$LATEST" {
		t.Errorf("created %v", made)
	}

	out := filepath.Join(t.TempDir(), "out.json")
	invoke := func(payload string) (meta, result map[string]any) {
		t.Helper()
		meta = decode(t, s.aws("invoke", "--function-name", "report", "--log-type", "Tail", "--payload", payload, out))
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return meta, decode(t, string(data))
	}
	meta, result := invoke(`{"task_type": "daily_sales", "format": "pdf"}`)
	if result["rows"] != 3.0 || result["format"] != "pdf" || meta["StatusCode"] != 200.0 || meta["ExecutedVersion"] != "$LATEST" {
		t.Errorf("%v: %v", meta, result)
	}
	text, _ := meta["LogResult"].(string)
	log, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?s)START RequestId: (\S+) Version: \$LATEST\n\[INFO\]\t\S+Z\t\S+\ttask daily_sales for \S+\nEND RequestId: \S+\nREPORT RequestId: \S+\tDuration: `).Match(log) {
		t.Errorf("log:\n%s", log)
	}
	code2 := writeFile(t, "code2.zip", zipped(t, map[string]string{"app.py": "import os\ndef handler(e, c): return {'new': os.environ.get('BB')}"}))
	s.aws("update-function-code", "--function-name", "report", "--zip-file", "fileb://"+code2)
	s.aws("update-function-configuration", "--function-name", "report", "--memory-size", "256", "--environment", "Variables={BB=c}")
	if _, result := invoke(`{}`); result["new"] != "c" {
		t.Errorf("after the updates: %v", result)
	}
	s.aws("delete-function", "--function-name", "report")
	if list := decode(t, s.aws("list-functions")); fmt.Sprint(list["Functions"]) != "[]" {
		t.Errorf("after the deletion: %v", list)
	}
}

// TestBoto3 runs programs of testdata, whose assertions are their own.
func TestBoto3(t *testing.T) {
	for _, program := range []string{"client.py", "layers.py"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			out, err := newServer(t).client("python3", "testdata/"+program)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if !strings.HasSuffix(out, "all done\n") {
				t.Errorf("it did not come to its end:\n%s", out)
			}
		})
	}
}
