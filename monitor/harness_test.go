package monitor_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/store/sqlite"
)

const account, other = "000000000000", "111111111111"

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// bench is a service over a real store whose loop looks when a test says so.
type bench struct {
	testing.TB
	*monitor.Service
	ctx   context.Context
	clock *clock
	store *sqlite.Store
	reg   *prometheus.Registry
}

func newBench(t testing.TB, edit ...func(*monitor.Config)) *bench {
	t.Helper()
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{TB: t, ctx: t.Context(), clock: newClock(), store: store, reg: prometheus.NewRegistry()}
	c := monitor.Config{
		Store: store, Clock: b.clock, Logger: slog.New(slog.DiscardHandler), Metrics: monitor.NewMetrics(b.reg),
	}
	for _, e := range edit {
		e(&c)
	}
	b.Service = monitor.NewService(c)
	ctx, stop := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() { b.Run(ctx) })
	<-b.clock.waits
	t.Cleanup(func() {
		stop()
		loop.Wait()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// clock is a clock that tests move; the loop wakes when they say so.
type clock struct {
	mu    sync.Mutex // guards now
	now   time.Time
	timer chan time.Time
	waits chan time.Duration // the loop has looked, and waits so long
}

func newClock() *clock {
	return &clock{now: t0, timer: make(chan time.Time), waits: make(chan time.Duration)}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	c.waits <- d
	return c.timer, func() {}
}

// look lets the loop look once, and returns how long it then waits.
func (b *bench) look() time.Duration {
	b.clock.timer <- time.Time{}
	return <-b.clock.waits
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) refused(err error, kind belfry.Kind, message string) {
	b.Helper()
	if e, ok := errors.AsType[*belfry.Error](err); !ok || e.Kind != kind || e.Message != message {
		b.Fatalf("error is %v, want %v: %s", err, kind, message)
	}
}

func (b *bench) same(got, want any) {
	b.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		b.Fatalf("(-want +got)\n%s", d)
	}
}

// create makes a check: an hour, and ten minutes of grace.
func (b *bench) create(edit ...func(*monitor.Settings)) monitor.Check {
	b.Helper()
	s := monitor.DefaultSettings()
	s.Name, s.Timeout, s.Grace = "Nightly", time.Hour, 10*time.Minute
	for _, e := range edit {
		e(&s)
	}
	c, created, err := b.Create(b.ctx, account, s, monitor.Like{})
	b.ok(err)
	if !created {
		b.Fatal("it was there already")
	}
	return c
}

func (b *bench) ping(c monitor.Check, a monitor.Action, rid ...string) monitor.Ping {
	b.Helper()
	r := monitor.Request{Action: a, Method: "GET", Scheme: "http", ExitStatus: monitor.NoExitStatus}
	if len(rid) > 0 {
		r.RID = rid[0]
	}
	p, err := b.Ping(b.ctx, c.ID, r)
	b.ok(err)
	return p
}

// get returns the check as it is stored.
func (b *bench) get(c monitor.Check) monitor.Check {
	b.Helper()
	c, err := b.Check(b.ctx, account, c.ID)
	b.ok(err)
	return c
}

// flip is what tests compare of a flip.
type flip struct {
	After    time.Duration // since t0
	From, To monitor.Status
	Reason   monitor.Reason
}

// flips returns the check's flips, the oldest first.
func (b *bench) flips(c monitor.Check) []flip {
	b.Helper()
	list, err := b.Flips(b.ctx, account, c.ID, monitor.FlipQuery{Limit: 1000})
	b.ok(err)
	out := make([]flip, len(list))
	for i, f := range list {
		out[len(list)-1-i] = flip{f.At.Sub(t0), f.From, f.To, f.Reason}
	}
	return out
}

var (
	rid1 = uuid.MustParse("11111111-1111-4111-8111-111111111111").String()
	rid2 = uuid.MustParse("22222222-2222-4222-8222-222222222222").String()
)
