package logs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/belfry-run/belfry/barrier"
)

// Defaults of a Config.
const (
	DefaultRetention = 14        // days
	DefaultGroupSize = 256 << 20 // bytes
	DefaultTotalSize = 1 << 30   // bytes
	DefaultBuffer    = 16 << 20  // bytes
	DefaultPage      = 1 << 20   // bytes
)

const (
	flushEvery   = 100 * time.Millisecond // a batch shares one transaction
	sweepEvery   = time.Minute
	trimStep     = 2000 // events that go in one transaction: a few milliseconds
	trimTo       = 9    // tenths of a limit that are left when it was passed
	day          = 24 * time.Hour
	maxFollowers = 100
)

// A Clock tells the time.
type Clock interface {
	Now() time.Time
	After(d time.Duration) <-chan time.Time
}

// A Config says how logs are kept. Store and Clock are required; zero is the
// default.
type Config struct {
	Store     Store
	Clock     Clock
	Logger    *slog.Logger
	Retention int   // days that events of a group without a policy of its own are kept; negative: for ever
	GroupSize int64 // bytes that a group may have, see [Overhead]
	TotalSize int64 // bytes that all groups may have
	Buffer    int64 // bytes that may wait for the store
	Page      int   // bytes of messages that are read at once, and that a page has; one message may be larger
	Apart     *barrier.Set
}

// Stats are a service's counts.
type Stats struct {
	Bytes            int64  // stored, of all groups
	Waiting          int64  // bytes that wait for the store
	Recorded         uint64 // events since the start
	Dropped, Trimmed uint64 // events that were not stored, and bytes that went because of a limit, since the start
}

// A Service keeps logs. It is safe for concurrent use; Run must run.
type Service struct {
	cfg   Config
	store Store
	log   *slog.Logger

	work  chan struct{} // has a value when something waits
	sweep chan struct{} // has a value when a limit is passed

	stopped  chan struct{} // closed by Stop
	stopOnce sync.Once

	mu      sync.Mutex // guards what follows
	waiting []line
	bytes   int64
	lost    map[source]int // lines that were dropped, until a note says so
	groups  map[Ref]int64  // known ids
	sizes   map[int64]int64
	stats   Stats
	changed chan struct{} // closed when events have been stored
	follows int
	told    time.Time // when the log was last told of dropped lines

	writing sync.Mutex // held while a batch is taken and written, so that batches stay in order
}

type source struct {
	Ref
	stream string
}

// line is an event whose group is not looked up yet.
type line struct {
	source
	Event
}

// New returns a service.
func New(ctx context.Context, cfg Config) (*Service, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	setDefault(&cfg.Retention, DefaultRetention)
	setDefault(&cfg.TotalSize, DefaultTotalSize)
	setDefault(&cfg.GroupSize, min(DefaultGroupSize, cfg.TotalSize))
	setDefault(&cfg.Buffer, DefaultBuffer)
	setDefault(&cfg.Page, DefaultPage)
	sizes, err := cfg.Store.LogSizes(ctx)
	if err != nil {
		return nil, err
	}
	s := &Service{
		cfg: cfg, store: cfg.Store, log: cfg.Logger, work: make(chan struct{}, 1), sweep: make(chan struct{}, 1), stopped: make(chan struct{}),
		lost: map[source]int{}, groups: map[Ref]int64{}, sizes: sizes, changed: make(chan struct{}),
	}
	for _, n := range sizes {
		s.stats.Bytes += n
	}
	return s, nil
}

func setDefault[T comparable](p *T, d T) {
	var zero T
	if *p == zero {
		*p = d
	}
}

// Run writes what is recorded, and removes what is too old or too much, until
// ctx ends; then it writes the rest and returns.
func (s *Service) Run(ctx context.Context) {
	var sweeps sync.WaitGroup
	sweeps.Go(func() { s.runSweeps(ctx) })
	defer sweeps.Wait()
	for {
		select {
		case <-s.work:
		case <-ctx.Done():
			s.flush(context.WithoutCancel(ctx))
			return
		}
		select { // what comes meanwhile shares the transaction, and does not wait for it
		case <-s.cfg.Clock.After(flushEvery):
			s.flush(ctx)
		case <-ctx.Done():
		}
	}
}

// flush is Flush, behind the barrier.
func (s *Service) flush(ctx context.Context) {
	s.cfg.Apart.Do(ctx, "store log lines", "", func() error {
		s.Flush(ctx)
		return nil
	})
}

// Stop ends all following; what else is asked for is still answered.
func (s *Service) Stop() { s.stopOnce.Do(func() { close(s.stopped) }) }

// Stats returns the service's counts.
func (s *Service) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Waiting = s.bytes
	return st
}

// now is the time as it is stored.
func (s *Service) now() time.Time { return s.cfg.Clock.Now().UTC().Truncate(time.Millisecond) }

// signal puts a value into a channel that has room for one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
