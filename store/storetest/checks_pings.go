package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

// numberedPing returns a ping in which nothing is zero but Duration, which no
// store keeps.
func numberedPing(n int64) monitor.Ping {
	body := fmt.Appendf(nil, "body %d", n)
	return monitor.Ping{
		N: n, At: checkT0.Add(time.Duration(n) * time.Second), Action: monitor.PingFail, Scheme: "https", RemoteAddr: "2001:db8::1",
		Method: "POST", UserAgent: "curl/8", RID: "11111111-0000-4000-8000-000000000000", ExitStatus: int(n % 256),
		BodySize: len(body), Body: body,
	}
}

func (q *checks) pings() {
	k := q.add(numberedCheck(1))
	var want []monitor.Ping
	for n := int64(1); n <= 3; n++ {
		p := numberedPing(n)
		if n == 2 { // and one with nothing in it
			p = monitor.Ping{N: 2, At: checkT0, Action: monitor.PingSuccess, ExitStatus: monitor.NoExitStatus}
		}
		q.did(k.ID, monitor.Change{Ping: &p, Keep: 100})
		p.Body = nil
		want = append(want, p)
	}
	slices.Reverse(want)
	for _, limit := range []int{1, 2, 3, 4} {
		got, err := q.ListPings(q.ctx, k.ID, limit)
		q.ok(err)
		q.same(got, want[:min(limit, len(want))])
	}
	none, err := q.ListPings(q.ctx, absentCheckID, 9)
	q.ok(err)
	q.same(none, []monitor.Ping{})
}

func (q *checks) bodies() {
	k := q.add(numberedCheck(1))
	everyByte := make([]byte, 100_000)
	for i := range everyByte {
		everyByte[i] = byte(i * 31 >> 3)
	}
	for i, body := range [][]byte{[]byte("x"), everyByte, {0}, nil} {
		n := int64(i) + 1
		q.did(k.ID, monitor.Change{Ping: &monitor.Ping{N: n, At: checkT0, BodySize: len(body), Body: body}, Keep: 100})
		got, err := q.PingBody(q.ctx, k.ID, n)
		if body == nil {
			q.kind(err, belfry.NotFound)
			continue
		}
		q.ok(err)
		if !bytes.Equal(got, body) {
			q.Fatalf("a body of %d bytes came back as %d others", len(body), len(got))
		}
	}
	for _, n := range []int64{0, 5, -1} {
		_, err := q.PingBody(q.ctx, k.ID, n)
		q.kind(err, belfry.NotFound)
	}
	_, err := q.PingBody(q.ctx, absentCheckID, 1)
	q.kind(err, belfry.NotFound)
}

// What is kept stays; what is not goes before there are many times as many.
func (q *checks) keep() {
	k, other := q.add(numberedCheck(1)), q.add(numberedCheck(2))
	first := numberedPing(1)
	q.did(other.ID, monitor.Change{Ping: &first, Keep: 5})
	for n := int64(1); n <= 64; n++ {
		p := numberedPing(n)
		q.did(k.ID, monitor.Change{Ping: &p, Keep: 5})
		got, err := q.ListPings(q.ctx, k.ID, 5)
		q.ok(err)
		if len(got) != min(int(n), 5) || got[0].N != n || got[len(got)-1].N != max(1, n-4) {
			q.Fatalf("after %d pings %d are there", n, len(got))
		}
		_, err = q.PingBody(q.ctx, k.ID, max(1, n-4))
		q.ok(err)
	}
	got, err := q.ListPings(q.ctx, k.ID, 64)
	q.ok(err)
	if len(got) > 37 {
		q.Fatalf("%d of 64 pings are still there, 5 were to be kept", len(got))
	}
	_, err = q.PingBody(q.ctx, k.ID, 1)
	q.kind(err, belfry.NotFound)
	_, err = q.PingBody(q.ctx, other.ID, 1)
	q.ok(err)
}

func flipAt(k monitor.Check, n int) monitor.Flip {
	return monitor.Flip{
		Subject: k.Subject(), Name: "Nightly", At: checkT0.Add(time.Duration(n) * time.Minute), From: monitor.Up, To: monitor.Down,
		Reason: monitor.ReasonTimeout, Detail: fmt.Sprintf("It is %d.", n), Run: "run",
	}
}

// flipsOf returns all flips of a subject.
func (q *checks) flipsOf(s monitor.Subject) []monitor.Flip {
	q.Helper()
	list, err := q.ListFlips(q.ctx, monitor.FlipQuery{Subject: s, Limit: 1000})
	q.ok(err)
	return list
}

func (q *checks) flips() {
	k, other := q.add(numberedCheck(1)), q.add(numberedCheck(2))
	// Two of one moment stand in the order in which they happened.
	q.did(k.ID, monitor.Change{Flips: []monitor.Flip{flipAt(k, 1), flipAt(k, 2)}})
	q.did(other.ID, monitor.Change{Flips: []monitor.Flip{flipAt(other, 3)}})
	second := flipAt(k, 2)
	second.Reason, second.From, second.To = monitor.ReasonSuccess, monitor.Down, monitor.Up
	q.did(k.ID, monitor.Change{Flips: []monitor.Flip{second}})

	got := q.flipsOf(k.Subject())
	if len(got) != 3 || got[0].ID <= got[1].ID || got[1].ID <= got[2].ID || got[2].ID <= 0 {
		q.Fatalf("the ids do not ascend: %+v", got)
	}
	for i := range got {
		got[i].ID = 0
	}
	q.same(got, []monitor.Flip{second, flipAt(k, 2), flipAt(k, 1)})
	one, err := q.ListFlips(q.ctx, monitor.FlipQuery{Subject: k.Subject(), Limit: 1})
	q.ok(err)
	if len(one) != 1 || one[0].To != monitor.Up {
		q.Fatalf("a page of 1 has %+v", one)
	}
	for _, s := range []monitor.Subject{
		{Account: otherAccount, Kind: monitor.SubjectCheck, ID: k.ID},
		{Account: checkAccount, Kind: monitor.SubjectSchedule, ID: k.ID},
		{Account: checkAccount, Kind: monitor.SubjectCheck, ID: absentCheckID},
	} {
		q.same(q.flipsOf(s), []monitor.Flip{})
	}
}

func (q *checks) flipTimes() {
	k := q.add(numberedCheck(1))
	for n := range 5 {
		q.did(k.ID, monitor.Change{Flips: []monitor.Flip{flipAt(k, n)}})
	}
	at := func(n int) time.Time { return flipAt(k, n).At }
	for _, c := range []struct {
		from, to time.Time
		want     []int
	}{
		{at(1), at(3), []int{3, 2, 1}},
		{at(1).Add(time.Millisecond), at(3).Add(-time.Millisecond), []int{2}},
		{at(3), time.Time{}, []int{4, 3}},
		{time.Time{}, at(0), []int{0}},
		{at(3), at(1), nil},
	} {
		list, err := q.ListFlips(q.ctx, monitor.FlipQuery{Subject: k.Subject(), From: c.from, To: c.to, Limit: 9})
		q.ok(err)
		var got, want []string
		for _, f := range list {
			got = append(got, f.Detail)
		}
		for _, n := range c.want {
			want = append(want, flipAt(k, n).Detail)
		}
		q.same(got, want)
	}
}

func (q *checks) pruneWaiting() {
	k := q.add(numberedCheck(1))
	q.did(k.ID, monitor.Change{Flips: []monitor.Flip{flipAt(k, 1), flipAt(k, 2)}})
	n, err := q.PruneFlips(q.ctx, checkT0.Add(time.Hour), 10)
	q.ok(err)
	if left := len(q.flipsOf(k.Subject())); n != 0 || left != 2 {
		q.Fatalf("%d were pruned and %d are left, want 0 and 2", n, left)
	}
}

func (q *checks) delete() {
	k, other := q.add(numberedCheck(1)), q.add(numberedCheck(2))
	for _, c := range []monitor.Check{k, other} {
		p := numberedPing(8)
		other = q.did(c.ID, monitor.Change{Ping: &p, Keep: 9, Flips: []monitor.Flip{flipAt(c, 1)}})
	}
	alerts, ok := q.Store.(monitor.AlertStore)
	if !ok {
		q.Fatal("the store keeps no alerts")
	}
	open := monitor.Alert{ID: uuid.NewString(), Subject: k.Subject(), Opened: checkT0, Revision: 1}
	q.ok(alerts.Tell(q.ctx, monitor.Told{Alerts: []monitor.Alert{open}}, checkT0, monitor.Joining{}))
	q.kind(q.DeleteCheck(q.ctx, otherAccount, k.ID, "gone", checkT0), belfry.NotFound)
	if a, err := alerts.Alert(q.ctx, checkAccount, open.ID); err != nil || !a.Open() {
		q.Fatalf("a deletion that was refused left the alert %+v, %v", a, err)
	}
	q.ok(q.DeleteCheck(q.ctx, checkAccount, k.ID, "gone", checkT0))
	q.kind(q.DeleteCheck(q.ctx, checkAccount, k.ID, "gone again", checkT0), belfry.NotFound)
	if a, err := alerts.Alert(q.ctx, checkAccount, open.ID); err != nil || !a.Closed.Equal(checkT0) || a.Ending != "gone" {
		q.Fatalf("the alert is %+v, %v", a, err)
	}

	_, err := q.Check(q.ctx, k.ID)
	q.kind(err, belfry.NotFound)
	due, _, err := q.DueChecks(q.ctx, checkT0.Add(time.Hour), 9)
	q.ok(err)
	q.same(due, []string{other.ID})
	q.same(q.flipsOf(k.Subject()), []monitor.Flip{})
	counts, err := q.CountChecks(q.ctx)
	q.ok(err)
	q.same(counts, map[monitor.Status]int64{monitor.Up: 1})

	// Created again it is as new.
	k = q.add(numberedCheck(1))
	pings, err := q.ListPings(q.ctx, k.ID, 9)
	q.ok(err)
	q.same(pings, []monitor.Ping{})
	_, err = q.PingBody(q.ctx, k.ID, 8)
	q.kind(err, belfry.NotFound)

	got, err := q.Check(q.ctx, other.ID)
	q.ok(err)
	q.same(got, other)
	_, err = q.PingBody(q.ctx, other.ID, 8)
	q.ok(err)
	if len(q.flipsOf(other.Subject())) != 1 {
		q.Fatal("the other's flip is gone")
	}
}

func (q *checks) due() {
	at := map[int]time.Duration{1: 3, 2: 1, 3: 0, 4: 2}
	for i := 1; i <= 4; i++ {
		k := numberedCheck(i)
		k.AlertAfter = time.Time{}
		if at[i] > 0 {
			k.AlertAfter = checkT0.Add(at[i] * time.Second)
		}
		q.add(k)
	}
	id := func(n int) string { return numberedCheck(n).ID }
	for _, c := range []struct {
		now   time.Duration
		limit int
		want  []string
		next  time.Duration // 0: none, or not asked for
	}{
		{time.Second - time.Millisecond, 9, nil, time.Second},
		{time.Second, 9, []string{id(2)}, 2 * time.Second},
		{time.Hour, 9, []string{id(2), id(4), id(1)}, 0},
		{time.Hour, 2, []string{id(2), id(4)}, 0},
	} {
		got, next, err := q.DueChecks(q.ctx, checkT0.Add(c.now), c.limit)
		q.ok(err)
		q.same(got, c.want)
		if c.next > 0 && !next.Equal(checkT0.Add(c.next)) || c.next == 0 && len(got) < c.limit && !next.IsZero() {
			q.Fatalf("after %v the next is looked at %v, want %v after the start", c.now, next, c.next)
		}
	}
	_, err := q.ChangeCheck(q.ctx, id(2), func(k *monitor.Check) (monitor.Change, error) {
		k.Status, k.AlertAfter = monitor.Down, time.Time{}
		return monitor.Change{}, nil
	})
	q.ok(err)
	got, _, err := q.DueChecks(q.ctx, checkT0.Add(time.Hour), 9)
	q.ok(err)
	q.same(got, []string{id(4), id(1)})

	// One that a ping puts off may stay until it has been looked at, and is there
	// again when its time has come; one that a ping brings forward is there then.
	ping := numberedPing(8)
	move := func(n int, to time.Duration, p *monitor.Ping) {
		q.Helper()
		_, err := q.ChangeCheck(q.ctx, id(n), func(k *monitor.Check) (monitor.Change, error) {
			k.AlertAfter = checkT0.Add(to)
			return monitor.Change{Ping: p, Keep: 9}, nil
		})
		q.ok(err)
	}
	move(4, 2*time.Hour, &ping)
	move(4, 2*time.Hour, nil)
	move(1, time.Second, &ping)
	for now, want := range map[time.Duration][]string{time.Second - time.Millisecond: nil, time.Hour: {id(1)}, 2 * time.Hour: {id(1), id(4)}} {
		got, _, err := q.DueChecks(q.ctx, checkT0.Add(now), 9)
		q.ok(err)
		q.same(got, want)
	}
}

func (q *checks) count() {
	for i, s := range []monitor.Status{monitor.New, monitor.Up, monitor.Up, monitor.Down, monitor.Paused} {
		k := numberedCheck(i)
		k.Status = s
		q.add(k)
	}
	got, err := q.CountChecks(q.ctx)
	q.ok(err)
	q.same(got, map[monitor.Status]int64{monitor.New: 1, monitor.Up: 2, monitor.Down: 1, monitor.Paused: 1})
}

func (q *checks) project() {
	_, err := q.Project(q.ctx, checkAccount)
	q.kind(err, belfry.NotFound)
	want := monitor.Project{Account: checkAccount, Created: checkT0}
	for _, edit := range []func(*monitor.Project){
		func(p *monitor.Project) { p.Created, p.PingKey, p.BadgeKey = checkT0, "ping", "badge" },
		func(p *monitor.Project) { p.ReadWrite, p.ReadOnly = "\x00\xff", "\xfe" },
		func(p *monitor.Project) { p.PingKey = "other" },
		func(p *monitor.Project) { p.BadgeKey, p.ReadWrite = "", "" },
	} {
		edit(&want)
		got, err := q.ChangeProject(q.ctx, checkAccount, func(p *monitor.Project) error { edit(p); return nil })
		q.ok(err)
		q.same(got, want)
		got, err = q.Project(q.ctx, checkAccount)
		q.ok(err)
		q.same(got, want)
		for kind, key := range map[monitor.KeyKind]string{
			monitor.PingKey: want.PingKey, monitor.BadgeKey: want.BadgeKey, monitor.ReadWriteKey: want.ReadWrite, monitor.ReadOnlyKey: want.ReadOnly,
		} {
			got, err := q.FindProject(q.ctx, kind, key)
			if key == "" {
				q.kind(err, belfry.NotFound)
				continue
			}
			q.ok(err)
			q.same(got, want)
		}
	}
	for kind, key := range map[monitor.KeyKind]string{monitor.PingKey: "ping", monitor.BadgeKey: "other", "": "other", "x": "other"} {
		_, err := q.FindProject(q.ctx, kind, key)
		q.kind(err, belfry.NotFound)
	}
}

func (q *checks) projectRefused() {
	refusal := belfry.Errorf(belfry.Invalid, "", "no")
	_, err := q.ChangeProject(q.ctx, checkAccount, func(p *monitor.Project) error {
		p.PingKey = "ping"
		return refusal
	})
	q.kind(err, belfry.Invalid)
	_, err = q.Project(q.ctx, checkAccount)
	q.kind(err, belfry.NotFound)
}

func (q *checks) projectKeys() {
	set := func(account, key string) error {
		_, err := q.ChangeProject(q.ctx, account, func(p *monitor.Project) error { p.PingKey, p.ReadOnly = key, key; return nil })
		return err
	}
	q.ok(set(checkAccount, "one"))
	q.kind(set(otherAccount, "one"), belfry.Conflict)
	q.ok(set(otherAccount, "two"))
	q.ok(set(otherAccount, "two"))
	// Several may have none.
	q.ok(set(checkAccount, ""))
	q.ok(set(otherAccount, ""))
}
