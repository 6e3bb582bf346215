package expr_test

import (
	"testing"
	"time"

	"github.com/belfry-run/belfry/expr"
)

func TestLoadZone(t *testing.T) {
	for _, name := range zoneNames(t) {
		loc, err := expr.LoadZone(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again, err := expr.LoadZone(name); again != loc || err != nil {
			t.Errorf("%s: the second pointer differs, error %v", name, err)
		}
	}
	if loc, err := expr.LoadZone(""); loc != time.UTC || err != nil {
		t.Errorf("no name: %v %v", loc, err)
	}
	for _, name := range []string{
		"Local", "localtime", "posixrules", "right/UTC", "posix/UTC", "Nowhere/City", "America", "CEST+",
		"/etc/localtime", "../zoneinfo/UTC", "Europe/../Europe/Berlin", "Europe//Berlin", "Europe/Berlin/",
		"./UTC", "Europe\\Berlin", "tzdata.zi", "zone.tab", "leapseconds", " UTC", "Europe/Berlin\x00",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	} {
		if loc, err := expr.LoadZone(name); err == nil {
			t.Errorf("%q: got %v, want an error", name, loc)
		}
	}
}

// TestZoneIsTabulatedRight reads each zone's clock through an expression that
// fires each minute, and compares it with the time package's.
func TestZoneIsTabulatedRight(t *testing.T) {
	for _, name := range zoneNames(t) {
		loc, err := expr.LoadZone(name)
		if err != nil {
			t.Fatal(err)
		}
		e, err := expr.Parse("cron(* * * * ? *)", loc)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)
		for at.Year() < 2199 {
			next, ok := e.Next(at, expr.Bounds{})
			if !ok || next.Sub(at) > time.Minute || next.In(loc).Second() != 0 {
				t.Fatalf("%s: after %s comes %s", name, at, next)
			}
			at = at.Add(131*time.Hour + 13*time.Second)
		}
	}
}

// A zone that LoadZone has not made works too.
func TestOtherLocations(t *testing.T) {
	for _, c := range []struct {
		loc  *time.Location
		want string
	}{
		{time.FixedZone("", 5400), "2026-11-22T22:30:00Z"},
		{time.FixedZone("", 0), "2026-11-23T00:00:00Z"},
		{time.FixedZone("", -14*3600), "2026-11-22T14:00:00Z"},
		{nil, "2026-11-23T00:00:00Z"},
	} {
		e, err := expr.Parse("cron(0 0 * * ? *)", c.loc)
		if err != nil {
			t.Fatal(err)
		}
		next, ok := e.Next(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), expr.Bounds{})
		if got := next.Format(time.RFC3339); !ok || got != c.want {
			t.Errorf("%v: got %s, want %s", c.loc, got, c.want)
		}
	}
}
