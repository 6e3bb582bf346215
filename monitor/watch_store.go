package monitor

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
)

// WatchStore keeps the news of schedules until they have been taken, and the
// watches of those that are not simply well.
//
// News is written by the store itself, in the transaction of what it tells of:
// of each run that ended otherwise than with success or waits for another
// attempt, each start that is later than MinLateAfter, each gap of missed or too
// old occurrences. Of a schedule with a watch, or with news not yet settled, it
// is written of each run that ends, and when the schedule is deleted or
// disabled. So the runs of a schedule that is well cost nothing.
type WatchStore interface {
	// News returns the oldest news that has not been settled, up to about limit
	// and at least one, in the order in which it was recorded, with the watches
	// of its schedules; one that has none is Up.
	News(ctx context.Context, limit int) (NewsBatch, error)

	// Settle stores what was decided, all or nothing, and drops the news up to
	// s.Through. [belfry.ErrStale], and nothing is written, when the news that
	// was settled last is not s.After: another one was faster, or this call is
	// repeated.
	Settle(ctx context.Context, s Settlement) error

	// OverdueRuns returns up to limit entries of first attempts that were due
	// before the given time and have not started, after the given one (nil is
	// the first), in the order of the due queue.
	OverdueRuns(ctx context.Context, before time.Time, after *belfry.Due, limit int) ([]belfry.Due, error)

	// LongRuns returns runs that are under way and began before the given time:
	// all that an attempt is being made of, and up to limit that wait for another.
	LongRuns(ctx context.Context, before time.Time, limit int) ([]LongRun, error)

	// Watches returns the watches of the schedules; one that has none is Up. after
	// is the news that was settled last, as Settle wants it.
	Watches(ctx context.Context, ids []belfry.ID) (all map[belfry.ID]*Watch, after int64, err error)

	// Unqueued returns up to limit enabled schedules that have no entry of a first
	// attempt in the due queue and that want accepts, which must not call the store.
	// Those that have plainly had their last occurrence by then, by their end date or
	// their one time, are left out, and rarely one is overlooked that another call
	// finds. It goes over all schedules, at the pace of a background task: for minutes
	// when there are millions.
	Unqueued(ctx context.Context, now time.Time, limit int, want func(*belfry.Schedule) bool) ([]*belfry.Schedule, error)

	// Durations returns how long the newest runs of a schedule that succeeded
	// took, up to limit of them, of those in the history of the last month.
	Durations(ctx context.Context, id belfry.ID, now time.Time, limit int) ([]time.Duration, error)

	// ListWatches returns up to limit of an account's watches that are not Up,
	// whose schedule's id comes after the given one, in the order of the ids.
	ListWatches(ctx context.Context, account string, after belfry.ID, limit int) ([]Watch, error)

	// WatchOf returns the watch of a schedule; one that has none is Up. NotFound
	// when there is no such schedule.
	WatchOf(ctx context.Context, r belfry.ScheduleRef) (Watch, error)

	// CountWatches returns how many schedules of all accounts are Grace and Down.
	CountWatches(ctx context.Context) (map[Status]int64, error)
}

// A NewsBatch is news with what is needed to decide on it.
type NewsBatch struct {
	After   int64 // the news that was settled last
	Through int64 // the last one of this batch; After when there is none
	News    []News
	Watches map[belfry.ID]*Watch
	More    bool // there may be more
}

// A LongRun is a run that has not ended.
type LongRun struct {
	belfry.Occurrence
	Started time.Time // its first attempt
}

// A Settlement is what the watch has decided.
type Settlement struct {
	After, Through int64
	Keep           []Kept      // watches to store
	Drop           []belfry.ID // schedules that are well: their watches go, if they have any
	Flips          []Flip      // in the order in which they happened
}

// Kept is a watch to store, on a condition if there is one: when that is no
// longer so, neither the watch is stored nor Flip.
type Kept struct {
	Watch    *Watch
	Flip     *Flip              // that goes with the condition; nil is none
	Waits    *belfry.Due        // the entry is still in the due queue
	Underway *belfry.Occurrence // the run has not ended
}
