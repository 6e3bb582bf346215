// Package app builds a Belfry server by hand and owns its life: what is opened
// in Start is closed in Stop, in the opposite order. Nothing in it is global, so
// a test can run several servers in one process.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/barrier"
	"github.com/belfry-run/belfry/egress"
	"github.com/belfry-run/belfry/engine"
	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/logs"
	"github.com/belfry-run/belfry/memory"
	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/monitor/notify"
	"github.com/belfry-run/belfry/queue"
	"github.com/belfry-run/belfry/store/sqlite"
	"github.com/belfry-run/belfry/table"
	"github.com/belfry-run/belfry/target"
)

// DefaultListen is where a server listens unless told otherwise.
const DefaultListen = "127.0.0.1:7420"

const (
	// drainTime is how long Stop waits for requests, attempts and invocations
	// together, and requestTime how much of it requests may take; with the
	// closing of the store it stays below 10 s.
	drainTime   = 8 * time.Second
	requestTime = 4 * time.Second
	// headerTime and idleTime bound what a slow or silent client holds.
	headerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
	maxHeaders = 64 << 10
	// memoryTarget makes the collector work harder as the heap nears it. It is
	// not a limit: beyond it the server is slower, not dead.
	memoryTarget = 160 << 20
)

// Config says what server to run.
type Config struct {
	DataDir string // made when it is not there
	Listen  string // host:port; port 0 takes a free one
	Version string
	// AcceptDamage starts with what can be read of a store that has lost something.
	AcceptDamage bool
	Dev          bool // accept any credentials, on loopback only; implies Permissive
	Logger       *slog.Logger

	// TLSCert and TLSKey are PEM files; without them the server speaks plain
	// HTTP. They are read again when they change, and when Reload gives a value.
	TLSCert, TLSKey string
	Reload          <-chan os.Signal

	Permissive bool // do not enforce roles
	// SecretKey is what secrets are encrypted with, 64 hexadecimal digits or
	// base64 of 32 bytes; empty: a file in DataDir, made if it is not there.
	SecretKey string
	// RootAccessKey and RootSecretKey are an access key of the account
	// 000000000000 beside those that are stored; both empty: none.
	RootAccessKey, RootSecretKey string
	// LambdaDelivery says for whom a scheduled run of a function ends when the
	// event is accepted, as on AWS, and not when the function has answered: "aws"
	// for all, or accounts separated by commas; empty or "belfry": for nobody.
	LambdaDelivery string
	ClockSkew      time.Duration // between a client's clock and the server's; 0: 15 minutes
	// Notices is told the root access key when it is made; nil: nobody is.
	Notices io.Writer

	// SMTPListen is where mail is received that pings checks; empty: nowhere.
	SMTPListen string

	// PublicURL is where people reach the server, for links in messages; empty: its
	// own address.
	PublicURL string

	Quotas Quotas

	// EgressAllow are the networks beside the public internet to which clients
	// may make the server connect; with Dev all are.
	EgressAllow []netip.Prefix
	Checks      Checks

	// HeartbeatURL is told every minute that the server is well, or at
	// HeartbeatURL/fail what is not; empty: nobody is.
	HeartbeatURL string

	Functions Functions
	Logs      Logs
	Memory    Memory
}

// Quotas bound what one account may have and do. Zero is the default: AWS's
// numbers for what it may have, no bound for the rates of its requests.
type Quotas struct {
	Schedules int64 // in a region
	Groups    int64 // schedule groups in a region
	// Requests a second to the Scheduler API, see [scheduler.Rates].
	CreateRate, ScheduleRate, OtherRate float64
}

// A Server is a Belfry server.
type Server struct {
	c           Config
	log         *slog.Logger
	metrics     *prometheus.Registry
	ready       atomic.Bool
	listener    net.Listener
	local       net.Listener // for functions, when listener speaks TLS
	http        *http.Server
	certificate *certificate // nil without TLS
	store       *sqlite.Store
	auth        *auth.Service
	vault       *auth.Vault
	alerts      *monitor.Alerts
	host        *function.Host
	queues      *queue.Service
	tables      *table.Service
	logs        *logs.Service
	targets     *target.Targets
	engine      *engine.Engine
	watcher     *monitor.Watcher
	self        *monitor.SelfWatch
	monitor     *monitor.Service
	probes      *monitor.Probes

	signatures awswire.Authenticator

	apart                 *barrier.Set // what could not be worked on
	writes                writeProbe
	descriptors           descriptors
	callers               *callers
	bodies, calls         *memory.Budget // of requests; of calls of functions
	answers               *memory.Budget
	outgoing, outgoingOwn *egress.Limit // of schedules; of everything else

	copying    sync.Mutex // held while a backup is made
	background sync.WaitGroup
	failed     chan error
	closers    []closer // in the order of opening
}

// A closer may wait for work under way until ctx ends.
type closer struct {
	name  string
	close func(ctx context.Context) error
}

// Run runs a server until ctx ends, then stops it gracefully and returns nil;
// or returns the error that kept it from starting or ended it.
func Run(ctx context.Context, c Config) error {
	s, err := Start(ctx, c)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return s.Stop()
	case err := <-s.failed:
		return errors.Join(err, s.Stop())
	case err := <-s.engine.Failed():
		return errors.Join(fmt.Errorf("the engine stopped: %w", err), s.Stop())
	}
}

// Start opens the data directory, begins to listen and to fire, and returns
// once the server is ready. Stop must follow.
func Start(ctx context.Context, c Config) (_ *Server, err error) {
	began := time.Now()
	if err := checkListen(&c); err != nil {
		return nil, err
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{c: c, log: c.Logger, metrics: prometheus.NewRegistry(), failed: make(chan error, 3)} // of each listener one
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	if debug.SetMemoryLimit(-1) == 1<<63-1 { // none was set by GOMEMLIMIT
		debug.SetMemoryLimit(memoryTarget)
	}
	if err := s.startDescriptors(); err != nil {
		return nil, err
	}
	s.startMemory()
	lock, err := lockDir(c.DataDir)
	if err != nil {
		return nil, err
	}
	s.opened("data directory", atOnce(lock.Close))
	// Listening comes first: it fails fast, and functions need the address.
	if s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen); err != nil {
		return nil, fmt.Errorf("listen on %s: %w; is another server running there? --listen takes another address", c.Listen, err)
	}
	s.listener = s.callers.listen(s.listener)
	s.opened("listener", atOnce(func() error { return ignoreClosed(s.listener.Close()) }))
	if err := s.startTLS(ctx); err != nil {
		return nil, err
	}

	s.apart = barrier.New(s.log)
	s.apart.Register(s.metrics)
	figures := newFigures(s.metrics)
	if s.store, err = sqlite.Open(ctx, c.DataDir, sqlite.Options{OnCommit: figures.commit, Apart: s.apart, AcceptDamage: c.AcceptDamage}); err != nil {
		return nil, err
	}
	s.opened("store", atOnce(s.store.Close))

	if err := s.startAuth(ctx); err != nil {
		return nil, err
	}
	clock := wallClock{}
	s.queues = queue.New(s.store, clock, s.log, s.apart)
	if err := s.startLogs(ctx, clock); err != nil {
		return nil, err
	}
	if err := s.startFunctions(ctx, clock); err != nil {
		return nil, err
	}
	sweeps, stopSweeps := context.WithCancel(context.WithoutCancel(ctx))
	s.background.Go(func() { s.queues.Run(sweeps) })
	s.opened("queues", func(context.Context) error { stopSweeps(); s.queues.Close(); return nil })

	s.tables = table.New(s.store, clock, s.log, s.apart)
	tableSweeps, stopTableSweeps := context.WithCancel(context.WithoutCancel(ctx))
	s.background.Go(func() { s.tables.Run(tableSweeps) })
	s.opened("tables", func(context.Context) error { stopTableSweeps(); return nil })

	s.targets = target.New(functions{s.host, c.LambdaDelivery, figures.coldRuns}, queues{s.queues}, newItems(s.tables, s.log), "Belfry/"+c.Version, target.Bounds{
		PerHost: s.descriptors.perHost(target.PerHost), Idle: s.descriptors.idle, Outgoing: s.outgoing,
		PerFunction: min(s.descriptors.instances, function.DefaultPerFunction),
	})
	s.opened("targets", func(context.Context) error { s.targets.Close(); return nil })
	guard := &guard{auth: s.auth, targets: s.targets, dev: c.Dev, log: s.log}
	s.engine = engine.New(engine.Config{
		Store: s.store, Clock: exactClock{}, Invoker: guard, DeadLetters: guard, Forward: s.targets.Forward, Logger: s.log,
		Metrics: engine.NewMetrics(s.metrics), Barrier: s.apart, Lane: s.lane, MaxOutgoing: laneDepth * s.descriptors.attempts, CheckTarget: guard.check, Payload: target.DeadLetterBody,
		Delivered: target.Delivered, TargetOncePer: guarded{s.host}.oncePer,
		Ahead:        func(ctx context.Context, sc *belfry.Schedule, due time.Time) { guard.ahead(ctx, sc, due, s.host) },
		MaxSchedules: c.Quotas.Schedules, MaxGroups: c.Quotas.Groups, Unreadable: s.lost,
	})
	if err := s.engine.Start(ctx); err != nil {
		return nil, err
	}
	s.opened("engine", func(ctx context.Context) error { s.engine.Stop(ctx); return nil })

	secret, err := s.store.Secret(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.startAlerts(ctx, patientClock{}, secret); err != nil {
		return nil, err
	}
	if err := s.startMonitor(ctx, patientClock{}); err != nil {
		return nil, err
	}
	if err := s.startMail(ctx); err != nil {
		return nil, err
	}
	s.startProbes(ctx)
	figures.watch(s.engine, s.host, s.log)
	if err := s.startWatch(ctx, patientClock{}); err != nil {
		return nil, err
	}
	s.serve(figures, secret)
	s.ready.Store(true)
	s.log.InfoContext(ctx, "Belfry is ready", "version", c.Version, "address", s.URL(), "data", c.DataDir, "dev", c.Dev,
		"took", time.Since(began).Round(time.Millisecond))
	s.warnings()
	return s, nil
}

// laneDepth times what a host or function takes at once may be under way there: who
// waits for a connection begins when one is free, and not when the store has been
// asked.
const laneDepth = 4

// lane is what the schedule's attempts share with those of others.
func (s *Server) lane(sc *belfry.Schedule) engine.Lane {
	name, limit := s.targets.Lane(sc)
	return engine.Lane{Name: name, Limit: laneDepth * limit, Outgoing: sc.Target.ARN == target.HTTPInvokeARN}
}

func (s *Server) startFunctions(ctx context.Context, clock wallClock) error {
	var err error
	ends := newEndpoints(s.dial(), s.outgoingOwn, min(s.descriptors.idle, notify.Idle), "Belfry/"+s.c.Version)
	s.opened("endpoints", atOnce(func() error { ends.client.CloseIdleConnections(); return nil }))
	c := function.Config{
		Dir: filepath.Join(s.c.DataDir, "functions"), Store: s.store, Logger: s.log, Apart: s.apart, Clock: clock, EndpointURL: s.functionURL(),
		Queues: records{s.queues}, Endpoints: ends, EgressAllow: s.c.EgressAllow,
		Logs: s.record, MaxLog: s.c.Logs.MaxInvocation, MaxInstances: s.descriptors.instances,
		EventBytes: s.c.Memory.Events, Answers: s.answers,
	}
	if !s.c.Dev {
		c.Roles = functionRoles{s.auth}
	}
	if err := s.c.Functions.apply(&c, s.c.Dev); err != nil {
		return err
	}
	s.host, err = function.New(c)
	if err != nil {
		return err
	}
	if err := s.host.Start(ctx); err != nil {
		return err
	}
	s.opened("function host", func(ctx context.Context) error {
		err := s.host.Close(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			s.log.WarnContext(ctx, "function invocations under way were cut off; asynchronous ones run again after the next start")
			err = nil
		}
		return err
	})
	return nil
}

// serve answers requests from now on. secret signs what clients hand back.
func (s *Server) serve(f *figures, secret []byte) {
	s.http = &http.Server{
		Handler:           s.handler(f, secret),
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		ConnState:         s.callers.state,
		MaxHeaderBytes:    maxHeaders,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.serveListeners()
	s.opened("requests", func(ctx context.Context) error {
		s.queues.Close() // long polls would hold the stop up
		s.logs.Stop()    // so would who follows a log
		ctx, cancel := context.WithTimeout(ctx, requestTime)
		defer cancel()
		if err := s.http.Shutdown(ctx); err != nil {
			return s.http.Close()
		}
		return nil
	})
}

func (s *Server) opened(name string, c func(context.Context) error) {
	s.closers = append(s.closers, closer{name, c})
}

// atOnce is a closer that waits for nothing.
func atOnce(c func() error) func(context.Context) error {
	return func(context.Context) error { return c() }
}

// Stop takes no more requests, starts no more runs, lets what is under way end
// within 8 s, and closes the store. What has not ended is delivered again after
// the next start.
func (s *Server) Stop() error {
	s.ready.Store(false)
	if s.engine != nil {
		s.engine.Drain()
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	var errs []error
	for _, c := range slices.Backward(s.closers) {
		if err := c.close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("close the %s: %w", c.name, err))
		}
	}
	s.closers = nil
	s.background.Wait()
	return errors.Join(errs...)
}

// URL is where the server answers.
func (s *Server) URL() string {
	scheme := "http://"
	if s.c.TLSCert != "" {
		scheme = "https://"
	}
	return scheme + s.listener.Addr().String()
}

// checkListen refuses a combination that would let strangers in.
func checkListen(c *Config) error {
	if c.DataDir == "" {
		return errors.New("no data directory is given; --data DIR names one")
	}
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen address %q: %w; give host:port, such as %s", c.Listen, err, DefaultListen)
	}
	c.Permissive = c.Permissive || c.Dev
	if c.Dev && !loopback(host) {
		return fmt.Errorf("--dev accepts any credentials and so listens on loopback only, not on %q; use 127.0.0.1", c.Listen)
	}
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
