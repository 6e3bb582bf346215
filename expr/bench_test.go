package expr_test

import (
	"testing"
	"time"

	"github.com/belfry-run/belfry/expr"
)

// BenchmarkNext walks along the occurrences, as a busy engine would, so that
// each call asks about another instant.
func BenchmarkNext(b *testing.B) {
	for _, c := range []struct{ name, expression string }{
		{"minutely", "cron(* * * * ? *)"},
		{"cadence", "cron(0/5 * * * ? *)"},
		{"daily", "cron(30 2 * * ? *)"},
		{"weekdays", "cron(0 9 ? * MON-FRI *)"},
		{"monthly", "cron(0 0 1 * ? *)"},
		{"yearly", "cron(0 0 1 JAN ? *)"},
		{"L", "cron(0 0 L * ? *)"},
		{"W", "cron(0 0 15W * ? *)"},
		{"nth", "cron(0 0 ? * FRI#5 *)"},
		{"leapday", "cron(0 0 29 FEB ? *)"},
		{"leapsunday", "cron(0 0 ? FEB SUN#5 *)"},
		{"rate", "rate(5 minutes)"},
	} {
		for _, zone := range []string{"UTC", "Europe/Berlin"} {
			b.Run(c.name+"/"+zone, func(b *testing.B) {
				e := mustParse(b, c.expression, zone)
				start := time.Date(2026, 3, 28, 0, 30, 0, 0, time.UTC)
				bounds := expr.Bounds{Anchor: start}
				t := start
				b.ReportAllocs()
				for b.Loop() {
					next, ok := e.Next(t, bounds)
					if !ok {
						next = start
					}
					t = next
				}
			})
		}
	}
}

// BenchmarkNever measures how long it takes to know that an expression never
// fires again.
func BenchmarkNever(b *testing.B) {
	for _, c := range []struct{ expression, zone string }{
		{"cron(0 0 31 2 ? *)", "UTC"},
		{"cron(0 0 29 FEB ? 2101-2103)", "Europe/Berlin"},
		{"cron(0 0 ? 2 SUN#5 2027-2030)", "Europe/Berlin"},
		{"cron(0 12 * * ? 2020-2025)", "America/New_York"},
		// Clocks are set forward over every one of them.
		{"cron(30 2 ? 3 SUN#2 *)", "America/New_York"},
	} {
		b.Run(c.expression+"/"+c.zone, func(b *testing.B) {
			e := mustParse(b, c.expression, c.zone)
			t := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
			b.ReportAllocs()
			for b.Loop() {
				if next, ok := e.Next(t, expr.Bounds{}); ok {
					b.Fatal(next)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, s := range []string{"cron(0/5 9-17 ? * MON-FRI *)", "cron(0 0 L * ? *)", "rate(5 minutes)", "at(2030-01-01T00:00:00)"} {
		b.Run(s, func(b *testing.B) {
			loc, err := expr.LoadZone("Europe/Berlin")
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := expr.Parse(s, loc); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkZone measures what the first use of a zone costs.
func BenchmarkZone(b *testing.B) {
	for b.Loop() {
		loc, err := time.LoadLocation("America/New_York")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := expr.Parse("cron(* * * * ? *)", loc); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCalendar walks along the occurrences of what checks are held against.
func BenchmarkCalendar(b *testing.B) {
	for _, c := range []struct {
		schedule string
		parse    parser
	}{
		{"*/5 * * * *", expr.ParseUnix},
		{"30 2 * * *", expr.ParseUnix},
		{"0 0 * 2 MON#5", expr.ParseUnix},
		{"30 2 8-14 3 */7", expr.ParseUnix}, // in New York mostly in the gap
		{"Mon..Fri *:0/15", expr.ParseOnCalendar},
		{"*:*:0/10", expr.ParseOnCalendar},
		{"2020-01-01", expr.ParseOnCalendar}, // over
	} {
		b.Run(c.schedule, func(b *testing.B) {
			s, err := c.parse(c.schedule, mustLoad(b, "America/New_York"))
			if err != nil {
				b.Fatal(err)
			}
			start := time.Date(2026, 3, 7, 0, 30, 0, 0, time.UTC)
			t := start
			b.ReportAllocs()
			for b.Loop() {
				next, ok := s.Next(t)
				if !ok {
					next = start
				}
				t = next
			}
		})
	}
}
