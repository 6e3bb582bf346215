package main

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/belfry-run/belfry/expr"
)

// compareSpeed prints what one Next costs in each library.
func compareSpeed() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "expression\tzone\t")
	for _, r := range rivals {
		fmt.Fprintf(w, "%s\t", r.name)
	}
	fmt.Fprintln(w)
	for _, s := range []string{
		"cron(0/5 * * * ? *)",
		"cron(30 2 * * ? *)",
		"cron(0 9 ? * MON-FRI *)",
		"cron(0 0 1 JAN ? *)",
		"cron(0 0 29 FEB ? *)",
		"cron(0 0 L * ? *)",
		"cron(0 0 15W * ? *)",
		"cron(0 0 ? * FRI#5 *)",
		"cron(0 0 31 2 ? *)",
	} {
		for _, zone := range []string{"UTC", "America/New_York"} {
			loc, err := expr.LoadZone(zone)
			if err != nil {
				panic(err) // the zones are our own
			}
			fmt.Fprintf(w, "%s\t%s\t", s, zone)
			var base float64
			for _, r := range rivals {
				ns, ok := timed(r, s, loc)
				switch {
				case !ok:
					fmt.Fprint(w, "-\t")
				case base == 0:
					base = ns
					fmt.Fprintf(w, "%.0f\t", ns)
				default:
					fmt.Fprintf(w, "%.0f (%.0fx)\t", ns, ns/base)
				}
			}
			fmt.Fprintln(w)
		}
	}
	w.Flush()
}

// timed returns the nanoseconds of one Next, the best of several measurements.
func timed(r rival, s string, loc *time.Location) (ns float64, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	next, err := r.parse(s, loc)
	if err != nil {
		return 0, false
	}
	start := time.Date(2026, 11, 23, 8, 30, 0, 0, time.UTC)
	const long = 20 * time.Millisecond
	for range 8 {
		calls := 0
		began := time.Now()
		for t := start; time.Since(began) < long; {
			const batch = 16 // so that reading the clock does not count
			for range batch {
				if t = next(t); t.IsZero() {
					t = start
				}
			}
			calls += batch
		}
		if took := float64(time.Since(began)) / float64(calls); ns == 0 || took < ns {
			ns = took
		}
	}
	return ns, true
}
