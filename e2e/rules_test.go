package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestRulesWithBoto3 goes through all operations of scheduled rules.
func TestRulesWithBoto3(t *testing.T) {
	t.Parallel()
	startServer(t).boto3("rules.py")
}

// TestRuleRuns lets a rule of the AWS CLI run once: a function, a queue with
// the event and one with what a transformer makes of it, and a function that
// fails into a dead-letter queue. All at the same minute, after a crash.
func TestRuleRuns(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	functionARN := s.createFunction("report", functionZip(t))
	plain, shaped, dead := s.createQueue("plain"), s.createQueue("shaped"), s.createQueue("dead")
	var put struct{ RuleARN string }
	s.aws(&put, "events", "put-rule", "--name", "every-minute", "--schedule-expression", "rate(1 minute)")
	if want := "arn:aws:events:us-east-1:000000000000:rule/every-minute"; put.RuleARN != want {
		t.Fatalf("RuleArn is %s, want %s", put.RuleARN, want)
	}
	targets, err := json.Marshal([]map[string]any{
		{"Id": "fails", "Arn": functionARN, "Input": `{"task_type": "partner_export"}`, "RetryPolicy": map[string]any{"MaximumRetryAttempts": 0}, "DeadLetterConfig": map[string]any{"Arn": dead}},
		{"Id": "plain", "Arn": plain},
		{"Id": "report", "Arn": functionARN, "Input": `{"task_type": "daily_sales"}`},
		{"Id": "shaped", "Arn": shaped, "InputTransformer": map[string]any{
			"InputPathsMap": map[string]string{"when": "$.time"}, "InputTemplate": `"<aws.events.rule-name> at <when>"`,
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.aws(nil, "events", "put-targets", "--rule", "every-minute", "--targets", string(targets))
	s.kill()
	s.start()

	var runs struct{ Items []ruleRun }
	s.eventually("all four targets have run", 4*time.Minute, func() bool {
		s.native("runs", url.Values{"schedule": {put.RuleARN}}, &runs)
		if len(runs.Items) < 4 {
			return false
		}
		runs.Items = runs.Items[len(runs.Items)-4:] // of the first minute
		for _, r := range runs.Items {
			if !r.final() {
				return false
			}
		}
		return true
	})
	s.aws(nil, "events", "disable-rule", "--name", "every-minute")
	at := runs.Items[0].ScheduledTime
	if at.Second() != 0 {
		t.Errorf("scheduled for %v, want a full minute", at)
	}
	outcomes := map[string]string{}
	for _, r := range runs.Items {
		if !r.ScheduledTime.Equal(at) || r.Schedule != put.RuleARN {
			t.Errorf("a run of %s at %v, want all at %v", r.Schedule, r.ScheduledTime, at)
		}
		outcomes[r.TargetID] = r.Outcome
	}
	for id, want := range map[string]string{"fails": "dead_lettered", "plain": "succeeded", "report": "succeeded", "shaped": "succeeded"} {
		if outcomes[id] != want {
			t.Errorf("target %s: %q, want %q", id, outcomes[id], want)
		}
	}

	var event struct {
		ID, Source, Time, Account, Region string
		DetailType                        string `json:"detail-type"`
		Resources                         []string
		Detail                            map[string]any
	}
	stamp := at.UTC().Format(time.RFC3339)
	if err := json.Unmarshal([]byte(s.receive("plain").Body), &event); err != nil {
		t.Fatal(err)
	}
	if event.Source != "aws.events" || event.DetailType != "Scheduled Event" || event.Time != stamp || event.Account != account || event.Region != region ||
		len(event.ID) != 36 || len(event.Resources) != 1 || event.Resources[0] != put.RuleARN || event.Detail == nil || len(event.Detail) != 0 {
		t.Errorf("the event is %+v", event)
	}
	if got, want := s.receive("shaped").Body, `"every-minute at `+stamp+`"`; got != want {
		t.Errorf("the transformer made %s, want %s", got, want)
	}
	letter := s.receive("dead")
	if !strings.Contains(letter.Body, `"source":"aws.events"`) || len(letter.MessageAttributes) != 6 ||
		letter.MessageAttributes["RULE_ARN"].StringValue != put.RuleARN || letter.MessageAttributes["TARGET_ARN"].StringValue != functionARN ||
		letter.MessageAttributes["EXHAUSTED_RETRY_CONDITION"].StringValue != "MaximumRetryAttempts" ||
		letter.MessageAttributes["ERROR_CODE"].StringValue != "UpstreamUnavailable" {
		t.Errorf("the dead letter is %+v", letter)
	}

	table := s.belfry("runs", put.RuleARN)
	for _, want := range []string{"TARGET", "shaped", "dead_lettered", "succeeded"} {
		if !strings.Contains(table, want) {
			t.Errorf("belfry runs does not show %q:\n%s", want, table)
		}
	}
	why := s.belfry("why", put.RuleARN, stamp)
	if !strings.Contains(why, "Target fails: ") || !strings.Contains(why, "went to the dead-letter queue") || !strings.Contains(why, "Target plain: ") {
		t.Errorf("belfry why: %s", why)
	}
	s.pagesOfRule(put.RuleARN)

	s.awsFails("ValidationException", "events", "delete-rule", "--name", "every-minute")
	s.aws(nil, "events", "remove-targets", "--rule", "every-minute", "--ids", "fails", "plain", "report", "shaped")
	s.aws(nil, "events", "delete-rule", "--name", "every-minute")
	s.native("runs", url.Values{"schedule": {put.RuleARN}}, &runs)
	if len(runs.Items) < 4 {
		t.Errorf("%d runs are left of the deleted rule, want them all", len(runs.Items))
	}
	if got, err := s.do("", http.MethodGet, "/belfry/v1/runs?schedule="+url.QueryEscape(strings.Replace(put.RuleARN, "every", "no", 1)), "", nil); err != nil || got.status != http.StatusNotFound {
		t.Errorf("the runs of a rule that never was: %d %s, %v", got.status, got.body, err)
	}
}

type ruleRun struct {
	ledgerRun
	TargetID string `json:"target_id"`
}

// pagesOfRule reads runs and ledger three at a time: targets run at the same
// time, and none may fall between two pages.
func (s *server) pagesOfRule(arn string) {
	s.t.Helper()
	for _, list := range []string{"runs", "ledger"} {
		var whole struct{ Items []ruleRun }
		s.native(list, url.Values{"schedule": {arn}}, &whole)
		seen, next := map[string]int{}, ""
		for {
			var page struct {
				Items []ruleRun
				Next  string
			}
			query := url.Values{"schedule": {arn}, "limit": {"3"}}
			if next != "" {
				query.Set("next", next)
			}
			s.native(list, query, &page)
			for _, r := range page.Items {
				if r.ID != "" {
					seen[r.ID]++
				}
			}
			if next = page.Next; next == "" {
				break
			}
		}
		for _, r := range whole.Items {
			if r.Outcome == "dead_lettered" && !strings.Contains(r.Reason, "UpstreamUnavailable") {
				s.t.Errorf("%s: a dead-lettered run has the reason %q", list, r.Reason)
			}
			if r.ID != "" && seen[r.ID] != 1 {
				s.t.Errorf("%s: run %s of target %s is on %d pages of three, want one", list, r.ID, r.TargetID, seen[r.ID])
			}
		}
	}
}
