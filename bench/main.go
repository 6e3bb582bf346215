// Command bench measures Belfry on this machine, load generator and sink
// included, and prints a table: what was measured, what the best of its peers
// did on two cores of the same kind, what Belfry must reach, and what it did. It
// ends with 1 when a "must" was missed or an occurrence was lost or came twice.
//
// Run it with "make bench" on an idle machine; -only picks rows by their
// names, -list prints them.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"time"

	"github.com/belfry-run/belfry/function/sandbox"
)

func main() {
	sandbox.Main() // the bench has functions of its own
	os.Exit(run())
}

func run() int {
	only := flag.String("only", "", "measure only the rows whose name matches this regular expression")
	list := flag.Bool("list", false, "print the rows' names")
	binary := flag.String("binary", "bin/belfry", "the server to measure")
	dir := flag.String("dir", ".tmp/bench", "folder for data directories; on the disk that is to be measured")
	flag.Parse()
	picked, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: -only:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	b := &bench{binary: *binary, dir: *dir}
	rows := b.rows()
	if *list {
		for _, r := range rows {
			fmt.Println(r.name)
		}
		return 0
	}
	if _, err := os.Stat(*binary); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v; build it with: make build\n", err)
		return 2
	}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	defer os.RemoveAll(*dir)
	if b.disk, err = openDisk(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}

	began := time.Now()
	failed := false
	var done []row
	for _, r := range rows {
		if ctx.Err() != nil {
			return 1
		}
		if !picked.MatchString(r.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%5.0fs  %s\n", time.Since(began).Seconds(), r.name)
		r.figures, r.err = r.measure(ctx)
		failed = failed || r.err != nil
		for _, f := range r.figures {
			failed = failed || f.missed()
		}
		done = append(done, r)
	}
	printTable(os.Stdout, done)
	fmt.Printf("\nTook %.0f s.\n", time.Since(began).Seconds())
	if failed {
		return 1
	}
	return 0
}
