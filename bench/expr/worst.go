package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/belfry-run/belfry/expr"
)

// A suspect is a question to Next and the nanoseconds its answer takes.
type suspect struct {
	expression, zone string
	after            time.Time
	e                *expr.Expression
	ns               float64
}

// worst measures many random questions and some that were made to be hard, the
// slowest again and again, and prints the worst.
func worst() {
	zones := strings.Fields("UTC America/New_York Europe/Berlin Australia/Lord_Howe Africa/Casablanca Asia/Gaza " +
		"Pacific/Apia Africa/Cairo America/Havana Antarctica/Troll Asia/Tehran America/Santiago")
	var suspects []*suspect
	ask := func(s, zone string, after time.Time) {
		loc, err := expr.LoadZone(zone)
		if err != nil {
			panic(err) // the zones are our own
		}
		e, err := expr.Parse(s, loc)
		if err != nil {
			panic(err) // and so are the expressions
		}
		suspects = append(suspects, &suspect{expression: s, zone: zone, after: after, e: e})
	}
	now := time.Date(2026, 11, 23, 8, 30, 0, 0, time.UTC)
	for _, s := range []string{
		"cron(0 0 29 FEB ? 2101-2103)", "cron(0 0 31 2,4,6,9,11 ? *)", "cron(0 0 ? 2 SUN#5 *)", "cron(59 23 31 12 ? 2199)",
		"cron(30 2 ? 3 SUN#2 *)", "cron(30 2 ? 3 SUNL *)", "cron(0 2 8-14 3 ? 2007-2198)", "cron(15 2 8 3 ? *)",
		"cron(30 1 ? 11 SUN#1 *)", "cron(0 0 L-30 2 ? *)", "cron(0 0 1W 1 ? 2199)", "cron(30 0 ? 4 FRIL *)",
		"cron(30 2 8 3 ? 2009,2015,2020,2026,2037,2043,2048,2054,2065,2071,2076,2082,2093,2099,2105,2111,2122)",
	} {
		for _, zone := range zones {
			for _, after := range []time.Time{now, now.AddDate(0, 3, 14), now.AddDate(-56, 0, 0), now.AddDate(171, 0, 0)} {
				ask(s, zone, after)
			}
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		after := time.Unix(random.Int64N(7_200_000_000), 0)
		ask(randomExpression(random, after.Year()), zones[random.IntN(len(zones))], after)
	}
	for _, c := range []struct{ calls, keep int }{{20, 2000}, {200, 200}, {2000, 20}, {20000, 6}} {
		for _, s := range suspects {
			s.measure(c.calls)
		}
		slices.SortFunc(suspects, func(a, b *suspect) int { return cmp.Compare(b.ns, a.ns) })
		suspects = suspects[:c.keep]
	}
	for _, s := range suspects {
		next, ok := s.e.Next(s.after, expr.Bounds{})
		answer := "never"
		if ok {
			answer = next.Format(time.RFC3339)
		}
		fmt.Printf("%6.0f ns  %s in %s after %s: %s\n", s.ns, s.expression, s.zone, s.after.UTC().Format(time.RFC3339), answer)
	}
}

// measure takes the best of several measurements, so that what else the
// machine does counts for little.
func (s *suspect) measure(calls int) {
	s.ns = 0
	for range 5 {
		began := time.Now()
		for range calls {
			s.e.Next(s.after, expr.Bounds{})
		}
		if ns := float64(time.Since(began)) / float64(calls); s.ns == 0 || ns < s.ns {
			s.ns = ns
		}
	}
}

func randomExpression(r *rand.Rand, year int) string {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	n := func(lo, hi int) string { return fmt.Sprint(lo + r.IntN(hi-lo+1)) }
	minute := pick("0", "30", n(0, 59), "*", "0/"+n(2, 40))
	hour := pick("0", "1", "2", "3", n(0, 23), "*", "0-3", "23")
	dom, dow := pick(n(1, 31), "29", "30", "31", "L", "LW", n(1, 31)+"W", "L-"+n(0, 30), "*"), "?"
	if r.IntN(2) == 0 {
		dom, dow = "?", pick(n(1, 7), n(1, 7)+"#"+n(1, 5), n(1, 7)+"L", "MON-FRI")
	}
	month := pick("*", "2", "3", "10", "11", n(1, 12))
	years := pick("*", n(year, 2199), n(1970, 2199)+"/"+n(1, 50), fmt.Sprintf("%d-%d", year, min(2199, year+r.IntN(9))))
	return "cron(" + strings.Join([]string{minute, hour, dom, month, dow, years}, " ") + ")"
}
