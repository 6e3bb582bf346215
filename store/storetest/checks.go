package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

// Checks holds a store to what [monitor.Store] promises of checks, pings, flips
// and projects. open returns an empty store; it closes it when the test ends.
func Checks(t *testing.T, open func(t *testing.T) monitor.Store) {
	for _, c := range []struct {
		name string
		run  func(*checks)
	}{
		{"a check comes back as it was created, by each of its names", (*checks).roundTrip},
		{"a check is not found under what it is not", (*checks).notFound},
		{"create finds the oldest check that is alike", (*checks).like},
		{"of many alike created at once there is one", (*checks).likeRace},
		{"create stops at the limit, and goes on after a delete", (*checks).limit},
		{"of many creates at once as many succeed as there are places", (*checks).limitRace},
		{"checks are listed in the order of creation, in pages", (*checks).list},
		{"checks are listed by slug and by all of several tags", (*checks).filter},
		{"a check is listed by the tags that it has now", (*checks).retagged},
		{"a sum of checks says of each what StatusAt says", (*checks).sums},
		{"the tags of an account are those of its checks, each once", (*checks).tags},
		{"a change stores the state, and settings only when they were edited", (*checks).change},
		{"nothing is written when decide refuses", (*checks).refuse},
		{"a change of a check that is gone is not found", (*checks).changeGone},
		{"many changes at once lose none", (*checks).changeRace},
		{"pings come back newest first, without bodies", (*checks).pings},
		{"a body comes back byte for byte", (*checks).bodies},
		{"old pings go with their bodies", (*checks).keep},
		{"flips come back newest first, those of the subject only", (*checks).flips},
		{"flips are selected by time, both ends included", (*checks).flipTimes},
		{"flips that wait for their alerts are not pruned", (*checks).pruneWaiting},
		{"delete takes everything of the check along and nothing else", (*checks).delete},
		{"due checks are found in the order of their time", (*checks).due},
		{"checks are counted by status", (*checks).count},
		{"a project is made, changed and found by each of its keys", (*checks).project},
		{"a change of a project that fails leaves none", (*checks).projectRefused},
		{"a key belongs to one project", (*checks).projectKeys},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.run(&checks{T: t, Store: open(t), ctx: t.Context()})
		})
	}
}

// checks is one test: a store and what all cases do with it.
type checks struct {
	*testing.T
	monitor.Store
	ctx context.Context
}

const (
	checkAccount  = "111111111111"
	otherAccount  = "222222222222"
	absentCheckID = "00000000-0000-4000-8000-00000000ffff"
	noLimit       = 1 << 30
)

var checkT0 = time.Date(2026, 3, 1, 12, 0, 0, int(123*time.Millisecond), time.UTC)

// numberedCheck returns a check in which nothing is zero.
func numberedCheck(n int) monitor.Check {
	return monitor.Check{
		ID: fmt.Sprintf("00000000-0000-4000-8000-%012x", n), Account: checkAccount, Badge: fmt.Sprintf("00000000-0000-4000-9000-%012x", n),
		Created: checkT0,
		Settings: monitor.Settings{
			Name: fmt.Sprintf("Check %d", n), Slug: fmt.Sprintf("check-%d", n), Tags: "prod  nightly", Desc: "Möwe\n\"quoted\"",
			Kind: monitor.Cron, Timeout: time.Hour, Grace: time.Minute, Schedule: "*/5 * * * *", Timezone: "Europe/Riga",
			ManualResume: true, Methods: "POST", Channels: []string{"a", "b"},
			StartKeywords: "begin", SuccessKeywords: "ok, done", FailureKeywords: "bad",
			FilterSubject: true, FilterBody: true, FilterHTTPBody: true, FilterDefaultFail: true,
		},
		Status: monitor.Up, Since: checkT0.Add(time.Second), Pings: 7, LastPing: checkT0.Add(2 * time.Second),
		LastStart: checkT0.Add(3 * time.Second), LastStartRID: "11111111-0000-4000-8000-000000000000", LastDuration: 5 * time.Millisecond,
		Expected: checkT0.Add(4 * time.Second), AlertAfter: checkT0.Add(5 * time.Second),
	}
}

func (q *checks) ok(err error) {
	q.Helper()
	if err != nil {
		q.Fatal(err)
	}
}

func (q *checks) kind(err error, want belfry.Kind) {
	q.Helper()
	if err == nil || belfry.KindOf(err) != want {
		q.Fatalf("error is %v, want one of kind %v", err, want)
	}
}

func (q *checks) same(got, want any) {
	q.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		q.Fatalf("(-want +got)\n%s", d)
	}
}

// add creates a check.
func (q *checks) add(k monitor.Check) monitor.Check {
	q.Helper()
	stored, created, err := q.CreateCheck(q.ctx, k, monitor.Like{}, noLimit)
	q.ok(err)
	if !created {
		q.Fatalf("%s was not created", k.ID)
	}
	return stored
}

// did changes a check and stores what c says.
func (q *checks) did(id string, c monitor.Change) monitor.Check {
	q.Helper()
	k, err := q.ChangeCheck(q.ctx, id, func(k *monitor.Check) (monitor.Change, error) {
		if c.Ping != nil {
			k.Pings = c.Ping.N
		}
		return c, nil
	})
	q.ok(err)
	return k
}

func (q *checks) roundTrip() {
	full := numberedCheck(1)
	plain := monitor.Check{
		ID: numberedCheck(2).ID, Account: checkAccount, Badge: numberedCheck(2).Badge, Created: checkT0,
		Settings: monitor.DefaultSettings(), Status: monitor.New, Since: checkT0,
	}
	last := int64(0)
	for _, k := range []monitor.Check{full, plain} {
		stored := q.add(k)
		if stored.Number <= last {
			q.Fatalf("number is %d after %d", stored.Number, last)
		}
		last = stored.Number
		k.Number = stored.Number
		q.same(stored, k)
		got, err := q.Check(q.ctx, k.ID)
		q.ok(err)
		q.same(got, k)
		got, err = q.CheckByBadge(q.ctx, k.Badge)
		q.ok(err)
		q.same(got, k)
		// Those in these tests differ only in their end, which a unique key does not tell.
		if k.ID == full.ID {
			got, err = q.CheckByUniqueKey(q.ctx, checkAccount, k.UniqueKey())
			q.ok(err)
			q.same(got, k)
		}
	}
}

func (q *checks) notFound() {
	k := q.add(numberedCheck(1))
	for _, id := range []string{absentCheckID, "", k.ID + " ", k.ID[:35], k.Badge} {
		_, err := q.Check(q.ctx, id)
		q.kind(err, belfry.NotFound)
	}
	for _, badge := range []string{absentCheckID, "", k.ID} {
		_, err := q.CheckByBadge(q.ctx, badge)
		q.kind(err, belfry.NotFound)
	}
	_, err := q.CheckByUniqueKey(q.ctx, otherAccount, k.UniqueKey())
	q.kind(err, belfry.NotFound)
	_, err = q.CheckByUniqueKey(q.ctx, checkAccount, strings.Repeat("0", 40))
	q.kind(err, belfry.NotFound)
}

func (q *checks) like() {
	first, second := numberedCheck(1), numberedCheck(2)
	second.Settings = first.Settings
	first, second = q.add(first), q.add(second)
	for _, c := range []struct {
		like    monitor.Like
		edit    func(*monitor.Check)
		created bool
	}{
		{monitor.Like{Name: true}, func(k *monitor.Check) { k.Slug, k.Tags, k.Timeout, k.Grace = "x", "x", 1, 1 }, false},
		{monitor.Like{Slug: true}, func(k *monitor.Check) { k.Name = "x" }, false},
		{monitor.Like{Name: true, Slug: true, Tags: true, Timeout: true, Grace: true}, func(*monitor.Check) {}, false},
		{monitor.Like{Name: true}, func(k *monitor.Check) { k.Name = "new name" }, true},
		{monitor.Like{Name: true, Slug: true}, func(k *monitor.Check) { k.Slug = "new-slug" }, true},
		{monitor.Like{Tags: true}, func(k *monitor.Check) { k.Tags = "nightly" }, true},
		{monitor.Like{Timeout: true}, func(k *monitor.Check) { k.Timeout += time.Millisecond }, true},
		{monitor.Like{Grace: true}, func(k *monitor.Check) { k.Grace += time.Millisecond }, true},
		{monitor.Like{Slug: true}, func(k *monitor.Check) { k.Account = otherAccount }, true},
		{monitor.Like{}, func(*monitor.Check) {}, true},
	} {
		k := numberedCheck(10)
		k.Settings = first.Settings
		c.edit(&k)
		stored, created, err := q.CreateCheck(q.ctx, k, c.like, noLimit)
		q.ok(err)
		if created != c.created {
			q.Fatalf("like %+v: created is %v", c.like, created)
		}
		if created {
			q.ok(q.DeleteCheck(q.ctx, k.Account, k.ID, "gone", checkT0))
			continue
		}
		q.same(stored, first)
	}
	q.ok(q.DeleteCheck(q.ctx, checkAccount, first.ID, "gone", checkT0))
	stored, _, err := q.CreateCheck(q.ctx, numberedCheck(1), monitor.Like{Name: true}, 0) // no place is needed
	q.ok(err)
	q.same(stored, second)
}

func (q *checks) likeRace() {
	var all sync.WaitGroup
	ids := make([]string, 30)
	for i := range ids {
		all.Go(func() {
			k := numberedCheck(i)
			k.Slug = "one"
			stored, _, err := q.CreateCheck(q.ctx, k, monitor.Like{Slug: true}, noLimit)
			if err != nil {
				q.Error(err)
			}
			ids[i] = stored.ID
		})
	}
	all.Wait()
	if slices.Sort(ids); ids[0] != ids[len(ids)-1] {
		q.Fatalf("there are several: %v", slices.Compact(ids))
	}
}

func (q *checks) limit() {
	for i := range 2 {
		_, _, err := q.CreateCheck(q.ctx, numberedCheck(i), monitor.Like{}, 2)
		q.ok(err)
	}
	_, _, err := q.CreateCheck(q.ctx, numberedCheck(2), monitor.Like{}, 2)
	q.kind(err, belfry.Quota)
	_, err = q.Check(q.ctx, numberedCheck(2).ID)
	q.kind(err, belfry.NotFound)
	other := numberedCheck(3)
	other.Account = otherAccount
	q.add(other)
	q.ok(q.DeleteCheck(q.ctx, checkAccount, numberedCheck(0).ID, "gone", checkT0))
	_, _, err = q.CreateCheck(q.ctx, numberedCheck(2), monitor.Like{}, 2)
	q.ok(err)
}

func (q *checks) limitRace() {
	errs := make([]error, 20)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, _, errs[i] = q.CreateCheck(q.ctx, numberedCheck(i), monitor.Like{}, 7) })
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		q.kind(err, belfry.Quota)
	}
	if won != 7 {
		q.Fatalf("%d were created, want 7", won)
	}
}

func (q *checks) list() {
	var want []monitor.Check
	for i := range 5 {
		want = append(want, q.add(numberedCheck(9-i)))
		other := numberedCheck(20 + i)
		other.Account = otherAccount
		q.add(other)
	}
	var got []monitor.Check
	for after := int64(0); ; {
		page, err := q.ListChecks(q.ctx, monitor.CheckQuery{Account: checkAccount, After: after, Limit: 2})
		q.ok(err)
		if len(page) == 0 {
			break
		}
		if len(page) > 2 {
			q.Fatalf("a page of 2 has %d", len(page))
		}
		got = append(got, page...)
		after = page[len(page)-1].Number
	}
	q.same(got, want)
	none, err := q.ListChecks(q.ctx, monitor.CheckQuery{Account: "333333333333", Limit: 9})
	q.ok(err)
	q.same(none, []monitor.Check{})
}

func (q *checks) retagged() {
	k := numberedCheck(1)
	k.Tags = "a b b"
	k = q.add(k)
	listed := func(want string) {
		q.Helper()
		var by []string
		for _, tag := range []string{"a", "b", "c", "ä"} {
			list, err := q.ListChecks(q.ctx, monitor.CheckQuery{Account: checkAccount, Tags: []string{tag}, Limit: 9})
			q.ok(err)
			for range list {
				by = append(by, tag)
			}
		}
		q.same(strings.Join(by, " "), want)
	}
	listed("a b")
	edit := func(tags string, edited bool) {
		q.Helper()
		_, err := q.ChangeCheck(q.ctx, k.ID, func(k *monitor.Check) (monitor.Change, error) {
			k.Tags = tags
			return monitor.Change{Edited: edited}, nil
		})
		q.ok(err)
	}
	edit("c\ta\u00a0ä", true)
	listed("a c ä")
	edit("b", false)
	listed("a c ä")
	list, err := q.ListChecks(q.ctx, monitor.CheckQuery{Account: otherAccount, Tags: []string{"a"}, Limit: 9})
	q.ok(err)
	q.same(len(list), 0)
	edit("a", true)
	listed("a")
	q.ok(q.DeleteCheck(q.ctx, checkAccount, k.ID, "gone", checkT0))
	listed("")
}

func (q *checks) filter() {
	tags := map[int]string{1: "a b", 2: "b c", 3: "ab", 4: "c  a\tb"}
	for i := 1; i <= 4; i++ {
		k := numberedCheck(i)
		k.Tags, k.Slug = tags[i], []string{"even", "odd"}[i%2]
		q.add(k)
	}
	for _, c := range []struct {
		slug string
		tags []string
		want []int
	}{
		{"", []string{"a"}, []int{1, 4}},
		{"", []string{"b", "a"}, []int{1, 4}},
		{"", []string{"c"}, []int{2, 4}},
		{"", []string{"a", "d"}, nil},
		{"odd", nil, []int{1, 3}},
		{"even", []string{"a"}, []int{4}},
		{"eve", nil, nil},
	} {
		list, err := q.ListChecks(q.ctx, monitor.CheckQuery{Account: checkAccount, Slug: c.slug, Tags: c.tags, Limit: 9})
		q.ok(err)
		var got, want []string
		for _, k := range list {
			got = append(got, k.ID)
		}
		for _, n := range c.want {
			want = append(want, numberedCheck(n).ID)
		}
		q.same(got, want)
	}
}

// sums has a check in each state, and at each side of each time that matters.
func (q *checks) sums() {
	now := checkT0.Add(time.Hour)
	times := []time.Time{{}, now.Add(-time.Minute - time.Millisecond), now.Add(-time.Minute), now.Add(-time.Minute + time.Millisecond), now, now.Add(time.Millisecond)}
	want := map[string]map[monitor.Status]int64{"": {}, "even": {}, "third": {}}
	n := 0
	for _, status := range []monitor.Status{monitor.New, monitor.Up, monitor.Down, monitor.Paused} {
		for _, started := range times {
			for _, expected := range times {
				n++
				k := numberedCheck(n)
				k.Status, k.LastStart, k.Expected, k.Grace, k.Tags = status, started, expected, time.Minute, "x"
				for tag, every := range map[string]int{"even": 2, "third": 3} {
					if n%every == 0 {
						k.Tags += " " + tag
						want[tag][k.StatusAt(now)]++
					}
				}
				want[""][k.StatusAt(now)]++
				q.add(k)
			}
		}
	}
	other := numberedCheck(n + 1)
	other.Account, other.Tags = otherAccount, "even"
	q.add(other)
	for tag, w := range want {
		got, err := q.SumChecks(q.ctx, checkAccount, tag, now)
		q.ok(err)
		q.same(got, w)
	}
	if w := want[""]; len(w) != 5 {
		q.Fatalf("the checks have the states %v, want all five", w)
	}
	for account, tag := range map[string]string{checkAccount: "none", "333333333333": ""} {
		got, err := q.SumChecks(q.ctx, account, tag, now)
		q.ok(err)
		q.same(got, map[monitor.Status]int64{})
	}
}

func (q *checks) tags() {
	for i, tags := range []string{"b a", "", "ä b"} {
		k := numberedCheck(i)
		k.Tags = tags
		q.add(k)
	}
	other := numberedCheck(9)
	other.Account, other.Tags = otherAccount, "c"
	q.add(other)
	tags, err := q.CheckTags(q.ctx, checkAccount)
	q.ok(err)
	q.same(tags, []string{"a", "b", "ä"})
	q.ok(q.DeleteCheck(q.ctx, checkAccount, numberedCheck(0).ID, "gone", checkT0))
	tags, err = q.CheckTags(q.ctx, checkAccount)
	q.ok(err)
	q.same(tags, []string{"b", "ä"})
}

func (q *checks) change() {
	stored := q.add(numberedCheck(1))
	untouched := q.add(numberedCheck(2))
	next := stored
	next.Status, next.Since, next.Pings, next.LastPing = monitor.Down, checkT0.Add(time.Hour), 8, checkT0.Add(2*time.Hour)
	next.LastStart, next.LastStartRID, next.LastDuration = time.Time{}, "", 9*time.Second
	next.Expected, next.AlertAfter = time.Time{}, time.Time{}
	change := func(change monitor.Change) {
		q.Helper()
		got, err := q.ChangeCheck(q.ctx, stored.ID, func(k *monitor.Check) (monitor.Change, error) {
			*k = next
			return change, nil
		})
		q.ok(err)
		q.same(got, next)
		got, err = q.Check(q.ctx, stored.ID)
		q.ok(err)
		q.same(got, next)
	}
	change(monitor.Change{})
	next.Settings = monitor.Settings{Name: "other", Slug: "other", Kind: monitor.Simple, Timeout: time.Minute, Grace: 2 * time.Minute, Timezone: "UTC"}
	change(monitor.Change{Edited: true})

	list, err := q.ListChecks(q.ctx, monitor.CheckQuery{Account: checkAccount, Slug: "other", Limit: 9})
	q.ok(err)
	q.same(list, []monitor.Check{next})
	got, err := q.Check(q.ctx, untouched.ID)
	q.ok(err)
	q.same(got, untouched)
}

func (q *checks) refuse() {
	stored := q.add(numberedCheck(1))
	refusal := belfry.Errorf(belfry.Invalid, "name", "no")
	_, err := q.ChangeCheck(q.ctx, stored.ID, func(k *monitor.Check) (monitor.Change, error) {
		k.Status, k.Name = monitor.Down, "x"
		return monitor.Change{Edited: true, Ping: &monitor.Ping{N: 8, At: checkT0}, Keep: 9, Flips: []monitor.Flip{{Subject: k.Subject(), At: checkT0}}}, refusal
	})
	if !errors.Is(err, refusal) {
		q.Fatalf("error is %v, want decide's own", err)
	}
	got, err := q.Check(q.ctx, stored.ID)
	q.ok(err)
	q.same(got, stored)
	pings, err := q.ListPings(q.ctx, stored.ID, 9)
	q.ok(err)
	q.same(pings, []monitor.Ping{})
	q.same(q.flipsOf(stored.Subject()), []monitor.Flip{})
}

func (q *checks) changeGone() {
	_, err := q.ChangeCheck(q.ctx, absentCheckID, func(*monitor.Check) (monitor.Change, error) {
		q.Error("decide was called")
		return monitor.Change{}, nil
	})
	q.kind(err, belfry.NotFound)
}

func (q *checks) changeRace() {
	k := numberedCheck(1)
	k.Pings = 0
	q.add(k)
	const n = 50
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			_, err := q.ChangeCheck(q.ctx, k.ID, func(k *monitor.Check) (monitor.Change, error) {
				k.Pings++
				return monitor.Change{Ping: &monitor.Ping{N: k.Pings, At: checkT0, Action: monitor.PingLog}, Keep: 100}, nil
			})
			if err != nil {
				q.Error(err)
			}
		})
	}
	all.Wait()
	got, err := q.Check(q.ctx, k.ID)
	q.ok(err)
	pings, err := q.ListPings(q.ctx, k.ID, 2*n)
	q.ok(err)
	if got.Pings != n || len(pings) != n || pings[0].N != n || pings[n-1].N != 1 {
		q.Fatalf("%d pings are counted and %d listed, want %d", got.Pings, len(pings), n)
	}
}
