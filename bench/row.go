package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// A row is one measurement.
type row struct {
	name    string
	measure func(ctx context.Context) ([]figure, error)
	figures []figure
	err     error
}

// A figure is one measured number with what it is held against.
type figure struct {
	name  string
	unit  string
	value float64
	must  float64 // 0: nothing is asked
	aim   float64
	peer  float64 // what the best of the peers did; 0: nothing to compare with
	who   string  // that peer
	more  bool    // more is better
}

// missed reports whether the figure is on the wrong side of what it must reach.
func (f figure) missed() bool {
	if f.must == 0 {
		return false
	}
	if f.more {
		return f.value < f.must
	}
	return f.value > f.must
}

// ratio is how many times better than the peer it is.
func (f figure) ratio() string {
	switch {
	case f.peer == 0 || f.value == 0:
		return ""
	case f.more:
		return fmt.Sprintf("x%.1f", f.value/f.peer)
	}
	return fmt.Sprintf("x%.1f", f.peer/f.value)
}

func printTable(w io.Writer, rows []row) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what\tmeasured\tmust\taim\tpeer\tratio\t")
	for _, r := range rows {
		for _, f := range r.figures {
			verdict := ""
			if f.missed() {
				verdict = "MISSED"
			}
			bound := "<= "
			if f.more {
				bound = ">= "
			}
			peer := ""
			if f.peer != 0 {
				peer = number(f.peer) + " " + f.unit + ", " + f.who
			}
			fmt.Fprintf(t, "%s\t%s %s\t%s\t%s\t%s\t%s\t%s\n", r.name+": "+f.name, number(f.value), f.unit,
				limit(bound, f.must), limit(bound, f.aim), peer, f.ratio(), verdict)
		}
		if r.err != nil {
			fmt.Fprintf(t, "%s\tFAILED: %v\n", r.name, r.err)
		}
	}
	t.Flush() //nolint:errcheck // to the standard output
}

func limit(bound string, v float64) string {
	if v == 0 {
		return ""
	}
	return bound + number(v)
}

// number writes v with three digits that matter.
func number(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
