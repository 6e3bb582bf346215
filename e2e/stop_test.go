package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestStopWithWorkUnderWay stops a server whose functions are far from their
// end: it is gone within 10 s all the same, and what it cut off is delivered
// again by the next one, without counting as a failed attempt.
func TestStopWithWorkUnderWay(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	record := filepath.Join(s.dir, "record")
	function := s.createFunction("report", functionZip(t), "RECORD", record)
	invocations := func(id string) int {
		b, _ := os.ReadFile(record)
		return strings.Count(string(b), `"`+id+`"`)
	}

	// 15 s is below the function's time-out, and above what a stop may take.
	s.createSchedule("long", at(time.Now().Add(time.Second)), map[string]any{
		"Arn": function, "Input": `{"task_type": "sleep", "seconds": 15, "id": "scheduled"}`,
		"RetryPolicy": map[string]any{"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 0},
	})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		// Its answer does not matter, only that the stop does not wait for it.
		s.do("lambda", http.MethodPost, "/2015-03-31/functions/report/invocations", "", []byte(`{"task_type": "sleep", "seconds": 15, "id": "waited for"}`))
	})
	s.eventually("both are under way", 30*time.Second, func() bool { return invocations("scheduled") == 1 && invocations("waited for") == 1 })
	s.stop()
	waiting.Wait()

	s.start()
	s.eventually("the run is delivered again", 30*time.Second, func() bool { return invocations("scheduled") == 2 })
	run := s.ended("long", 1, 40*time.Second)[0]
	if run.Outcome != "succeeded" || len(run.Attempts) != 2 || run.Attempts[0].Result != "interrupted" {
		t.Errorf("the run is %+v, want success after an interrupted attempt", run)
	}
}
