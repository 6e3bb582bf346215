package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/monitor/notify"
)

// enqueue makes a notice to the channel for a new alert of each subject.
func (t *alerts) enqueue(c monitor.Channel, cause string, at time.Time, subjects ...string) (made []monitor.Alert) {
	t.Helper()
	for _, s := range subjects {
		a := newAlert(s)
		n := t.notice(c, a)
		n.Cause, n.Due = cause, at
		t.ok(t.Tell(t.ctx, monitor.Told{Alerts: []monitor.Alert{a}, Notices: []monitor.Notice{n}}, at, joining))
		made = append(made, a)
	}
	return made
}

func (t *alerts) claimAt(at time.Time, limit int) []monitor.Claim {
	t.Helper()
	claims, err := t.ClaimDeliveries(t.ctx, at, at.Add(time.Minute), limit)
	t.ok(err)
	return claims
}

// settle ends a claim as delivered.
func (t *alerts) settle(c monitor.Claim, at time.Time) error {
	c.Status, c.Ended = monitor.Delivered, at
	return t.SettleDelivery(t.ctx, c, "off", nil, at)
}

// about names the subjects of deliveries.
func about(all []monitor.Delivery) (s []string) {
	for i := range all {
		var names strings.Builder
		for _, it := range all[i].Items {
			names.WriteString(it.Subject)
		}
		s = append(s, names.String())
	}
	return s
}

func (t *alerts) claim() {
	c, other := t.putChannel("a"), t.putChannel("b")
	made := t.enqueue(c, "x", alertsT0.Add(time.Second), "1")
	t.enqueue(c, "y", alertsT0, "2")
	t.enqueue(other, "x", alertsT0, "3")
	t.same(len(t.claimAt(alertsT0.Add(-time.Millisecond), 9)), 0)
	var got [16][]monitor.Claim
	t.same(t.race(belfry.Internal, func(i int) (err error) {
		got[i], err = t.ClaimDeliveries(t.ctx, alertsT0.Add(time.Minute), alertsT0.Add(2*time.Minute), 1)
		return err
	}), len(got))
	var claims []monitor.Claim
	for _, g := range got {
		claims = append(claims, g...)
	}
	if len(claims) != 2 {
		t.Fatalf("%d claims, want one for each channel", len(claims))
	}
	for _, cl := range claims {
		want := map[string]string{c.ID: "2", other.ID: "3"}[cl.Channel]
		t.same([]any{about([]monitor.Delivery{cl.Delivery}), cl.Tries, cl.To.ID}, []any{[]string{want}, 1, cl.Channel})
		t.ok(t.settle(cl, alertsT0.Add(time.Minute)))
	}
	next := t.claimAt(alertsT0.Add(time.Minute), 9)
	t.same(len(next), 1)
	n := t.notice(c, made[0])
	want := monitor.Delivery{
		Account: accountA, Channel: c.ID, Kind: "slack", Event: notify.Down, Severity: monitor.Critical, Cause: "x",
		Created: alertsT0.Add(time.Second), Due: alertsT0.Add(time.Second), Status: monitor.Waiting, Tries: 1, Items: n.Items, Total: 1,
	}
	if d := cmp.Diff(want, next[0].Delivery, cmpopts.IgnoreFields(monitor.Delivery{}, "ID", "Number")); d != "" {
		t.Fatalf("the delivery (-want +got):\n%s", d)
	}
	if _, err := uuid.Parse(next[0].ID); err != nil {
		t.Fatal(err)
	}
}

func (t *alerts) lease() {
	c := t.putChannel("a")
	t.enqueue(c, "x", alertsT0, "1")
	first := t.claimAt(alertsT0, 9)
	t.same([]int{len(first), len(t.claimAt(alertsT0.Add(time.Minute-time.Millisecond), 9))}, []int{1, 0})
	second := t.claimAt(alertsT0.Add(time.Minute), 9)
	t.same([]int{len(second), second[0].Tries}, []int{1, 2})
	t.kind(t.settle(first[0], alertsT0), belfry.Conflict)
	t.ok(t.settle(second[0], alertsT0))
	t.same(len(t.claimAt(alertsT0.Add(time.Hour), 9)), 0)
}

func (t *alerts) rest() {
	c, other := t.putChannel("a"), t.putChannel("b")
	t.enqueue(c, "x", alertsT0, "1")
	cl := t.claimAt(alertsT0, 9)[0]
	cl.Error, cl.To.Failures, cl.To.LastError, cl.To.RetryAt = "no", 1, "no", alertsT0.Add(time.Minute)
	cl.To.Status, cl.To.Since = monitor.Down, alertsT0
	flips := []monitor.Flip{{Subject: c.Subject(), Name: "a", At: alertsT0, From: monitor.New, To: monitor.Down, Reason: monitor.ReasonDeliveryFailed}}
	t.ok(t.SettleDelivery(t.ctx, cl, "off", flips, alertsT0))
	got, err := t.Channel(t.ctx, accountA, c.ID)
	t.ok(err)
	t.same(got, cl.To)
	waiting, err := t.WaitingFlips(t.ctx, 9)
	t.ok(err)
	flips[0].ID = waiting[0].ID
	t.same(waiting, flips)
	t.enqueue(c, "y", alertsT0, "2")
	t.enqueue(other, "x", alertsT0, "3")
	claims := t.claimAt(alertsT0.Add(time.Minute-time.Millisecond), 9)
	t.same([]any{len(claims), claims[0].Channel}, []any{1, other.ID})
	n, oldest, err := t.OutboxState(t.ctx, alertsT0)
	t.ok(err)
	t.same([]any{n, oldest}, []any{int64(3), alertsT0})
	claims = t.claimAt(alertsT0.Add(time.Minute), 9)
	t.same([]any{len(claims), claims[0].Error, claims[0].Tries}, []any{1, "no", 2})
}

func (t *alerts) join() {
	c := t.putChannel("a")
	later := alertsT0.Add(time.Hour)
	put := func(single bool, due time.Time, cause, subject string) {
		t.Helper()
		a := newAlert(subject)
		n := t.notice(c, a)
		n.Single, n.Due, n.Cause = single, due, cause
		t.tell(monitor.Told{Alerts: []monitor.Alert{a}, Notices: []monitor.Notice{n}})
	}
	put(false, later, "x", "1")
	put(false, later, "x", "2")
	put(false, later, "y", "3")
	put(true, later, "x", "4")
	put(false, alertsT0, "z", "5")
	put(false, alertsT0, "z", "6")
	put(false, later, "x", "7")
	put(false, later, "x", "8")
	all := t.deliveries(c)
	t.same(about(all), []string{"6", "5", "4", "3", "127"})
	t.same(all[4].Total, 4) // of which it keeps three
	acked, err := t.Acknowledge(t.ctx, accountA, nil, all[4].Number, "link", alertsT0)
	t.ok(err)
	t.same(acked, 4)
}

func (t *alerts) storm() {
	c := t.putChannel("a")
	t.enqueue(c, "x", alertsT0, "1", "2", "3", "4")
	t.enqueue(c, "y", alertsT0, "5")
	all := t.deliveries(c)
	t.same(about(all), []string{"5", "34", "2", "1"})
	t.same([]time.Time{all[0].Due, all[1].Due, all[2].Due}, []time.Time{alertsT0, alertsT0.Add(time.Minute), alertsT0})
	t.enqueue(c, "x", alertsT0.Add(2*time.Minute), "6")
	t.same(t.deliveries(c)[0].Due, alertsT0.Add(2*time.Minute))
}

func (t *alerts) joinResting() {
	c := t.putChannel("a")
	t.enqueue(c, "x", alertsT0, "1")
	cl := t.claimAt(alertsT0, 1)[0]
	t.enqueue(c, "x", alertsT0, "2", "3")
	t.same(about(t.deliveries(c)), []string{"23", "1"})
	t.ok(t.settle(cl, alertsT0))
	t.enqueue(c, "y", alertsT0, "4")
	t.same(about(t.deliveries(c)), []string{"4", "23", "1"})
}

func (t *alerts) order() {
	c := t.putChannel("a")
	a := t.enqueue(c, "x", alertsT0, "1", "2", "3")[2]
	up := t.notice(c, a)
	up.Event, up.Cause = notify.Up, "up"
	a.Revision, a.Closed = 2, alertsT0
	t.tell(monitor.Told{Alerts: []monitor.Alert{a}, Notices: []monitor.Notice{up}})
	all := t.deliveries(c)
	t.same([]any{all[0].Event, all[0].Due}, []any{notify.Up, alertsT0.Add(time.Minute)})
	for _, want := range []string{"1", "2"} {
		cl := t.claimAt(alertsT0, 9)[0]
		t.same(about([]monitor.Delivery{cl.Delivery}), []string{want})
		t.ok(t.settle(cl, alertsT0))
	}
	for _, want := range []notify.Event{notify.Down, notify.Up} {
		cl := t.claimAt(alertsT0.Add(time.Minute), 9)[0]
		t.same(cl.Event, want)
		t.ok(t.settle(cl, alertsT0))
	}
}

func (t *alerts) joinTimes() {
	c := t.putChannel("a")
	put := func(due time.Time, subject string) {
		t.Helper()
		a := newAlert(subject)
		n := t.notice(c, a)
		n.Due = due
		t.tell(monitor.Told{Alerts: []monitor.Alert{a}, Notices: []monitor.Notice{n}})
	}
	put(alertsT0.Add(time.Hour), "1")
	put(alertsT0, "2")                  // must not wait an hour
	put(alertsT0.Add(time.Minute), "3") // nor this one, to be told in a minute
	put(alertsT0.Add(2*time.Hour), "4") // must not be told in an hour already
	t.same(about(t.deliveries(c)), []string{"4", "3", "2", "1"})
}

func (t *alerts) switchedOff() {
	c := t.putChannel("a")
	t.enqueue(c, "x", alertsT0, "1", "2")
	cl := t.claimAt(alertsT0, 1)[0]
	cl.Status, cl.Error, cl.Ended, cl.To.Enabled = monitor.Undone, "gone", alertsT0, false
	t.ok(t.SettleDelivery(t.ctx, cl, "off", nil, alertsT0))
	t.enqueue(c, "x", alertsT0, "3")
	all := t.deliveries(c)
	t.same([]any{about(all), all[0].Status, all[0].Error, all[1].Error}, []any{[]string{"2", "1"}, monitor.Undone, "off", "gone"})
	t.same(len(t.claimAt(alertsT0.Add(time.Hour), 9)), 0)
	c.Revision = 2
	t.ok(t.UpdateChannel(t.ctx, c, 1, "off"))
	t.enqueue(c, "z", alertsT0, "4")
	t.same(len(t.claimAt(alertsT0, 9)), 1)
	c.Revision, c.Enabled = 3, false
	t.enqueue(c, "y", alertsT0, "5")
	t.ok(t.UpdateChannel(t.ctx, c, 2, "by hand"))
	t.same(t.deliveries(c)[0].Error, "by hand")
}

func (t *alerts) deleted() {
	c := t.putChannel("a")
	t.enqueue(c, "x", alertsT0, "1")
	cl := t.claimAt(alertsT0, 1)[0]
	own := newAlert("")
	own.Subject = c.Subject()
	t.tell(monitor.Told{Alerts: []monitor.Alert{own}})
	t.ok(t.DeleteChannel(t.ctx, accountA, c.ID, "deleted", "It is gone.", alertsT0))
	t.kind(t.settle(cl, alertsT0), belfry.Conflict)
	all := t.deliveries(c)
	t.same([]any{len(all), all[0].Status, all[0].Error, all[0].Ended}, []any{1, monitor.Undone, "deleted", alertsT0})
	got, err := t.Alert(t.ctx, accountA, own.ID)
	t.ok(err)
	t.same([]any{got.Closed, got.Ending, got.Next, got.Revision}, []any{alertsT0, "It is gone.", time.Time{}, int64(2)})
	t.kind(t.Tell(t.ctx, monitor.Told{Alerts: []monitor.Alert{own}}, alertsT0, joining), belfry.Conflict)
	t.enqueue(c, "x", alertsT0, "2")
	t.same(len(t.deliveries(c)), 1)
}

func (t *alerts) changedMeanwhile() {
	c := t.putChannel("a")
	t.enqueue(c, "x", alertsT0, "1", "2")
	cl := t.claimAt(alertsT0, 1)[0]
	c.Revision, c.Target = 2, "corrected"
	t.ok(t.UpdateChannel(t.ctx, c, 1, "off"))
	cl.Status, cl.Ended, cl.Error, cl.To.Enabled = monitor.Undone, alertsT0, "gone", false
	flips := []monitor.Flip{{Subject: c.Subject(), At: alertsT0, From: monitor.New, To: monitor.Down}}
	t.ok(t.SettleDelivery(t.ctx, cl, "off", flips, alertsT0))
	got, err := t.Channel(t.ctx, accountA, c.ID)
	t.ok(err)
	t.same(got, c)
	waiting, err := t.WaitingFlips(t.ctx, 9)
	t.ok(err)
	t.same([]int{len(waiting), len(t.claimAt(alertsT0, 9))}, []int{0, 1})
}

func (t *alerts) log() {
	c, other := t.putChannel("a"), t.putChannel("b")
	for i := range 3 {
		t.enqueue(c, fmt.Sprint(i), alertsT0, fmt.Sprint(i))
	}
	t.enqueue(other, "x", alertsT0, "9")
	for _, cl := range t.claimAt(alertsT0, 9) {
		t.ok(t.settle(cl, alertsT0.Add(time.Second)))
	}
	find := func(q monitor.DeliveryQuery) []monitor.Delivery {
		t.Helper()
		all, err := t.Deliveries(t.ctx, q)
		t.ok(err)
		return all
	}
	all := find(monitor.DeliveryQuery{Account: accountA, Limit: 2})
	t.same(about(all), []string{"9", "2"})
	t.same(about(find(monitor.DeliveryQuery{Account: accountA, Limit: 9, Before: all[1].Number})), []string{"1", "0"})
	t.same(about(find(monitor.DeliveryQuery{Account: accountA, Channel: c.ID, Status: monitor.Waiting, Limit: 9})), []string{"2", "1"})
	done := find(monitor.DeliveryQuery{Account: accountA, Status: monitor.Delivered, Limit: 9})
	t.same([]any{about(done), done[0].Ended}, []any{[]string{"9", "0"}, alertsT0.Add(time.Second)})
	t.same(len(find(monitor.DeliveryQuery{Account: accountB, Limit: 9})), 0)
	got, err := t.Delivery(t.ctx, done[1].Number)
	t.ok(err)
	t.same(got, done[1])
	_, err = t.Delivery(t.ctx, 1e9)
	t.kind(err, belfry.NotFound)
}

func (t *alerts) prune() {
	c := t.putChannel("a")
	made := t.enqueue(c, "x", alertsT0, "1", "2")
	t.ok(t.settle(t.claimAt(alertsT0, 1)[0], alertsT0))
	made[0].Revision, made[0].Closed = 2, alertsT0
	t.tell(monitor.Told{Alerts: made[:1]})
	n, err := t.PruneAlerts(t.ctx, alertsT0, 10)
	t.ok(err)
	t.same(n, 0)
	n, err = t.PruneAlerts(t.ctx, alertsT0.Add(time.Millisecond), 10)
	t.ok(err)
	if n == 0 {
		t.Fatal("nothing was removed")
	}
	t.same(about(t.deliveries(c)), []string{"2"})
	all, err := t.Alerts(t.ctx, accountA, false, 0, 9)
	t.ok(err)
	t.same([]any{len(all), all[0].Subject.ID}, []any{1, "2"})
}
