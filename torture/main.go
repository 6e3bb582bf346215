// Command torture attacks a Belfry server from outside, and checks that it keeps
// what docs/operations.md and docs/design.md promise.
//
// It builds a server whose wall clock can be stepped, and runs some of them side
// by side, each with clients that make, edit, disable and delete schedules of all
// kinds, with a sink that writes down every delivery, and with faults: SIGKILL,
// SIGTERM, SIGSTOP, full disks, steps of the clock. At the end of each round three
// things must agree: the ledger, the sink, and an oracle that computes from the
// acknowledged requests alone what was due. It ends with 1 when they do not.
//
// Run it with "make torture" in the module's folder; see docs/torture.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"time"

	"github.com/belfry-run/belfry/torture/rig"
)

type options struct {
	minutes      float64
	kills, steps int
	lanes        int
	round        time.Duration
	pause        int // the most between two faults, in milliseconds
	seed         uint64
	dir, source  string
	binary       string
	noMount      bool
}

func main() { os.Exit(run()) }

func run() int {
	var o options
	flag.Float64Var(&o.minutes, "minutes", 60, "end after so many minutes, checks not counted")
	flag.IntVar(&o.kills, "kills", 1000, "end when the server was killed so often, and -steps is reached too")
	flag.IntVar(&o.steps, "steps", 100, "end when the clock was stepped so often, and -kills is reached too; 0: no steps")
	flag.IntVar(&o.lanes, "lanes", 2, "servers side by side")
	flag.DurationVar(&o.round, "round", 3*time.Minute, "length of a round, which ends with a check")
	flag.IntVar(&o.pause, "pause", 1200, "the most between two faults, in milliseconds")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "of everything that is chosen at random; when things happen is up to the machine")
	flag.StringVar(&o.dir, "dir", ".tmp/torture", "folder for data directories; those of rounds with violations are left there")
	flag.StringVar(&o.source, "source", ".", "module to build the server from")
	flag.StringVar(&o.binary, "binary", "", "server that was built for this before, instead of building one")
	flag.BoolVar(&o.noMount, "no-mount", false, "do not mount small file systems, and fill no disk")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		return 1
	}
	if o.binary == "" {
		fmt.Fprintln(os.Stderr, "torture: building a server whose clock can be stepped")
		built, err := rig.Build(ctx, o.source, o.dir)
		if err != nil {
			fmt.Fprintln(os.Stderr, "torture:", err)
			return 1
		}
		o.binary = built
	}
	fmt.Printf("seed %d\n", o.seed)
	if os.Getuid() != 0 || o.noMount {
		fmt.Println("No disk is filled: that is for root, who can mount a small file system.")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(o.minutes*float64(time.Minute)))
	defer cancel()
	began := time.Now()
	t := &tally{}
	errs := make([]error, o.lanes)
	var wg sync.WaitGroup
	for i := range o.lanes {
		n := &lane{tally: t, id: i + 1, opts: &o, binary: o.binary, dir: o.dir, rand: rand.New(rand.NewPCG(o.seed, uint64(i)))}
		wg.Go(func() { errs[i] = n.run(ctx) })
	}
	wg.Wait()
	found := t.report(os.Stdout, time.Since(began))
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		return 1
	}
	if found > 0 {
		fmt.Printf("\nData and logs of the rounds with violations are in %s.\n", filepath.Join(o.dir, "lane*-round*"))
		return 1
	}
	return 0
}
