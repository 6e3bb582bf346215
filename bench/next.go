package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/belfry-run/belfry/expr"
)

// nextOccurrence measures expr alone. The peers' figures are those of robfig/cron
// in bench/expr, which compares all of them side by side.
func (b *bench) nextOccurrence(context.Context) ([]figure, error) {
	common := []string{"cron(0/5 * * * ? *)", "cron(30 2 * * ? *)", "cron(0 9 ? * MON-FRI *)", "cron(0 0 1 * ? *)", "rate(5 minutes)"}
	rare := []string{"cron(0 0 29 FEB ? *)", "cron(0 0 L * ? *)", "cron(0 0 15W * ? *)", "cron(0 0 ? * FRI#5 *)"}
	var figures []figure
	for _, c := range []struct {
		name              string
		expressions       []string
		zone              string
		must, aim, robfig float64
	}{
		{"common, UTC", common, "UTC", 100, 60, 216},
		{"common, zone with DST", common, "America/New_York", 200, 120, 439},
		{"29 February, L, W, #, UTC", rare, "UTC", 300, 200, 489},
		{"29 February, L, W, #, zone with DST", rare, "America/New_York", 500, 300, 771},
	} {
		slowest, allocs, err := slowestNext(c.expressions, c.zone)
		if err != nil {
			return nil, err
		}
		if allocs > 0 {
			return nil, fmt.Errorf("%s: %d allocations a call, want none", c.name, allocs)
		}
		figures = append(figures, figure{name: c.name + ", the slowest", unit: "ns", value: slowest, must: c.must, aim: c.aim, peer: c.robfig, who: "robfig/cron"})
	}
	return figures, nil
}

func slowestNext(expressions []string, zone string) (ns float64, allocs int64, err error) {
	loc, err := expr.LoadZone(zone)
	if err != nil {
		return 0, 0, err
	}
	for _, s := range expressions {
		e, err := expr.Parse(s, loc)
		if err != nil {
			return 0, 0, err
		}
		start := time.Date(2026, 3, 28, 0, 30, 0, 0, time.UTC)
		r := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			t := start
			for b.Loop() {
				next, ok := e.Next(t, expr.Bounds{Anchor: start})
				if !ok {
					next = start
				}
				t = next
			}
		})
		ns = max(ns, float64(r.T.Nanoseconds())/float64(r.N))
		allocs = max(allocs, r.AllocsPerOp())
	}
	return ns, allocs, nil
}
