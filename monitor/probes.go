package monitor

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/barrier"
	"github.com/belfry-run/belfry/monitor/probe"
)

// DefaultProbesAtOnce is how many probes look at the same time unless something
// else is said.
const DefaultProbesAtOnce = 64

// A ProbesConfig is what [Probes] are made of. All but AtOnce is required.
type ProbesConfig struct {
	Checks *Service
	Store  ProbeStore
	Sealer interface {
		Seal(id string, plain []byte) []byte
		Open(id string, sealed []byte) ([]byte, error)
	}
	// Look looks at what the settings say, which have been checked.
	Look    func(ctx context.Context, s *probe.Settings) probe.Result
	Logger  *slog.Logger
	Metrics *ProbeMetrics
	Apart   *barrier.Set
	AtOnce  int // 0: DefaultProbesAtOnce
}

// Probes are the probes of all accounts. They are safe for concurrent use.
type Probes struct {
	c      ProbesConfig
	checks *Service
	apart  int           // probes that are set apart, as of the last look for due ones; of Run
	slots  chan struct{} // has one value for each look under way
	freed  chan struct{} // gets a value when one has ended
}

// NewProbes returns the probes. Run must be running for them to look.
func NewProbes(c ProbesConfig) *Probes {
	return &Probes{
		c: c, checks: c.Checks,
		slots: make(chan struct{}, cmp.Or(c.AtOnce, DefaultProbesAtOnce)), freed: make(chan struct{}, 1),
	}
}

// NoProbe is the error for a probe that is not there.
func NoProbe() *belfry.Error {
	return belfry.Errorf(belfry.NotFound, "id", "There is no probe with this id.")
}

// Create adds a check with a probe on it, which looks for the first time at
// once. Invalid names the field at fault, Quota says that the account has as
// many checks as it may. Only somebody ends a pause of the check, and no look
// that is under way.
func (s *Probes) Create(ctx context.Context, account string, check Settings, settings probe.Settings) (Probe, error) {
	check.ManualResume = true
	if err := s.valid(&check, &settings); err != nil {
		return Probe{}, err
	}
	p := Probe{Check: s.checks.newCheck(account, check), Next: s.checks.now()}
	var err error
	if p.Sealed, err = s.seal(p.Check.ID, &settings); err != nil {
		return p, err
	}
	if p, err = s.c.Store.CreateProbe(ctx, p, s.checks.c.MaxChecks); err != nil {
		return p, err
	}
	return p, s.open(&p)
}

// Probe returns the account's probe with that id, its check's; NotFound when
// there is none, also when it is another account's.
func (s *Probes) Probe(ctx context.Context, account, id string) (Probe, error) {
	p, err := s.c.Store.Probe(ctx, id)
	if err != nil {
		return p, err
	}
	if p.Check.Account != account {
		return Probe{}, NoProbe()
	}
	return p, s.open(&p)
}

// List returns at most limit probes of an account, in the order of their
// creation, after the one whose check has that Number.
func (s *Probes) List(ctx context.Context, account string, after int64, limit int) ([]Probe, error) {
	var all []Probe
	for len(all) < limit {
		page, err := s.c.Store.ListProbes(ctx, account, after, limit-len(all))
		if err != nil || len(page) == 0 {
			return all, err
		}
		for i := range page {
			after = page[i].Check.Number
			if err := s.open(&page[i]); err != nil { // it must not keep the others from being shown
				s.c.Apart.Report(ctx, "read probe", page[i].Check.ID, err)
				continue
			}
			all = append(all, page[i])
		}
	}
	return all, nil
}

// Update lets edit change the account's probe and the settings of its check; it
// looks at once. Errors are those of Probe and Create, and edit's own; edit may
// be called more than once.
func (s *Probes) Update(ctx context.Context, account, id string, edit func(check *Settings, settings *probe.Settings) error) (Probe, error) {
	p, err := s.change(ctx, id, func(p *Probe, now time.Time) (Change, error) {
		if p.Check.Account != account {
			return Change{}, NoProbe()
		}
		if err := s.open(p); err != nil {
			return Change{}, err
		}
		flips := p.Check.overdue(now, time.Time{})
		if err := edit(&p.Check.Settings, &p.Settings); err != nil {
			return Change{}, err
		}
		if err := s.valid(&p.Check.Settings, &p.Settings); err != nil {
			return Change{}, err
		}
		var err error
		if p.Sealed, err = s.seal(id, &p.Settings); err != nil {
			return Change{}, err
		}
		p.Next = now
		more, err := s.checks.settle(&p.Check, now)
		return Change{Edited: true, Flips: append(flips, more...)}, err
	})
	if err != nil {
		return p, err
	}
	return p, s.open(&p)
}

// Delete removes the account's probe with its check, and returns it as it was. by
// is that of [Service.Delete].
func (s *Probes) Delete(ctx context.Context, account, id, by string) (Probe, error) {
	p, err := s.Probe(ctx, account, id)
	if err != nil {
		return p, err
	}
	if _, err = s.checks.Delete(ctx, account, id, by); belfry.KindOf(err) == belfry.NotFound {
		err = NoProbe()
	}
	return p, err
}

// valid returns Invalid when a probe cannot be.
func (s *Probes) valid(check *Settings, settings *probe.Settings) error {
	if err := settings.Check(); err != nil {
		return err
	}
	if err := s.checks.check(check); err != nil {
		return err
	}
	look := time.Duration(*settings.Retries+1)*(time.Duration(settings.Timeout)*time.Second+probe.RetryDelay) - probe.RetryDelay
	if check.Kind == Simple && look >= check.Timeout+check.Grace {
		return belfry.Errorf(belfry.Invalid, "timeout_seconds", "A look with its retries may take %v, and the interval and the grace time are %v: shorten timeout_seconds, take fewer retries, or lengthen the interval.", look, check.Timeout+check.Grace)
	}
	return nil
}

// change makes a change to a probe and tells when its check flipped.
func (s *Probes) change(ctx context.Context, id string, decide func(p *Probe, now time.Time) (Change, error)) (Probe, error) {
	var flips []Flip
	p, err := s.c.Store.ChangeProbe(ctx, id, func(p *Probe) (Change, error) {
		change, err := decide(p, s.checks.now())
		flips = change.Flips
		return change, err
	})
	if err == nil {
		s.checks.flipped(flips)
	}
	return p, err
}

func (s *Probes) seal(id string, settings *probe.Settings) ([]byte, error) {
	plain, err := json.Marshal(settings)
	if err != nil {
		return nil, fmt.Errorf("encode the settings of the probe %s: %w", id, err)
	}
	return s.c.Sealer.Seal(id, plain), nil
}

func (s *Probes) open(p *Probe) error {
	plain, err := s.c.Sealer.Open(p.Check.ID, p.Sealed)
	if err != nil {
		return err
	}
	p.Settings = probe.Settings{}
	if err := json.Unmarshal(plain, &p.Settings); err != nil {
		return fmt.Errorf("decode the settings of the probe %s: %w", p.Check.ID, err)
	}
	return nil
}
