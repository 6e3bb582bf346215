package sqlite_test

import (
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/store/sqlite"
)

// BenchmarkCreateSchedule measures durable creates from 64 callers, as clients
// make them: names in no order, first due within an hour, each
// with a client token.
func BenchmarkCreateSchedule(b *testing.B) {
	st, err := sqlite.Open(b.Context(), b.TempDir(), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	base := time.Now().UTC().Truncate(time.Second)
	var n atomic.Int64
	b.SetParallelism(32) // times GOMAXPROCS, 2 on the reference machine
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			var r [8]byte
			rand.Read(r[:])
			s := belfry.Schedule{
				ID: belfry.MakeID(i, belfry.Shard(i%belfry.Shards)), Revision: 1,
				Scope: belfry.Scope{Account: "000000000000", Region: "us-east-1"},
				Group: belfry.DefaultGroup, Name: fmt.Sprintf("schedule-%x", r),
				Expression: "rate(1 minute)", Timezone: "UTC", Created: base, Modified: base,
				Target: belfry.Target{ARN: "arn:aws:sqs:us-east-1:000000000000:q", RoleARN: "arn:aws:iam::000000000000:role/belfry", Retry: belfry.DefaultRetry()},
			}
			at := base.Add(time.Duration(i%3600) * time.Second)
			due := belfry.Due{At: at, Occurrence: belfry.Occurrence{Schedule: s.ID, Time: at}, Revision: 1, Attempt: 1}
			token := belfry.NewToken(s.Scope, "CreateSchedule", string(r[:]), r[:])
			token.At = base
			create := belfry.ScheduleCreation{Schedule: &s, Next: &due, Token: &token, Limit: 1 << 30}
			if err := st.CreateSchedule(b.Context(), create); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "creates/s")
}
