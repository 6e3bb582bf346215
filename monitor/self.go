package monitor

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/barrier"
)

const (
	// selfEvery is how often Belfry looks at itself.
	selfEvery = 15 * time.Second
	// wellAfter is how many good looks in a row make a check of itself well again.
	wellAfter = 4
	// heartbeatEvery is how often the outward heartbeat is sent, in looks: once a minute.
	heartbeatEvery = 4
)

// A SelfStore keeps what Belfry has found out about itself, and answers what it
// asks of the store.
type SelfStore interface {
	// SelfStates returns what was kept, by name.
	SelfStates(ctx context.Context) ([]SelfState, error)
	// KeepSelf stores the states, in the place of those of the same name, with
	// the flips, all or nothing.
	KeepSelf(ctx context.Context, states []SelfState, flips []Flip) error
	// OldestDue returns when the first entry of the due queue is due; zero when
	// it is empty.
	OldestDue(ctx context.Context) (time.Time, error)
	// Outcome returns the recent run of an occurrence, nil when there is none.
	Outcome(ctx context.Context, o belfry.Occurrence) (*belfry.Run, error)
}

// A SelfState is what was told last of a check that Belfry makes of itself.
type SelfState struct {
	Name   string
	Status Status // Up or Down
	Since  time.Time
	Detail string // a sentence with figures; of Down it says what is wrong
}

// A Finding is what one look has found.
type Finding struct {
	Name   string  // of the check: "disk", "clock", ...
	OK     bool    // false: something is wrong
	Detail string  // a sentence with figures
	Advice string  // what to do; empty when it is all right
	Value  float64 // the figure, for a gauge
}

// A SelfCheck looks at one thing. It returns soon, whatever is wrong.
type SelfCheck interface {
	Name() string
	Look(ctx context.Context, now time.Time) Finding
}

// SelfConfig is what a [SelfWatch] is made of. Store, Clock, Logger and Account
// are required.
type SelfConfig struct {
	Store     SelfStore
	Clock     Clock
	Logger    *slog.Logger
	Account   string // that flips of the server belong to
	Checks    []SelfCheck
	Heartbeat *Heartbeat // nil: none is sent
	// Found is told what each look has found; Flipped is called after flips have
	// been stored. nil: nobody is told.
	Found   func([]Finding)
	Flipped func()
	Apart   *barrier.Set
}

// A SelfWatch is Belfry's watch of itself. What it finds is a log line, a flip
// and a gauge; the store that may be what is wrong is not needed for the first
// and the last.
type SelfWatch struct {
	c       SelfConfig
	looking sync.Mutex // held during a look; guards what follows
	states  map[string]*selfState
	loaded  bool
	unsaved []Flip // that the store did not take
}

type selfState struct {
	SelfState
	good int // looks in a row that found nothing
}

// NewSelfWatch returns a watch that does nothing until Run.
func NewSelfWatch(c SelfConfig) *SelfWatch {
	return &SelfWatch{c: c, states: map[string]*selfState{}}
}

// Run looks until ctx ends.
func (s *SelfWatch) Run(ctx context.Context) {
	for look := 0; ; look++ {
		var found []Finding
		s.c.Apart.Do(ctx, "look at itself", "", func() error {
			found = s.Look(ctx)
			return nil
		})
		if s.c.Heartbeat != nil && look%heartbeatEvery == 0 && ctx.Err() == nil {
			s.c.Apart.Do(ctx, "send heartbeat", "", func() error {
				s.c.Heartbeat.send(ctx, found)
				return nil
			})
		}
		timer, release := s.c.Clock.NewTimer(selfEvery)
		select {
		case <-timer:
			release()
		case <-ctx.Done():
			release()
			return
		}
	}
}

// Look makes all checks now, tells what has changed, and returns what they found.
func (s *SelfWatch) Look(ctx context.Context) []Finding {
	s.looking.Lock()
	defer s.looking.Unlock()
	s.load(ctx)
	checks := s.c.Checks
	if s.c.Heartbeat != nil {
		checks = append(slices.Clip(checks), s.c.Heartbeat)
	}
	now := s.c.Clock.Now()
	found := make([]Finding, 0, len(checks))
	var changed []SelfState
	for _, c := range checks {
		f := Finding{Detail: "The check itself failed.", Advice: "See the log; it is tried again."}
		s.c.Apart.Do(ctx, "check itself", c.Name(), func() error {
			f = c.Look(ctx, now)
			return nil
		})
		f.Name = c.Name()
		if ctx.Err() != nil {
			return found // it was cut off, and says nothing
		}
		found = append(found, f)
		if s.take(ctx, &f, now.UTC().Truncate(time.Millisecond)) {
			changed = append(changed, s.states[f.Name].SelfState)
		}
	}
	if s.c.Found != nil {
		s.c.Found(found)
	}
	s.keep(ctx, changed)
	return found
}

// load reads what an earlier process told, so that nothing is told twice.
func (s *SelfWatch) load(ctx context.Context) {
	if s.loaded {
		return
	}
	states, err := s.c.Store.SelfStates(ctx)
	if err != nil {
		s.c.Logger.ErrorContext(ctx, "what Belfry knew of itself could not be read", "err", err)
		return
	}
	for _, st := range states {
		s.states[st.Name] = &selfState{SelfState: st}
	}
	s.loaded = true
}

// take lets a finding have its effect and reports whether the state has changed.
func (s *SelfWatch) take(ctx context.Context, f *Finding, now time.Time) bool {
	st := s.states[f.Name]
	if st == nil {
		st = &selfState{SelfState: SelfState{Name: f.Name, Status: Up, Since: now}}
		s.states[f.Name] = st
	}
	if f.OK {
		st.good++
	} else {
		st.good = 0
	}
	flip := Flip{
		Subject: Subject{Account: s.c.Account, Kind: SubjectServer, ID: f.Name}, Name: "Belfry: " + f.Name,
		At: now, From: st.Status, Detail: f.Detail,
	}
	switch {
	case !f.OK && st.Status == Up:
		flip.To, flip.Reason = Down, ReasonFailed
		if f.Advice != "" {
			flip.Detail += " " + f.Advice
		}
		s.c.Logger.ErrorContext(ctx, "Belfry is not well", "check", f.Name, "detail", f.Detail, "advice", f.Advice)
	case f.OK && st.Status == Down && st.good >= wellAfter:
		flip.To, flip.Reason = Up, ReasonRecovered
		flip.Detail = fmt.Sprintf("%s It was not well for %s.", f.Detail, length(now.Sub(st.Since)))
		s.c.Logger.InfoContext(ctx, "Belfry is well again", "check", f.Name, "detail", f.Detail)
	default:
		return false
	}
	st.Status, st.Since, st.Detail = flip.To, now, flip.Detail
	s.unsaved = append(s.unsaved, flip)
	return true
}

// maxUnsaved bounds the flips that wait for a store that takes nothing.
const maxUnsaved = 100

// keep stores what has changed, and what could not be stored before.
func (s *SelfWatch) keep(ctx context.Context, changed []SelfState) {
	if len(s.unsaved) == 0 {
		return
	}
	if len(changed) < len(s.unsaved) {
		changed = changed[:0]
		for _, st := range s.states {
			changed = append(changed, st.SelfState)
		}
	}
	if err := s.c.Store.KeepSelf(ctx, changed, s.unsaved); err != nil {
		s.c.Logger.ErrorContext(ctx, "what Belfry found out about itself could not be stored; it is tried again", "err", err)
		s.unsaved = s.unsaved[max(0, len(s.unsaved)-maxUnsaved):]
		return
	}
	s.unsaved = s.unsaved[:0]
	if s.c.Flipped != nil {
		s.c.Flipped()
	}
}

// wrong writes the findings that are not all right, a line each; empty when all is well.
func wrong(found []Finding) string {
	var b strings.Builder
	for _, f := range found {
		if !f.OK {
			fmt.Fprintf(&b, "%s: %s %s\n", f.Name, f.Detail, f.Advice)
		}
	}
	return b.String()
}
