package e2e

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// bestLevel is the isolation that a server of the test's user must reach.
func bestLevel() string {
	if os.Geteuid() == 0 {
		return "full"
	}
	return "rootless"
}

// caller of boto3 in a function, and what it must not find.
const isolatedHandler = `
import boto3, json, os, time
def handler(event, context):
    if "sleep" in event: time.sleep(event["sleep"])
    queue = boto3.client("sqs").create_queue(QueueName="from-inside")["QueueUrl"]
    boto3.client("sqs").send_message(QueueUrl=queue, MessageBody="hello")
    return {"shadow": os.path.exists("/etc/shadow"), "data": os.path.exists(event["data"]), "task": os.getcwd(), "pid": os.getpid() < 50}
`

// TestIsolatedFunction runs a handler that knows nothing of its isolation, and
// calls back with boto3, signed with its role's credentials.
func TestIsolatedFunction(t *testing.T) {
	s := startSigned(t, "--require-isolation", bestLevel())
	zip := filepath.Join(s.dir, "isolated.zip")
	if err := os.WriteFile(zip, zipOf(t, "handler.py", isolatedHandler), 0o600); err != nil {
		t.Fatal(err)
	}
	s.aws(nil, "lambda", "create-function", "--function-name", "isolated", "--runtime", "python3.11", "--handler", "handler.handler",
		"--role", "arn:aws:iam::000000000000:role/belfry", "--timeout", "60", "--memory-size", "512", "--zip-file", "fileb://"+zip)
	var got struct {
		Shadow, Data, PID bool
		Task              string
	}
	s.must(&got, "lambda", http.MethodPost, "/2015-03-31/functions/isolated/invocations", "", map[string]any{"data": filepath.Join(s.dir, "data")})
	if got.Shadow || got.Data || !got.PID || got.Task != "/var/task" {
		t.Errorf("the function saw %+v", got)
	}
	var messages struct{ Messages []struct{ Body string } }
	s.aws(&messages, "sqs", "receive-message", "--queue-url", s.endpoint+"/000000000000/from-inside")
	if len(messages.Messages) != 1 || messages.Messages[0].Body != "hello" {
		t.Errorf("messages %+v", messages)
	}

	var told struct {
		Level       string   `json:"level"`
		NotEnforced []string `json:"not_enforced"`
	}
	s.native("isolation", nil, &told)
	if told.Level != bestLevel() {
		t.Errorf("the native API tells %+v", told)
	}
	resp, err := s.http.Get(s.endpoint + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var metrics bytes.Buffer
	if _, err := metrics.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	if want := `belfry_function_isolation_info{level="` + bestLevel() + `"} 1`; !strings.Contains(metrics.String(), want) {
		t.Errorf("no %s in the metrics", want)
	}
}

// TestIsolatedFunctionsEndWithAKilledServer kills a server whose function runs,
// and another of its functions is frozen.
func TestIsolatedFunctionsEndWithAKilledServer(t *testing.T) {
	s := startWith(t, "--dev", "--require-isolation", bestLevel())
	s.createFunction("busy", functionZip(t), "LC_MARK", s.dir)
	s.createFunction("frozen", functionZip(t), "LC_MARK", s.dir)
	s.must(nil, "lambda", http.MethodPost, "/2015-03-31/functions/frozen/invocations", "", map[string]any{"task_type": "weekly_summary"})
	s.do("lambda", http.MethodPost, "/2015-03-31/functions/busy/invocations", "", []byte(`{"task_type": "sleep", "seconds": 600}`), "X-Amz-Invocation-Type", "Event")
	// What the C library reads at a start is in the environment that a process starts with.
	marked := func() int {
		environments, err := filepath.Glob("/proc/[0-9]*/environ")
		if err != nil {
			t.Fatal(err)
		}
		return len(slices.DeleteFunc(environments, func(path string) bool {
			env, err := os.ReadFile(path) // a process that has gone has none
			return err != nil || !strings.Contains(string(env), "LC_MARK="+s.dir+"\x00")
		}))
	}
	s.eventually("both functions are up", 20*time.Second, func() bool { return marked() == 2 })
	s.kill()
	s.eventually("they have ended with their server", 10*time.Second, func() bool { return marked() == 0 })
}

// TestIsolationThatIsNotThere starts a server that requires more than it may use.
func TestIsolationThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(binary, "serve", "--data", dir, "--listen", freeAddress(t), "--isolation", "none", "--require-isolation", "rootless")
	cmd.Env = cleanEnv()
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "isolation rootless is required, and this machine gives none, without files of their own") {
		t.Errorf("%v: %s", err, out)
	}
}
