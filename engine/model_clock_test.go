package engine_test

import (
	"sync/atomic"
	"time"
)

// stepClock is a wall clock that somebody sets, over the bubble's time, which
// nobody can.
type stepClock struct {
	offset atomic.Int64 // nanoseconds that the wall clock is ahead of the bubble
}

// epoch is where the bubbles begin, by their own time.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (c *stepClock) Now() time.Time {
	return time.Now().Round(0).Add(time.Duration(c.offset.Load())).UTC()
}

func (c *stepClock) Monotonic() time.Duration { return time.Since(epoch) }

func (c *stepClock) NewTimer(d time.Duration) (<-chan time.Time, func()) { return clock{}.NewTimer(d) }

func (c *stepClock) step(by time.Duration) { c.offset.Add(int64(by)) }
