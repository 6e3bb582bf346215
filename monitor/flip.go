package monitor

import "time"

// A SubjectKind says what sort of thing a [Subject] is.
type SubjectKind string

// The kinds of subject.
const (
	SubjectCheck    SubjectKind = "check"
	SubjectSchedule SubjectKind = "schedule"
	SubjectChannel  SubjectKind = "channel"
	SubjectServer   SubjectKind = "server"
)

// A Subject is what can be well or not: a check, a schedule, an alert channel, or
// Belfry itself.
type Subject struct {
	Account string // 12 digits
	Kind    SubjectKind
	ID      string // a check's or channel's UUID, a schedule's ARN, the name of a check of itself ("disk", "clock", ...)
}

// A Flip is one change of a subject's state, kept until its alerts have been
// written. It is stored in the same transaction as the state that it tells of,
// so that a restart loses none.
type Flip struct {
	ID int64 // ascending, given by the store
	Subject
	Name     string    // for people, as it was then
	At       time.Time // when it happened, UTC, milliseconds
	From, To Status
	Reason   Reason
	Detail   string // a sentence for people: what happened, with figures
	Run      string // the run that caused it; empty if there is none
}

// Quiet reports whether the flip is recorded but never told: what is well for
// the first time, or again after a pause, is no news.
func (f *Flip) Quiet() bool {
	return f.To == Paused || f.To == New || f.To == Up && (f.From == New || f.From == Paused)
}

// A Reason says why a subject changed its state.
type Reason string

// The reasons. The first three are those of Healthchecks, and all that a check has.
const (
	ReasonTimeout      Reason = "timeout"       // no ping came in time
	ReasonFail         Reason = "fail"          // a ping said so
	ReasonSuccess      Reason = "success"       // a ping said so
	ReasonPaused       Reason = "paused"        // somebody paused it
	ReasonResumed      Reason = "resumed"       // somebody resumed it
	ReasonEdited       Reason = "edited"        // its settings changed
	ReasonLate         Reason = "late"          // a run has not started, or a ping not come, when it should have
	ReasonMissed       Reason = "missed"        // an occurrence was not run at all
	ReasonFailed       Reason = "failed"        // a run failed
	ReasonTooLong      Reason = "too_long"      // a run takes longer than it may
	ReasonDeadLettered Reason = "dead_lettered" // a run's message went to the dead-letter queue
	ReasonNeverFired   Reason = "never_fired"   // a schedule has had no occurrence in the time that it should
	ReasonRecovered    Reason = "recovered"     // it is well again
)

// A FlipQuery selects flips of one subject, newest first.
type FlipQuery struct {
	Subject
	From, To time.Time // both included; zero is open
	Limit    int
}
