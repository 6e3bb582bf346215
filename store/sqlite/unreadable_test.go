package sqlite_test

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/barrier"
	"github.com/belfry-run/belfry/logs"
	"github.com/belfry-run/belfry/store/sqlite"
)

// archivedDays makes a store with runs of a schedule on so many days, all of them in
// the history, and returns its directory and the schedule.
func archivedDays(t *testing.T, days int) (dir string, sch *belfry.Schedule) {
	t.Helper()
	dir = t.TempDir()
	s := openAt(t, dir, sqlite.Options{NoSync: true})
	sch, due := numbered(0)
	if err := s.CreateSchedule(t.Context(), belfry.ScheduleCreation{Schedule: sch, Next: due, Limit: 10}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := range days {
		for i := range 40 {
			due = runOnce(t, s, due, testTime.AddDate(0, 0, n).Add(time.Duration(i+1)*time.Minute))
		}
	}
	archive(t, s, 40*days)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, sch
}

// runOnce runs the entry, and makes the one of the given time follow.
func runOnce(t *testing.T, s *sqlite.Store, due *belfry.Due, next time.Time) *belfry.Due {
	t.Helper()
	then := *due
	then.At, then.Time = next, next
	claim, started, err := s.Start(t.Context(), []belfry.Start{{Due: *due, Run: &due.Occurrence, At: due.At, Next: &then}})
	if err != nil || started[0] != belfry.IsRunning {
		t.Fatalf("start: %v, %v", started, err)
	}
	end := belfry.Finish{
		Occurrence: due.Occurrence, Claim: claim, Outcome: belfry.Failed, Reason: strings.Repeat("It failed. ", 30), Started: due.At, Ended: due.At.Add(time.Second),
	}
	if err := s.Finish(t.Context(), []belfry.Finish{end}); err != nil {
		t.Fatal(err)
	}
	return &then
}

func archive(t *testing.T, s *sqlite.Store, want int) {
	t.Helper()
	if n, err := s.Archive(t.Context(), testTime.AddDate(1, 0, 0)); err != nil || n != want {
		t.Fatalf("%d runs moved, %v; want %d", n, err, want)
	}
}

func runsOf(t *testing.T, s *sqlite.Store, id belfry.ID) []belfry.Run {
	t.Helper()
	runs, err := s.Runs(t.Context(), belfry.RunQuery{Schedules: []belfry.ID{id}, Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

var spoilers = map[string]func(b []byte) []byte{
	"zero bytes":     func([]byte) []byte { return nil },
	"a few bytes":    func(b []byte) []byte { return b[:50] },
	"cut in half":    func(b []byte) []byte { return b[:len(b)/2/4096*4096] },
	"all zeros":      func(b []byte) []byte { clear(b); return b },
	"no database":    func(b []byte) []byte { return bytes.Repeat([]byte("no database\n"), len(b)/12) },
	"pages of noise": func(b []byte) []byte { copy(b[4096:], bytes.Repeat([]byte{0xa5}, len(b))); return b },
	"a schema of noise": func(b []byte) []byte {
		copy(b[100:4096], bytes.Repeat([]byte{0xa5}, 4096))
		return b
	},
}

// A day file that cannot be read takes no other day with it; it is named, and runs
// of its day that come later find a place.
func TestDamagedDayFileIsNamedAndTheRestServed(t *testing.T) {
	made, sch := archivedDays(t, 3)
	bad := testTime.AddDate(0, 0, 1)
	name := bad.Format("2006-01-02") + ".db"
	for what, spoil := range spoilers {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "history", name)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			spoiled := spoil(b)
			if err := os.WriteFile(path, spoiled, 0o600); err != nil {
				t.Fatal(err)
			}
			apart := barrier.New(slog.New(slog.NewTextHandler(io.Discard, nil)))
			s := openAt(t, dir, sqlite.Options{NoSync: true, Apart: apart})
			named := func(file string) {
				t.Helper()
				u := s.Unreadable(bad, bad)
				if len(u) != 1 || u[0].File != "history/"+file || u[0].Day != bad.Truncate(24*time.Hour) || u[0].Reason == "" {
					t.Fatalf("unreadable: %+v, want %s", u, file)
				}
				if len(s.Unreadable(testTime, testTime)) != 0 {
					t.Error("another day is called unreadable")
				}
				if all := apart.List(); len(all) != 1 || all[0].Object != "history/"+file {
					t.Errorf("set apart: %+v", all)
				}
			}
			runs := runsOf(t, s, sch.ID)
			if len(runs) < 80 || len(runs) >= 120 {
				t.Fatalf("%d runs, want those of two days", len(runs))
			}
			named(name)
			if _, err := s.Durations(t.Context(), sch.ID, bad.AddDate(0, 0, 2), 1000); err != nil {
				t.Fatalf("durations: %v", err)
			}

			// A run of that day is finished late, and goes into the history.
			if _, err := s.Acquire(t.Context()); err != nil {
				t.Fatal(err)
			}
			late := bad.Add(10 * time.Hour)
			sch2, due := numbered(1)
			due.At, due.Time = late, late
			if err := s.CreateSchedule(t.Context(), belfry.ScheduleCreation{Schedule: sch2, Next: due, Limit: 10}); err != nil {
				t.Fatal(err)
			}
			runOnce(t, s, due, late.AddDate(1, 0, 0))
			archive(t, s, 1)
			if runs := runsOf(t, s, sch2.ID); len(runs) != 1 {
				t.Fatalf("%d runs of that day after the damage", len(runs))
			}
			aside := name + ".damaged-1"
			if _, err := os.Stat(filepath.Join(dir, "history", aside)); what != "pages of noise" || err == nil {
				if now, err := os.ReadFile(filepath.Join(dir, "history", aside)); err != nil || !bytes.Equal(now[:min(len(now), len(spoiled))], spoiled) {
					t.Fatalf("what was put aside is not what was there: %v", err)
				}
				named(aside)
				again := openAt(t, copyOf(t, dir), sqlite.Options{NoSync: true})
				if u := again.Unreadable(time.Time{}, time.Time{}); len(u) != 1 {
					t.Fatalf("after a restart: %+v", u)
				}
			}
			if _, err := s.Forget(t.Context(), bad.AddDate(0, 0, 2)); err != nil {
				t.Fatal(err)
			}
			if u := s.Unreadable(time.Time{}, time.Time{}); len(u) != 0 || apart.Any() {
				t.Errorf("after the retention: %+v, %+v", u, apart.List())
			}
		})
	}
}

func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// Logs that cannot be read keep no server from starting.
func TestDamagedLogsBeginAnew(t *testing.T) {
	made := t.TempDir()
	s := openAt(t, made, sqlite.Options{NoSync: true})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"a few bytes", "no database", "a schema of noise"} {
		t.Run(what, func(t *testing.T) {
			dir := copyOf(t, made)
			path := filepath.Join(dir, "logs.db")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, spoilers[what](b), 0o600); err != nil {
				t.Fatal(err)
			}
			apart := barrier.New(slog.New(slog.NewTextHandler(io.Discard, nil)))
			s := openAt(t, dir, sqlite.Options{NoSync: true, Apart: apart})
			if all := apart.List(); len(all) != 1 || all[0].Object != "logs.db" {
				t.Errorf("set apart: %+v", all)
			}
			if _, err := os.Stat(path + ".damaged-1"); err != nil {
				t.Error(err)
			}
			event := logs.Addition{Group: 1, Event: logs.Event{Stream: "s", Message: "m", Time: testTime, Ingested: testTime}}
			if err := s.AppendLogs(t.Context(), []logs.Addition{event}, true); err != nil {
				t.Fatal(err)
			}
		})
	}
}
