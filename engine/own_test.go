package engine_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry-run/belfry"
)

// Which policy governs a handler's error: the function's own, else the
// schedule's, else Lambda's default.
func TestAFunctionsOwnPolicyStandsBeforeTheSchedules(t *testing.T) {
	const day = 24 * time.Hour
	schedules := belfry.RetryPolicy{MaximumAttempts: 0, MaximumAge: day}
	tests := []struct {
		name     string
		schedule belfry.RetryPolicy
		own      *belfry.OwnPolicy
		handler  bool
		want     []string
	}{
		{"the schedule's, when the function has none", schedules, nil, true, []string{"00:01:00"}},
		{"the function's, against none of the schedule", belfry.DefaultRetry(), &belfry.OwnPolicy{Retries: 1, MaximumAge: day}, true, []string{"00:01:00", "00:02:00"}},
		{"the function's, against the schedule's", schedules, &belfry.OwnPolicy{Retries: 2, MaximumAge: day}, true, []string{"00:01:00", "00:02:00", "00:04:00"}},
		{"the function's, that allows no retry", belfry.DefaultRetry(), &belfry.OwnPolicy{MaximumAge: day}, true, []string{"00:01:00"}},
		{"the function's age is reached", schedules, &belfry.OwnPolicy{Retries: 2, MaximumAge: 2 * time.Minute}, true, []string{"00:01:00", "00:02:00"}},
		{"an error of the delivery follows the schedule", schedules, &belfry.OwnPolicy{Retries: 2, MaximumAge: day}, false, []string{"00:01:00"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.answer = func(context.Context, *belfry.Invocation) belfry.Result {
					return belfry.Result{Status: belfry.AttemptRetryable, HandlerError: tt.handler, Own: tt.own, ErrorMessage: "raised"}
				}
				b.start()
				defer b.stop()
				s := schedule("s", "at(2000-01-01T00:01:00)")
				s.Target.Retry = tt.schedule
				b.create(s)
				until("00:30:00")
				var got []string
				for _, c := range b.take() {
					got = append(got, c.at.Format("15:04:05"))
				}
				equal(t, "attempts", got, tt.want)
			})
		})
	}
}

// Where the message goes when the tries are used up: to the function's own
// destination if it has one, else to the schedule's dead-letter queue.
func TestWhatAFunctionFailedGoesToItsOwnDestinationFirst(t *testing.T) {
	tests := []struct {
		name      string
		handler   bool
		forwards  bool
		unwilling error
		outcome   belfry.Outcome
		reason    string
		forwarded []string
		letters   int
	}{
		{
			"the function has one", true, true, nil, belfry.DeadLettered, "All 1 attempts failed; the last with raised. The function's own dead-letter queue or on-failure destination has the event",
			[]string{"00:01:00 attempt 1 {} raised aged false"},
			0,
		},
		{
			"the function has one that takes nothing", true, true, errors.New("gone"), belfry.DeadLettered,
			"All 1 attempts failed; the last with raised. The event could not be put into the function's own dead-letter queue or on-failure destination: gone", nil, 1,
		},
		{"the function has none", true, false, nil, belfry.DeadLettered, "All 1 attempts failed; the last with raised", nil, 1},
		{"the delivery failed", false, true, nil, belfry.DeadLettered, "All 1 attempts failed; the last with raised", nil, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.unwilling = tt.unwilling
				b.answer = func(context.Context, *belfry.Invocation) belfry.Result {
					return belfry.Result{
						Status: belfry.AttemptRetryable, HandlerError: tt.handler, Forwards: tt.forwards, ErrorMessage: "raised", Payload: "{}",
					}
				}
				b.start()
				defer b.stop()
				s := schedule("s", "at(2000-01-01T00:01:00)")
				s.Target.Retry = belfry.RetryPolicy{MaximumAge: time.Hour}
				s.Target.DeadLetterARN = "arn:aws:sqs:us-east-1:000000000000:dlq"
				b.create(s)
				until("00:02:00")
				run := b.ledger("s")[0].Run
				if run.Outcome != tt.outcome || run.Reason != tt.reason {
					t.Errorf("%v: %s", run.Outcome, run.Reason)
				}
				equal(t, "forwarded", b.forwarded, tt.forwarded)
				if len(b.dead) != tt.letters {
					t.Errorf("%d letters in the schedule's queue, want %d", len(b.dead), tt.letters)
				}
			})
		})
	}
}

// A retry that comes after the function's maximum age, because the service was
// down, is too old; the function's own destination still gets it.
func TestARetryTooOldForItsFunctionIsForwarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.answer = func(context.Context, *belfry.Invocation) belfry.Result {
			return belfry.Result{
				Status: belfry.AttemptRetryable, HandlerError: true, ErrorMessage: "raised",
				Own: &belfry.OwnPolicy{Retries: 2, MaximumAge: 2 * time.Minute}, Forwards: true,
			}
		}
		b.start()
		s := schedule("s", "at(2000-01-01T00:01:00)")
		s.Target.Input = "text"
		b.create(s)
		until("00:01:30")
		b.stop()
		until("00:10:00")
		b.start()
		defer b.stop()
		until("00:10:30")
		equal(t, "ledger", lines(b.ledger("s")), []string{"00:01:00 dead_lettered"})
		equal(t, "forwarded", b.forwarded, []string{"00:01:00 attempt 1 text raised aged true"})
	})
}
