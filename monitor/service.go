package monitor

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/barrier"
)

// Defaults of a [Config].
const (
	DefaultBodyLimit = 10_000
	DefaultPingLog   = 100
	DefaultMaxChecks = 100_000
)

// A Clock tells the time and wakes.
type Clock interface {
	Now() time.Time
	// NewTimer returns a channel that gets one value after d, and a function
	// that releases it early.
	NewTimer(d time.Duration) (<-chan time.Time, func())
}

// beat is how long to wait for the next whole multiple of d. Loops that look every
// so often do it then, all at once: an idle machine is woken once for all of them.
func beat(now time.Time, d time.Duration) time.Duration { return d - now.Sub(now.Truncate(d)) }

// A Config is what a [Service] is made of. Store, Clock, Logger and Metrics are
// required.
type Config struct {
	Store   Store
	Clock   Clock
	Logger  *slog.Logger
	Metrics *Metrics
	Apart   *barrier.Set

	BodyLimit int   // bytes of a ping's body that are kept; 0: DefaultBodyLimit
	PingLog   int   // pings that are kept of a check; 0: DefaultPingLog
	MaxChecks int64 // that an account may have; 0: DefaultMaxChecks

	// Channels returns the ids of an account's alert channels, which a check
	// gets that a ping creates; nil: there are none.
	Channels func(ctx context.Context, account string) ([]string, error)
	// Flipped is called after flips have been stored; nil: nobody is told.
	Flipped func()
}

// A Service is the checks of all accounts. It is safe for concurrent use.
type Service struct {
	c         Config
	store     Store
	log       *slog.Logger
	schedules schedules
	seen      belfry.ClockWatch
}

// NewService returns a service. Run must be running for checks to go down.
func NewService(c Config) *Service {
	c.BodyLimit = cmp.Or(c.BodyLimit, DefaultBodyLimit)
	c.PingLog = cmp.Or(c.PingLog, DefaultPingLog)
	c.MaxChecks = cmp.Or(c.MaxChecks, DefaultMaxChecks)
	s := &Service{c: c, store: c.Store, log: c.Logger}
	c.Metrics.watch(s)
	return s
}

// now is the time as stores keep it.
func (s *Service) now() time.Time {
	now := s.c.Clock.Now().UTC().Truncate(time.Millisecond)
	s.seen.See(now)
	return now
}

// BodyLimit returns how many bytes of a ping's body are kept.
func (s *Service) BodyLimit() int { return s.c.BodyLimit }

// PingLog returns how many pings are kept of a check.
func (s *Service) PingLog() int { return s.c.PingLog }

// Create adds a check. When like names any members, and the account has a check
// with the same, that one is returned unchanged and created is false. Invalid
// names the field at fault; Quota when the account has as many as it may.
func (s *Service) Create(ctx context.Context, account string, settings Settings, like Like) (c Check, created bool, err error) {
	if err := s.check(&settings); err != nil {
		return Check{}, false, err
	}
	return s.store.CreateCheck(ctx, s.newCheck(account, settings), like, s.c.MaxChecks)
}

func (s *Service) newCheck(account string, settings Settings) Check {
	now := s.now()
	return Check{
		ID: uuid.NewString(), Account: account, Badge: uuid.NewString(), Created: now,
		Settings: settings, Status: New, Since: now,
	}
}

// Check returns the account's check, NotFound when there is none, or Denied
// when it is another account's.
func (s *Service) Check(ctx context.Context, account, id string) (Check, error) {
	c, err := s.store.Check(ctx, id)
	if err == nil {
		err = c.allow(account)
	}
	return c, err
}

// allow refuses another account.
func (c *Check) allow(account string) error {
	if c.Account != account {
		return belfry.Errorf(belfry.Denied, "", "forbidden")
	}
	return nil
}

// CheckByUniqueKey returns the account's check with that [Check.UniqueKey], or
// NotFound.
func (s *Service) CheckByUniqueKey(ctx context.Context, account, key string) (Check, error) {
	return s.store.CheckByUniqueKey(ctx, account, key)
}

// CheckByBadge returns the check with that Badge, or NotFound.
func (s *Service) CheckByBadge(ctx context.Context, badge string) (Check, error) {
	return s.store.CheckByBadge(ctx, badge)
}

// List returns the checks that q selects, in the order of their creation.
func (s *Service) List(ctx context.Context, q CheckQuery) ([]Check, error) {
	return s.store.ListChecks(ctx, q)
}

// Sum returns how many of the account's checks, of those with the tag unless that
// is empty, have each state now.
func (s *Service) Sum(ctx context.Context, account, tag string) (map[Status]int64, error) {
	return s.store.SumChecks(ctx, account, tag, s.now())
}

// Tags returns the tags that the account's checks have, in order.
func (s *Service) Tags(ctx context.Context, account string) ([]string, error) {
	return s.store.CheckTags(ctx, account)
}

// Update lets edit change the settings of the account's check, and returns the
// check as it then is. Errors are those of Check and Create, and edit's own;
// edit may be called more than once, and must not call the service.
func (s *Service) Update(ctx context.Context, account, id string, edit func(*Settings) error) (Check, error) {
	return s.change(ctx, id, func(c *Check, now time.Time) (Change, error) {
		if err := c.allow(account); err != nil {
			return Change{}, err
		}
		flips := c.overdue(now, time.Time{})
		if err := edit(&c.Settings); err != nil {
			return Change{}, err
		}
		if err := s.check(&c.Settings); err != nil {
			return Change{}, err
		}
		more, err := s.settle(c, now)
		return Change{Edited: true, Flips: append(flips, more...)}, err
	})
}

// Pause makes the account's check expect nothing until it is resumed or, unless
// ManualResume is set, a ping comes. A run that is under way is forgotten.
func (s *Service) Pause(ctx context.Context, account, id string) (Check, error) {
	return s.change(ctx, id, func(c *Check, now time.Time) (Change, error) {
		if err := c.allow(account); err != nil {
			return Change{}, err
		}
		return Change{Flips: append(c.overdue(now, time.Time{}), c.pause(now)...)}, nil
	})
}

// Resume ends a pause: the check is as if new. Conflict when it is not paused.
func (s *Service) Resume(ctx context.Context, account, id string) (Check, error) {
	return s.change(ctx, id, func(c *Check, now time.Time) (Change, error) {
		if err := c.allow(account); err != nil {
			return Change{}, err
		}
		flips := c.overdue(now, time.Time{})
		if c.Status != Paused {
			return Change{}, belfry.Errorf(belfry.Conflict, "", "check is not paused")
		}
		return Change{Flips: append(flips, c.resume(now))}, nil
	})
}

// Delete removes the account's check with all that is known of it, and returns
// it as it was. Its alerts stay; by says to people who ended an open one so.
func (s *Service) Delete(ctx context.Context, account, id, by string) (Check, error) {
	c, err := s.Check(ctx, account, id)
	if err != nil {
		return c, err
	}
	return c, s.store.DeleteCheck(ctx, account, id, deletedBy("check", by), s.now())
}

// change makes a change to a check and tells when it flipped.
func (s *Service) change(ctx context.Context, id string, decide func(c *Check, now time.Time) (Change, error)) (Check, error) {
	var flips []Flip
	c, err := s.store.ChangeCheck(ctx, id, func(c *Check) (Change, error) {
		change, err := decide(c, s.now())
		flips = change.Flips
		return change, err
	})
	if err == nil {
		s.flipped(flips)
	}
	return c, err
}

// flipped tells of flips that have been stored.
func (s *Service) flipped(flips []Flip) {
	if len(flips) == 0 {
		return
	}
	for _, f := range flips {
		s.c.Metrics.flips.WithLabelValues(string(f.To)).Inc()
	}
	if s.c.Flipped != nil {
		s.c.Flipped()
	}
}
