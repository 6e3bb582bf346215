package monitor

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
)

// A Store makes checks durable. Every method is one step: it happens as a whole
// or not at all, and is durable when it has returned nil. Any number of nodes
// may use the same store at once; times are given by the caller and kept to the
// millisecond. A read sees all writes that had returned before it began.
//
// Errors that a caller can act on are a [belfry.Error]: those said below,
// Unavailable when the outcome is unknown.
type Store interface {
	Checks
	Pings
	Flips
	Projects
}

// Checks is the part of a [Store] that keeps the checks.
type Checks interface {
	// CreateCheck adds c, with a Number. When like names any members, and the
	// account has a check that is equal to c in all of them, the oldest such is
	// returned instead, and created is false. Quota when the account has limit
	// checks already: of two calls at once for the last place one succeeds.
	CreateCheck(ctx context.Context, c Check, like Like, limit int64) (stored Check, created bool, err error)

	// Check returns the check with that id, or [NotExist].
	Check(ctx context.Context, id string) (Check, error)

	// CheckByUniqueKey returns the account's check whose UniqueKey that is, or
	// [NotExist].
	CheckByUniqueKey(ctx context.Context, account, key string) (Check, error)

	// CheckByBadge returns the check whose Badge that is, or [NotExist].
	CheckByBadge(ctx context.Context, badge string) (Check, error)

	// ListChecks returns the checks that q selects, in the order of their numbers.
	ListChecks(ctx context.Context, q CheckQuery) ([]Check, error)

	// SumChecks returns how many of the account's checks, of those with the tag
	// unless that is empty, have each state at a time: what [Check.StatusAt] says
	// of them.
	SumChecks(ctx context.Context, account, tag string, now time.Time) (map[Status]int64, error)

	// CheckTags returns the tags that the account's checks have, in order.
	CheckTags(ctx context.Context, account string) ([]string, error)

	// ChangeCheck calls decide with the check as it is and stores what decide has
	// made of it, together with what decide returns: between decide's look and
	// what follows from it nobody else writes. When decide returns an error
	// nothing is written, and that error is returned. decide may be called more
	// than once, must not call the store, and must not write to the check's
	// slices, but may replace them. Number, ID, Account, Badge and Created do not
	// change. [NotExist] when the check is not there.
	ChangeCheck(ctx context.Context, id string, decide func(c *Check) (Change, error)) (Check, error)

	// DeleteCheck removes the account's check with its pings and flips. Its open
	// alert ends now, with ending for its Ending. The second call is [NotExist].
	DeleteCheck(ctx context.Context, account, id, ending string, now time.Time) error

	// DueChecks returns the ids of at most limit checks to look at, the earliest
	// first: of all whose AlertAfter is at or before now, and of some whose
	// AlertAfter was, before pings put it off. ChangeCheck without a Ping takes
	// such a one off the list. When these are all, next is when the earliest of
	// the others is to be looked at; the zero time when there is none.
	DueChecks(ctx context.Context, now time.Time, limit int) (ids []string, next time.Time, err error)

	// ChecksAhead returns the ids of the checks whose last ping or start is after the
	// given time. It reads all of them.
	ChecksAhead(ctx context.Context, at time.Time) ([]string, error)

	// LookAgain makes the probes due at now whose last look is after now. It reads
	// all of them.
	LookAgain(ctx context.Context, now time.Time) error

	// CountChecks returns how many checks of all accounts have each stored status.
	CountChecks(ctx context.Context) (map[Status]int64, error)
}

// Pings is the part of a [Store] that keeps what has come.
type Pings interface {
	// ListPings returns at most limit pings of a check, newest first. Of a check
	// that is not there, none.
	ListPings(ctx context.Context, check string, limit int) ([]Ping, error)

	// PingBody returns the body of the check's nth ping, or [NotExist] when it has
	// none or is not there.
	PingBody(ctx context.Context, check string, n int64) ([]byte, error)
}

// Flips is the part of a [Store] that keeps changes of state, of all subjects.
type Flips interface {
	// ListFlips returns the flips that q selects.
	ListFlips(ctx context.Context, q FlipQuery) ([]Flip, error)

	// PruneFlips removes at most limit flips that happened before a time and whose
	// alerts have been written, and returns how many.
	PruneFlips(ctx context.Context, before time.Time, limit int) (int, error)
}

// Projects is the part of a [Store] that keeps keys.
type Projects interface {
	// Project returns the account's project, or [NoProject].
	Project(ctx context.Context, account string) (Project, error)

	// FindProject returns the project that has that key, or [NoProject]; of API
	// keys, key is the SHA-256.
	FindProject(ctx context.Context, kind KeyKind, key string) (Project, error)

	// ChangeProject calls change with the account's project, made if it is not
	// there, and stores what change has made of it. When change returns an error
	// nothing is written, and that error is returned; it may be called more than
	// once. Conflict when another project has one of its keys.
	ChangeProject(ctx context.Context, account string, change func(p *Project) error) (Project, error)
}

// A Change is what is stored together with a check's state.
type Change struct {
	Edited bool  // the settings have changed; else those of the check do not count
	Ping   *Ping // to record; its N is the check's Pings
	// Keep is, with Ping, how many of the newest pings stay. Older ones are
	// removed, though not with every ping.
	Keep  int
	Flips []Flip // in the order in which they happened; the store gives the ids
}

// Like names the members by which a new check may turn out to be there already.
type Like struct{ Name, Slug, Tags, Timeout, Grace bool }

// A CheckQuery selects an account's checks.
type CheckQuery struct {
	Account string
	Slug    string   // empty: all
	Tags    []string // all of which the check must have
	After   int64    // the Number of the last one of the page before
	Limit   int
}

// NotExist is the error for a check that is not there.
func NotExist() *belfry.Error { return belfry.Errorf(belfry.NotFound, "", "not found") }

// NoProject is the error for a key, or an account, without a project.
func NoProject() *belfry.Error {
	return belfry.Errorf(belfry.NotFound, "", "There is no such project; belfry project rotate makes a key, and the project with it.")
}
