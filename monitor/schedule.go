package monitor

import "sync"

// maxSchedules bounds the schedules that are kept; when it is reached they are
// read anew.
const maxSchedules = 10_000

// schedules remembers what has been parsed, because every ping asks.
type schedules struct {
	parse func(kind Kind, schedule, timezone string) (Schedule, error)

	mu    sync.Mutex // guards known
	known map[scheduleKey]Schedule
}

type scheduleKey struct {
	kind               Kind
	schedule, timezone string
}

// of returns a check's schedule; that of a Simple one is nil.
func (s *schedules) of(c *Settings) (Schedule, error) {
	if c.Kind == Simple {
		return nil, nil
	}
	key := scheduleKey{c.Kind, c.Schedule, c.Timezone}
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.known[key]; k != nil {
		return k, nil
	}
	parsed, err := s.parse(c.Kind, c.Schedule, c.Timezone)
	if err != nil {
		return nil, err
	}
	if s.known == nil || len(s.known) >= maxSchedules {
		s.known = map[scheduleKey]Schedule{}
	}
	s.known[key] = parsed
	return parsed, nil
}

// expect says anew when the check's next ping is due and when it goes down.
func (s *Service) expect(c *Check) error {
	schedule, err := s.schedules.of(&c.Settings)
	if err != nil {
		return err
	}
	c.expect(schedule)
	return nil
}
