package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestAScheduledFunctionIsReadyWhenItIsDue has a function run that has never been
// started before: its run waits for no start, or for one that began ahead of it.
func TestAScheduledFunctionIsReadyWhenItIsDue(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	function := s.createFunction("ready", zipOf(t, "handler.py", "def handler(event, context):\n    return event\n"))
	s.createSchedule("soon", at(time.Now().Add(4*time.Second)), map[string]any{"Arn": function})
	run := s.ended("soon", 1, 60*time.Second)[0]
	if run.Outcome != "succeeded" {
		t.Fatalf("the run %+v", run)
	}
	if log := s.belfry("logs", "--run", run.ID); !strings.Contains(log, "REPORT RequestId") || strings.Contains(log, "Init Duration") {
		t.Errorf("want a report of a run that waited for no start of its own:\n%s", log)
	}
	metrics, err := s.do("", http.MethodGet, "/metrics", "", nil)
	if err != nil || metrics.status != http.StatusOK {
		t.Fatalf("GET /metrics: %d, %v", metrics.status, err)
	}
	for _, want := range []string{"belfry_function_prestarts_total 1", "belfry_function_prestarts_used_total 1", "belfry_function_cold_runs_total 0"} {
		if !strings.Contains(string(metrics.body), want+"\n") {
			t.Errorf("no %s in the metrics", want)
		}
	}
}
