package sqlite_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/store/sqlite"
)

// BenchmarkFirePath measures the durable write path alone: runs started and
// finished in batches of 1,000, over a million stored schedules.
func BenchmarkFirePath(b *testing.B) {
	const schedules, batch = 1_000_000, 1000
	ctx := context.Background()
	st, err := sqlite.Open(ctx, b.TempDir(), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	if _, err := st.Acquire(ctx); err != nil {
		b.Fatal(err)
	}
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	due := make([]belfry.Due, schedules)
	var wg sync.WaitGroup
	for w := range 512 {
		wg.Go(func() {
			for i := w; i < schedules; i += 512 {
				s := belfry.Schedule{
					ID: belfry.MakeID(int64(i+1), belfry.Shard(i%64)), Revision: 1,
					Scope: belfry.Scope{Account: "000000000000", Region: "us-east-1"},
					Group: "default", Name: fmt.Sprintf("schedule-%07d", i),
					Expression: "rate(1 minute)", Timezone: "UTC", Created: base, Modified: base,
					Target: belfry.Target{ARN: "arn:aws:sqs:us-east-1:000000000000:q", RoleARN: "arn:aws:iam::000000000000:role/belfry", Retry: belfry.DefaultRetry()},
				}
				due[i] = belfry.Due{At: base.Add(time.Duration(i/16667) * time.Second), Occurrence: belfry.Occurrence{Schedule: s.ID, Time: base.Add(time.Duration(i/16667) * time.Second)}, Revision: 1, Attempt: 1}
				if err := st.CreateSchedule(ctx, belfry.ScheduleCreation{Schedule: &s, Next: &due[i], Limit: schedules}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ResetTimer()
	next := 0
	type done struct {
		claim belfry.Claim
		runs  []belfry.Start
	}
	finish := make(chan done, 4)
	wg.Go(func() {
		for d := range finish {
			var all sync.WaitGroup
			for i := range d.runs {
				all.Go(func() { // as the engine does: a goroutine for each attempt
					f := belfry.Finish{Occurrence: *d.runs[i].Run, Claim: d.claim, Outcome: belfry.Succeeded, Started: base, Ended: base}
					if err := st.Finish(ctx, f); err != nil {
						b.Error(err)
					}
				})
			}
			all.Wait()
		}
	})
	for n := 0; n < b.N; n += batch {
		starts := make([]belfry.Start, batch)
		for i := range starts {
			d := due[next]
			nx := d
			nx.At, nx.Time = d.At.Add(time.Minute), d.Time.Add(time.Minute)
			due[next] = nx
			starts[i] = belfry.Start{Due: d, Run: &belfry.Occurrence{Schedule: d.Schedule, Time: d.Time}, At: d.At, Next: &nx}
			next = (next + 1) % schedules
		}
		claim, started, err := st.Start(ctx, starts)
		if err != nil || !started[0] || !started[batch-1] {
			b.Fatal(err, started)
		}
		finish <- done{claim, starts}
	}
	close(finish)
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "fires/s")
}
