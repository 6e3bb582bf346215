package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// shownInFull is how many violations of a kind are printed with all that is known.
const shownInFull = 3

// A violation is a promise that was not kept.
type violation struct {
	kind, title string
	lines       []string
}

// add adds what helps to understand it.
func (v *violation) add(format string, args ...any) *violation {
	v.lines = append(v.lines, strings.Split(strings.TrimSpace(fmt.Sprintf(format, args...)), "\n")...)
	return v
}

// tally counts what was done.
type tally struct {
	mu     sync.Mutex
	counts map[string]int // guarded by mu
	found  []*violation   // guarded by mu
}

func (t *tally) count(what string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	t.counts[what] += n
}

func (t *tally) get(what string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[what]
}

func (t *tally) violations() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.found)
}

// violate notes a violation; those with the same format are of one kind.
func (t *tally) violate(format string, args ...any) *violation {
	v := &violation{kind: format, title: fmt.Sprintf(format, args...)}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.found = append(t.found, v)
	return v
}

// report prints what was done and what was found, and returns how many
// violations there are.
func (t *tally) report(w io.Writer, took time.Duration) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	var names []string
	for name := range t.counts {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Fprintf(w, "\nDone in %s:\n", took.Round(time.Second))
	for _, name := range names {
		fmt.Fprintf(w, "  %8d  %s\n", t.counts[name], name)
	}
	kinds := map[string][]*violation{}
	var order []string
	for _, v := range t.found {
		if kinds[v.kind] == nil {
			order = append(order, v.kind)
		}
		kinds[v.kind] = append(kinds[v.kind], v)
	}
	if len(order) == 0 {
		fmt.Fprintln(w, "\nNo violation: ledger, sink and oracle agree.")
		return 0
	}
	fmt.Fprintf(w, "\n%d violations of %d kinds:\n", len(t.found), len(order))
	for _, kind := range order {
		fmt.Fprintf(w, "\n== %d x %s\n", len(kinds[kind]), kind)
		for i, v := range kinds[kind] {
			if i == shownInFull {
				break
			}
			fmt.Fprintf(w, "\n-- %s\n", v.title)
			for _, line := range v.lines {
				fmt.Fprintf(w, "   %s\n", line)
			}
		}
	}
	return len(t.found)
}
