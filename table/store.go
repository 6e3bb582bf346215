package table

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
)

// A Store makes tables and items durable. Every method is one step: it happens
// as a whole or not at all, and is durable when it has returned nil. Any number
// of nodes may use the same store at once; times are given by the caller and
// kept to the millisecond. A read sees all writes that had returned before it
// began.
//
// Errors that a caller can act on are a [belfry.Error]: NotFound and Conflict
// as said below, Unavailable when the outcome is unknown.
type Store interface {
	Directory
	Items
}

// Directory is the part of a [Store] that keeps the tables.
type Directory interface {
	// CreateTable adds t, with an ID and Revision 1. [Exists] when its scope
	// has a table of that name: of two calls at once exactly one succeeds.
	CreateTable(ctx context.Context, t Table) (Table, error)

	// Table returns the table of that name, or [NotExist].
	Table(ctx context.Context, scope belfry.Scope, name string) (Table, error)

	// Tables returns at most limit names of the scope's tables that are greater
	// than after, in order (bytewise).
	Tables(ctx context.Context, scope belfry.Scope, after string, limit int) ([]string, error)

	// UpdateTable replaces the settings of the table with t's ID, if its
	// Revision is still t's, and adds one to the Revision. [belfry.ErrStale]
	// when another update came first, [NotExist] when the table is gone.
	UpdateTable(ctx context.Context, t Table) error

	// DeleteTable removes the table and all that it holds. The second call is
	// [NotExist]. It takes the same short time however much the table holds.
	DeleteTable(ctx context.Context, id ID) error

	// Totals returns how many items a table has, and the bytes that their
	// stored forms take.
	Totals(ctx context.Context, id ID) (items, bytes int64, err error)

	// Adopting returns the tables whose TTL.Adopting is set.
	Adopting(ctx context.Context) ([]Table, error)
}

// Items is the part of a [Store] that keeps what the tables hold. It does not
// look into items.
type Items interface {
	// All of them: [belfry.ErrStale] when a table's revision is no longer the
	// one named, [NotExist] when a table is gone.

	// GetItems returns the items under these keys, all as of one moment, nil for
	// those that are not there.
	GetItems(ctx context.Context, refs []Ref) ([][]byte, error)

	// QueryItems calls visit with the items of a span in the order of their Range,
	// or in the opposite order, until visit returns false. All are as of one
	// moment. visit must not call the store, and may keep what it gets.
	QueryItems(ctx context.Context, v Version, s Span, reverse bool, visit func(Row) bool) error

	// ScanItems is QueryItems for all items of a table that come after a key, in the
	// order of their keys; the zero Key is before all.
	ScanItems(ctx context.Context, v Version, after Key, visit func(Row) bool) error

	// WriteItems calls decide with the items that are under these keys, nil for
	// those that are not there, and does with each what decide says: between
	// decide's look and what follows from it nobody else writes. When decide
	// returns an error nothing is written, and that error is returned. decide
	// may be called more than once, must not call the store, and must not keep
	// or change what it gets, but may return it. The refs differ from each other.
	//
	// With a token that was used before, and has not expired, nothing happens:
	// the error is nil when that use had the same fingerprint, and else
	// [TokenReused].
	WriteItems(ctx context.Context, refs []Ref, token *Token, decide func(current [][]byte) ([]Change, error)) error

	// ExpiredItems returns at most limit items whose Change said that they expire at
	// or before now, those that expired first coming first. Two items of one
	// table may stand in either order when they expired in the same second.
	ExpiredItems(ctx context.Context, now time.Time, limit int) ([]Expired, error)

	// SweepTables removes at most limit items of deleted tables, and tokens that have
	// expired, and returns the number of both.
	SweepTables(ctx context.Context, now time.Time, limit int) (removed int, err error)
}

// A Version names a table with the settings on which a caller's decision rests.
type Version struct {
	Table    ID
	Revision int64
}

// A Ref names an item.
type Ref struct {
	Version
	Key
}

// A Row is a stored item.
type Row struct {
	Key
	Item []byte
}

// A Change is what a write does under one key.
type Change struct {
	Keep    bool      // leave all as it is; the rest does not count
	Item    []byte    // nil: remove what is there
	Expires time.Time // zero: never
}

// Expired is an item that may have to go.
type Expired struct {
	Table Table // as it is now
	Key   Key
}

// A Token lets a client repeat a transaction without its happening twice.
type Token struct {
	belfry.Scope
	Text        string
	Fingerprint []byte // of what is done
	Now         time.Time
	Expires     time.Time
}

// TokenReused is what a store answers for a token that was used for something else.
func TokenReused() *belfry.Error {
	return &belfry.Error{
		Kind: belfry.Invalid, Code: codeTokenReused, Field: "ClientRequestToken",
		Message: "The client request token was used before, for another transaction.",
	}
}
