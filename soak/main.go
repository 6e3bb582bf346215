// Command soak runs a server for an hour under a load as people have it, looks at
// it every ten seconds, and says whether what it uses levels off: memory,
// goroutines, descriptors, the growth of its data, and how late runs start.
//
// The load: 300 schedules that are due each minute, to functions, HTTP and queues;
// one-time schedules made and deleted all the time; pings; messages that are taken
// out of the queue; and deploys. It ends with 1 when something still grows.
//
// Run it with "make soak"; see docs/torture.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/belfry-run/belfry/torture/rig"
)

// every is how often the server is looked at.
const every = 10 * time.Second

func main() { os.Exit(run()) }

func run() int {
	minutes := flag.Float64("minutes", 60, "how long the load runs")
	binary := flag.String("binary", "bin/belfry", "the server")
	dir := flag.String("dir", ".tmp/soak", "folder for the data directory, which is emptied before")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	samples, err := soak(ctx, *binary, *dir, time.Duration(*minutes*float64(time.Minute)))
	if len(samples) > 0 {
		table(os.Stdout, samples)
		plots(os.Stdout, samples)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		return 1
	}
	if !judge(os.Stdout, samples) {
		return 1
	}
	return 0
}

// soak runs the server under load and returns what was seen of it.
func soak(ctx context.Context, binary, dir string, length time.Duration) (samples []sample, err error) {
	binary, err = filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("%w; build it with: make build", err)
	}
	data := filepath.Join(dir, "data")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(data, 0o700)); err != nil {
		return nil, err
	}
	srv, err := rig.NewServer(binary, data, filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	srv.Args = []string{"--dev"}
	if err := srv.Start(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.Stop()) }()
	l, err := newLoad(ctx, srv)
	if err != nil {
		return nil, err
	}
	defer l.close()

	working, enough := context.WithTimeout(ctx, length)
	defer enough()
	l.start(working)
	began, before := time.Now(), map[string]float64(nil)
	for tick := time.NewTicker(every); ; {
		select {
		case <-working.Done():
			tick.Stop()
			l.wait()
			fmt.Printf("requests: %d, refused or failed: %d; deliveries over HTTP: %d\n", l.done.Load(), l.failed.Load(), l.delivered.Load())
			return samples, l.err()
		case <-tick.C:
		}
		s, m, err := look(working, srv, data, before)
		if err != nil {
			if working.Err() != nil {
				continue
			}
			return samples, err
		}
		before = m
		s.after = time.Since(began)
		samples = append(samples, s)
		if len(samples)%30 == 0 {
			fmt.Fprintln(os.Stderr, "soak:", s.String())
		}
	}
}
