package monitor

import (
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/expr"
	"github.com/belfry-run/belfry/monitor/probe"
)

// probeEvery is how long a probe may be due before it is noticed.
const probeEvery = time.Second

// never is when a look is due whose schedule has no further occurrence.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Run looks when probes are due, until ctx ends; then it gives up what is under
// way and returns. What has not been recorded is looked at again after the next
// start, once, however much time has passed.
func (s *Probes) Run(ctx context.Context) {
	var looks sync.WaitGroup
	defer looks.Wait()
	var running sync.Map // ids of the checks whose probes look
	for ctx.Err() == nil {
		waiting := false
		s.c.Apart.Do(ctx, "look for due probes", "", func() error {
			waiting = s.startDue(ctx, &running, &looks)
			return nil
		})
		timer, stop := s.checks.c.Clock.NewTimer(beat(s.checks.now(), probeEvery))
		var freed <-chan struct{}
		if waiting {
			freed = s.freed
		}
		select {
		case <-timer:
		case <-freed:
		case <-ctx.Done():
		}
		stop()
	}
}

// startDue starts the looks that are due, as far as there are slots, and says
// whether some have to wait for one.
func (s *Probes) startDue(ctx context.Context, running *sync.Map, looks *sync.WaitGroup) (waiting bool) {
	// What is under way is due until it has been recorded: at most all slots. It
	// may be recorded right after the store has been asked, so who is looking is
	// asked first.
	looking := map[string]bool{}
	running.Range(func(id, _ any) bool { looking[id.(string)] = true; return true })
	due, err := s.c.Store.DueProbes(ctx, s.checks.now(), 2*cap(s.slots)+s.apart)
	if err != nil && ctx.Err() == nil {
		s.c.Logger.ErrorContext(ctx, "looking for due probes failed; it is tried again", "in", probeEvery, "err", err)
	}
	s.apart = 0
	for _, p := range due {
		id := p.Check.ID
		if s.c.Apart.Wait("look with probe", id) > 0 {
			s.apart++ // it stays due, before the others
			continue
		}
		if looking[id] {
			continue
		}
		if !s.takeSlot() {
			return true
		}
		running.Store(id, true)
		looks.Go(func() {
			s.lookDue(ctx, p)
			running.Delete(id)
			s.freeSlot()
		})
	}
	return false
}

func (s *Probes) takeSlot() bool {
	select {
	case s.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s *Probes) freeSlot() {
	<-s.slots
	select {
	case s.freed <- struct{}{}:
	default:
	}
}

// lookDue looks and records what was seen.
func (s *Probes) lookDue(ctx context.Context, p Probe) {
	s.c.Apart.Do(ctx, "look with probe", p.Check.ID, func() error {
		_, err := s.look(ctx, p)
		if errors.As(err, new(damagedError)) {
			return err
		}
		if err != nil && ctx.Err() == nil && belfry.KindOf(err) != belfry.NotFound {
			s.c.Logger.ErrorContext(ctx, "recording what a probe saw failed; it looks again", "probe", p.Check.ID, "err", err)
		}
		return nil
	})
}

// Look looks now, apart from the probe's schedule, and records what was seen
// like any other look. Throttled when as many looks are under way as may be.
func (s *Probes) Look(ctx context.Context, account, id string) (Probe, error) {
	p, err := s.Probe(ctx, account, id)
	if err != nil {
		return p, err
	}
	if !s.takeSlot() {
		return p, belfry.Errorf(belfry.Throttled, "", "%d probes are looking already; try again in a moment.", cap(s.slots))
	}
	defer s.freeSlot()
	p, err = s.look(ctx, p)
	if err != nil {
		return p, err
	}
	return p, s.open(&p)
}

// look looks and records. A probe whose check is paused only goes to its next
// time.
func (s *Probes) look(ctx context.Context, p Probe) (Probe, error) {
	if p.Check.Status == Paused {
		return s.change(ctx, p.Check.ID, func(p *Probe, now time.Time) (Change, error) {
			return Change{}, s.setNext(p, now)
		})
	}
	var r probe.Result
	if err := s.open(&p); err != nil {
		r.Detail = "The probe's settings cannot be read: " + err.Error() + "."
	} else {
		stop := s.c.Metrics.begin(p.Settings.Kind)
		r = s.c.Look(ctx, &p.Settings)
		stop(r)
	}
	if err := ctx.Err(); err != nil {
		return p, err // it was cut off, and says nothing
	}
	return s.record(ctx, &p, r)
}

// record stores what was seen as a ping of the probe's check, with all that
// follows, in one step.
func (s *Probes) record(ctx context.Context, looked *Probe, r probe.Result) (Probe, error) {
	return s.change(ctx, looked.Check.ID, func(p *Probe, now time.Time) (Change, error) {
		if p.Revision != looked.Revision {
			return Change{}, nil // it looks at something else now, and is due for that
		}
		took := max(r.Took.Truncate(time.Millisecond), time.Millisecond)
		p.Last = &ProbeRun{At: now, OK: r.OK, Detail: r.Detail, Took: took, Expires: r.Expires.Truncate(time.Millisecond)}
		if err := s.setNext(p, now); err != nil {
			return Change{}, err
		}
		c := &p.Check
		if c.Status == Paused {
			return Change{}, nil
		}
		ping := Ping{At: now, Action: PingFail, Scheme: "probe", UserAgent: "Belfry probe", ExitStatus: NoExitStatus, Body: []byte(r.Detail)}
		if r.OK {
			ping.Action = PingSuccess
		}
		ping.trim(s.checks.c.BodyLimit)
		c.Pings++
		ping.N = c.Pings
		flips := c.overdue(now, time.Time{})
		seen := c.take(&ping)
		for i := range seen {
			if r.OK && seen[i].From == Down {
				seen[i].Detail += " " + r.Detail
			} else {
				seen[i].Detail = r.Detail
			}
		}
		c.LastDuration = took
		more, err := s.checks.settle(c, now)
		return Change{Ping: &ping, Keep: s.checks.c.PingLog, Flips: slices.Concat(flips, seen, more)}, err
	})
}

// setNext says when the next look is due, by the check's schedule.
func (s *Probes) setNext(p *Probe, now time.Time) error {
	schedule, err := s.checks.schedules.of(&p.Check.Settings)
	if err != nil {
		return damagedError{err}
	}
	p.Next = nextLook(&p.Check, schedule, now)
	return nil
}

// nextLook returns the first time after now at which a check's probe is due. The
// looks of a Simple check are its Timeout apart, on a grid that begins where a
// hash of its id says: so the looks of many checks are spread, at the same times
// after every restart, and however late one is, it shifts none of the others.
func nextLook(c *Check, schedule *expr.Calendar, now time.Time) time.Time {
	if schedule != nil {
		if next, ok := schedule.Next(now); ok {
			return next.UTC().Truncate(time.Millisecond)
		}
		return never
	}
	h := fnv.New64a()
	h.Write([]byte(c.ID))
	interval := c.Timeout.Milliseconds()
	offset := int64(h.Sum64() % uint64(interval))
	ahead := ((offset-now.UnixMilli())%interval + interval) % interval
	if ahead == 0 {
		ahead = interval
	}
	return time.UnixMilli(now.UnixMilli() + ahead).UTC()
}
