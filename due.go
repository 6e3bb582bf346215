package belfry

import "time"

// A Due is an entry of the durable due queue: the next occurrence of a
// schedule, or the next attempt of a run.
type Due struct {
	At    time.Time // when to act, UTC, milliseconds
	Retry bool      // an attempt of a run that is recorded already
	Occurrence
	Revision int64 // of the schedule that the entry was made from
	Attempt  int   // number of the attempt that is due; 1 is the first
	// Kept says that the entry does not stand where the schedule's present
	// definition would put it: an edit kept it, or its place had passed when it was
	// made. It is never computed from the definition, so the store finds it by its
	// schedule.
	Kept bool
	// Own says of a kept entry that the schedule's times were edited while it was
	// due: it stands for itself, whatever the definition says, also when the clock is
	// set back.
	Own bool
}

// Before orders the due queue.
func (d *Due) Before(o *Due) bool {
	if !d.At.Equal(o.At) {
		return d.At.Before(o.At)
	}
	if d.Retry != o.Retry {
		return o.Retry
	}
	if d.Schedule != o.Schedule {
		return d.Schedule < o.Schedule
	}
	return d.Time.Before(o.Time)
}

// A DueItem is a due entry with what is needed to act on it.
type DueItem struct {
	Due
	Spec *Schedule // nil when the schedule has been deleted
	Run  *Run      // of a retry: the run so far
	Err  error     // why the run, or the entry, cannot be read
}

// Size is about how much memory the item takes, in bytes.
func (it *DueItem) Size() int {
	n := 512
	if s := it.Spec; s != nil {
		n += 512 + len(s.Description) + len(s.Target.Input) + len(s.Target.Parameters)
	}
	if it.Run != nil {
		n += AttemptsSize(it.Run.Attempts)
	}
	return n
}

// A Start is one step of the engine: the due entry is taken out of the queue,
// the run is recorded as running, and the schedule moves on.
type Start struct {
	Due  Due         // the entry to take; when it is gone, somebody else won and nothing is written
	Run  *Occurrence // the occurrence to run; nil when catch-up leaves nothing to run
	At   time.Time   // start of the attempt
	Next *Due        // the schedule's next occurrence; nil when there is none or Due is a retry
	Gaps []Gap       // occurrences passed over on the way
	// Once is what Run needs to be delivered; when another run has any of it, Run
	// ends as SkippedDuplicate. A run that fails gives it back.
	Once []OnceClaim
}

// A Started is what became of a Start.
type Started uint8

// What becomes of a Start.
const (
	NotStarted Started = iota // somebody else won, or there is nothing to run
	IsRunning                 // this caller won and the run is recorded as running
	IsSkipped                 // the run is recorded as SkippedDuplicate
)

// A Claim is the store's receipt for a run that was started; it comes back
// with the run's Finish.
type Claim int64

// A Finish is what became of an attempt.
type Finish struct {
	Occurrence
	Claim    Claim
	Outcome  Outcome   // Pending when another attempt follows
	Reason   string    // of a final outcome; empty for success at the first attempt
	Started  time.Time // of the first attempt
	Ended    time.Time // of this attempt
	Attempts []Attempt // all so far; nil is one that succeeded
	Retry    *Due      // the attempt that follows
	// Delete is the revision of a schedule that has completed and asked to be
	// deleted then; an edit since keeps it, and so does an entry that is Kept. 0 is
	// none.
	Delete int64
}

// A Lease is the right to fire the schedules of one shard. Writes carry its
// epoch; after another node has taken the shard, with a higher epoch, they fail with
// Fenced.
type Lease struct {
	Shard Shard
	Epoch int64
	Until time.Time // zero: until it is taken
}

// A ScheduleCreation stores a new schedule.
type ScheduleCreation struct {
	Schedule *Schedule
	Next     *Due   // its first entry in the due queue; nil is none
	Gap      *Gap   // nil is none
	Token    *Token // the client's; nil is none
	Limit    int64  // the most schedules that the scope may have
	// After is the newest deleted schedule of the same name that the creation was
	// decided on, 0 when there was none; when there is a newer one by now, nothing
	// is written. nil does not ask.
	After *ID
}

// A ScheduleChange replaces or removes a schedule.
type ScheduleChange struct {
	Old     *Schedule // as read; when it has changed since, nothing is written; nil is a new one
	New     *Schedule // nil removes it
	Pending *Due      // the entry that Old has in the due queue; nil is none
	Next    *Due      // the entry that takes its place
	Gaps    []Gap     // to record; one with a zero To stays open
	Undone  []Gap     // to remove, since their occurrence runs after all
	CloseAt time.Time // when set, the schedule's open gap ends here ...
	Closed  int64     // ... with so many occurrences in it; with none it goes
	Token   *Token    // the client's; nil is none
	At      time.Time // when it is made
}

// A GroupChange creates a group, or replaces its tags, state and modification
// time.
type GroupChange struct {
	Old   *Group // as read; when it has changed since, nothing is written. nil creates
	New   Group
	Token *Token // the client's; nil is none
	Limit int64  // of a creation: the most groups that the scope may have
}

// A ScheduleQuery selects schedules, ordered by group and name.
type ScheduleQuery struct {
	Scope
	Group      string // empty: all groups
	NamePrefix string
	State      *State
	AfterGroup string // position: the last one of the page before
	AfterName  string
	Limit      int
	// Brief leaves out Target.Input and Target.Parameters, which may be large.
	Brief bool
}

// A RunQuery selects runs of a schedule, newest first.
type RunQuery struct {
	Schedules []ID      // the lives of one name
	From, To  time.Time // scheduled time, both included; zero is open
	Limit     int
}
