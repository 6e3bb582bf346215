package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// examples is the folder of the example that the README tells a user to follow.
var example = filepath.Join("..", "examples", "daily-report")

// TestStep3SchedulesWithAWSCLI creates the three schedules of the README and
// reads each back as it was written.
func TestStep3SchedulesWithAWSCLI(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.createFunction("daily-report", functionZip(t))
	queueARN := s.createQueue("daily-report-failed")

	path, err := filepath.Abs(filepath.Join(example, "schedule.json"))
	if err != nil {
		t.Fatal(err)
	}
	var created struct{ ScheduleARN string }
	s.aws(&created, "scheduler", "create-schedule", "--cli-input-json", "file://"+path)
	if want := "arn:aws:scheduler:us-east-1:000000000000:schedule/default/daily-report"; created.ScheduleARN != want {
		t.Errorf("ScheduleArn is %s, want %s", created.ScheduleARN, want)
	}
	want := map[string]any{"Arn": created.ScheduleARN, "GroupName": "default", "State": "ENABLED", "ActionAfterCompletion": "NONE"}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if got := s.getSchedule("daily-report"); !cmp.Equal(got, want) {
		t.Errorf("get-schedule (-want +got):\n%s", cmp.Diff(want, got))
	}

	functionARN := "arn:aws:lambda:us-east-1:000000000000:function:daily-report"
	s.aws(nil, "scheduler", "create-schedule", "--name", "every-minute",
		"--schedule-expression", "rate(1 minute)", "--flexible-time-window", "Mode=OFF",
		"--target", target(t, map[string]any{"Arn": functionARN, "Input": `{"task_type": "weekly_summary"}`}))
	got := s.getSchedule("every-minute")
	if got["ScheduleExpression"] != "rate(1 minute)" || got["ScheduleExpressionTimezone"] != "UTC" {
		t.Errorf("get-schedule: %v", got)
	}
	retry := map[string]any{"MaximumEventAgeInSeconds": 86400.0, "MaximumRetryAttempts": 185.0}
	if diff := cmp.Diff(retry, got["Target"].(map[string]any)["RetryPolicy"]); diff != "" {
		t.Errorf("the default retry policy (-want +got):\n%s", diff)
	}

	s.aws(nil, "scheduler", "create-schedule", "--name", "once",
		"--schedule-expression", at(time.Now().Add(3*time.Second)), "--flexible-time-window", "Mode=OFF",
		"--action-after-completion", "DELETE",
		"--target", target(t, map[string]any{"Arn": queueARN, "Input": "<aws.scheduler.schedule-arn>"}))
	var list struct {
		Schedules []struct{ Name, GroupName, State string }
	}
	s.aws(&list, "scheduler", "list-schedules", "--name-prefix", "daily")
	if len(list.Schedules) != 1 || list.Schedules[0].Name != "daily-report" {
		t.Errorf("list-schedules: %+v", list.Schedules)
	}

	// It runs, and then it is gone; its run stays in the ledger.
	s.eventually("the one-time schedule is deleted after its run", 20*time.Second, func() bool {
		got, err := s.do("scheduler", "GET", "/schedules/once", "", nil)
		return err == nil && got.status == 404
	})
	s.awsFails("ResourceNotFoundException", "scheduler", "get-schedule", "--name", "once")
	if m := s.receive("daily-report-failed"); m.Body != scheduleARN("once") {
		t.Errorf("the queue got %q", m.Body)
	}
	if runs := s.runs("once"); len(runs) != 1 || runs[0].Outcome != "succeeded" {
		t.Errorf("the runs of the deleted schedule: %+v", runs)
	}
}

// TestStep3SchedulesWithBoto3 goes through all twelve operations.
func TestStep3SchedulesWithBoto3(t *testing.T) {
	t.Parallel()
	startServer(t).boto3("step3.py", filepath.Join(example, "schedule.json"))
}

// getSchedule returns what get-schedule answers, without the two dates.
func (s *server) getSchedule(name string) map[string]any {
	s.t.Helper()
	var got map[string]any
	s.aws(&got, "scheduler", "get-schedule", "--name", name)
	for _, date := range []string{"CreationDate", "LastModificationDate"} {
		if got[date] == nil {
			s.t.Errorf("get-schedule has no %s", date)
		}
		delete(got, date)
	}
	return got
}
