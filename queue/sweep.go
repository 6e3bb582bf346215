package queue

import (
	"context"
	"time"
)

const (
	// sweepEvery is how long an expired message may stay in the store after
	// nobody can see it any more.
	sweepEvery = time.Minute
	// sweepStep is the number of messages that one step removes, so that no
	// step holds up the store's other callers for long.
	sweepStep = 500
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
	for {
		n, err := s.store.Sweep(ctx, s.now(), sweepStep)
		if err != nil || n < sweepStep {
			return err
		}
	}
}
