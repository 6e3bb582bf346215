package belfry

import (
	"encoding/json"
	"time"
)

// Scope is the account and region that everything a client creates lives under.
type Scope struct {
	Account string // 12 digits
	Region  string // as the client signed it; any name is accepted
}

// State says whether a schedule's occurrences start runs.
type State uint8

// The states of a schedule.
const (
	Enabled State = iota
	Disabled
)

// String returns the state as clients spell it.
func (s State) String() string {
	if s == Disabled {
		return "DISABLED"
	}
	return "ENABLED"
}

// A Schedule says what is to run, when and how.
//
// All times are UTC. A zero time means "not set".
type Schedule struct {
	ID       ID
	Revision int64 // 1 at creation, one more at each update
	Scope
	Group       string
	Name        string
	Description string
	State       State

	Expression string        // as the client wrote it
	Timezone   string        // IANA name; applies to cron and at
	Start, End time.Time     // occurrences lie within, both ends included; ignored by at
	Window     time.Duration // flexible time window; 0 is none
	Anchor     time.Time     // origin of a rate's grid, cut to the minute

	DeleteAfterCompletion bool
	KMSKeyARN             string // kept and echoed, not used
	Target                Target
	Settings              Settings `json:",omitzero"` // Belfry's own

	Created  time.Time
	Modified time.Time
	// Since is when its times were last set, or it was last enabled: no
	// occurrence before it starts a run, save a past one-time.
	Since time.Time
	// Timed is when its times were last set, if it was enabled after that; zero: at Since.
	Timed time.Time `json:",omitzero"`
	// Retired is when it was deleted, of one that is read from the history.
	Retired time.Time `json:"-"`
}

// ARN returns the schedule's Amazon Resource Name; that of a rule's target is
// the rule's.
func (s *Schedule) ARN() string { return s.Ref().ARN() }

// TimesSet is when its times were last set. What they were before is not kept.
func (s *Schedule) TimesSet() time.Time {
	if s.Timed.IsZero() || s.Timed.After(s.Since) {
		return s.Since
	}
	return s.Timed
}

// Ref returns the name that clients know the schedule by.
func (s *Schedule) Ref() ScheduleRef {
	return ScheduleRef{Scope: s.Scope, Group: s.Group, Name: s.Name}
}

// ScheduleRef names a schedule.
type ScheduleRef struct {
	Scope
	Group string
	Name  string
}

// ARN returns the Amazon Resource Name of the schedule that r names; that of a
// rule's target is the rule's.
func (r ScheduleRef) ARN() string {
	if name := r.Rule(); name != "" {
		return RuleRef{Scope: r.Scope, Name: name}.ARN()
	}
	return "arn:aws:scheduler:" + r.Region + ":" + r.Account + ":schedule/" + r.Group + "/" + r.Name
}

// DefaultGroup is the group that every account has and nobody can change.
const DefaultGroup = "default"

// A Group holds schedules that are listed, tagged and deleted together.
type Group struct {
	Scope
	Name     string
	Deleting bool // its schedules are being removed; none of them starts a run
	Tags     map[string]string
	Created  time.Time
	Modified time.Time
}

// ARN returns the group's Amazon Resource Name.
func (g *Group) ARN() string {
	return "arn:aws:scheduler:" + g.Region + ":" + g.Account + ":schedule-group/" + g.Name
}

// A Target is what a run delivers to.
type Target struct {
	ARN           string
	RoleARN       string
	Input         string // empty: the default notification is sent
	DeadLetterARN string // queue that gets what could not be delivered; empty is none
	Retry         RetryPolicy
	// Parameters holds the target's parameter blocks (SqsParameters,
	// EcsParameters, ...) as one JSON object with AWS's member names; nil is none.
	Parameters json.RawMessage `json:",omitempty"`
}

// A RetryPolicy bounds the attempts that follow a failed one.
type RetryPolicy struct {
	MaximumAge      time.Duration // counted from the scheduled time
	MaximumAttempts int           // retries beyond the first attempt
	Default         bool          // the client set none; the values are the defaults
}

// The retry policy of a schedule that sets none, and the limits of one that
// does (semantics.md 1.2).
const (
	DefaultMaximumAge      = 24 * time.Hour
	DefaultMaximumAttempts = 185
	MinMaximumAge          = time.Minute
)

// DefaultRetry returns the policy of a schedule that sets none.
func DefaultRetry() RetryPolicy {
	return RetryPolicy{MaximumAge: DefaultMaximumAge, MaximumAttempts: DefaultMaximumAttempts, Default: true}
}
