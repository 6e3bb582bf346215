package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/barrier"
	"github.com/belfry-run/belfry/engine"
	"github.com/belfry-run/belfry/store/sqlite"
)

// A node is one life of the server's process: a store, an engine and the target
// that it delivers to. It ends gracefully or by a crash, after which nothing of it
// is written or delivered any more.
type node struct {
	w       *world
	store   *sqlite.Store
	engine  *engine.Engine
	apart   *barrier.Set
	crashAt atomic.Int64 // commits until it crashes; 0 is not
	full    atomic.Bool  // the store refuses to write
	dead    chan struct{}
	die     sync.Once
}

var (
	errCrashed = belfry.Errorf(belfry.Unavailable, "", "crashed")
	errFull    = errors.New("injected: the disk is full")
)

func (n *node) crash() { n.die.Do(func() { close(n.dead) }) }

func (n *node) crashed() bool {
	select {
	case <-n.dead:
		return true
	default:
		return false
	}
}

// committed is told of each transaction: it is where a crash falls between two
// calls of the store, and the caller learns nothing.
func (n *node) committed(time.Duration, int) {
	if n.crashAt.Load() > 0 && n.crashAt.Add(-1) == 0 {
		n.crash()
	}
}

// open makes a node that does nothing yet.
func (w *world) open() *node {
	n := &node{w: w, dead: make(chan struct{})}
	st, err := sqlite.Open(context.Background(), w.dir, sqlite.Options{NoSync: true, OnCommit: n.committed})
	if err != nil {
		w.fail("open the store: %v", err)
	}
	n.store = st
	log := slog.New(&logWatch{w: w})
	n.apart = barrier.New(log)
	n.engine = engine.New(engine.Config{
		Store: &faultStore{st, n}, Clock: w.clock, Invoker: n, DeadLetters: n, Logger: log, Barrier: n.apart,
		Metrics: engine.NewMetrics(prometheus.NewRegistry()),
	})
	return n
}

// end stops the node; a crashed one at once.
func (n *node) end() {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	if n.crashed() {
		cancel()
	}
	n.engine.Stop(ctx)
	cancel()
	n.crash() // what it has not done by now it never does
	if err := n.store.Close(); err != nil {
		n.w.fail("close the store: %v", err)
	}
}

// faultStore is the node's store, whose writes may be refused, and end with the
// node.
type faultStore struct {
	*sqlite.Store
	n *node
}

func (f *faultStore) do(write func() error) error {
	switch {
	case f.n.crashed():
		return errCrashed
	case f.n.full.Load():
		return errFull
	}
	err := write()
	if f.n.crashed() {
		return errCrashed // nobody is told any more
	}
	return err
}

func (f *faultStore) CreateSchedule(ctx context.Context, c belfry.ScheduleCreation) error {
	return f.do(func() error { return f.Store.CreateSchedule(ctx, c) })
}

func (f *faultStore) ChangeSchedule(ctx context.Context, c belfry.ScheduleChange) error {
	return f.do(func() error { return f.Store.ChangeSchedule(ctx, c) })
}

func (f *faultStore) ChangeGroup(ctx context.Context, c belfry.GroupChange) error {
	return f.do(func() error { return f.Store.ChangeGroup(ctx, c) })
}

func (f *faultStore) RemoveGroup(ctx context.Context, s belfry.Scope, name string) error {
	return f.do(func() error { return f.Store.RemoveGroup(ctx, s, name) })
}

func (f *faultStore) ChangeRule(ctx context.Context, c belfry.RuleChange) error {
	return f.do(func() error { return f.Store.ChangeRule(ctx, c) })
}

func (f *faultStore) Acquire(ctx context.Context) (l []belfry.Lease, err error) {
	return l, f.do(func() error { l, err = f.Store.Acquire(ctx); return err })
}

func (f *faultStore) Interrupted(ctx context.Context) (left []belfry.Occurrence, c belfry.Claim, err error) {
	err = f.do(func() error { left, c, err = f.Store.Interrupted(ctx); return err })
	return left, c, err
}

func (f *faultStore) Move(ctx context.Context, from belfry.Due, to *belfry.Due) (moved bool, err error) {
	err = f.do(func() error { moved, err = f.Store.Move(ctx, from, to); return err })
	return moved, err
}

func (f *faultStore) Start(ctx context.Context, s []belfry.Start) (c belfry.Claim, started []belfry.Started, err error) {
	err = f.do(func() error { c, started, err = f.Store.Start(ctx, s); return err })
	return c, started, err
}

func (f *faultStore) Finish(ctx context.Context, ended []belfry.Finish) error {
	return f.do(func() error { return f.Store.Finish(ctx, ended) })
}

func (f *faultStore) ChangeGaps(ctx context.Context, c []belfry.GapChange) error {
	return f.do(func() error { return f.Store.ChangeGaps(ctx, c) })
}

func (f *faultStore) See(ctx context.Context, key, value string) error {
	if key == zonesKey {
		value += f.n.w.zoneData()
	}
	return f.do(func() error { return f.Store.See(ctx, key, value) })
}

func (f *faultStore) Seen(ctx context.Context, key string) (string, error) {
	value, err := f.Store.Seen(ctx, key)
	if key == zonesKey {
		value = strings.TrimSuffix(value, f.n.w.zoneData())
	}
	return value, err
}

// zonesKey is where the engine keeps the version of the zone data, which the model
// changes without the machine's.
const zonesKey = "zones"

func (w *world) zoneData() string { return fmt.Sprintf(" changed %d times", len(w.zones)) }

func (f *faultStore) ForgetTokens(ctx context.Context, before time.Time) (dropped int, err error) {
	err = f.do(func() error { dropped, err = f.Store.ForgetTokens(ctx, before); return err })
	return dropped, err
}

func (f *faultStore) Archive(ctx context.Context, before time.Time) (moved int, err error) {
	err = f.do(func() error { moved, err = f.Store.Archive(ctx, before); return err })
	return moved, err
}

func (f *faultStore) Forget(ctx context.Context, before time.Time) (files int, err error) {
	err = f.do(func() error { files, err = f.Store.Forget(ctx, before); return err })
	return files, err
}

// logWatch finds what the engine logs as an error that nobody caused.
type logWatch struct {
	slog.Handler
	w *world
}

func (l *logWatch) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }
func (l *logWatch) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *logWatch) WithGroup(string) slog.Handler                    { return l }

func (l *logWatch) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += fmt.Sprintf(" %s=%v", a.Key, a.Value); return true })
	if !strings.Contains(text, "injected") && !strings.Contains(text, "crashed") {
		l.w.wrong("the engine logged: %s", text)
	}
	return nil
}

// An arrival is one delivery as the target sees it.
type arrival struct {
	belfry.Occurrence
	attempt   int
	execution string
	node      *node
	mono      time.Duration // when it began
	wall      time.Time
	ended     bool // with an answer that a live engine got
	status    belfry.AttemptStatus
	judged    bool
}

// Invoke is the target. What it answers is written in the schedule's input, one
// word an attempt, of which the last stands for all that follow; so that a run's
// fate depends on nothing but the run.
func (n *node) Invoke(ctx context.Context, in *belfry.Invocation) belfry.Result {
	w := n.w
	w.mu.Lock()
	if n.crashed() {
		w.mu.Unlock()
		return belfry.Result{Status: belfry.AttemptRetryable}
	}
	a := &arrival{
		Occurrence: in.Occurrence, attempt: in.Attempt, execution: in.ExecutionID, node: n,
		mono: w.clock.Monotonic(), wall: w.clock.Now(),
	}
	for _, other := range w.arrivals {
		if other.Occurrence == a.Occurrence && other.node == n && !other.ended {
			w.wrongLocked("%s is delivered twice at once, as attempts %d and %d", w.nameLocked(a.Schedule, a.Time), other.attempt, a.attempt)
		}
	}
	w.arrivals = append(w.arrivals, a)
	w.mu.Unlock()
	words := strings.Fields(in.Target.Input)
	r := answer(ctx, words[min(in.Attempt, len(words))-1], in.Attempt)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !n.crashed() && (ctx.Err() == nil || r.Status == belfry.AttemptSucceeded) {
		a.ended, a.status = true, r.Status
	}
	return r
}

func answer(ctx context.Context, word string, attempt int) belfry.Result {
	wait := func(d time.Duration) bool {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
	failed := belfry.Result{Status: belfry.AttemptRetryable, ErrorCode: "Failed", ErrorMessage: word}
	// A wait as long as back-off's longest leaves nothing to chance.
	failed.RetryAfter = time.Second << min(attempt, 9)
	ok := belfry.Result{Status: belfry.AttemptSucceeded}
	switch word {
	case "slow":
		if !wait(20 * time.Second) {
			return failed
		}
	case "hang":
		if !wait(time.Hour) {
			return failed
		}
	case "fail":
		return failed
	case "later":
		failed.RetryAfter += 2 * time.Minute
		return failed
	case "raise":
		failed.HandlerError = true
		return failed
	case "permanent":
		return belfry.Result{Status: belfry.AttemptPermanent, ErrorCode: "Refused"}
	}
	return ok
}

func (n *node) SendDeadLetter(context.Context, *belfry.Schedule, string, map[string]string) error {
	return nil
}
