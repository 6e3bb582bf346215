package sqlite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/store/sqlite"
)

const (
	database = "belfry.db"
	logFile  = "belfry.db-wal"
	fullLog  = 32 << 20
)

// left is what a process that ends now leaves in the directory: the index of
// the log, which is memory, is not part of it.
type left map[string][]byte

func leftIn(t *testing.T, dir string) left {
	t.Helper()
	l := left{}
	for _, name := range []string{database, logFile} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		l[name] = b
	}
	return l
}

// reopen opens a store on what was left, and returns its directory.
func (l left) reopen(t *testing.T) (*sqlite.Store, string) {
	t.Helper()
	dir := t.TempDir()
	for name, b := range l {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return openAt(t, dir, sqlite.Options{}), dir
}

func holds(t *testing.T, s *sqlite.Store, want contents) {
	t.Helper()
	if d := cmp.Diff(want, contentsOf(t, s), cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("after an unclean end (-acknowledged +found):\n%s", d)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestFilledLogIsReadAfterAnUncleanEnd(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir, sqlite.Options{})
	holds(t, s, contents{})
	for end := range 3 { // each of the ends is followed by another
		for n := range 10 {
			create(t, s, 10*end+n)
		}
		if n := size(t, filepath.Join(dir, logFile)); n < fullLog {
			t.Fatalf("the log has %d bytes, want it filled", n)
		}
		want := contentsOf(t, s)
		if len(want.Schedules) != 10*(end+1) {
			t.Fatalf("%d schedules", len(want.Schedules))
		}
		s, dir = leftIn(t, dir).reopen(t)
		holds(t, s, want)
	}
}

func TestLogThatWasNotFilledIsFilledBehindWhatIsInIt(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir, sqlite.Options{NoSync: true})
	for n := range 10 {
		create(t, s, n)
	}
	if n := size(t, filepath.Join(dir, logFile)); n >= fullLog {
		t.Fatalf("the log has %d bytes; the test wants a short one", n)
	}
	again, dir := leftIn(t, dir).reopen(t)
	holds(t, again, contentsOf(t, s))
	if n := size(t, filepath.Join(dir, logFile)); n < fullLog {
		t.Fatalf("the log has %d bytes, want it filled", n)
	}
	create(t, again, 10)
	third, _ := leftIn(t, dir).reopen(t)
	holds(t, third, contentsOf(t, again))
}

// A log that is full begins at its start again, with what it held before behind
// what it holds now.
func TestLogThatBeganAgainIsReadAfterAnUncleanEnd(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir, sqlite.Options{})
	large := strings.Repeat("x", 256<<10)
	n := 0
	put := func() {
		sch, due := numbered(n)
		sch.Target.Input = large
		if err := s.CreateSchedule(t.Context(), belfry.ScheduleCreation{Schedule: sch, Next: due, Limit: 1_000_000}); err != nil {
			t.Fatal(err)
		}
		n++
	}
	for size(t, filepath.Join(dir, database)) < fullLog/2 {
		if put(); n > 1000 {
			t.Fatal("the log is never copied into the database")
		}
	}
	for range 3 {
		put()
		again, _ := leftIn(t, dir).reopen(t)
		holds(t, again, contentsOf(t, s))
	}
	if n := size(t, filepath.Join(dir, logFile)); n > fullLog+fullLog/8 {
		t.Errorf("the log has %d bytes, want it to begin again", n)
	}
}

// A commit that was cut off is not there, and everything before it is.
func TestTornCommitLeavesWhatWasBefore(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir, sqlite.Options{})
	for n := range 10 {
		create(t, s, n)
	}
	want, before := contentsOf(t, s), leftIn(t, dir)
	create(t, s, 10)
	after := leftIn(t, dir)
	if !bytes.Equal(before[database], after[database]) {
		t.Fatal("the database was written; the test wants the commit in the log alone")
	}
	last := len(after[logFile]) - 1
	for last >= 0 && after[logFile][last] == before[logFile][last] {
		last--
	}
	whole, _ := after.reopen(t)
	holds(t, whole, contentsOf(t, s))
	after[logFile][last] ^= 1
	torn, _ := after.reopen(t)
	holds(t, torn, want)
	sch, _ := numbered(10)
	if _, err := torn.Schedule(t.Context(), sch.Ref()); belfry.KindOf(err) != belfry.NotFound {
		t.Fatalf("the torn commit: %v, want nothing of it", err)
	}
	create(t, torn, 10)
	holds(t, torn, contentsOf(t, s))
}
