// Package lock gives locks to jobs that run anywhere.
//
// What it keeps true:
//
//   - at most one holder has a key at a time, and a lock that was given is on
//     the disk;
//   - each lock has a token that is above those of all locks given before it,
//     over expiry, release and restart: what a job writes to can refuse the
//     token of a holder that has been overtaken (a fencing token);
//   - a lock ends by itself, so that a job that has died blocks nobody for ever.
package lock

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/belfry-run/belfry"
)

// Limits of a lock.
const (
	MaxKey   = 256 // bytes
	MaxOwner = 256 // bytes
	MinTTL   = time.Second
	MaxTTL   = 24 * time.Hour
)

// A Lock is a key that somebody holds.
type Lock struct {
	Account  string // 12 digits
	Key      string
	Owner    string // for people; it gives no right
	Token    int64  // above those of all locks given before it
	Acquired time.Time
	Expires  time.Time // UTC, milliseconds, as Acquired; from then on nobody holds it
}

// A Store keeps locks. storetest holds every store to the promises below.
type Store interface {
	// ChangeLock makes durable what decide says becomes of the key. held is the
	// lock that is on it at the time now; nil is none. decide returns the lock
	// that is to be there, nil for none; one whose Token is 0 is given the next
	// one. When decide returns an error nothing is changed and the error
	// returned. decide may be called more than once; of several calls for one
	// key, each sees what the one before it left.
	ChangeLock(ctx context.Context, account, key string, now time.Time, decide func(held *Lock) (*Lock, error)) (*Lock, error)
	// Locks returns up to limit locks of the account that are held at the time
	// now, after the given key and in the order of their keys.
	Locks(ctx context.Context, account, after string, now time.Time, limit int) ([]Lock, error)
	// Lock returns the lock that is on the key at the time now; nil is none.
	Lock(ctx context.Context, account, key string, now time.Time) (*Lock, error)
}

// A Service gives locks. Its methods are safe for concurrent use.
type Service struct {
	store Store
	now   func() time.Time
}

// New returns a service that keeps its locks in the store.
func New(s Store, now func() time.Time) *Service { return &Service{store: s, now: now} }

func (s *Service) time() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// Acquire gives the key's lock to the owner, for ttl. It is Conflict while
// anybody holds it, the owner himself included: two jobs may use one name.
func (s *Service) Acquire(ctx context.Context, account, key, owner string, ttl time.Duration) (*Lock, error) {
	if err := checkText("key", key, MaxKey); err != nil {
		return nil, err
	}
	if err := checkText("owner", owner, MaxOwner); err != nil {
		return nil, err
	}
	if err := checkTTL(ttl); err != nil {
		return nil, err
	}
	now := s.time()
	conflict := func(held *Lock) error {
		return belfry.Errorf(belfry.Conflict, "key", "The lock %s is held by %s until %s.", key, held.Owner, stamp(held.Expires))
	}
	righted := false
	l, err := s.store.ChangeLock(ctx, account, key, now, func(held *Lock) (*Lock, error) {
		if righted = held != nil && held.rightBy(now); righted {
			return held, nil
		}
		if held != nil {
			return nil, conflict(held)
		}
		return &Lock{Account: account, Key: key, Owner: owner, Acquired: now, Expires: now.Add(ttl)}, nil
	})
	if err == nil && righted {
		return nil, conflict(l)
	}
	return l, err
}

// rightBy puts the lock's times right, and reports whether they were wrong: given or
// renewed under a clock that has been set back, it would last until the clock comes
// there. It lasts as long from now as it was given for, which its holder may count on.
func (l *Lock) rightBy(now time.Time) bool {
	ahead := l.Acquired.After(now.Add(belfry.ClockStep))
	if !ahead && !l.Expires.After(now.Add(MaxTTL+belfry.ClockStep)) {
		return false
	}
	ttl := MaxTTL
	if ahead {
		ttl = min(max(l.Expires.Sub(l.Acquired), MinTTL), MaxTTL)
		l.Acquired = now
	}
	l.Expires = now.Add(ttl)
	return true
}

// Renew lets the lock expire ttl from now instead. It is Conflict when the
// lock is no longer the one with this token: it expired or was released, and
// perhaps somebody else holds the key.
func (s *Service) Renew(ctx context.Context, account, key string, token int64, ttl time.Duration) (*Lock, error) {
	if err := checkTTL(ttl); err != nil {
		return nil, err
	}
	now := s.time()
	return s.change(ctx, account, key, token, now, func(held *Lock) *Lock {
		renewed := *held
		if renewed.Acquired.After(now) { // under a clock that has been set back
			renewed.Acquired = now
		}
		renewed.Expires = now.Add(ttl)
		return &renewed
	})
}

// Release ends the lock; Conflict as with Renew.
func (s *Service) Release(ctx context.Context, account, key string, token int64) error {
	_, err := s.change(ctx, account, key, token, s.time(), func(*Lock) *Lock { return nil })
	return err
}

// change changes the lock that has the token.
func (s *Service) change(ctx context.Context, account, key string, token int64, now time.Time, to func(*Lock) *Lock) (*Lock, error) {
	if err := checkText("key", key, MaxKey); err != nil {
		return nil, err
	}
	if token < 1 {
		return nil, belfry.Errorf(belfry.Invalid, "token", "token is %d; give the token that came with the lock.", token)
	}
	return s.store.ChangeLock(ctx, account, key, now, func(held *Lock) (*Lock, error) {
		switch {
		case held == nil:
			return nil, belfry.Errorf(belfry.Conflict, "token", "The lock %s is held by nobody: that of token %d has expired or was released.", key, token)
		case held.Token != token:
			return nil, belfry.Errorf(belfry.Conflict, "token", "The lock %s is held by %s until %s, with the token %d, not %d.",
				key, held.Owner, stamp(held.Expires), held.Token, token)
		}
		return to(held), nil
	})
}

// Get returns the lock that is on the key, or NotFound.
func (s *Service) Get(ctx context.Context, account, key string) (*Lock, error) {
	if err := checkText("key", key, MaxKey); err != nil {
		return nil, err
	}
	l, err := s.store.Lock(ctx, account, key, s.time())
	if err == nil && l == nil {
		err = belfry.Errorf(belfry.NotFound, "key", "Nobody holds the lock %s.", key)
	}
	return l, err
}

// List returns up to limit locks of the account, after the given key and in the
// order of their keys.
func (s *Service) List(ctx context.Context, account, after string, limit int) ([]Lock, error) {
	return s.store.Locks(ctx, account, after, s.time(), limit)
}

func checkText(field, text string, limit int) error {
	if text == "" || len(text) > limit || !utf8.ValidString(text) || hasControl(text) {
		return belfry.Errorf(belfry.Invalid, field, "%s must have 1 to %d bytes of UTF-8 without control characters.", field, limit)
	}
	return nil
}

func hasControl(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			return true
		}
	}
	return false
}

func checkTTL(ttl time.Duration) error {
	if ttl < MinTTL || ttl > MaxTTL {
		return belfry.Errorf(belfry.Invalid, "ttl_seconds", "ttl_seconds must be %d to %d.", MinTTL/time.Second, MaxTTL/time.Second)
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
