package monitor_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

// A switchCheck finds what the test says.
type switchCheck struct{ found monitor.Finding }

func (*switchCheck) Name() string { return "switch" }

func (c *switchCheck) Look(context.Context, time.Time) monitor.Finding { return c.found }

func (w *world) serverFlips(check string) (all []string) {
	w.Helper()
	flips, err := w.store.ListFlips(w.Context(), monitor.FlipQuery{
		Subject: monitor.Subject{Account: scope.Account, Kind: monitor.SubjectServer, ID: check}, Limit: 100,
	})
	w.ok(err)
	slices.Reverse(flips)
	for _, f := range flips {
		all = append(all, string(f.To)+": "+f.Detail)
	}
	return all
}

func (w *world) self(store monitor.SelfStore, checks ...monitor.SelfCheck) *monitor.SelfWatch {
	return monitor.NewSelfWatch(monitor.SelfConfig{
		Store: store, Clock: watchClock{}, Logger: slog.New(slog.DiscardHandler), Account: scope.Account, Checks: checks,
	})
}

func (w *world) same(got, want []string) {
	w.Helper()
	if !slices.Equal(got, want) {
		w.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSelfWatchTellsOnceAndRecovers(t *testing.T) {
	inWorld(t, func(w *world) {
		c := &switchCheck{monitor.Finding{OK: true, Detail: "Fine."}}
		s := w.self(w.store, c)
		s.Look(w.Context())
		w.same(w.serverFlips("switch"), nil)
		c.found = monitor.Finding{Detail: "Broken.", Advice: "Mend it."}
		s.Look(w.Context())
		s = w.self(w.store, c) // after a restart
		s.Look(w.Context())
		w.same(w.serverFlips("switch"), []string{"down: Broken. Mend it."})
		time.Sleep(time.Minute)
		c.found = monitor.Finding{OK: true, Detail: "Fine."}
		for range 3 {
			s.Look(w.Context())
		}
		w.same(w.serverFlips("switch"), []string{"down: Broken. Mend it."})
		s.Look(w.Context())
		w.same(w.serverFlips("switch"), []string{"down: Broken. Mend it.", "up: Fine. It was not well for 1m0s."})
	})
}

// full is a store that takes no flips while it is full.
type full struct {
	monitor.SelfStore
	full bool
}

func (f *full) KeepSelf(ctx context.Context, states []monitor.SelfState, flips []monitor.Flip) error {
	if f.full {
		return errors.New("disk full")
	}
	return f.SelfStore.KeepSelf(ctx, states, flips)
}

func TestSelfWatchKeepsWhatTheStoreDidNotTake(t *testing.T) {
	inWorld(t, func(w *world) {
		st := &full{w.store, true}
		failures := uint64(0)
		s := w.self(st, &monitor.StoreCheck{Store: st, Failures: func() uint64 { return failures }})
		found := s.Look(w.Context())
		if found[0].OK || found[0].Detail != "The store cannot be written to: disk full." {
			w.Errorf("a full store is %+v", found[0])
		}
		w.same(w.serverFlips("store"), nil)
		st.full = false
		if found = s.Look(w.Context()); !found[0].OK {
			w.Errorf("it is tried again at once, and is %+v", found[0])
		}
		advice := " See the log for the errors, and check the disk: its space, its health, and who may write to the data directory. Nothing that was acknowledged is lost."
		w.same(w.serverFlips("store"), []string{"down: The store cannot be written to: disk full." + advice})
		failures = 3
		if found = s.Look(w.Context()); found[0].OK || found[0].Value != 3 {
			w.Errorf("with failures it is %+v", found[0])
		}
		if found = s.Look(w.Context()); !found[0].OK {
			w.Errorf("without new failures it is %+v", found[0])
		}
	})
}

func TestClockCheck(t *testing.T) {
	elapsed, ahead, known := time.Duration(0), time.Duration(0), false
	c := &monitor.ClockCheck{Elapsed: func() time.Duration { return elapsed }, Skew: func() (time.Duration, bool) { return ahead, known }}
	wall := noon
	look := func(wallPassed, passed time.Duration) monitor.Finding {
		wall, elapsed = wall.Add(wallPassed), elapsed+passed
		return c.Look(t.Context(), wall)
	}
	for _, step := range []struct {
		name         string
		wall, passed time.Duration
		ok           bool
	}{
		{"the first look", 0, 0, true},
		{"time passes", time.Minute, time.Minute, true},
		{"a jump of ten seconds is let pass", 25 * time.Second, 15 * time.Second, true},
		{"a larger one is not", 25*time.Second + time.Millisecond, 15 * time.Second, false},
		{"and is told of for five minutes", 5*time.Minute - time.Millisecond, 5*time.Minute - time.Millisecond, false},
		{"but no longer", time.Millisecond, time.Millisecond, true},
		{"back is a jump too", -time.Hour, 15 * time.Second, false},
	} {
		if f := look(step.wall, step.passed); f.OK != step.ok {
			t.Errorf("%s: %+v", step.name, f)
		}
	}
	look(time.Hour, time.Hour)
	for _, skew := range []struct {
		ahead time.Duration
		known bool
		ok    bool
	}{{time.Hour, false, true}, {5 * time.Second, true, true}, {-5 * time.Second, true, true}, {5*time.Second + 1, true, false}, {-5*time.Second - 1, true, false}} {
		ahead, known = skew.ahead, skew.known
		if f := look(time.Second, time.Second); f.OK != skew.ok {
			t.Errorf("%v ahead, known %v: %+v", skew.ahead, skew.known, f)
		}
	}
}

func TestBacklogCheck(t *testing.T) {
	inWorld(t, func(w *world) {
		w.create("a", minutely)
		w.until("00:00:30")
		w.shutdown()
		w.startStore() // and no engine
		c := monitor.BacklogCheck{Store: w.store}
		for at, ok := range map[string]bool{"00:00:59": true, "00:01:30": true} {
			w.until(at)
			if f := c.Look(w.Context(), time.Now()); f.OK != ok {
				w.Errorf("at %s: %+v", at, f)
			}
		}
		time.Sleep(time.Millisecond)
		if f := c.Look(w.Context(), time.Now()); f.OK || f.Value != 30.001 {
			w.Errorf("after 30 s: %+v", f)
		}
	})
}

func TestCanaryGoesTheWholeWay(t *testing.T) {
	inWorld(t, func(w *world) {
		bird, err := w.engine.OwnSchedule(w.Context(), belfry.Schedule{
			Scope: scope, Group: belfry.OwnGroup, Name: "canary", Expression: minutely, Timezone: "UTC",
			Target: belfry.Target{ARN: "arn:belfry:canary", Retry: belfry.RetryPolicy{MaximumAge: time.Minute}},
		})
		w.ok(err)
		again, err := w.engine.OwnSchedule(w.Context(), *bird)
		w.ok(err)
		if again.ID != bird.ID {
			w.Error("there are two of it")
		}
		c := &monitor.CanaryCheck{Store: w.store, Schedule: bird.ID}
		look := func() monitor.Finding { return c.Look(w.Context(), time.Now()) }
		if f := look(); !f.OK || f.Detail != "Belfry has just started; the canary's first run is to come." {
			w.Errorf("at the start: %+v", f)
		}
		w.until("00:01:30")
		if f := look(); !f.OK || f.Value != 30 {
			w.Errorf("after its first run: %+v", f)
		}
		w.engine.Drain() // starts no more
		w.until("00:03:29")
		if f := look(); !f.OK {
			w.Errorf("with one run missing: %+v", f)
		}
		w.until("00:03:30")
		if f := look(); f.OK || !strings.Contains(f.Detail, "has not been started since before 2000-01-01 00:02:00 UTC") {
			w.Errorf("with two runs missing: %+v", f)
		}
		if n := w.unwell(); len(n) != 0 {
			w.Errorf("the watch of schedules tells of the canary: %v", n)
		}
	})
}

// receiver is a heartbeat's, and says what it got.
type receiver struct {
	mu     sync.Mutex
	got    []string
	status int
	date   func() time.Time
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, strings.TrimSpace(req.Method+" "+req.URL.String()+" "+string(body)))
	w.Header().Set("Date", r.date().UTC().Format(http.TimeFormat))
	w.WriteHeader(r.status)
}

// until waits for what arrives.
func (r *receiver) until(t *testing.T, ok func(got []string) bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		r.mu.Lock()
		got := slices.Clone(r.got)
		r.mu.Unlock()
		if ok(got) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the receiver has got %q", got)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// quick is a clock whose timers are a thousand times as fast.
type quick struct{ watchClock }

func (quick) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	return watchClock{}.NewTimer(d / 1000)
}

func TestHeartbeat(t *testing.T) {
	r := &receiver{status: http.StatusOK, date: func() time.Time { return time.Now().Add(-time.Minute) }}
	srv := httptest.NewServer(r)
	defer srv.Close()
	h, err := monitor.NewHeartbeat(srv.URL+"/ping/x?rid=1", "Belfry/test")
	if err != nil {
		t.Fatal(err)
	}
	c := &switchCheck{monitor.Finding{OK: true}}
	s := monitor.NewSelfWatch(monitor.SelfConfig{
		Store: nothing{}, Clock: quick{}, Logger: slog.New(slog.DiscardHandler), Account: scope.Account,
		Checks: []monitor.SelfCheck{c}, Heartbeat: h,
	})
	ctx, cancel := context.WithCancel(t.Context())
	run := func(found monitor.Finding, ok func(got []string) bool) {
		t.Helper()
		c.found = found
		ctx, stop := context.WithCancel(ctx)
		var running sync.WaitGroup
		running.Go(func() { s.Run(ctx) })
		r.until(t, ok)
		stop()
		running.Wait()
	}
	defer cancel()
	run(monitor.Finding{OK: true}, func(got []string) bool { return len(got) >= 2 })
	if r.got[0] != "GET /ping/x?rid=1" {
		t.Errorf("a heartbeat is %q", r.got[0])
	}
	if ahead, known := h.Skew(); !known || (ahead-time.Minute).Abs() > 5*time.Second {
		t.Errorf("the clock is %v ahead (known: %v), want about a minute", ahead, known)
	}
	r.got = nil
	run(monitor.Finding{Detail: "It broke.", Advice: "Mend it."}, func(got []string) bool { return len(got) >= 1 })
	if r.got[0] != "POST /ping/x/fail?rid=1 switch: It broke. Mend it." {
		t.Errorf("the heartbeat of one that is not well is %q", r.got[0])
	}
	r.got, r.status = nil, http.StatusInternalServerError
	// They come one after the other: with the fourth, three answers have been read.
	run(monitor.Finding{OK: true}, func(got []string) bool { return len(got) >= 4 })
	if f := h.Look(ctx, time.Now()); f.OK || !strings.Contains(f.Detail, "500") {
		t.Errorf("after three refusals: %+v", f)
	}
	r.got, r.status = nil, http.StatusOK
	run(monitor.Finding{OK: true}, func(got []string) bool { return len(got) >= 2 })
	if r.got[0] != "GET /ping/x?rid=1" {
		t.Errorf("heartbeats that fail are told to who does not get them: %q", r.got[0])
	}
	if f := h.Look(ctx, time.Now()); !f.OK {
		t.Errorf("after one that arrived: %+v", f)
	}
	for _, bad := range []string{"", "x", "ftp://h/x", "http://", "https://h/x#y", "http://h/%zz"} {
		if _, err := monitor.NewHeartbeat(bad, ""); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// nothing is a store that keeps nothing.
type nothing struct{ monitor.SelfStore }

func (nothing) SelfStates(context.Context) ([]monitor.SelfState, error) { return nil, nil }

func (nothing) KeepSelf(context.Context, []monitor.SelfState, []monitor.Flip) error { return nil }
