package app

import (
	"time"

	"github.com/belfry-run/belfry/expr"
)

// Next returns the first n occurrences of the expression after the given time,
// in UTC; fewer when there are no more. A rate counts from that time, cut to
// the minute. The error says what is wrong with the expression or the zone.
func Next(expression, timezone string, after time.Time, n int) ([]time.Time, error) {
	zone, err := expr.LoadZone(timezone)
	if err != nil {
		return nil, err
	}
	e, err := expr.Parse(expression, zone)
	if err != nil {
		return nil, err
	}
	var times []time.Time
	bounds := expr.Bounds{Anchor: after.UTC().Truncate(time.Minute)}
	for t := after; len(times) < n; {
		next, ok := e.Next(t, bounds)
		if !ok {
			break
		}
		times = append(times, next)
		t = next
	}
	return times, nil
}
