package lock_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/lock"
	"github.com/belfry-run/belfry/store/sqlite"
)

const account = "000000000000"

// bench is a service with a clock that stands until a test sets it forward.
type bench struct {
	*lock.Service
	t   *testing.T
	now time.Time
}

func newBench(t *testing.T) *bench {
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bench{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	b.Service = lock.New(store, func() time.Time { return b.now })
	return b
}

func (b *bench) acquire(owner string, ttl time.Duration) *lock.Lock {
	b.t.Helper()
	l, err := b.Acquire(b.t.Context(), account, "k", owner, ttl)
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

func (b *bench) renew(l *lock.Lock, ttl time.Duration) {
	b.t.Helper()
	if _, err := b.Renew(b.t.Context(), account, "k", l.Token, ttl); err != nil {
		b.t.Fatal(err)
	}
}

// refused wants an error of that kind and field, whose message says so.
func refused(t *testing.T, err error, kind belfry.Kind, field, says string) {
	t.Helper()
	var e *belfry.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Field != field || !strings.Contains(e.Message, says) {
		t.Errorf("error is %v, want %v of %s: %s", err, kind, field, says)
	}
}

func TestALockHasOneHolder(t *testing.T) {
	b := newBench(t)
	first := b.acquire("a", time.Minute)
	_, err := b.Acquire(t.Context(), account, "k", "b", time.Minute)
	refused(t, err, belfry.Conflict, "key", "is held by a until 2026-03-01T12:01:00Z")
	// Two jobs may use one name: the owner gives no right.
	_, err = b.Acquire(t.Context(), account, "k", "a", time.Minute)
	refused(t, err, belfry.Conflict, "key", "is held by a")
	if _, err := b.Acquire(t.Context(), "111111111111", "k", "b", time.Minute); err != nil {
		t.Errorf("in another account: %v", err)
	}
	if err := b.Release(t.Context(), account, "k", first.Token); err != nil {
		t.Fatal(err)
	}
	if second := b.acquire("b", time.Minute); second.Token <= first.Token {
		t.Errorf("the token %d follows %d", second.Token, first.Token)
	}
}

func TestALockEndsByItself(t *testing.T) {
	b := newBench(t)
	first := b.acquire("a", time.Minute)
	b.now = first.Expires.Add(-time.Millisecond)
	if _, err := b.Get(t.Context(), account, "k"); err != nil {
		t.Errorf("shortly before its expiry: %v", err)
	}
	b.now = first.Expires
	_, err := b.Get(t.Context(), account, "k")
	refused(t, err, belfry.NotFound, "key", "Nobody holds the lock k")
	_, err = b.Renew(t.Context(), account, "k", first.Token, time.Minute)
	refused(t, err, belfry.Conflict, "token", "is held by nobody")
	second := b.acquire("b", time.Minute)
	// The holder that was overtaken learns of it, and can do no harm.
	_, err = b.Renew(t.Context(), account, "k", first.Token, time.Minute)
	refused(t, err, belfry.Conflict, "token", "is held by b")
	refused(t, b.Release(t.Context(), account, "k", first.Token), belfry.Conflict, "token", "is held by b")
	if held, err := b.Get(t.Context(), account, "k"); err != nil || *held != *second {
		t.Errorf("the lock is %+v, %v", held, err)
	}
}

func TestARenewedLockKeepsItsToken(t *testing.T) {
	b := newBench(t)
	first := b.acquire("a", time.Minute)
	b.now = b.now.Add(50 * time.Second)
	renewed, err := b.Renew(t.Context(), account, "k", first.Token, time.Minute)
	if err != nil || renewed.Token != first.Token || !renewed.Expires.Equal(b.now.Add(time.Minute)) || !renewed.Acquired.Equal(first.Acquired) {
		t.Errorf("renewed: %+v, %v", renewed, err)
	}
	if err := b.Release(t.Context(), account, "k", first.Token); err != nil {
		t.Error(err)
	}
	refused(t, b.Release(t.Context(), account, "k", first.Token), belfry.Conflict, "token", "is held by nobody")
}

func TestWhatIsRefused(t *testing.T) {
	b := newBench(t)
	long := strings.Repeat("k", lock.MaxKey)
	tests := []struct {
		name       string
		key, owner string
		ttl        time.Duration
		field      string // empty: it is taken
	}{
		{"the longest key and owner, the shortest time", long, strings.Repeat("o", lock.MaxOwner), lock.MinTTL, ""},
		{"the longest time", "k", "o", lock.MaxTTL, ""},
		{"no key", "", "o", time.Minute, "key"},
		{"a key too long", long + "k", "o", time.Minute, "key"},
		{"a key with a control character", "a\nb", "o", time.Minute, "key"},
		{"a key that is not UTF-8", "\xff", "o", time.Minute, "key"},
		{"no owner", "k2", "", time.Minute, "owner"},
		{"an owner too long", "k2", strings.Repeat("o", lock.MaxOwner+1), time.Minute, "owner"},
		{"too short a time", "k2", "o", lock.MinTTL - time.Millisecond, "ttl_seconds"},
		{"too long a time", "k2", "o", lock.MaxTTL + time.Millisecond, "ttl_seconds"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := b.Acquire(t.Context(), account, tt.key, tt.owner, tt.ttl)
			if tt.field == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refused(t, err, belfry.Invalid, tt.field, "")
		})
	}
	refused(t, b.Release(t.Context(), account, "k", 0), belfry.Invalid, "token", "give the token")
	_, err := b.Renew(t.Context(), account, "k", 1, 0)
	refused(t, err, belfry.Invalid, "ttl_seconds", "must be 1 to 86400")
	if left, err := b.List(t.Context(), account, "", 100); err != nil || len(left) != 2 {
		t.Errorf("the locks are %v, %v, want the two that were given", left, err)
	}
}

// TestFiftyAtOnce lets 50 callers work through 20 rounds of one lock; in each
// exactly one gets it.
func TestFiftyAtOnce(t *testing.T) {
	b := newBench(t)
	for round := range 20 {
		var won atomic.Int64
		var token atomic.Int64
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				l, err := b.Acquire(t.Context(), account, "k", fmt.Sprint(i), time.Minute)
				if err == nil {
					won.Add(1)
					token.Store(l.Token)
				} else if belfry.KindOf(err) != belfry.Conflict {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("in round %d %d got the lock", round, won.Load())
		}
		if err := b.Release(t.Context(), account, "k", token.Load()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAClockThatWasAheadHoldsNoLock: a lock that was given or renewed while the clock
// was days ahead ends, after its clock is right again, when its time is over.
func TestAClockThatWasAheadHoldsNoLock(t *testing.T) {
	const ahead = 100 * time.Hour
	for name, hold := range map[string]func(b *bench) time.Duration{
		"given": func(b *bench) time.Duration {
			b.now = b.now.Add(ahead)
			b.acquire("a", time.Minute)
			b.now = b.now.Add(-ahead)
			return time.Minute
		},
		"renewed ahead": func(b *bench) time.Duration {
			l := b.acquire("a", lock.MaxTTL)
			b.now = b.now.Add(10 * time.Hour)
			b.renew(l, lock.MaxTTL)
			b.now = b.now.Add(-10 * time.Hour)
			return lock.MaxTTL
		},
		"given ahead, renewed after": func(b *bench) time.Duration {
			b.now = b.now.Add(ahead)
			l := b.acquire("a", time.Minute)
			b.now = b.now.Add(-ahead)
			b.renew(l, time.Hour)
			return time.Hour
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			rest := hold(b)
			for range 2 {
				_, err := b.Acquire(t.Context(), account, "k", "b", time.Minute)
				refused(t, err, belfry.Conflict, "key", "is held by a until "+b.now.Add(rest).Format(time.RFC3339))
			}
			b.now = b.now.Add(rest)
			b.acquire("b", time.Minute)
		})
	}
}
