package e2e

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// onTime is how late an attempt may start on a machine that is busy with the
// other tests; the benchmark holds the real figure.
const onTime = time.Second

// coldStart is how long a function's process may take to be there, on the same
// machine.
const coldStart = 20 * time.Second

// TestStep4RunsAtTheRightInstant watches a cron in Moscow, a rate and a one-time
// schedule run, from the ledger and from within the function.
func TestStep4RunsAtTheRightInstant(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	record := filepath.Join(s.dir, "record")
	function := s.createFunction("report", functionZip(t), "RECORD", record)
	input := func(name string) map[string]any {
		return map[string]any{"Arn": function, "Input": `{"task_type": "daily_sales", "schedule": "` + name +
			`", "scheduled": "<aws.scheduler.scheduled-time>", "attempt": "<aws.scheduler.attempt-number>", "execution": "<aws.scheduler.execution-id>"}`}
	}

	moscow, err := time.LoadLocation("Europe/Moscow")
	if err != nil {
		t.Fatal(err)
	}
	created := time.Now().Truncate(time.Millisecond) // as the ledger writes times
	s.createSchedule("every-minute", "rate(1 minute)", input("every-minute"))
	once := time.Now().Add(3 * time.Second).Truncate(time.Second)
	s.createSchedule("once", at(once), input("once"))
	daily := time.Now().Add(4 * time.Second).Truncate(time.Minute).Add(time.Minute)
	s.createSchedule("daily", daily.In(moscow).Format("cron(4 15 * * ? *)"), input("daily"), map[string]any{"ScheduleExpressionTimezone": "Europe/Moscow"})

	wantRun := func(r ledgerRun, name string, scheduled time.Time) {
		t.Helper()
		if !r.ScheduledTime.Equal(scheduled) || r.Outcome != "succeeded" || len(r.Attempts) != 1 || r.Schedule != scheduleARN(name) {
			t.Errorf("%s: %+v, want one attempt that succeeded, scheduled at %v", name, r, scheduled)
			return
		}
		if late := r.Attempts[0].StartedAt.Sub(scheduled); late < 0 || late > onTime {
			t.Errorf("%s started %v after its time, want 0 to %v", name, late, onTime)
		}
		if r.EndedAt == nil || r.EndedAt.Before(r.Attempts[0].StartedAt) {
			t.Errorf("%s ended at %v, started at %v", name, r.EndedAt, r.Attempts[0].StartedAt)
		}
	}
	wantRun(s.ended("once", 1, 20*time.Second)[0], "once", once.UTC())

	// A rate without a start date runs at creation and then on its grid of minutes.
	runs := s.ended("every-minute", 2, 90*time.Second)
	first, second := runs[len(runs)-1], runs[len(runs)-2]
	if d := first.Attempts[0].StartedAt.Sub(created); d < 0 || d > 2*onTime {
		t.Errorf("the rate first ran %v after creation", d)
	}
	wantRun(second, "every-minute", created.UTC().Truncate(time.Minute).Add(time.Minute))
	wantRun(s.ended("daily", 1, 90*time.Second)[0], "daily", daily.UTC())

	// What the function saw is what the ledger says.
	seen := map[string]int{}
	for _, r := range records(t, record) {
		name := r.Event["schedule"]
		seen[name]++
		scheduled, err := time.Parse(time.RFC3339, r.Event["scheduled"])
		if err != nil || r.Event["attempt"] != "1" || !regexp.MustCompile(`^[0-9a-z]{16}$`).MatchString(r.Event["execution"]) {
			t.Errorf("%s was invoked with %v", name, r.Event)
		}
		if name != "every-minute" && (r.Time.Before(scheduled) || r.Time.Sub(scheduled) > coldStart) {
			t.Errorf("%s ran %v after its time", name, r.Time.Sub(scheduled))
		}
	}
	if seen["once"] != 1 || seen["daily"] != 1 || seen["every-minute"] < 2 {
		t.Errorf("the function was invoked %v times", seen)
	}
}

// TestStep4FailingTaskIsRetriedAndDeadLettered follows one failing occurrence
// from the schedule to the dead-letter queue, and reads its story in every form.
func TestStep4FailingTaskIsRetriedAndDeadLettered(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	record := filepath.Join(s.dir, "record")
	function := s.createFunction("report", functionZip(t), "RECORD", record)
	dlq := s.createQueue("failed")
	scheduled := time.Now().Add(2 * time.Second).Truncate(time.Second).UTC()
	input := `{"task_type": "partner_export", "try": "<aws.scheduler.attempt-number>"}`
	s.aws(nil, "scheduler", "create-schedule", "--name", "export", "--schedule-expression", at(scheduled), "--flexible-time-window", "Mode=OFF",
		"--target", target(t, map[string]any{
			"Arn": function, "Input": input,
			"RetryPolicy":      map[string]any{"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 2},
			"DeadLetterConfig": map[string]any{"Arn": dlq},
		}))
	run := s.ended("export", 1, 40*time.Second)[0]
	if run.Outcome != "dead_lettered" || len(run.Attempts) != 3 || !run.ScheduledTime.Equal(scheduled) {
		t.Fatalf("the run is %+v, want it dead-lettered after 3 attempts", run)
	}
	for i, a := range run.Attempts {
		if a.Number != i+1 || a.ErrorCode != "UpstreamUnavailable" || a.ErrorMessage != "partner answered 503" || a.Result != "retryable_error" {
			t.Errorf("attempt %d is %+v", i+1, a)
		}
	}
	if n := len(records(t, record)); n != 3 {
		t.Errorf("the function was invoked %d times, want 3", n)
	}

	m := s.receive("failed")
	if want := strings.ReplaceAll(input, "<aws.scheduler.attempt-number>", "3"); m.Body != want {
		t.Errorf("the message is %s, want %s", m.Body, want)
	}
	want := map[string]string{
		"ERROR_CODE":                "UpstreamUnavailable",
		"ERROR_MESSAGE":             "partner answered 503",
		"EXECUTION_ID":              "^[0-9a-z]{16}$",
		"EXHAUSTED_RETRY_CONDITION": "^MaximumRetryAttempts$",
		"IS_PAYLOAD_TRUNCATED":      "^false$",
		"RETRY_ATTEMPTS":            "^2$",
		"SCHEDULED_TIME":            "^" + scheduled.Format(time.RFC3339) + "$",
		"SCHEDULE_ARN":              "^" + scheduleARN("export") + "$",
		"TARGET_ARN":                "^" + function + "$",
	}
	for name, pattern := range want {
		got := m.MessageAttributes[name]
		if got.DataType != "String" || !regexp.MustCompile(pattern).MatchString(got.StringValue) {
			t.Errorf("message attribute %s is %+v, want a String like %s", name, got, pattern)
		}
	}
	if len(m.MessageAttributes) != len(want) {
		t.Errorf("the message has %d attributes, want %d: %v", len(m.MessageAttributes), len(want), m.MessageAttributes)
	}

	// The same story for people, for programs and in a sentence.
	stamp := scheduled.Format(time.RFC3339)
	if out := s.belfry("runs", "export"); !regexp.MustCompile(stamp + `\s.*\sdead_lettered\s+3\s`).MatchString(out) {
		t.Errorf("belfry runs printed\n%s", out)
	}
	var listed struct{ Items []ledgerRun }
	if err := json.Unmarshal([]byte(s.belfry("runs", "default/export", "--json")), &listed); err != nil || len(listed.Items) != 1 || listed.Items[0].ID != run.ID {
		t.Errorf("belfry runs --json printed %+v, %v", listed, err)
	}
	for _, word := range []string{"partner answered 503", "3", "dead"} {
		if out := s.belfry("why", scheduleARN("export"), stamp); !strings.Contains(strings.ToLower(out), word) {
			t.Errorf("belfry why does not say %q: %s", word, out)
		}
	}
	var why struct{ Sentence string }
	if err := json.Unmarshal([]byte(s.belfry("why", "export", stamp, "--json")), &why); err != nil || why.Sentence == "" {
		t.Errorf("belfry why --json printed %+v, %v", why, err)
	}
	if out := s.belfry("why", "export", scheduled.Add(time.Hour).Format(time.RFC3339)); strings.TrimSpace(out) == "" {
		t.Error("belfry why is silent about a time at which the schedule was not due")
	}
}

// TestStep4PermanentErrorIsNotRetried: a function that does not exist will not
// exist at the second try either.
func TestStep4PermanentErrorIsNotRetried(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	dlq := s.createQueue("failed")
	s.createSchedule("export", at(time.Now().Add(time.Second)), map[string]any{
		"Arn":   "arn:aws:lambda:" + region + ":" + account + ":function:nowhere",
		"Input": `{}`, "DeadLetterConfig": map[string]any{"Arn": dlq},
	})
	m := s.receive("failed")
	if _, ok := m.MessageAttributes["EXHAUSTED_RETRY_CONDITION"]; ok || m.MessageAttributes["RETRY_ATTEMPTS"].StringValue != "0" || len(m.MessageAttributes) != 8 {
		t.Errorf("message attributes %v, want 8, no EXHAUSTED_RETRY_CONDITION and RETRY_ATTEMPTS 0", m.MessageAttributes)
	}
	if r := s.ended("export", 1, 10*time.Second)[0]; r.Outcome != "dead_lettered" || len(r.Attempts) != 1 || r.Attempts[0].Result != "permanent_error" {
		t.Errorf("the run is %+v", r)
	}
}

// TestStep4OtherTargets delivers to a queue and to an HTTP endpoint that is down
// at first.
func TestStep4OtherTargets(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.createSchedule("to-queue", at(time.Now().Add(time.Second)), map[string]any{"Arn": s.createQueue("inbox")})

	type call struct{ key, body string }
	calls := make(chan call, 10)
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body strings.Builder
		bufio.NewReader(r.Body).WriteTo(&body)
		if len(calls) == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		calls <- call{r.Header.Get("Idempotency-Key"), body.String()}
	}))
	defer sink.Close()
	input, err := json.Marshal(map[string]any{"ApiEndpoint": sink.URL + "/hook", "Method": "POST", "RequestBody": map[string]any{"hello": "tower"}})
	if err != nil {
		t.Fatal(err)
	}
	s.createSchedule("to-http", at(time.Now().Add(time.Second)), map[string]any{"Arn": "arn:aws:scheduler:::http:invoke", "Input": string(input)})

	var event struct {
		Source string
		Detail string
	}
	if m := s.receive("inbox"); json.Unmarshal([]byte(m.Body), &event) != nil || event.Source != "aws.scheduler" || event.Detail != "{}" {
		t.Errorf("the default payload is %s", m.Body)
	}
	run := s.ended("to-http", 1, 30*time.Second)[0]
	if run.Outcome != "succeeded" || len(run.Attempts) != 2 {
		t.Errorf("the run is %+v, want success at the second attempt", run)
	}
	first, second := <-calls, <-calls
	if first.key == "" || first.key != second.key || !strings.Contains(second.body, `"tower"`) {
		t.Errorf("the endpoint got %+v and %+v, want the same Idempotency-Key twice", first, second)
	}
}

// TestLedgerAndMetrics reads the two things that an operator looks at.
func TestLedgerAndMetrics(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	begin := time.Now().Add(-time.Minute)
	s.createSchedule("once", at(time.Now().Add(time.Second)), map[string]any{"Arn": s.createQueue("inbox"), "Input": "x"})
	run := s.ended("once", 1, 20*time.Second)[0]

	var ledger struct{ Items []map[string]any }
	s.native("ledger", url.Values{
		"schedule": {scheduleARN("once")}, "from": {begin.UTC().Format(time.RFC3339)}, "to": {time.Now().Add(time.Minute).UTC().Format(time.RFC3339)},
	}, &ledger)
	if len(ledger.Items) != 1 || ledger.Items[0]["outcome"] != "succeeded" {
		t.Errorf("the ledger is %v, want run %s", ledger.Items, run.ID)
	}

	got, err := s.do("", http.MethodGet, "/metrics", "", nil)
	if err != nil || got.status != http.StatusOK {
		t.Fatalf("GET /metrics: %d, %v", got.status, err)
	}
	for _, word := range []string{"lateness", `outcome="succeeded"`, "attempts", "due", "commit", "instances"} {
		if !strings.Contains(string(got.body), word) {
			t.Errorf("the metrics do not have %q", word)
		}
	}
}

type invocation struct {
	Event map[string]string
	Time  time.Time
	PID   int
}

// records returns what testdata/function noted down.
func records(t testing.TB, path string) []invocation {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []invocation
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var r struct {
			Event map[string]string
			At    float64
			PID   int
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%v in %s", err, lines.Bytes())
		}
		all = append(all, invocation{r.Event, time.UnixMicro(int64(r.At * 1e6)), r.PID})
	}
	return all
}
