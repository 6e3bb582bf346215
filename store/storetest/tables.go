package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/table"
)

// Tables holds a store to what [table.Store] promises. open returns an empty
// store, or one in which no scope of the suite has been used; it closes it when
// the test ends.
func Tables(t *testing.T, open func(t *testing.T) table.Store) {
	for _, c := range []struct {
		name string
		run  func(*tables)
	}{
		{"create returns what was stored", (*tables).create},
		{"of many creates at once exactly one succeeds", (*tables).createRace},
		{"a table is found under its own scope and name only", (*tables).find},
		{"tables are listed in the order of names", (*tables).list},
		{"update replaces and counts revisions", (*tables).update},
		{"update and delete of a table that is gone is not found", (*tables).gone},
		{"a table created again under the name is another, and empty", (*tables).recreate},
		{"an item comes back as it was written", (*tables).roundTrip},
		{"keys of all bytes are told apart", (*tables).keys},
		{"decide sees what is there, and its changes happen", (*tables).decide},
		{"nothing is written when decide refuses", (*tables).refuse},
		{"of many conditional writes at once exactly one wins", (*tables).race},
		{"writes to several tables happen as a whole", (*tables).several},
		{"writes and reads on an old revision are stale", (*tables).stale},
		{"a token happens once until it expires", (*tables).token},
		{"a token that was refused is free", (*tables).tokenRefused},
		{"a span is read in order, from both ends", (*tables).span},
		{"a scan reads everything after a key", (*tables).scan},
		{"a visit ends when it has enough", (*tables).enough},
		{"totals follow the writes", (*tables).totals},
		{"expired items are found in the order of expiry", (*tables).expired},
		{"adopting tables are listed", (*tables).adopting},
		{"sweep removes what deleted tables held, in steps", (*tables).sweep},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.run(&tables{T: t, Store: open(t), ctx: t.Context()})
		})
	}
}

// tables is one test: a store and what all cases do with it.
type tables struct {
	*testing.T
	table.Store
	ctx context.Context
}

func newTable(name string) table.Table {
	return table.Table{
		Scope: queueScope, Name: name, Created: queueT0,
		Settings: table.Settings{
			UUID: "8b3c1f5e-5d0d-4b6e-9a39-0d5c8f1c2a11",
			Hash: table.KeyAttribute{Name: "k", Type: table.S}, Range: table.KeyAttribute{Name: "r", Type: table.N},
			OnDemand: true, Billed: queueT0, Protected: true, Class: "STANDARD",
			Tags: map[string]string{"team": "a"}, TTL: table.TTL{Attribute: "ttl"},
		},
	}
}

func (q *tables) ok(err error) {
	q.Helper()
	if err != nil {
		q.Fatal(err)
	}
}

func (q *tables) kind(err error, want belfry.Kind) {
	q.Helper()
	if err == nil || belfry.KindOf(err) != want {
		q.Fatalf("error is %v, want one of kind %v", err, want)
	}
}

func (q *tables) isStale(err error) {
	q.Helper()
	if !errors.Is(err, belfry.ErrStale) {
		q.Fatalf("error is %v, want ErrStale", err)
	}
}

func (q *tables) same(got, want any) {
	q.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		q.Fatalf("(-want +got)\n%s", d)
	}
}

// make creates a table.
func (q *tables) make(name string) table.Table {
	q.Helper()
	t, err := q.CreateTable(q.ctx, newTable(name))
	q.ok(err)
	return t
}

// ref names the item under the keys "hash/range".
func ref(t table.Table, key string) table.Ref {
	hash, rng, _ := strings.Cut(key, "/")
	return table.Ref{
		Version: table.Version{Table: t.ID, Revision: t.Revision},
		Key:     table.Key{Hash: []byte(hash), Range: []byte(rng)},
	}
}

// put writes items under keys, whatever is there.
func (q *tables) put(t table.Table, keys ...string) {
	q.Helper()
	for _, k := range keys {
		q.ok(q.WriteItems(q.ctx, []table.Ref{ref(t, k)}, nil, func([][]byte) ([]table.Change, error) {
			return []table.Change{{Item: []byte("item " + k)}}, nil
		}))
	}
}

// get returns the item under a key.
func (q *tables) get(t table.Table, key string) []byte {
	q.Helper()
	got, err := q.GetItems(q.ctx, []table.Ref{ref(t, key)})
	q.ok(err)
	return got[0]
}

func (q *tables) create() {
	want := newTable("locks")
	got := q.make("locks")
	if got.ID == 0 || got.Revision != 1 {
		q.Fatalf("ID is %d and Revision %d", got.ID, got.Revision)
	}
	want.ID, want.Revision = got.ID, 1
	q.same(got, want)
	found, err := q.Table(q.ctx, queueScope, "locks")
	q.ok(err)
	q.same(found, want)
	_, err = q.CreateTable(q.ctx, newTable("locks"))
	q.kind(err, belfry.Conflict)
}

func (q *tables) createRace() {
	var wg sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		wg.Go(func() { _, errs[i] = q.CreateTable(q.ctx, newTable("t")) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			q.kind(err, belfry.Conflict)
		}
	}
	if won != 1 {
		q.Fatalf("%d creates succeeded, want 1", won)
	}
}

func (q *tables) find() {
	q.make("t")
	for _, scope := range []belfry.Scope{
		{Account: queueScope.Account, Region: "us-east-1"},
		{Account: "111111111111", Region: queueScope.Region},
	} {
		_, err := q.Table(q.ctx, scope, "t")
		q.kind(err, belfry.NotFound)
	}
	_, err := q.Table(q.ctx, queueScope, "T")
	q.kind(err, belfry.NotFound)
}

func (q *tables) list() {
	for _, n := range []string{"b", "C", "a", "d"} {
		q.make(n)
	}
	got, err := q.Tables(q.ctx, queueScope, "", 3)
	q.ok(err)
	q.same(got, []string{"C", "a", "b"})
	got, err = q.Tables(q.ctx, queueScope, "b", 3)
	q.ok(err)
	q.same(got, []string{"d"})
	got, err = q.Tables(q.ctx, belfry.Scope{Account: queueScope.Account, Region: "elsewhere"}, "", 3)
	q.ok(err)
	q.same(got, []string(nil))
}

func (q *tables) update() {
	t := q.make("t")
	next := t
	next.Settings.Tags = map[string]string{"team": "b"}
	next.Settings.TTL = table.TTL{Attribute: "expires", Adopting: true}
	q.ok(q.UpdateTable(q.ctx, next))
	got, err := q.Table(q.ctx, queueScope, "t")
	q.ok(err)
	next.Revision = 2
	q.same(got, next)
	q.isStale(q.UpdateTable(q.ctx, t))
}

func (q *tables) gone() {
	t := q.make("t")
	q.put(t, "a")
	q.ok(q.DeleteTable(q.ctx, t.ID))
	q.kind(q.DeleteTable(q.ctx, t.ID), belfry.NotFound)
	q.kind(q.UpdateTable(q.ctx, t), belfry.NotFound)
	_, err := q.Table(q.ctx, queueScope, "t")
	q.kind(err, belfry.NotFound)
	_, _, err = q.Totals(q.ctx, t.ID)
	q.kind(err, belfry.NotFound)
	_, err = q.GetItems(q.ctx, []table.Ref{ref(t, "a")})
	q.kind(err, belfry.NotFound)
	q.kind(q.WriteItems(q.ctx, []table.Ref{ref(t, "a")}, nil, nil), belfry.NotFound)
	q.kind(q.ScanItems(q.ctx, ref(t, "a").Version, table.Key{}, nil), belfry.NotFound)
	q.kind(q.QueryItems(q.ctx, ref(t, "a").Version, table.Span{Hash: []byte("a"), Low: []byte{}}, false, nil), belfry.NotFound)
}

func (q *tables) recreate() {
	first := q.make("t")
	q.put(first, "a")
	q.ok(q.DeleteTable(q.ctx, first.ID))
	second := q.make("t")
	if first.ID == second.ID {
		q.Fatal("the new table has the old one's ID")
	}
	if got := q.get(second, "a"); got != nil {
		q.Fatalf("the new table has %q", got)
	}
}

func (q *tables) roundTrip() {
	t := q.make("t")
	want := make([]byte, 400<<10)
	for i := range want {
		want[i] = byte(i)
	}
	q.ok(q.WriteItems(q.ctx, []table.Ref{ref(t, "a/1")}, nil, func([][]byte) ([]table.Change, error) {
		return []table.Change{{Item: want}}, nil
	}))
	if !bytes.Equal(q.get(t, "a/1"), want) {
		q.Fatal("the item came back different")
	}
	if got := q.get(t, "a/2"); got != nil {
		q.Fatalf("under another key there is %q", got)
	}
}

func (q *tables) keys() {
	t := q.make("t")
	keys := []string{"a", "a\x00", "\x00", "\xff\xff", "a/b", "a/b\x00", "A", strings.Repeat("k", 2048) + "/" + strings.Repeat("r", 1024)}
	q.put(t, keys...)
	for _, k := range keys {
		q.same(string(q.get(t, k)), "item "+k)
	}
}

func (q *tables) decide() {
	t := q.make("t")
	q.put(t, "a", "b", "c")
	refs := []table.Ref{ref(t, "c"), ref(t, "nothing"), ref(t, "a"), ref(t, "b")}
	q.ok(q.WriteItems(q.ctx, refs, nil, func(current [][]byte) ([]table.Change, error) {
		want := [][]byte{[]byte("item c"), nil, []byte("item a"), []byte("item b")}
		if d := cmp.Diff(want, current); d != "" {
			return nil, fmt.Errorf("decide got (-want +got)\n%s", d)
		}
		return []table.Change{{}, {}, {Item: []byte("new")}, {Keep: true, Item: []byte("not this")}}, nil
	}))
	for k, want := range map[string]string{"a": "new", "b": "item b", "c": "", "nothing": ""} {
		q.same(string(q.get(t, k)), want)
	}
}

func (q *tables) refuse() {
	t := q.make("t")
	q.put(t, "a")
	for _, refusal := range []error{&table.ConditionError{}, &table.CancelledError{}, errors.New("broken")} {
		err := q.WriteItems(q.ctx, []table.Ref{ref(t, "a"), ref(t, "b")}, nil, func([][]byte) ([]table.Change, error) {
			return []table.Change{{}, {Item: []byte("b")}}, refusal
		})
		if !errors.Is(err, refusal) {
			q.Fatalf("error is %v, want %v", err, refusal)
		}
	}
	if q.get(t, "a") == nil || q.get(t, "b") != nil {
		q.Fatal("a refused write has happened")
	}
}

var errTaken = belfry.Errorf(belfry.Conflict, "", "taken")

// claim is a write that wants the key to be free.
func claim(me string) func([][]byte) ([]table.Change, error) {
	return func(current [][]byte) ([]table.Change, error) {
		if current[0] != nil {
			return nil, errTaken
		}
		return []table.Change{{Item: []byte(me)}}, nil
	}
}

func (q *tables) race() {
	t := q.make("t")
	for round := range 20 {
		key := fmt.Sprint("lock", round)
		errs := make([]error, 50)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = q.WriteItems(q.ctx, []table.Ref{ref(t, key)}, nil, claim(fmt.Sprint(i))) })
		}
		wg.Wait()
		winner := -1
		for i, err := range errs {
			if err == nil && winner < 0 {
				winner = i
			} else if !errors.Is(err, errTaken) {
				q.Fatalf("writer %d: %v, winner %d", i, err, winner)
			}
		}
		if winner < 0 {
			q.Fatal("nobody won")
		}
		q.same(string(q.get(t, key)), fmt.Sprint(winner))
	}
}

func (q *tables) several() {
	a, b := q.make("a"), q.make("b")
	both := []table.Ref{ref(a, "x"), ref(b, "x")}
	write := func(current [][]byte) ([]table.Change, error) {
		return []table.Change{{Item: []byte("in a")}, {Item: []byte("in b")}}, nil
	}
	q.ok(q.WriteItems(q.ctx, both, nil, write))
	got, err := q.GetItems(q.ctx, both)
	q.ok(err)
	q.same(got, [][]byte{[]byte("in a"), []byte("in b")})
	q.ok(q.DeleteTable(q.ctx, b.ID))
	q.kind(q.WriteItems(q.ctx, []table.Ref{ref(a, "y"), ref(b, "y")}, nil, write), belfry.NotFound)
	if q.get(a, "y") != nil {
		q.Fatal("half of the write has happened")
	}
}

func (q *tables) stale() {
	t := q.make("t")
	q.put(t, "a")
	q.ok(q.UpdateTable(q.ctx, t))
	old := ref(t, "a")
	q.isStale(q.WriteItems(q.ctx, []table.Ref{old}, nil, func([][]byte) ([]table.Change, error) {
		return []table.Change{{}}, nil
	}))
	_, err := q.GetItems(q.ctx, []table.Ref{old})
	q.isStale(err)
	q.isStale(q.ScanItems(q.ctx, old.Version, table.Key{}, nil))
	q.isStale(q.QueryItems(q.ctx, old.Version, table.Span{Hash: []byte("a"), Low: []byte{}}, false, nil))
	t.Revision++
	if q.get(t, "a") == nil {
		q.Fatal("a stale write has happened")
	}
}

func newToken(now int, fingerprint string) *table.Token {
	return &table.Token{Scope: queueScope, Text: "token", Fingerprint: []byte(fingerprint), Now: at(now), Expires: at(now + 600)}
}

func (q *tables) token() {
	t := q.make("t")
	write := func(now int, fingerprint, key string) error {
		return q.WriteItems(q.ctx, []table.Ref{ref(t, key)}, newToken(now, fingerprint), claim("x"))
	}
	q.ok(write(0, "f", "a"))
	q.ok(write(599, "f", "a")) // the claim would have been refused
	q.kind(write(599, "g", "b"), belfry.Invalid)
	if q.get(t, "b") != nil {
		q.Fatal("a refused token has written")
	}
	q.ok(write(600, "g", "b"))
	if q.get(t, "b") == nil {
		q.Fatal("an expired token was remembered")
	}
	other := newToken(600, "h")
	other.Region = "elsewhere"
	q.ok(q.WriteItems(q.ctx, []table.Ref{ref(t, "c")}, other, claim("x")))
	n, err := q.SweepTables(q.ctx, at(1200), 10)
	q.ok(err)
	q.same(n, 2)
}

func (q *tables) tokenRefused() {
	t := q.make("t")
	q.put(t, "a")
	err := q.WriteItems(q.ctx, []table.Ref{ref(t, "a")}, newToken(0, "f"), claim("x"))
	q.kind(err, belfry.Conflict)
	q.ok(q.WriteItems(q.ctx, []table.Ref{ref(t, "b")}, newToken(0, "g"), claim("x")))
}

// visited returns a visit that notes keys down, and what it noted.
func visited() (*[]string, func(table.Row) bool) {
	keys := &[]string{}
	return keys, func(r table.Row) bool {
		k := string(r.Hash) + "/" + string(r.Range)
		if want := "item " + k; string(r.Item) != want {
			k = fmt.Sprintf("%s has %q", k, r.Item)
		}
		*keys = append(*keys, k)
		return true
	}
}

func (q *tables) span() {
	t := q.make("t")
	q.put(t, "a/9", "b/1", "b/2", "b/2\x00", "b/3", "b/\xff", "c/0")
	for _, c := range []struct{ low, high, want string }{
		{"", "", "b/1 b/2 b/2\x00 b/3 b/\xff"},
		{"2", "", "b/2 b/2\x00 b/3 b/\xff"},
		{"2\x00", "", "b/2\x00 b/3 b/\xff"},
		{"", "2", "b/1"},
		{"2", "3", "b/2 b/2\x00"},
		{"3", "3", ""},
		{"3", "2", ""},
	} {
		s := table.Span{Hash: []byte("b"), Low: []byte(c.low)}
		if c.high != "" {
			s.High = []byte(c.high)
		}
		want := strings.Fields(c.want)
		keys, visit := visited()
		q.ok(q.QueryItems(q.ctx, ref(t, "").Version, s, false, visit))
		q.same(*keys, want)
		slices.Reverse(want)
		keys, visit = visited()
		q.ok(q.QueryItems(q.ctx, ref(t, "").Version, s, true, visit))
		q.same(*keys, want)
	}
}

func (q *tables) scan() {
	t, other := q.make("t"), q.make("other")
	q.put(other, "b/1")
	q.put(t, "b/2", "a/1", "b/1", "c/0")
	for after, want := range map[string]string{"": "a/1 b/1 b/2 c/0", "b/1": "b/2 c/0", "b/": "b/1 b/2 c/0", "c/0": ""} {
		var key table.Key
		if after != "" {
			key = ref(t, after).Key
		}
		keys, visit := visited()
		q.ok(q.ScanItems(q.ctx, ref(t, "").Version, key, visit))
		q.same(*keys, strings.Fields(want))
	}
}

func (q *tables) enough() {
	t := q.make("t")
	q.put(t, "a/1", "a/2", "a/3")
	n := 0
	two := func(table.Row) bool { n++; return n < 2 }
	q.ok(q.ScanItems(q.ctx, ref(t, "").Version, table.Key{}, two))
	q.same(n, 2)
	n = 0
	q.ok(q.QueryItems(q.ctx, ref(t, "").Version, table.Span{Hash: []byte("a"), Low: []byte{}}, false, two))
	q.same(n, 2)
}

func (q *tables) totals() {
	t := q.make("t")
	want := func(items, size int64) {
		q.Helper()
		i, b, err := q.Totals(q.ctx, t.ID)
		q.ok(err)
		q.same([]int64{i, b}, []int64{items, size})
	}
	want(0, 0)
	q.put(t, "a", "b", "a") // "item a" has 6 bytes
	want(2, 12)
	q.ok(q.WriteItems(q.ctx, []table.Ref{ref(t, "a"), ref(t, "b"), ref(t, "c")}, nil, func([][]byte) ([]table.Change, error) {
		return []table.Change{{Item: []byte("longer item")}, {}, {}}, nil
	}))
	want(1, 11)
}

func (q *tables) expired() {
	t := q.make("t")
	expiry := map[string]int{"late": 30, "soon": 10, "now": 20}
	for k, s := range expiry {
		q.ok(q.WriteItems(q.ctx, []table.Ref{ref(t, k+"/1")}, nil, func([][]byte) ([]table.Change, error) {
			return []table.Change{{Item: []byte("x"), Expires: at(s)}}, nil
		}))
	}
	q.put(t, "never")
	want := func(now, limit int, keys ...string) {
		q.Helper()
		got, err := q.ExpiredItems(q.ctx, at(now), limit)
		q.ok(err)
		var list []table.Expired
		for _, k := range keys {
			list = append(list, table.Expired{Table: t, Key: ref(t, k).Key})
		}
		q.same(got, list)
	}
	want(9, 10)
	want(20, 10, "soon/1", "now/1")
	want(20, 1, "soon/1")
	want(100, 10, "soon/1", "now/1", "late/1")
	// A write decides anew, and so does one that takes the expiry away.
	q.put(t, "soon/1")
	want(20, 10, "now/1")
	q.ok(q.DeleteTable(q.ctx, t.ID))
	want(100, 10)
}

func (q *tables) adopting() {
	q.make("plain")
	t := q.make("t")
	t.Settings.TTL.Adopting = true
	q.ok(q.UpdateTable(q.ctx, t))
	t.Revision++
	got, err := q.Adopting(q.ctx)
	q.ok(err)
	q.same(got, []table.Table{t})
	t.Settings.TTL.Adopting = false
	q.ok(q.UpdateTable(q.ctx, t))
	got, err = q.Adopting(q.ctx)
	q.ok(err)
	q.same(got, []table.Table(nil))
}

func (q *tables) sweep() {
	t, kept := q.make("t"), q.make("kept")
	q.put(t, "a/1", "a/2", "b/1")
	q.put(kept, "a/1")
	q.ok(q.DeleteTable(q.ctx, t.ID))
	for _, want := range []int{2, 1, 0} {
		n, err := q.SweepTables(q.ctx, at(0), 2)
		q.ok(err)
		q.same(n, want)
	}
	if q.get(kept, "a/1") == nil {
		q.Fatal("the sweep has removed an item of a table that is there")
	}
}
