package queue

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
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

// A Service is the queues of all accounts. It is safe for concurrent use.
type Service struct {
	store   Store
	clock   Clock
	log     *slog.Logger
	apart   *barrier.Set
	ids     ids
	waiters waiters

	seen belfry.ClockWatch

	closing chan struct{}
	close   func()

	mu    sync.RWMutex // guards cache
	cache map[queueKey]cached
}

type queueKey struct{ account, region, name string }

// A cached queue is used for cacheFor, which bounds how long a change that
// another node made goes unseen; this node's own changes drop it at once.
type cached struct {
	queue *Queue
	until time.Time
}

const (
	cacheFor = time.Second
	// maxCached bounds the cache; when it is full it starts again from empty.
	maxCached = 10_000
)

// New returns a service on store. Run must be running for expired messages to
// leave the store.
func New(store Store, clock Clock, log *slog.Logger, apart *barrier.Set) *Service {
	s := &Service{
		store: store, clock: clock, log: log, apart: apart,
		closing: make(chan struct{}), cache: map[queueKey]cached{},
	}
	s.close = sync.OnceFunc(func() { close(s.closing) })
	return s
}

// Close ends the long polls that are under way, and later ones, with an empty
// answer, so that a server can stop. Everything else goes on working.
func (s *Service) Close() { s.close() }

// now is the time as stores keep it.
func (s *Service) now() time.Time {
	now := s.clock.Now().UTC().Truncate(time.Millisecond)
	s.seen.See(now)
	return now
}

// Queue returns the queue of that name. The caller must not change it.
func (s *Service) Queue(ctx context.Context, scope belfry.Scope, name string) (*Queue, error) {
	key := queueKey{scope.Account, scope.Region, name}
	s.mu.RLock()
	c, ok := s.cache[key]
	s.mu.RUnlock()
	if ok && s.clock.Now().Before(c.until) {
		return c.queue, nil
	}
	until := s.clock.Now().Add(cacheFor)
	q, err := s.store.Queue(ctx, scope, name)
	if err != nil {
		s.forget(key)
		return nil, err
	}
	s.mu.Lock()
	if len(s.cache) >= maxCached {
		clear(s.cache)
	}
	s.cache[key] = cached{&q, until}
	s.mu.Unlock()
	return &q, nil
}

func (s *Service) forget(key queueKey) {
	s.mu.Lock()
	delete(s.cache, key)
	s.mu.Unlock()
}

func (s *Service) forgetQueue(q *Queue) {
	s.forget(queueKey{q.Account, q.Region, q.Name})
}

// onQueue calls do with the queue; when its contents have been replaced since
// it was cached, once more with the queue as it is now.
func (s *Service) onQueue(ctx context.Context, scope belfry.Scope, name string, do func(*Queue) error) error {
	q, err := s.Queue(ctx, scope, name)
	if err != nil {
		return err
	}
	if err = do(q); belfry.KindOf(err) != belfry.NotFound {
		return err
	}
	s.forgetQueue(q)
	if q, err = s.Queue(ctx, scope, name); err != nil {
		return err
	}
	return do(q)
}

// CreateQueue makes a queue, or returns the one of that name if its attributes
// are equal to those given.
func (s *Service) CreateQueue(ctx context.Context, scope belfry.Scope, name string, attributes, tags map[string]string) (*Queue, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if err := checkSet(attributes, true); err != nil {
		return nil, err
	}
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	now := s.now()
	empty := Queue{Scope: scope, Name: name, Tags: maps.Clone(tags), Created: now}
	rand.Read(empty.Secret[:]) // never fails
	q := empty.with(attributes, now)
	if err := q.Parse(); err != nil {
		return nil, err
	}
	if err := s.checkRedrive(ctx, &q, attributes); err != nil {
		return nil, err
	}
	stored, created, err := s.store.CreateQueue(ctx, q)
	if err != nil {
		return nil, err
	}
	if created {
		s.forgetQueue(&stored)
		return &stored, nil
	}
	if name := stored.differs(attributes); name != "" {
		return nil, fail(codeNameExists, belfry.Conflict, name,
			"A queue already exists with the same name and a different value for attribute %s", name)
	}
	return &stored, nil
}

// checkRedrive checks the redrive policy in set, if any, against the queue
// that it names.
func (s *Service) checkRedrive(ctx context.Context, q *Queue, set map[string]string) error {
	raw := set[attrRedrive]
	if raw == "" {
		return nil
	}
	r := q.settings.redrive
	dlq, err := s.Queue(ctx, r.target.Scope(), r.target.Resource)
	if err != nil && belfry.KindOf(err) != belfry.NotFound {
		return err
	}
	return r.checkTarget(raw, q, dlq)
}

// Attributes returns the attributes that names ask for; All is every one.
func (s *Service) Attributes(ctx context.Context, scope belfry.Scope, name string, names []string) (map[string]string, error) {
	if err := checkAttributeNames(names); err != nil {
		return nil, err
	}
	var out map[string]string
	err := s.onQueue(ctx, scope, name, func(q *Queue) error {
		if len(names) == 0 {
			return nil
		}
		var n Counts
		if countsAsked(names) {
			now := s.now()
			var err error
			if n, err = s.store.Counts(ctx, q.Contents, now, q.cutoff(now)); err != nil {
				return err
			}
		}
		out = q.describe(names, n)
		return nil
	})
	return out, err
}

// SetAttributes sets the attributes given and leaves the others; an empty
// value takes back what was set.
func (s *Service) SetAttributes(ctx context.Context, scope belfry.Scope, name string, set map[string]string) error {
	if len(set) == 0 {
		return missing("Attribute.Name")
	}
	if err := checkSet(set, false); err != nil {
		return err
	}
	return s.update(ctx, scope, name, func(q *Queue) (Queue, error) {
		next := q.with(set, s.now())
		if err := next.Parse(); err != nil {
			return next, err
		}
		return next, s.checkRedrive(ctx, &next, set)
	})
}

// update replaces a queue by what change makes of it, and starts again when
// another update came in between.
func (s *Service) update(ctx context.Context, scope belfry.Scope, name string, change func(*Queue) (Queue, error)) error {
	const tries = 10
	for i := 1; ; i++ {
		q, err := s.store.Queue(ctx, scope, name)
		if err != nil {
			return err
		}
		next, err := change(&q)
		if err != nil {
			return err
		}
		err = s.store.UpdateQueue(ctx, next)
		s.forgetQueue(&q)
		s.waiters.wakeAll(q.ID)
		if belfry.KindOf(err) != belfry.Conflict || i == tries {
			return err
		}
	}
}

// ListQueues returns at most limit names that begin with prefix and follow
// after, in order, and whether there are more.
func (s *Service) ListQueues(ctx context.Context, scope belfry.Scope, prefix, after string, limit int) (names []string, more bool, err error) {
	queues, err := s.store.Queues(ctx, scope, prefix, after, limit+1)
	if err != nil {
		return nil, false, err
	}
	if more = len(queues) > limit; more {
		queues = queues[:limit]
	}
	for _, q := range queues {
		names = append(names, q.Name)
	}
	return names, more, nil
}

// Sources returns at most limit names of the queues that name this one as their
// dead-letter queue and follow after, in order, and whether there are more.
func (s *Service) Sources(ctx context.Context, scope belfry.Scope, name, after string, limit int) (names []string, more bool, err error) {
	dlq, err := s.Queue(ctx, scope, name)
	if err != nil {
		return nil, false, err
	}
	const step = 1000
	for {
		queues, err := s.store.Queues(ctx, scope, "", after, step)
		if err != nil {
			return nil, false, err
		}
		for _, q := range queues {
			after = q.Name
			if q.settings.redrive.target.String() != dlq.ARN() {
				continue
			}
			if len(names) == limit {
				return names, true, nil
			}
			names = append(names, q.Name)
		}
		if len(queues) < step {
			return names, false, nil
		}
	}
}

// DeleteQueue removes a queue and its messages.
func (s *Service) DeleteQueue(ctx context.Context, scope belfry.Scope, name string) error {
	return s.onQueue(ctx, scope, name, func(q *Queue) error {
		defer s.waiters.wakeAll(q.ID)
		defer s.forgetQueue(q)
		return s.store.DeleteQueue(ctx, q.ID)
	})
}

// purgeEvery is the time between two purges of a queue (semantics.md 4.4).
const purgeEvery = time.Minute

// PurgeQueue removes the messages of a queue.
func (s *Service) PurgeQueue(ctx context.Context, scope belfry.Scope, name string) error {
	return s.onQueue(ctx, scope, name, func(q *Queue) error {
		now := s.now()
		defer s.forgetQueue(q)
		purged, err := s.store.PurgeQueue(ctx, q.ID, now, now.Add(-purgeEvery))
		if err == nil && !purged {
			return fail(codePurging, belfry.Denied, "QueueUrl",
				"Only one PurgeQueue operation on %s is allowed every 60 seconds.", q.Name)
		}
		return err
	})
}
