package sqlite_test

import (
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/store/sqlite"
	"github.com/belfry-run/belfry/table"
)

// benchTable returns a service on a store with full durability, with one table
// of locks that expire.
func benchTable(b *testing.B) (*table.Service, belfry.Scope) {
	b.Helper()
	s, err := sqlite.Open(b.Context(), b.TempDir(), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	svc := table.New(s, wallClock{}, slog.New(slog.DiscardHandler), nil)
	scope := belfry.Scope{Account: "000000000000", Region: "us-east-1"}
	_, err = svc.Create(b.Context(), scope, "locks", table.Settings{Hash: table.KeyAttribute{Name: "task_key", Type: table.S}, OnDemand: true})
	if err != nil {
		b.Fatal(err)
	}
	if err := svc.SetTTL(b.Context(), scope, "locks", "expires", true); err != nil {
		b.Fatal(err)
	}
	return svc, scope
}

// BenchmarkTableConditionalPut takes locks that are free, from 32 callers at once.
func BenchmarkTableConditionalPut(b *testing.B) {
	svc, scope := benchTable(b)
	condition := "attribute_not_exists(task_key)"
	var n atomic.Int64
	b.SetParallelism(16) // times GOMAXPROCS, 2 on the reference machine
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, err := svc.Write(b.Context(), scope, table.Write{
				Action: table.Put, Table: "locks", Expressions: table.Expressions{Condition: &condition},
				Item: table.Item{
					"task_key": {Type: table.S, Text: "daily-report#" + strconv.FormatInt(n.Add(1), 10)},
					"owner":    {Type: table.S, Text: "worker-17"},
					"expires":  {Type: table.N, Text: "4102444800"},
				},
			})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "put/s")
}

// BenchmarkTableGet reads one item, over and over.
func BenchmarkTableGet(b *testing.B) {
	svc, scope := benchTable(b)
	key := table.Item{"task_key": {Type: table.S, Text: "a"}}
	if _, err := svc.Write(b.Context(), scope, table.Write{Action: table.Put, Table: "locks", Item: key}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := svc.Get(b.Context(), scope, []table.Get{{Table: "locks", Keys: []table.Item{{"task_key": key["task_key"]}}}}, ""); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "get/s")
}
