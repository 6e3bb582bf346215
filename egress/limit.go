package egress

import (
	"context"
	"sync/atomic"
)

// A Limit bounds how many connections the server makes use of at once, of those
// that it has made itself: each takes a descriptor, and callers need some too.
// Whoever finds no place waits for one, before the time that he gives the other
// side begins. A nil Limit bounds nothing.
type Limit struct {
	places  chan struct{} // one value for each that is taken
	waiting atomic.Int64
}

// NewLimit returns a limit of n places, at least one.
func NewLimit(n int) *Limit { return &Limit{places: make(chan struct{}, max(n, 1))} }

// Enter takes a place when one is free; the error is that of ctx, which ended
// before. Every nil is followed by one Leave.
func (l *Limit) Enter(ctx context.Context) error {
	if l == nil {
		return nil
	}
	select {
	case l.places <- struct{}{}:
		return nil
	default:
	}
	l.waiting.Add(1)
	defer l.waiting.Add(-1)
	select {
	case l.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Leave gives a place back.
func (l *Limit) Leave() {
	if l != nil {
		<-l.places
	}
}

// Counts returns how many places are taken, and how many callers wait for one.
func (l *Limit) Counts() (taken, waiting int) {
	if l == nil {
		return 0, 0
	}
	return len(l.places), int(l.waiting.Load())
}
