package table_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/table"
)

func TestOneOfManyTakesTheLock(t *testing.T) {
	b := newBench(t)
	b.locks("locks")
	errs := make([]error, 100)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = b.take("locks", "report", "owner", strconv.Itoa(i)) })
	}
	wg.Wait()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won < 0:
			won = i
		default:
			b.refused(err, belfry.Conflict, "The conditional request failed")
		}
	}
	if won < 0 {
		t.Fatal("nobody took the lock")
	}
	if got := b.get("locks", item("k", "report")); !cmp.Equal(got, item("k", "report", "owner", strconv.Itoa(won))) {
		t.Fatalf("the lock is %v, and %d took it", got, won)
	}
}

// Counting up from many writers at once loses nothing.
func TestUpdatesDoNotLoseEachOther(t *testing.T) {
	b := newBench(t)
	b.locks("tbl")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 20 {
				_, err := b.Write(b.ctx, scope, table.Write{Action: table.Update, Table: "tbl", Item: item("k", "n"), Expressions: table.Expressions{
					Update: new("SET v = if_not_exists(v, :0) + :1"), Values: item(":0", "0", ":1", "1"),
				}})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := b.get("tbl", item("k", "n")); !cmp.Equal(got, item("k", "n", "v", "400")) {
		t.Fatalf("after 400 increments the item is %v", got)
	}
}

func TestAFailedConditionReturnsTheItemThatIsThere(t *testing.T) {
	b := newBench(t)
	b.locks("tbl")
	b.ok(b.take("tbl", "a", "owner", "me"))
	for _, old := range []bool{false, true} {
		_, err := b.Write(b.ctx, scope, table.Write{
			Action: table.Delete, Table: "tbl", Item: item("k", "a"), OldOnFailure: old,
			Expressions: table.Expressions{Condition: new("#o = :o"), Names: map[string]string{"#o": "owner"}, Values: item(":o", "you")},
		})
		var failed *table.ConditionError
		if !errors.As(err, &failed) || (failed.Item != nil) != old || old && !cmp.Equal(failed.Item, item("k", "a", "owner", "me")) {
			t.Fatalf("error is %#v", err)
		}
	}
}

func TestExpiredItemsAreNotThere(t *testing.T) {
	b := newBench(t)
	b.locks("tbl")
	b.ok(b.SetTTL(b.ctx, scope, "tbl", "ttl", true))
	until := strconv.FormatInt(t0.Unix()+60, 10)
	b.ok(b.take("tbl", "a", "ttl", until))
	count := func() int {
		page, err := b.Find(b.ctx, scope, table.Find{Table: "tbl"})
		b.ok(err)
		return page.Count
	}
	// The last instant of the second that the attribute names.
	b.clock.set(t0.Add(60*time.Second + 999*time.Millisecond))
	b.kind(b.take("tbl", "a", "ttl", until), belfry.Conflict)
	if b.get("tbl", item("k", "a")) == nil || count() != 1 {
		t.Fatal("the item is gone before its time")
	}
	b.clock.set(t0.Add(61 * time.Second))
	if b.get("tbl", item("k", "a")) != nil || count() != 0 {
		t.Fatal("an expired item is returned")
	}
	_, err := b.Write(b.ctx, scope, table.Write{Action: table.Check, Table: "tbl", Item: item("k", "a"), Expressions: table.Expressions{Condition: new("attribute_exists(k)")}})
	b.kind(err, belfry.Conflict)
	w, err := b.Write(b.ctx, scope, table.Write{Action: table.Update, Table: "tbl", Item: item("k", "a"), Expressions: table.Expressions{
		Update: new("SET v = if_not_exists(v, :v)"), Values: item(":v", "new"),
	}})
	b.ok(err)
	if w.Old != nil || !cmp.Equal(w.New, item("k", "a", "v", "new")) {
		t.Fatalf("the update has seen %v and made %v", w.Old, w.New)
	}
}

// Only numbers expire, and none that is far in the past (semantics.md 5.5).
func TestWhatDoesNotExpire(t *testing.T) {
	b := newBench(t)
	b.locks("tbl")
	b.ok(b.SetTTL(b.ctx, scope, "tbl", "ttl", true))
	long := t0.Add(-5 * 365 * 24 * time.Hour).Unix()
	for k, v := range map[string]table.Value{
		"text": text("1"), "ancient": num(strconv.FormatInt(long, 10)), "negative": num("-5"), "endless": num("1e100"), "none": {Type: table.NULL, Bool: true},
		"set": {Type: table.NS, Set: []string{strconv.FormatInt(t0.Unix()-60, 10)}}, "now": num(strconv.FormatInt(t0.Unix(), 10)),
	} {
		i := item("k", k)
		i["ttl"] = v
		b.put("tbl", i)
		if b.get("tbl", item("k", k)) == nil {
			t.Errorf("%s has expired", k)
		}
	}
	for k, v := range map[string]string{"a minute": strconv.FormatInt(t0.Unix()-60, 10), "five years": strconv.FormatInt(long+1, 10), "fraction": strconv.FormatInt(t0.Unix()-1, 10) + ".5"} {
		b.put("tbl", item("k", k, "ttl", v))
		if b.get("tbl", item("k", k)) != nil {
			t.Errorf("%s has not expired", k)
		}
	}
}

func (b *bench) stored(name string) int64 {
	b.Helper()
	_, n, _, err := b.Describe(b.ctx, scope, name)
	b.ok(err)
	return n
}

func TestExpiredItemsLeaveTheStore(t *testing.T) {
	b := newBench(t)
	b.locks("tbl")
	b.ok(b.SetTTL(b.ctx, scope, "tbl", "ttl", true))
	for i := range 250 {
		b.put("tbl", item("k", fmt.Sprint("k", i), "ttl", strconv.FormatInt(t0.Unix()+int64(i), 10)))
	}
	b.put("tbl", item("k", "stays"))
	b.run()
	b.clock.set(t0.Add(200*time.Second + time.Millisecond))
	b.eventually("200 items have gone", func() bool { return b.stored("tbl") == 51 })
}

// Items from before time to live was turned on, or changed to another
// attribute, leave the store by what it says now.
func TestTimeToLiveIsAdopted(t *testing.T) {
	b := newBench(t)
	b.locks("tbl")
	past := strconv.FormatInt(t0.Unix()-60, 10)
	for i := range 250 {
		b.put("tbl", item("k", fmt.Sprint("k", i), "a", past))
	}
	b.put("tbl", item("k", "other", "b", past))
	b.ok(b.SetTTL(b.ctx, scope, "tbl", "a", true))
	if b.get("tbl", item("k", "k7")) != nil {
		t.Error("an expired item is returned before it is adopted")
	}
	b.run()
	b.eventually("time to live is adopted and 250 items have gone", func() bool {
		table, n, _, err := b.Describe(b.ctx, scope, "tbl")
		b.ok(err)
		return !table.Settings.TTL.Adopting && n == 1
	})
	b.ok(b.SetTTL(b.ctx, scope, "tbl", "a", false))
	b.ok(b.SetTTL(b.ctx, scope, "tbl", "b", true))
	b.eventually("the item with the other attribute has gone", func() bool { return b.stored("tbl") == 0 })
}

// When time to live is turned off in time, nothing goes.
func TestTimeToLiveCanBeTurnedOff(t *testing.T) {
	b := newBench(t)
	b.locks("tbl")
	b.ok(b.SetTTL(b.ctx, scope, "tbl", "ttl", true))
	b.put("tbl", item("k", "a", "ttl", strconv.FormatInt(t0.Unix()-1, 10)))
	b.ok(b.SetTTL(b.ctx, scope, "tbl", "ttl", false))
	if b.get("tbl", item("k", "a")) == nil {
		t.Fatal("the item is not there, though nothing expires")
	}
	b.run()
	b.put("tbl", item("k", "b"))
	b.eventually("the store does not take the item for expired any more", func() bool {
		list, err := b.store.ExpiredItems(b.ctx, b.clock.Now(), 10)
		b.ok(err)
		return len(list) == 0
	})
	if b.get("tbl", item("k", "a")) == nil {
		t.Fatal("the sweep has removed the item")
	}
}

func TestTimeToLiveRefusals(t *testing.T) {
	b := newBench(t)
	b.locks("tbl")
	b.refused(b.SetTTL(b.ctx, scope, "tbl", "a", false), belfry.Invalid, "TimeToLive is already disabled")
	b.ok(b.SetTTL(b.ctx, scope, "tbl", "a", true))
	b.refused(b.SetTTL(b.ctx, scope, "tbl", "a", true), belfry.Invalid, "TimeToLive is already enabled")
	b.refused(b.SetTTL(b.ctx, scope, "tbl", "b", true), belfry.Invalid, "TimeToLive is active on a different AttributeName")
	b.refused(b.SetTTL(b.ctx, scope, "tbl", "b", false), belfry.Invalid, "TimeToLive is active on a different AttributeName")
	b.refused(b.SetTTL(b.ctx, scope, "nope", "b", true), belfry.NotFound, "Requested resource not found: Table: nope not found")
}

func TestTransactions(t *testing.T) {
	b := newBench(t)
	b.locks("aaa")
	b.locks("bbb")
	b.put("aaa", item("k", "balance", "v", "10"))
	move := func(amount, token string) error {
		_, err := b.Transact(b.ctx, scope, []table.Write{
			{Action: table.Update, Table: "aaa", Item: item("k", "balance"), OldOnFailure: true, Expressions: table.Expressions{
				Update: new("SET v = v - :n"), Condition: new("v >= :n"), Values: item(":n", amount),
			}},
			{Action: table.Update, Table: "bbb", Item: item("k", "balance"), Expressions: table.Expressions{Update: new("ADD v :n"), Values: item(":n", amount)}},
			{Action: table.Check, Table: "bbb", Item: item("k", "frozen"), Expressions: table.Expressions{Condition: new("attribute_not_exists(k)")}},
		}, token)
		return err
	}
	want := func(a, bb string) {
		t.Helper()
		got := []table.Item{b.get("aaa", item("k", "balance")), b.get("bbb", item("k", "balance"))}
		if d := cmp.Diff([]table.Item{item("k", "balance", "v", a), item("k", "balance", "v", bb)}, got); d != "" {
			t.Fatal(d)
		}
	}
	b.ok(move("4", ""))
	want("6", "4")
	err := move("7", "")
	var cancelled *table.CancelledError
	if !errors.As(err, &cancelled) {
		t.Fatalf("error is %v", err)
	}
	if d := cmp.Diff([]table.Reason{
		{Code: "ConditionalCheckFailed", Message: "The conditional request failed", Item: item("k", "balance", "v", "6")}, {Code: "None"}, {Code: "None"},
	}, cancelled.Reasons); d != "" {
		t.Fatal(d)
	}
	b.refused(err, belfry.Conflict, "Transaction cancelled, please refer cancellation reasons for specific reasons [ConditionalCheckFailed, None, None]")
	want("6", "4")

	b.ok(move("1", "token"))
	b.ok(move("1", "token"))
	want("5", "5")
	b.refused(move("2", "token"), belfry.Invalid, "The client request token was used before")
	b.clock.set(t0.Add(10 * time.Minute))
	b.ok(move("2", "token"))
	want("3", "7")

	b.put("bbb", item("k", "frozen"))
	b.kind(move("1", ""), belfry.Conflict)
	want("3", "7")
}

func TestTransactionLimits(t *testing.T) {
	b := newBench(t)
	b.locks("tbl")
	puts := func(n, size int) (w []table.Write) {
		for i := range n {
			w = append(w, table.Write{Action: table.Put, Table: "tbl", Item: item("k", fmt.Sprint("k", i), "v", strings.Repeat("x", size))})
		}
		return w
	}
	_, err := b.Transact(b.ctx, scope, puts(100, 1), strings.Repeat("x", 36))
	b.ok(err)
	_, err = b.Transact(b.ctx, scope, puts(101, 1), "")
	b.refused(err, belfry.Invalid, "A transaction has 1 to 100 actions")
	_, err = b.Transact(b.ctx, scope, puts(1, 1), strings.Repeat("x", 37))
	b.refused(err, belfry.Invalid, "A ClientRequestToken")
	_, err = b.Transact(b.ctx, scope, puts(10, 400<<10), "")
	b.refused(err, belfry.Invalid, "Item size has exceeded") // by the name of the key
	_, err = b.Transact(b.ctx, scope, puts(11, 399<<10), "")
	b.refused(err, belfry.Invalid, "The items of a transaction must not be larger")
	_, err = b.Transact(b.ctx, scope, append(puts(2, 1), puts(1, 1)...), "")
	b.refused(err, belfry.Invalid, "Transaction request cannot include multiple operations on one item")
	// What a write cannot do is one of the reasons.
	_, err = b.Transact(b.ctx, scope, []table.Write{{Action: table.Update, Table: "tbl", Item: item("k", "k1"), Expressions: table.Expressions{
		Update: new("SET v = v + :1"), Values: item(":1", "1"),
	}}}, "")
	var cancelled *table.CancelledError
	if !errors.As(err, &cancelled) || cancelled.Reasons[0].Code != "ValidationError" {
		t.Fatalf("error is %v", err)
	}
}

func TestBatches(t *testing.T) {
	b := newBench(t)
	b.locks("tbl")
	var writes []table.Write
	for i := range 25 {
		writes = append(writes, table.Write{Action: table.Put, Table: "tbl", Item: item("k", fmt.Sprint("k", i))})
	}
	_, err := b.WriteBatch(b.ctx, scope, writes)
	b.ok(err)
	_, err = b.WriteBatch(b.ctx, scope, append(writes, table.Write{Action: table.Put, Table: "tbl", Item: item("k", "more")}))
	b.refused(err, belfry.Invalid, "Too many items requested for the BatchWriteItem call")
	_, err = b.WriteBatch(b.ctx, scope, []table.Write{writes[0], {Action: table.Delete, Table: "tbl", Item: item("k", "k0")}})
	b.refused(err, belfry.Invalid, "Provided list of item keys contains duplicates")
	_, err = b.WriteBatch(b.ctx, scope, []table.Write{{Action: table.Delete, Table: "tbl", Item: item("k", "k0")}, {Action: table.Delete, Table: "tbl", Item: item("k", "nothing")}})
	b.ok(err)
	var keys []table.Item
	for i := range 100 {
		keys = append(keys, item("k", fmt.Sprint("k", i)))
	}
	got, err := b.Get(b.ctx, scope, []table.Get{{Table: "tbl", Keys: keys}}, "twice")
	b.ok(err)
	for i, item := range got[0].Items {
		if (item != nil) != (i >= 1 && i < 25) {
			t.Fatalf("item %d is %v", i, item)
		}
	}
	_, err = b.Get(b.ctx, scope, []table.Get{{Table: "tbl", Keys: append(keys, item("k", "more"))}}, "twice")
	b.refused(err, belfry.Invalid, "Too many items requested for the BatchGetItem call")
	_, err = b.Get(b.ctx, scope, []table.Get{{Table: "tbl", Keys: append(keys[:1:1], keys[0])}}, "twice")
	b.refused(err, belfry.Invalid, "twice")
}

// What does not fit an answer of 16 MB is left out, from the end.
func TestBatchGetIsCut(t *testing.T) {
	b := newBench(t)
	b.locks("tbl")
	var keys []table.Item
	for i := range 50 {
		k := fmt.Sprintf("k%02d", i)
		b.put("tbl", item("k", k, "v", strings.Repeat("x", 400<<10-5)))
		keys = append(keys, item("k", k))
	}
	got, err := b.Get(b.ctx, scope, []table.Get{{Table: "tbl", Keys: keys}}, "")
	b.ok(err)
	if len(got[0].Items) != 40 || got[0].Cut != 10 {
		t.Fatalf("%d items and %d left out, want 40 and 10", len(got[0].Items), got[0].Cut)
	}
}

func TestItemLimits(t *testing.T) {
	b := newBench(t)
	b.events("tbl")
	hash, rng := strings.Repeat("h", 2048), "1"
	put := func(i table.Item) error {
		_, err := b.Write(b.ctx, scope, table.Write{Action: table.Put, Table: "tbl", Item: i})
		return err
	}
	big := func(n int) table.Item { return item("k", "a", "r", rng, "v", strings.Repeat("x", n)) } // k, a, r, v and 2 for the number
	b.ok(put(item("k", hash, "r", rng)))
	b.ok(put(big(400<<10 - 6)))
	b.refused(put(big(400<<10-5)), belfry.Invalid, "Item size has exceeded the maximum allowed size")
	b.refused(put(item("k", hash+"h", "r", rng)), belfry.Invalid, "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes")
	b.refused(put(item("k", "", "r", rng)), belfry.Invalid, "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: k")
	b.refused(put(item("k", "a")), belfry.Invalid, "One or more parameter values were invalid: Missing the key r in the item")
	b.refused(put(item("k", "1", "r", rng)), belfry.Invalid, "One or more parameter values were invalid: Type mismatch for key k expected: S actual: N")
	b.refused(put(item("k", "a", "r", rng, "", "x")), belfry.Invalid, "One or more parameter values were invalid: Empty attribute name")
	_, err := b.Write(b.ctx, scope, table.Write{Action: table.Delete, Table: "tbl", Item: item("k", "a")})
	b.refused(err, belfry.Invalid, "The provided key element does not match the schema")
	_, err = b.Write(b.ctx, scope, table.Write{Action: table.Delete, Table: "tbl", Item: item("k", "a", "r", rng, "v", "x")})
	b.refused(err, belfry.Invalid, "The provided key element does not match the schema")
	_, err = b.Write(b.ctx, scope, table.Write{Action: table.Update, Table: "tbl", Item: item("k", "a", "r", rng), Expressions: table.Expressions{Update: new("SET w = v")}})
	b.refused(err, belfry.Invalid, "Item size to update has exceeded the maximum allowed size")
	_, err = b.Write(b.ctx, scope, table.Write{Action: table.Update, Table: "tbl", Item: item("k", "a", "r", rng), Expressions: table.Expressions{Update: new("REMOVE r")}})
	b.refused(err, belfry.Invalid, "One or more parameter values were invalid: Cannot update attribute r. This attribute is part of the key")

	nested := num("1")
	for range 32 {
		nested = table.Value{Type: table.L, List: []table.Value{nested}}
	}
	deep := item("k", "a", "r", rng)
	deep["v"] = nested
	b.ok(put(deep))
	deep["v"] = table.Value{Type: table.L, List: []table.Value{nested}}
	b.refused(put(deep), belfry.Invalid, "Nesting Levels have exceeded supported limits")
	_, err = b.Write(b.ctx, scope, table.Write{Action: table.Update, Table: "tbl", Item: item("k", "a", "r", rng), Expressions: table.Expressions{
		Update: new("SET w = list_append(:l, :l), x = :l"), Values: table.Item{":l": nested},
	}})
	b.ok(err)
	_, err = b.Write(b.ctx, scope, table.Write{Action: table.Update, Table: "tbl", Item: item("k", "a", "r", rng), Expressions: table.Expressions{
		Update: new("SET w[0] = :l"), Values: table.Item{":l": nested},
	}})
	b.refused(err, belfry.Invalid, "Nesting Levels have exceeded supported limits")
}

func TestRangeKeyLimit(t *testing.T) {
	b := newBench(t)
	_, err := b.Create(b.ctx, scope, "tbl", table.Settings{Hash: table.KeyAttribute{Name: "k", Type: table.S}, Range: table.KeyAttribute{Name: "r", Type: table.S}, OnDemand: true})
	b.ok(err)
	b.put("tbl", item("k", "a", "r", strings.Repeat("r", 1024)))
	_, err = b.Write(b.ctx, scope, table.Write{Action: table.Put, Table: "tbl", Item: item("k", "a", "r", strings.Repeat("r", 1025))})
	b.refused(err, belfry.Invalid, "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
}

func TestTables(t *testing.T) {
	b := newBench(t)
	b.locks("tbl")
	k := table.KeyAttribute{Name: "k", Type: table.S}
	for want, s := range map[string]struct {
		name string
		set  table.Settings
	}{
		"TableName must be at least 3":                      {"ab", table.Settings{Hash: k, OnDemand: true}},
		"1 validation error detected: Value 'a/b'":          {"a/b", table.Settings{Hash: k, OnDemand: true}},
		"One or more parameter values were invalid: Both":   {"abc", table.Settings{Hash: k, Range: k, OnDemand: true}},
		"One or more parameter values were invalid: A key":  {"abc", table.Settings{Hash: table.KeyAttribute{Name: "k", Type: table.BOOL}, OnDemand: true}},
		"One or more parameter values were invalid: Read":   {"abc", table.Settings{Hash: k}},
		"One or more parameter values were invalid: Neithe": {"abc", table.Settings{Hash: k, OnDemand: true, ReadUnits: 1, WriteUnits: 1}},
		"A tag's key has": {"abc", table.Settings{Hash: k, OnDemand: true, Tags: map[string]string{"": "x"}}},
	} {
		_, err := b.Create(b.ctx, scope, s.name, s.set)
		b.refused(err, belfry.Invalid, want)
	}
	_, err := b.Create(b.ctx, scope, "t-1", table.Settings{Hash: k, OnDemand: true, Protected: true})
	b.ok(err)
	_, err = b.Create(b.ctx, scope, "t-1", table.Settings{Hash: k, OnDemand: true})
	b.refused(err, belfry.Conflict, "Table already exists: t-1")
	_, err = b.Delete(b.ctx, scope, "t-1")
	b.refused(err, belfry.Invalid, "Resource cannot be deleted as it is currently protected")
	_, err = b.Update(b.ctx, scope, "t-1", func(s *table.Settings) error { s.Protected = false; return nil })
	b.ok(err)
	b.put("t-1", item("k", "a"))
	_, err = b.Delete(b.ctx, scope, "t-1")
	b.ok(err)
	_, err = b.Delete(b.ctx, scope, "t-1")
	b.refused(err, belfry.NotFound, "Requested resource not found: Table: t-1 not found")
	_, err = b.Write(b.ctx, scope, table.Write{Action: table.Put, Table: "t-1", Item: item("k", "a")})
	b.refused(err, belfry.NotFound, "Requested resource not found")
	_, err = b.Find(b.ctx, scope, table.Find{Table: "t-1"})
	b.refused(err, belfry.NotFound, "Requested resource not found")
	// The new table of the name is empty, though the old one was in use.
	b.locks("t-1")
	if b.get("t-1", item("k", "a")) != nil {
		t.Fatal("the new table has the old one's item")
	}
}
