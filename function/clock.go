package function

import "time"

// A Clock tells the time by which instances grow idle and events fall due. The
// time-outs of invocations always run on the wall clock, as the processes do.
type Clock interface {
	Now() time.Time
	// After returns a channel that gets the time once d has passed.
	After(d time.Duration) <-chan time.Time
}

// WallClock is the clock of the machine.
type WallClock struct{}

// Now returns the time.
func (WallClock) Now() time.Time { return time.Now() }

// After waits on a timer.
func (WallClock) After(d time.Duration) <-chan time.Time { return time.After(d) }
