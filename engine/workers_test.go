package engine_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry-run/belfry"
)

// holding makes the bench's target take the time d over each attempt, and
// counts those under way.
func (b *bench) holding(d time.Duration) (now, most *atomic.Int64) {
	now, most = &atomic.Int64{}, &atomic.Int64{}
	b.answer = func(ctx context.Context, _ *belfry.Invocation) belfry.Result {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		select {
		case <-time.After(d):
			return belfry.Result{Status: belfry.AttemptSucceeded}
		case <-ctx.Done():
			return belfry.Result{Status: belfry.AttemptRetryable, ErrorCode: "HTTP.Timeout"}
		}
	}
	return now, most
}

// many makes n schedules that are all due at 00:10:00.
func (b *bench) many(n int) {
	for i := range n {
		b.create(schedule(fmt.Sprintf("s%d", i), "at(2000-01-01T00:10:00)"))
	}
}

func TestSlowAttemptsAreAllUnderWayWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		now, _ := b.holding(time.Minute)
		b.start()
		defer b.stop()
		b.many(1000)
		until("00:10:01")
		if n := now.Load(); n != 1000 {
			t.Errorf("%d attempts are under way after a second, want 1000", n)
		}
		until("00:11:02")
		if n := now.Load(); n != 0 {
			t.Errorf("%d attempts are under way after their minute", n)
		}
	})
}

func TestAttemptsThatEndAtOnceNeedFewGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		b.many(1000)
		before := runtime.NumGoroutine()
		until("00:10:01")
		if n := len(b.take()); n != 1000 {
			t.Fatalf("%d attempts, want 1000", n)
		}
		// The workers stay for the next attempts, so they can be counted now.
		if n := runtime.NumGoroutine() - before; n > 64 {
			t.Errorf("%d goroutines were started", n)
		}
	})
}

// The first attempt leaves one idle worker, on which both launches may count.
func TestAWorkerThatIsIdleIsNotCountedOnTwice(t *testing.T) {
	for round := range 6 {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.start()
			defer b.stop()
			b.create(schedule("first", "at(2000-01-01T00:05:00)"))
			until("00:05:01")
			now, _ := b.holding(time.Minute)
			b.many(2 + round%3)
			until("00:10:01")
			if n, want := now.Load(), int64(2+round%3); n != want {
				t.Errorf("%d slow attempts are under way, want %d", n, want)
			}
		})
	}
}

func TestMaxInFlightBoundsWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.config.MaxInFlight = 7
		_, most := b.holding(10 * time.Second)
		b.start()
		defer b.stop()
		b.many(30)
		for _, step := range []struct {
			at   string
			want int
		}{{"00:10:09", 7}, {"00:10:19", 14}, {"00:10:29", 21}, {"00:10:39", 28}, {"00:10:49", 30}} {
			until(step.at)
			b.mu.Lock()
			if n := len(b.calls); n != step.want {
				t.Errorf("%d attempts have begun at %s, want %d", n, step.at, step.want)
			}
			b.mu.Unlock()
		}
		if n := most.Load(); n != 7 {
			t.Errorf("%d attempts were under way at once, want 7", n)
		}
	})
}

func TestAStopReturnsWhenItsTimeEndsAndTheRestIsDeliveredAgain(t *testing.T) {
	tests := []struct {
		name string
		stop string // a moment at which not all queued attempts have a worker
	}{
		{"while attempts are queued", "00:10:00"},
		{"while all are under way", "00:10:05"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				now, _ := b.holding(time.Hour)
				b.start()
				b.many(300)
				until(tt.stop)
				asked := time.Now()
				b.stop()
				if d := time.Since(asked); d != 8*time.Second {
					t.Errorf("the stop took %v, want the 8 s it was given", d)
				}
				if n := now.Load(); n != 0 {
					t.Errorf("%d attempts are under way after the stop", n)
				}
				b.take()
				_, _ = b.holding(time.Second)
				b.start()
				defer b.stop()
				until("00:10:30")
				seen := map[string]bool{}
				for _, c := range b.take() {
					if seen[c.id] {
						t.Errorf("%s was delivered twice", c.id)
					}
					seen[c.id] = true
				}
				if len(seen) != 300 {
					t.Errorf("%d runs were delivered after the start, want 300", len(seen))
				}
			})
		})
	}
}

func TestAStopWithNothingUnderWayIsImmediate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		b.many(1)
		until("00:10:01")
		asked := time.Now()
		b.stop()
		if d := time.Since(asked); d != 0 {
			t.Errorf("the stop took %v", d)
		}
	})
}

func TestADeadLetterThatTheStopCutsOffIsSentAfterTheNextStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.answer = func(context.Context, *belfry.Invocation) belfry.Result {
			return belfry.Result{Status: belfry.AttemptPermanent, ErrorCode: "HTTP.404", ErrorMessage: "gone"}
		}
		cut := &cutLetters{}
		b.config.DeadLetters = cut
		b.start()
		s := schedule("s", "at(2000-01-01T00:10:00)")
		s.Target.DeadLetterARN = "arn:aws:sqs:us-east-1:000000000000:dlq"
		b.create(s)
		until("00:10:01")
		b.stop()
		if cut.tries.Load() != 1 {
			t.Fatalf("%d dead letters were tried, want 1", cut.tries.Load())
		}
		b.config.DeadLetters = b
		b.start()
		defer b.stop()
		until("00:11:00")
		if len(b.dead) != 1 {
			t.Errorf("%d dead letters, want 1", len(b.dead))
		}
		equal(t, "ledger", lines(b.ledger("s")), []string{"00:10:00 dead_lettered"})
	})
}

// cutLetters takes a letter only once it is too late.
type cutLetters struct{ tries atomic.Int64 }

func (c *cutLetters) SendDeadLetter(ctx context.Context, _ *belfry.Schedule, _ string, _ map[string]string) error {
	c.tries.Add(1)
	<-ctx.Done()
	return ctx.Err()
}
