package expr_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry-run/belfry/expr"
)

// TestMain asks for more checks than rapid does by itself; -rapid.checks on the
// command line has the last word.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "400"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// TestNextIsRight holds Next against the slow evaluator: random expressions in
// every zone, near changes of clocks and anywhere else.
func TestNextIsRight(t *testing.T) {
	names := zoneNames(t)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "zone")
		loc, err := expr.LoadZone(name)
		if err != nil {
			t.Fatal(err)
		}
		after := drawInstant(t, name, loc)
		p := drawPlan(t, after.Year())
		e, err := expr.Parse(p.text, loc)
		if err != nil {
			t.Fatal(err)
		}
		var b expr.Bounds
		if rapid.IntRange(0, 3).Draw(t, "bounded") == 0 {
			b.Start = after.Add(time.Duration(rapid.Int64Range(-1e14, 1e14).Draw(t, "start")))
			b.End = b.Start.Add(time.Duration(rapid.Int64Range(0, 1e15).Draw(t, "length")))
		}
		// How far the evaluator looks; nine years reach every leap day.
		years := rapid.SampledFrom([]int{1, 1, 1, 1, 9}).Draw(t, "horizon")
		for range 4 {
			got, ok := e.Next(after, b)
			if ok && !got.After(after) {
				t.Fatalf("%s in %s after %s: %s is not after", e, name, after, got)
			}
			from := after
			if b.Start.After(from) {
				from = b.Start.Add(-1)
			}
			horizon := from.AddDate(years, 0, 0)
			if !b.End.IsZero() && b.End.Before(horizon) {
				horizon = b.End
			}
			want, wanted := p.next(from, horizon, loc)
			switch {
			case wanted && (!ok || !got.Equal(want)):
				t.Fatalf("%s in %s after %s within %v: got %s, want %s", e, name, after, b, got, want.UTC())
			case !wanted && ok && !got.After(horizon):
				t.Fatalf("%s in %s after %s within %v: got %s, want none", e, name, after, b, got)
			case !ok:
				return
			}
			after = got
		}
	})
}

// TestEveryTransition compares all occurrences around each change of clocks
// from 2020 to 2040 in every zone that has one.
func TestEveryTransition(t *testing.T) {
	all := func(int) bool { return true }
	plans := []*plan{
		makePlan("cron(* * * * ? *)", all, all),
		makePlan("cron(5/20 0-22 * * ? *)", func(m int) bool { return m%20 == 5 }, func(h int) bool { return h < 23 }),
		makePlan("cron(0,30 20-4 * * ? *)", func(m int) bool { return m%30 == 0 }, func(h int) bool { return h >= 20 || h <= 4 }),
	}
	zones, seen := 0, make(map[string]bool)
	for _, name := range zoneNames(t) {
		loc, err := expr.LoadZone(name)
		if err != nil {
			t.Fatal(err)
		}
		changes := changesOf(name, loc)
		var recent []time.Time
		for _, c := range changes {
			if c.Year() >= 2020 && c.Year() < 2040 {
				recent = append(recent, c)
			}
		}
		if len(recent) == 0 {
			continue
		}
		zones++
		var clock strings.Builder // many names stand for the same clock
		for _, c := range recent {
			fmt.Fprintln(&clock, c.Unix(), offset(c.Add(-1).In(loc)), offset(c.In(loc)))
		}
		if seen[clock.String()] {
			continue
		}
		seen[clock.String()] = true
		for _, p := range plans {
			e, err := expr.Parse(p.text, loc)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range recent {
				checkStretch(t, e, p, c.Add(-2*time.Hour), c.Add(4*time.Hour), loc)
			}
		}
	}
	if zones < 100 {
		t.Errorf("only %d zones have a change of clocks", zones)
	}
}

// checkStretch compares all occurrences between two instants.
func checkStretch(t *testing.T, e *expr.Expression, p *plan, from, to time.Time, loc *time.Location) {
	t.Helper()
	got, ok := e.Next(from, expr.Bounds{})
	for u := from.Truncate(time.Minute).Add(time.Minute).In(loc); u.Before(to); u = u.Add(time.Minute) {
		want := p.due(u) && (p.cadence || !seenBefore(u))
		is := ok && got.Equal(u)
		if want != is {
			t.Errorf("%s in %s: fires at %s: %t, want %t", e, loc, u, is, want)
			return
		}
		if is {
			got, ok = e.Next(got, expr.Bounds{})
		}
	}
}

func makePlan(text string, minute, hour func(int) bool) *plan {
	p := &plan{text: text, cadence: true, day: func(time.Time) bool { return true }}
	for v := range 60 {
		p.minute[v] = minute(v)
		p.hour[v] = v < 24 && hour(v)
		p.cadence = p.cadence && (v > 23 || p.hour[v])
	}
	for m := range p.month {
		p.month[m] = true
	}
	return p
}

// drawInstant draws a time near a change of clocks, or any time.
func drawInstant(t *rapid.T, name string, loc *time.Location) time.Time {
	changes := changesOf(name, loc)
	if len(changes) > 0 && rapid.IntRange(0, 2).Draw(t, "near a change") > 0 {
		at := rapid.SampledFrom(changes).Draw(t, "change")
		return at.Add(time.Duration(rapid.Int64Range(-26*3600, 4*3600).Draw(t, "seconds")) * time.Second)
	}
	const from, to = -1e8, 7.3e9 // 1966 to 2201
	return time.Unix(rapid.Int64Range(from, to).Draw(t, "after"), rapid.Int64Range(0, 1e9-1).Draw(t, "nanoseconds")).UTC()
}

var changes sync.Map // name of a zone to []time.Time

// changesOf finds the instants from 1970 to 2040 at which a zone's offset
// changes, by looking at each day's and halving.
func changesOf(name string, loc *time.Location) []time.Time {
	if found, ok := changes.Load(name); ok {
		return found.([]time.Time)
	}
	var found []time.Time
	last := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	for t := last; t.Year() < 2040; t = t.Add(12 * time.Hour) {
		if offset(t.In(loc)) != offset(last.In(loc)) {
			lo, hi := last.Unix(), t.Unix()
			for hi-lo > 1 {
				if mid := (lo + hi) / 2; offset(time.Unix(mid, 0).In(loc)) == offset(last.In(loc)) {
					lo = mid
				} else {
					hi = mid
				}
			}
			found = append(found, time.Unix(hi, 0).UTC())
		}
		last = t
	}
	changes.Store(name, found)
	return found
}

// zoneNames returns all names of the tz database.
func zoneNames(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile("testdata/zones.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(data))
}
