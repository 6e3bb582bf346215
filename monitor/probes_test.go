package monitor_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/monitor/probe"
	"github.com/belfry-run/belfry/store/sqlite"
)

// mirror is a sealer that anybody can open, and nobody reads by chance.
type mirror struct{}

func (mirror) Seal(_ string, plain []byte) []byte {
	out := bytes.Clone(plain)
	for i := range out {
		out[i] ^= 0x55
	}
	return out
}

func (m mirror) Open(id string, sealed []byte) ([]byte, error) {
	if !bytes.HasPrefix(sealed, []byte{'{' ^ 0x55}) {
		return nil, errors.New("not sealed here")
	}
	return m.Seal(id, sealed), nil
}

// A lab is probes over a real store, in fake time, that look at what the test says.
type lab struct {
	testing.TB
	*monitor.Probes
	checks *monitor.Service
	store  *sqlite.Store
	began  time.Time
	stop   context.CancelFunc

	mu    sync.Mutex // guards looks and see
	looks []time.Duration
	see   func(ctx context.Context, s *probe.Settings) probe.Result
}

// inLab runs a test in a bubble; the loop runs unless idle.
func inLab(t *testing.T, run func(*lab), edit ...func(*monitor.ProbesConfig)) {
	synctest.Test(t, func(t *testing.T) {
		store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		b := &lab{TB: t, store: store, began: time.Now()}
		b.see = func(context.Context, *probe.Settings) probe.Result { return well }
		b.checks = monitor.NewService(monitor.Config{
			Store: store, Clock: bubbleClock{}, Logger: slog.New(slog.DiscardHandler), Metrics: monitor.NewMetrics(prometheus.NewRegistry()),
		})
		c := monitor.ProbesConfig{
			Checks: b.checks, Store: store, Sealer: mirror{}, Look: b.look, Logger: slog.New(failing{t}),
			Metrics: monitor.NewProbeMetrics(prometheus.NewRegistry()),
		}
		for _, e := range edit {
			e(&c)
		}
		b.Probes = monitor.NewProbes(c)
		ctx, cancel := context.WithCancel(context.Background())
		var loop sync.WaitGroup
		start := func() { loop.Go(func() { b.Run(ctx) }) }
		b.stop = func() { cancel(); loop.Wait() }
		start()
		run(b)
		b.stop()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// failing is a log in which nothing may stand.
type failing struct{ testing.TB }

func (failing) Enabled(context.Context, slog.Level) bool { return true }
func (f failing) Handle(_ context.Context, r slog.Record) error {
	f.Errorf("in the log: %s", r.Message)
	return nil
}
func (f failing) WithAttrs([]slog.Attr) slog.Handler { return f }
func (f failing) WithGroup(string) slog.Handler      { return f }

var (
	well = probe.Result{OK: true, Detail: "It is well.", Took: 20 * time.Millisecond}
	ill  = probe.Result{Detail: "It is ill.", Took: 30 * time.Millisecond}
)

func (b *lab) look(ctx context.Context, s *probe.Settings) probe.Result {
	b.mu.Lock()
	b.looks = append(b.looks, time.Since(b.began))
	see := b.see
	b.mu.Unlock()
	return see(ctx, s)
}

// sees sets what every look sees from now on.
func (b *lab) sees(r probe.Result) {
	b.seen(func(context.Context, *probe.Settings) probe.Result { return r })
}

func (b *lab) seen(see func(context.Context, *probe.Settings) probe.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.see = see
}

// count returns how many looks there were.
func (b *lab) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.looks)
}

// pass lets time go by; what is due has then happened.
func (b *lab) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func everyMinute() monitor.Settings {
	s := monitor.DefaultSettings()
	s.Name, s.Timeout, s.Grace = "Shop", time.Minute, time.Minute
	return s
}

func shop() probe.Settings {
	return probe.Settings{Kind: probe.HTTP, HTTP: &probe.HTTPProbe{URL: "https://shop.example/", Headers: map[string]string{"X-Key": "secret"}}}
}

func (b *lab) create() monitor.Probe {
	b.Helper()
	p, err := b.Create(b.Context(), account, everyMinute(), shop())
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func (b *lab) get(p monitor.Probe) monitor.Probe {
	b.Helper()
	p, err := b.Probe(b.Context(), account, p.Check.ID)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// told returns the check's flips, the oldest first; "new>up success: ok" is one.
func (b *lab) told(p monitor.Probe) string {
	b.Helper()
	all, err := b.checks.Flips(b.Context(), account, p.Check.ID, monitor.FlipQuery{Limit: 100})
	if err != nil {
		b.Fatal(err)
	}
	var lines []string
	for _, f := range all {
		lines = append([]string{string(f.From) + ">" + string(f.To) + " " + string(f.Reason) + ": " + f.Detail}, lines...)
	}
	return strings.Join(lines, "\n")
}

func TestProbeLooksAtOnceThenEachInterval(t *testing.T) {
	inLab(t, func(b *lab) {
		p := b.create()
		b.pass(10 * time.Minute)
		// The first is at once; the others at a second of the minute that the probe's id says.
		n := b.count()
		if n != 10 && n != 11 || b.looks[n-1] < 9*time.Minute {
			t.Fatalf("%d looks in 10 minutes, want 10 or 11: %v", n, b.looks)
		}
		if first := b.looks[0]; first > 2*time.Second {
			t.Errorf("the first look came after %v", first)
		}
		for i := 2; i < len(b.looks); i++ {
			if d := b.looks[i] - b.looks[i-1]; d < 59*time.Second || d > 61*time.Second {
				t.Errorf("look %d came %v after the one before", i, d)
			}
		}
		got := b.get(p)
		if got.Check.Status != monitor.Up || got.Check.Pings != int64(n) || got.Check.LastDuration != 20*time.Millisecond {
			t.Errorf("the check is %+v", got.Check)
		}
		if got.Last == nil || !got.Last.OK || got.Last.Detail != "It is well." || got.Last.Took != 20*time.Millisecond {
			t.Errorf("the last look is %+v", got.Last)
		}
		pings, err := b.checks.Pings(b.Context(), account, p.Check.ID, 1)
		if err != nil || len(pings) != 1 || pings[0].Action != monitor.PingSuccess || pings[0].Scheme != "probe" {
			t.Errorf("the last ping is %+v, %v", pings, err)
		}
		body, err := b.checks.PingBody(b.Context(), account, p.Check.ID, int64(n))
		if err != nil || string(body) != "It is well." {
			t.Errorf("its body is %q, %v", body, err)
		}
	})
}

func TestProbeTakesItsCheckDownAndUp(t *testing.T) {
	inLab(t, func(b *lab) {
		p := b.create()
		b.pass(3 * time.Minute)
		b.sees(ill)
		b.pass(3 * time.Minute)
		if got := b.get(p); got.Check.Status != monitor.Down || got.Last.OK {
			t.Errorf("it is %+v", got)
		}
		b.sees(well)
		b.pass(3 * time.Minute)
		const want = "new>up success: It is well.\n" +
			"up>down fail: It is ill.\n" +
			"down>up success: A ping came at 2000-01-01 00:0"
		if got := b.told(p); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "it had been down for 3m0s. It is well.") {
			t.Errorf("told:\n%s\nwant\n%s", got, want)
		}
	})
}

func TestProbeOfAPausedCheckDoesNotLook(t *testing.T) {
	inLab(t, func(b *lab) {
		p := b.create()
		b.pass(2 * time.Minute)
		if _, err := b.checks.Pause(b.Context(), account, p.Check.ID); err != nil {
			t.Fatal(err)
		}
		n := b.count()
		b.pass(5 * time.Minute)
		if got := b.get(p); b.count() != n || got.Check.Status != monitor.Paused || got.Next.Before(time.Now()) {
			t.Errorf("%d looks, then %d; it is %+v", n, b.count(), got)
		}
		if _, err := b.checks.Resume(b.Context(), account, p.Check.ID); err != nil {
			t.Fatal(err)
		}
		b.pass(time.Minute)
		if got := b.get(p); b.count() == n || got.Check.Status != monitor.Up {
			t.Errorf("after it was resumed there were %d looks, and it is %+v", b.count()-n, got)
		}
	})
}

// A look that was under way when its check was paused does not end the pause.
func TestProbeDoesNotEndAPause(t *testing.T) {
	inLab(t, func(b *lab) {
		b.seen(func(context.Context, *probe.Settings) probe.Result {
			time.Sleep(10 * time.Second)
			return well
		})
		p := b.create()
		b.pass(5 * time.Second)
		if _, err := b.checks.Pause(b.Context(), account, p.Check.ID); err != nil {
			t.Fatal(err)
		}
		b.pass(10 * time.Second)
		if got := b.get(p); b.count() != 1 || got.Check.Status != monitor.Paused || got.Check.Pings != 0 || got.Last == nil {
			t.Errorf("it is %+v after %d looks", got, b.count())
		}
	})
}

func TestProbesLookAFewAtATime(t *testing.T) {
	inLab(t, func(b *lab) {
		var now, most atomic.Int64
		b.seen(func(context.Context, *probe.Settings) probe.Result {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(100 * time.Millisecond)
			now.Add(-1)
			return well
		})
		for range 40 {
			s := everyMinute()
			s.Timeout = 365 * 24 * time.Hour // one look each
			if _, err := b.Create(b.Context(), account, s, shop()); err != nil {
				t.Fatal(err)
			}
		}
		b.pass(3 * time.Second)
		if most.Load() != 4 {
			t.Errorf("%d looked at the same time, want 4", most.Load())
		}
		// Ten rounds of four take a second when nobody waits for the next look.
		if b.count() != 40 {
			t.Errorf("%d have looked, want 40", b.count())
		}
	}, func(c *monitor.ProbesConfig) { c.AtOnce = 4 })
}

func TestProbeLooksOnceAfterAStandstill(t *testing.T) {
	inLab(t, func(b *lab) {
		p := b.create()
		b.pass(3 * time.Minute)
		b.stop()
		n := b.count()
		b.pass(time.Hour)
		ctx, cancel := context.WithCancel(b.Context())
		var loop sync.WaitGroup
		loop.Go(func() { b.Run(ctx) })
		b.pass(0)
		if got := b.count() - n; got != 1 {
			t.Errorf("%d looks after an hour without any, want 1", got)
		}
		if next := b.get(p).Next; !next.After(time.Now()) {
			t.Errorf("the next is due at %v", next)
		}
		cancel()
		loop.Wait()
	})
}

// A look that is cut off by the server's stop says nothing about what it looked at.
func TestProbeRecordsNothingWhenItIsCutOff(t *testing.T) {
	inLab(t, func(b *lab) {
		b.seen(func(ctx context.Context, _ *probe.Settings) probe.Result {
			<-ctx.Done()
			return ill
		})
		p := b.create()
		b.pass(2 * time.Second)
		b.stop()
		if got := b.get(p); b.count() != 1 || got.Last != nil || got.Check.Pings != 0 || got.Next.After(time.Now()) {
			t.Errorf("after %d looks it is %+v", b.count(), got)
		}
	})
}

func TestProbeThatWasEditedWhileItLookedLooksAgain(t *testing.T) {
	inLab(t, func(b *lab) {
		b.seen(func(_ context.Context, s *probe.Settings) probe.Result {
			time.Sleep(10 * time.Second)
			return probe.Result{OK: s.HTTP.URL == "https://new.example/", Detail: s.HTTP.URL, Took: time.Second}
		})
		p := b.create()
		b.pass(5 * time.Second)
		got, err := b.Update(b.Context(), account, p.Check.ID, func(c *monitor.Settings, s *probe.Settings) error {
			c.Name, s.HTTP.URL = "New shop", "https://new.example/"
			return nil
		})
		if err != nil || got.Check.Name != "New shop" || got.Settings.HTTP.Headers["X-Key"] != "secret" {
			t.Errorf("updated to %+v, %v", got, err)
		}
		b.pass(time.Minute / 3)
		if got := b.get(p); got.Last == nil || got.Last.Detail != "https://new.example/" || got.Check.Pings != 1 {
			t.Errorf("it is %+v", got)
		}
		if got := b.told(p); got != "new>up success: https://new.example/" {
			t.Errorf("told %q", got)
		}
	})
}

func TestProbeThatWasDeletedWhileItLookedIsGone(t *testing.T) {
	inLab(t, func(b *lab) {
		b.seen(func(context.Context, *probe.Settings) probe.Result {
			time.Sleep(10 * time.Second)
			return ill
		})
		p := b.create()
		b.pass(5 * time.Second)
		if _, err := b.Delete(b.Context(), account, p.Check.ID, "me"); err != nil {
			t.Fatal(err)
		}
		b.pass(5 * time.Minute)
		if b.count() != 1 {
			t.Errorf("%d looks", b.count())
		}
		for _, err := range []error{
			func() error { _, err := b.Delete(b.Context(), account, p.Check.ID, "me"); return err }(),
			func() error { _, err := b.Probe(b.Context(), account, p.Check.ID); return err }(),
			func() error { _, err := b.checks.Check(b.Context(), account, p.Check.ID); return err }(),
		} {
			if belfry.KindOf(err) != belfry.NotFound {
				t.Errorf("got %v, want NotFound", err)
			}
		}
	})
}

// The schedule of the check is the probe's, whoever changes it.
func TestProbeFollowsItsChecksSchedule(t *testing.T) {
	inLab(t, func(b *lab) {
		s := everyMinute()
		s.Timeout = 24 * time.Hour
		p, err := b.Create(b.Context(), account, s, shop())
		if err != nil {
			t.Fatal(err)
		}
		b.pass(10 * time.Minute)
		n := b.count()
		if _, err := b.checks.Update(b.Context(), account, p.Check.ID, func(s *monitor.Settings) error {
			s.Timeout = time.Minute
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		b.pass(10 * time.Minute)
		// The probe's id says when in the day, and in the minute.
		if got := b.count() - n; n > 2 || got < 10 || got > 11 {
			t.Errorf("%d looks with a day between them, then %d in 10 minutes", n, got)
		}
	})
}

func TestProbeOfACronScheduleLooksThen(t *testing.T) {
	inLab(t, func(b *lab) {
		s := everyMinute()
		s.Kind, s.Schedule = monitor.Cron, "30 * * * *"
		p, err := b.Create(b.Context(), account, s, shop())
		if err != nil {
			t.Fatal(err)
		}
		b.pass(2 * time.Second)
		if next, want := b.get(p).Next, time.Date(2000, 1, 1, 0, 30, 0, 0, time.UTC); !next.Equal(want) {
			t.Errorf("the next is due at %v, want %v", next, want)
		}
		b.pass(3 * time.Hour)
		if b.count() != 4 {
			t.Errorf("%d looks: %v", b.count(), b.looks)
		}
	})
}

func TestLookNow(t *testing.T) {
	inLab(t, func(b *lab) {
		p := b.create()
		b.pass(2 * time.Second)
		b.sees(ill)
		got, err := b.Look(b.Context(), account, p.Check.ID)
		if err != nil || got.Last.OK || got.Check.Status != monitor.Down || got.Settings.HTTP == nil {
			t.Errorf("got %+v, %v", got, err)
		}
		if _, err := b.Look(b.Context(), other, p.Check.ID); belfry.KindOf(err) != belfry.NotFound {
			t.Errorf("another account got %v", err)
		}
		b.seen(func(context.Context, *probe.Settings) probe.Result {
			time.Sleep(10 * time.Second)
			return well
		})
		var one sync.WaitGroup
		one.Go(func() {
			if _, err := b.Look(b.Context(), account, p.Check.ID); err != nil {
				t.Error(err)
			}
		})
		b.pass(time.Second)
		if _, err := b.Look(b.Context(), account, p.Check.ID); belfry.KindOf(err) != belfry.Throttled {
			t.Errorf("beyond the limit it got %v", err)
		}
		one.Wait()
	}, func(c *monitor.ProbesConfig) { c.AtOnce = 1 })
}

func TestProbesBelongToTheirAccount(t *testing.T) {
	inLab(t, func(b *lab) {
		p := b.create()
		_, err := b.Probe(b.Context(), other, p.Check.ID)
		_, err2 := b.Delete(b.Context(), other, p.Check.ID, "me")
		_, err3 := b.Update(b.Context(), other, p.Check.ID, func(*monitor.Settings, *probe.Settings) error { return nil })
		for _, err := range []error{err, err2, err3} {
			if belfry.KindOf(err) != belfry.NotFound {
				t.Errorf("got %v, want NotFound", err)
			}
		}
		if all, err := b.List(b.Context(), other, 0, 10); err != nil || len(all) != 0 {
			t.Errorf("the other account has %+v, %v", all, err)
		}
		all, err := b.List(b.Context(), account, 0, 10)
		if err != nil || len(all) != 1 || all[0].Settings.HTTP.URL != "https://shop.example/" {
			t.Errorf("listed %+v, %v", all, err)
		}
		if stored, err := b.store.Probe(b.Context(), p.Check.ID); err != nil || bytes.Contains(stored.Sealed, []byte("secret")) {
			t.Errorf("stored as %q, %v", stored.Sealed, err)
		}
	})
}

func TestProbeThatCannotBeIsRefusedAndLeavesNothing(t *testing.T) {
	inLab(t, func(b *lab) {
		good := b.create()
		for _, c := range []struct {
			name  string
			edit  func(c *monitor.Settings, s *probe.Settings)
			field string // empty: it can be
		}{
			{"interval", func(c *monitor.Settings, _ *probe.Settings) { c.Timeout = time.Second }, "timeout"},
			{"name", func(c *monitor.Settings, _ *probe.Settings) { c.Name = strings.Repeat("x", 101) }, "name"},
			{"kind", func(_ *monitor.Settings, s *probe.Settings) { s.Kind = "icmp" }, "kind"},
			{"url", func(_ *monitor.Settings, s *probe.Settings) { s.HTTP.URL = "shop" }, "http.url"},
			{"a look as long as the interval and the grace", func(_ *monitor.Settings, s *probe.Settings) { s.Timeout, s.Retries = 39, new(2) }, "timeout_seconds"}, // 3*39+2*3 = 123
			{"a look that is shorter", func(_ *monitor.Settings, s *probe.Settings) { s.Timeout, s.Retries = 37, new(2) }, ""},                                      // 117
		} {
			check, settings := everyMinute(), shop()
			c.edit(&check, &settings)
			p, err := b.Create(b.Context(), account, check, settings)
			_, err2 := b.Update(b.Context(), account, good.Check.ID, func(check *monitor.Settings, settings *probe.Settings) error {
				c.edit(check, settings)
				return nil
			})
			for _, err := range []error{err, err2} {
				e, _ := errors.AsType[*belfry.Error](err)
				if (c.field == "") != (err == nil) || e != nil && (e.Kind != belfry.Invalid || e.Field != c.field) {
					t.Errorf("%s: got %v, want a refusal of %q", c.name, err, c.field)
				}
			}
			if err == nil {
				if _, err := b.Delete(b.Context(), account, p.Check.ID, "me"); err != nil {
					t.Fatal(err)
				}
			}
		}
		list, err := b.checks.List(b.Context(), monitor.CheckQuery{Account: account, Limit: 10})
		if err != nil || len(list) != 1 || list[0].Name != "Shop" || list[0].Timeout != time.Minute {
			t.Errorf("there is %+v, %v", list, err)
		}
	})
}
