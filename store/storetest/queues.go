package storetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/queue"
)

// Queues holds a store to what [queue.Store] promises. open returns an empty
// store, or one in which no scope of the suite has been used; it closes it when
// the test ends.
func Queues(t *testing.T, open func(t *testing.T) queue.Store) {
	for _, c := range []struct {
		name string
		run  func(*queues)
	}{
		{"create returns what was stored", (*queues).create},
		{"create of a name that is there returns the first queue", (*queues).createTwice},
		{"of many creates at once exactly one made the queue", (*queues).createRace},
		{"a queue is found under its own scope and name only", (*queues).find},
		{"queues are listed by prefix in the order of names", (*queues).list},
		{"update replaces and counts revisions", (*queues).update},
		{"update of an old revision is a conflict", (*queues).updateConflict},
		{"update and delete of a queue that is gone is not found", (*queues).gone},
		{"a queue created again under the name is another, and empty", (*queues).recreate},
		{"purge empties, and not again too soon", (*queues).purge},
		{"contents that are gone refuse everything", (*queues).staleContents},
		{"a message comes back as it was sent", (*queues).roundTrip},
		{"messages come about in the order of time", (*queues).order},
		{"a claim takes no more than its maximum", (*queues).maximum},
		{"a claim hands out no more bytes than it has room for", (*queues).bytes},
		{"a delayed message is not there until its time", (*queues).delay},
		{"a claimed message is hidden until its time, and counts its receives", (*queues).visibility},
		{"a visibility timeout of zero hands a message out once a claim", (*queues).zeroVisibility},
		{"an empty claim says when to ask again", (*queues).next},
		{"claims at once never share a message", (*queues).claimRace},
		{"delete is idempotent and needs no timing", (*queues).remove},
		{"visibility changes only for the latest receive", (*queues).changeVisibility},
		{"a message at its maximum of receives moves to the dead letters", (*queues).deadLetter},
		{"a claim looks past dead letters for messages", (*queues).deadLetterThenMore},
		{"without dead-letter contents the message is handed out", (*queues).deadLetterGone},
		{"an expired message is not handed out or counted", (*queues).expired},
		{"counts tell the states apart", (*queues).counts},
		{"sweep removes expired messages in steps", (*queues).sweepExpired},
		{"sweep removes what deleted and purged queues held", (*queues).sweepDead},
		{"sweep leaves everything else", (*queues).sweepNothing},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.run(&queues{T: t, Store: open(t), ctx: t.Context()})
		})
	}
}

// queues is one test: a store and what all cases do with it.
type queues struct {
	*testing.T
	queue.Store
	ctx context.Context
	seq int
}

var (
	queueScope = belfry.Scope{Account: "000000000000", Region: "eu-west-1"}
	queueT0    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func at(seconds int) time.Time { return queueT0.Add(time.Duration(seconds) * time.Second) }

func newQueue(name string) queue.Queue {
	return queue.Queue{
		Scope: queueScope, Name: name,
		Attributes: map[string]string{"VisibilityTimeout": "45", "MessageRetentionPeriod": "3600"},
		Tags:       map[string]string{"team": "a"},
		Secret:     [16]byte{1, 2, 3}, Created: queueT0, Modified: queueT0,
	}
}

func (q *queues) ok(err error) {
	q.Helper()
	if err != nil {
		q.Fatal(err)
	}
}

func (q *queues) kind(err error, want belfry.Kind) {
	q.Helper()
	if err == nil || belfry.KindOf(err) != want {
		q.Fatalf("error is %v, want one of kind %v", err, want)
	}
}

func (q *queues) same(got, want any) {
	q.Helper()
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(queue.Queue{}), cmpopts.EquateEmpty()); d != "" {
		q.Fatalf("(-want +got)\n%s", d)
	}
}

// make creates a queue.
func (q *queues) make(name string) queue.Queue {
	q.Helper()
	n := newQueue(name)
	q.ok(n.Parse())
	stored, created, err := q.CreateQueue(q.ctx, n)
	q.ok(err)
	if !created {
		q.Fatalf("queue %s is there already", name)
	}
	return stored
}

// message returns one sent at a time, visible at once.
func (q *queues) message(sent time.Time, body string) queue.Stored {
	q.seq++
	id := queue.FloorID(sent.Add(-time.Millisecond))
	id[6] = 0x70 | byte(q.seq>>8)
	id[7] = byte(q.seq)
	id[8] = 0x80
	return queue.Stored{ID: id, Body: body, Sender: "000000000000", Visible: sent}
}

// send sends one message for each body, a millisecond apart.
func (q *queues) send(c queue.Contents, sent time.Time, bodies ...string) (ids []queue.ID) {
	q.Helper()
	var msgs []queue.Stored
	for i, b := range bodies {
		m := q.message(sent.Add(time.Duration(i)*time.Millisecond), b)
		msgs, ids = append(msgs, m), append(ids, m.ID)
	}
	q.ok(q.Send(q.ctx, c, msgs))
	return ids
}

// claim takes up to n messages at a time, hidden for 30 s.
func (q *queues) claim(c queue.Contents, now time.Time, n int) queue.Claimed {
	q.Helper()
	return q.claimAs(queue.Claim{Contents: c, Max: n, Now: now, Until: now.Add(30 * time.Second)})
}

func (q *queues) claimAs(c queue.Claim) queue.Claimed {
	q.Helper()
	if c.Cutoff.IsZero() {
		c.Cutoff = c.Now.Add(-time.Hour)
	}
	got, err := q.Receive(q.ctx, c)
	q.ok(err)
	return got
}

func bodies(c queue.Claimed) string {
	var b []string
	for _, m := range c.Messages {
		b = append(b, m.Body)
	}
	return strings.Join(b, " ")
}

func (q *queues) count(c queue.Contents, now time.Time) queue.Counts {
	q.Helper()
	n, err := q.Counts(q.ctx, c, now, now.Add(-time.Hour))
	q.ok(err)
	return n
}

func (q *queues) create() {
	got := q.make("a")
	want := newQueue("a")
	want.ID, want.Contents, want.Revision = got.ID, got.Contents, 1
	q.same(got, want)
	if got.ID == 0 || got.Contents == 0 {
		q.Fatalf("ID %d and Contents %d must be set", got.ID, got.Contents)
	}
	if got.Retention() != time.Hour {
		q.Fatalf("the stored queue's retention is %v: it has not been parsed", got.Retention())
	}
	found, err := q.Queue(q.ctx, queueScope, "a")
	q.ok(err)
	q.same(found, want)
}

func (q *queues) createTwice() {
	first := q.make("a")
	second := newQueue("a")
	second.Attributes = map[string]string{"DelaySeconds": "1"}
	got, created, err := q.CreateQueue(q.ctx, second)
	q.ok(err)
	if created {
		q.Fatal("the second create says that it made the queue")
	}
	q.same(got, first)
}

func (q *queues) createRace() {
	var wg sync.WaitGroup
	var mu sync.Mutex
	made, ids := 0, map[queue.QueueID]bool{}
	for range 8 {
		wg.Go(func() {
			got, created, err := q.CreateQueue(q.ctx, newQueue("a"))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				q.Error(err)
			}
			if created {
				made++
			}
			ids[got.ID] = true
		})
	}
	wg.Wait()
	if made != 1 || len(ids) != 1 {
		q.Fatalf("%d creates made a queue and answered %d ids, want 1 and 1", made, len(ids))
	}
}

func (q *queues) find() {
	q.make("a")
	for _, c := range []struct {
		scope belfry.Scope
		name  string
	}{
		{queueScope, "A"},
		{queueScope, "b"},
		{belfry.Scope{Account: "000000000000", Region: "eu-west-2"}, "a"},
		{belfry.Scope{Account: "111111111111", Region: "eu-west-1"}, "a"},
	} {
		_, err := q.Queue(q.ctx, c.scope, c.name)
		q.kind(err, belfry.NotFound)
	}
}

func (q *queues) list() {
	for _, n := range []string{"b-2", "a", "b-1", "b-10", "b", "c", "B"} {
		q.make(n)
	}
	other := newQueue("b-3")
	other.Region = "eu-west-2"
	_, _, err := q.CreateQueue(q.ctx, other)
	q.ok(err)
	for _, c := range []struct {
		prefix, after string
		limit         int
		want          string
	}{
		{"", "", 100, "B a b b-1 b-10 b-2 c"},
		{"", "", 3, "B a b"},
		{"", "b", 2, "b-1 b-10"},
		{"b", "", 100, "b b-1 b-10 b-2"},
		{"b-1", "", 100, "b-1 b-10"},
		{"b", "b-10", 100, "b-2"},
		{"a", "b", 100, ""},
		{"z", "", 100, ""},
	} {
		list, err := q.Queues(q.ctx, queueScope, c.prefix, c.after, c.limit)
		q.ok(err)
		var names []string
		for _, x := range list {
			names = append(names, x.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			q.Errorf("prefix %q after %q limit %d: %q, want %q", c.prefix, c.after, c.limit, got, c.want)
		}
	}
}

func (q *queues) update() {
	a := q.make("a")
	a.Attributes = map[string]string{"MessageRetentionPeriod": "60"}
	a.Tags = map[string]string{"x": "y"}
	a.Modified = at(5)
	q.ok(a.Parse())
	q.ok(q.UpdateQueue(q.ctx, a))
	got, err := q.Queue(q.ctx, queueScope, "a")
	q.ok(err)
	a.Revision = 2
	q.same(got, a)
	// The sweep goes by the new retention.
	q.send(a.Contents, at(0), "m")
	n, err := q.Sweep(q.ctx, at(60), 10)
	q.ok(err)
	q.same(n, 1)
}

func (q *queues) updateConflict() {
	a := q.make("a")
	q.ok(q.UpdateQueue(q.ctx, a))
	b := a
	b.Attributes = map[string]string{"DelaySeconds": "1"}
	q.kind(q.UpdateQueue(q.ctx, b), belfry.Conflict)
	got, err := q.Queue(q.ctx, queueScope, "a")
	q.ok(err)
	a.Revision = 2
	q.same(got, a)
}

func (q *queues) gone() {
	a := q.make("a")
	q.ok(q.DeleteQueue(q.ctx, a.ID))
	q.kind(q.DeleteQueue(q.ctx, a.ID), belfry.NotFound)
	q.kind(q.UpdateQueue(q.ctx, a), belfry.NotFound)
	_, err := q.PurgeQueue(q.ctx, a.ID, at(0), at(-60))
	q.kind(err, belfry.NotFound)
	_, err = q.Queue(q.ctx, queueScope, "a")
	q.kind(err, belfry.NotFound)
}

func (q *queues) recreate() {
	a := q.make("a")
	q.send(a.Contents, at(0), "m")
	q.ok(q.DeleteQueue(q.ctx, a.ID))
	b := q.make("a")
	if b.ID == a.ID || b.Contents == a.Contents {
		q.Fatalf("the new queue has ID %d and Contents %d, the old one had %d and %d", b.ID, b.Contents, a.ID, a.Contents)
	}
	q.same(bodies(q.claim(b.Contents, at(1), 10)), "")
	q.same(q.count(b.Contents, at(1)), queue.Counts{})
}

func (q *queues) purge() {
	a := q.make("a")
	q.send(a.Contents, at(0), "m", "n")
	q.claim(a.Contents, at(0), 1)
	purged, err := q.PurgeQueue(q.ctx, a.ID, at(100), at(40))
	q.ok(err)
	q.same(purged, true)
	b, err := q.Queue(q.ctx, queueScope, "a")
	q.ok(err)
	if b.ID != a.ID || b.Contents == a.Contents {
		q.Fatalf("after the purge ID is %d and Contents %d; before %d and %d", b.ID, b.Contents, a.ID, a.Contents)
	}
	q.same(b.Purged, at(100))
	q.same(q.count(b.Contents, at(200)), queue.Counts{})
	q.send(b.Contents, at(100), "after")
	purged, err = q.PurgeQueue(q.ctx, a.ID, at(159), at(99))
	q.ok(err)
	q.same(purged, false)
	q.same(bodies(q.claim(b.Contents, at(160), 10)), "after")
	purged, err = q.PurgeQueue(q.ctx, a.ID, at(160), at(100))
	q.ok(err)
	q.same(purged, true)
}

func (q *queues) staleContents() {
	deleted, purged := q.make("deleted"), q.make("purged")
	id := q.send(purged.Contents, at(0), "m")[0]
	q.ok(q.DeleteQueue(q.ctx, deleted.ID))
	_, err := q.PurgeQueue(q.ctx, purged.ID, at(1), at(-59))
	q.ok(err)
	for _, c := range []queue.Contents{deleted.Contents, purged.Contents} {
		q.kind(q.Send(q.ctx, c, []queue.Stored{q.message(at(2), "x")}), belfry.NotFound)
		_, err := q.Receive(q.ctx, queue.Claim{Contents: c, Max: 1, Now: at(2), Until: at(3)})
		q.kind(err, belfry.NotFound)
		q.kind(q.Delete(q.ctx, c, []queue.ID{id}), belfry.NotFound)
		_, err = q.ChangeVisibility(q.ctx, c, []queue.VisibilityChange{{ID: id, Receives: 1, Until: at(3)}})
		q.kind(err, belfry.NotFound)
		_, err = q.Counts(q.ctx, c, at(2), at(0))
		q.kind(err, belfry.NotFound)
	}
}

func (q *queues) roundTrip() {
	a := q.make("a")
	plain, full := q.message(at(0), "plain"), q.message(at(1), "body with \u20ac and \U0001F514")
	full.Attributes = []byte{0, 1, 2, 255}
	full.Trace, full.Group, full.Sender = "Root=1", "g", "111111111111"
	large := q.message(at(2), strings.Repeat("x", 1<<20))
	want := []queue.Stored{plain, full, large}
	q.ok(q.Send(q.ctx, a.Contents, want))
	got := q.claim(a.Contents, at(3), 10)
	for i := range want {
		want[i].Visible, want[i].Receives, want[i].FirstReceived = at(33), 1, at(3)
	}
	q.same(got.Messages, want)
	again := q.claim(a.Contents, at(40), 10)
	for i := range want {
		want[i].Visible, want[i].Receives = at(70), 2
	}
	q.same(again.Messages, want)
}

func (q *queues) order() {
	a := q.make("a")
	q.send(a.Contents, at(10), "b")
	q.send(a.Contents, at(0), "a")
	q.send(a.Contents, at(20), "c")
	q.same(bodies(q.claim(a.Contents, at(20), 1)), "a") // visible again at 50
	q.send(a.Contents, at(49), "d")
	q.send(a.Contents, at(51), "e")
	q.same(bodies(q.claim(a.Contents, at(60), 10)), "b c d a e")
}

func (q *queues) maximum() {
	a := q.make("a")
	q.send(a.Contents, at(0), "a", "b", "c", "d", "e")
	q.same(bodies(q.claim(a.Contents, at(1), 2)), "a b")
	q.same(bodies(q.claim(a.Contents, at(1), 10)), "c d e")
}

func (q *queues) bytes() {
	a, dead := q.make("a"), q.make("dead")
	claim := func(now, n int, part bool) queue.Claimed {
		return q.claimAs(queue.Claim{
			Contents: a.Contents, Max: 10, Now: at(now), Until: at(now), Bytes: n, Part: part, MaxReceives: 3, DeadLetter: dead.Contents,
		})
	}
	m := q.message(at(0), "123")
	m.Attributes = []byte("45") // they count too
	q.ok(q.Send(q.ctx, a.Contents, []queue.Stored{m}))
	q.send(a.Contents, at(1), "678", "9012345", "6")
	got := claim(2, 15, false)
	q.same([]any{bodies(got), got.Needs, got.More}, []any{"", 16, true})
	q.same(bodies(claim(3, 16, false)), "123 678 9012345 6")
	got = claim(4, 15, true)
	q.same([]any{bodies(got), got.Needs, got.More}, []any{"123 678 9012345", 0, true})
	q.same(bodies(claim(5, 1, true)), "6") // it was received before the others, which came at 4
	q.same(bodies(claim(5, 1, true)), "123")
	q.same(bodies(claim(6, 0, false)), "678 9012345 6") // 123 has moved, and counts for nothing
	got = claim(7, 1, false)
	q.same([]any{bodies(got), got.DeadLettered}, []any{"", 3})
}

func (q *queues) delay() {
	a := q.make("a")
	m := q.message(at(0), "late")
	m.Visible = at(10)
	q.ok(q.Send(q.ctx, a.Contents, []queue.Stored{m}))
	q.same(bodies(q.claim(a.Contents, at(10).Add(-time.Millisecond), 10)), "")
	q.same(bodies(q.claim(a.Contents, at(10), 10)), "late")
}

func (q *queues) visibility() {
	a := q.make("a")
	q.send(a.Contents, at(0), "m")
	q.same(q.claim(a.Contents, at(1), 1).Messages[0].Receives, 1)
	q.same(bodies(q.claim(a.Contents, at(31).Add(-time.Millisecond), 1)), "")
	m := q.claim(a.Contents, at(31), 1).Messages[0]
	q.same(m.Receives, 2)
	q.same(m.FirstReceived, at(1))
	q.same(m.Visible, at(61))
}

func (q *queues) zeroVisibility() {
	a := q.make("a")
	q.send(a.Contents, at(0), "a", "b")
	for want := 1; want <= 3; want++ {
		got := q.claimAs(queue.Claim{Contents: a.Contents, Max: 10, Now: at(1), Until: at(1)})
		if len(got.Messages) != 2 || got.Messages[0].Receives != want {
			q.Fatalf("claim %d got %+v", want, got.Messages)
		}
	}
}

func (q *queues) next() {
	a := q.make("a")
	q.same(q.claim(a.Contents, at(0), 1), queue.Claimed{})
	late := q.message(at(0), "late")
	late.Visible = at(100)
	q.ok(q.Send(q.ctx, a.Contents, []queue.Stored{late}))
	q.next1(a.Contents, at(1), at(100))
	q.send(a.Contents, at(1), "m")
	q.claim(a.Contents, at(10), 1)
	q.next1(a.Contents, at(11), at(40))
}

// next1 wants an empty claim whose Next is not later than want, and not past.
func (q *queues) next1(c queue.Contents, now, want time.Time) {
	q.Helper()
	got := q.claim(c, now, 1)
	if len(got.Messages) != 0 || got.More || !got.Next.After(now) || got.Next.After(want) {
		q.Fatalf("claim is %+v, want it empty with Next after %v, at most %v", got, now, want)
	}
}

func (q *queues) claimRace() {
	const messages, receivers = 300, 8
	a := q.make("a")
	for i := range messages / 10 {
		var b []string
		for j := range 10 {
			b = append(b, fmt.Sprint(i*10+j))
		}
		q.send(a.Contents, at(0).Add(time.Duration(i)*10*time.Millisecond), b...)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]int{}
	for r := range receivers {
		wg.Go(func() {
			for {
				got, err := q.Receive(q.ctx, queue.Claim{Contents: a.Contents, Max: 1 + r, Now: at(60), Until: at(90), Cutoff: at(-1)})
				if err != nil {
					q.Error(err)
					return
				}
				if len(got.Messages) == 0 {
					return
				}
				mu.Lock()
				for _, m := range got.Messages {
					seen[m.Body]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for body, n := range seen {
		if n != 1 {
			q.Errorf("message %s was handed out %d times", body, n)
		}
	}
	q.same(len(seen), messages)
}

func (q *queues) remove() {
	a, b := q.make("a"), q.make("b")
	ids := q.send(a.Contents, at(0), "a", "b", "c")
	q.claim(a.Contents, at(1), 10)
	q.ok(q.Delete(q.ctx, b.Contents, ids)) // another queue's ids are nothing to it
	q.ok(q.Delete(q.ctx, a.Contents, ids[:1]))
	q.ok(q.Delete(q.ctx, a.Contents, ids[:1]))
	q.same(q.count(a.Contents, at(2)), queue.Counts{InFlight: 2})
	// After the time-out, and after another receive, it still goes.
	q.claim(a.Contents, at(31), 1)
	q.ok(q.Delete(q.ctx, a.Contents, ids[1:]))
	q.same(q.count(a.Contents, at(100)), queue.Counts{})
	q.same(bodies(q.claim(a.Contents, at(100), 10)), "")
}

func (q *queues) changeVisibility() {
	a := q.make("a")
	ids := q.send(a.Contents, at(0), "a", "b")
	q.claim(a.Contents, at(1), 10)
	change := func(id queue.ID, receives, until int) bool {
		q.Helper()
		got, err := q.ChangeVisibility(q.ctx, a.Contents, []queue.VisibilityChange{
			{ID: queue.ID{1}, Receives: 1, Until: at(until)}, {ID: id, Receives: receives, Until: at(until)},
		})
		q.ok(err)
		if len(got) != 2 || got[0] {
			q.Fatalf("changed is %v; the first message does not exist", got)
		}
		return got[1]
	}
	q.same(change(ids[0], 1, 5), true)   // shorter
	q.same(change(ids[1], 1, 100), true) // longer
	q.same(bodies(q.claim(a.Contents, at(4), 10)), "")
	q.same(bodies(q.claim(a.Contents, at(5), 10)), "a")
	q.same(change(ids[0], 1, 6), false) // somebody else has it now
	q.same(bodies(q.claim(a.Contents, at(34), 10)), "")
	q.same(bodies(q.claim(a.Contents, at(99), 10)), "a")
	q.same(bodies(q.claim(a.Contents, at(100), 10)), "b")
	q.same(change(ids[1], 2, 300), true)
	q.same(change(ids[1], 2, 200), true) // twice by the same receiver
	q.ok(q.Delete(q.ctx, a.Contents, ids[:1]))
	q.same(change(ids[0], 3, 300), false) // gone
	q.same(bodies(q.claim(a.Contents, at(200), 10)), "b")
	q.same(change(ids[1], 3, 400), true)
	q.same(bodies(q.claim(a.Contents, at(399), 10)), "")
}

// redrive is a claim that dead-letters after two receives.
func redrive(from, to queue.Contents, now time.Time, n int) queue.Claim {
	return queue.Claim{
		Contents: from, Max: n, Now: now, Until: now.Add(30 * time.Second),
		MaxReceives: 2, DeadLetter: to, Source: "arn:source",
	}
}

func (q *queues) deadLetter() {
	a, dead := q.make("a"), q.make("dead")
	m := q.message(at(0), "poison")
	m.Attributes = []byte{9}
	q.ok(q.Send(q.ctx, a.Contents, []queue.Stored{m}))
	for i := range 2 {
		q.same(bodies(q.claimAs(redrive(a.Contents, dead.Contents, at(1+i*30), 10))), "poison")
	}
	got := q.claimAs(redrive(a.Contents, dead.Contents, at(61), 10))
	q.same(bodies(got), "")
	q.same(got.DeadLettered, 1)
	q.same(q.count(a.Contents, at(61)), queue.Counts{})
	q.same(q.count(dead.Contents, at(61)), queue.Counts{Visible: 1})
	moved := q.claim(dead.Contents, at(61), 10).Messages
	m.Source, m.Receives, m.Earlier, m.FirstReceived, m.Visible = "arn:source", 1, 2, at(1), at(91)
	q.same(moved, []queue.Stored{m})
	// What was received before does not count against the dead letters' own policy,
	// and goes on being counted when they move on too.
	end := q.make("end")
	q.same(bodies(q.claimAs(redrive(dead.Contents, end.Contents, at(91), 10))), "poison")
	q.same(q.claimAs(redrive(dead.Contents, end.Contents, at(121), 10)).DeadLettered, 1)
	m.Earlier, m.Visible = 4, at(151)
	q.same(q.claim(end.Contents, at(121), 10).Messages, []queue.Stored{m})
	q.ok(q.Delete(q.ctx, end.Contents, []queue.ID{m.ID}))
	q.ok(q.Delete(q.ctx, dead.Contents, []queue.ID{m.ID}))
	q.same(q.count(dead.Contents, at(200)), queue.Counts{})
}

func (q *queues) deadLetterThenMore() {
	a, dead := q.make("a"), q.make("dead")
	var poison []string
	for i := range 25 {
		poison = append(poison, fmt.Sprint("p", i))
	}
	q.send(a.Contents, at(0), poison...)
	for i := range 2 {
		for range 3 {
			q.claimAs(redrive(a.Contents, dead.Contents, at(1+i*30), 10))
		}
	}
	q.send(a.Contents, at(62), "good", "better")
	var got []string
	moved := 0
	for {
		c := q.claimAs(redrive(a.Contents, dead.Contents, at(70), 10))
		moved += c.DeadLettered
		for _, m := range c.Messages {
			got = append(got, m.Body)
		}
		if len(c.Messages) == 0 && !c.More {
			break
		}
	}
	q.same(got, []string{"good", "better"})
	q.same(moved, 25)
	q.same(q.count(dead.Contents, at(70)), queue.Counts{Visible: 25})
}

func (q *queues) deadLetterGone() {
	a, dead := q.make("a"), q.make("dead")
	q.send(a.Contents, at(0), "poison")
	q.ok(q.DeleteQueue(q.ctx, dead.ID))
	for i := range 4 {
		got := q.claimAs(redrive(a.Contents, dead.Contents, at(1+i*30), 10))
		q.same(bodies(got), "poison")
		q.same(got.DeadLettered, 0)
	}
}

func (q *queues) expired() {
	a := q.make("a")
	q.send(a.Contents, at(0), "received", "old")
	q.claim(a.Contents, at(1), 1)
	q.send(a.Contents, at(10), "young")
	now := at(3600).Add(time.Millisecond) // both of the first have had their hour
	q.same(q.count(a.Contents, now), queue.Counts{Visible: 1})
	got := q.claimAs(queue.Claim{Contents: a.Contents, Max: 10, Now: now, Until: now.Add(time.Second), Cutoff: now.Add(-time.Hour)})
	q.same(bodies(got), "young")
	q.same(q.count(a.Contents, now), queue.Counts{InFlight: 1})
	// To the millisecond: sent at the cutoff is expired, one later is not.
	b := q.make("b")
	q.send(b.Contents, at(0), "at", "after")
	q.same(bodies(q.claimAs(queue.Claim{Contents: b.Contents, Max: 10, Now: at(5), Until: at(6), Cutoff: at(0)})), "after")
}

func (q *queues) counts() {
	a := q.make("a")
	q.same(q.count(a.Contents, at(0)), queue.Counts{})
	q.send(a.Contents, at(0), "a", "b", "c", "d", "e", "f")
	late := q.message(at(0), "late")
	late.Visible = at(100)
	q.ok(q.Send(q.ctx, a.Contents, []queue.Stored{late}))
	q.claim(a.Contents, at(1), 2)
	q.same(q.count(a.Contents, at(1)), queue.Counts{Visible: 4, InFlight: 2, Delayed: 1})
	q.same(q.count(a.Contents, at(31).Add(-time.Millisecond)), queue.Counts{Visible: 4, InFlight: 2, Delayed: 1})
	q.same(q.count(a.Contents, at(31)), queue.Counts{Visible: 6, Delayed: 1})
	q.same(q.count(a.Contents, at(100)), queue.Counts{Visible: 7})
}

func (q *queues) sweepExpired() {
	a := q.make("a") // keeps messages for an hour
	q.send(a.Contents, at(0), "a", "b", "c", "d", "e")
	q.claim(a.Contents, at(1), 2)
	q.send(a.Contents, at(10), "young")
	now := at(3605)
	for _, want := range []int{3, 2, 0} {
		n, err := q.Sweep(q.ctx, now, 3)
		q.ok(err)
		q.same(n, want)
	}
	q.same(q.count(a.Contents, now), queue.Counts{Visible: 1})
	q.same(bodies(q.claim(a.Contents, now, 10)), "young")
}

func (q *queues) sweepDead() {
	deleted, purged := q.make("deleted"), q.make("purged")
	for _, c := range []queue.Contents{deleted.Contents, purged.Contents} {
		q.send(c, at(0), "a", "b", "c")
		q.claim(c, at(1), 1)
	}
	q.ok(q.DeleteQueue(q.ctx, deleted.ID))
	_, err := q.PurgeQueue(q.ctx, purged.ID, at(2), at(-58))
	q.ok(err)
	for _, want := range []int{4, 2, 0} {
		n, err := q.Sweep(q.ctx, at(3), 4)
		q.ok(err)
		q.same(n, want)
	}
}

func (q *queues) sweepNothing() {
	a := q.make("a")
	q.send(a.Contents, at(0), "a", "b")
	q.claim(a.Contents, at(1), 1)
	n, err := q.Sweep(q.ctx, at(3600).Add(-time.Millisecond), 10)
	q.ok(err)
	q.same(n, 0)
	q.same(q.count(a.Contents, at(2)), queue.Counts{Visible: 1, InFlight: 1})
}
