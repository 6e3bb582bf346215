package expr_test

import (
	"errors"
	"testing"
	"time"

	"github.com/belfry-run/belfry/expr"
)

// FuzzParse holds for any text: Parse does not panic and refuses with a
// *SyntaxError; what it accepts reads the same again, and its occurrences are
// in order, within their bounds and soon found.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"cron(0/5 9-17,22-2 ? JAN,MAR-OCT/2 MON-FRI 2026-2030/2)",
		"cron(* * L-3,15W,LW,1 * ? *)",
		"cron(30 2 ? 3 SUN#2 *)",
		"cron(0 0 ? 2 FRIL,L 1970/7)",
		"rate(5 minutes)", "RATE(90day)", "at(2026-03-29T02:30:00)", "at(9999-12-31T23:59)",
	} {
		f.Add(s, int64(1774744200), uint8(0))
	}
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Monrovia"}
	f.Fuzz(func(t *testing.T, s string, after int64, zone uint8) {
		loc, err := expr.LoadZone(zones[int(zone)%len(zones)])
		if err != nil {
			t.Fatal(err)
		}
		e, err := expr.Parse(s, loc)
		if err != nil {
			if syntax := (*expr.SyntaxError)(nil); !errors.As(err, &syntax) || syntax.Expression != s || syntax.Error() == "" {
				t.Fatalf("%q: error %v", s, err)
			}
			return
		}
		if e.String() != s {
			t.Fatalf("%q reads as %q", s, e)
		}
		again, err := expr.Parse(e.String(), loc)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Unix(after, 0)
		b := expr.Bounds{Anchor: start}
		for range 3 {
			next, ok := e.Next(start, b)
			if took := fastest(func() { e.Next(start, b) }); took > time.Millisecond {
				t.Fatalf("%q after %d: took %s", s, start.Unix(), took)
			}
			if same, sameOK := again.Next(start, b); same != next || sameOK != ok {
				t.Fatalf("%q after %d: %v and %v", s, start.Unix(), next, same)
			}
			if !ok {
				if later, ok := e.Next(start.Add(1<<40), b); ok {
					t.Fatalf("%q: none after %d, but later %v", s, start.Unix(), later)
				}
				return
			}
			if !next.After(start) || next.Location() != time.UTC || next.Year() > 9999 {
				t.Fatalf("%q after %d: %v", s, start.Unix(), next)
			}
			if between, ok := e.Next(next.Add(-time.Nanosecond), b); !ok || between != next {
				t.Fatalf("%q: %v is not found from just before it, but %v", s, next, between)
			}
			start = next
		}
	})
}

// fastest returns how long f takes at best, since the machine may do something
// else in between.
func fastest(f func()) time.Duration {
	best := time.Hour
	for range 20 {
		began := time.Now()
		f()
		if best = min(best, time.Since(began)); best < 20*time.Microsecond {
			break
		}
	}
	return best
}
