package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belfry-run/belfry/torture/rig"
)

const clientsOfLane = 4

// A lane is one server after the other, each on a fresh data directory, with its
// clients, its sink and its faults. A round ends with a check of everything.
type lane struct {
	*tally
	id     int
	opts   *options
	binary string
	dir    string
	rand   *rand.Rand

	// Of the round.
	srv      *rig.Server
	clock    *rig.Clock
	sink     *sink
	clients  []*client
	rules    *rules
	function string // its ARN; empty: there is no Python
	mounted  bool
	lastStep time.Time
	nudged   chan struct{}
	dead     atomic.Bool // the server cannot be started any more

	mu   sync.Mutex
	full []span // guarded by mu; when the disk was full
}

// run does rounds until ctx ends or enough was killed and stepped.
func (n *lane) run(ctx context.Context) error {
	for round := 1; ctx.Err() == nil && !n.enough(); round++ {
		if err := n.round(ctx, round); err != nil {
			return fmt.Errorf("lane %d, round %d: %w", n.id, round, err)
		}
	}
	return nil
}

func (n *lane) enough() bool {
	return n.get(killed) >= n.opts.kills && n.get(stepped) >= n.opts.steps
}

// round makes a server, tortures it, and checks it.
func (n *lane) round(ctx context.Context, round int) (err error) {
	dir := filepath.Join(n.dir, fmt.Sprintf("lane%d-round%d", n.id, round))
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
		return err
	}
	if err := n.prepare(dir); err != nil {
		return err
	}
	before := n.violations()
	defer func() {
		n.sink.close()
		if n.srv.PID() != 0 {
			err = errors.Join(err, n.srv.Kill())
		}
		if n.violations() > before {
			err = errors.Join(err, n.keep(dir)) // for who wants to look into it
		}
		err = errors.Join(err, n.unmount(filepath.Join(dir, "data")))
		if n.violations() == before {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if err := n.srv.Start(); err != nil {
		return err
	}
	if err := n.setUp(ctx); err != nil {
		return err
	}

	faults, stop := context.WithTimeout(ctx, n.opts.round)
	defer stop()
	requests, still := context.WithCancel(faults)
	var wg sync.WaitGroup
	for _, c := range n.clients {
		wg.Go(func() { c.run(requests) })
	}
	wg.Go(func() { n.rules.run(requests) })
	// Every second round has a clock that is right, where the oracle is strictest.
	n.torture(faults, n.opts.steps > 0 && round%2 == 1)
	still()
	wg.Wait()
	for _, c := range n.clients {
		n.count("schedules", len(c.lives))
		n.count("requests answered", c.requests)
		n.count("requests unanswered", c.unanswered)
	}
	n.check(context.WithoutCancel(ctx))
	n.count("deliveries over HTTP", n.sink.count())
	n.count("rounds", 1)
	if n.dead.Load() || n.srv.PID() == 0 {
		return nil
	}
	if err := n.srv.Stop(); err != nil {
		n.violate("the server does not stop").add("%v", err)
	}
	return nil
}

func (n *lane) prepare(dir string) (err error) {
	data := filepath.Join(dir, "data")
	n.mount(data)
	n.dead.Store(false)
	n.nudged = make(chan struct{}, 1)
	n.full, n.function, n.clients = nil, "", nil
	if n.srv, err = rig.NewServer(n.binary, data, filepath.Join(dir, "log")); err != nil {
		return err
	}
	if n.clock, err = rig.NewClock(filepath.Join(dir, "clock")); err != nil {
		return err
	}
	if n.sink, err = newSink(n.srv.Life); err != nil {
		return err
	}
	n.srv.Args, n.srv.Env = []string{"--dev"}, []string{n.clock.Env()}
	for i := range clientsOfLane {
		n.clients = append(n.clients, &client{id: i + 1, lane: n, rand: rand.New(rand.NewPCG(n.rand.Uint64(), 1))})
	}
	n.rules = &rules{lane: n, rand: rand.New(rand.NewPCG(n.rand.Uint64(), 2))}
	return nil
}

// keep copies what is left of a round out of the file system that is unmounted.
func (n *lane) keep(dir string) error {
	if !n.mounted {
		return nil
	}
	return os.CopyFS(filepath.Join(dir, "kept"), os.DirFS(filepath.Join(dir, "data")))
}

// diskFull says whether the disk was full at some time since.
func (n *lane) diskFull(since time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.full {
		if s.to.IsZero() || s.to.After(since.Add(-time.Second)) {
			return true
		}
	}
	return false
}
