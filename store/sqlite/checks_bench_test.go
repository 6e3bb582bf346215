package sqlite_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/store/sqlite"
)

// BenchmarkPing measures durable pings from 32 callers, each of another of
// 100,000 checks.
func BenchmarkPing(b *testing.B) {
	dir := b.TempDir()
	const checks = 100_000
	st, err := sqlite.Open(b.Context(), dir, sqlite.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	id := func(i int64) string { return fmt.Sprintf("%08x-0000-4000-8000-000000000000", uint32(i*2654435761)) }
	var n atomic.Int64
	base := time.Now().UTC().Truncate(time.Millisecond)
	b.SetParallelism(16) // times GOMAXPROCS, 2 on the reference machine
	b.ResetTimer()
	b.StopTimer()
	for i := range int64(checks) {
		c := monitor.Check{
			ID: id(i), Account: "000000000000", Badge: id(i), Created: base, Settings: monitor.DefaultSettings(),
			Status: monitor.Up, Since: base, LastPing: base, AlertAfter: base.Add(24 * time.Hour),
		}
		if _, _, err := st.CreateCheck(b.Context(), c, monitor.Like{}, checks); err != nil {
			b.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		b.Fatal(err)
	}
	if st, err = sqlite.Open(b.Context(), dir, sqlite.Options{}); err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	b.StartTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			_, err := st.ChangeCheck(b.Context(), id(i*7919%checks), func(c *monitor.Check) (monitor.Change, error) {
				c.Pings++
				c.LastPing = base.Add(time.Duration(i) * time.Millisecond)
				c.Expected, c.AlertAfter = c.LastPing.Add(c.Timeout), c.LastPing.Add(c.Timeout+c.Grace)
				return monitor.Change{Keep: 100, Ping: &monitor.Ping{
					N: c.Pings, At: c.LastPing, Action: monitor.PingSuccess, Scheme: "https", RemoteAddr: "192.0.2.1", Method: "GET",
					UserAgent: "curl/8.5.0", ExitStatus: monitor.NoExitStatus,
				}}, nil
			})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pings/s")
}
