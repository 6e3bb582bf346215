package belfry

import (
	"sync/atomic"
	"time"
)

// ClockStep is by how much the wall clock must be away from where it was to have been
// set, and not only sped up or slowed down.
const ClockStep = time.Second

// A ClockWatch tells those who store wall times when the clock has been set back, and
// what they stored before must be looked at: it may lie after now. Its zero value is
// ready, and safe for concurrent use.
type ClockWatch struct {
	newest  atomic.Int64 // Unix milliseconds that the clock has shown, since it was last set back
	settled atomic.Bool
}

// See takes note of what the clock shows.
func (w *ClockWatch) See(now time.Time) {
	if ms := now.UnixMilli(); ms > w.newest.Load() {
		w.newest.Store(ms) // of two at once either will do
	}
}

// SetBack reports whether the clock is behind where it was seen. At first it is true:
// what was stored by an earlier process has not been looked at.
func (w *ClockWatch) SetBack(now time.Time) bool {
	return !w.settled.Load() || w.newest.Load()-now.UnixMilli() >= ClockStep.Milliseconds()
}

// Settled says that everything that was stored has been looked at, at now.
func (w *ClockWatch) Settled(now time.Time) {
	w.newest.Store(now.UnixMilli())
	w.settled.Store(true)
}
