// Package app builds a Belfry server by hand and owns its life: what is opened
// in Start is closed in Stop, in the opposite order. Nothing in it is global, so
// a test can run several servers in one process.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/queue"
	"github.com/belfry-run/belfry/store/sqlite"
	"github.com/belfry-run/belfry/target"
)

// DefaultListen is where a server listens unless told otherwise.
const DefaultListen = "127.0.0.1:7420"

const (
	// drainTime is how long Stop waits for requests and invocations; with the
	// closing of the store it stays below 10 s.
	drainTime = 8 * time.Second
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
	Dev     bool // accept any credentials; on loopback only
	Logger  *slog.Logger
}

// A Server is a Belfry server.
type Server struct {
	c        Config
	log      *slog.Logger
	metrics  *prometheus.Registry
	ready    atomic.Bool
	listener net.Listener
	http     *http.Server
	store    *sqlite.Store
	host     *function.Host
	queues   *queue.Service
	targets  *target.Targets
	engine   *engine.Engine

	background sync.WaitGroup
	failed     chan error
	closers    []closer // in the order of opening
}

type closer struct {
	name  string
	close func() error
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
	s := &Server{c: c, log: c.Logger, metrics: prometheus.NewRegistry(), failed: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	if debug.SetMemoryLimit(-1) == 1<<63-1 { // none was set by GOMEMLIMIT
		debug.SetMemoryLimit(memoryTarget)
	}
	lock, err := lockDir(c.DataDir)
	if err != nil {
		return nil, err
	}
	s.opened("data directory", lock.Close)
	// Listening comes first: it fails fast, and functions need the address.
	if s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen); err != nil {
		return nil, fmt.Errorf("listen on %s: %w; is another server running there? --listen takes another address", c.Listen, err)
	}
	s.opened("listener", func() error { return ignoreClosed(s.listener.Close()) })

	figures := newFigures(s.metrics)
	if s.store, err = sqlite.Open(ctx, c.DataDir, sqlite.Options{OnCommit: figures.commit}); err != nil {
		return nil, err
	}
	s.opened("store", s.store.Close)

	clock := wallClock{}
	s.queues = queue.New(s.store, clock, s.log)
	if err := s.startFunctions(ctx, clock); err != nil {
		return nil, err
	}
	sweeps, stopSweeps := context.WithCancel(context.WithoutCancel(ctx))
	s.background.Go(func() { s.queues.Run(sweeps) })
	s.opened("queues", func() error { stopSweeps(); s.queues.Close(); return nil })

	s.targets = target.New(functions{s.host}, queues{s.queues}, "Belfry/"+c.Version)
	s.opened("targets", func() error { s.targets.Close(); return nil })
	s.engine = engine.New(engine.Config{
		Store: s.store, Clock: clock, Invoker: s.targets, DeadLetters: s.targets, Logger: s.log,
		Metrics:     engine.NewMetrics(s.metrics),
		CheckTarget: func(sch *belfry.Schedule) error { return target.Check(sch, c.Dev) },
	})
	if err := s.engine.Start(ctx); err != nil {
		return nil, err
	}
	s.opened("engine", func() error { s.engine.Stop(); return nil })

	figures.watch(s.engine, s.host, s.log)
	s.serve(figures)
	s.ready.Store(true)
	s.log.Info("Belfry is ready", "version", c.Version, "address", s.URL(), "data", c.DataDir, "dev", c.Dev,
		"took", time.Since(began).Round(time.Millisecond))
	if c.Dev {
		s.log.Warn("--dev accepts any credentials and checks no signature; it is for your own machine")
	}
	return s, nil
}

func (s *Server) startFunctions(ctx context.Context, clock wallClock) error {
	var err error
	s.host, err = function.New(function.Config{
		Dir: filepath.Join(s.c.DataDir, "functions"), Store: s.store, Logger: s.log, Clock: clock, EndpointURL: s.URL(),
		Queues: records{s.queues},
	})
	if err != nil {
		return err
	}
	if err := s.host.Start(ctx); err != nil {
		return err
	}
	s.opened("function host", func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		return s.host.Close(ctx)
	})
	return nil
}

// serve answers requests from now on.
func (s *Server) serve(f *figures) {
	s.http = &http.Server{
		Handler:           s.handler(f),
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeaders,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.background.Go(func() {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serve: %w", err)
		}
	})
	s.opened("requests", func() error {
		s.queues.Close() // long polls would hold the stop up
		ctx, cancel := context.WithTimeout(context.Background(), drainTime/2)
		defer cancel()
		if err := s.http.Shutdown(ctx); err != nil {
			return s.http.Close()
		}
		return nil
	})
}

func (s *Server) opened(name string, c func() error) {
	s.closers = append(s.closers, closer{name, c})
}

// Stop takes no more requests, starts no more runs, lets what is under way end
// within 8 s, and closes the store. What has not ended is delivered again after
// the next start.
func (s *Server) Stop() error {
	s.ready.Store(false)
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		if err := s.closers[i].close(); err != nil {
			errs = append(errs, fmt.Errorf("close the %s: %w", s.closers[i].name, err))
		}
	}
	s.closers = nil
	s.background.Wait()
	return errors.Join(errs...)
}

// URL is where the server answers.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

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
	if !c.Dev {
		return errors.New("requests cannot be authenticated yet, so a server runs with --dev only, which accepts any credentials and listens on loopback")
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
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

// wallClock is the time that everything in a server goes by.
type wallClock struct{}

func (wallClock) Now() time.Time                         { return time.Now() }
func (wallClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

func (wallClock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}
