package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/store/sqlite"
)

// errLate means that more than 1 % were too late already, and the rest did not count.
var errLate = errors.New("the bound of the lateness was not kept")

// spread runs HTTP schedules that are due evenly spread, every 1/rate s for so
// many seconds, and returns how late each arrived at the sink. When the p99 cannot
// keep to bound any more it ends with errLate; a bound of 0 is none.
func (b *bench) spread(ctx context.Context, rate float64, seconds int, bound time.Duration) (late []time.Duration, err error) {
	data, err := b.newDir()
	if err != nil {
		return nil, err
	}
	to, err := newSink()
	if err != nil {
		return nil, err
	}
	defer to.close()
	n := int(rate * float64(seconds))
	target := belfry.Target{
		ARN:   "arn:aws:scheduler:::http:invoke",
		Input: fmt.Sprintf(`{"ApiEndpoint":"%s","Method":"POST","RequestBody":{"task":"bench"}}`, to.url()),
	}
	first := time.Now().UTC().Truncate(time.Second).Add(5*time.Second + time.Duration(n/40_000)*time.Second)
	at := func(i int) time.Time {
		return first.Add(time.Duration(float64(i) / rate * float64(time.Second))).Truncate(time.Millisecond)
	}
	if err := sqlite.Load(data, stored(n, farAway, target, time.Minute, first, at)); err != nil {
		return nil, err
	}
	srv, err := b.start(ctx, data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	if !time.Now().Before(first) {
		return nil, errors.New("making the store took longer than there was time for")
	}
	for time.Now().Before(at(n)) {
		time.Sleep(min(time.Until(at(n)), time.Second))
		due := int(time.Since(first.Add(bound)).Seconds() * rate) // that long ago
		if bound > 0 && min(due, n)-to.count() > n/100 {
			return nil, errLate
		}
	}
	return to.lateness(n, first, at)
}

// lateness waits for n arrivals and returns how late each was.
func (s *sink) lateness(n int, scheduled time.Time, at func(i int) time.Time) ([]time.Duration, error) {
	for deadline := time.Now().Add(patience); s.count() < n; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%d of %d have arrived a minute after the last was due", s.count(), n)
		}
	}
	all, err := s.take()
	if err != nil {
		return nil, err
	}
	late := make([]time.Duration, 0, n)
	seen := make([]bool, n)
	for _, a := range all {
		i := int(a.id>>6) - 1 // as stored numbers them
		if i < 0 || i >= n || !a.scheduled.Equal(scheduled) || seen[i] {
			return nil, fmt.Errorf("schedule %s arrived for %s, which is not due or came before", a.id, a.scheduled)
		}
		seen[i] = true
		late = append(late, a.at.Sub(at(i)))
	}
	slices.Sort(late)
	return late, nil
}

// quantile returns the q-quantile of sorted values.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// steadyBound is the start lateness that 99 of 100 must keep to.
const steadyBound = 100 * time.Millisecond

// steady finds the highest rate that is carried for ten seconds and then
// carries it for a minute; when that fails, the next lower one.
func (b *bench) steady(ctx context.Context) ([]figure, error) {
	const full = 60
	for _, rate := range []float64{15_000, 10_000, 7_500, 5_000, 3_000} {
		for _, seconds := range []int{10, full} {
			late, err := b.spread(ctx, rate, seconds, steadyBound)
			if errors.Is(err, errLate) {
				break
			}
			if err != nil {
				return nil, err
			}
			p99 := quantile(late, .99)
			if p99 > steadyBound {
				break
			}
			if seconds == full {
				return []figure{
					{name: "carried for 60 s", unit: "/s", value: rate, must: 5000, aim: 15_000, peer: 200, who: "Dkron", more: true},
					{name: "its start lateness, p99", unit: "ms", value: ms(p99), must: ms(steadyBound)},
				}, nil
			}
		}
	}
	return nil, errors.New("no rate from 3,000 a second up keeps the lateness below 100 ms")
}

// idle measures one due schedule at a time.
func (b *bench) idle(ctx context.Context) ([]figure, error) {
	if err := b.disk.rest(ctx); err != nil { // what other rows have written is no part of an idle node
		return nil, err
	}
	late, err := b.spread(ctx, 5, 40, 0)
	if err != nil {
		return nil, err
	}
	return []figure{
		{name: "start lateness, p99 of 200", unit: "ms", value: ms(quantile(late, .99)), must: 5, aim: 2, peer: 5, who: "Dkron (to 30)"},
		{name: "start lateness, median", unit: "ms", value: ms(quantile(late, .5))},
	}, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
