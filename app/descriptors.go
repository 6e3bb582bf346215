package app

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/belfry-run/belfry/egress"
	"github.com/belfry-run/belfry/target"
)

const (
	// ownFiles are the descriptors of the store, its history and the process itself.
	ownFiles = 44
	// perInstance is what one function's instance takes of the server's.
	perInstance = 12
	// maxOthers is more than looks, messages and records ever use.
	maxOthers = 256
	// fewDescriptors is below what the server warns: little can be done at once.
	fewDescriptors = 1024
)

// descriptors are how the server divides what it may have open, so that nothing
// that it does for one keeps it from another: of what the store leaves, a quarter at
// most is for connections that the server makes, a quarter for instances of
// functions, the rest for callers. What does not fit in a share waits.
type descriptors struct {
	limit     int
	callers   int // connections that are accepted at once
	attempts  int // requests of schedules under way at once
	others    int // looks, messages and records under way at once
	idle      int // connections that are kept for later requests: to HTTP, to HTTPS, of the others
	instances int // of functions
}

// openDescriptors finds out how many descriptors the process may have. Go has
// raised that to what it can be at the start.
func openDescriptors() (descriptors, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return descriptors{}, fmt.Errorf("ask how many files may be open: %w", err)
	}
	return divide(int(min(limit.Cur, 1<<30))), nil
}

func divide(limit int) descriptors {
	rest := max(limit-ownFiles, 0)
	d := descriptors{
		limit:    limit,
		attempts: max(rest/8, 2), others: min(max(rest/16, 1), maxOthers), idle: min(max(rest/48, 1), target.Idle),
		instances: max(rest/4/perInstance, 1),
	}
	d.callers = max(rest-d.outgoing()-d.instances*perInstance, 8)
	return d
}

// outgoing is how many connections the server makes, those that are kept included.
func (d descriptors) outgoing() int { return d.attempts + d.others + 3*d.idle }

// perHost is how many requests of schedules one host can have of the attempts: what
// hangs leaves half to the others.
func (d descriptors) perHost(most int) int { return min(most, max(d.attempts/2, 1)) }

// startDescriptors divides the descriptors, and shows what of them is in use.
func (s *Server) startDescriptors() error {
	d, err := openDescriptors()
	if err != nil {
		return err
	}
	if d.limit < fewDescriptors {
		s.log.Warn("few files may be open, so that little can be done at once; raise the limit (ulimit -n, or LimitNOFILE= in a unit of systemd)",
			"limit", d.limit, "callers", d.callers, "outgoing", d.attempts, "function_instances", d.instances)
	}
	s.descriptors = d
	s.outgoing, s.outgoingOwn = egress.NewLimit(d.attempts), egress.NewLimit(d.others)
	s.callers = newCallers(d.callers)
	gauge(s.metrics, "belfry_outgoing_limit", "Requests of schedules to HTTP endpoints that can be under way at once.", func() float64 { return float64(d.attempts) })
	gauge(s.metrics, "belfry_outgoing_in_use", "Requests of schedules to HTTP endpoints that are under way.", func() float64 { n, _ := s.outgoing.Counts(); return float64(n) })
	gauge(s.metrics, "belfry_outgoing_waiting", "Requests of schedules, looks, messages and records that wait until one of them may be sent.", func() float64 {
		_, attempts := s.outgoing.Counts()
		_, others := s.outgoingOwn.Counts()
		return float64(attempts + others + s.targets.Waiting())
	})
	gauge(s.metrics, "belfry_callers_limit", "Connections of callers that can be open at once.", func() float64 { return float64(d.callers) })
	gauge(s.metrics, "belfry_callers_open", "Connections of callers that are open.", func() float64 { return float64(s.callers.count()) })
	return nil
}
