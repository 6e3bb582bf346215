package e2e

import (
	"bufio"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestLogsWithBoto3 goes through the calls of CloudWatch Logs.
func TestLogsWithBoto3(t *testing.T) {
	t.Parallel()
	startServer(t).boto3("logs.py")
}

// TestALogIsReadFollowedAndFoundByItsRun prints in a scheduled run, and reads it in
// every way that there is.
func TestALogIsReadFollowedAndFoundByItsRun(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	code := s.file("app.zip", zipOf(t, "app.py", "def handler(event, context):\n    print('printed by', event)\n"))
	s.aws(nil, "lambda", "create-function", "--function-name", "talk", "--runtime", "python3.12", "--handler", "app.handler",
		"--role", functionRole, "--timeout", "20", "--zip-file", "fileb://"+code)
	soon := time.Now().UTC().Add(2 * time.Second).Format("2006-01-02T15:04:05")
	s.aws(nil, "scheduler", "create-schedule", "--name", "soon", "--schedule-expression", "at("+soon+")", "--flexible-time-window", "Mode=OFF",
		"--target", `{"Arn":"arn:aws:lambda:us-east-1:000000000000:function:talk","RoleArn":"`+functionRole+`","Input":"\"the run\""}`)
	var runs struct {
		Items []struct {
			ID, Outcome string
		}
	}
	s.eventually("the run has ended", 60*time.Second, func() bool {
		if err := json.Unmarshal([]byte(s.belfry("runs", "soon", "--json")), &runs); err != nil {
			t.Fatal(err)
		}
		return len(runs.Items) == 1 && runs.Items[0].Outcome == "succeeded"
	})
	if log := s.belfry("logs", "--run", runs.Items[0].ID); !strings.Contains(log, "printed by the run\n") || !strings.Contains(log, "REPORT RequestId") {
		t.Errorf("the run's log:\n%s", log)
	}
	if log := s.belfry("logs", "talk", "--filter", "printed"); !strings.HasSuffix(log, "  printed by the run\n") || strings.Contains(log, "REPORT") {
		t.Errorf("the function's log:\n%s", log)
	}
	var found struct{ Events []struct{ Message string } }
	s.aws(&found, "logs", "filter-log-events", "--log-group-name", "/aws/lambda/talk", "--interleaved", "--filter-pattern", "printed")
	if len(found.Events) != 1 || found.Events[0].Message != "printed by the run\n" {
		t.Errorf("CloudWatch Logs has %v", found.Events)
	}

	follow := exec.Command(binary, "logs", "talk", "--follow", "--filter", "printed")
	follow.Env = cleanEnv(append([]string{"BELFRY_ENDPOINT=" + s.endpoint}, s.clients...)...)
	out, err := follow.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = follow.Process.Kill() // it never ends by itself
		_ = follow.Wait()
	}()
	lines := make(chan string, 10)
	go func() {
		for in := bufio.NewScanner(out); in.Scan(); {
			lines <- in.Text()
		}
	}()
	next := func(want string) {
		t.Helper()
		select {
		case line := <-lines:
			if !strings.HasSuffix(line, want) {
				t.Errorf("followed %q, want %q", line, want)
			}
		case <-time.After(60 * time.Second):
			t.Errorf("%q was never followed", want)
		}
	}
	next("printed by the run")
	payload := s.file("payload.json", []byte(`"a call"`))
	s.aws(nil, "lambda", "invoke", "--function-name", "talk", "--payload", "fileb://"+payload, s.file("out", nil))
	next("printed by a call")
	s.stop() // which does not wait for who follows
	s.start()
	s.aws(nil, "lambda", "invoke", "--function-name", "talk", "--payload", "fileb://"+payload, s.file("out", nil))
	next("printed by a call")
}
