package function

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/barrier"
	"github.com/belfry-run/belfry/function/sandbox"
	"github.com/belfry-run/belfry/memory"
)

// Defaults of a Config.
const (
	DefaultPerFunction = 64               // instances of one function at once
	DefaultIdle        = 5 * time.Minute  // as Lambda keeps an instance, roughly
	DefaultMaxWait     = 10 * time.Second // for an instance; below the clients' own patience
	DefaultMaxWaiting  = 10_000           // callers
	DefaultMaxEvents   = 100_000          // pending events; each holds about 200 bytes of memory
	DefaultEventBytes  = 64 << 20         // of events that are tried at once
	DefaultProcesses   = 64               // of an isolated instance, threads included
	startsPerCore      = 2                // more only take the processor from each other
	// functionMaxAge is that of what is remembered of a function. A change by this host
	// is known at once; one whose answer was lost, by then. A store that other nodes
	// write to wants it shorter: theirs are known no sooner.
	functionMaxAge  = 10 * time.Second
	janitorInterval = 15 * time.Second
)

// A Config says how a host works. Dir and Store are required.
type Config struct {
	Dir    string // of the host's own; code and bootstraps are kept in it
	Store  Store
	Logger *slog.Logger // nil: none
	Apart  *barrier.Set
	Clock  Clock // nil: the wall clock

	// EndpointURL is where AWS clients inside functions find this server, over
	// plain HTTP; empty leaves them to AWS. Instances with a network of their own
	// have a way to it.
	EndpointURL string

	// Isolation is the highest level of isolation to use, RequireIsolation the
	// lowest to start with.
	Isolation, RequireIsolation sandbox.Level
	// Trial is the program that sandboxes are tried with, which calls [sandbox.Main]
	// first; empty: this very one.
	Trial string
	// Egress is the way out of functions that do not choose theirs, EgressMax the
	// widest that they can choose. The default is EgressProxy, and Egress.
	Egress, EgressMax Egress
	EgressAllow       []netip.Prefix // that EgressProxy lets through beside public addresses
	Processes         int            // and threads, of an isolated instance; 0 is the default

	// Roles decides what those clients may do; nil is --dev, where they may do
	// everything.
	Roles Roles

	PerFunction  int           // instances of one function at once; 0 is the default
	MaxInstances int           // at once, those of the pool included; 0 is no limit
	MemoryBudget int           // MB that all instances may add up to; 0 is 80 % of the machine's
	Idle         time.Duration // until an unused instance ends; 0 is the default
	MaxWait      time.Duration // of a caller for an instance; 0 is the default
	MaxWaiting   int           // callers that may wait; 0 is the default
	MaxEvents    int           // pending events; 0 is the default
	// EventBytes bounds the bytes of the events, and of the records for endpoints,
	// that are tried at once; others wait. 0 is the default.
	EventBytes int
	// Answers bounds the bytes of the answers of functions that are in memory: who
	// finds no room waits, and its function's time-out does not run meanwhile. An
	// answer's bytes are kept with [memory.Keep]. nil: nothing does.
	Answers *memory.Budget
	// Pool is how many processes without a function are kept for starts to come, by
	// language, for each kind that was asked for lately; nil is DefaultPool. There
	// are none below [sandbox.Rootless].
	Pool map[string]int

	// Queues takes the records of events that have ended, and those that
	// failed; nil refuses them all.
	Queues Queues
	// Endpoints takes records too; nil refuses them all.
	Endpoints Endpoints

	// Random returns a number in [0, 1) and chooses between the versions of an
	// alias; nil is a source of its own.
	Random func() float64

	// Logs is given what functions print, and what the host says of it, line by
	// line as it comes. It must not block.
	Logs func(Line)
	// MaxLog is how much of one invocation's log it is given, in bytes; 0 is the
	// default.
	MaxLog int
	// Observe is told of every invocation. It must not block.
	Observe func(Observation)
}

// An Observation is one invocation as metrics see it.
type Observation struct {
	Function Ref
	Failed   bool          // the response is a function error
	Waited   time.Duration // for an instance, its start included
	Init     time.Duration // of the instance; 0 for a warm one
	Duration time.Duration // of the handler
}

// Stats are a host's counts: the first group is of now, the second since the
// start.
type Stats struct {
	Instances, Idle, Starting, Waiting int
	MemoryPromised                     int // MB
	Events                             int // pending
	EventBytes                         int // of those that are tried
	EventsWaiting                      int // for room, to be tried
	Blanks                             int // processes that wait for a function

	Starts, Invocations, Errors, Throttles uint64
	Skipped                                uint64 // events that once_per made needless
	Prestarts                              uint64 // starts before anybody asked, see Host.Prestart
	Pooled                                 uint64 // starts that took a blank
	PrestartsUsed, PrestartsUnused         uint64 // that have served; that ended without. The others wait, or failed
}

// A Host keeps functions and runs them. It is safe for concurrent use.
type Host struct {
	cfg Config
	log *slog.Logger
	id  string

	codes        *codes
	onces        onces
	interpreters *interpreters
	spawner      *spawner
	box          *sandbox.Sandbox
	egress       *exits
	pools        *pools
	events       *events // for functions
	posts        *events // records for endpoints: those that are slow hold up nothing else
	eventBytes   *memory.Budget
	prestarts    *prestarts
	restock      chan struct{} // cap 1: there may be too few blanks
	secret       []byte        // signs links to code

	isolation sandbox.Report // of box

	counts struct{ starts, prestarts, pooled, invocations, errors, throttles, skipped atomic.Uint64 }

	processes  sync.WaitGroup // one for each instance
	background sync.WaitGroup
	stop       context.CancelFunc // ends the background
	kill       context.CancelFunc // ends the events that are under way

	mu      sync.Mutex // guards what follows
	running bool
	callers int
	drained chan struct{} // closed when the last caller has left a host that is closing
}

// New returns a host that is not running yet.
func New(cfg Config) (*Host, error) {
	if cfg.Dir == "" || cfg.Store == nil {
		return nil, errors.New("a function host needs a folder and a store")
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the function host's folder: %w", err)
	}
	cfg.Dir = dir
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = WallClock{}
	}
	if cfg.Queues == nil {
		cfg.Queues = noQueues{}
	}
	if cfg.Endpoints == nil {
		cfg.Endpoints = noEndpoints{}
	}
	if cfg.Random == nil {
		cfg.Random = rand.Float64
	}
	if cfg.Roles == nil {
		cfg.Roles = anyRole{}
	}
	setDefault(&cfg.PerFunction, DefaultPerFunction)
	setDefault(&cfg.MemoryBudget, memoryBudget())
	setDefault(&cfg.Idle, DefaultIdle)
	setDefault(&cfg.MaxWait, DefaultMaxWait)
	setDefault(&cfg.MaxWaiting, DefaultMaxWaiting)
	setDefault(&cfg.MaxEvents, DefaultMaxEvents)
	setDefault(&cfg.EventBytes, DefaultEventBytes)
	if cfg.Pool == nil {
		cfg.Pool = DefaultPool()
	}
	setDefault(&cfg.Processes, DefaultProcesses)
	setDefault(&cfg.MaxLog, DefaultMaxLog)
	setDefault(&cfg.Egress, EgressProxy)
	setDefault(&cfg.EgressMax, cfg.Egress)
	if cfg.Egress.widerThan(cfg.EgressMax) {
		return nil, fmt.Errorf("the egress of functions is %s by default and at most %s; the second must not be less", cfg.Egress, cfg.EgressMax)
	}
	exits, err := newExits(cfg.EndpointURL, cfg.EgressAllow, cfg.Logger)
	if err != nil {
		return nil, err
	}
	h := &Host{
		cfg: cfg, log: cfg.Logger,
		codes: &codes{
			dir: filepath.Join(dir, "code"), log: cfg.Logger, held: map[string]int{},
			limits: zipLimits{zip: MaxZip, unzipped: MaxUnzipped, entries: MaxEntries},
		},
		interpreters: &interpreters{dir: filepath.Join(dir, "runtime"), found: map[string]*interpreter{}, chosen: map[string]choice{}},
		pools:        newPools(&cfg),
		egress:       exits,
		secret:       make([]byte, 32),
	}
	_, _ = crand.Read(h.secret) // never fails
	h.eventBytes = memory.NewBudget(cfg.EventBytes)
	h.events, h.posts = newEvents(h, eventWorkers), newEvents(h, postWorkers)
	h.prestarts = newPrestarts(h)
	h.restock = make(chan struct{}, 1)
	h.pools.refill = func() {
		select {
		case h.restock <- struct{}{}:
		default:
		}
	}
	h.pools.room = func() { h.prestarts.poke(); h.pools.refill() }
	return h, nil
}

func setDefault[T comparable](p *T, d T) {
	var zero T
	if *p == zero {
		*p = d
	}
}

// memoryBudget is what instances may be promised: promises are seldom used up,
// and the rest of the machine needs something too.
func memoryBudget() int {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 4096
	}
	return max(int(uint64(info.Totalram)*uint64(info.Unit)>>20)*8/10, MaxMemory/10)
}

func maxStarts() int { return startsPerCore * runtime.GOMAXPROCS(0) }

// Start makes the host ready: it ends what a killed server left behind,
// removes code that no function uses, and takes up the pending events.
func (h *Host) Start(ctx context.Context) error {
	// The interpreters' folder is shown to instances of every runtime.
	for _, d := range []string{h.cfg.Dir, h.codes.dir, h.interpreters.dir} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("make the function host's folder: %w", err)
		}
	}
	var err error
	if h.id, err = hostID(h.cfg.Dir); err != nil {
		return err
	}
	killLeftovers(h.id, h.log)
	if err := h.holdAll(ctx); err != nil {
		return err
	}
	if h.cfg.Apart.Any() {
		h.log.WarnContext(ctx, "unused code is kept: a function or a layer may be among what cannot be read")
	} else if err := h.codes.sweep(); err != nil {
		h.log.WarnContext(ctx, "unused code could not be removed", "error", err)
	}
	pending, err := h.cfg.Store.PendingEvents(ctx)
	if err != nil {
		return fmt.Errorf("read the pending events: %w", err)
	}
	closeOnExec()
	h.spawner = newSpawner()
	if err := h.isolate(ctx); err != nil {
		h.spawner.close()
		return err
	}
	bg, stop := context.WithCancel(context.WithoutCancel(ctx))
	work, kill := context.WithCancel(context.WithoutCancel(ctx))
	h.stop, h.kill = stop, kill
	h.mu.Lock()
	h.running = true
	h.drained = make(chan struct{})
	h.mu.Unlock()
	h.loadEvents(pending)
	for _, f := range []func(){
		func() { h.janitor(bg) },
		func() { h.events.run(bg, work) },
		func() { h.posts.run(bg, work) },
		func() { h.interpreters.askUsual(bg) },
		func() { h.prestarts.run(bg) },
		func() { h.stock(bg) },
	} {
		h.background.Go(f)
	}
	return nil
}

// holdAll holds the code of every function and every version of a layer, and
// learns the functions' once_per.
func (h *Host) holdAll(ctx context.Context) error {
	q := Query{Limit: 1000, Versions: true}
	for {
		page, err := h.cfg.Store.Functions(ctx, q)
		if err != nil {
			return fmt.Errorf("read the functions: %w", err)
		}
		for _, f := range page {
			h.codes.hold(f.folders()...)
			if f.Version == 0 {
				h.onces.set(f.Ref, f.OncePer)
			}
			q.After, q.AfterVersion = f.Ref, f.Version
		}
		if len(page) < q.Limit {
			break
		}
	}
	return h.eachLayer(ctx, LayerQuery{}, func(l *Layer) { h.codes.hold(codeKey(l.CodeSHA256)) })
}

// Close lets the invocations under way end until ctx does, then ends them and
// every instance. Events that were accepted stay in the store.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	if !h.running {
		h.mu.Unlock()
		return nil
	}
	h.running = false
	if h.callers == 0 {
		close(h.drained)
	}
	h.mu.Unlock()
	h.stop()
	var late error
	select {
	case <-h.drained:
	case <-ctx.Done():
		late = fmt.Errorf("function invocations were cut off: %w", ctx.Err())
		h.kill()
	}
	h.pools.close()
	h.background.Wait()
	<-h.drained
	h.processes.Wait()
	h.box.Close()
	h.spawner.close()
	h.kill()
	return late
}

// enter counts a caller in; every nil is followed by one leave.
func (h *Host) enter() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.running {
		return &belfry.Error{Kind: belfry.Unavailable, Code: "ServiceException", Message: "The function host is not running."}
	}
	h.callers++
	return nil
}

func (h *Host) isRunning() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running
}

func (h *Host) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.callers--
	if h.callers == 0 && !h.running {
		close(h.drained)
	}
}

// janitor ends instances that have been idle for long.
func (h *Host) janitor(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.cfg.Clock.After(min(janitorInterval, h.cfg.Idle)):
			h.cfg.Apart.Do(ctx, "end idle instances", "", func() error {
				h.pools.retireIdle(h.cfg.Clock.Now().Add(-h.cfg.Idle))
				h.pools.forgetMoulds(h.cfg.Clock.Now().Add(-mouldAge))
				return nil
			})
		}
	}
}

// Stats returns the host's counts.
func (h *Host) Stats() Stats {
	s := Stats{
		Starts: h.counts.starts.Load(), Invocations: h.counts.invocations.Load(),
		Errors: h.counts.errors.Load(), Throttles: h.counts.throttles.Load(), Skipped: h.counts.skipped.Load(),
		Events: h.events.count(), EventBytes: h.eventBytes.Counts().Used, EventsWaiting: h.eventBytes.Counts().Waiting, Prestarts: h.counts.prestarts.Load(), Pooled: h.counts.pooled.Load(),
	}
	p := h.pools
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Instances, s.Idle, s.Starting, s.Waiting, s.MemoryPromised = p.live, p.idle.Len(), p.starting, p.waiting, p.memory
	s.Blanks = p.blanks()
	s.PrestartsUsed, s.PrestartsUnused = p.usedAhead, p.unusedAhead
	return s
}
