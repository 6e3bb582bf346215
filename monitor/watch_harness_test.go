package monitor_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/store/sqlite"
)

// watchClock is the bubble's.
type watchClock struct{}

func (watchClock) Now() time.Time { return time.Now() }

func (watchClock) Monotonic() time.Duration { return time.Duration(time.Now().UnixNano()) }

func (watchClock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

var scope = belfry.Scope{Account: "000000000000", Region: "eu-west-1"}

func refOf(name string) belfry.ScheduleRef {
	return belfry.ScheduleRef{Scope: scope, Group: belfry.DefaultGroup, Name: name}
}

// A world is the real engine and store, and a watcher, in fake time that begins
// at midnight of 2000-01-01. What targets answer is up to the test.
type world struct {
	*testing.T
	dir      string
	store    *sqlite.Store
	engine   *engine.Engine
	policies policies
	stop     []func()

	mu      sync.Mutex
	targets map[string]func(context.Context) belfry.Result // by the schedule's name; none succeeds
}

// policies by the name of the schedule; the default where there is none.
type policies map[string]monitor.WatchPolicy

func (p policies) WatchPolicy(_ context.Context, r belfry.ScheduleRef) (monitor.WatchPolicy, error) {
	if of, ok := p[r.Name]; ok {
		return of, nil
	}
	return monitor.DefaultWatchPolicy(), nil
}

func inWorld(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, dir: t.TempDir(), policies: policies{}, targets: map[string]func(context.Context) belfry.Result{}}
		w.start()
		defer func() { w.shutdown() }()
		test(w)
	})
}

// start opens everything, as after a restart.
func (w *world) start() {
	w.Helper()
	w.startStore()
	w.startEngine()
	w.startWatch()
}

func (w *world) startStore() {
	w.Helper()
	st, err := sqlite.Open(w.Context(), w.dir, sqlite.Options{NoSync: true})
	w.ok(err)
	w.store = st
	w.stop = append(w.stop, func() { w.ok(st.Close()) })
}

func (w *world) startEngine() {
	w.Helper()
	e := engine.New(engine.Config{
		Store: w.store, Clock: watchClock{}, Invoker: w, DeadLetters: w, Logger: slog.New(slog.DiscardHandler),
		Metrics: engine.NewMetrics(prometheus.NewRegistry()),
	})
	w.ok(e.Start(w.Context()))
	w.engine = e
	w.stop = append(w.stop, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		e.Stop(ctx)
	})
}

func (w *world) startWatch() {
	watcher := monitor.NewWatcher(monitor.WatchConfig{
		Store: w.store, Clock: watchClock{}, Logger: slog.New(slog.DiscardHandler), Policies: w.policies,
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { watcher.Run(ctx) })
	w.stop = append(w.stop, func() { cancel(); running.Wait() })
}

// shutdown closes everything, the last opened first.
func (w *world) shutdown() {
	for _, stop := range slices.Backward(w.stop) {
		stop()
	}
	w.stop = nil
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// Invoke answers as the test wants.
func (w *world) Invoke(ctx context.Context, in *belfry.Invocation) belfry.Result {
	_, name, _ := strings.Cut(in.ScheduleARN, "/default/")
	w.mu.Lock()
	answer := w.targets[name]
	w.mu.Unlock()
	if answer == nil {
		return belfry.Result{Status: belfry.AttemptSucceeded}
	}
	return answer(ctx)
}

// SendDeadLetter takes every message.
func (w *world) SendDeadLetter(context.Context, *belfry.Schedule, string, map[string]string) error {
	return nil
}

// target says what the schedule's target answers from now on; nil: success.
func (w *world) target(name string, answer func(context.Context) belfry.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.targets[name] = answer
}

func broken(context.Context) belfry.Result {
	return belfry.Result{Status: belfry.AttemptPermanent, ErrorCode: "HTTP.404", ErrorMessage: "gone"}
}

func busy(context.Context) belfry.Result {
	return belfry.Result{Status: belfry.AttemptRetryable, ErrorCode: "HTTP.503", ErrorMessage: "busy"}
}

// takes is a target that succeeds after d.
func takes(d time.Duration) func(context.Context) belfry.Result {
	return func(ctx context.Context) belfry.Result {
		select {
		case <-time.After(d):
			return belfry.Result{Status: belfry.AttemptSucceeded}
		case <-ctx.Done():
			return belfry.Result{Status: belfry.AttemptInterrupted}
		}
	}
}

// create makes a schedule.
func (w *world) create(name, expression string, edit ...func(*belfry.Schedule)) *belfry.Schedule {
	w.Helper()
	s := belfry.Schedule{
		Scope: scope, Group: belfry.DefaultGroup, Name: name, Expression: expression, Timezone: "UTC",
		Target: belfry.Target{ARN: "arn:aws:sqs:eu-west-1:000000000000:q", RoleARN: "arn:aws:iam::000000000000:role/r", Retry: belfry.DefaultRetry()},
	}
	for _, e := range edit {
		e(&s)
	}
	made, err := w.engine.CreateSchedule(w.Context(), s)
	w.ok(err)
	return made
}

const minutely = "cron(* * * * ? *)"

// until lets time pass up to hh:mm:ss of the first day.
func (w *world) until(hms string) {
	w.Helper()
	at, err := time.Parse(time.DateTime, "2000-01-01 "+hms)
	w.ok(err)
	time.Sleep(time.Until(at))
	synctest.Wait()
}

// told fails the test unless the schedule's flips are these, oldest first: when,
// from, to and why.
func (w *world) told(name string, want ...string) []monitor.Flip {
	w.Helper()
	all, err := w.store.ListFlips(w.Context(), monitor.FlipQuery{Subject: monitor.WatchSubject(refOf(name)), Limit: 1000})
	w.ok(err)
	slices.Reverse(all)
	var got []string
	for _, f := range all {
		got = append(got, f.At.Format("15:04:05 ")+string(f.From)+" "+string(f.To)+" "+string(f.Reason))
	}
	if !slices.Equal(got, want) {
		w.Fatalf("flips of %s are\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	return all
}

// detail fails the test unless the flip tells just this.
func (w *world) detail(f monitor.Flip, want string) {
	w.Helper()
	if f.Detail != want {
		w.Fatalf("the flip tells\n%s\nwant\n%s", f.Detail, want)
	}
}

// unwell counts the watches of all schedules, by status.
func (w *world) unwell() map[monitor.Status]int64 {
	w.Helper()
	n, err := w.store.CountWatches(w.Context())
	w.ok(err)
	return n
}
