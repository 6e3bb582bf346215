package sqlite_test

import (
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/store/sqlite"
)

var (
	testScope = belfry.Scope{Account: "000000000000", Region: "eu-west-1"}
	testTime  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// numbered returns the schedule of that number, and its entry: every third has none.
func numbered(n int) (*belfry.Schedule, *belfry.Due) {
	r := belfry.ScheduleRef{Scope: testScope, Group: belfry.DefaultGroup, Name: fmt.Sprintf("s%06d", n)}
	s := &belfry.Schedule{
		ID: belfry.MakeID(int64(n)+1, belfry.ShardOf(r)), Revision: 1, Scope: r.Scope, Group: r.Group, Name: r.Name,
		Expression: "rate(1 minute)", Timezone: "UTC", Anchor: testTime, Created: testTime, Modified: testTime, Since: testTime,
		Target: belfry.Target{ARN: "arn:t", RoleARN: "arn:r", Retry: belfry.DefaultRetry()},
	}
	if n%3 == 2 {
		s.State = belfry.Disabled
		return s, nil
	}
	at := testTime.Add(time.Duration(n) * time.Second)
	return s, &belfry.Due{At: at, Occurrence: belfry.Occurrence{Schedule: s.ID, Time: at}, Revision: 1, Attempt: 1}
}

func numberedUpTo(n int) iter.Seq2[*belfry.Schedule, *belfry.Due] {
	return func(yield func(*belfry.Schedule, *belfry.Due) bool) {
		for i := range n {
			if !yield(numbered(i)) {
				return
			}
		}
	}
}

// contents is everything a store of numbered schedules shows of them.
type contents struct {
	Schedules []*belfry.Schedule
	Due       []belfry.DueItem
}

func contentsOf(t *testing.T, s *sqlite.Store) contents {
	t.Helper()
	var c contents
	var err error
	if c.Schedules, err = s.Schedules(t.Context(), belfry.ScheduleQuery{Scope: testScope, Limit: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	if c.Due, _, err = s.Due(t.Context(), nil, testTime.AddDate(1, 0, 0), 1<<20, 1<<30); err != nil {
		t.Fatal(err)
	}
	return c
}

func create(t *testing.T, s *sqlite.Store, n int) {
	t.Helper()
	sch, due := numbered(n)
	if err := s.CreateSchedule(t.Context(), belfry.ScheduleCreation{Schedule: sch, Next: due, Limit: 1_000_000}); err != nil {
		t.Fatal(err)
	}
}

func TestLoadedStoreIsLikeACreatedOne(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	if err := sqlite.Load(dir, numberedUpTo(50)); err != nil {
		t.Fatal(err)
	}
	loaded, created := openAt(t, dir, sqlite.Options{}), openStore(t)
	for n := range 50 {
		create(t, created, n)
	}
	same := func() {
		t.Helper()
		if d := cmp.Diff(contentsOf(t, created), contentsOf(t, loaded)); d != "" {
			t.Fatalf("the stores differ (-created +loaded):\n%s", d)
		}
	}
	same()
	for _, s := range []*sqlite.Store{created, loaded} {
		first, due := numbered(0)
		if err := s.CreateSchedule(t.Context(), belfry.ScheduleCreation{Schedule: first, Next: due, Limit: 1_000_000}); belfry.KindOf(err) != belfry.Conflict {
			t.Fatalf("create of a loaded name: %v, want a conflict", err)
		}
		create(t, s, 50)
		changed, pending := numbered(1)
		next := *changed
		next.Revision, next.Description = 2, "changed"
		if err := s.ChangeSchedule(t.Context(), belfry.ScheduleChange{Old: changed, New: &next, Pending: pending}); err != nil {
			t.Fatal(err)
		}
		removed, pending := numbered(3)
		if err := s.ChangeSchedule(t.Context(), belfry.ScheduleChange{Old: removed, Pending: pending}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		claim, started, err := s.Start(t.Context(), []belfry.Start{{Due: *due, Run: &due.Occurrence, At: due.At}})
		if err != nil || started[0] != belfry.IsRunning {
			t.Fatalf("start: %v, %v", started, err)
		}
		end := belfry.Finish{Occurrence: due.Occurrence, Claim: claim, Outcome: belfry.Succeeded, Started: due.At, Ended: due.At}
		if err := s.Finish(t.Context(), []belfry.Finish{end}); err != nil {
			t.Fatal(err)
		}
	}
	same()
}

// Load writes 20,000 schedules a transaction.
func TestLoadOfEverySize(t *testing.T) {
	for _, n := range []int{0, 1, 19_999, 20_000, 20_001} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			dir := t.TempDir()
			if err := sqlite.Load(dir, numberedUpTo(n)); err != nil {
				t.Fatal(err)
			}
			got := contentsOf(t, openAt(t, dir, sqlite.Options{NoSync: true}))
			want := contents{}
			for s, d := range numberedUpTo(n) {
				want.Schedules = append(want.Schedules, s)
				if d != nil {
					want.Due = append(want.Due, belfry.DueItem{Due: *d, Spec: s})
				}
			}
			if len(got.Schedules) != n || len(got.Due) != len(want.Due) {
				t.Fatalf("%d schedules and %d entries, want %d and %d", len(got.Schedules), len(got.Due), n, len(want.Due))
			}
			for _, i := range []int{0, n / 2, n - 1} {
				if n > 0 && !cmp.Equal(got.Schedules[i], want.Schedules[i]) {
					t.Errorf("schedule %d: %s", i, cmp.Diff(want.Schedules[i], got.Schedules[i]))
				}
			}
		})
	}
}

func TestLoadSaysWhichScheduleItCannotStore(t *testing.T) {
	again := func(yield func(*belfry.Schedule, *belfry.Due) bool) {
		s, d := numbered(0)
		other := *s
		other.ID += belfry.Shards
		_ = yield(s, d) && yield(&other, nil)
	}
	err := sqlite.Load(t.TempDir(), again)
	if err == nil || !strings.HasPrefix(err.Error(), "load arn:aws:scheduler:eu-west-1:") {
		t.Fatalf("load of one name twice: %v, want an error with its ARN", err)
	}
}
