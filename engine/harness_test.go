package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
	"github.com/belfry-run/belfry/store/sqlite"
)

// scope is where the tests' schedules live.
var scope = belfry.Scope{Account: "000000000000", Region: "us-east-1"}

// bench is an engine over a real store, with a target that tests script.
type bench struct {
	t      *testing.T
	dir    string
	store  *sqlite.Store
	engine *engine.Engine
	config engine.Config

	mu     sync.Mutex
	calls  []call // guarded by mu
	dead   []letter
	answer func(ctx context.Context, in *belfry.Invocation) belfry.Result
	refuse error // of the dead-letter queue

	forwarded []string // what targets were handed that had failed for good
	unwilling error    // of the target's own destination
}

type call struct {
	name    string
	at      time.Time // when it arrived
	time    time.Time // scheduled
	attempt int
	id      string
}

type letter struct {
	queue, body string
	attributes  map[string]string
}

// clock is the bubble's: inside synctest the time package is the fake clock.
type clock struct{}

func (clock) Now() time.Time { return time.Now() }

func (clock) Monotonic() time.Duration { return time.Duration(time.Now().UnixNano()) }

func (clock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, dir: t.TempDir()}
	b.answer = func(context.Context, *belfry.Invocation) belfry.Result {
		return belfry.Result{Status: belfry.AttemptSucceeded}
	}
	b.config = engine.Config{Clock: clock{}, Invoker: b, DeadLetters: b, Forward: b.forward, Logger: slog.New(slog.DiscardHandler)}
	return b
}

// start opens the store and starts an engine on it.
func (b *bench) start() {
	b.t.Helper()
	st, err := sqlite.Open(b.t.Context(), b.dir, sqlite.Options{NoSync: true})
	if err != nil {
		b.t.Fatal(err)
	}
	b.store = st
	b.config.Store = st
	b.config.Metrics = engine.NewMetrics(prometheus.NewRegistry())
	b.engine = engine.New(b.config)
	if err := b.engine.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) stop() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 8*time.Second)
	defer cancel()
	b.engine.Stop(ctx)
	if err := b.store.Close(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) Invoke(ctx context.Context, in *belfry.Invocation) belfry.Result {
	b.mu.Lock()
	_, name := split(in.ScheduleARN)
	b.calls = append(b.calls, call{name, time.Now().UTC(), in.Time, in.Attempt, in.OccurrenceID()})
	answer := b.answer
	b.mu.Unlock()
	return answer(ctx, in)
}

func (b *bench) forward(_ context.Context, in *belfry.Invocation, payload string, last *belfry.Result, aged bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.unwilling == nil {
		b.forwarded = append(b.forwarded, fmt.Sprintf("%s attempt %d %s %s aged %t", in.Time.Format("15:04:05"), in.Attempt, payload, last.ErrorMessage, aged))
	}
	return b.unwilling
}

func (b *bench) SendDeadLetter(_ context.Context, s *belfry.Schedule, body string, attributes map[string]string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse == nil {
		b.dead = append(b.dead, letter{s.Target.DeadLetterARN, body, attributes})
	}
	return b.refuse
}

// take returns the calls so far and forgets them.
func (b *bench) take() []call {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.calls
	b.calls = nil
	return c
}

func split(arn string) (group, name string) {
	for i := len(arn) - 1; i >= 0; i-- {
		if arn[i] == '/' {
			return arn[:i], arn[i+1:]
		}
	}
	return "", arn
}

// schedule is one that is right, for tests to change.
func schedule(name, expression string) belfry.Schedule {
	return belfry.Schedule{
		Scope: scope, Group: belfry.DefaultGroup, Name: name, Expression: expression, Timezone: "UTC",
		Target: belfry.Target{ARN: "arn:aws:sqs:us-east-1:000000000000:q", RoleARN: "arn:aws:iam::000000000000:role/belfry", Retry: belfry.DefaultRetry()},
	}
}

func ref(name string) belfry.ScheduleRef {
	return belfry.ScheduleRef{Scope: scope, Group: belfry.DefaultGroup, Name: name}
}

func (b *bench) create(s belfry.Schedule) *belfry.Schedule {
	b.t.Helper()
	made, err := b.engine.CreateSchedule(b.t.Context(), s)
	if err != nil {
		b.t.Fatalf("create %s: %v", s.Name, err)
	}
	return made
}

func (b *bench) update(s belfry.Schedule) *belfry.Schedule {
	b.t.Helper()
	made, err := b.engine.UpdateSchedule(b.t.Context(), s)
	if err != nil {
		b.t.Fatalf("update %s: %v", s.Name, err)
	}
	return made
}

func (b *bench) ledger(name string) []engine.Entry {
	b.t.Helper()
	h, err := b.engine.History(b.t.Context(), ref(name))
	if err != nil {
		b.t.Fatal(err)
	}
	entries, err := b.engine.Ledger(b.t.Context(), h, time.Time{}, time.Time{}, 10_000_000)
	if err != nil {
		b.t.Fatal(err)
	}
	return entries
}

// lines writes a ledger for comparison, one entry a line.
func lines(entries []engine.Entry) []string {
	out := []string{}
	for _, e := range entries {
		if e.Run != nil {
			out = append(out, fmt.Sprintf("%s %s", e.Run.Time.Format("15:04:05"), e.Run.Outcome))
		} else {
			out = append(out, fmt.Sprintf("%s..%s %d %s", e.Gap.From.Format("15:04:05"), e.Gap.To.Format("15:04:05"), e.Gap.Count, e.Gap.Reason))
		}
	}
	return out
}

func (b *bench) why(name string, at time.Time) *engine.Why {
	b.t.Helper()
	h, err := b.engine.History(b.t.Context(), ref(name))
	if err != nil {
		b.t.Fatal(err)
	}
	w, err := b.engine.Why(b.t.Context(), h, at)
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}
