package events_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/api/awswire/eventsapi"
	"github.com/belfry-run/belfry/api/events"
	"github.com/belfry-run/belfry/engine"
	"github.com/belfry-run/belfry/store/sqlite"
)

const (
	queueARN = "arn:aws:sqs:us-east-1:000000000000:q"
	ruleARN  = "arn:aws:events:us-east-1:000000000000:rule/"
)

type clock struct{}

func (clock) Now() time.Time { return time.Now() }

func (clock) Monotonic() time.Duration { return time.Duration(time.Now().UnixNano()) }

func (clock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// api is the API over a real engine and store, in fake time.
type api struct {
	t      *testing.T
	router *awswire.Router

	mu    sync.Mutex
	calls []string // guarded by mu: target and scheduled time of each attempt
}

// run starts the API in a bubble of fake time.
func run(t *testing.T, test func(a *api)) {
	synctest.Test(t, func(t *testing.T) {
		a := &api{t: t}
		store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		log := slog.New(slog.DiscardHandler)
		e := engine.New(engine.Config{
			Store: store, Clock: clock{}, Invoker: a, DeadLetters: a, Logger: log, Metrics: engine.NewMetrics(prometheus.NewRegistry()),
		})
		if err := e.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.router = awswire.NewRouter(awswire.Options{Auth: awswire.DevAuth{}, Logger: log}, eventsapi.New(events.New(e)))
		test(a)
		e.Stop(t.Context())
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (a *api) Invoke(_ context.Context, in *belfry.Invocation) belfry.Result {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, in.Time.Format("15:04:05 ")+in.Target.ARN)
	return belfry.Result{Status: belfry.AttemptSucceeded}
}

func (a *api) SendDeadLetter(context.Context, *belfry.Schedule, string, map[string]string) error {
	return nil
}

// call makes a request and returns what the answer's body says.
func (a *api) call(op, body string) (int, map[string]any) {
	a.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "AWSEvents."+op)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	w := httptest.NewRecorder()
	a.router.ServeHTTP(w, r)
	if got := w.Header().Get("Content-Type"); got != "application/x-amz-json-1.1" {
		a.t.Errorf("%s answers as %s", op, got)
	}
	var answer map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			a.t.Fatalf("%s answers %q: %v", op, w.Body, err)
		}
	}
	return w.Code, answer
}

// ok makes a request that must succeed; want is its answer, unless it is empty.
func (a *api) ok(op, body, want string) map[string]any {
	a.t.Helper()
	status, got := a.call(op, body)
	if status != http.StatusOK {
		a.t.Fatalf("%s %s: %d %v", op, body, status, got)
	}
	if want != "" {
		var w map[string]any
		if err := json.Unmarshal([]byte(want), &w); err != nil {
			a.t.Fatal(err)
		}
		if diff := cmp.Diff(w, got); diff != "" {
			a.t.Errorf("%s %s (-want +got):\n%s", op, body, diff)
		}
	}
	return got
}

// refused makes a request that must be refused with 400.
func (a *api) refused(op, body, code, message string) {
	a.t.Helper()
	status, got := a.call(op, body)
	kind, _ := got["__type"].(string)
	if i := strings.LastIndex(kind, "#"); i >= 0 {
		kind = kind[i+1:]
	}
	if status != http.StatusBadRequest || kind != code || got["message"] != message {
		a.t.Errorf("%s %s:\n got %d %v\nwant 400 %s: %s", op, body, status, got, code, message)
	}
}

// TestRuleLife is what Terraform does with a rule and its target.
func TestRuleLife(t *testing.T) {
	run(t, func(a *api) {
		a.ok("PutRule", `{"Name":"r","ScheduleExpression":"rate(5 minutes)","Description":"d","RoleArn":"arn:aws:iam::000000000000:role/r","Tags":[{"Key":"k","Value":"v"}]}`,
			`{"RuleArn":"`+ruleARN+`r"}`)
		described := `{"Name":"r","Arn":"` + ruleARN + `r","ScheduleExpression":"rate(5 minutes)","State":"ENABLED","Description":"d",
			"RoleArn":"arn:aws:iam::000000000000:role/r","EventBusName":"default","CreatedBy":"000000000000"}`
		a.ok("DescribeRule", `{"Name":"r"}`, described)
		a.ok("DescribeRule", `{"Name":"r","EventBusName":"arn:aws:events:us-east-1:000000000000:event-bus/default"}`, described)
		a.ok("ListTagsForResource", `{"ResourceARN":"`+ruleARN+`r"}`, `{"Tags":[{"Key":"k","Value":"v"}]}`)
		target := `{"Id":"t1","Arn":"` + queueARN + `","Input":"{\"a\": 1}","RetryPolicy":{"MaximumRetryAttempts":1},"DeadLetterConfig":{"Arn":"` + queueARN + `-dead"},"SqsParameters":{"MessageGroupId":"g"}}`
		other := `{"Id":"t2","Arn":"` + queueARN + `","InputTransformer":{"InputPathsMap":{"a":"$.time"},"InputTemplate":"\"<a>\""}}`
		a.ok("PutTargets", `{"Rule":"r","Targets":[`+other+`,`+target+`]}`, `{"FailedEntryCount":0,"FailedEntries":[]}`)
		a.ok("ListTargetsByRule", `{"Rule":"r","Limit":100}`, `{"Targets":[`+target+`,`+other+`]}`)

		// Put again: what is left out is cleared, targets and tags stay.
		a.ok("PutRule", `{"Name":"r","ScheduleExpression":"cron(0 12 * * ? *)","State":"DISABLED","Tags":[{"Key":"other","Value":"v"}]}`, "")
		a.ok("DescribeRule", `{"Name":"r"}`, `{"Name":"r","Arn":"`+ruleARN+`r","ScheduleExpression":"cron(0 12 * * ? *)","State":"DISABLED","EventBusName":"default","CreatedBy":"000000000000"}`)
		a.ok("ListTargetsByRule", `{"Rule":"r"}`, `{"Targets":[`+target+`,`+other+`]}`)
		a.ok("TagResource", `{"ResourceARN":"`+ruleARN+`r","Tags":[{"Key":"b","Value":""},{"Key":"k","Value":"w"}]}`, "")
		a.ok("UntagResource", `{"ResourceARN":"`+ruleARN+`r","TagKeys":["b","nobody"]}`, "")
		a.ok("ListTagsForResource", `{"ResourceARN":"`+ruleARN+`r"}`, `{"Tags":[{"Key":"k","Value":"w"}]}`)

		a.refused("DeleteRule", `{"Name":"r"}`, "ValidationException", "Rule can't be deleted since it has targets.")
		a.ok("RemoveTargets", `{"Rule":"r","Ids":["t1","t2"],"Force":true}`, `{"FailedEntryCount":0,"FailedEntries":[]}`)
		a.ok("RemoveTargets", `{"Rule":"r","Ids":["t1"]}`, `{"FailedEntryCount":1,"FailedEntries":[{"TargetId":"t1",
			"ErrorCode":"ResourceNotFoundException","ErrorMessage":"Rule 'r' does not have a target with the Id 't1'."}]}`)
		for range 2 {
			a.ok("DeleteRule", `{"Name":"r"}`, "")
		}
		a.refused("DescribeRule", `{"Name":"r"}`, "ResourceNotFoundException", "Rule r does not exist on EventBus default.")
	})
}

// TestFiring: through the API, in fake time.
func TestFiring(t *testing.T) {
	run(t, func(a *api) {
		expect := func(want ...string) {
			t.Helper()
			synctest.Wait()
			a.mu.Lock()
			defer a.mu.Unlock()
			if diff := cmp.Diff(want, a.calls); diff != "" {
				t.Errorf("attempts (-want +got):\n%s", diff)
			}
			a.calls = nil
		}
		a.ok("PutRule", `{"Name":"r","ScheduleExpression":"rate(1 minute)"}`, "")
		a.ok("PutTargets", `{"Rule":"r","Targets":[{"Id":"1","Arn":"`+queueARN+`"}]}`, "")
		time.Sleep(130 * time.Second)
		expect("00:01:00 "+queueARN, "00:02:00 "+queueARN)
		a.ok("DisableRule", `{"Name":"r"}`, "")
		time.Sleep(5 * time.Minute)
		expect()
		a.ok("EnableRule", `{"Name":"r"}`, "")
		time.Sleep(time.Minute)
		expect("00:08:00 " + queueARN)
		a.ok("PutTargets", `{"Rule":"r","Targets":[{"Id":"1","Arn":"`+queueARN+`2"}]}`, "")
		time.Sleep(time.Minute)
		expect("00:09:00 " + queueARN + "2")
		a.ok("RemoveTargets", `{"Rule":"r","Ids":["1"]}`, "")
		time.Sleep(time.Minute)
		expect()
	})
}

func TestRefusals(t *testing.T) {
	run(t, func(a *api) {
		a.ok("PutRule", `{"Name":"r","ScheduleExpression":"rate(1 day)"}`, "")
		target := func(n int) string {
			var all []string
			for i := range n {
				all = append(all, fmt.Sprintf(`{"Id":"t%d","Arn":"%s"}`, i, queueARN))
			}
			return strings.Join(all, ",")
		}
		for _, c := range []struct{ op, body, code, message string }{
			{"PutRule", `{"Name":"x","ScheduleExpression":"rate(5 minute)"}`, "ValidationException", "Parameter ScheduleExpression is not valid."},
			{"PutRule", `{"Name":"x","ScheduleExpression":"at(2030-01-01T00:00:00)"}`, "ValidationException", "Parameter ScheduleExpression is not valid."},
			{"PutRule", `{"Name":"x","ScheduleExpression":"cron(0 12 * * ?)"}`, "ValidationException", "Parameter ScheduleExpression is not valid."},
			{"PutRule", `{"Name":"x","ScheduleExpression":"rate(1 day)","EventBusName":"other"}`, "ValidationException", "ScheduleExpression is supported only on the default event bus."},
			{"PutRule", `{"Name":"x"}`, "ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified"},
			{
				"PutRule", `{"Name":"x","EventPattern":"{\"source\":[\"a\"]}"}`, "ValidationException",
				"Parameter EventPattern is not supported: Belfry runs scheduled rules only; give a ScheduleExpression instead.",
			},
			{
				"PutRule", `{"Name":"x y","ScheduleExpression":"rate(1 day)"}`, "ValidationException",
				`1 validation error detected: Value 'x y' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+`,
			},
			{"PutRule", `{"ScheduleExpression":"rate(1 day)"}`, "ValidationException", `1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null`},
			{"DescribeRule", `{"Name":"x"}`, "ResourceNotFoundException", "Rule x does not exist on EventBus default."},
			{"DescribeRule", `{"Name":"r","EventBusName":"other"}`, "ResourceNotFoundException", "Event bus other does not exist."},
			{"ListRules", `{"EventBusName":"arn:aws:events:us-east-1:000000000000:event-bus/other"}`, "ResourceNotFoundException", "Event bus other does not exist."},
			{"DeleteRule", `{"Name":"r","EventBusName":"other"}`, "ResourceNotFoundException", "Event bus other does not exist."},
			{"DescribeEventBus", `{"Name":"other"}`, "ResourceNotFoundException", "Event bus other does not exist."},
			{"EnableRule", `{"Name":"x"}`, "ResourceNotFoundException", "Rule x does not exist on EventBus default."},
			{"DisableRule", `{"Name":"x"}`, "ResourceNotFoundException", "Rule x does not exist on EventBus default."},
			{"PutTargets", `{"Rule":"x","Targets":[` + target(1) + `]}`, "ResourceNotFoundException", "Rule x does not exist on EventBus default."},
			{"PutTargets", `{"Rule":"r","Targets":[` + target(6) + `]}`, "LimitExceededException", "The requested resource exceeds the maximum number allowed."},
			{"PutTargets", `{"Rule":"r","Targets":[` + target(1) + `,` + target(1) + `]}`, "ValidationException", "More than one target with Id 't0' is provided"},
			{
				"PutTargets", `{"Rule":"r","Targets":[{"Id":"a b","Arn":"` + queueARN + `"}]}`, "ValidationException",
				`1 validation error detected: Value 'a b' at 'targets.1.member.id' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+`,
			},
			{
				"PutTargets", `{"Rule":"r","Targets":[{"Id":"` + strings.Repeat("a", 65) + `","Arn":"` + queueARN + `"}]}`, "ValidationException",
				`1 validation error detected: Value '` + strings.Repeat("a", 65) + `' at 'targets.1.member.id' failed to satisfy constraint: Member must have length less than or equal to 64`,
			},
			{"PutTargets", `{"Rule":"r","Targets":[{"Id":"a","Arn":"` + queueARN + `","Input":""}]}`, "ValidationException", "JSON syntax error in input for target a"},
			{"RemoveTargets", `{"Rule":"x","Ids":["a"]}`, "ResourceNotFoundException", "Rule x does not exist on EventBus default."},
			{"ListTargetsByRule", `{"Rule":"x"}`, "ResourceNotFoundException", "Rule x does not exist on EventBus default."},
			{"ListTargetsByRule", `{"Rule":"r","NextToken":"!"}`, "ValidationException", "NextToken is not one that this API gave."},
			{"TagResource", `{"ResourceARN":"` + ruleARN + `x","Tags":[]}`, "ResourceNotFoundException", "Rule x does not exist on EventBus default."},
			{"ListTagsForResource", `{"ResourceARN":"nothing"}`, "ValidationException", "Parameter nothing is not valid. Reason: Provided Arn is not in correct format."},
			{"ListTagsForResource", `{"ResourceARN":"arn:aws:events:us-east-1:000000000001:rule/r"}`, "ResourceNotFoundException", "Rule r does not exist on EventBus default."},
		} {
			a.refused(c.op, c.body, c.code, c.message)
		}
		a.ok("ListTargetsByRule", `{"Rule":"r"}`, `{"Targets":[]}`) // nothing was half-written
		a.ok("PutTargets", `{"Rule":"r","Targets":[`+target(5)+`]}`, "")
		a.ok("ListRules", `{}`, `{"Rules":[{"Name":"r","Arn":"`+ruleARN+`r","ScheduleExpression":"rate(1 day)","State":"ENABLED","EventBusName":"default"}]}`)
		if status, got := a.call("PutEvents", `{}`); status != http.StatusNotFound || !strings.HasSuffix(fmt.Sprint(got["__type"]), "UnknownOperationException") {
			t.Errorf("PutEvents: %d %v", status, got)
		}
	})
}

func TestPages(t *testing.T) {
	run(t, func(a *api) {
		for _, name := range []string{"b2", "a", "b1", "c"} {
			a.ok("PutRule", `{"Name":"`+name+`","ScheduleExpression":"rate(1 day)"}`, "")
			a.ok("PutTargets", `{"Rule":"`+name+`","Targets":[{"Id":"2","Arn":"`+queueARN+`"},{"Id":"1","Arn":"`+queueARN+`"},{"Id":"3","Arn":"`+queueARN+`3"}]}`, "")
		}
		all := func(op, rest string, item func(any) string) string {
			t.Helper()
			var got []string
			for token := ""; ; {
				page := a.ok(op, `{`+token+rest+`}`, "")
				for _, list := range []string{"Rules", "Targets", "RuleNames"} {
					items, _ := page[list].([]any)
					for _, it := range items {
						got = append(got, item(it))
					}
				}
				next, more := page["NextToken"].(string)
				if got = append(got, "|"); !more {
					return strings.Join(got, " ")
				}
				token = `"NextToken":"` + next + `",`
			}
		}
		name := func(v any) string { return v.(map[string]any)["Name"].(string) }
		id := func(v any) string { return v.(map[string]any)["Id"].(string) }
		text := func(v any) string { return v.(string) }
		for _, c := range []struct{ got, want string }{
			{all("ListRules", `"Limit":3`, name), "a b1 b2 | c |"},
			{all("ListRules", `"Limit":4`, name), "a b1 b2 c |"},
			{all("ListRules", `"NamePrefix":"b","Limit":1`, name), "b1 | b2 |"},
			{all("ListTargetsByRule", `"Rule":"a","Limit":2`, id), "1 2 | 3 |"},
			{all("ListRuleNamesByTarget", `"TargetArn":"`+queueARN+`","Limit":3`, text), "a b1 b2 | c |"},
			{all("ListRuleNamesByTarget", `"TargetArn":"`+queueARN+`3"`, text), "a b1 b2 c |"},
			{all("ListRuleNamesByTarget", `"TargetArn":"`+queueARN+`4"`, text), "|"},
		} {
			if c.got != c.want {
				t.Errorf("pages %q, want %q", c.got, c.want)
			}
		}
		a.ok("DescribeEventBus", `{}`, `{"Name":"default","Arn":"arn:aws:events:us-east-1:000000000000:event-bus/default"}`)
		a.ok("ListEventBuses", `{}`, `{"EventBuses":[{"Name":"default","Arn":"arn:aws:events:us-east-1:000000000000:event-bus/default"}]}`)
		a.ok("ListEventBuses", `{"NamePrefix":"x"}`, `{"EventBuses":[]}`)
	})
}
