package engine

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
)

// Store is what the engine needs kept. Every write is durable when it returns
// nil and has changed nothing when it returns an error. Writes of a run are
// fenced: after another node has taken the shards they fail with
// [belfry.Fenced]. storetest holds the promises below against every store.
type Store interface {
	ScheduleStore
	GroupStore
	RuleStore
	TokenStore
	RunStore
	LedgerStore
}

// ScheduleStore keeps schedules and, with each, its entry in the due queue.
type ScheduleStore interface {
	// CreateSchedule stores a new schedule with its first due entry and gap. A
	// taken name, or a group that is being deleted, is Conflict; a group that is
	// not there is NotFound, but for a reserved one, which is always open; one
	// schedule more than the scope may have is Quota, and those of reserved groups
	// do not count.
	// Of two nodes that create the same name at once, one gets Conflict. When there
	// is a newer deleted schedule of the name than c.After it is belfry.ErrStale.
	CreateSchedule(ctx context.Context, c belfry.ScheduleCreation) error
	// Schedule returns the schedule of that name, or NotFound.
	Schedule(ctx context.Context, r belfry.ScheduleRef) (*belfry.Schedule, error)
	// Schedules returns up to q.Limit schedules in the order of group and name;
	// those of reserved groups only when q names the group.
	Schedules(ctx context.Context, q belfry.ScheduleQuery) ([]*belfry.Schedule, error)
	// Pending returns the schedule's entry in the due queue, nil when it has none:
	// one that is Kept, one of the candidates, or any that is due by now; with sure,
	// which may take long, any there is.
	Pending(ctx context.Context, id belfry.ID, candidates []belfry.Due, now time.Time, sure bool) (*belfry.Due, error)
	// ScheduleOf returns the schedule with that id, from among the deleted ones too;
	// nil when there is none.
	ScheduleOf(ctx context.Context, id belfry.ID) (*belfry.Schedule, error)
	// Retired returns up to limit schedules that had the name and were deleted,
	// newest first.
	Retired(ctx context.Context, r belfry.ScheduleRef, limit int) ([]belfry.ID, error)
	// Unqueued returns up to limit enabled schedules that have no occurrence entry in
	// the due queue and that want accepts, which must not call the store. Those that
	// have plainly had their last occurrence are left out, and rarely one is overlooked
	// that another call finds. It goes over all schedules, at the pace of a background
	// task.
	Unqueued(ctx context.Context, now time.Time, limit int, want func(*belfry.Schedule) bool) ([]*belfry.Schedule, error)
	// ChangeSchedule replaces or removes a schedule and its due entry in one
	// step. When the schedule or the entry is no longer as the change expects
	// it answers belfry.ErrStale: read, decide and call again.
	ChangeSchedule(ctx context.Context, ch belfry.ScheduleChange) error
}

// GroupStore keeps schedule groups; the default group is not stored.
type GroupStore interface {
	// Created is when the store was made, which dates the default groups.
	Created(ctx context.Context) (time.Time, error)
	// Group returns the group, or NotFound.
	Group(ctx context.Context, scope belfry.Scope, name string) (belfry.Group, error)
	// Groups returns up to limit groups with the prefix after the given name, by name.
	Groups(ctx context.Context, scope belfry.Scope, prefix, after string, limit int) ([]belfry.Group, error)
	// DeletingGroups returns the groups of all accounts that are being deleted.
	DeletingGroups(ctx context.Context) ([]belfry.Group, error)
	// ChangeGroup creates or changes a group. Of a creation, a taken name is
	// Conflict and one group more than the scope may have is Quota. Of a change,
	// a group that is not there is NotFound, and one that is no longer as the
	// change expects is belfry.ErrStale: read, decide and call again.
	ChangeGroup(ctx context.Context, ch belfry.GroupChange) error
	// RemoveGroup removes the group; one that is not there is no error.
	RemoveGroup(ctx context.Context, scope belfry.Scope, name string) error
}

// RuleStore keeps scheduled rules. A rule's targets are schedules of its group.
type RuleStore interface {
	// Rule returns the rule, or NotFound.
	Rule(ctx context.Context, r belfry.RuleRef) (*belfry.Rule, error)
	// Rules returns up to q.Limit rules in the order of their names.
	Rules(ctx context.Context, q belfry.RuleQuery) ([]*belfry.Rule, error)
	// RulesOfTarget returns up to limit names, after the given one and in
	// order, of the rules that have a target with this ARN.
	RulesOfTarget(ctx context.Context, scope belfry.Scope, arn, after string, limit int) ([]string, error)
	// ChangeRule creates, replaces or removes a rule together with changes to
	// its targets, all or nothing. When the rule, one of the targets or one of
	// their due entries is no longer as the change expects it answers
	// belfry.ErrStale; a new rule beyond the limit is Quota.
	ChangeRule(ctx context.Context, ch belfry.RuleChange) error
	// RuleLives returns the schedules that are the rule's targets, by id, and
	// those that were and have been removed, newest first.
	RuleLives(ctx context.Context, r belfry.RuleRef) (current, retired []*belfry.Schedule, err error)
}

// TokenStore remembers the tokens of the changes that carried one: they are
// written in the same step as the change, and checked before anything else of
// it. A change whose token is known is not made: it answers belfry.ErrReplayed
// when the request is the same, belfry.ErrTokenReused when it is another.
type TokenStore interface {
	// CheckToken answers what a change with this token would: nil when the
	// token is new or older than belfry.TokenLife.
	CheckToken(ctx context.Context, t belfry.Token) error
	// ForgetTokens drops tokens of before the given time, maybe not the newest
	// of them. It may be interrupted anywhere.
	ForgetTokens(ctx context.Context, before time.Time) (dropped int, err error)
}

// RunStore is the fire path.
type RunStore interface {
	// Acquire takes the shards this node is to fire, each with an epoch above
	// all earlier ones.
	Acquire(ctx context.Context) ([]belfry.Lease, error)
	// Interrupted returns the runs that an earlier owner started and did not
	// finish, each once. Called once after Acquire, before the first Start.
	Interrupted(ctx context.Context) ([]belfry.Occurrence, belfry.Claim, error)
	// Running returns these runs as they are stored, as far as they take no more
	// than so many bytes but always one; read is how many of the given ones that were.
	Running(ctx context.Context, of []belfry.Occurrence, bytes int) (items []belfry.DueItem, read int, err error)
	// Due returns up to limit entries of the held shards, and of no more than so
	// many bytes but always one, in the order of the queue, after the given one (nil
	// is the first), due at or before until; more says that there are others.
	Due(ctx context.Context, after *belfry.Due, until time.Time, limit, bytes int) (items []belfry.DueItem, more bool, err error)
	// Items returns those of the entries that are in the queue, in their order and
	// bounded like Running.
	Items(ctx context.Context, entries []belfry.Due, bytes int) (items []belfry.DueItem, read int, err error)
	// Places returns the occurrence entries of the schedules, wherever they are in
	// the queue. It reads all of it.
	Places(ctx context.Context, ids []belfry.ID) (map[belfry.ID][]belfry.Due, error)
	// Move puts an entry in another place, or removes it when to is nil, and reports
	// whether it was there.
	Move(ctx context.Context, from belfry.Due, to *belfry.Due) (moved bool, err error)
	// NextDue returns when the first entry after the given one is due, however
	// far away; zero when there is none.
	NextDue(ctx context.Context, after *belfry.Due) (time.Time, error)
	// Start takes each entry out of the queue, records its run and puts the
	// next entry in its place, all or nothing. started says for each whether
	// this caller won: of two callers with the same entry one does, and an
	// occurrence that has a run already is not started again. Of runs that need
	// the same claim of once_per the first gets it, until it ends without success;
	// the others are skipped.
	Start(ctx context.Context, starts []belfry.Start) (claim belfry.Claim, started []belfry.Started, err error)
	// Finish records what became of attempts, with the retry or deletion that
	// follows each, all or nothing. Called twice, the second call changes nothing.
	Finish(ctx context.Context, ended []belfry.Finish) error
}

// LedgerStore reads what has happened, and puts it away.
type LedgerStore interface {
	// Lives returns the schedule that has the name (nil if none) and those
	// that had it and were deleted, newest first.
	Lives(ctx context.Context, r belfry.ScheduleRef) (current *belfry.Schedule, retired []*belfry.Schedule, err error)
	// Runs returns runs, newest first.
	Runs(ctx context.Context, q belfry.RunQuery) ([]belfry.Run, error)
	// Gaps returns the gaps that touch the interval, oldest first.
	Gaps(ctx context.Context, ids []belfry.ID, from, to time.Time) ([]belfry.Gap, error)
	// GapsBeyond returns up to limit gaps that end after the given time or, if they
	// are open, begin more than a second after it: of the schedules from the given
	// one on, in the order of their ids.
	GapsBeyond(ctx context.Context, at time.Time, from belfry.ID, limit int) ([]belfry.Gap, error)
	// ChangeGaps puts gaps right; one that is no longer as its change expects stays.
	ChangeGaps(ctx context.Context, changes []belfry.GapChange) error
	// RunsBeyond returns up to limit schedules that have recent runs scheduled after
	// the given time.
	RunsBeyond(ctx context.Context, at time.Time, limit int) ([]belfry.ID, error)
	// Seen returns what See has kept last under the key, empty when nothing: notes
	// about the machine that the store is used on.
	Seen(ctx context.Context, key string) (string, error)
	See(ctx context.Context, key, value string) error
	// Backlog counts the entries that are due by now, up to limit.
	Backlog(ctx context.Context, now time.Time, limit int) (int, error)
	// Archive moves closed runs scheduled before the given time out of the
	// fire path's way; they stay readable. It may be interrupted anywhere.
	Archive(ctx context.Context, before time.Time) (moved int, err error)
	// Forget drops history that lies wholly before the given time.
	Forget(ctx context.Context, before time.Time) (files int, err error)
}

// An Invoker delivers one attempt and reports the facts. It returns when the
// target has answered or ctx has ended.
type Invoker interface {
	Invoke(ctx context.Context, in *belfry.Invocation) belfry.Result
}

// DeadLetters puts a message into the dead-letter queue of a schedule.
type DeadLetters interface {
	SendDeadLetter(ctx context.Context, s *belfry.Schedule, body string, attributes map[string]string) error
}

// A Clock tells the time and wakes.
type Clock interface {
	Now() time.Time
	// Monotonic is the time since some moment in the past, by a clock that nobody
	// can set. It may stand still while the machine sleeps.
	Monotonic() time.Duration
	// NewTimer returns a channel that gets one value after d, and a function
	// that releases it early.
	NewTimer(d time.Duration) (<-chan time.Time, func())
}
