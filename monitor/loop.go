package monitor

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
)

const (
	// lookEvery is how long a check that was due only later at the last look, and
	// was brought forward since, may be overdue before it is noticed.
	lookEvery = time.Second
	// lookRest is the least time between two looks, for what comes due one by one.
	lookRest = 100 * time.Millisecond
	// lookStep is the number of checks that go down in one step.
	lookStep = 500
	// FlipAge is how long flips are kept.
	FlipAge    = 93 * 24 * time.Hour
	pruneEvery = time.Hour
	pruneStep  = 500
)

// Run takes checks down when their time has come, and removes old flips, until
// ctx ends.
func (s *Service) Run(ctx context.Context) {
	pruned := s.now()
	for ctx.Err() == nil {
		var next time.Time
		err := s.c.Apart.Round(ctx, "look at checks", func() (err error) {
			if err := s.retime(ctx); err != nil {
				return err
			}
			next, err = s.look(ctx)
			return err
		})
		if err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "looking for overdue checks failed; it is tried again", "in", lookEvery, "error", err)
		}
		if now := s.now(); now.Sub(pruned) >= pruneEvery {
			pruned = now
			err := s.c.Apart.Round(ctx, "remove old flips", func() error { return s.prune(ctx, now.Add(-FlipAge)) })
			if err != nil && ctx.Err() == nil {
				s.log.ErrorContext(ctx, "removing old flips failed; it is tried again", "in", pruneEvery, "error", err)
			}
		}
		wait := beat(s.now(), lookEvery)
		if !next.IsZero() {
			wait = min(wait, next.Sub(s.now()))
		}
		timer, stop := s.c.Clock.NewTimer(max(lookRest, wait))
		select {
		case <-timer:
		case <-ctx.Done():
			stop()
		}
	}
}

// look takes down what is overdue, and returns when the next check will be.
func (s *Service) look(ctx context.Context) (time.Time, error) {
	apart := 0 // that stay due, before the others
	for {
		ids, next, err := s.store.DueChecks(ctx, s.now(), lookStep+apart)
		if err != nil || len(ids) == 0 {
			return next, err
		}
		done, errs := make([]bool, len(ids)), make([]error, len(ids))
		var all sync.WaitGroup // at once, so that they share a transaction
		for i, id := range ids {
			all.Go(func() {
				done[i] = s.c.Apart.Do(ctx, "look at check", id, func() error {
					errs[i] = s.takeDown(ctx, id)
					return nil
				})
			})
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			return next, err
		}
		if len(ids) < lookStep+apart || ctx.Err() != nil {
			return next, nil
		}
		apart = 0
		for _, ok := range done {
			if !ok {
				apart++
			}
		}
	}
}

// retime looks, once at start and after each step back of the clock, at the checks
// whose last ping lies after now: it came under a clock that was ahead, and the next
// one would not be missed before the clock comes there. It counts as having come now,
// and a probe that has looked then looks again.
func (s *Service) retime(ctx context.Context) error {
	now := s.now()
	if !s.seen.SetBack(now) {
		return nil
	}
	ids, err := s.store.ChecksAhead(ctx, now.Add(belfry.ClockStep))
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range ids {
		s.c.Apart.Do(ctx, "put check right", id, func() error {
			_, err := s.change(ctx, id, func(c *Check, now time.Time) (Change, error) {
				if c.LastPing.After(now) {
					c.LastPing = now
				}
				if c.LastStart.After(now) {
					c.LastStart = now
				}
				flips, err := s.settle(c, now)
				return Change{Flips: flips}, err
			})
			if errors.As(err, new(damagedError)) {
				return err
			}
			if belfry.KindOf(err) != belfry.NotFound {
				errs = append(errs, err)
			}
			return nil
		})
	}
	if err := errors.Join(append(errs, s.store.LookAgain(ctx, now))...); err != nil {
		return err
	}
	if len(ids) > 0 {
		s.log.WarnContext(ctx, "the clock was set back; checks whose last ping came before that expect their next one as if it had come now", "checks", len(ids))
	}
	s.seen.Settled(now)
	return nil
}

func (s *Service) takeDown(ctx context.Context, id string) error {
	_, err := s.change(ctx, id, func(c *Check, now time.Time) (Change, error) { return Change{Flips: c.overdue(now, time.Time{})}, nil })
	if belfry.KindOf(err) == belfry.NotFound {
		return nil // it has just been deleted
	}
	return err
}

func (s *Service) prune(ctx context.Context, before time.Time) error {
	for {
		n, err := s.store.PruneFlips(ctx, before, pruneStep)
		if err != nil || n < pruneStep {
			return err
		}
	}
}

// Flips returns the flips of the account's check that q selects; its Subject
// does not count. Errors are those of Check.
func (s *Service) Flips(ctx context.Context, account, id string, q FlipQuery) ([]Flip, error) {
	c, err := s.Check(ctx, account, id)
	if err != nil {
		return nil, err
	}
	q.Subject = c.Subject()
	return s.store.ListFlips(ctx, q)
}
