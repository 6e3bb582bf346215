package sqlite_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/store/sqlite"
)

// BenchmarkFire starts and finishes runs that succeed, 512 at a time: the
// processor's time for each.
func BenchmarkFire(b *testing.B) {
	const schedules = 10_000
	st := openAt(b, b.TempDir(), sqlite.Options{NoSync: true})
	if _, err := st.Acquire(b.Context()); err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC)
	due := func(k int) belfry.Due {
		o := belfry.Occurrence{Schedule: belfry.ID(k%schedules+1) << 6, Time: at.Add(time.Duration(k/schedules) * time.Second)}
		return belfry.Due{At: o.Time, Occurrence: o, Revision: 1, Attempt: 1}
	}
	for i := range schedules {
		next := due(i)
		s := &belfry.Schedule{
			ID: next.Schedule, Revision: 1, Scope: belfry.Scope{Account: "000000000000", Region: "eu-west-1"},
			Group: belfry.DefaultGroup, Name: fmt.Sprint("s", i), Expression: "rate(1 minute)", Timezone: "UTC",
			Target: belfry.Target{ARN: "arn:t", Retry: belfry.DefaultRetry()}, Created: at, Modified: at, Since: at,
		}
		if err := st.CreateSchedule(b.Context(), belfry.ScheduleCreation{Schedule: s, Next: &next, Limit: 1 << 40}); err != nil {
			b.Fatal(err)
		}
	}
	ran := 0
	began := cpu()
	for b.Loop() {
		const step = 512
		starts, ends := make([]belfry.Start, step), make([]belfry.Finish, step)
		for i := range step {
			d, next := due(ran+i), due(ran+i+schedules)
			starts[i] = belfry.Start{Due: d, Run: &d.Occurrence, At: d.At, Next: &next}
			ends[i] = belfry.Finish{Occurrence: d.Occurrence, Outcome: belfry.Succeeded, Started: d.At, Ended: d.At.Add(time.Second)}
		}
		claim, _, err := st.Start(b.Context(), starts)
		if err != nil {
			b.Fatal(err)
		}
		for i := range ends {
			ends[i].Claim = claim
		}
		if err := st.Finish(b.Context(), ends); err != nil {
			b.Fatal(err)
		}
		ran += step
	}
	b.ReportMetric(float64((cpu()-began).Nanoseconds())/float64(ran), "cpu-ns/run")
}

// BenchmarkItems reads entries that wait, 256 at a time: the processor's time for each.
func BenchmarkItems(b *testing.B) {
	const entries = 10_000
	dir := b.TempDir() + "/data"
	if err := sqlite.Load(dir, numberedUpTo(entries)); err != nil {
		b.Fatal(err)
	}
	st := openAt(b, dir, sqlite.Options{NoSync: true})
	all, _, err := st.Due(b.Context(), nil, testTime.AddDate(1, 0, 0), entries, 1<<30)
	if err != nil {
		b.Fatal(err)
	}
	places := make([]belfry.Due, len(all))
	for i := range all {
		places[i] = all[i].Due
	}
	read := 0
	began := cpu()
	for b.Loop() {
		const step = 256
		from := read % (len(places) - step)
		if items, _, err := st.Items(b.Context(), places[from:from+step], 1<<30); err != nil || len(items) != step {
			b.Fatalf("%d items, %v", len(items), err)
		}
		read += step
	}
	b.ReportMetric(float64((cpu()-began).Nanoseconds())/float64(read), "cpu-ns/entry")
}
