package engine

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Health is what is known of the due queue, for those who watch over it.
type Health struct {
	Checked time.Time      // when all of the queue was last checked, UTC; zero: not yet
	Entries int            // in it then
	Repairs map[string]int // what was not as schedules, clock and zones say since the start, by what was wrong
	Steps   []Step         // the newest jumps of the wall clock since the start, oldest first
	Waiting int            // entries that are due and wait for room: of an account, a host, or in memory
}

// mustNot are repairs that only a fault of Belfry's own can make necessary.
var mustNot = []string{"stray", "no entry", "schedule disabled"}

// Faults names the repairs that only a fault of Belfry's own can have made necessary.
func (h *Health) Faults() []string {
	return slices.DeleteFunc(slices.Clone(mustNot), func(what string) bool { return h.Repairs[what] == 0 })
}

// health is how the queue was found by the checks so far.
type health struct {
	mu sync.Mutex
	h  Health // guarded by mu
}

// Health returns what is known of the due queue.
func (e *Engine) Health() Health {
	e.steps.mu.Lock()
	steps := slices.Clone(e.steps.steps)
	e.steps.mu.Unlock()
	e.health.mu.Lock()
	defer e.health.mu.Unlock()
	h := e.health.h
	h.Steps, h.Waiting = steps, e.gates.waiters()
	h.Repairs = make(map[string]int, len(e.health.h.Repairs))
	maps.Copy(h.Repairs, e.health.h.Repairs)
	return h
}

// repaired counts what was put right.
func (e *Engine) repaired(what string, n int) {
	e.c.Metrics.repairs.WithLabelValues(what).Add(float64(n))
	e.health.mu.Lock()
	defer e.health.mu.Unlock()
	if e.health.h.Repairs == nil {
		e.health.h.Repairs = map[string]int{}
	}
	e.health.h.Repairs[what] += n
}

func (e *Engine) checked(at time.Time, entries int) {
	e.health.mu.Lock()
	defer e.health.mu.Unlock()
	e.health.h.Checked, e.health.h.Entries = at, entries
}
