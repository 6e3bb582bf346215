package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/monitor/notify"
)

// Alerts holds a store to what [monitor.AlertStore] promises. open returns an
// empty store; it closes it when the test ends.
func Alerts(t *testing.T, open func(t *testing.T) monitor.AlertStore) {
	for _, c := range []struct {
		name string
		run  func(*alerts)
	}{
		{"a channel comes back as it was put, in its account only", (*alerts).channel},
		{"of many channels at once as many are made as there are places", (*alerts).channelLimit},
		{"a channel's name is taken once in an account", (*alerts).channelName},
		{"of many changes to one revision of a channel one wins", (*alerts).channelRace},
		{"a policy comes back as it was put", (*alerts).policy},
		{"an account has one policy for a scope, and no more than the limit", (*alerts).policyScope},
		{"a flip is told once", (*alerts).flipOnce},
		{"of two nodes that tell the same flip one wins, and the other writes nothing", (*alerts).tellRace},
		{"an alert comes back as it was put, and is open until it is closed", (*alerts).alert},
		{"a subject has one open alert, also of two nodes at once", (*alerts).oneOpen},
		{"alerts are due in the order of their time", (*alerts).due},
		{"an acknowledgement ends reminders and makes older decisions stale", (*alerts).acknowledge},
		{"a delivery's acknowledgement is of all its alerts, and of its account's only", (*alerts).acknowledgeDelivery},
		{"alerts are listed newest first, in pages", (*alerts).list},
		{"a delivery is claimed once, in the order of the channel", (*alerts).claim},
		{"a claim that was not settled is void when its time is up", (*alerts).lease},
		{"a channel that rests is not sent to, and others are", (*alerts).rest},
		{"notices of one cause join what waits, and nothing that is due", (*alerts).join},
		{"a storm of one cause is held after its first messages", (*alerts).storm},
		{"what waits for a resting channel is joined", (*alerts).joinResting},
		{"the end of a trouble does not overtake its beginning", (*alerts).order},
		{"a notice joins none that would be told much later, or too soon", (*alerts).joinTimes},
		{"a channel that is switched off gives up what waits and takes nothing more", (*alerts).switchedOff},
		{"a channel that is deleted leaves its log", (*alerts).deleted},
		{"what a delivery says of a channel that was changed meanwhile is dropped", (*alerts).changedMeanwhile},
		{"deliveries are listed newest first, by channel and status", (*alerts).log},
		{"old deliveries and alerts are removed, what waits or is open stays", (*alerts).prune},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(&alerts{t, open(t), t.Context()}) })
	}
}

type alerts struct {
	*testing.T
	monitor.AlertStore
	ctx context.Context
}

var (
	alertsT0 = time.Date(2026, 3, 1, 12, 0, 0, 123e6, time.UTC)
	joining  = monitor.Joining{Burst: 2, Window: time.Minute, Items: 3}
)

func (t *alerts) ok(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (t *alerts) kind(err error, want belfry.Kind) {
	t.Helper()
	if err == nil || belfry.KindOf(err) != want {
		t.Fatalf("error is %v, want one of kind %v", err, want)
	}
}

func (t *alerts) same(got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("not what was stored (-want +got):\n%s", d)
	}
}

// race runs op at once in many goroutines and returns how many gave nil; the
// others must fail with the kind.
func (t *alerts) race(loser belfry.Kind, op func(i int) error) int {
	t.Helper()
	var won atomic.Int64
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			switch err := op(i); {
			case err == nil:
				won.Add(1)
			case belfry.KindOf(err) != loser:
				t.Errorf("the loser's error is %v, want kind %v", err, loser)
			}
		})
	}
	all.Wait()
	return int(won.Load())
}

func newChannel(account, name string) monitor.Channel {
	return monitor.Channel{
		ID: uuid.NewString(), Account: account, Name: name, Kind: "slack", Target: "höst", Sealed: []byte("\x00s\xff"), Revision: 1,
		Created: alertsT0, Updated: alertsT0, Enabled: true, Status: monitor.New, Since: alertsT0,
	}
}

func (t *alerts) putChannel(name string) monitor.Channel {
	t.Helper()
	c := newChannel(accountA, name)
	t.ok(t.CreateChannel(t.ctx, c, 100))
	return c
}

func (t *alerts) channel() {
	c := newChannel(accountA, "a")
	c.Failures, c.LastError, c.RetryAt = 2, "no", alertsT0.Add(time.Hour)
	t.ok(t.CreateChannel(t.ctx, c, 10))
	got, err := t.Channel(t.ctx, accountA, c.ID)
	t.ok(err)
	t.same(got, c)
	_, err = t.Channel(t.ctx, accountB, c.ID)
	t.kind(err, belfry.NotFound)
	b := t.putChannel("b")
	all, err := t.Channels(t.ctx, accountA)
	t.ok(err)
	t.same(all, []monitor.Channel{c, b})
	c.Name, c.Kind, c.Target, c.Sealed, c.Enabled, c.Revision, c.RetryAt = "ä", "ntfy", "x", []byte("y"), false, 2, time.Time{}
	c.Updated = alertsT0.Add(time.Second)
	t.ok(t.UpdateChannel(t.ctx, c, 1, "off"))
	got, err = t.Channel(t.ctx, accountA, c.ID)
	t.ok(err)
	t.same(got, c)
	t.kind(t.DeleteChannel(t.ctx, accountB, c.ID, "gone", "It is gone.", alertsT0), belfry.NotFound)
	t.ok(t.DeleteChannel(t.ctx, accountA, c.ID, "gone", "It is gone.", alertsT0))
	t.kind(t.DeleteChannel(t.ctx, accountA, c.ID, "gone", "It is gone.", alertsT0), belfry.NotFound)
	t.kind(t.UpdateChannel(t.ctx, c, 2, "off"), belfry.NotFound)
}

func (t *alerts) channelLimit() {
	t.ok(t.CreateChannel(t.ctx, newChannel(accountB, "other"), 1))
	if n := t.race(belfry.Quota, func(i int) error {
		return t.CreateChannel(t.ctx, newChannel(accountA, fmt.Sprint("c", i)), 3)
	}); n != 3 {
		t.Fatalf("%d channels were made, want 3", n)
	}
}

func (t *alerts) channelName() {
	t.putChannel("a")
	b := t.putChannel("b")
	t.kind(t.CreateChannel(t.ctx, newChannel(accountA, "a"), 10), belfry.Conflict)
	t.ok(t.CreateChannel(t.ctx, newChannel(accountB, "a"), 10))
	b.Name, b.Revision = "a", 2
	t.kind(t.UpdateChannel(t.ctx, b, 1, ""), belfry.Conflict)
}

func (t *alerts) channelRace() {
	c := t.putChannel("a")
	if n := t.race(belfry.Conflict, func(i int) error {
		c := c
		c.Revision, c.Target = 2, fmt.Sprint(i)
		return t.UpdateChannel(t.ctx, c, 1, "")
	}); n != 1 {
		t.Fatalf("%d changes won, want 1", n)
	}
}

func newAlertPolicy(account string, scope monitor.Scope) monitor.Policy {
	rules := monitor.DefaultRules()
	rules.Channels, rules.Remind = []string{"c"}, time.Hour
	rules.Escalate = []monitor.Step{{After: time.Minute}, {After: time.Hour, Channels: []string{"d"}}}
	rules.Quiet = monitor.Quiet{Zone: "Europe/Berlin", Windows: []monitor.Window{{Days: []time.Weekday{time.Sunday}, From: 1, To: 2}}, Pass: monitor.Critical}
	return monitor.Policy{ID: uuid.NewString(), Account: account, Name: "ü", Scope: scope, Rules: rules, Revision: 1, Created: alertsT0, Updated: alertsT0}
}

func (t *alerts) policy() {
	p := newAlertPolicy(accountA, monitor.Scope{Kind: monitor.ScopeTag, Value: "x"})
	t.ok(t.PutAlertPolicy(t.ctx, p, 0, 10))
	got, err := t.AlertPolicies(t.ctx, accountA)
	t.ok(err)
	t.same(got, []monitor.Policy{p})
	p.Revision, p.Channels, p.Escalate = 2, nil, nil
	t.kind(t.PutAlertPolicy(t.ctx, p, 3, 10), belfry.Conflict)
	t.ok(t.PutAlertPolicy(t.ctx, p, 1, 1))
	got, err = t.AlertPolicies(t.ctx, accountA)
	t.ok(err)
	t.same(got, []monitor.Policy{p})
	t.kind(t.DeleteAlertPolicy(t.ctx, accountB, p.ID), belfry.NotFound)
	t.ok(t.DeleteAlertPolicy(t.ctx, accountA, p.ID))
	t.kind(t.DeleteAlertPolicy(t.ctx, accountA, p.ID), belfry.NotFound)
	t.kind(t.PutAlertPolicy(t.ctx, p, 2, 10), belfry.NotFound)
}

func (t *alerts) policyScope() {
	scope := monitor.Scope{Kind: monitor.ScopeDefault}
	if n := t.race(belfry.Conflict, func(int) error { return t.PutAlertPolicy(t.ctx, newAlertPolicy(accountA, scope), 0, 10) }); n != 1 {
		t.Fatalf("%d policies have one scope, want 1", n)
	}
	t.ok(t.PutAlertPolicy(t.ctx, newAlertPolicy(accountB, scope), 0, 1))
	t.kind(t.PutAlertPolicy(t.ctx, newAlertPolicy(accountB, monitor.Scope{Kind: monitor.ScopeTag, Value: "x"}), 0, 1), belfry.Quota)
}

func subject(id string) monitor.Subject {
	return monitor.Subject{Account: accountA, Kind: monitor.SubjectSchedule, ID: id}
}

// flip stores flips and returns them as they wait.
func (t *alerts) flip(ids ...string) []monitor.Flip {
	t.Helper()
	c := newChannel(accountA, "flips-"+uuid.NewString())
	t.ok(t.CreateChannel(t.ctx, c, 1000))
	var flips []monitor.Flip
	for _, id := range ids {
		flips = append(flips, monitor.Flip{
			Subject: subject(id), Name: "näme", At: alertsT0, From: monitor.Up, To: monitor.Down, Reason: monitor.ReasonFailed, Detail: "d", Run: "r",
		})
	}
	d := monitor.Delivery{ID: uuid.NewString(), Account: accountA, Channel: c.ID, Status: monitor.Delivered, Ended: alertsT0, Created: alertsT0, Total: 1, Items: []monitor.Item{{}}}
	t.ok(t.LogDelivery(t.ctx, d, c, flips))
	waiting, err := t.WaitingFlips(t.ctx, 1000)
	t.ok(err)
	if n := len(waiting); n < len(flips) {
		t.Fatalf("%d flips wait, want %d more", n, len(flips))
	}
	waiting = waiting[len(waiting)-len(flips):]
	for i := range flips {
		flips[i].ID = waiting[i].ID
	}
	t.same(waiting, flips)
	return flips
}

func newAlert(id string) monitor.Alert {
	return monitor.Alert{
		ID: uuid.NewString(), Subject: subject(id), Name: "näme", Severity: monitor.Critical, Status: monitor.Down, Reason: monitor.ReasonFailed,
		Detail: "d", Run: "r", Opened: alertsT0, Revision: 1, Told: []string{"c"}, LastTold: alertsT0, Next: alertsT0.Add(time.Hour),
	}
}

func (t *alerts) tell(told monitor.Told) {
	t.Helper()
	t.ok(t.Tell(t.ctx, told, alertsT0, joining))
}

func (t *alerts) flipOnce() {
	flips := t.flip("a", "b")
	t.tell(monitor.Told{Flips: []int64{flips[0].ID}})
	waiting, err := t.WaitingFlips(t.ctx, 10)
	t.ok(err)
	t.same(waiting, flips[1:])
	t.kind(t.Tell(t.ctx, monitor.Told{Flips: []int64{flips[1].ID, flips[0].ID}}, alertsT0, joining), belfry.Conflict)
	waiting, err = t.WaitingFlips(t.ctx, 1)
	t.ok(err)
	t.same(waiting, flips[1:])
}

func (t *alerts) tellRace() {
	c := t.putChannel("a")
	flips := t.flip("a")
	if n := t.race(belfry.Conflict, func(int) error {
		a := newAlert("a")
		return t.Tell(t.ctx, monitor.Told{Flips: []int64{flips[0].ID}, Alerts: []monitor.Alert{a}, Notices: []monitor.Notice{t.notice(c, a)}}, alertsT0, joining)
	}); n != 1 {
		t.Fatalf("%d told the flip, want 1", n)
	}
	sent, err := t.Deliveries(t.ctx, monitor.DeliveryQuery{Account: accountA, Channel: c.ID, Limit: 10})
	t.ok(err)
	open, err := t.CountAlerts(t.ctx)
	t.ok(err)
	t.same([]int64{int64(len(sent)), open}, []int64{1, 1})
}

func (t *alerts) alert() {
	a := newAlert("a")
	t.tell(monitor.Told{Alerts: []monitor.Alert{a}})
	find := func() []monitor.Alert {
		t.Helper()
		found, err := t.OpenAlerts(t.ctx, []monitor.Subject{subject("a"), subject("b")})
		t.ok(err)
		return found
	}
	t.same(find(), []monitor.Alert{a})
	got, err := t.Alert(t.ctx, accountA, a.ID)
	t.ok(err)
	t.same(got, a)
	_, err = t.Alert(t.ctx, accountB, a.ID)
	t.kind(err, belfry.NotFound)
	t.kind(t.Tell(t.ctx, monitor.Told{Alerts: []monitor.Alert{a}}, alertsT0, joining), belfry.Conflict)
	a.Revision, a.Closed, a.Next, a.Escalated = 2, alertsT0.Add(time.Minute), time.Time{}, 3
	t.tell(monitor.Told{Alerts: []monitor.Alert{a}})
	t.same(len(find()), 0)
	got, err = t.Alert(t.ctx, accountA, a.ID)
	t.ok(err)
	t.same(got, a)
	n, err := t.CountAlerts(t.ctx)
	t.ok(err)
	t.same(n, int64(0))
}

func (t *alerts) oneOpen() {
	if n := t.race(belfry.Conflict, func(int) error {
		return t.Tell(t.ctx, monitor.Told{Alerts: []monitor.Alert{newAlert("a")}}, alertsT0, joining)
	}); n != 1 {
		t.Fatalf("%d alerts of one subject are open, want 1", n)
	}
	found, err := t.OpenAlerts(t.ctx, []monitor.Subject{subject("a")})
	t.ok(err)
	old := found[0]
	old.Revision, old.Closed = 2, alertsT0
	short := newAlert("a")
	short.Closed = alertsT0
	t.tell(monitor.Told{Alerts: []monitor.Alert{old, short, newAlert("a")}})
	n, err := t.CountAlerts(t.ctx)
	t.ok(err)
	t.same(n, int64(1))
}

func (t *alerts) due() {
	var all []monitor.Alert
	for i, id := range []string{"c", "a", "b", "never"} {
		a := newAlert(id)
		a.Next = alertsT0.Add(time.Duration(3-i) * time.Minute)
		if id == "never" {
			a.Next = time.Time{}
		}
		all = append(all, a)
	}
	t.tell(monitor.Told{Alerts: all})
	ids := func(after time.Duration, limit int) (s string) {
		t.Helper()
		due, err := t.DueAlerts(t.ctx, alertsT0.Add(after), limit)
		t.ok(err)
		for i := range due {
			s += due[i].Subject.ID
		}
		return s
	}
	t.same([]string{ids(0, 9), ids(time.Minute, 9), ids(time.Hour, 2), ids(time.Hour, 9)}, []string{"", "b", "ba", "bac"})
}

func (t *alerts) acknowledge() {
	a := newAlert("a")
	t.tell(monitor.Told{Alerts: []monitor.Alert{a}})
	count := func(want int) {
		t.Helper()
		n, err := t.Acknowledge(t.ctx, accountA, []string{a.ID, "none"}, 0, "me", alertsT0.Add(time.Second))
		t.ok(err)
		t.same(n, want)
	}
	n, err := t.Acknowledge(t.ctx, accountB, []string{a.ID}, 0, "me", alertsT0)
	t.ok(err)
	t.same(n, 0)
	count(1)
	count(0)
	stale := a
	stale.Revision = 2
	t.kind(t.Tell(t.ctx, monitor.Told{Alerts: []monitor.Alert{stale}}, alertsT0, joining), belfry.Conflict)
	a.Acked, a.AckedBy, a.Next, a.Revision = alertsT0.Add(time.Second), "me", time.Time{}, 2
	got, err := t.Alert(t.ctx, accountA, a.ID)
	t.ok(err)
	t.same(got, a)
}

func (t *alerts) acknowledgeDelivery() {
	c := t.putChannel("c")
	a, b, other := newAlert("a"), newAlert("b"), newAlert("c")
	n := t.notice(c, a)
	n.Alerts = append(n.Alerts, b.ID)
	t.tell(monitor.Told{Alerts: []monitor.Alert{a, b, other}, Notices: []monitor.Notice{n}})
	d := t.deliveries(c)[0]
	acked, err := t.Acknowledge(t.ctx, accountB, nil, d.Number, "link", alertsT0)
	t.ok(err)
	t.same(acked, 0)
	acked, err = t.Acknowledge(t.ctx, accountA, nil, d.Number, "link", alertsT0)
	t.ok(err)
	t.same(acked, 2)
	got, err := t.Alert(t.ctx, accountA, other.ID)
	t.ok(err)
	t.same(got, other)
}

func (t *alerts) list() {
	for _, id := range []string{"a", "b", "c"} {
		a := newAlert(id)
		if id == "b" {
			a.Closed = alertsT0
		}
		t.tell(monitor.Told{Alerts: []monitor.Alert{a}})
	}
	ids := func(open bool, before int64, limit int) (s string, last int64) {
		t.Helper()
		all, err := t.Alerts(t.ctx, accountA, open, before, limit)
		t.ok(err)
		for i := range all {
			s, last = s+all[i].Subject.ID, all[i].Number
		}
		return s, last
	}
	first, last := ids(false, 0, 2)
	second, _ := ids(false, last, 2)
	open, _ := ids(true, 0, 9)
	t.same([]string{first, second, open}, []string{"cb", "a", "ca"})
	none, err := t.Alerts(t.ctx, accountB, false, 0, 9)
	t.ok(err)
	t.same(len(none), 0)
}

func (t *alerts) notice(c monitor.Channel, a monitor.Alert) monitor.Notice {
	return monitor.Notice{
		Account: accountA, Channel: c.ID, Event: notify.Down, Severity: a.Severity, Cause: "cause", Due: alertsT0,
		Items:  []monitor.Item{{Alert: a.ID, Kind: "schedule", Subject: a.Subject.ID, Name: "näme", Status: "down", Since: alertsT0, At: alertsT0, Reason: "failed", Detail: "d", Run: "r"}},
		Alerts: []string{a.ID},
	}
}

func (t *alerts) deliveries(c monitor.Channel) []monitor.Delivery {
	t.Helper()
	all, err := t.Deliveries(t.ctx, monitor.DeliveryQuery{Account: accountA, Channel: c.ID, Limit: 100})
	t.ok(err)
	return all
}
