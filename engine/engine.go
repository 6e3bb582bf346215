package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/barrier"
)

// Config is what an engine is made of. Store, Clock, Invoker, DeadLetters,
// Logger and Metrics are required.
type Config struct {
	Store       Store
	Clock       Clock
	Invoker     Invoker
	DeadLetters DeadLetters
	Logger      *slog.Logger
	Metrics     *Metrics
	// CheckTarget refuses a target, or its role, that cannot be right; nil
	// accepts all.
	CheckTarget func(ctx context.Context, s *belfry.Schedule) error
	// Forward hands a run that has failed for good to the target's own dead-letter
	// queue or destination, which last, the result of its last attempt, says that
	// it has. aged says that it became too old, and not that its attempts were
	// used up. Called twice for one run it may deliver twice. nil: no target has one.
	Forward func(ctx context.Context, in *belfry.Invocation, payload string, last *belfry.Result, aged bool) error
	// Payload returns what an attempt would send, for the dead letter of one
	// that sends nothing; nil takes the target's input.
	Payload func(in *belfry.Invocation) string
	// Delivered returns what an attempt hands to the code of its target, in which
	// once_per looks for its key; nil takes the target's input.
	Delivered func(in *belfry.Invocation) string
	// TargetOncePer returns the once_per of the schedule's target itself, and the
	// target's ARN; nil, and a nil once_per, is none. It is asked for each run, and
	// has to be quick.
	TargetOncePer func(s *belfry.Schedule) (arn string, once *belfry.OncePer)
	// Ahead is told of each entry that will be due, 5 to 10 s before or as soon as
	// it is stored, so that its target may get ready; due is when the attempt is
	// made, in a flexible window the chosen time. It is called from a goroutine of
	// its own, and not told everything when it is slow. nil: nobody is told.
	Ahead func(ctx context.Context, s *belfry.Schedule, due time.Time)
	// MaxSchedules and MaxGroups bound what one account can have in a region;
	// 0 is DefaultMaxSchedules and DefaultMaxGroups.
	MaxSchedules, MaxGroups int64
	// MaxInFlight bounds the attempts under way at once, and MaxBytes what is kept in
	// memory for those with large inputs; beyond them, due entries wait in the store,
	// each account with a share. 0 is DefaultMaxInFlight and DefaultMaxBytes.
	MaxInFlight, MaxBytes int
	// Lane returns the limit that the schedule's attempts share with others of the
	// same target; entries beyond it wait in the store. It is asked for each run, and
	// has to be quick. nil: there is none.
	Lane func(s *belfry.Schedule) Lane
	// MaxOutgoing bounds the attempts under way whose lanes are outgoing; 0 is no
	// bound.
	MaxOutgoing int
	// Barrier takes what cannot be worked on apart; nil only keeps the process alive.
	Barrier *barrier.Set
	// Retention is how long history is kept; 0 is DefaultRetention.
	Retention time.Duration
	// Unreadable names the parts of the history within [from, to] that cannot be
	// read, and says why; nil: all can be.
	Unreadable func(from, to time.Time) []string
	// MaxSleep is how long the engine may go without a look at the clock, which
	// may have jumped while the machine slept; 0 is DefaultMaxSleep.
	MaxSleep time.Duration
	// Audit is the pause between two checks of the due queue against schedules, clock
	// and time zones; 0 is DefaultAudit.
	Audit time.Duration
	// Housekeeping is the pause between two rounds of moving closed runs into
	// the history; 0 is DefaultHousekeeping.
	Housekeeping time.Duration
}

// Defaults and fixed sizes.
const (
	// DefaultMaxSchedules and DefaultMaxGroups are AWS's quotas (semantics.md 1.9).
	DefaultMaxSchedules = 10_000_000
	DefaultMaxGroups    = 500
	// DefaultMaxInFlight is enough for ten thousand slow targets; an attempt
	// under way costs about 10 KiB.
	DefaultMaxInFlight = 10_000
	// DefaultRetention of runs and gaps.
	DefaultRetention = 90 * 24 * time.Hour
	// DefaultMaxBytes is the size of entries with large inputs that are under way; an
	// attempt needs several times the size of its input.
	DefaultMaxBytes = 64 << 20
	// horizon is how far ahead due entries are read into memory.
	horizon = 10 * time.Second
	// windowMax and windowBytes bound the entries in memory, and readBytes what one
	// reading adds, and what arrives between two looks.
	windowMax   = 8192
	windowBytes = 16 << 20
	readBytes   = 4 << 20
	// startBatch bounds the runs that one durable step starts: large enough to
	// share the fsync, small enough that the first does not wait for the last.
	startBatch = 512
	// lead is how far ahead of its time a run that is alone is recorded. It
	// covers what a disk takes now and then, and is short enough that an edit
	// within it may just as well have come too late.
	lead = 10 * time.Millisecond
	// aloneMax bounds the attempts under way with which a run counts as alone.
	// When there is more to do, what shares a durable step costs less.
	aloneMax = 8
	// DefaultMaxSleep bounds how late the first run is after a resume.
	DefaultMaxSleep = 5 * time.Second
	// rescanFactor times MaxSleep is how often the queue is read again from its
	// start, so that nothing that memory lost stays behind.
	rescanFactor = 12
	// DefaultAudit is how long an entry may be wrong that nothing pointed at.
	DefaultAudit = time.Hour
	// DefaultHousekeeping keeps one round short.
	DefaultHousekeeping = time.Minute
	// storeRetry is the wait after a store error.
	storeRetry = 200 * time.Millisecond
	// archiveAfter is how long closed runs stay on the fire path's side.
	archiveAfter = 15 * time.Minute
)

// An Engine keeps schedules and starts their runs. Its methods are safe for
// concurrent use.
type Engine struct {
	c      Config
	parser parser
	ids    idSource
	loop   loop
	ahead  lookahead
	steps  stepWatch
	health health
	audits chan struct{} // has a value when the queue is to be checked

	gates   *gates
	starved atomic.Bool    // somebody was not let in
	running sync.WaitGroup // attempts under way
	workers *workers
	endings chan *ending // closed when no worker is left
	noMore  sync.Once    // closes the workers' queue and endings

	trims    trims
	newZones bool          // the queue was made with other time-zone data; only audit's goroutine touches it
	marking  sync.Mutex    // held while a group is marked or removed, in the store and in deleting
	deleting sync.Map      // groupKey → struct{}: groups whose schedules start no run
	doomed   chan struct{} // has a value when the store may have groups to empty

	stopLoop  context.CancelFunc // ends the loops
	stopAll   context.CancelFunc // ends attempts too
	loops     sync.WaitGroup
	growing   sync.WaitGroup
	recording sync.WaitGroup
	failed    chan error // the error that ended the loop
}

type groupKey struct {
	belfry.Scope
	group string
}

// New returns an engine that does nothing until Start.
func New(c Config) *Engine {
	if c.MaxInFlight == 0 {
		c.MaxInFlight = DefaultMaxInFlight
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.Retention == 0 {
		c.Retention = DefaultRetention
	}
	if c.MaxSleep == 0 {
		c.MaxSleep = DefaultMaxSleep
	}
	if c.Audit == 0 {
		c.Audit = DefaultAudit
	}
	if c.Housekeeping == 0 {
		c.Housekeeping = DefaultHousekeeping
	}
	if c.MaxSchedules == 0 {
		c.MaxSchedules = DefaultMaxSchedules
	}
	if c.MaxGroups == 0 {
		c.MaxGroups = DefaultMaxGroups
	}
	e := &Engine{
		c: c, gates: newGates(c.MaxInFlight, c.MaxBytes, c.MaxOutgoing), audits: make(chan struct{}, 1), workers: newWorkers(c.MaxInFlight), endings: make(chan *ending, finishBatch),
		failed: make(chan error, 1), doomed: make(chan struct{}, 1),
	}
	e.loop.wake = make(chan struct{}, 1)
	if c.Ahead != nil {
		e.ahead.notes = make(chan []note, notesMax)
	}
	e.stopLoop, e.stopAll = func() {}, func() {} // until Start
	return e
}

// Start takes the shards over, delivers again what the last owner left
// unfinished, and begins to fire. It returns once the engine is ready; Stop
// must follow.
func (e *Engine) Start(ctx context.Context) error {
	if _, err := e.c.Store.Acquire(ctx); err != nil {
		return fmt.Errorf("take the shards over: %w", err)
	}
	left, claim, err := e.c.Store.Interrupted(ctx)
	if err != nil {
		return fmt.Errorf("find interrupted runs: %w", err)
	}
	if len(left) > 0 {
		e.c.Logger.WarnContext(ctx, "delivering again what the last stop interrupted", "runs", len(left))
	}
	if err := e.recover(ctx, left, claim); err != nil {
		return err
	}
	groups, err := e.c.Store.DeletingGroups(ctx)
	if err != nil {
		return fmt.Errorf("find groups being deleted: %w", err)
	}
	for _, g := range groups {
		e.doom(g)
	}
	e.lookBack(ctx)
	all, stopAll := context.WithCancel(context.WithoutCancel(ctx))
	loops, stopLoop := context.WithCancel(all)
	e.stopAll, e.stopLoop = stopAll, stopLoop
	e.background(func() {
		if err := e.run(loops, all); err != nil {
			e.failed <- err
		}
	})
	e.growing.Go(func() { e.grow(all) })
	e.recording.Go(func() { e.recordEnds(all) })
	e.background(func() { e.housekeep(loops) })
	e.background(func() { e.audit(loops) })
	if e.c.Ahead != nil {
		e.background(func() { e.tellAhead(loops) })
	}
	e.background(func() { e.emptyGroups(loops) })
	return nil
}

func (e *Engine) background(f func()) { e.loops.Go(f) }

// Failed gives the error that made the engine stop firing, if one does: it
// then has lost its shards to another node.
func (e *Engine) Failed() <-chan error { return e.failed }

// Drain lets no further run start; the attempts under way go on.
func (e *Engine) Drain() { e.stopLoop() }

// Stop starts no further run and waits for the attempts under way, until ctx
// ends. What has not ended by then is delivered again after the next start.
func (e *Engine) Stop(ctx context.Context) {
	e.stopLoop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.loops.Wait()
		e.running.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		e.c.Logger.WarnContext(ctx, "attempts under way are cut off; they are delivered again after the next start", "attempts", e.gates.inFlight())
	}
	e.stopAll()
	<-done
	e.growing.Wait()
	e.noMore.Do(func() {
		close(e.workers.queue)
		e.workers.all.Wait()
		close(e.endings)
	})
	e.recording.Wait()
}

// housekeep moves closed runs into the history and drops what is too old.
func (e *Engine) housekeep(ctx context.Context) {
	forget := time.Duration(0) // monotonic: when to drop old history next
	for {
		timer, release := e.c.Clock.NewTimer(e.c.Housekeeping)
		select {
		case <-timer:
		case <-ctx.Done():
			release()
			return
		}
		now := e.c.Clock.Now()
		if n, err := e.c.Store.Archive(ctx, now.Add(-archiveAfter)); err != nil && ctx.Err() == nil {
			e.c.Logger.ErrorContext(ctx, "moving closed runs into the history failed; it is tried again", "err", err)
		} else if n > 0 {
			e.c.Logger.DebugContext(ctx, "moved closed runs into the history", "runs", n)
		}
		if _, err := e.c.Store.ForgetTokens(ctx, now.Add(-belfry.TokenLife)); err != nil && ctx.Err() == nil {
			e.c.Logger.ErrorContext(ctx, "dropping old client tokens failed; it is tried again", "err", err)
		}
		e.noteClock(ctx)
		if e.c.Clock.Monotonic() < forget {
			continue
		}
		forget = e.c.Clock.Monotonic() + time.Hour
		if n, err := e.c.Store.Forget(ctx, now.Add(-e.c.Retention)); err != nil && ctx.Err() == nil {
			e.c.Logger.ErrorContext(ctx, "dropping old history failed; it is tried again", "err", err)
		} else if n > 0 {
			e.c.Logger.InfoContext(ctx, "dropped old history", "days", n)
		}
	}
}

// Backlog is how many entries are due and not started, counted up to 100,000.
func (e *Engine) Backlog(ctx context.Context) (int, error) {
	return e.c.Store.Backlog(ctx, e.c.Clock.Now(), 100_000)
}

// idSource makes schedule ids that grow with time: milliseconds since 2020 and
// a counter.
type idSource struct {
	mu   sync.Mutex
	last int64 // guarded by mu
}

func (s *idSource) next(now time.Time, shard belfry.Shard) belfry.ID {
	const epoch = 1_577_836_800_000 // 2020-01-01T00:00:00Z
	n := max(now.UnixMilli()-epoch, 0) << 14
	s.mu.Lock()
	defer s.mu.Unlock()
	if n <= s.last {
		n = s.last + 1
	}
	s.last = n
	return belfry.MakeID(n, shard)
}

func isStale(err error) bool { return errors.Is(err, belfry.ErrStale) }
