package sqlite_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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

// TestFilesAreNobodyElses: every file of the store is its owner's alone, from its
// creation, whatever the process's umask is, and those of before become so.
func TestFilesAreNobodyElses(t *testing.T) {
	old := syscall.Umask(0) // of the process: no other test runs at the same time
	t.Cleanup(func() { syscall.Umask(old) })
	dir := t.TempDir()
	look := func(when string) (files int) {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			files++
			info, err := e.Info()
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s, %s has mode %v", when, strings.TrimPrefix(path, dir), info.Mode())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	sch, due := numbered(0)
	if err := s.CreateSchedule(t.Context(), belfry.ScheduleCreation{Schedule: sch, Next: due, Limit: 10}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	runOnce(t, s, due, testTime.Add(time.Minute))
	archive(t, s, 1)
	if n := look("when all is new"); n < 4 { // the database, its log, the logs, the mark, a day
		t.Errorf("there are %d files", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"belfry.db", "logs.db"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	openAt(t, dir, sqlite.Options{NoSync: true})
	look("opened again")
}
