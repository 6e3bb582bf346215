package sqlite_test

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/queue"
	"github.com/belfry-run/belfry/store/sqlite"
)

type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// benchQueue returns a service on a store with full durability, with one queue q.
func benchQueue(b *testing.B) (*queue.Service, belfry.Scope) {
	b.Helper()
	s, err := sqlite.Open(b.Context(), b.TempDir(), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	svc := queue.New(s, wallClock{}, slog.New(slog.DiscardHandler), nil)
	scope := belfry.Scope{Account: "000000000000", Region: "us-east-1"}
	if _, err := svc.CreateQueue(b.Context(), scope, "q", nil, nil); err != nil {
		b.Fatal(err)
	}
	return svc, scope
}

var benchMessage = queue.Message{Body: strings.Repeat("x", 200), Sender: "000000000000"}

func BenchmarkQueueSend64(b *testing.B) {
	svc, scope := benchQueue(b)
	b.SetParallelism(32) // times GOMAXPROCS, 2 on the reference machine
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := svc.Send(b.Context(), scope, "q", benchMessage); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

func BenchmarkQueueReceiveDelete(b *testing.B) {
	for _, c := range []struct {
		name      string
		receivers int // times GOMAXPROCS
	}{{"1", 0}, {"16", 8}} {
		b.Run("receivers="+c.name, func(b *testing.B) { receiveDelete(b, c.receivers) })
	}
}

// receiveDelete receives and deletes b.N messages in batches of ten.
func receiveDelete(b *testing.B, receivers int) {
	svc, scope := benchQueue(b)
	entries := make([]queue.SendEntry, 10)
	for i := range entries {
		entries[i] = queue.SendEntry{ID: string(rune('a' + i)), Message: benchMessage}
	}
	for range (b.N + 9) / 10 {
		if _, err := svc.SendBatch(b.Context(), scope, "q", entries); err != nil {
			b.Fatal(err)
		}
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	ten := 10
	work := func() {
		for left.Load() > 0 {
			got, err := svc.Receive(b.Context(), scope, "q", queue.ReceiveOptions{Max: &ten})
			if err != nil {
				b.Error(err)
				return
			}
			if len(got) == 0 {
				return
			}
			gone := make([]queue.DeleteEntry, len(got))
			for i, m := range got {
				gone[i] = queue.DeleteEntry{ID: string(rune('a' + i)), Handle: m.Handle}
			}
			if _, err := svc.DeleteBatch(b.Context(), scope, "q", gone); err != nil {
				b.Error(err)
				return
			}
			left.Add(-int64(len(got)))
		}
	}
	b.ResetTimer()
	if receivers == 0 {
		work()
	} else {
		b.SetParallelism(receivers)
		b.RunParallel(func(pb *testing.PB) {
			work()
			for pb.Next() {
			}
		})
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

func BenchmarkQueueCounts(b *testing.B) {
	svc, scope := benchQueue(b)
	const messages = 100_000
	entries := make([]queue.SendEntry, 10)
	for i := range entries {
		entries[i] = queue.SendEntry{ID: string(rune('a' + i)), Message: benchMessage}
	}
	for range messages / 10 {
		if _, err := svc.SendBatch(b.Context(), scope, "q", entries); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for range b.N {
		if _, err := svc.Attributes(b.Context(), scope, "q", []string{"ApproximateNumberOfMessages"}); err != nil {
			b.Fatal(err)
		}
	}
}
