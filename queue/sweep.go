package queue

import (
	"context"
	"time"

	"github.com/belfry-run/belfry"
)

const (
	// sweepEvery is how long an expired message may stay in the store after
	// nobody can see it any more.
	sweepEvery = time.Minute
	// sweepStep is the number of messages that one step removes, so that no
	// step holds up the store's other callers for long.
	sweepStep = 500
	// backVisible is when a message that was received under a clock that was ahead
	// is visible again at the latest: a visibility timeout, as it is by default, later.
	backVisible = 30 * time.Second
)

// Run removes expired messages, and those of deleted and purged queues, from
// the store until ctx ends.
func (s *Service) Run(ctx context.Context) {
	for {
		err := s.apart.Round(ctx, "sweep queues", func() error { return s.sweep(ctx) })
		if err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "removing expired messages failed; it is tried again", "in", sweepEvery, "error", err)
		}
		timer, stop := s.clock.NewTimer(sweepEvery)
		select {
		case <-timer:
		case <-ctx.Done():
			stop()
			return
		}
	}
}

func (s *Service) sweep(ctx context.Context) error {
	if err := s.retime(ctx); err != nil {
		return err
	}
	for {
		n, err := s.store.Sweep(ctx, s.now(), sweepStep)
		if err != nil || n < sweepStep {
			return err
		}
	}
}

// retime puts right what was stored under a clock that was ahead, once at start
// and after each step back: it would stay hidden until the clock comes there.
func (s *Service) retime(ctx context.Context) error {
	now := s.now()
	if !s.seen.SetBack(now) {
		return nil
	}
	n, err := s.store.Retime(ctx, now, now.Add(belfry.ClockStep), now.Add(backVisible))
	if err != nil {
		return err
	}
	s.seen.Settled(now)
	if n > 0 {
		s.log.WarnContext(ctx, "the clock was set back; messages that were sent or received before are visible again", "messages", n)
	}
	return nil
}
