package app

import (
	"time"

	"golang.org/x/sys/unix"
)

// wallClock is the time that everything in a server goes by.
type wallClock struct{}

func (wallClock) Now() time.Time                         { return time.Now() }
func (wallClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Monotonic is the time since the machine started, without what it slept.
func (wallClock) Monotonic() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic("no monotonic clock: " + err.Error()) // it is part of every Linux
	}
	return time.Duration(t.Nano())
}

// NewTimer returns a channel that gets one value after d, and a function that
// releases it early.
func (wallClock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// A patientClock is for what looks around every second. Schedules are due at whole
// seconds, and each of its timers is so late that what is due then has mostly begun.
type patientClock struct{ wallClock }

const patience = 50 * time.Millisecond

// NewTimer is that of wallClock.
func (c patientClock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	return c.wallClock.NewTimer(d + patience)
}

// An exactClock is for what starts at its time. Each of its timers that is longer
// than a few milliseconds is exact to what the kernel's timers are, and costs a
// thread that wakes twice; a shorter one is for a server that is busy.
type exactClock struct{ wallClock }

// lastStretch is what a timer sleeps in the kernel rather than in Go's runtime,
// which waits in whole milliseconds, and so up to one too long, while a process
// has nothing else to do.
const lastStretch = 1500 * time.Microsecond

// NewTimer is that of wallClock.
func (c exactClock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	if d < 4*lastStretch {
		return c.wallClock.NewTimer(d)
	}
	due := time.Now().Add(d)
	fired := make(chan time.Time, 1)
	t := time.AfterFunc(d-lastStretch, func() {
		for left := time.Until(due); left > 0; left = time.Until(due) {
			left := unix.NsecToTimespec(int64(left))
			_ = unix.Nanosleep(&left, nil) // a signal that ends it early is why it is in a loop
		}
		fired <- time.Now()
	})
	return fired, func() { t.Stop() }
}
