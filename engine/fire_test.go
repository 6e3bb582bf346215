package engine_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry-run/belfry"
)

// at is a time of the day on which every bubble starts.
func at(hhmmss string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", "2000-01-01 "+hhmmss)
	if err != nil {
		panic(err)
	}
	return t
}

func until(hhmmss string) { time.Sleep(time.Until(at(hhmmss))); synctest.Wait() }

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestARunStartsInItsSecond(t *testing.T) {
	tests := []struct {
		name, expression string
		idle             string // the engine has nothing to do until then
		want             []string
	}{
		{"cron, created on an idle engine", "cron(* * * * ? *)", "00:10:10", []string{"00:11:00", "00:12:00"}},
		{"rate, first at its creation", "rate(1 minute)", "00:10:10", []string{"00:10:10", "00:11:00", "00:12:00"}},
		{"one-time, seconds ahead", "at(2000-01-01T00:10:13)", "00:10:10", []string{"00:10:13"}},
		{"one-time, minutes ahead", "at(2000-01-01T00:12:07)", "00:10:10", []string{"00:12:07"}},
		{"one-time, past", "at(2000-01-01T00:03:00)", "00:10:10", []string{"00:10:10"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.start()
				defer b.stop()
				until(tt.idle)
				b.create(schedule("s", tt.expression))
				until("00:12:30")
				var got []string
				for _, c := range b.take() {
					got = append(got, c.at.Format("15:04:05"))
				}
				equal(t, "arrivals", got, tt.want)
			})
		})
	}
}

func TestAFlexibleWindowDelaysTheSameOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		s := schedule("s", "cron(0 * * * ? *)")
		s.Window = 15 * time.Minute
		b.create(s)
		until("00:30:00")
		due, _, err := b.store.Due(t.Context(), nil, at("05:00:00"), 10, 1<<30)
		if err != nil || len(due) != 1 {
			t.Fatal(due, err)
		}
		until("01:00:00")
		b.stop()
		b.start()
		defer b.stop()
		until("01:59:59")
		calls := b.take()
		if len(calls) != 1 || !calls[0].at.Equal(due[0].At) {
			t.Fatalf("got %+v, want one arrival at %v", calls, due[0].At)
		}
		if d := calls[0].at.Sub(calls[0].time); d <= 0 || d >= 15*time.Minute {
			t.Errorf("arrived %v after its time, want within the window", d)
		}
	})
}

func TestRetriesFollowThePolicyAndEndInTheDeadLetterQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.answer = func(context.Context, *belfry.Invocation) belfry.Result {
			return belfry.Result{Status: belfry.AttemptRetryable, ErrorCode: "HTTP.503", ErrorMessage: "busy", Payload: "the payload"}
		}
		b.start()
		defer b.stop()
		s := schedule("s", "at(2000-01-01T00:01:00)")
		s.Target.Retry = belfry.RetryPolicy{MaximumAge: time.Hour, MaximumAttempts: 3}
		s.Target.DeadLetterARN = "arn:aws:sqs:us-east-1:000000000000:dlq"
		made := b.create(s)
		until("00:30:00")
		calls := b.take()
		if len(calls) != 4 {
			t.Fatalf("%d attempts, want 4", len(calls))
		}
		for i, c := range calls {
			if c.attempt != i+1 || c.id != calls[0].id {
				t.Errorf("attempt %d came as %d of occurrence %s, want %s", i+1, c.attempt, c.id, calls[0].id)
			}
		}
		if len(b.dead) != 1 || b.dead[0].body != "the payload" || b.dead[0].queue != s.Target.DeadLetterARN {
			t.Fatalf("dead letters: %+v", b.dead)
		}
		want := map[string]string{
			"ERROR_CODE": "HTTP.503", "ERROR_MESSAGE": "busy", "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
			"IS_PAYLOAD_TRUNCATED": "false", "RETRY_ATTEMPTS": "3", "SCHEDULED_TIME": "2000-01-01T00:01:00Z",
			"SCHEDULE_ARN": made.ARN(), "TARGET_ARN": s.Target.ARN,
			"EXECUTION_ID": belfry.Occurrence{Schedule: made.ID, Time: at("00:01:00")}.ExecutionID(4),
		}
		for k, v := range want {
			if b.dead[0].attributes[k] != v {
				t.Errorf("%s is %q, want %q", k, b.dead[0].attributes[k], v)
			}
		}
		if len(b.dead[0].attributes) != len(want) {
			t.Errorf("attributes: %v", b.dead[0].attributes)
		}
		equal(t, "ledger", lines(b.ledger("s")), []string{"00:01:00 dead_lettered"})
		w := b.why("s", at("00:01:00"))
		const reason = "The run scheduled for 2000-01-01 00:01:00 UTC started 0s late and went to the dead-letter queue. All 4 attempts failed; the last with HTTP.503: busy."
		if w.Sentence != reason {
			t.Errorf("why: %s", w.Sentence)
		}
	})
}

func TestOutcomesWithoutADeadLetterQueue(t *testing.T) {
	tests := []struct {
		name     string
		status   belfry.AttemptStatus
		attempts int // that are made
		outcome  string
	}{
		{"success", belfry.AttemptSucceeded, 1, "succeeded"},
		{"permanent error", belfry.AttemptPermanent, 1, "failed"},
		{"retryable error", belfry.AttemptRetryable, 2, "failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.answer = func(context.Context, *belfry.Invocation) belfry.Result {
					return belfry.Result{Status: tt.status, ErrorMessage: "no"}
				}
				b.start()
				defer b.stop()
				s := schedule("s", "at(2000-01-01T00:01:00)")
				s.Target.Retry = belfry.RetryPolicy{MaximumAge: time.Hour, MaximumAttempts: 1}
				b.create(s)
				until("00:30:00")
				if n := len(b.take()); n != tt.attempts {
					t.Errorf("%d attempts, want %d", n, tt.attempts)
				}
				equal(t, "ledger", lines(b.ledger("s")), []string{"00:01:00 " + tt.outcome})
			})
		})
	}
}

func TestADeadLetterQueueThatRefusesIsInTheReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.refuse = errors.New("no such queue")
		b.answer = func(context.Context, *belfry.Invocation) belfry.Result {
			return belfry.Result{Status: belfry.AttemptPermanent, ErrorMessage: "no"}
		}
		b.start()
		defer b.stop()
		s := schedule("s", "at(2000-01-01T00:01:00)")
		s.Target.DeadLetterARN = "arn:aws:sqs:us-east-1:000000000000:dlq"
		b.create(s)
		until("00:02:00")
		run := b.ledger("s")[0].Run
		const want = "Attempt 1 failed in a way that no retry can mend: no. The message could not be put into the dead-letter queue: no such queue"
		if run.Outcome != belfry.Failed || run.Reason != want {
			t.Errorf("%v: %s", run.Outcome, run.Reason)
		}
	})
}

// A handler's error follows Lambda's policy when the schedule set none: two
// retries, after one and two minutes.
func TestAHandlersErrorIsRetriedAsLambdaDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.answer = func(context.Context, *belfry.Invocation) belfry.Result {
			return belfry.Result{Status: belfry.AttemptRetryable, HandlerError: true, ErrorMessage: "raised"}
		}
		b.start()
		defer b.stop()
		b.create(schedule("s", "at(2000-01-01T00:01:00)"))
		until("00:30:00")
		var got []string
		for _, c := range b.take() {
			got = append(got, c.at.Format("15:04:05"))
		}
		equal(t, "attempts", got, []string{"00:01:00", "00:02:00", "00:04:00"})
	})
}

func TestAScheduleIsDeletedAfterItsLastRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		fails := 1
		b.answer = func(context.Context, *belfry.Invocation) belfry.Result {
			if fails--; fails >= 0 {
				return belfry.Result{Status: belfry.AttemptRetryable, ErrorMessage: "not yet"}
			}
			return belfry.Result{Status: belfry.AttemptSucceeded}
		}
		b.start()
		defer b.stop()
		once := schedule("once", "at(2000-01-01T00:01:00)")
		once.DeleteAfterCompletion = true
		b.create(once)
		bounded := schedule("bounded", "rate(10 minutes)")
		bounded.DeleteAfterCompletion = true
		bounded.End = at("00:25:00")
		b.create(bounded)
		until("00:20:30")
		if _, err := b.engine.Schedule(t.Context(), ref("once")); belfry.KindOf(err) != belfry.NotFound {
			t.Errorf("once: %v, want it gone", err)
		}
		if _, err := b.engine.Schedule(t.Context(), ref("bounded")); belfry.KindOf(err) != belfry.NotFound {
			t.Errorf("bounded: %v, want it gone: 00:20 is its last before its end", err)
		}
		equal(t, "the ledger that stays", lines(b.ledger("once")), []string{"00:01:00 succeeded"})
		equal(t, "the ledger that stays", lines(b.ledger("bounded")), []string{"00:00:00 succeeded", "00:10:00 succeeded", "00:20:00 succeeded"})
	})
}

func TestAScheduleWhoseLastRunWasMissedIsDeletedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		s := schedule("s", "at(2000-01-01T00:30:00)")
		s.DeleteAfterCompletion = true
		s.Target.Retry.MaximumAge = 4 * time.Hour
		b.create(s)
		b.stop()
		until("05:00:00")
		b.start()
		defer b.stop()
		time.Sleep(time.Second)
		synctest.Wait()
		if _, err := b.engine.Schedule(t.Context(), ref("s")); belfry.KindOf(err) != belfry.NotFound {
			t.Errorf("%v, want it gone", err)
		}
		equal(t, "ledger", lines(b.ledger("s")), []string{"00:30:00..00:30:00 1 missed"})
	})
}

func TestDowntimeRunsTheLatestAndAccountsForTheRest(t *testing.T) {
	tests := []struct {
		name, expression string
		back             string // when the service is back
		want             []string
	}{
		{"a few missed", "cron(0/10 * * * ? *)", "00:45:00", []string{"00:10:00..00:30:00 3 missed", "00:40:00 succeeded"}},
		{"one missed", "cron(0/10 * * * ? *)", "00:12:00", []string{"00:10:00 succeeded"}},
		{"all too old", "cron(30 0 * * ? *)", "02:00:00", []string{"00:30:00..00:30:00 1 missed"}},
		{"just young enough", "cron(30 0 * * ? *)", "01:30:00", []string{"00:30:00 succeeded"}},
		{"one-time", "at(2000-01-01T00:30:00)", "01:00:00", []string{"00:30:00 succeeded"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.start()
				until("00:05:00")
				b.create(schedule("s", tt.expression))
				b.stop()
				until(tt.back)
				b.start()
				defer b.stop()
				time.Sleep(time.Second)
				synctest.Wait()
				equal(t, "ledger", lines(b.ledger("s")), tt.want)
			})
		})
	}
}

func TestAnInterruptedAttemptIsMadeAgainUnderTheSameIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		hang := true
		b.answer = func(ctx context.Context, _ *belfry.Invocation) belfry.Result {
			if hang {
				<-ctx.Done()
				return belfry.Result{Status: belfry.AttemptRetryable, ErrorMessage: ctx.Err().Error()}
			}
			return belfry.Result{Status: belfry.AttemptSucceeded}
		}
		b.start()
		s := schedule("s", "at(2000-01-01T00:01:00)")
		s.Target.Retry = belfry.RetryPolicy{MaximumAge: time.Hour, MaximumAttempts: 0}
		b.create(s)
		until("00:01:30")
		before := time.Now()
		b.stop()
		if took := time.Since(before); took > 10*time.Second {
			t.Errorf("the stop took %v, want at most 10 s", took)
		}
		hang = false
		b.start()
		defer b.stop()
		synctest.Wait()
		calls := b.take()
		if len(calls) != 2 || calls[0].id != calls[1].id || calls[1].attempt != 2 {
			t.Fatalf("calls: %+v", calls)
		}
		run := b.ledger("s")[0].Run
		if run.Outcome != belfry.Succeeded || len(run.Attempts) != 2 || run.Attempts[0].Status != belfry.AttemptInterrupted {
			t.Errorf("run: %+v", run)
		}
	})
}

func TestARetrySurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.answer = func(_ context.Context, in *belfry.Invocation) belfry.Result {
			if in.Attempt == 1 {
				return belfry.Result{Status: belfry.AttemptRetryable, RetryAfter: 5 * time.Minute, ErrorMessage: "later"}
			}
			return belfry.Result{Status: belfry.AttemptSucceeded}
		}
		b.start()
		b.create(schedule("s", "at(2000-01-01T00:01:00)"))
		until("00:03:00")
		b.stop()
		b.start()
		defer b.stop()
		until("00:07:00")
		calls := b.take()
		if len(calls) != 2 || !calls[1].at.Equal(at("00:06:00")) {
			t.Fatalf("calls: %+v, want the second at 00:06:00", calls)
		}
		equal(t, "ledger", lines(b.ledger("s")), []string{"00:01:00 succeeded"})
	})
}

func TestABurstBeyondTheSlotsLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.config.MaxInFlight = 7
		b.answer = func(context.Context, *belfry.Invocation) belfry.Result {
			time.Sleep(time.Second)
			return belfry.Result{Status: belfry.AttemptSucceeded}
		}
		b.start()
		defer b.stop()
		for i := range 100 {
			b.create(schedule("s"+string(rune('a'+i/26))+string(rune('a'+i%26)), "at(2000-01-01T00:01:00)"))
		}
		until("00:02:00")
		seen := map[string]int{}
		for _, c := range b.take() {
			seen[c.name]++
		}
		if len(seen) != 100 {
			t.Errorf("%d schedules ran, want 100", len(seen))
		}
		for name, n := range seen {
			if n != 1 {
				t.Errorf("%s ran %d times", name, n)
			}
		}
	})
}
