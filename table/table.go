// Package table keeps items under keys and changes them under conditions, with
// the semantics of Amazon DynamoDB's tables. It is what locks are made of.
//
// What it keeps true for others:
//
//   - A write whose call has answered survives a crash.
//   - A condition is decided on the item as it is when the write happens, inside
//     the store's transaction: of any number of writers at once that want an
//     item not to be there, exactly one succeeds.
//   - The writes of a transaction happen as a whole or not at all.
//   - Every read sees all writes that have answered before it began.
//   - An item that has expired, by the attribute that the table's time to live
//     names, is not there: no read returns it and no condition finds it. It
//     leaves the store soon after. (DynamoDB returns such items until it removes
//     them, hours or days later.)
//
// An item has expired when its attribute is smaller than the present time in
// whole seconds, as in the condition "expires < :now" of those who do without
// time to live.
//
// The rules are pure functions that take the time; each decision is made
// durable with one call of [Store].
package table

import (
	"time"

	"github.com/belfry-run/belfry"
)

// ID identifies a table over its whole life; a table that is deleted and
// created again under the same name has another one.
type ID int64

// A Table is what a client created under a name. It is a value: holders share
// its maps and never write to them.
type Table struct {
	ID       ID
	Revision int64 // 1 at creation, one more at each update
	belfry.Scope
	Name     string
	Created  time.Time
	Settings Settings
}

// Settings are what clients say about a table.
type Settings struct {
	UUID       string // what AWS calls the table's id
	Hash       KeyAttribute
	Range      KeyAttribute // Name is empty: there is none
	OnDemand   bool         // billing mode PAY_PER_REQUEST; on-demand since Billed
	Billed     time.Time    `json:",omitzero"`
	ReadUnits  int64        // as provisioned; nothing limits them
	WriteUnits int64
	Protected  bool   // from deletion
	Class      string // of storage; empty: never said
	Tags       map[string]string
	TTL        TTL
}

// A KeyAttribute is a part of a table's key.
type KeyAttribute struct {
	Name string
	Type Type // S, N or B
}

// TTL is a table's time to live.
type TTL struct {
	Attribute string // empty: it is off
	// Adopting is set until the items that were there before have been looked
	// at, so that they leave the store too when they expire.
	Adopting bool
}

// ARN returns the table's Amazon Resource Name.
func (t *Table) ARN() string {
	return "arn:aws:dynamodb:" + t.Region + ":" + t.Account + ":table/" + t.Name
}

func (t *Table) version() Version { return Version{t.ID, t.Revision} }

func (t *Table) ref(k Key) Ref { return Ref{t.version(), k} }

// keyAttributes returns the parts of the key.
func (t *Table) keyAttributes() []KeyAttribute {
	if t.Settings.Range.Name == "" {
		return []KeyAttribute{t.Settings.Hash}
	}
	return []KeyAttribute{t.Settings.Hash, t.Settings.Range}
}

// isKey says whether an attribute is part of the key.
func (t *Table) isKey(name string) bool {
	return name == t.Settings.Hash.Name || name == t.Settings.Range.Name && name != ""
}

// keyOf returns the key attributes of an item.
func (t *Table) keyOf(item Item) Item {
	key := Item{}
	for _, k := range t.keyAttributes() {
		key[k.Name] = item[k.Name]
	}
	return key
}

// ignoredAfter is how long ago an item may have expired for time to live to
// apply to it: what is older is taken for another kind of number (semantics.md
// 5.5).
const ignoredAfter = 5 * 365 * 24 * time.Hour

// expires returns the first instant at which item has expired if it is looked
// at from now on; zero is never.
func (t *Table) expires(item Item, now time.Time) time.Time {
	v, ok := item[t.Settings.TTL.Attribute]
	if t.Settings.TTL.Attribute == "" || !ok || v.Type != N {
		return time.Time{}
	}
	seconds, ok := mustNumber(v.Text).floor()
	if !ok || seconds <= now.Add(-ignoredAfter).Unix() {
		return time.Time{}
	}
	return time.Unix(seconds+1, 0).UTC()
}

// expired says whether item has expired.
func (t *Table) expired(item Item, now time.Time) bool {
	e := t.expires(item, now)
	return !e.IsZero() && !now.Before(e)
}

// live decodes what the store has under a key; nil is nothing, or something
// that has expired.
func (t *Table) live(stored []byte, now time.Time) (Item, error) {
	if stored == nil {
		return nil, nil
	}
	item, err := decodeItem(stored)
	if err != nil || t.expired(item, now) {
		return nil, err
	}
	return item, nil
}
