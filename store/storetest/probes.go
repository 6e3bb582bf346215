package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

// A ProbeStore keeps checks and probes.
type ProbeStore interface {
	monitor.Store
	monitor.ProbeStore
}

// Probes holds a store to what [monitor.ProbeStore] promises. open returns an
// empty store; it closes it when the test ends.
func Probes(t *testing.T, open func(t *testing.T) ProbeStore) {
	for _, c := range []struct {
		name string
		run  func(*probes)
	}{
		{"a probe comes back as it was created, with its check", (*probes).roundTrip},
		{"a check without a probe has none", (*probes).none},
		{"create stops at the limit of checks and leaves nothing", (*probes).limit},
		{"probes are listed by account, in the order of creation, in pages", (*probes).list},
		{"a change stores the probe, its check and what follows", (*probes).change},
		{"only an edit changes the settings, and counts revisions", (*probes).edit},
		{"nothing is written when decide refuses", (*probes).refuse},
		{"many changes at once lose none", (*probes).race},
		{"due probes are found in the order of their time", (*probes).due},
		{"a probe goes with its check", (*probes).delete},
		{"a probe whose check has another schedule is due at once", (*probes).rescheduled},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			c.run(&probes{checks{T: t, Store: s, ctx: t.Context()}, s})
		})
	}
}

type probes struct {
	checks
	monitor.ProbeStore
}

func numberedProbe(n int) monitor.Probe {
	return monitor.Probe{Check: numberedCheck(n), Sealed: []byte{0, 1, byte(n)}, Next: checkT0.Add(time.Minute)}
}

func (q *probes) create(n int) monitor.Probe {
	q.Helper()
	p, err := q.CreateProbe(q.ctx, numberedProbe(n), noLimit)
	q.ok(err)
	return p
}

// seen is a run in which nothing is zero.
func seen() *monitor.ProbeRun {
	return &monitor.ProbeRun{At: checkT0.Add(time.Hour), OK: true, Detail: "Möwe", Took: 12 * time.Millisecond, Expires: checkT0.Add(48 * time.Hour)}
}

func (q *probes) roundTrip() {
	full, plain := numberedProbe(1), numberedProbe(2)
	full.Last = seen()
	for _, p := range []monitor.Probe{full, plain} {
		stored, err := q.CreateProbe(q.ctx, p, noLimit)
		q.ok(err)
		if stored.Check.Number == 0 {
			q.Fatal("it has no number")
		}
		p.Revision, p.Check.Number = 1, stored.Check.Number
		q.same(stored, p)
		got, err := q.Probe(q.ctx, p.Check.ID)
		q.ok(err)
		q.same(got, p)
		k, err := q.Check(q.ctx, p.Check.ID)
		q.ok(err)
		q.same(k, p.Check)
	}
}

func (q *probes) none() {
	k := q.add(numberedCheck(1))
	for _, id := range []string{k.ID, absentCheckID, ""} {
		_, err := q.Probe(q.ctx, id)
		q.kind(err, belfry.NotFound)
		_, err = q.ChangeProbe(q.ctx, id, func(*monitor.Probe) (monitor.Change, error) {
			q.Error("decide was called")
			return monitor.Change{}, nil
		})
		q.kind(err, belfry.NotFound)
	}
}

func (q *probes) limit() {
	q.add(numberedCheck(1))
	_, err := q.CreateProbe(q.ctx, numberedProbe(2), 1)
	q.kind(err, belfry.Quota)
	_, err = q.Check(q.ctx, numberedCheck(2).ID)
	q.kind(err, belfry.NotFound)
	_, err = q.CreateProbe(q.ctx, numberedProbe(2), 2)
	q.ok(err)
}

func (q *probes) list() {
	var want []monitor.Probe
	for n := range 5 {
		want = append(want, q.create(n))
		q.add(numberedCheck(100 + n))
	}
	other := numberedProbe(50)
	other.Check.Account = otherAccount
	other, err := q.CreateProbe(q.ctx, other, noLimit)
	q.ok(err)
	got, err := q.ListProbes(q.ctx, checkAccount, 0, 3)
	q.ok(err)
	q.same(got, want[:3])
	got, err = q.ListProbes(q.ctx, checkAccount, want[2].Check.Number, 3)
	q.ok(err)
	q.same(got, want[3:])
	got, err = q.ListProbes(q.ctx, otherAccount, 0, 3)
	q.ok(err)
	q.same(got, []monitor.Probe{other})
	got, err = q.ListProbes(q.ctx, checkAccount, 0, 0)
	q.ok(err)
	q.same(got, []monitor.Probe(nil))
}

func (q *probes) change() {
	p := q.create(1)
	untouched := q.create(2)
	flip := monitor.Flip{Subject: p.Check.Subject(), Name: "x", At: checkT0, From: monitor.Up, To: monitor.Down, Reason: monitor.ReasonFail, Detail: "d"}
	ping := monitor.Ping{N: 8, At: checkT0, Action: monitor.PingFail, ExitStatus: monitor.NoExitStatus, BodySize: 4, Body: []byte("seen")}
	change := func(p *monitor.Probe) {
		p.Last, p.Next = seen(), checkT0.Add(time.Hour)
		p.Check.Status, p.Check.Pings, p.Check.LastDuration = monitor.Down, 8, time.Second
	}
	got, err := q.ChangeProbe(q.ctx, p.Check.ID, func(p *monitor.Probe) (monitor.Change, error) {
		change(p)
		return monitor.Change{Ping: &ping, Keep: 10, Flips: []monitor.Flip{flip}}, nil
	})
	q.ok(err)
	change(&p)
	q.same(got, p)
	got, err = q.Probe(q.ctx, p.Check.ID)
	q.ok(err)
	q.same(got, p)
	pings, err := q.ListPings(q.ctx, p.Check.ID, 10)
	q.ok(err)
	if len(pings) != 1 || pings[0].N != 8 {
		q.Fatalf("pings are %+v", pings)
	}
	flips, err := q.ListFlips(q.ctx, monitor.FlipQuery{Subject: p.Check.Subject(), Limit: 10})
	q.ok(err)
	if len(flips) != 1 || flips[0].Detail != "d" {
		q.Fatalf("flips are %+v", flips)
	}
	got, err = q.Probe(q.ctx, untouched.Check.ID)
	q.ok(err)
	q.same(got, untouched)
}

func (q *probes) edit() {
	p := q.create(1)
	change := func(edited bool) func(p *monitor.Probe) (monitor.Change, error) {
		return func(p *monitor.Probe) (monitor.Change, error) {
			p.Sealed, p.Check.Name, p.Check.Timeout, p.Next = []byte("new"), "new", 3*time.Hour, checkT0.Add(2*time.Hour)
			return monitor.Change{Edited: edited}, nil
		}
	}
	_, err := q.ChangeProbe(q.ctx, p.Check.ID, change(false))
	q.ok(err)
	got, err := q.Probe(q.ctx, p.Check.ID)
	q.ok(err)
	p.Next = checkT0.Add(2 * time.Hour)
	q.same(got, p)

	got, err = q.ChangeProbe(q.ctx, p.Check.ID, change(true))
	q.ok(err)
	p.Revision, p.Sealed, p.Check.Name, p.Check.Timeout = 2, []byte("new"), "new", 3*time.Hour
	q.same(got, p)
	got, err = q.Probe(q.ctx, p.Check.ID)
	q.ok(err)
	q.same(got, p)
}

func (q *probes) refuse() {
	p := q.create(1)
	no := errors.New("no")
	_, err := q.ChangeProbe(q.ctx, p.Check.ID, func(p *monitor.Probe) (monitor.Change, error) {
		p.Last, p.Check.Status, p.Sealed = seen(), monitor.Down, []byte("x")
		return monitor.Change{Edited: true}, no
	})
	if !errors.Is(err, no) {
		q.Fatalf("error is %v", err)
	}
	got, err := q.Probe(q.ctx, p.Check.ID)
	q.ok(err)
	q.same(got, p)
}

func (q *probes) race() {
	p := q.create(1)
	const many = 20
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			_, err := q.ChangeProbe(q.ctx, p.Check.ID, func(p *monitor.Probe) (monitor.Change, error) {
				p.Check.Pings++
				p.Next = p.Next.Add(time.Second)
				return monitor.Change{Edited: true}, nil
			})
			if err != nil {
				q.Error(err)
			}
		})
	}
	all.Wait()
	got, err := q.Probe(q.ctx, p.Check.ID)
	q.ok(err)
	p.Check.Pings, p.Next, p.Revision = p.Check.Pings+many, p.Next.Add(many*time.Second), 1+many
	q.same(got, p)
}

func (q *probes) due() {
	var all []monitor.Probe
	for n, after := range []time.Duration{3, 1, 2, 4} {
		p := numberedProbe(n)
		p.Next = checkT0.Add(after * time.Second)
		p, err := q.CreateProbe(q.ctx, p, noLimit)
		q.ok(err)
		all = append(all, p)
	}
	for _, c := range []struct {
		after time.Duration
		limit int
		want  []monitor.Probe
	}{
		{time.Second - time.Millisecond, 9, nil},
		{time.Second, 9, []monitor.Probe{all[1]}},
		{3 * time.Second, 9, []monitor.Probe{all[1], all[2], all[0]}},
		{3 * time.Second, 2, []monitor.Probe{all[1], all[2]}},
	} {
		got, err := q.DueProbes(q.ctx, checkT0.Add(c.after), c.limit)
		q.ok(err)
		q.same(got, c.want)
	}
}

func (q *probes) delete() {
	p, other := q.create(1), q.create(2)
	q.ok(q.DeleteCheck(q.ctx, checkAccount, p.Check.ID, "gone", checkT0))
	_, err := q.Probe(q.ctx, p.Check.ID)
	q.kind(err, belfry.NotFound)
	got, err := q.DueProbes(q.ctx, checkT0.Add(time.Hour), 9)
	q.ok(err)
	q.same(got, []monitor.Probe{other})
}

func (q *probes) rescheduled() {
	early := checkT0.Add(time.Second)
	for n, edit := range []func(s *monitor.Settings){
		func(s *monitor.Settings) { s.Kind = monitor.Simple },
		func(s *monitor.Settings) { s.Timeout = 2 * time.Minute },
		func(s *monitor.Settings) { s.Schedule = "* * * * *" },
		func(s *monitor.Settings) { s.Timezone = "UTC" },
		func(s *monitor.Settings) { s.Name, s.Tags, s.Grace = "other", "other", 2*time.Minute }, // no other schedule
	} {
		p := q.create(n)
		_, err := q.ChangeCheck(q.ctx, p.Check.ID, func(k *monitor.Check) (monitor.Change, error) {
			edit(&k.Settings)
			return monitor.Change{Edited: true}, nil
		})
		q.ok(err)
		got, err := q.DueProbes(q.ctx, early, 9)
		q.ok(err)
		if due := len(got) == 1 && got[0].Check.ID == p.Check.ID; due != (n < 4) {
			q.Fatalf("edit %d: due is %+v", n, got)
		}
		q.ok(q.DeleteCheck(q.ctx, checkAccount, p.Check.ID, "gone", checkT0))
	}
}
