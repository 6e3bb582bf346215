package belfry

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"time"
)

// An Occurrence is one time at which a schedule is due. The pair is unique: at
// most one run is ever recorded for it.
type Occurrence struct {
	Schedule ID
	Time     time.Time // scheduled time, UTC, whole seconds
}

// Outcome is what became of an occurrence.
type Outcome uint8

// Pending and Running are the states on the way; every other outcome is final.
const (
	Pending Outcome = iota // recorded, waiting for its next attempt
	Running                // an attempt is under way
	Succeeded
	Failed          // tries exhausted or a permanent error, and no dead-letter queue
	DeadLettered    // as Failed, and the message is in the dead-letter queue
	SkippedOverlap  // the run before it had not ended
	SkippedCalendar // a calendar excluded it
	Missed          // the service was down longer than catch-up reaches
	Cancelled       // the schedule was deleted, or an operator stopped the run
	// SkippedDuplicate: another delivery of its once_per window was under way or
	// had succeeded.
	SkippedDuplicate
	outcomeEnd // one past the last
)

var outcomeNames = [outcomeEnd]string{
	"pending", "running", "succeeded", "failed", "dead_lettered",
	"skipped_overlap", "skipped_calendar", "missed", "cancelled", "skipped_duplicate",
}

// String returns the outcome's name in the native API.
func (o Outcome) String() string {
	if o < outcomeEnd {
		return outcomeNames[o]
	}
	return "unknown"
}

// Final reports whether nothing further happens to a run with this outcome.
func (o Outcome) Final() bool { return o > Running }

// A Run is the record of one occurrence that was started.
type Run struct {
	Occurrence
	Revision int64 // of the schedule that the run was started from
	Outcome  Outcome
	Reason   string    // a sentence; empty while the run is under way
	Started  time.Time // first attempt's start
	Ended    time.Time // zero until the outcome is final
	Attempts []Attempt
}

// An Attempt is one delivery of a run to its target.
type Attempt struct {
	Number      int       `json:"number"` // 1 is the first
	ExecutionID string    `json:"execution_id,omitempty"`
	Started     time.Time `json:"started_at"`
	Ended       time.Time `json:"ended_at"`
	Result
}

// A Result is the facts that a target reports of an attempt. What follows from
// them is the engine's to decide.
type Result struct {
	Status       AttemptStatus `json:"result"`
	ErrorCode    string        `json:"error_code,omitempty"`
	ErrorMessage string        `json:"error_message,omitempty"`
	// HandlerError is set when the target was reached and its own code failed,
	// against a delivery that failed.
	HandlerError bool `json:"handler_error,omitempty"`
	// Own, of a handler's error, is how the target itself wants such errors
	// treated; nil leaves it to the schedule.
	Own *OwnPolicy `json:"own,omitempty"`
	// Forwards, of a handler's error, says that the target has a place of its own
	// for what has failed for good.
	Forwards bool `json:"forwards,omitempty"`
	// RetryAfter is the target's own wish for the time until the next attempt; 0 is none.
	RetryAfter time.Duration `json:"-"`
	Payload    string        `json:"-"` // what was sent, for the dead-letter queue
	Answer     string        `json:"-"` // what the target's own code answered when it failed
	// Version, of a handler's error, is the version of the function that ran.
	Version string `json:"version,omitempty"`
	Log     string `json:"log,omitempty"` // tail of what the target logged
}

// An OwnPolicy is what a target has set for errors of its own code.
type OwnPolicy struct {
	Retries    int           `json:"retries"`     // after the first attempt
	MaximumAge time.Duration `json:"maximum_age"` // since the scheduled time
}

// AttemptStatus is how an attempt ended.
type AttemptStatus string

// The ways an attempt ends.
const (
	AttemptSucceeded   AttemptStatus = "succeeded"
	AttemptRetryable   AttemptStatus = "retryable_error"
	AttemptPermanent   AttemptStatus = "permanent_error"
	AttemptInterrupted AttemptStatus = "interrupted" // the server stopped during it; the first of a run does not count against the retry policy
)

// An Invocation is one attempt as it is handed to a target.
type Invocation struct {
	Occurrence
	ScheduleARN string // the rule's, for a target of a rule
	Rule        string // name of the rule whose target this is; empty: a schedule's
	Scope       Scope
	Target      *Target
	Attempt     int    // 1 is the first
	ExecutionID string // 16 lower-case hex digits, new for each attempt
}

// OccurrenceID returns the identity that stays the same over all attempts; a
// target can build "once per occurrence" on it.
func (o Occurrence) OccurrenceID() string {
	return o.Schedule.String() + "-" + o.Time.UTC().Format(OccurrenceLayout)
}

// OccurrenceLayout is the layout of the scheduled time in an occurrence's id.
const OccurrenceLayout = "20060102T150405Z"

// A Gap is a stretch in which a schedule was due and nothing ran. One row
// stands for all occurrences in it, both ends included. No two gaps of a
// schedule share an occurrence, and none reaches past now.
type Gap struct {
	Schedule ID
	// From and To are whole seconds: the first and the last occurrence or, of a
	// schedule that was disabled, the seconds in which it was disabled and enabled. To is zero while the gap is open.
	From, To time.Time
	Count    int64 // occurrences in it; 0 while it is open
	Reason   GapReason
	// At is when it was settled that they do not run: they were due, and could not
	// be started in time, or waited to be when the schedule was changed. Zero: of a
	// stretch in which the schedule was disabled; while that is open, it says that the
	// clock has been set back, so that there may be runs in it.
	At time.Time
}

// A GapChange puts a gap right that was recorded under a clock that has been
// set back since.
type GapChange struct {
	Old Gap  // as read; when it is no longer so, nothing is written
	New *Gap // nil removes it
}

// GapReason says why nothing ran.
type GapReason string

// The reasons of a gap.
const (
	GapDisabled GapReason = "disabled" // the schedule was disabled
	GapMissed   GapReason = "missed"   // it could not be started in time, and catch-up does not reach so far
	GapTooOld   GapReason = "too_old"  // a one-time schedule created after its time and past its maximum event age
	GapDone     GapReason = "done"     // a one-time schedule whose occurrence had run before, under the same name
	GapEdited   GapReason = "edited"   // due when the times of the schedule were edited, and not yet started
	GapDeleted  GapReason = "deleted"  // due when the schedule or its group was deleted, and not yet started
)

// ExecutionID returns the identity of one attempt: 16 hexadecimal digits that
// no other attempt has.
func (o Occurrence) ExecutionID(attempt int) string {
	h := fnv.New64a()
	var b [24]byte
	binary.BigEndian.PutUint64(b[:], uint64(o.Schedule))
	binary.BigEndian.PutUint64(b[8:], uint64(o.Time.Unix()))
	binary.BigEndian.PutUint64(b[16:], uint64(attempt))
	h.Write(b[:])
	return fmt.Sprintf("%016x", h.Sum64())
}

// AttemptsSize is about how much memory the attempts take, in bytes.
func AttemptsSize(attempts []Attempt) int {
	n := 0
	for i := range attempts {
		a := &attempts[i]
		n += 256 + len(a.ErrorCode) + len(a.ErrorMessage) + len(a.Log) + len(a.Payload) + len(a.Answer)
	}
	return n
}
