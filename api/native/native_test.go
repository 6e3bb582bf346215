package native_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/native"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/engine"
	"github.com/belfry-run/belfry/store/sqlite"
)

// clock is the bubble's.
type clock struct{}

func (clock) Now() time.Time { return time.Now() }

func (clock) Monotonic() time.Duration { return time.Duration(time.Now().UnixNano()) }

func (clock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// outside is a target that fails for schedules named "fails".
type outside struct{}

func (outside) Invoke(_ context.Context, in *belfry.Invocation) belfry.Result {
	if strings.HasSuffix(in.ScheduleARN, "/fails") {
		return belfry.Result{Status: belfry.AttemptPermanent, ErrorCode: "HTTP.404", ErrorMessage: "gone", Log: "tail"}
	}
	return belfry.Result{Status: belfry.AttemptSucceeded}
}

func (outside) SendDeadLetter(context.Context, *belfry.Schedule, string, map[string]string) error {
	return nil
}

const prefix = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/"

// server is the API over an engine with two schedules: "s" runs each minute
// from 00:01 and is disabled from 00:10:30 to 00:12:30, "fails" runs once at
// 00:05. It is 00:15:30.
type server struct{ *native.API }

// fire starts an engine on a store of its own; stop ends both.
func fire(t *testing.T) (st *sqlite.Store, e *engine.Engine, stop func()) {
	t.Helper()
	st, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	e = engine.New(engine.Config{
		Store: st, Clock: clock{}, Invoker: outside{}, DeadLetters: outside{}, Logger: discard,
		Metrics: engine.NewMetrics(prometheus.NewRegistry()),
	})
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return st, e, func() {
		e.Stop(t.Context())
		st.Close()
	}
}

var discard = slog.New(slog.DiscardHandler)

func serve(t *testing.T, test func(t *testing.T, s server)) {
	synctest.Test(t, func(t *testing.T) {
		_, e, stop := fire(t)
		defer stop()
		minutely := belfry.Schedule{
			Scope: belfry.Scope{Account: "000000000000", Region: "us-east-1"}, Group: belfry.DefaultGroup, Name: "s",
			Expression: "cron(* * * * ? *)", Timezone: "UTC",
			Target: belfry.Target{ARN: "arn:aws:sqs:us-east-1:000000000000:q", RoleARN: "arn:aws:iam::000000000000:role/r", Retry: belfry.DefaultRetry()},
		}
		once := minutely
		once.Name, once.Expression = "fails", "at(2000-01-01T00:05:00)"
		time.Sleep(30 * time.Second)
		for _, s := range []belfry.Schedule{minutely, once} {
			if _, err := e.CreateSchedule(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		for _, state := range []belfry.State{belfry.Disabled, belfry.Enabled} {
			time.Sleep(map[belfry.State]time.Duration{belfry.Disabled: 10 * time.Minute, belfry.Enabled: 2 * time.Minute}[state])
			minutely.State = state
			if _, err := e.UpdateSchedule(t.Context(), minutely); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		test(t, server{native.New(native.Config{Engine: e, Log: discard, Open: true, Authenticate: anybody})})
	})
}

func anybody(*http.Request, []byte) (auth.Caller, error) { return auth.Caller{}, nil }

// get asks with the parameters name, value, ... and decodes the answer.
func (s server) get(t *testing.T, method, path string, params ...string) (int, map[string]any) {
	t.Helper()
	q := url.Values{}
	for i := 0; i < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, "/belfry/v1/"+path+"?"+q.Encode(), http.NoBody))
	if ct := w.Header().Get("Content-Type"); ct != "application/json" {
		t.Errorf("%s has the type %q", path, ct)
	}
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%s: %v in %s", path, err, w.Body)
	}
	return w.Code, out
}

// lines writes the items of a list for comparison.
func lines(t *testing.T, out map[string]any) []string {
	t.Helper()
	items, isList := out["items"].([]any)
	if !isList {
		t.Fatalf("no list: %v", out)
	}
	all := []string{}
	for _, it := range items {
		m := it.(map[string]any)
		if m["kind"] == "gap" {
			all = append(all, fmt.Sprint(m["from"], "..", m["to"], " ", m["count"], " ", m["reason"]))
			continue
		}
		all = append(all, fmt.Sprint(m["scheduled_time"].(string)[11:16], " ", m["outcome"]))
	}
	return all
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestTheRunsOfAScheduleComeInPages(t *testing.T) {
	serve(t, func(t *testing.T, s server) {
		var got []string
		var pages []int
		params := []string{"schedule", prefix + "s", "limit", "5"}
		for next := ""; ; {
			status, out := s.get(t, "GET", "runs", append(params, "next", next)...)
			if status != http.StatusOK {
				t.Fatal(status, out)
			}
			page := lines(t, out)
			got, pages = append(got, page...), append(pages, len(page))
			if next, _ = out["next"].(string); next == "" {
				break
			}
		}
		var want []string
		for _, m := range []int{15, 14, 13, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1} {
			want = append(want, fmt.Sprintf("00:%02d succeeded", m))
		}
		same(t, "runs", got, want)
		if !slices.Equal(pages, []int{5, 5, 3}) {
			t.Errorf("pages of %v", pages)
		}
		_, out := s.get(t, "GET", "runs", "schedule", prefix+"s", "from", "2000-01-01T00:03:00Z", "to", "2000-01-01T01:05:00+01:00")
		same(t, "an interval", lines(t, out), []string{"00:05 succeeded", "00:04 succeeded", "00:03 succeeded"})
	})
}

func TestARunTellsItsAttempts(t *testing.T) {
	serve(t, func(t *testing.T, s server) {
		_, out := s.get(t, "GET", "runs", "schedule", prefix+"fails")
		same(t, "runs", lines(t, out), []string{"00:05 failed"})
		r := out["items"].([]any)[0].(map[string]any)
		attempts := r["attempts"].([]any)
		if len(attempts) != 1 || r["schedule"] != prefix+"fails" || r["started_at"] != "2000-01-01T00:05:00Z" {
			t.Fatalf("got %v", r)
		}
		for k, want := range map[string]any{"number": 1.0, "result": "permanent_error", "error_code": "HTTP.404", "error_message": "gone", "log": "tail"} {
			if got := attempts[0].(map[string]any)[k]; got != want {
				t.Errorf("%s is %v, want %v", k, got, want)
			}
		}
	})
}

func TestTheLedgerHasRunsAndGapsInOrder(t *testing.T) {
	serve(t, func(t *testing.T, s server) {
		_, out := s.get(t, "GET", "ledger", "schedule", prefix+"s", "from", "2000-01-01T00:09:00Z")
		got := lines(t, out)
		if len(got) != 6 || !strings.HasSuffix(got[2], " 2 disabled") {
			t.Fatalf("got %q", got)
		}
		same(t, "runs", slices.Delete(got, 2, 3), []string{"00:09 succeeded", "00:10 succeeded", "00:13 succeeded", "00:14 succeeded", "00:15 succeeded"})
		_, failed := s.get(t, "GET", "ledger", "schedule", prefix+"fails")
		if reason, _ := failed["items"].([]any)[0].(map[string]any)["reason"].(string); !strings.Contains(reason, "HTTP.404: gone") {
			t.Errorf("the reason of a run that failed is %q", reason)
		}
		if out["next"] != nil {
			t.Errorf("there is a next page: %v", out["next"])
		}
		gap := out["items"].([]any)[2].(map[string]any)
		if gap["detail"] != "the schedule was disabled from 2000-01-01 00:10:30 UTC to 2000-01-01 00:12:30 UTC" || gap["open"] != nil || gap["settled_at"] != nil {
			t.Errorf("the gap is %v", gap)
		}
		if out["outlook"] != "Next: it is due at 2000-01-01 00:16:00 UTC." || failed["outlook"] != "Nothing follows: at(2000-01-01T00:05:00) in UTC has no occurrence after now." {
			t.Errorf("outlooks %v and %v", out["outlook"], failed["outlook"])
		}
		_, out = s.get(t, "GET", "ledger", "schedule", prefix+"s", "limit", "2")
		same(t, "the newest", lines(t, out), []string{"00:14 succeeded", "00:15 succeeded"})
		_, out = s.get(t, "GET", "ledger", "schedule", prefix+"s", "limit", "2", "next", out["next"].(string))
		same(t, "the two before", lines(t, out), []string{"2000-01-01T00:10:30Z..2000-01-01T00:12:30Z 2 disabled", "00:13 succeeded"})
		_, out = s.get(t, "GET", "ledger", "schedule", prefix+"s", "limit", "1", "next", out["next"].(string))
		same(t, "the one before those", lines(t, out), []string{"00:10 succeeded"})
		if out["outlook"] != nil {
			t.Errorf("a later page has the outlook %v", out["outlook"])
		}
	})
}

// Whatever the size of the pages, each entry is on one of them, gaps too.
func TestPagesOfTheLedger(t *testing.T) {
	serve(t, func(t *testing.T, s server) {
		_, out := s.get(t, "GET", "ledger", "schedule", prefix+"s")
		whole := lines(t, out)
		for limit := 1; limit <= len(whole)+1; limit++ {
			var got []string
			for next, pages := "", 0; pages == 0 || next != ""; pages++ {
				_, out := s.get(t, "GET", "ledger", "schedule", prefix+"s", "limit", fmt.Sprint(limit), "next", next)
				page := lines(t, out)
				if len(page) > limit {
					t.Fatalf("%d entries on a page of %d", len(page), limit)
				}
				got = append(page, got...)
				next, _ = out["next"].(string)
			}
			same(t, fmt.Sprint("pages of ", limit), got, whole)
		}
	})
}

// What earlier schedules of the name have at a time is told beside, and a schedule
// of which nothing is recorded says what that means.
func TestPagesAreBoundedByTheBytesOfTheirRuns(t *testing.T) {
	serve(t, func(t *testing.T, s server) {
		for _, list := range []string{"runs", "ledger"} {
			_, out := s.get(t, "GET", list, "schedule", prefix+"s")
			want := lines(t, out)
			if len(want) < 13 {
				t.Fatalf("%s has %d entries", list, len(want))
			}
			for _, step := range []int{1, 2, 5, len(want) - 1, len(want)} {
				steps := native.New(native.Config{Engine: s.Engine, Log: discard, Open: true, Authenticate: anybody, PageStep: step})
				_, out := server{steps}.get(t, "GET", list, "schedule", prefix+"s")
				same(t, fmt.Sprint(list, " in steps of ", step), lines(t, out), want)
				// Each run has an attempt, of 100 bytes.
				cut := native.New(native.Config{Engine: s.Engine, Log: discard, Open: true, Authenticate: anybody, PageStep: step, PageBytes: 100})
				var got []string
				for next, first := "", true; first || next != ""; first = false {
					_, out := server{cut}.get(t, "GET", list, "schedule", prefix+"s", "next", next)
					page := lines(t, out)
					if len(page) > step+1 { // a gap has none
						t.Errorf("a page of %s has %d entries, in steps of %d", list, len(page), step)
					}
					if list == "ledger" {
						got = append(page, got...)
					} else {
						got = append(got, page...)
					}
					next, _ = out["next"].(string)
				}
				same(t, fmt.Sprint(list, " in short pages, in steps of ", step), got, want)
			}
		}
	})
}

func TestWhyOfEarlierSchedules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, e, stop := fire(t)
		defer stop()
		s := server{native.New(native.Config{Engine: e, Log: discard, Open: true, Authenticate: anybody})}
		of := belfry.Schedule{
			Scope: belfry.Scope{Account: "000000000000", Region: "us-east-1"}, Group: belfry.DefaultGroup, Name: "s",
			Expression: "at(2000-01-01T00:01:00)", Timezone: "UTC",
			Target: belfry.Target{ARN: "arn:aws:sqs:us-east-1:000000000000:q", RoleARN: "arn:aws:iam::000000000000:role/r", Retry: belfry.DefaultRetry()},
		}
		create := func() {
			t.Helper()
			if _, err := e.CreateSchedule(t.Context(), of); err != nil {
				t.Fatal(err)
			}
		}
		create()
		_, out := s.get(t, "GET", "ledger", "schedule", prefix+"s")
		if out["outlook"] != "It has not run yet. Next: it is due at 2000-01-01 00:01:00 UTC." {
			t.Errorf("outlook: %v", out["outlook"])
		}
		time.Sleep(2 * time.Minute)
		if err := e.DeleteSchedule(t.Context(), of.Ref()); err != nil {
			t.Fatal(err)
		}
		create()
		_, out = s.get(t, "GET", "why", "schedule", prefix+"s", "time", "2000-01-01T00:01:00Z")
		gap, _ := out["gap"].(map[string]any)
		also, _ := out["also"].([]any)
		if out["outcome"] != "gap" || gap["reason"] != "done" || gap["settled_at"] != "2000-01-01T00:02:00Z" || len(also) != 1 {
			t.Fatalf("got %v", out)
		}
		if earlier := also[0].(map[string]any); earlier["outcome"] != "succeeded" || earlier["run"] == nil {
			t.Errorf("also: %v", also)
		}
		of.Name, of.Expression, of.State = "off", "rate(1 minute)", belfry.Disabled
		create()
		time.Sleep(90 * time.Second)
		_, out = s.get(t, "GET", "why", "schedule", prefix+"off", "time", "2000-01-01T00:03:00Z")
		gap, _ = out["gap"].(map[string]any)
		if open, _ := gap["open"].(bool); out["outcome"] != "gap" || !open || gap["detail"] != "the schedule has been disabled since 2000-01-01 00:02:01 UTC" {
			t.Errorf("got %v", out)
		}
	})
}

func TestWhy(t *testing.T) {
	serve(t, func(t *testing.T, s server) {
		tests := []struct{ schedule, time, outcome, says string }{
			{"s", "2000-01-01T00:05:00Z", "succeeded", "succeeded at the first attempt"},
			{"fails", "2000-01-01T00:05:00Z", "failed", "HTTP.404: gone"},
			{"s", "2000-01-01T00:11:00Z", "gap", "the schedule was disabled from"},
			{"s", "2000-01-01T00:05:30Z", "not_due", "It was not due at 2000-01-01 00:05:30 UTC"},
			{"s", "2000-01-01T02:16:00+02:00", "future", "It has not run yet"},
		}
		for _, tt := range tests {
			status, out := s.get(t, "GET", "why", "schedule", prefix+tt.schedule, "time", tt.time)
			sentence, _ := out["sentence"].(string)
			if status != http.StatusOK || out["outcome"] != tt.outcome || !strings.Contains(sentence, tt.says) {
				t.Errorf("%s at %s: %d %v, want %s: %s", tt.schedule, tt.time, status, out, tt.outcome, tt.says)
			}
			if _, run := out["run"]; run != (tt.outcome == "succeeded" || tt.outcome == "failed") {
				t.Errorf("%s at %s: run is %v", tt.schedule, tt.time, out["run"])
			}
			if _, gap := out["gap"]; gap != (tt.outcome == "gap") {
				t.Errorf("%s at %s: gap is %v", tt.schedule, tt.time, out["gap"])
			}
		}
	})
}

func TestWhatIsRefused(t *testing.T) {
	serve(t, func(t *testing.T, s server) {
		tests := []struct {
			method, path string
			params       []string
			status       int
			code, field  string
		}{
			{"GET", "runs", nil, 400, "invalid", "schedule"},
			{"GET", "runs", []string{"schedule", "s"}, 400, "invalid", "schedule"},
			{"GET", "runs", []string{"schedule", "arn:aws:sqs:us-east-1:000000000000:q"}, 400, "invalid", "schedule"},
			{"GET", "ledger", []string{"schedule", prefix + "other"}, 404, "not_found", "schedule"},
			{"GET", "ledger", []string{"schedule", prefix + "s", "from", "yesterday"}, 400, "invalid", "from"},
			{"GET", "ledger", []string{"schedule", prefix + "s", "to", "2000-01-01"}, 400, "invalid", "to"},
			{"GET", "runs", []string{"schedule", prefix + "s", "limit", "0"}, 400, "invalid", "limit"},
			{"GET", "runs", []string{"schedule", prefix + "s", "limit", "1001"}, 400, "invalid", "limit"},
			{"GET", "runs", []string{"schedule", prefix + "s", "limit", "many"}, 400, "invalid", "limit"},
			{"GET", "runs", []string{"schedule", prefix + "s", "next", "??"}, 400, "invalid", "next"},
			{"GET", "why", []string{"schedule", prefix + "s"}, 400, "invalid", "time"},
			{"GET", "nothing", nil, 404, "not_found", ""},
			{"POST", "runs", []string{"schedule", prefix + "s"}, 404, "not_found", ""},
		}
		for _, tt := range tests {
			status, out := s.get(t, tt.method, tt.path, tt.params...)
			e, _ := out["error"].(map[string]any)
			field, _ := e["field"].(string)
			if message, _ := e["message"].(string); status != tt.status || e["code"] != tt.code || field != tt.field || message == "" {
				t.Errorf("%s %s %v: %d %v, want %d %s of %q", tt.method, tt.path, tt.params, status, out, tt.status, tt.code, tt.field)
			}
		}
		for _, limit := range []string{"1", "1000"} {
			if status, out := s.get(t, "GET", "runs", "schedule", prefix+"s", "limit", limit); status != http.StatusOK {
				t.Errorf("limit %s: %d %v", limit, status, out)
			}
		}
	})
}
