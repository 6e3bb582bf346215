package engine

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/belfry-run/belfry"
)

// Back-off of retries: full jitter, doubling from the base up to the cap
// (architecture.md, "back-off").
const (
	backOffBase = time.Second
	backOffCap  = 600 * time.Second
)

// handlerRetries is Lambda's own policy for an error of the handler, which
// holds for schedules that set none: two retries, after one and two minutes.
// The function's own policy, which stands before the schedule's, has the same
// waits (architecture.md, "functions as targets").
var handlerRetries = []time.Duration{time.Minute, 2 * time.Minute}

// exhausted says why there is no further attempt.
type exhausted string

const (
	notExhausted    exhausted = ""
	permanentError  exhausted = "permanent error"
	attemptsReached exhausted = "MaximumRetryAttempts"
	ageReached      exhausted = "MaximumEventAgeInSeconds"
)

// verdict is what follows from an attempt: success, another one at a time, or
// the end.
type verdict struct {
	done    bool
	retryAt time.Time
	end     exhausted
}

// decide says what follows from the last of the attempts, which ended at now.
// random gives a number in [0, n).
func decide(attempts []belfry.Attempt, p belfry.RetryPolicy, scheduled, now time.Time, random func(n int64) int64) verdict {
	last := &attempts[len(attempts)-1]
	switch last.Status {
	case belfry.AttemptSucceeded:
		return verdict{done: true}
	case belfry.AttemptPermanent:
		return verdict{end: permanentError}
	}
	retries := max(retriesUsed(attempts), 0)
	most, own := mostRetries(last, p)
	if retries >= most {
		return verdict{end: attemptsReached}
	}
	var delay time.Duration
	if own {
		delay = handlerRetries[min(retries, len(handlerRetries)-1)]
	} else {
		delay = backOff(retries, random)
	}
	delay = max(delay, min(last.RetryAfter, backOffCap))
	at := now.Add(delay).Truncate(time.Millisecond) // as the store keeps it
	if at.Sub(scheduled) > maximumAge(last, p) {
		return verdict{end: ageReached}
	}
	return verdict{retryAt: at}
}

// mostRetries is how many retries a run may have whose last attempt that is; own
// says that the function's policy, and not the schedule's, decides.
func mostRetries(last *belfry.Attempt, p belfry.RetryPolicy) (most int, own bool) {
	switch {
	case last.HandlerError && last.Own != nil:
		return last.Own.Retries, true
	case last.HandlerError && p.Default:
		return len(handlerRetries), true
	}
	return p.MaximumAttempts, false
}

// spent says whether a run that was to be tried again, now, is not: it has become
// too old meanwhile, or its attempts were interrupted so often that they are used
// up.
func spent(attempts []belfry.Attempt, p belfry.RetryPolicy, scheduled, now time.Time) exhausted {
	last := &attempts[len(attempts)-1]
	if now.Sub(scheduled) > maximumAge(last, p) {
		return ageReached
	}
	if most, _ := mostRetries(last, p); last.Status == belfry.AttemptInterrupted && retriesUsed(attempts) >= most {
		return attemptsReached
	}
	return notExhausted
}

// maximumAge is how long after its time a run whose last attempt that is may
// still be tried.
func maximumAge(last *belfry.Attempt, p belfry.RetryPolicy) time.Duration {
	if last.HandlerError && last.Own != nil {
		return last.Own.MaximumAge
	}
	return p.MaximumAge
}

// backOff returns the wait before retry n, counted from 0.
func backOff(n int, random func(n int64) int64) time.Duration {
	limit := backOffCap
	if n < 10 { // 2^10 s is above the cap
		limit = min(backOffBase<<n, backOffCap)
	}
	return time.Duration(random(int64(limit)))
}

// retriesUsed counts the attempts after the first. Of those that a stop of the
// server interrupted, one does not count: a stop is no fault of the target's. That
// more of them do ends a run whose delivery is what stops the server. Before the
// first attempt that counts it is -1.
func retriesUsed(attempts []belfry.Attempt) int {
	n, spared := len(attempts)-1, false
	for i := range attempts {
		if attempts[i].Status == belfry.AttemptInterrupted && !spared {
			n, spared = n-1, true
		}
	}
	return n
}

// deadLetterAttributes are the message attributes of a dead letter, all
// strings: nine of a schedule's (semantics.md 1.12), six of a rule's (2.6).
func deadLetterAttributes(s *belfry.Schedule, o belfry.Occurrence, attempts []belfry.Attempt, end exhausted, truncated bool) map[string]string {
	last := &attempts[len(attempts)-1]
	a := map[string]string{
		"ERROR_CODE":           last.ErrorCode,
		"ERROR_MESSAGE":        last.ErrorMessage,
		"EXECUTION_ID":         last.ExecutionID,
		"IS_PAYLOAD_TRUNCATED": strconv.FormatBool(truncated),
		"RETRY_ATTEMPTS":       strconv.Itoa(max(retriesUsed(attempts), 0)),
		"SCHEDULED_TIME":       o.Time.UTC().Format(time.RFC3339),
		"SCHEDULE_ARN":         s.ARN(),
		"TARGET_ARN":           s.Target.ARN,
	}
	if s.Rule() != "" {
		a = map[string]string{
			"RULE_ARN": s.ARN(), "TARGET_ARN": s.Target.ARN, "RETRY_ATTEMPTS": a["RETRY_ATTEMPTS"],
			"ERROR_CODE": last.ErrorCode, "ERROR_MESSAGE": last.ErrorMessage,
		}
	}
	if end == attemptsReached || end == ageReached {
		a["EXHAUSTED_RETRY_CONDITION"] = string(end)
	}
	for k, v := range a {
		if v == "" { // an attribute may not be empty
			a[k] = "unknown"
		}
	}
	return a
}

// reasonOf is the sentence that the ledger keeps for a run without success.
func reasonOf(attempts []belfry.Attempt, end exhausted) string {
	last := &attempts[len(attempts)-1]
	cause := last.ErrorMessage
	if last.ErrorCode != "" {
		cause = last.ErrorCode + ": " + cause
	}
	switch end {
	case permanentError:
		return fmt.Sprintf("Attempt %d failed in a way that no retry can mend: %s", last.Number, cause)
	case ageReached:
		return fmt.Sprintf("The maximum event age was reached after %d attempts; the last failed with %s", len(attempts), cause)
	}
	return fmt.Sprintf("All %d attempts failed; the last with %s", len(attempts), cause)
}

func randomBelow(n int64) int64 { return rand.Int64N(n) }
