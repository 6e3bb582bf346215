package monitor

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// The looks of a check are its interval apart, wherever one begins to count.
func TestNextLookIsAGrid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &Check{ID: uuid.NewString()}
		c.Timeout = time.Duration(rapid.Int64Range(60, 100_000).Draw(t, "interval")) * time.Second
		now := time.UnixMilli(rapid.Int64Range(-1e12, 4e12).Draw(t, "now"))
		next := nextLook(c, nil, now)
		if d := next.Sub(now); d <= 0 || d > c.Timeout {
			t.Fatalf("the next look is %v ahead, of an interval of %v", d, c.Timeout)
		}
		if again := nextLook(c, nil, next); again.Sub(next) != c.Timeout {
			t.Fatalf("the looks are %v apart, want %v", again.Sub(next), c.Timeout)
		}
		if same := nextLook(c, nil, next.Add(-time.Millisecond)); !same.Equal(next) {
			t.Fatalf("just before %v the next is %v", next, same)
		}
	})
}

func TestNextLooksAreSpread(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	var tenths [10]int
	for range 10_000 {
		c := &Check{ID: uuid.NewString()}
		c.Timeout = 10 * time.Minute
		tenths[int(nextLook(c, nil, now).Sub(now)-1)/int(time.Minute)]++
	}
	for i, n := range tenths {
		if n < 800 || n > 1200 {
			t.Errorf("%d of 10,000 looks fall into minute %d of 10", n, i)
		}
	}
}
