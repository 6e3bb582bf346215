package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry-run/belfry"
)

// A watcher notes what the engine tells ahead, and when.
type watcher struct {
	mu    sync.Mutex
	notes []told
}

type told struct {
	name    string
	due, at time.Time
}

func (w *watcher) ahead(_ context.Context, s *belfry.Schedule, due time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, told{s.Name, due, time.Now()})
}

func (w *watcher) take() []told {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.notes
	w.notes = nil
	return n
}

// dues are the notes as name and time of day.
func dues(notes []told) (out []string) {
	for _, n := range notes {
		out = append(out, n.name+" "+n.due.UTC().Format("15:04:05.000"))
	}
	return out
}

func watched(t *testing.T) (*bench, *watcher) {
	b, w := newBench(t), &watcher{}
	b.config.Ahead = w.ahead
	b.start()
	return b, w
}

func TestEachOccurrenceIsToldOnceFiveToTenSecondsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, w := watched(t)
		defer b.stop()
		for i := range 3 {
			b.create(schedule(fmt.Sprintf("s%d", i), "cron(* * * * ? *)"))
		}
		until("00:05:30") // over five times that the queue is read again from its start
		seen := map[string]int{}
		for _, n := range w.take() {
			seen[n.name+n.due.String()]++
			if early := n.due.Sub(n.at); early < 5*time.Second || early > 10*time.Second {
				t.Errorf("%s was told %s ahead", n.name, early)
			}
		}
		if len(seen) != 15 {
			t.Errorf("%d occurrences were told, want 15", len(seen))
		}
		for what, n := range seen {
			if n != 1 {
				t.Errorf("%s was told %d times", what, n)
			}
		}
	})
}

func TestWhatIsToldAhead(t *testing.T) {
	flexible := schedule("flexible", "cron(10 0 * * ? *)")
	flexible.Window = 10 * time.Minute
	later := schedule("s", "at(2000-01-01T00:00:04)")
	disabled := schedule("s", "at(2000-01-01T00:00:03)")
	disabled.State = belfry.Disabled
	for _, tt := range []struct {
		name string
		do   func(b *bench)
		want []string
	}{
		{"one that was created seconds before", func(b *bench) { b.create(schedule("s", "at(2000-01-01T00:00:02)")) }, []string{"s 00:00:02.000"}},
		{"not one that is due at once", func(b *bench) { b.create(schedule("s", "at(1999-12-31T23:59:59)")) }, nil},
		{"an edit's new time", func(b *bench) { b.create(schedule("s", "at(2000-01-01T00:00:03)")); b.update(later) }, []string{"s 00:00:03.000", "s 00:00:04.000"}},
		{"not one that was disabled", func(b *bench) { b.create(disabled) }, nil},
		{"a retry's time", func(b *bench) {
			b.answer = func(_ context.Context, in *belfry.Invocation) belfry.Result {
				if in.Attempt == 1 {
					return belfry.Result{Status: belfry.AttemptRetryable, RetryAfter: 4 * time.Second}
				}
				return belfry.Result{Status: belfry.AttemptSucceeded}
			}
			b.create(schedule("s", "at(2000-01-01T00:00:01)"))
		}, []string{"s 00:00:01.000", "s 00:00:05.000"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, w := watched(t)
				defer b.stop()
				synctest.Wait() // the first reading is over
				tt.do(b)
				until("00:01:00")
				equal(t, "told", dues(w.take()), tt.want)
			})
		})
	}
	t.Run("a flexible window's chosen time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, w := watched(t)
			defer b.stop()
			b.create(flexible)
			until("00:21:00")
			calls, notes := b.take(), w.take()
			if len(calls) != 1 || len(notes) != 1 || !calls[0].at.Equal(notes[0].due) {
				t.Errorf("told %v, delivered %v; want once, for the time of the delivery", notes, calls)
			}
		})
	})
}

// Nobody may be held up by whoever is told.
func TestASlowListenerHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.config.Ahead = func(ctx context.Context, _ *belfry.Schedule, _ time.Time) { <-ctx.Done() }
		b.start()
		defer b.stop()
		b.create(schedule("s", "cron(* * * * ? *)"))
		until("00:30:30") // more entries than notes are kept
		calls := b.take()
		if len(calls) != 30 {
			t.Fatalf("%d calls, want 30", len(calls))
		}
		for _, c := range calls {
			if !c.at.Equal(c.time) {
				t.Errorf("%s was delivered at %s", c.time, c.at)
			}
		}
	})
}
