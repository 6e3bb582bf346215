package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
	"github.com/belfry-run/belfry/expr"
)

// What is held here was broken once: each test is the shortest history that broke
// a promise of docs/guarantees.md. TestAnyHistoryKeepsTheGuarantees looks for more.

// broken runs a history on a started server whose wall clock can be set.
func broken(t *testing.T, history func(b *bench, c *stepClock)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		c := &stepClock{}
		b.config.Clock = c
		b.start()
		history(b, c)
		b.stop()
	})
}

// kill ends the server as SIGKILL does: what is under way is not waited for, and
// what it leads to not recorded.
func (b *bench) kill() {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	cancel()
	b.engine.Stop(ctx)
	if err := b.store.Close(); err != nil {
		b.t.Fatal(err)
	}
}

// after lets time pass and everything come to rest.
func after(d time.Duration) { time.Sleep(d); synctest.Wait() }

// fired lists what has been delivered, as scheduled times.
func fired(calls []call) []string {
	out := []string{}
	for _, c := range calls {
		out = append(out, c.time.Format("15:04:05"))
	}
	return out
}

func (b *bench) empty() {
	b.t.Helper()
	n, err := b.store.Backlog(b.t.Context(), b.config.Clock.Now(), 100)
	if err != nil || n > 0 {
		b.t.Errorf("%d entries are due and stay in the queue (%v)", n, err)
	}
}

// windowed is a schedule whose place in its window lies at least so far after its
// time, which is found by trying names: the place depends on the schedule.
func windowed(b *bench, name, expression string, window, least time.Duration) belfry.Schedule {
	b.t.Helper()
	for i := range 100 {
		s := schedule(fmt.Sprintf("%s%d", name, i), expression)
		s.Window = window
		b.create(s)
		w := b.why(s.Name, at("00:01:00"))
		_, text, _ := strings.Cut(w.Sentence, "starts at ")
		place, err := time.Parse("2006-01-02 15:04:05 UTC.", text)
		if err == nil && place.Sub(at("00:01:00")) >= least {
			return s
		}
		if err := b.engine.DeleteSchedule(b.t.Context(), ref(s.Name)); err != nil {
			b.t.Fatal(err)
		}
	}
	b.t.Fatal("no schedule has its place there")
	return belfry.Schedule{}
}

func TestADeletedGroupNeverKeepsTheServerFromStarting(t *testing.T) {
	broken(t, func(b *bench, _ *stepClock) {
		ctx := b.t.Context()
		if _, err := b.engine.CreateGroup(ctx, belfry.Group{Scope: scope, Name: "g"}); err != nil {
			b.t.Fatal(err)
		}
		var all []belfry.Schedule
		for i := range 5 {
			s := schedule(fmt.Sprint("s", i), "at(2000-01-01T00:01:00)")
			s.Group, s.Window = "g", time.Minute
			b.create(s)
			all = append(all, s)
		}
		until("00:01:00.5")
		for _, s := range all {
			s.Expression = "at(2000-01-01T06:00:00)"
			b.update(s)
		}
		if err := b.engine.DeleteGroup(ctx, scope, "g"); err != nil {
			b.t.Fatal(err)
		}
		b.kill()
		after(time.Minute)
		b.start()
		after(time.Minute)
		if _, err := b.engine.Group(ctx, scope, "g"); belfry.KindOf(err) != belfry.NotFound {
			b.t.Errorf("the group is still there: %v", err)
		}
		for _, s := range all {
			h, err := b.engine.History(ctx, s.Ref())
			if err != nil {
				b.t.Fatal(err)
			}
			ledger, err := b.engine.Ledger(ctx, h, time.Time{}, time.Time{}, 100)
			if err != nil || len(ledger) != 1 {
				b.t.Errorf("%s has the outcomes %q (%v), want one", s.Name, lines(ledger), err)
			}
		}
		b.empty()
	})
}

func TestARunBesideAHangingNeighbourIsDeliveredOnceAfterACrash(t *testing.T) {
	broken(t, func(b *bench, _ *stepClock) {
		b.answer = func(ctx context.Context, in *belfry.Invocation) belfry.Result {
			if strings.HasSuffix(in.ScheduleARN, "/a") && in.Attempt == 1 {
				return belfry.Result{Status: belfry.AttemptRetryable}
			}
			<-ctx.Done()
			return belfry.Result{Status: belfry.AttemptRetryable}
		}
		b.create(schedule("a", "at(2000-01-01T00:01:00)"))
		b.create(schedule("b", "at(2000-01-01T00:01:00)"))
		until("00:01:20")
		b.kill()
		b.start()
		after(time.Minute)
		numbers := map[string][]int{}
		for _, c := range b.take() {
			numbers[c.name] = append(numbers[c.name], c.attempt)
		}
		if !slices.Equal(numbers["a"], []int{1, 2, 3}) || !slices.Equal(numbers["b"], []int{1, 2}) {
			b.t.Errorf("delivered were the attempts %v, want 1 2 3 of a and 1 2 of b", numbers)
		}
		b.kill()
		b.answer = func(context.Context, *belfry.Invocation) belfry.Result {
			return belfry.Result{Status: belfry.AttemptSucceeded}
		}
		b.start()
	})
}

func TestEveryInterruptedAttemptIsInTheLedger(t *testing.T) {
	broken(t, func(b *bench, _ *stepClock) {
		b.answer = func(ctx context.Context, _ *belfry.Invocation) belfry.Result {
			<-ctx.Done()
			return belfry.Result{}
		}
		s := schedule("s", "at(2000-01-01T00:01:00)")
		s.Target.Retry = belfry.RetryPolicy{MaximumAttempts: 3, MaximumAge: time.Hour}
		b.create(s)
		until("00:01:01")
		for range 6 {
			b.kill()
			b.start()
			after(20 * time.Second)
		}
		delivered := []string{}
		for _, c := range b.take() {
			delivered = append(delivered, fmt.Sprint(c.attempt))
		}
		ledger := b.ledger("s")
		if len(ledger) != 1 || ledger[0].Run == nil {
			b.t.Fatal(lines(ledger))
		}
		kept, ids := []string{}, map[string]bool{}
		for _, a := range ledger[0].Run.Attempts {
			kept = append(kept, fmt.Sprint(a.Number))
			ids[a.ExecutionID] = true
		}
		equal(b.t, "attempts in the ledger", kept, delivered)
		if len(ids) != len(kept) {
			b.t.Errorf("%d attempts have %d execution ids", len(kept), len(ids))
		}
		if o := ledger[0].Run.Outcome; o != belfry.Failed {
			b.t.Errorf("a run that was interrupted more often than it may be tried is %v", o)
		}
	})
}

func TestWhatWaitsInItsWindowIsFoundByEveryEdit(t *testing.T) {
	yearly := func(b *bench, s belfry.Schedule) { s.Expression = "cron(0 0 1 1 ? *)"; b.update(s) }
	disable := func(b *bench, s belfry.Schedule) { s.State = belfry.Disabled; b.update(s) }
	remove := func(b *bench, s belfry.Schedule) {
		if err := b.engine.DeleteSchedule(b.t.Context(), s.Ref()); err != nil {
			b.t.Fatal(err)
		}
	}
	tests := []struct {
		name, expression string
		window           time.Duration
		edits            []func(*bench, belfry.Schedule)
	}{
		{"window off, then deleted", "at(2000-01-01T00:01:00)", 2 * time.Minute, []func(*bench, belfry.Schedule){
			func(b *bench, s belfry.Schedule) { s.Window = 0; b.update(s) }, remove,
		}},
		{"other times, then disabled", "cron(* * * * ? *)", 4 * time.Minute, []func(*bench, belfry.Schedule){
			yearly, func(b *bench, s belfry.Schedule) { s.Expression = "cron(0 0 1 1 ? *)"; disable(b, s) },
		}},
		{"other times twice, then deleted", "cron(* * * * ? *)", 4 * time.Minute, []func(*bench, belfry.Schedule){
			yearly, func(b *bench, s belfry.Schedule) { s.Expression = "cron(0 0 2 1 ? *)"; b.update(s) }, remove,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			broken(t, func(b *bench, _ *stepClock) {
				s := windowed(b, "s", tt.expression, tt.window, 30*time.Second)
				until("00:01:02")
				for _, edit := range tt.edits {
					edit(b, s)
					after(time.Second)
				}
				b.take()
				until("00:20:00")
				if calls := b.take(); len(calls) > 0 {
					b.t.Errorf("after the last edit %v was delivered at %v", fired(calls), calls[0].at)
				}
				b.oneOutcome(s.Name, at("00:01:00"), at("00:01:00"))
				b.empty()
				b.stop()
				b.start()
				after(time.Minute)
				b.empty()
			})
		})
	}
}

func TestTogglesWithinASecondLeaveEveryOccurrenceOneOutcome(t *testing.T) {
	for _, toggles := range []int{1, 2, 3, 4} {
		t.Run(fmt.Sprint(toggles), func(t *testing.T) {
			broken(t, func(b *bench, _ *stepClock) {
				s := windowed(b, "s", "cron(* * * * ? *)", 2*time.Minute, 30*time.Second)
				until("00:01:00.1")
				for range toggles {
					s.State = 1 - s.State
					b.update(s)
					after(100 * time.Millisecond)
				}
				until("00:10:00.5")
				s.State = belfry.Enabled
				b.update(s)
				until("00:15:00")
				b.oneOutcome(s.Name, at("00:01:00"), at("00:12:00"))
			})
		})
	}
}

// oneOutcome holds every minute from and to, both included, to have one outcome.
func (b *bench) oneOutcome(name string, from, to time.Time) {
	b.t.Helper()
	ledger := b.ledger(name)
	for o := from; !o.After(to); o = o.Add(time.Minute) {
		n := 0
		for _, e := range ledger {
			if e.Run != nil && e.Run.Time.Equal(o) || e.Gap != nil && !o.Before(e.Gap.From) && !o.After(e.Gap.To) {
				n++
			}
		}
		if n != 1 {
			b.t.Errorf("%s has %d outcomes in %q", o.Format("15:04:05"), n, lines(ledger))
			return
		}
	}
}

// minutes counts the runs scheduled within an interval, both ends included.
func minutes(entries []engine.Entry, from, to time.Time) (n int) {
	for _, e := range entries {
		if e.Run != nil && !e.Run.Time.Before(from) && !e.Run.Time.After(to) {
			n++
		}
	}
	return n
}

func TestAWallClockThatIsSetSilencesNothing(t *testing.T) {
	t.Run("ahead by hours and right again", func(t *testing.T) {
		for _, wrong := range []time.Duration{2 * time.Second, 20 * time.Second} {
			broken(t, func(b *bench, c *stepClock) {
				b.create(schedule("s", "cron(* * * * ? *)"))
				until("00:05:10")
				c.step(8 * time.Hour)
				after(wrong)
				c.step(-8 * time.Hour)
				until("00:20:30")
				if n := minutes(b.ledger("s"), at("00:06:00"), at("00:20:00")); n != 15 {
					b.t.Errorf("of 15 minutes %d ran", n)
				}
				for _, e := range b.ledger("s") {
					if e.Gap != nil {
						b.t.Errorf("there is a gap: %q", lines([]engine.Entry{e}))
					}
				}
			})
		}
	})
	t.Run("back by an hour", func(t *testing.T) {
		broken(t, func(b *bench, c *stepClock) {
			until("02:00:00")
			b.create(schedule("s", "cron(* * * * ? *)"))
			until("02:00:10")
			c.step(-time.Hour)
			after(10 * time.Minute)
			if n := minutes(b.ledger("s"), at("01:01:00"), at("01:10:00")); n != 10 {
				b.t.Errorf("of 10 minutes after the clock was set back %d ran", n)
			}
		})
	})
	t.Run("back by minutes, and edited", func(t *testing.T) {
		broken(t, func(b *bench, c *stepClock) {
			b.create(schedule("edited", "cron(* * * * ? *)"))
			b.create(schedule("deleted", "cron(* * * * ? *)"))
			until("00:10:10")
			c.step(-3 * time.Minute)
			b.update(schedule("edited", "cron(*/1 * * * ? *)"))
			if err := b.engine.DeleteSchedule(b.t.Context(), ref("deleted")); err != nil {
				b.t.Fatal(err)
			}
			after(10 * time.Minute)
			if n := minutes(b.ledger("edited"), at("00:08:00"), at("00:17:00")); n != 10 {
				b.t.Errorf("of 10 minutes after the edit %d ran: %q", n, lines(b.ledger("edited")))
			}
			b.empty()
		})
	})
	t.Run("back by hours, and a one-time made of what has run", func(t *testing.T) {
		broken(t, func(b *bench, c *stepClock) {
			s := schedule("s", "cron(0 * * * ? *)")
			b.create(s)
			until("08:00:10")
			c.step(-4 * time.Hour)
			after(time.Second)
			s.Expression, s.State = "at(2000-01-01T04:05:00)", belfry.Disabled
			b.update(s)
			s.State = belfry.Enabled
			b.update(s)
			b.take()
			after(10 * time.Minute)
			equal(b.t, "deliveries", fired(b.take()), []string{"04:05:00"})
		})
	})
	t.Run("a one-time within the jump", func(t *testing.T) {
		broken(t, func(b *bench, c *stepClock) {
			s := schedule("s", "at(2000-01-01T00:10:00)")
			s.Target.Retry.MaximumAge = time.Minute
			b.create(s)
			until("00:05:00")
			c.step(8 * time.Hour)
			after(8 * time.Second)
			c.step(-8 * time.Hour)
			until("00:11:00")
			equal(b.t, "ledger", lines(b.ledger("s")), []string{"00:10:00 succeeded"})
		})
	})
}

func TestNewZoneDataMovesWhatWaits(t *testing.T) {
	broken(t, func(b *bench, _ *stepClock) {
		for name, expression := range map[string]string{"once": "at(2000-01-01T12:00:00)", "daily": "cron(0 12 * * ? *)"} {
			s := schedule(name, expression)
			s.Timezone = "Europe/Berlin" // 11:00 UTC
			b.create(s)
		}
		b.stop()
		loc, err := time.LoadLocation("Europe/London")
		if err != nil {
			b.t.Fatal(err)
		}
		defer expr.ReplaceZone("Europe/Berlin", loc)()
		b.start()
		until("12:30:00")
		for _, c := range b.take() {
			if got := c.at.Format("15:04:05"); got != "12:00:00" {
				b.t.Errorf("%s ran at %s, and its zone says 12:00:00", c.name, got)
			}
		}
		for _, name := range []string{"once", "daily"} {
			equal(b.t, name, lines(b.ledger(name)), []string{"12:00:00 succeeded"})
		}
	})
}

func TestOfAnOutageOnlyTheLatestRunsOnEveryPath(t *testing.T) {
	tests := []struct {
		name   string
		outage func(b *bench, c *stepClock)
	}{
		{"the machine slept", func(_ *bench, c *stepClock) { c.step(600 * time.Second) }},
		{"and a client is first after it", func(b *bench, c *stepClock) {
			c.step(600 * time.Second)
			b.create(schedule("woken", "at(2000-01-02T00:00:00)"))
		}},
		{"and three clients are", func(b *bench, c *stepClock) {
			c.step(600 * time.Second)
			for i := range 3 {
				b.create(schedule(fmt.Sprint("woken", i), "at(2000-01-01T00:00:00)"))
			}
		}},
		{"the store refused", func(b *bench, _ *stepClock) {
			store := b.config.Store.(*refusingStore)
			store.refuses.Store(true)
			after(600 * time.Second)
			store.refuses.Store(false)
		}},
		{"the server was down", func(b *bench, _ *stepClock) {
			b.stop()
			time.Sleep(600 * time.Second)
			b.start()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				c := &stepClock{}
				b.config.Clock = c
				b.startRefusing()
				b.create(schedule("s", "cron(* * * * ? *)"))
				until("00:05:30")
				b.take()
				tt.outage(b, c)
				after(20 * time.Second)
				got := []string{}
				for _, c := range b.take() {
					if c.name == "s" {
						got = append(got, c.time.Format("15:04:05"))
					}
				}
				equal(t, "runs of the outage", got, []string{"00:15:00"})
				b.oneOutcome("s", at("00:01:00"), at("00:15:00"))
				b.stop()
			})
		})
	}
}

// startRefusing starts a server whose store can refuse to start runs.
func (b *bench) startRefusing() {
	b.t.Helper()
	b.start()
	b.engine.Stop(b.t.Context())
	b.config.Store = &refusingStore{Store: b.store}
	b.config.Metrics = engine.NewMetrics(prometheus.NewRegistry())
	b.engine = engine.New(b.config)
	if err := b.engine.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

type refusingStore struct {
	engine.Store
	refuses atomic.Bool
}

func (r *refusingStore) Start(ctx context.Context, s []belfry.Start) (belfry.Claim, []belfry.Started, error) {
	if r.refuses.Load() {
		return 0, nil, errors.New("the disk is full")
	}
	return r.Store.Start(ctx, s)
}

func TestAOneTimeRunsWithinItsAgeHoweverItBecameLate(t *testing.T) {
	ways := map[string]func(b *bench, c *stepClock, s belfry.Schedule){
		"downtime": func(b *bench, _ *stepClock, s belfry.Schedule) {
			b.create(s)
			b.stop()
			until("03:00:00")
			b.start()
		},
		"sleep": func(b *bench, c *stepClock, s belfry.Schedule) {
			b.create(s)
			after(time.Second)
			c.step(3 * time.Hour)
		},
		"made late": func(b *bench, _ *stepClock, s belfry.Schedule) {
			until("03:00:00")
			b.create(s)
		},
		"enabled late": func(b *bench, _ *stepClock, s belfry.Schedule) {
			s.State = belfry.Disabled
			b.create(s)
			until("03:00:00")
			s.State = belfry.Enabled
			b.update(s)
		},
	}
	for name, late := range ways {
		for _, age := range []time.Duration{24 * time.Hour, time.Hour} {
			t.Run(fmt.Sprintf("%s, %v", name, age), func(t *testing.T) {
				broken(t, func(b *bench, c *stepClock) {
					s := schedule("s", "at(2000-01-01T00:10:00)")
					s.Target.Retry.MaximumAge = age
					s.DeleteAfterCompletion = true
					late(b, c, s)
					after(20 * time.Second)
					ran := len(b.take())
					if want := age > 3*time.Hour; (ran == 1) != want {
						b.t.Errorf("it ran %d times, 2 h 50 min late with an age of %v", ran, age)
					}
					if len(b.ledger("s")) != 1 {
						b.t.Errorf("the outcomes are %q, want one", lines(b.ledger("s")))
					}
					after(70 * time.Minute) // what is complete is looked for every hour
					if _, err := b.engine.Schedule(b.t.Context(), ref("s")); belfry.KindOf(err) != belfry.NotFound {
						b.t.Errorf("it is done, asked to be deleted then, and is still there: %v", err)
					}
				})
			})
		}
	}
}

func TestDoneWorkIsNotDoneAgain(t *testing.T) {
	t.Run("made again with the same name and time", func(t *testing.T) {
		broken(t, func(b *bench, _ *stepClock) {
			s := schedule("s", "at(2000-01-01T00:01:00)")
			s.DeleteAfterCompletion = true
			b.create(s)
			until("00:02:00")
			b.create(s)
			until("00:03:00")
			equal(b.t, "deliveries", fired(b.take()), []string{"00:01:00"})
		})
	})
	t.Run("a completed one is given a zone in which its time is past", func(t *testing.T) {
		broken(t, func(b *bench, _ *stepClock) {
			s := schedule("s", "at(2000-01-01T02:01:00)")
			b.create(s)
			until("02:02:00")
			s.Timezone = "Europe/Berlin"
			b.update(s)
			until("02:05:00")
			equal(b.t, "deliveries", fired(b.take()), []string{"02:01:00"})
		})
	})
	t.Run("a recurring one becomes a past one-time", func(t *testing.T) {
		broken(t, func(b *bench, _ *stepClock) {
			s := schedule("s", "cron(0 0 1 1 ? *)")
			b.create(s)
			until("02:00:00")
			s.Expression = "at(2000-01-01T01:00:00)"
			b.update(s)
			until("02:05:00")
			equal(b.t, "deliveries", fired(b.take()), []string{})
		})
	})
	t.Run("one that was made past while it waited, and the clock set back", func(t *testing.T) {
		broken(t, func(b *bench, c *stepClock) {
			s := windowed(b, "s", "at(2000-01-01T00:01:00)", 2*time.Minute, 30*time.Second)
			until("00:01:02")
			s.Timezone = "Europe/Berlin" // an hour earlier
			b.update(s)
			c.step(-20 * time.Minute)
			after(time.Minute)
			b.stop()
			b.start()
			after(30 * time.Minute)
			equal(b.t, "deliveries", fired(b.take()), []string{})
		})
	})
	t.Run("a past one under a new name runs", func(t *testing.T) {
		broken(t, func(b *bench, _ *stepClock) {
			until("02:00:00")
			b.create(schedule("s", "at(2000-01-01T01:00:00)"))
			until("02:05:00")
			equal(b.t, "deliveries", fired(b.take()), []string{"01:00:00"})
		})
	})
}
