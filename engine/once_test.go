package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry-run/belfry"
)

func once(operation, token, request string) belfry.Token {
	return belfry.NewToken(scope, operation, token, []byte(request))
}

// TestTheSecondOfTwoEqualRequests shows that it succeeds and changes nothing,
// even if by now it would be refused.
func TestTheSecondOfTwoEqualRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		ctx := t.Context()
		s := schedule("s", "rate(1 hour)")
		s.Start = time.Now().Add(-time.Minute)
		create, update, remove := once("Create", "t", "s"), once("Update", "t", "s"), once("Delete", "t", "s")
		first, err := b.engine.CreateSchedule(ctx, s, create)
		if err != nil {
			t.Fatal(err)
		}
		edited := s
		edited.Description = "edited"
		if _, err := b.engine.UpdateSchedule(ctx, edited, update); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute) // a new schedule may not have started so long ago

		again, err := b.engine.CreateSchedule(ctx, s, create)
		if err != nil || again.ARN() != first.ARN() {
			t.Errorf("create again: %v, %v, want %s", again, err, first.ARN())
		}
		if _, err := b.engine.UpdateSchedule(ctx, edited, update); err != nil {
			t.Errorf("update again: %v", err)
		}
		if now, err := b.engine.Schedule(ctx, s.Ref()); err != nil || now.Revision != 2 {
			t.Errorf("schedule %+v, %v, want revision 2", now, err)
		}
		b.stop()
		b.start()
		defer b.stop()
		if err := b.engine.DeleteSchedule(ctx, s.Ref(), remove); err != nil {
			t.Fatal(err)
		}
		if err := b.engine.DeleteSchedule(ctx, s.Ref(), remove); err != nil {
			t.Errorf("delete again: %v", err)
		}
		if _, err := b.engine.UpdateSchedule(ctx, edited, update); err != nil {
			t.Errorf("update again, after the delete: %v", err)
		}
		if _, err := b.engine.CreateSchedule(ctx, s, create); err != nil {
			t.Errorf("create again, after the delete: %v", err)
		}
		_, err = b.engine.Schedule(ctx, s.Ref())
		wantKind(t, err, belfry.NotFound)

		// What was not carried out is not replayed, and tokens have an end.
		wantKind(t, b.engine.DeleteSchedule(ctx, s.Ref(), once("Delete", "u", "s")), belfry.NotFound)
		_, err = b.engine.CreateSchedule(ctx, schedule("other", "rate(1 hour)"), once("Create", "t", "other"))
		wantKind(t, err, belfry.Conflict)
		time.Sleep(belfry.TokenLife)
		if _, err := b.engine.CreateSchedule(ctx, schedule("other", "rate(1 hour)"), once("Create", "t", "other")); err != nil {
			t.Errorf("a token of yesterday: %v", err)
		}
	})
}

func TestGroupsWithTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		ctx, g := t.Context(), belfry.Group{Scope: scope, Name: "g"}
		for range 2 {
			if _, err := b.engine.CreateGroup(ctx, g, once("CreateGroup", "t", "g")); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := b.engine.DeleteGroup(ctx, scope, "g", once("DeleteGroup", "t", "g")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // it is gone
		}
		if _, err := b.engine.CreateGroup(ctx, g, once("CreateGroup", "t", "g")); err != nil {
			t.Fatal(err)
		}
		_, err := b.engine.Group(ctx, scope, "g")
		wantKind(t, err, belfry.NotFound)
	})
}

func TestQuotas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.config.MaxSchedules, b.config.MaxGroups = 2, 1
		b.start()
		defer b.stop()
		ctx := t.Context()
		b.group("g", 1)
		b.create(schedule("a", "rate(1 hour)"))
		_, err := b.engine.CreateSchedule(ctx, schedule("b", "rate(1 hour)"))
		wantKind(t, err, belfry.Quota)
		_, err = b.engine.CreateGroup(ctx, belfry.Group{Scope: scope, Name: "h"})
		wantKind(t, err, belfry.Quota)
		elsewhere := schedule("b", "rate(1 hour)")
		elsewhere.Account = "111111111111"
		b.create(elsewhere)
		if err := b.engine.DeleteGroup(ctx, scope, "g"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		b.create(schedule("b", "rate(1 hour)"))
		if _, err = b.engine.CreateGroup(ctx, belfry.Group{Scope: scope, Name: "h"}); err != nil {
			t.Error(err)
		}
	})
}
