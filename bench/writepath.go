package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/store/sqlite"
)

// writePath measures the store alone: with a million schedules stored, runs are
// started in batches of 1,000 and finished in batches, as the engine does both.
func (b *bench) writePath(ctx context.Context) (_ []figure, err error) {
	const schedules, batch, fires = 1_000_000, 1000, 400_000
	data, err := b.newDir()
	if err != nil {
		return nil, err
	}
	first := time.Now().UTC().Truncate(time.Minute)
	// A million a minute, so that what is due moves on through all of them.
	at := func(i int) time.Time { return first.Add(time.Duration(i/(schedules/60)) * time.Second) }
	target := belfry.Target{ARN: "arn:aws:sqs:us-east-1:000000000000:bench", Input: `{"task":"bench"}`}
	var due []belfry.Due
	err = sqlite.Load(data, func(yield func(*belfry.Schedule, *belfry.Due) bool) {
		for s, d := range stored(schedules, farAway, target, 0, first, at) {
			d.Time = d.At
			due = append(due, *d)
			if !yield(s, d) {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	st, err := sqlite.Open(ctx, data, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if _, err := st.Acquire(ctx); err != nil {
		return nil, err
	}
	began := time.Now()
	var finishing sync.WaitGroup
	errs := make(chan error, fires/batch)
	for n := 0; n < fires; n += batch {
		starts, ended := make([]belfry.Start, batch), make([]belfry.Finish, batch)
		for i := range starts {
			d := due[n+i]
			next := d
			next.At, next.Time = d.At.Add(time.Minute), d.Time.Add(time.Minute)
			starts[i] = belfry.Start{Due: d, Run: &belfry.Occurrence{Schedule: d.Schedule, Time: d.Time}, At: d.At, Next: &next}
			ended[i] = belfry.Finish{Occurrence: d.Occurrence, Outcome: belfry.Succeeded, Started: d.At, Ended: d.At}
		}
		claim, started, err := st.Start(ctx, starts)
		if err != nil {
			return nil, err
		}
		for i := range started {
			if started[i] != belfry.IsRunning {
				return nil, fmt.Errorf("the run of %s at %s was not started", starts[i].Run.Schedule, starts[i].Run.Time)
			}
			ended[i].Claim = claim
		}
		finishing.Go(func() { errs <- st.Finish(ctx, ended) })
	}
	finishing.Wait()
	took := time.Since(began)
	close(errs)
	for e := range errs {
		err = errors.Join(err, e)
	}
	return []figure{{name: "recorded and completed", unit: "/s", value: fires / took.Seconds(), must: 50_000, aim: 70_000, peer: 9900, who: "River", more: true}}, err
}
