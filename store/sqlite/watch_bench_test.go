package sqlite_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/store/sqlite"
)

// journalled is a store with n outcomes that are news, of so many schedules.
func journalled(b *testing.B, n, schedules int) (st *sqlite.Store, begin func() int64) {
	st = openAt(b, b.TempDir(), sqlite.Options{NoSync: true})
	if _, err := st.Acquire(b.Context()); err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC)
	for i := range schedules {
		s := &belfry.Schedule{
			ID: belfry.ID(i+1) << 6, Revision: 1, Scope: belfry.Scope{Account: "000000000000", Region: "eu-west-1"},
			Group: belfry.DefaultGroup, Name: fmt.Sprint("s", i), Expression: "rate(1 minute)", Timezone: "UTC",
			Target: belfry.Target{ARN: "arn:t", Retry: belfry.DefaultRetry()}, Created: at, Modified: at, Since: at,
		}
		next := belfry.Due{At: at, Occurrence: belfry.Occurrence{Schedule: s.ID, Time: at}, Revision: 1, Attempt: 1}
		if err := st.CreateSchedule(b.Context(), belfry.ScheduleCreation{Schedule: s, Next: &next, Limit: 1 << 40}); err != nil {
			b.Fatal(err)
		}
	}
	due := func(k int) belfry.Due { // the kth run of all
		o := belfry.Occurrence{Schedule: belfry.ID(k%schedules+1) << 6, Time: at.Add(time.Duration(k/schedules) * time.Second)}
		return belfry.Due{At: o.Time, Occurrence: o, Revision: 1, Attempt: 1}
	}
	ran := 0
	return st, func() int64 {
		for end := ran + n; ran < end; {
			step := min(512, end-ran)
			starts, ends := make([]belfry.Start, step), make([]belfry.Finish, step)
			for i := range step {
				d, next := due(ran+i), due(ran+i+schedules)
				starts[i] = belfry.Start{Due: d, Run: &d.Occurrence, At: d.At, Next: &next}
				ends[i] = belfry.Finish{
					Occurrence: d.Occurrence, Outcome: belfry.Failed, Started: d.At, Ended: d.At.Add(time.Second),
					Reason: "All 3 attempts failed; the last with HTTP.503: busy",
				}
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
		return int64(n)
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkNews reads 100,000 outcomes that are news and has the watch decide on
// them, and settles them: the processor's time for each.
func BenchmarkNews(b *testing.B) {
	for _, schedules := range []int{100, 10_000} {
		b.Run(fmt.Sprint("schedules=", schedules), func(b *testing.B) {
			st, more := journalled(b, 100_000, schedules)
			p := monitor.DefaultWatchPolicy()
			var read, decided, settled time.Duration
			n := int64(0)
			for b.Loop() {
				b.StopTimer()
				n += more()
				b.StartTimer()
				for again := true; again; {
					began := cpu()
					batch, err := st.News(b.Context(), 1000)
					if err != nil {
						b.Fatal(err)
					}
					again = batch.More
					read += cpu() - began
					began = cpu()
					s := monitor.Settlement{After: batch.After, Through: batch.Through}
					for i := range batch.News {
						if f := batch.Watches[batch.News[i].Schedule].Take(&batch.News[i], &p); f != nil {
							s.Flips = append(s.Flips, *f)
						}
					}
					for _, w := range batch.Watches {
						s.Keep = append(s.Keep, monitor.Kept{Watch: w})
					}
					decided += cpu() - began
					began = cpu()
					if err := st.Settle(b.Context(), s); err != nil {
						b.Fatal(err)
					}
					settled += cpu() - began
				}
			}
			b.ReportMetric(float64(read.Nanoseconds())/float64(n), "read-ns/outcome")
			b.ReportMetric(float64(decided.Nanoseconds())/float64(n), "decide-ns/outcome")
			b.ReportMetric(float64(settled.Nanoseconds())/float64(n), "settle-ns/outcome")
		})
	}
}
