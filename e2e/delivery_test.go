package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"
)

// TestAFunctionsOwnSettingsGovernItsScheduledRuns: its EventInvokeConfig stands
// before the schedule's retry policy, its destination before the dead-letter
// queue. Both are those of the version that the schedule names.
func TestAFunctionsOwnSettingsGovernItsScheduledRuns(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	function := s.createFunction("report", functionZip(t), "RECORD", filepath.Join(s.dir, "record"))
	dlq, own := s.createQueue("failed"), s.createQueue("own")
	told := make(chan *http.Request, 1)
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r }))
	t.Cleanup(sink.Close)
	s.aws(nil, "lambda", "publish-version", "--function-name", "report")
	s.aws(nil, "lambda", "put-function-event-invoke-config", "--function-name", "report", "--qualifier", "1", "--maximum-retry-attempts", "0",
		"--destination-config", `{"OnFailure": {"Destination": "`+own+`"}, "OnSuccess": {"Destination": "`+sink.URL+`/done"}}`)
	s.createSchedule("export", at(time.Now().Add(time.Second)), map[string]any{
		"Arn": function + ":1", "Input": `{"task_type": "partner_export"}`,
		"RetryPolicy":      map[string]any{"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 5},
		"DeadLetterConfig": map[string]any{"Arn": dlq},
	})
	var record struct {
		RequestContext struct {
			FunctionARN, Condition string
			ApproximateInvokeCount int
		}
		ResponseContext struct{ ExecutedVersion string }
		RequestPayload  map[string]string
		ResponsePayload struct{ ErrorType string }
	}
	if err := json.Unmarshal([]byte(s.receive("own").Body), &record); err != nil {
		t.Fatal(err)
	}
	if c := record.RequestContext; c.Condition != "RetriesExhausted" || c.FunctionARN != function+":1" || record.ResponseContext.ExecutedVersion != "1" || c.ApproximateInvokeCount != 1 ||
		record.RequestPayload["task_type"] != "partner_export" || record.ResponsePayload.ErrorType != "UpstreamUnavailable" {
		t.Errorf("the destination got %+v", record)
	}
	if r := s.ended("export", 1, 10*time.Second)[0]; r.Outcome != "dead_lettered" || len(r.Attempts) != 1 {
		t.Errorf("the run is %+v, want it dead-lettered after one attempt", r)
	}
	got, err := s.do("lambda", "POST", "/2015-03-31/functions/report:1/invocations", "", []byte(`{"task_type": "daily_sales"}`), "X-Amz-Invocation-Type", "Event")
	if err != nil || got.status != http.StatusAccepted {
		t.Fatalf("%v, %+v", err, got)
	}
	select {
	case r := <-told:
		if r.Method != "POST" || r.URL.Path != "/done" || r.Header.Get("Idempotency-Key") == "" {
			t.Errorf("the endpoint got %s %s, %v", r.Method, r.URL, r.Header)
		}
	case <-time.After(coldStart):
		t.Error("the endpoint was not told of the success")
	}
	var count struct{ Attributes map[string]string }
	s.aws(&count, "sqs", "get-queue-attributes", "--queue-url", s.queueURL("failed"), "--attribute-names", "ApproximateNumberOfMessages")
	if n := count.Attributes["ApproximateNumberOfMessages"]; n != "0" {
		t.Errorf("%s messages in the schedule's dead-letter queue, want none", n)
	}
}

// TestDeliveryAsOnAWS: a run is over when the function's event is accepted.
func TestDeliveryAsOnAWS(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ delivery, outcome string }{
		{"aws", "succeeded"}, {account + ",111122223333", "succeeded"}, {"111122223333", "failed"},
	} {
		t.Run(tt.delivery, func(t *testing.T) {
			t.Parallel()
			s := startWith(t, "--dev", "--lambda-delivery", tt.delivery)
			function := s.createFunction("report", functionZip(t), "RECORD", filepath.Join(s.dir, "record"))
			s.createSchedule("export", at(time.Now().Add(time.Second)), map[string]any{
				"Arn": function, "Input": `{"task_type": "partner_export"}`,
				"RetryPolicy": map[string]any{"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 0},
			})
			if r := s.ended("export", 1, coldStart)[0]; r.Outcome != tt.outcome || len(r.Attempts) > 1 {
				t.Errorf("the run is %+v, want %s", r, tt.outcome)
			}
		})
	}
}
