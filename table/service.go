package table

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/barrier"
)

// A Clock tells the time and wakes.
type Clock interface {
	Now() time.Time
	// NewTimer returns a channel that gets one value after d, and a function
	// that releases it early.
	NewTimer(d time.Duration) (<-chan time.Time, func())
}

// A Service is the tables of all accounts. It is safe for concurrent use.
type Service struct {
	store Store
	clock Clock
	log   *slog.Logger
	apart *barrier.Set
	wake  chan struct{} // has a value when Run is to look at once

	mu    sync.RWMutex // guards cache
	cache map[tableKey]*Table
}

type tableKey struct {
	scope belfry.Scope
	name  string
}

// maxCached bounds the cache; when it is full it starts again from empty.
const maxCached = 10_000

// New returns a service on store. Run must be running for expired items to
// leave the store.
func New(store Store, clock Clock, log *slog.Logger, apart *barrier.Set) *Service {
	return &Service{store: store, clock: clock, log: log, apart: apart, wake: make(chan struct{}, 1), cache: map[tableKey]*Table{}}
}

// now is the time as stores keep it.
func (s *Service) now() time.Time { return s.clock.Now().UTC().Truncate(time.Millisecond) }

// table returns the table of that name for reads and writes of items. It may
// be out of date; the store finds out when it is used. See again.
func (s *Service) table(ctx context.Context, scope belfry.Scope, name string) (*Table, error) {
	key := tableKey{scope, name}
	s.mu.RLock()
	t := s.cache[key]
	s.mu.RUnlock()
	if t != nil {
		return t, nil
	}
	fresh, err := s.store.Table(ctx, scope, name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.cache) >= maxCached {
		clear(s.cache)
	}
	s.cache[key] = &fresh
	return &fresh, nil
}

func (s *Service) forget(scope belfry.Scope, name string) {
	s.mu.Lock()
	delete(s.cache, tableKey{scope, name})
	s.mu.Unlock()
}

// maxTries is how often a write looks again at a table that is being changed.
const maxTries = 10

// again calls do until it rests on tables as they are: when it finds that one
// has changed or gone, the tables of these names are read again.
func (s *Service) again(scope belfry.Scope, names []string, do func() error) error {
	for i := 1; ; i++ {
		err := do()
		kind := belfry.KindOf(err)
		if err == nil || !isStale(err) && kind != belfry.NotFound || i == maxTries {
			return err
		}
		for _, n := range names {
			s.forget(scope, n)
		}
		if kind == belfry.NotFound && i > 1 {
			return err // it is not the cache that misleads
		}
	}
}

func isStale(err error) bool {
	e, ok := err.(*belfry.Error) //nolint:errorlint // the store's own value, never wrapped
	return ok && e.Code == belfry.ErrStale.Code
}
