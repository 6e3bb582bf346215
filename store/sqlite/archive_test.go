package sqlite_test

import (
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/store/sqlite"
)

func TestAnArchiveHasFewBytesInMemory(t *testing.T) {
	const runs, size = 40, 30 * len("It failed. ")
	for _, c := range []struct{ bytes, steps int }{
		{0, 1}, {4 * size, runs / 4}, {5*size - 1, runs / 4}, {5 * size, runs / 5}, {1, runs}, // one that is larger moves alone
	} {
		commits := 0
		s := openAt(t, t.TempDir(), sqlite.Options{NoSync: true, ArchiveBytes: c.bytes, OnCommit: func(time.Duration, int) { commits++ }})
		sch, due := numbered(0)
		if err := s.CreateSchedule(t.Context(), belfry.ScheduleCreation{Schedule: sch, Next: due, Limit: 10}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range runs {
			due = runOnce(t, s, due, testTime.Add(time.Duration(i+1)*time.Minute))
		}
		commits = 0
		archive(t, s, runs)
		if commits != c.steps {
			t.Errorf("with %d bytes, %d runs of %d bytes moved in %d steps, want %d", c.bytes, runs, size, commits, c.steps)
		}
	}
}
