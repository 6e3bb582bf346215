package native_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/native"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/monitor"
)

type policies struct{}

func (policies) WatchPolicy(context.Context, belfry.ScheduleRef) (monitor.WatchPolicy, error) {
	return monitor.DefaultWatchPolicy(), nil
}

// watched is the API over an engine and its watch: at 00:02:30 the schedules
// "default/fails" and "other/fails" are down and "default/well" is well.
func watched(t *testing.T, test func(t *testing.T, s server, as func(account string))) {
	synctest.Test(t, func(t *testing.T) {
		st, e, stop := fire(t)
		defer stop()
		w := monitor.NewWatcher(monitor.WatchConfig{Store: st, Clock: clock{}, Logger: discard, Policies: policies{}})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go w.Run(ctx)
		self := monitor.NewSelfWatch(monitor.SelfConfig{
			Store: st, Clock: clock{}, Logger: discard, Account: auth.AdminAccount,
			Checks: []monitor.SelfCheck{monitor.BacklogCheck{Store: st}},
		})
		scope := belfry.Scope{Account: "000000000000", Region: "us-east-1"}
		if _, err := e.CreateGroup(t.Context(), belfry.Group{Scope: scope, Name: "other"}); err != nil {
			t.Fatal(err)
		}
		for _, of := range [][2]string{{"default", "fails"}, {"other", "fails"}, {"default", "well"}} {
			_, err := e.CreateSchedule(t.Context(), belfry.Schedule{
				Scope: scope, Group: of[0], Name: of[1],
				Expression: "cron(* * * * ? *)", Timezone: "UTC",
				Target: belfry.Target{ARN: "arn:aws:sqs:us-east-1:000000000000:q", RoleARN: "arn:aws:iam::000000000000:role/r", Retry: belfry.DefaultRetry()},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2*time.Minute + 30*time.Second)
		synctest.Wait()
		account := auth.AdminAccount
		test(t, server{native.New(native.Config{
			Engine: e, Watcher: w, Self: self, Log: discard, Auth: auth.New(auth.Config{Now: time.Now}),
			Authenticate: func(*http.Request, []byte) (auth.Caller, error) { return auth.Caller{Account: account}, nil },
		})}, func(as string) { account = as })
	})
}

func TestWatches(t *testing.T) {
	watched(t, func(t *testing.T, s server, as func(string)) {
		code, out := s.get(t, "GET", "watches")
		items := out["items"].([]any)
		if code != http.StatusOK || len(items) != 2 || out["next"] != nil {
			t.Fatalf("%d %v", code, out)
		}
		first := items[0].(map[string]any)
		for member, want := range map[string]any{
			"schedule": prefix + "fails", "status": "down", "reason": "failed", "failed_in_a_row": 2., "since": "2000-01-01T00:01:00Z",
			"run": "2000-01-01T00:02:00Z", "outcomes": "xx", // and none that it never had
			"detail": "The run of 2000-01-01 00:01:00 UTC failed: Attempt 1 failed in a way that no retry can mend: HTTP.404: gone",
		} {
			if first[member] != want {
				t.Errorf("%s is %v, want %v", member, first[member], want)
			}
		}
		_, out = s.get(t, "GET", "watches", "limit", "1")
		if len(out["items"].([]any)) != 1 || out["next"] == nil {
			t.Fatalf("the first page is %v", out)
		}
		_, out = s.get(t, "GET", "watches", "limit", "1", "next", out["next"].(string))
		if items = out["items"].([]any); len(items) != 1 || items[0].(map[string]any)["schedule"] != strings.Replace(prefix, "default", "other", 1)+"fails" || out["next"] != nil {
			t.Fatalf("the second page is %v", out)
		}
		code, out = s.get(t, "GET", "watches", "schedule", prefix+"well")
		if one := out["items"].([]any)[0].(map[string]any); code != http.StatusOK || one["status"] != "up" || one["limit"] != nil {
			t.Errorf("of a schedule that is well: %d %v", code, out)
		}
		for _, bad := range []struct {
			want   int
			params []string
		}{
			{http.StatusNotFound, []string{"schedule", prefix + "none"}},
			{http.StatusBadRequest, []string{"next", "x"}},
			{http.StatusBadRequest, []string{"limit", "1001"}},
			{http.StatusBadRequest, []string{"schedule", "x"}},
			{http.StatusForbidden, []string{"schedule", strings.Replace(prefix, "000000000000", "111111111111", 1) + "s"}},
			{http.StatusForbidden, []string{"schedule", "arn:aws:events:us-east-1:111111111111:rule/r"}},
		} {
			if code, out := s.get(t, "GET", "watches", bad.params...); code != bad.want {
				t.Errorf("%v: %d %v, want %d", bad.params, code, out, bad.want)
			}
		}
		as("111111111111")
		if _, out = s.get(t, "GET", "watches"); len(out["items"].([]any)) != 0 {
			t.Errorf("another account sees %v", out)
		}
	})
}

func TestDoctor(t *testing.T) {
	watched(t, func(t *testing.T, s server, as func(string)) {
		code, out := s.get(t, "GET", "doctor")
		items := out["items"].([]any)
		if code != http.StatusOK || len(items) != 2 {
			t.Fatalf("%d %v", code, out)
		}
		backlog, schedules := items[0].(map[string]any), items[1].(map[string]any)
		if ok, _ := backlog["ok"].(bool); !ok || backlog["check"] != "backlog" || backlog["advice"] != nil {
			t.Errorf("the backlog is %v", backlog)
		}
		if !strings.HasPrefix(schedules["detail"].(string), "2 schedules are down and 0 are late") {
			t.Errorf("the schedules are %v", schedules)
		}
		as("111111111111")
		if code, out := s.get(t, "GET", "doctor"); code != http.StatusForbidden {
			t.Errorf("another account is answered %d %v", code, out)
		}
	})
}
