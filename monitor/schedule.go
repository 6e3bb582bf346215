package monitor

import (
	"strings"
	"sync"
	"time"

	"github.com/belfry-run/belfry/expr"
)

// ScheduleKind returns the kind of check that a schedule is for, as Healthchecks
// guesses it: one line of five fields is a cron expression.
func ScheduleKind(schedule string) Kind {
	if !strings.Contains(strings.TrimSpace(schedule), "\n") && len(strings.Fields(schedule)) == 5 {
		return Cron
	}
	return OnCalendar
}

// maxSchedules bounds the schedules that are kept; when it is reached they are
// read anew.
const maxSchedules = 10_000

// schedules remembers what has been parsed, because every ping asks.
type schedules struct {
	mu    sync.Mutex // guards known
	known map[scheduleKey]*expr.Calendar
}

type scheduleKey struct {
	kind               Kind
	schedule, timezone string
}

// A damagedError is that what is stored of a check cannot be worked with: it was
// in order when it was accepted.
type damagedError struct{ error }

// Unwrap returns the cause.
func (e damagedError) Unwrap() error { return e.error }

// of returns a check's schedule; that of a Simple one is nil.
func (s *schedules) of(c *Settings) (*expr.Calendar, error) {
	if c.Kind == Simple {
		return nil, nil
	}
	key := scheduleKey{c.Kind, c.Schedule, c.Timezone}
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.known[key]; k != nil {
		return k, nil
	}
	zone, err := expr.LoadZone(c.Timezone)
	if err != nil {
		return nil, err
	}
	read := expr.ParseUnix
	if c.Kind == OnCalendar {
		read = expr.ParseOnCalendar
	}
	parsed, err := read(c.Schedule, zone)
	if err != nil {
		return nil, err
	}
	if s.known == nil || len(s.known) >= maxSchedules {
		s.known = map[scheduleKey]*expr.Calendar{}
	}
	s.known[key] = parsed
	return parsed, nil
}

// settle follows up a change that was made at a time: it says anew when the
// check's next ping is due and when it goes down, which may have been already.
func (s *Service) settle(c *Check, at time.Time) ([]Flip, error) {
	schedule, err := s.schedules.of(&c.Settings)
	if err != nil {
		return nil, damagedError{err}
	}
	c.expect(schedule)
	return c.overdue(at, at), nil
}
