package sqlite

import (
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry/monitor"
)

// Of the flips whose alerts have been written the oldest go, and only those
// from before the time.
func TestPruneFlips(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	subject := monitor.Subject{Account: "000000000000", Kind: monitor.SubjectServer, ID: "disk"}
	t0 := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	err = s.write(t.Context(), func(c *sqlite.Conn) error {
		for i := range 5 {
			if err := insertFlip(c, &monitor.Flip{Subject: subject, At: t0.Add(time.Duration(i) * time.Second)}); err != nil {
				return err
			}
		}
		return exec(c, `UPDATE flips SET processed=1 WHERE id<>1`) // the oldest waits
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{2, 1, 0} {
		n, err := s.PruneFlips(t.Context(), t0.Add(4*time.Second), 2)
		if n != want || err != nil {
			t.Fatalf("%d were pruned (%v), want %d", n, err, want)
		}
	}
	left, err := s.ListFlips(t.Context(), monitor.FlipQuery{Subject: subject, Limit: 9})
	if err != nil || len(left) != 2 || left[0].ID != 5 || left[1].ID != 1 {
		t.Fatalf("left are %+v (%v), want the newest and the oldest", left, err)
	}
}
