package monitor_test

import (
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

const (
	newly  = monitor.New
	up     = monitor.Up
	grace  = monitor.Grace
	down   = monitor.Down
	paused = monitor.Paused
)

// wantAt holds the computed status at times since t0 against what is wanted.
func (b *bench) wantAt(c monitor.Check, want map[time.Duration]monitor.Status) {
	b.Helper()
	c = b.get(c)
	for after, w := range want {
		if got := c.StatusAt(t0.Add(after)); got != w {
			b.Errorf("after %v it is %s, want %s", after, got, w)
		}
	}
}

const ms = time.Millisecond

func TestACheckIsUpThenLateThenDown(t *testing.T) {
	b := newBench(t)
	c := b.create()
	b.wantAt(c, map[time.Duration]monitor.Status{0: newly, 1000 * time.Hour: newly})
	b.ping(c, monitor.PingSuccess)
	b.wantAt(c, map[time.Duration]monitor.Status{
		0: up, time.Hour - ms: up, time.Hour: grace, 70*time.Minute - ms: grace, 70 * time.Minute: down, 1000 * time.Hour: down,
	})
	got := b.get(c)
	b.same([]time.Time{got.NextPing(), got.AlertAfter}, []time.Time{t0.Add(time.Hour), t0.Add(70 * time.Minute)})
}

func TestTheLoopTakesDownWhatIsOverdue(t *testing.T) {
	told := 0
	b := newBench(t, func(c *monitor.Config) { c.Flipped = func() { told++ } })
	c := b.create()
	b.ping(c, monitor.PingSuccess)
	b.clock.add(70*time.Minute - ms)
	b.look()
	if got := b.get(c).Status; got != up {
		t.Fatalf("it is %s a moment too early", got)
	}
	b.clock.add(2 * time.Second)
	if wait := b.look(); wait > 2*time.Second {
		t.Fatalf("the loop then waits %v", wait)
	}
	b.same(b.flips(c), []flip{{0, newly, up, monitor.ReasonSuccess}, {70 * time.Minute, up, down, monitor.ReasonTimeout}})
	b.look()
	if told != 2 || len(b.flips(c)) != 2 {
		t.Fatalf("%d times told of %d flips, want 2", told, len(b.flips(c)))
	}
	got := b.get(c)
	if !got.NextPing().IsZero() || !got.AlertAfter.IsZero() || !got.Since.Equal(t0.Add(70*time.Minute)) {
		t.Fatalf("it is not as down as it should be: %+v", got)
	}
}

// A check is noticed when it is due, not at the end of a period; what comes one
// by one does not keep the loop busy.
func TestTheLoopWaitsForTheNextCheck(t *testing.T) {
	b := newBench(t)
	c := b.create()
	b.ping(c, monitor.PingSuccess) // due after 70 minutes
	for _, step := range []struct{ at, wait time.Duration }{
		{0, time.Second},
		{70*time.Minute - time.Second, time.Second},
		{70*time.Minute - 400*ms, 400 * ms},
		{70*time.Minute - ms, 100 * ms},
		{70 * time.Minute, time.Second}, // it is down now, and nothing is to come
	} {
		b.clock.add(step.at - b.clock.Now().Sub(t0))
		if wait := b.look(); wait != step.wait {
			t.Errorf("at %v the loop waits %v, want %v", step.at, wait, step.wait)
		}
	}
}

// Many at once take several steps.
func TestTheLoopTakesDownManyAtOnce(t *testing.T) {
	b := newBench(t)
	const n = 1203
	checks := make([]monitor.Check, n)
	for i := range checks {
		checks[i] = b.create()
		b.ping(checks[i], monitor.PingStart)
	}
	b.clock.add(10 * time.Minute)
	b.look()
	counts, err := b.store.CountChecks(b.ctx)
	b.ok(err)
	b.same(counts, map[monitor.Status]int64{down: n})
}

// What becomes of a check does not depend on whether somebody looked in time.
func TestALatePingFindsTheCheckDown(t *testing.T) {
	b := newBench(t)
	c := b.create()
	b.ping(c, monitor.PingSuccess)
	b.clock.add(2 * time.Hour)
	b.ping(c, monitor.PingSuccess)
	b.same(b.flips(c), []flip{
		{0, newly, up, monitor.ReasonSuccess},
		{70 * time.Minute, up, down, monitor.ReasonTimeout},
		{2 * time.Hour, down, up, monitor.ReasonSuccess},
	})
}

func TestFailures(t *testing.T) {
	b := newBench(t)
	c := b.create()
	b.ping(c, monitor.PingFail)
	b.clock.add(time.Minute)
	b.ping(c, monitor.PingFail) // no second flip
	b.wantAt(c, map[time.Duration]monitor.Status{time.Minute: down})
	b.clock.add(time.Minute)
	b.ping(c, monitor.PingSuccess)
	b.same(b.flips(c), []flip{{0, newly, down, monitor.ReasonFail}, {2 * time.Minute, down, up, monitor.ReasonSuccess}})
	got := b.get(c)
	if got.Pings != 3 || !got.LastPing.Equal(t0.Add(2*time.Minute)) {
		t.Fatalf("it has %d pings, the last at %v", got.Pings, got.LastPing)
	}
}

func TestAFlipSaysWhatHappened(t *testing.T) {
	b := newBench(t)
	c := b.create()
	b.ping(c, monitor.PingSuccess)
	b.clock.add(2 * time.Hour)
	_, err := b.Ping(b.ctx, c.ID, monitor.Request{Action: monitor.PingSuccess, RID: rid1})
	b.ok(err)
	_, err = b.Ping(b.ctx, c.ID, monitor.Request{Action: monitor.PingFail, ExitStatus: 7})
	b.ok(err)
	b.ping(c, monitor.PingSuccess)
	b.ping(c, monitor.PingStart)
	b.clock.add(time.Hour)
	b.look()
	list, err := b.Flips(b.ctx, account, c.ID, monitor.FlipQuery{Limit: 9})
	b.ok(err)
	var got []string
	for _, f := range list {
		got = append(got, f.Detail)
		if f.Name != "Nightly" || f.Subject != c.Subject() {
			t.Errorf("the flip is of %q, %+v", f.Name, f.Subject)
		}
	}
	b.same(got, []string{
		"The run that started at 2026-03-01 14:00:00 UTC had not ended by 2026-03-01 14:10:00 UTC, after 10m0s of grace.",
		"A ping came at 2026-03-01 14:00:00 UTC; it had been down for 0s.",
		"A ping at 2026-03-01 14:00:00 UTC told of exit status 7.",
		"A ping came at 2026-03-01 14:00:00 UTC; it had been down for 50m0s.",
		"No ping came by 2026-03-01 13:10:00 UTC: the last one came at 2026-03-01 12:00:00 UTC, the next was due at 2026-03-01 13:00:00 UTC, and 10m0s of grace have passed.",
		"A ping came at 2026-03-01 12:00:00 UTC.",
	})
	if list[3].Run != rid1 {
		t.Errorf("the run is %q, want %q", list[3].Run, rid1)
	}
}

func TestStarts(t *testing.T) {
	for _, c := range []struct {
		name     string
		start    string // run ids
		end      monitor.Action
		rid      string
		started  bool
		duration time.Duration
	}{
		{"the same run ends", rid1, monitor.PingSuccess, rid1, false, 5 * time.Second},
		{"a run without an id ends", "", monitor.PingSuccess, "", false, 5 * time.Second},
		{"the same run fails", rid1, monitor.PingFail, rid1, false, 5 * time.Second},
		{"another run ends", rid1, monitor.PingSuccess, rid2, true, 0},
		{"a run with an id ends, the start had none", "", monitor.PingSuccess, rid1, true, 0},
		{"another run fails", rid1, monitor.PingFail, rid2, false, 0},
		{"a success without an id", rid1, monitor.PingSuccess, "", false, 0},
		{"a log changes nothing", rid1, monitor.PingLog, rid1, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			k := b.create()
			b.ping(k, monitor.PingStart, c.start)
			got := b.get(k)
			if !got.Started() || !got.LastPing.IsZero() || got.Status != newly {
				t.Fatalf("after the start it is %+v", got)
			}
			b.wantAt(k, map[time.Duration]monitor.Status{10*time.Minute - ms: newly, 10 * time.Minute: down})
			b.clock.add(5 * time.Second)
			b.ping(k, c.end, c.rid)
			got = b.get(k)
			if got.Started() != c.started || got.LastDuration != c.duration {
				t.Fatalf("started %v, duration %v; want %v, %v", got.Started(), got.LastDuration, c.started, c.duration)
			}
		})
	}
}

// The duration of a run is believed up to 72 hours.
func TestLongestDuration(t *testing.T) {
	for after, want := range map[time.Duration]time.Duration{72 * time.Hour: 72 * time.Hour, 72*time.Hour + ms: 0, 0: ms} {
		b := newBench(t)
		c := b.create()
		b.ping(c, monitor.PingStart)
		b.clock.add(after)
		b.ping(c, monitor.PingSuccess)
		if got := b.get(c).LastDuration; got != want {
			t.Errorf("after %v it is %v, want %v", after, got, want)
		}
	}
}

// A start that was overdue when another run's success came takes the check down
// again at once.
func TestAnotherRunsSuccessDoesNotHideAnOverdueRun(t *testing.T) {
	b := newBench(t)
	c := b.create()
	b.ping(c, monitor.PingStart, rid1)
	b.clock.add(time.Hour)
	b.ping(c, monitor.PingSuccess, rid2)
	b.same(b.flips(c), []flip{
		{10 * time.Minute, newly, down, monitor.ReasonTimeout},
		{time.Hour, down, up, monitor.ReasonSuccess},
		{time.Hour, up, down, monitor.ReasonTimeout},
	})
}

func TestPauseAndResume(t *testing.T) {
	b := newBench(t)
	c := b.create()
	_, err := b.Resume(b.ctx, account, c.ID)
	b.refused(err, belfry.Conflict, "check is not paused")
	b.ping(c, monitor.PingStart)
	for range 2 { // the second changes nothing
		got, err := b.Pause(b.ctx, account, c.ID)
		b.ok(err)
		if got.Status != paused || got.Started() || !got.AlertAfter.IsZero() {
			t.Fatalf("paused it is %+v", got)
		}
	}
	b.wantAt(c, map[time.Duration]monitor.Status{1000 * time.Hour: paused})
	b.clock.add(time.Minute)
	b.ping(c, monitor.PingSuccess) // ends the pause
	b.clock.add(time.Minute)
	_, err = b.Pause(b.ctx, account, c.ID)
	b.ok(err)
	got, err := b.Resume(b.ctx, account, c.ID)
	b.ok(err)
	if got.Status != newly || !got.LastPing.IsZero() {
		t.Fatalf("resumed it is %+v", got)
	}
	b.same(b.flips(c), []flip{
		{0, newly, paused, monitor.ReasonPaused},
		{time.Minute, paused, up, monitor.ReasonSuccess},
		{2 * time.Minute, up, paused, monitor.ReasonPaused},
		{2 * time.Minute, paused, newly, monitor.ReasonResumed},
	})
}

func TestManualResumeIgnoresPings(t *testing.T) {
	b := newBench(t)
	c := b.create(func(s *monitor.Settings) { s.ManualResume = true })
	b.ping(c, monitor.PingSuccess) // counts while it is not paused
	_, err := b.Pause(b.ctx, account, c.ID)
	b.ok(err)
	for _, a := range []monitor.Action{monitor.PingSuccess, monitor.PingFail, monitor.PingStart, monitor.PingLog} {
		if p := b.ping(c, a); p.Action != monitor.PingIgnored {
			t.Errorf("%s was recorded as %s", a, p.Action)
		}
	}
	got := b.get(c)
	if got.Status != paused || got.Started() || got.Pings != 5 {
		t.Fatalf("it is %+v", got)
	}
}

func TestASchedule(t *testing.T) {
	b := newBench(t)
	c := b.create(func(s *monitor.Settings) { s.Kind, s.Schedule = monitor.Cron, "*/15 * * * *" })
	b.clock.add(time.Minute)
	b.ping(c, monitor.PingSuccess)
	b.wantAt(c, map[time.Duration]monitor.Status{15*time.Minute - ms: up, 15 * time.Minute: grace, 25*time.Minute - ms: grace, 25 * time.Minute: down})

	once := b.create(func(s *monitor.Settings) { s.Kind, s.Schedule = monitor.OnCalendar, "2010-01-01" })
	b.ping(once, monitor.PingSuccess)
	got := b.get(once)
	if !got.NextPing().IsZero() || !got.AlertAfter.IsZero() {
		t.Fatalf("a schedule without a further occurrence expects %v", got.NextPing())
	}
	b.wantAt(once, map[time.Duration]monitor.Status{100_000 * time.Hour: up})
}

func TestEditsMoveWhatIsExpected(t *testing.T) {
	b := newBench(t)
	c := b.create()
	b.ping(c, monitor.PingSuccess)
	edit := func(f func(*monitor.Settings)) monitor.Check {
		t.Helper()
		got, err := b.Update(b.ctx, account, c.ID, func(s *monitor.Settings) error { f(s); return nil })
		b.ok(err)
		return got
	}
	got := edit(func(s *monitor.Settings) { s.Timeout = 2 * time.Hour })
	b.same(got.AlertAfter, t0.Add(130*time.Minute))
	got = edit(func(s *monitor.Settings) { s.Kind, s.Schedule, s.Grace = monitor.Cron, "*/15 * * * *", time.Minute })
	b.same(got.AlertAfter, t0.Add(16*time.Minute))
	// What is too late by the new settings is down as of the edit.
	b.clock.add(15 * time.Minute)
	got = edit(func(s *monitor.Settings) { s.Schedule = "*/5 * * * *" })
	b.same(got.Status, down)
	b.same(b.flips(c), []flip{{0, newly, up, monitor.ReasonSuccess}, {15 * time.Minute, up, down, monitor.ReasonTimeout}})
	// What is down stays down, whatever is allowed from now on.
	got = edit(func(s *monitor.Settings) { s.Kind, s.Timeout = monitor.Simple, 24*time.Hour })
	b.same(got.Status, down)
}
