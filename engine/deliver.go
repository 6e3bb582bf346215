package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/belfry-run/belfry"
)

// delivery is one attempt of a run.
type delivery struct {
	spec         *belfry.Schedule // nil when the schedule has been deleted
	run          belfry.Occurrence
	revision     int64
	claim        belfry.Claim
	attempts     []belfry.Attempt // earlier ones
	due          time.Time        // zero: whoever had it is gone
	firstStarted time.Time
	started      time.Time // not before it is due
	ticket       ticket
}

// await returns when the delivery is due. One that was alone has been recorded
// a little ahead, so that it need not wait for the disk as well.
func (e *Engine) await(ctx context.Context, d *delivery) {
	if d.due.IsZero() {
		return
	}
	late := e.c.Clock.Now().Sub(d.due)
	if late < 0 {
		e.sleep(ctx, -late)
		late = e.c.Clock.Now().Sub(d.due)
	}
	e.c.Metrics.lateness.Observe(late.Seconds())
}

// deliver makes the attempt, decides what follows and passes it on to be
// recorded. What the engine's stop cuts off stays running, and is delivered
// again.
func (e *Engine) deliver(ctx context.Context, d *delivery) {
	handed := false
	e.c.Barrier.Do(ctx, "deliver", d.run.OccurrenceID(), func() error {
		e.await(ctx, d)
		if ctx.Err() != nil {
			return nil
		}
		f, ended := e.follows(ctx, d)
		if ended {
			handed = true
			e.endings <- &ending{*d, f}
		}
		return nil
	})
	if !handed {
		e.over(&d.ticket)
	}
}

// follows makes the attempt, unless there is to be none any more, and says what
// becomes of the run; ended is false when the engine's stop cut that off.
func (e *Engine) follows(ctx context.Context, d *delivery) (f belfry.Finish, ended bool) {
	f = belfry.Finish{Occurrence: d.run, Claim: d.claim, Started: d.firstStarted, Ended: d.started, Attempts: d.attempts}
	switch {
	case d.spec == nil:
		f.Outcome, f.Reason = belfry.Cancelled, "The schedule was deleted before the next attempt."
		if f.Attempts == nil {
			f.Attempts = []belfry.Attempt{}
		}
		ended = true
	case len(d.attempts) == 0:
		ended = e.attempt(ctx, d, &f)
	default:
		switch end := spent(d.attempts, d.spec.Target.Retry, d.run.Time, d.started); end {
		case notExhausted:
			ended = e.attempt(ctx, d, &f)
		default:
			ended = e.exhaust(ctx, d, &f, end, "")
		}
	}
	if f.Outcome.Final() && d.spec != nil && d.spec.DeleteAfterCompletion && e.completed(d) {
		f.Delete = d.spec.Revision
	}
	return f, ended
}

// attempt delivers once and fills f with what follows; false when the engine's
// stop cut it off.
func (e *Engine) attempt(ctx context.Context, d *delivery, f *belfry.Finish) bool {
	number := len(d.attempts) + 1
	in := invocation(d.spec, d.run, number)
	result, keyless := e.keyless(d)
	if !keyless {
		result = e.invoke(ctx, &in)
	}
	if ctx.Err() != nil && result.Status != belfry.AttemptSucceeded {
		return false
	}
	f.Ended = e.now()
	e.c.Metrics.attempts.WithLabelValues(string(result.Status)).Inc()
	if number == 1 && result.Status == belfry.AttemptSucceeded && result.Log == "" {
		f.Outcome, f.Attempts = belfry.Succeeded, nil
		return true
	}
	attempts := append(d.attempts, belfry.Attempt{
		Number: number, ExecutionID: in.ExecutionID, Started: d.started, Ended: f.Ended, Result: result,
	})
	f.Attempts = attempts
	v := decide(attempts, d.spec.Target.Retry, d.run.Time, f.Ended, randomBelow)
	switch {
	case v.done:
		f.Outcome = belfry.Succeeded
	case v.end == notExhausted:
		f.Outcome = belfry.Pending
		f.Retry = &belfry.Due{At: v.retryAt, Retry: true, Occurrence: d.run, Revision: d.revision, Attempt: number + 1}
	default:
		d.attempts = attempts
		return e.exhaust(ctx, d, f, v.end, result.Payload)
	}
	return true
}

// invoke hands the attempt to its target. A target that panics has failed, in a
// way that may pass.
func (e *Engine) invoke(ctx context.Context, in *belfry.Invocation) (r belfry.Result) {
	ok := e.c.Barrier.Do(ctx, "attempt", in.ExecutionID, func() error {
		r = e.c.Invoker.Invoke(ctx, in)
		return nil
	})
	if !ok {
		r = belfry.Result{
			Status: belfry.AttemptRetryable, ErrorCode: "Belfry.InternalError",
			ErrorMessage: "Belfry failed while it made this attempt; its log has the details.",
		}
	}
	return r
}

// invocation is the attempt of that number at an occurrence as it is handed to
// the target.
func invocation(s *belfry.Schedule, o belfry.Occurrence, number int) belfry.Invocation {
	return belfry.Invocation{
		Occurrence: o, ScheduleARN: s.ARN(), Rule: s.Rule(), Scope: s.Scope, Target: &s.Target,
		Attempt: number, ExecutionID: o.ExecutionID(number),
	}
}

// exhaust ends a run that did not succeed: where the target itself sends what
// its code could not do, else in the dead-letter queue, if there is one that
// takes it; false when the engine's stop cut that off.
func (e *Engine) exhaust(ctx context.Context, d *delivery, f *belfry.Finish, end exhausted, payload string) bool {
	f.Outcome, f.Reason = belfry.Failed, reasonOf(d.attempts, end)
	last := &d.attempts[len(d.attempts)-1]
	forwards := last.HandlerError && last.Forwards && e.c.Forward != nil
	queue := d.spec.Target.DeadLetterARN
	if queue == "" && !forwards {
		return true
	}
	if payload == "" {
		payload = e.unsent(d)
	}
	if forwards {
		if done, cut := e.forward(ctx, d, f, end, payload); done || cut {
			return !cut
		}
	}
	if queue == "" {
		return true
	}
	body, truncated := fit(payload)
	attributes := deadLetterAttributes(d.spec, d.run, d.attempts, end, truncated)
	err := e.c.DeadLetters.SendDeadLetter(ctx, d.spec, body, attributes)
	for belfry.KindOf(err) == belfry.Unavailable && err != nil && ctx.Err() == nil { // the disk is full: it is not lost for that
		e.sleep(ctx, storeRetry)
		err = e.c.DeadLetters.SendDeadLetter(ctx, d.spec, body, attributes)
	}
	if err != nil && ctx.Err() != nil {
		return false
	}
	if err != nil {
		f.Reason += fmt.Sprintf(". The message could not be put into the dead-letter queue: %v", err)
		e.c.Metrics.deadLetters.WithLabelValues("failed").Inc()
		level := slog.LevelWarn // the queue or the role is not right; the ledger says so
		if belfry.KindOf(err) == belfry.Internal {
			level = slog.LevelError
		}
		e.c.Logger.Log(ctx, level, "a message could not be put into its dead-letter queue", "schedule", d.spec.ARN(), "queue", queue, "err", err)
		return true
	}
	e.c.Metrics.deadLetters.WithLabelValues("sent").Inc()
	f.Outcome = belfry.DeadLettered
	return true
}

// forward hands a run that has failed for good to the target's own destination;
// done when that has it, cut when the engine's stop came between.
func (e *Engine) forward(ctx context.Context, d *delivery, f *belfry.Finish, end exhausted, payload string) (done, cut bool) {
	last := d.attempts[len(d.attempts)-1]
	in := invocation(d.spec, d.run, last.Number)
	err := e.c.Forward(ctx, &in, payload, &last.Result, end == ageReached)
	switch {
	case err == nil:
		e.c.Metrics.deadLetters.WithLabelValues("sent").Inc()
		f.Outcome = belfry.DeadLettered
		f.Reason += ". The function's own dead-letter queue or on-failure destination has the event"
		return true, false
	case ctx.Err() != nil:
		return false, true
	}
	f.Reason += fmt.Sprintf(". The event could not be put into the function's own dead-letter queue or on-failure destination: %v", err)
	e.c.Metrics.deadLetters.WithLabelValues("failed").Inc()
	e.c.Logger.WarnContext(ctx, "an event could not be put into its function's own destination", "schedule", d.spec.ARN(), "err", err)
	return false, false
}

// unsent is what the last attempt would have sent, had it come so far.
func (e *Engine) unsent(d *delivery) string {
	if e.c.Payload == nil {
		return d.spec.Target.Input
	}
	in := invocation(d.spec, d.run, max(len(d.attempts), 1))
	return e.c.Payload(&in)
}

// deadLetterMax leaves room for the attributes in a message of 1 MiB.
const deadLetterMax = 1<<20 - 16<<10

// fit cuts a payload to what a dead-letter message can hold, at the end of a
// character.
func fit(payload string) (body string, truncated bool) {
	if len(payload) <= deadLetterMax {
		return payload, false
	}
	cut := deadLetterMax
	for cut > 0 && payload[cut]&0xC0 == 0x80 {
		cut--
	}
	return payload[:cut], true
}

// completed reports whether the run was the schedule's last.
func (e *Engine) completed(d *delivery) bool {
	t, err := e.parser.timing(d.spec)
	if err != nil {
		return false
	}
	_, more := t.next(laterOf(d.run.Time, d.spec.Since))
	return !more
}

// retire deletes a schedule whose last occurrence was given up, unless it has
// been edited since. One that cannot be deleted now stays, completed, until the
// queue is checked.
func (e *Engine) retire(ctx context.Context, s *belfry.Schedule) {
	err := e.change(ctx, s.Ref(), nil, func(old *belfry.Schedule, pending *belfry.Due, was *timing, now time.Time) (belfry.ScheduleChange, error) {
		if old.ID != s.ID || old.Revision != s.Revision {
			return belfry.ScheduleChange{}, errEdited
		}
		return e.removed(ctx, old, pending, was, now)
	})
	if err != nil && !errors.Is(err, errEdited) && belfry.KindOf(err) != belfry.NotFound && ctx.Err() == nil {
		e.c.Logger.ErrorContext(ctx, "a completed schedule could not be deleted; it is tried again", "schedule", s.ARN(), "err", err)
	}
}

var errEdited = errors.New("the schedule has been edited")

// record stores what became of attempts, for as long as the store takes: a
// result that was lost would be delivered again.
func (e *Engine) record(ctx context.Context, ends []*ending) {
	finishes := make([]belfry.Finish, len(ends))
	for i, end := range ends {
		finishes[i] = end.finish
	}
	for {
		err := e.c.Store.Finish(context.WithoutCancel(ctx), finishes)
		if err == nil {
			break
		}
		if belfry.KindOf(err) == belfry.Fenced || errors.Is(err, belfry.ErrStopping) || ctx.Err() != nil {
			e.c.Logger.WarnContext(ctx, "the results of attempts could not be stored; their runs are delivered again", "runs", len(ends), "first", finishes[0].OccurrenceID(), "err", err)
			return
		}
		e.c.Metrics.storeErrors.Inc()
		e.c.Logger.ErrorContext(ctx, "the results of attempts could not be stored; trying again", "runs", len(ends), "first", finishes[0].OccurrenceID(), "err", err)
		e.sleep(ctx, storeRetry)
	}
	for _, end := range ends {
		e.recorded(end)
	}
}

// recorded tells of an attempt whose end is stored, and of the retry that follows.
func (e *Engine) recorded(end *ending) {
	f := &end.finish
	if f.Outcome.Final() {
		e.c.Metrics.runs.WithLabelValues(f.Outcome.String()).Inc()
		if f.Outcome != belfry.Succeeded && end.spec != nil {
			e.c.Logger.Warn("a run did not succeed", "schedule", end.spec.ARN(), "scheduled_time", f.Time, "outcome", f.Outcome, "reason", f.Reason)
		}
	}
	if f.Retry != nil {
		e.arrivedItem(belfry.DueItem{Due: *f.Retry, Spec: end.spec, Run: &belfry.Run{
			Occurrence: end.run, Revision: end.revision, Started: end.firstStarted, Attempts: f.Attempts,
		}})
	}
}
