package rig

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// A Clock is the wall clock of a server that [Build] built, as its offset from
// this process's. It remembers each step, so that what the server's clock showed
// at any moment can be said later. All methods but Step are of the real time.
type Clock struct {
	path string
	mem  []byte

	mu    sync.Mutex
	steps []Step // guarded by mu; the first is the start, with offset 0
}

// A Step is a change of the clock: from At, real time, the wall clock is Offset ahead.
type Step struct {
	At     time.Time
	Offset time.Duration
}

// NewClock makes a clock that is right, kept in the file path.
func NewClock(path string) (*Clock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.Truncate(8); err != nil {
		return nil, err
	}
	mem, err := syscall.Mmap(int(f.Fd()), 0, 8, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the clock's file: %w", err)
	}
	return &Clock{path: path, mem: mem, steps: []Step{{At: time.Now()}}}, nil
}

// Step sets the wall clock d ahead of where it is, or back when d is negative.
func (c *Clock) Step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	offset := c.steps[len(c.steps)-1].Offset + d
	c.steps = append(c.steps, Step{time.Now(), offset})
	atomic.StoreInt64((*int64)(unsafe.Pointer(&c.mem[0])), int64(offset))
}

// Offset is how far the wall clock is ahead now.
func (c *Clock) Offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.steps[len(c.steps)-1].Offset
}

// Wall is what the clock showed at a real time.
func (c *Clock) Wall(at time.Time) time.Time {
	steps := c.Steps()
	i := len(steps) - 1
	for i > 0 && steps[i].At.After(at) {
		i--
	}
	return at.Add(steps[i].Offset).Round(0).UTC()
}

// Steps returns all changes so far; the first is the start.
func (c *Clock) Steps() []Step {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clip(c.steps)
}

// Env is what a server must have in its environment to go by the clock.
func (c *Clock) Env() string { return clockVar + "=" + c.path }
