package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/lock"
)

// Locks holds a store to what [lock.Store] promises. data makes data with no
// locks in it and returns what opens a store on them; each call opens another,
// as another process would, and the stores are closed when the test ends.
func Locks[S lock.Store](t *testing.T, data func(t *testing.T) (open func() S)) {
	for _, c := range []struct {
		name string
		run  func(*locks)
	}{
		{"a lock comes back as it was given", (*locks).roundTrip},
		{"a lock is found under its own account and key only", (*locks).find},
		{"decide sees the lock until it expires", (*locks).expiry},
		{"a lock that is changed keeps its token", (*locks).keep},
		{"nothing is changed when decide refuses", (*locks).refuse},
		{"tokens grow over release, expiry, keys and stores", (*locks).tokens},
		{"of many who ask for a lock at once exactly one gets it", (*locks).race},
		{"locks are listed in the order of their keys, without those that expired", (*locks).list},
	} {
		t.Run(c.name, func(t *testing.T) {
			of := data(t)
			open := func() lock.Store { return of() }
			c.run(&locks{T: t, Store: open(), ctx: t.Context(), open: open})
		})
	}
}

// locks is one test: a store and what all cases do with it.
type locks struct {
	*testing.T
	lock.Store
	ctx  context.Context
	open func() lock.Store
}

const lockAccount = "000000000000"

var lockT0 = time.Date(2026, 3, 1, 12, 0, 0, 123e6, time.UTC)

// give stores a lock of a minute on the key.
func (l *locks) give(s lock.Store, key, owner string, now time.Time) *lock.Lock {
	l.Helper()
	return l.change(s, key, now, func(*lock.Lock) *lock.Lock {
		return &lock.Lock{Account: lockAccount, Key: key, Owner: owner, Acquired: now, Expires: now.Add(time.Minute)}
	})
}

func (l *locks) change(s lock.Store, key string, now time.Time, to func(held *lock.Lock) *lock.Lock) *lock.Lock {
	l.Helper()
	given, err := s.ChangeLock(l.ctx, lockAccount, key, now, func(held *lock.Lock) (*lock.Lock, error) { return to(held), nil })
	if err != nil {
		l.Fatal(err)
	}
	return given
}

func (l *locks) release(key string, now time.Time) {
	l.Helper()
	if left := l.change(l.Store, key, now, func(*lock.Lock) *lock.Lock { return nil }); left != nil {
		l.Fatalf("%+v is left", left)
	}
}

func (l *locks) on(account, key string, now time.Time) *lock.Lock {
	l.Helper()
	held, err := l.Lock(l.ctx, account, key, now)
	if err != nil {
		l.Fatal(err)
	}
	return held
}

func (l *locks) same(got, want any) {
	l.Helper()
	if d := cmp.Diff(want, got); d != "" {
		l.Fatalf("not as it should be (-want +got):\n%s", d)
	}
}

func (l *locks) roundTrip() {
	given := l.give(l.Store, "näch/tlich", "host 7", lockT0)
	if given.Token < 1 {
		l.Fatalf("the token is %d", given.Token)
	}
	want := &lock.Lock{
		Account: lockAccount, Key: "näch/tlich", Owner: "host 7", Token: given.Token, Acquired: lockT0, Expires: lockT0.Add(time.Minute),
	}
	l.same(given, want)
	l.same(l.on(lockAccount, "näch/tlich", lockT0), want)
}

func (l *locks) find() {
	l.give(l.Store, "a", "x", lockT0)
	for _, other := range [][2]string{{"111111111111", "a"}, {lockAccount, "A"}, {lockAccount, "b"}} {
		if held := l.on(other[0], other[1], lockT0); held != nil {
			l.Errorf("under %v is %+v", other, held)
		}
	}
	l.release("a", lockT0)
	if held := l.on(lockAccount, "a", lockT0); held != nil {
		l.Errorf("after the release it is held: %+v", held)
	}
}

func (l *locks) expiry() {
	given := l.give(l.Store, "a", "x", lockT0)
	last := given.Expires.Add(-time.Millisecond)
	var seen *lock.Lock
	look := func(held *lock.Lock) *lock.Lock { seen = held; return held }
	l.change(l.Store, "a", last, look)
	l.same(seen, given)
	l.same(l.on(lockAccount, "a", last), given)
	l.change(l.Store, "a", given.Expires, look)
	if seen != nil || l.on(lockAccount, "a", given.Expires) != nil {
		l.Errorf("at its expiry there is still %+v", seen)
	}
}

func (l *locks) keep() {
	given := l.give(l.Store, "a", "x", lockT0)
	longer := l.change(l.Store, "a", lockT0, func(held *lock.Lock) *lock.Lock {
		held.Expires = held.Expires.Add(time.Hour)
		return held
	})
	given.Expires = given.Expires.Add(time.Hour)
	l.same(longer, given)
	l.same(l.on(lockAccount, "a", lockT0.Add(time.Hour)), given)
}

func (l *locks) refuse() {
	given := l.give(l.Store, "a", "x", lockT0)
	no := belfry.Errorf(belfry.Conflict, "key", "No.")
	_, err := l.ChangeLock(l.ctx, lockAccount, "a", lockT0, func(*lock.Lock) (*lock.Lock, error) { return nil, no })
	if belfry.KindOf(err) != belfry.Conflict {
		l.Fatalf("error is %v, want decide's own", err)
	}
	l.same(l.on(lockAccount, "a", lockT0), given)
}

func (l *locks) tokens() {
	last := int64(0)
	now := lockT0
	above := func(after string, given *lock.Lock) {
		l.Helper()
		if given.Token <= last {
			l.Fatalf("after %s the token %d follows %d", after, given.Token, last)
		}
		last = given.Token
	}
	above("nothing", l.give(l.Store, "a", "x", now))
	l.release("a", now)
	above("a release", l.give(l.Store, "a", "x", now))
	now = now.Add(time.Hour)
	above("an expiry", l.give(l.Store, "a", "y", now))
	above("another key", l.give(l.Store, "b", "y", now))
	// The row of an expired lock may be gone: the next token does not come from it.
	now = now.Add(time.Hour)
	for i := range 10 {
		above("others", l.give(l.Store, fmt.Sprint("other", i), "y", now))
	}
	above("a sweep", l.give(l.Store, "a", "z", now))
	again := l.open()
	now = now.Add(time.Hour)
	above("a restart", l.give(again, "a", "z", now))
}

func (l *locks) race() {
	stores := []lock.Store{l.Store, l.open()}
	var mu sync.Mutex // guards winners
	var winners []string
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			me := fmt.Sprint("owner", i)
			_, err := stores[i%2].ChangeLock(l.ctx, lockAccount, "a", lockT0, func(held *lock.Lock) (*lock.Lock, error) {
				if held != nil {
					return nil, belfry.Errorf(belfry.Conflict, "key", "It is held.")
				}
				return &lock.Lock{Account: lockAccount, Key: "a", Owner: me, Acquired: lockT0, Expires: lockT0.Add(time.Minute)}, nil
			})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				winners = append(winners, me)
			} else if belfry.KindOf(err) != belfry.Conflict {
				l.Error(err)
			}
		})
	}
	wg.Wait()
	if len(winners) != 1 || l.on(lockAccount, "a", lockT0).Owner != winners[0] {
		l.Errorf("%v won", winners)
	}
}

func (l *locks) list() {
	for _, key := range []string{"c", "a", "b"} {
		l.give(l.Store, key, "x", lockT0)
	}
	l.give(l.Store, "old", "x", lockT0.Add(-time.Minute))
	var got []string
	for after := ""; ; {
		page, err := l.Locks(l.ctx, lockAccount, after, lockT0, 2)
		if err != nil {
			l.Fatal(err)
		}
		for _, held := range page {
			got = append(got, held.Key)
		}
		if len(page) < 2 {
			break
		}
		after = page[1].Key
	}
	l.same(got, []string{"a", "b", "c"})
	if others, err := l.Locks(l.ctx, "111111111111", "", lockT0, 2); err != nil || len(others) > 0 {
		l.Errorf("another account has %v, %v", others, err)
	}
}
