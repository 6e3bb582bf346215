package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// A figure is one column of the samples, with how far its last third may be above
// its middle third: by a share, and by so much more in its own unit.
type figure struct {
	name, unit string
	value      func(*sample) float64
	share, by  float64
	growth     bool // it may grow as long as it grows no faster
}

var figures = []figure{
	{name: "RSS", unit: "MiB", value: func(s *sample) float64 { return s.rss }, share: .08, by: 3},
	{name: "Go heap in use", unit: "MiB", value: func(s *sample) float64 { return s.heap }, share: .15, by: 3},
	{name: "Go heap free", unit: "MiB", value: func(s *sample) float64 { return s.idle }, share: .5, by: 10},
	{name: "stacks", unit: "MiB", value: func(s *sample) float64 { return s.stacks }, share: .25, by: 2},
	{name: "Go, other", unit: "MiB", value: func(s *sample) float64 { return s.other }, share: .15, by: 2},
	{name: "SQLite and other", unit: "MiB", value: func(s *sample) float64 { return s.outside }, share: .15, by: 3},
	{name: "mapped files", unit: "MiB", value: func(s *sample) float64 { return s.file }, share: .1, by: 3},
	{name: "goroutines", value: func(s *sample) float64 { return s.goroutines }, share: .15, by: 20},
	{name: "descriptors", value: func(s *sample) float64 { return s.descriptors }, share: .15, by: 10},
	{name: "disk", unit: "MiB", value: func(s *sample) float64 { return s.disk }, share: .25, by: 8, growth: true},
	{name: "start lateness p99", unit: "ms", value: func(s *sample) float64 { return s.late }, share: .5, by: 10},
}

// shortest is the number of samples below which nothing is judged.
const shortest = 18

func thirds(f *figure, samples []sample) (middle, last float64) {
	n := len(samples) / 3
	part := func(from, to int) float64 {
		if f.growth {
			return f.value(&samples[to-1]) - f.value(&samples[from])
		}
		var all []float64
		for i := from; i < to; i++ {
			all = append(all, f.value(&samples[i]))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	return part(n, 2*n), part(2*n, len(samples))
}

// judge says of each figure whether it levels off: the median of its last third
// against that of its middle third.
func judge(w io.Writer, samples []sample) bool {
	if len(samples) < shortest {
		fmt.Fprintf(w, "\n%d samples are too few to say whether anything grows.\n", len(samples))
		return true
	}
	fmt.Fprintf(w, "\n%-20s %12s %12s %12s\n", "median of", "middle third", "last third", "may be")
	well := true
	for i := range figures {
		f := &figures[i]
		middle, last := thirds(f, samples)
		most := middle*(1+f.share) + f.by
		verdict := ""
		if last > most {
			verdict, well = "  STILL GROWS", false
		}
		name := f.name
		if f.growth {
			name = "growth of " + name
		}
		fmt.Fprintf(w, "%-20s %12.1f %12.1f %12.1f %s%s\n", name, middle, last, most, f.unit, verdict)
	}
	return well
}

// table prints at most forty samples.
func table(w io.Writer, samples []sample) {
	fmt.Fprintf(w, "\n%7s", "minute")
	for i := range figures {
		fmt.Fprintf(w, " %12.12s", figures[i].name)
	}
	fmt.Fprintln(w)
	for i := 0; i < len(samples); i += max(1, len(samples)/40) {
		fmt.Fprintf(w, "%7.1f", samples[i].after.Minutes())
		for j := range figures {
			fmt.Fprintf(w, " %12.1f", figures[j].value(&samples[i]))
		}
		fmt.Fprintln(w)
	}
}

// plots draws each figure over time, a column for each part of it.
func plots(w io.Writer, samples []sample) {
	const columns, levels = 72, " ▁▂▃▄▅▆▇█"
	marks := []rune(levels)
	fmt.Fprintln(w)
	for i := range figures {
		f := &figures[i]
		top := 0.0
		for j := range samples {
			top = max(top, f.value(&samples[j]))
		}
		var line strings.Builder
		n := min(columns, len(samples))
		for c := range n {
			v := 0.0
			for j := c * len(samples) / n; j < (c+1)*len(samples)/n; j++ {
				v = max(v, f.value(&samples[j]))
			}
			level := 0
			if top > 0 {
				level = int(v / top * float64(len(marks)-1))
			}
			line.WriteRune(marks[max(0, level)])
		}
		fmt.Fprintf(w, "%-20s %s %.0f %s\n", f.name, line.String(), top, f.unit)
	}
}
