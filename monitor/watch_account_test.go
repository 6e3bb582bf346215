package monitor_test

import (
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

func TestWatchGoesByTheAccountsPolicies(t *testing.T) {
	alerting(t, func(d *desk) {
		scope := belfry.Scope{Account: alertAccount, Region: "us-east-1"}
		schedule := belfry.ScheduleRef{Scope: scope, Group: "g", Name: "a"}
		rule := belfry.RuleRef{Scope: scope, Name: "r"}
		of := func(r belfry.ScheduleRef) monitor.WatchPolicy {
			d.Helper()
			p, err := d.WatchPolicy(d.Context(), r)
			if err != nil {
				d.Fatal(err)
			}
			return p
		}
		for _, r := range []belfry.ScheduleRef{schedule, rule.Target("t")} {
			if got := of(r); got != monitor.DefaultWatchPolicy() {
				d.Errorf("without a policy that of %s is %+v", r.Name, got)
			}
		}
		put := func(s monitor.Scope, edit func(*monitor.Rules)) {
			d.Helper()
			p := monitor.Policy{Account: alertAccount, Name: "p", Scope: s, Rules: monitor.DefaultRules()}
			edit(&p.Rules)
			if _, err := d.PutPolicy(d.Context(), p); err != nil {
				d.Fatal(err)
			}
		}
		group := belfry.Group{Scope: scope, Name: "g"}
		put(monitor.Scope{Kind: monitor.ScopeGroup, Value: group.ARN()}, func(r *monitor.Rules) { r.After, r.LateAfter = 3, 5*time.Minute })
		put(monitor.Scope{Kind: monitor.ScopeSchedule, Value: rule.ARN()}, func(r *monitor.Rules) {
			r.Outcomes, r.After, r.Share, r.Of = []monitor.Reason{monitor.ReasonMissed, monitor.ReasonTooLong}, 0, 40, 10
			r.Longest, r.Factor = time.Hour, 0
		})
		time.Sleep(2 * time.Second) // a policy may be a second old
		want := monitor.DefaultWatchPolicy()
		want.After, want.LateAfter = 3, 5*time.Minute
		if got := of(schedule); got != want {
			d.Errorf("that of the group is %+v, want %+v", got, want)
		}
		want = monitor.WatchPolicy{Missed: true, TooLong: true, Share: 40, Of: 10, LateAfter: time.Minute, Longest: time.Hour}
		if got := of(rule.Target("t")); got != want {
			d.Errorf("that of the rule's target is %+v, want %+v", got, want)
		}
	})
}
