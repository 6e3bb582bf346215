package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
	"github.com/belfry-run/belfry/store/sqlite"
)

func inGroup(s belfry.Schedule, group string) belfry.Schedule {
	s.Group = group
	return s
}

func wantKind(t *testing.T, err error, want belfry.Kind) {
	t.Helper()
	if err == nil || belfry.KindOf(err) != want {
		t.Errorf("error %v, want one of kind %v", err, want)
	}
}

func (b *bench) group(name string, schedules int) {
	b.t.Helper()
	if _, err := b.engine.CreateGroup(b.t.Context(), belfry.Group{Scope: scope, Name: name}); err != nil {
		b.t.Fatal(err)
	}
	for i := range schedules {
		b.create(inGroup(schedule(fmt.Sprint("s", i), "rate(1 minute)"), name))
	}
}

// mark marks the group in the store alone, as a server that ended there does.
func (b *bench) mark(name string) {
	b.t.Helper()
	old, err := b.store.Group(b.t.Context(), scope, name)
	if err != nil {
		b.t.Fatal(err)
	}
	marked := old
	marked.Deleting = true
	if err := b.store.ChangeGroup(b.t.Context(), belfry.GroupChange{Old: &old, New: marked}); err != nil {
		b.t.Fatal(err)
	}
}

func TestADeletedGroupTakesItsSchedulesAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		b.group("g", 250) // more than one step removes
		b.create(schedule("other", "rate(1 minute)"))
		time.Sleep(90 * time.Second)
		b.take()
		if err := b.engine.DeleteGroup(t.Context(), scope, "g"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		for _, c := range b.take() {
			if c.name != "other" {
				t.Errorf("a run of %s, %v", c.name, c.time)
			}
		}
		_, err := b.engine.Group(t.Context(), scope, "g")
		wantKind(t, err, belfry.NotFound)
		wantKind(t, b.engine.DeleteGroup(t.Context(), scope, "g"), belfry.NotFound)
		left, err := b.engine.Schedules(t.Context(), belfry.ScheduleQuery{Scope: scope, Limit: 10})
		if err != nil || len(left) != 1 {
			t.Errorf("left %v, %v, want other alone", left, err)
		}
		// The name is free, and runs of a new group are not held back.
		b.group("g", 1)
		time.Sleep(90 * time.Second)
		if n := len(b.take()); n < 3 {
			t.Errorf("%d runs of both, want three at least", n)
		}
	})
}

func TestADeletionGoesOnAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		b.group("g", 3)
		b.engine.Stop(t.Context())
		b.take()
		b.mark("g")
		if err := b.store.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(90 * time.Second)
		b.start()
		defer b.stop()
		time.Sleep(2 * time.Minute)
		if calls := b.take(); len(calls) > 0 {
			t.Errorf("runs of a group that is being deleted: %v", calls)
		}
		_, err := b.engine.Group(t.Context(), scope, "g")
		wantKind(t, err, belfry.NotFound)
		_, err = b.engine.Schedule(t.Context(), belfry.ScheduleRef{Scope: scope, Group: "g", Name: "s0"})
		wantKind(t, err, belfry.NotFound)
	})
}

// stuck is a store in which no group can be emptied until it is let go.
type stuck struct {
	*sqlite.Store
	mu   sync.Mutex
	open bool
}

func (s *stuck) Schedules(ctx context.Context, q belfry.ScheduleQuery) ([]*belfry.Schedule, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.Group == "g" && !s.open {
		return nil, errors.New("the disk is busy")
	}
	return s.Store.Schedules(ctx, q)
}

func TestWhileAGroupIsBeingDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		b.engine.Stop(t.Context())
		s := &stuck{Store: b.store}
		b.config.Store, b.config.Metrics = s, engine.NewMetrics(prometheus.NewRegistry())
		b.engine = engine.New(b.config)
		if err := b.engine.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer b.stop()
		b.group("g", 2)
		time.Sleep(time.Second)
		b.take()
		for range 2 { // the second changes nothing
			if err := b.engine.DeleteGroup(t.Context(), scope, "g"); err != nil {
				t.Fatal(err)
			}
		}
		g, err := b.engine.Group(t.Context(), scope, "g")
		if err != nil || !g.Deleting {
			t.Fatalf("group %+v, %v, want one that is being deleted", g, err)
		}
		_, err = b.engine.CreateSchedule(t.Context(), inGroup(schedule("new", "rate(1 minute)"), "g"))
		wantKind(t, err, belfry.Conflict)
		_, err = b.engine.UpdateSchedule(t.Context(), inGroup(schedule("s0", "rate(2 minutes)"), "g"))
		wantKind(t, err, belfry.Conflict)
		_, err = b.engine.CreateGroup(t.Context(), belfry.Group{Scope: scope, Name: "g"})
		wantKind(t, err, belfry.Conflict)
		wantKind(t, b.engine.TagGroup(t.Context(), scope, "g", map[string]string{"k": "v"}, nil), belfry.Conflict)
		if err := b.engine.DeleteSchedule(t.Context(), belfry.ScheduleRef{Scope: scope, Group: "g", Name: "s1"}); err != nil {
			t.Error(err)
		}
		time.Sleep(3 * time.Minute)
		if calls := b.take(); len(calls) > 0 {
			t.Errorf("runs of a group that is being deleted: %v", calls)
		}
		s.mu.Lock()
		s.open = true
		s.mu.Unlock()
		time.Sleep(time.Second)
		_, err = b.engine.Group(t.Context(), scope, "g")
		wantKind(t, err, belfry.NotFound)
	})
}

func TestTaggingDoesNotUndoADeletion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		b.group("g", 1)
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				err := b.engine.TagGroup(t.Context(), scope, "g", map[string]string{fmt.Sprint(i): ""}, nil)
				if k := belfry.KindOf(err); err != nil && k != belfry.Conflict && k != belfry.NotFound {
					t.Error(err)
				}
				if i == 10 {
					if err := b.engine.DeleteGroup(t.Context(), scope, "g"); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		time.Sleep(time.Second)
		_, err := b.engine.Group(t.Context(), scope, "g")
		wantKind(t, err, belfry.NotFound)
	})
}

func TestTagsOfAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		b.group("g", 0)
		many := map[string]string{}
		for i := range 199 {
			many[fmt.Sprint(i)] = "v"
		}
		ctx := t.Context()
		for _, err := range []error{
			b.engine.TagGroup(ctx, scope, "g", many, nil),
			b.engine.TagGroup(ctx, scope, "g", map[string]string{"last": "1"}, nil),
			b.engine.TagGroup(ctx, scope, "g", map[string]string{"last": "2"}, nil), // replaces
			b.engine.TagGroup(ctx, scope, "g", nil, []string{"not there"}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		wantKind(t, b.engine.TagGroup(ctx, scope, "g", map[string]string{"beyond": ""}, nil), belfry.Invalid)
		wantKind(t, b.engine.TagGroup(ctx, scope, belfry.DefaultGroup, map[string]string{"k": ""}, nil), belfry.Invalid)
		wantKind(t, b.engine.TagGroup(ctx, scope, "none", nil, []string{"k"}), belfry.NotFound)
		g, err := b.engine.Group(ctx, scope, "g")
		if err != nil || len(g.Tags) != 200 || g.Tags["last"] != "2" {
			t.Errorf("%d tags, last %q, %v, want 200 and 2", len(g.Tags), g.Tags["last"], err)
		}
	})
}
