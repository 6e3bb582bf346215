package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
)

// A ChangeStore is what Changes needs: an engine's store that can be closed and
// opened again.
type ChangeStore interface {
	engine.Store
	// Secret returns 32 bytes that are made with the store and never change.
	Secret(ctx context.Context) ([]byte, error)
	Close() error
}

// Changes holds a store to what [engine.Store] promises of creations and of the
// changes that carry a client's token. open opens the store of that name, which
// is new the first time; the suite closes it.
func Changes(t *testing.T, open func(t *testing.T, name string) ChangeStore) {
	for i, c := range []struct {
		name string
		run  func(*changes)
	}{
		{"of many creates of one name exactly one wins, and counts once", (*changes).createRace},
		{"one schedule more than the limit is refused, and writes nothing", (*changes).scheduleLimit},
		{"deletes by all ways make room again", (*changes).room},
		{"under many creates and deletes at once the limit holds exactly", (*changes).limitRace},
		{"one group more than the limit is refused, and a removed one makes room", (*changes).groupLimit},
		{"a group changes only from the state that was read", (*changes).groupStale},
		{"nothing is created in a group that is being deleted", (*changes).deletingGroup},
		{"a known token replays the same request and refuses another", (*changes).tokens},
		{"tokens hold for updates, deletes and groups", (*changes).tokensOfChanges},
		{"of many requests with one token exactly one is carried out", (*changes).tokenRace},
		{"a refused change leaves its token unused", (*changes).tokenOfRefused},
		{"tokens survive, however many have come since", (*changes).manyTokens},
		{"a token is forgotten after its life, and swept", (*changes).tokenLife},
		{"the secret stays the same", (*changes).secret},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := fmt.Sprint("changes-", i)
			s := &changes{T: t, ctx: t.Context(), open: func() ChangeStore { return open(t, name) }}
			s.ChangeStore = s.open()
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			c.run(s)
		})
	}
}

type changes struct {
	*testing.T
	ChangeStore
	ctx  context.Context
	open func() ChangeStore
	ids  int64
	mu   sync.Mutex // guards ids
}

var changeT0 = time.Date(2026, 3, 1, 23, 59, 0, 0, time.UTC)

const plenty = 1 << 40 // a limit that is not reached

// reopen closes the store and opens it again.
func (t *changes) reopen() {
	t.Helper()
	if err := t.Close(); err != nil {
		t.Fatal(err)
	}
	t.ChangeStore = t.open()
}

func (t *changes) schedule(name string) *belfry.Schedule {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ids++
	return &belfry.Schedule{
		ID: belfry.MakeID(t.ids, 1), Revision: 1, Scope: belfry.Scope{Account: "000000000000", Region: "eu-west-1"},
		Group: belfry.DefaultGroup, Name: name, Expression: "rate(1 hour)", Timezone: "UTC",
		Target: belfry.Target{ARN: "arn:aws:sqs:eu-west-1:000000000000:q", RoleARN: "arn:aws:iam::000000000000:role/r", Retry: belfry.DefaultRetry()},
		Anchor: changeT0, Created: changeT0, Modified: changeT0, Since: changeT0,
	}
}

// token is the one that a client has sent with a request.
func token(operation, text, request string, at time.Time) *belfry.Token {
	t := belfry.NewToken(belfry.Scope{Account: "000000000000", Region: "eu-west-1"}, operation, text, []byte(request))
	t.At = at
	return &t
}

func (t *changes) create(name string, limit int64, once *belfry.Token) error {
	s := t.schedule(name)
	next := &belfry.Due{At: changeT0.Add(time.Hour), Occurrence: belfry.Occurrence{Schedule: s.ID, Time: changeT0.Add(time.Hour)}, Revision: 1, Attempt: 1}
	return t.CreateSchedule(t.ctx, belfry.ScheduleCreation{Schedule: s, Next: next, Token: once, Limit: limit})
}

func (t *changes) remove(name string, once *belfry.Token) error {
	s, err := t.Schedule(t.ctx, t.schedule(name).Ref())
	if err != nil {
		return err
	}
	return t.ChangeSchedule(t.ctx, belfry.ScheduleChange{Old: s, Token: once})
}

func (t *changes) names() (names []string) {
	t.Helper()
	found, err := t.Schedules(t.ctx, belfry.ScheduleQuery{Scope: t.schedule("").Scope, Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range found {
		names = append(names, s.Name)
	}
	return names
}

func (t *changes) ok(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (t *changes) kind(err error, want belfry.Kind) {
	t.Helper()
	if err == nil || belfry.KindOf(err) != want {
		t.Fatalf("error %v, want one of kind %v", err, want)
	}
}

func (t *changes) is(err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

// at makes n calls at once and returns how many had no error; others must be of
// the kind.
func (t *changes) atOnce(n int, refusal belfry.Kind, call func(i int) error) (won int) {
	t.Helper()
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = call(i) })
	}
	all.Wait()
	for _, err := range errs {
		if err == nil {
			won++
		} else if belfry.KindOf(err) != refusal {
			t.Errorf("error %v, want one of kind %v", err, refusal)
		}
	}
	return won
}

func (t *changes) createRace() {
	if won := t.atOnce(50, belfry.Conflict, func(int) error { return t.create("a", 2, nil) }); won != 1 {
		t.Errorf("%d creates won, want 1", won)
	}
	t.ok(t.create("b", 2, nil))
}

func (t *changes) scheduleLimit() {
	t.ok(t.create("a", 2, nil))
	t.ok(t.create("b", 2, nil))
	t.kind(t.create("c", 2, token("Create", "t", "c", changeT0)), belfry.Quota)
	t.kind(t.create("b", 2, nil), belfry.Conflict) // said rather than the limit
	if got := t.names(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("schedules %v, want a and b", got)
	}
	other := t.schedule("c")
	other.Region = "eu-west-2"
	t.ok(t.CreateSchedule(t.ctx, belfry.ScheduleCreation{Schedule: other, Limit: 1}))
	t.reopen()
	t.kind(t.create("c", 2, nil), belfry.Quota)
	t.ok(t.create("c", 3, token("Create", "t", "c", changeT0)))
}

func (t *changes) room() {
	t.ok(t.create("a", 1, nil))
	t.ok(t.remove("a", nil))
	t.ok(t.create("b", 1, nil))
	t.kind(t.create("c", 1, nil), belfry.Quota)

	// The run after which the schedule is done.
	_, err := t.Acquire(t.ctx)
	t.ok(err)
	due, _, err := t.Due(t.ctx, nil, changeT0.Add(2*time.Hour), 10, 1<<30)
	t.ok(err)
	due = slices.DeleteFunc(due, func(it belfry.DueItem) bool { return it.Spec == nil }) // a's was not named by its delete
	if len(due) != 1 {
		t.Fatalf("%d entries due, want b's", len(due))
	}
	claim, _, err := t.Start(t.ctx, []belfry.Start{{Due: due[0].Due, Run: &due[0].Occurrence, At: changeT0}})
	t.ok(err)
	f := belfry.Finish{Occurrence: due[0].Occurrence, Claim: claim, Outcome: belfry.Succeeded, Started: changeT0, Ended: changeT0, Delete: 1}
	t.ok(t.Finish(t.ctx, []belfry.Finish{f}))
	t.ok(t.Finish(t.ctx, []belfry.Finish{f})) // the second changes nothing
	t.ok(t.create("c", 1, nil))
	t.kind(t.create("d", 1, nil), belfry.Quota)
}

func (t *changes) limitRace() {
	const limit = 10
	for range 5 {
		won := t.atOnce(40, belfry.Quota, func(i int) error { return t.create(fmt.Sprint("s", i), limit, nil) })
		if n := len(t.names()); won != limit || n != limit {
			t.Fatalf("%d creates succeeded and %d schedules are there, want %d", won, n, limit)
		}
		names := t.names()
		// Two for each name: only one of them may count.
		if won := t.atOnce(2*len(names), belfry.Conflict, func(i int) error {
			err := t.remove(names[i/2], nil)
			if belfry.KindOf(err) == belfry.NotFound {
				return belfry.ErrStale
			}
			return err
		}); won != limit {
			t.Fatalf("%d deletes won, want %d", won, limit)
		}
	}
}

func (t *changes) group(name string) belfry.Group {
	return belfry.Group{Scope: t.schedule("").Scope, Name: name, Tags: map[string]string{"k": "v"}, Created: changeT0, Modified: changeT0}
}

func (t *changes) createGroup(name string, limit int64, once *belfry.Token) error {
	return t.ChangeGroup(t.ctx, belfry.GroupChange{New: t.group(name), Token: once, Limit: limit})
}

func (t *changes) groupLimit() {
	t.ok(t.createGroup("a", 2, nil))
	if won := t.atOnce(20, belfry.Conflict, func(int) error { return t.createGroup("b", 3, nil) }); won != 1 {
		t.Errorf("%d creates won, want 1", won)
	}
	t.kind(t.createGroup("c", 2, nil), belfry.Quota)
	t.ok(t.RemoveGroup(t.ctx, t.group("a").Scope, "a"))
	t.ok(t.RemoveGroup(t.ctx, t.group("a").Scope, "a"))
	t.reopen()
	t.ok(t.createGroup("c", 2, nil))
	t.kind(t.createGroup("d", 2, nil), belfry.Quota)
}

func (t *changes) groupStale() {
	t.kind(t.ChangeGroup(t.ctx, belfry.GroupChange{Old: new(t.group("a")), New: t.group("a")}), belfry.NotFound)
	t.ok(t.createGroup("a", plenty, nil))
	old, err := t.Group(t.ctx, t.group("a").Scope, "a")
	t.ok(err)
	marked := old
	marked.Deleting = true
	t.ok(t.ChangeGroup(t.ctx, belfry.GroupChange{Old: &old, New: marked}))
	tagged := old
	tagged.Tags = map[string]string{"x": "y"}
	t.is(t.ChangeGroup(t.ctx, belfry.GroupChange{Old: &old, New: tagged}), belfry.ErrStale)
	tagged.Deleting = true
	t.ok(t.ChangeGroup(t.ctx, belfry.GroupChange{Old: &marked, New: tagged}))
	t.is(t.ChangeGroup(t.ctx, belfry.GroupChange{Old: &marked, New: marked}), belfry.ErrStale)
	if got, err := t.Group(t.ctx, old.Scope, "a"); err != nil || !got.Deleting || got.Tags["x"] != "y" {
		t.Errorf("group %+v, %v, want it deleting and tagged", got, err)
	}
}

func (t *changes) deletingGroup() {
	s := t.schedule("a")
	s.Group = "g"
	t.kind(t.CreateSchedule(t.ctx, belfry.ScheduleCreation{Schedule: s, Limit: plenty}), belfry.NotFound)
	t.ok(t.createGroup("g", plenty, nil))
	t.ok(t.CreateSchedule(t.ctx, belfry.ScheduleCreation{Schedule: s, Limit: plenty}))
	old, err := t.Group(t.ctx, s.Scope, "g")
	t.ok(err)
	marked := old
	marked.Deleting = true
	t.ok(t.ChangeGroup(t.ctx, belfry.GroupChange{Old: &old, New: marked}))
	t.reopen()
	s = t.schedule("b")
	s.Group = "g"
	t.kind(t.CreateSchedule(t.ctx, belfry.ScheduleCreation{Schedule: s, Limit: plenty}), belfry.Conflict)
	t.kind(t.createGroup("g", plenty, nil), belfry.Conflict)
	left, err := t.DeletingGroups(t.ctx)
	t.ok(err)
	if len(left) != 1 || left[0].Name != "g" {
		t.Errorf("groups being deleted: %v, want g", left)
	}
}

func (t *changes) tokens() {
	t.ok(t.create("a", plenty, token("Create", "t", "a", changeT0)))
	for range 2 {
		later := changeT0.Add(belfry.TokenLife - time.Millisecond)
		t.is(t.create("a", plenty, token("Create", "t", "a", later)), belfry.ErrReplayed)
		t.is(t.create("b", plenty, token("Create", "t", "b", later)), belfry.ErrTokenReused)
		t.is(t.CheckToken(t.ctx, *token("Create", "t", "a", later)), belfry.ErrReplayed)
		t.is(t.CheckToken(t.ctx, *token("Create", "t", "b", later)), belfry.ErrTokenReused)
		t.ok(t.CheckToken(t.ctx, *token("Update", "t", "b", later)))
		t.ok(t.CheckToken(t.ctx, *token("Create", "T", "b", later)))
		elsewhere := belfry.NewToken(belfry.Scope{Account: "000000000000", Region: "eu-west-2"}, "Create", "t", nil)
		elsewhere.At = later
		t.ok(t.CheckToken(t.ctx, elsewhere))
		if got := t.names(); !slices.Equal(got, []string{"a"}) {
			t.Errorf("schedules %v, want a", got)
		}
		t.reopen()
	}
}

func (t *changes) tokensOfChanges() {
	t.ok(t.create("a", plenty, nil))
	old, err := t.Schedule(t.ctx, t.schedule("a").Ref())
	t.ok(err)
	edited := *old
	edited.Revision, edited.Description = 2, "new"
	update := token("Update", "t", "a", changeT0)
	t.ok(t.ChangeSchedule(t.ctx, belfry.ScheduleChange{Old: old, New: &edited, Token: update}))
	t.is(t.ChangeSchedule(t.ctx, belfry.ScheduleChange{Old: old, New: &edited, Token: update}), belfry.ErrReplayed)
	t.is(t.ChangeSchedule(t.ctx, belfry.ScheduleChange{Old: old, New: &edited, Token: token("Update", "t", "b", changeT0)}), belfry.ErrTokenReused)
	t.ok(t.remove("a", token("Delete", "t", "a", changeT0)))
	t.ok(t.create("a", plenty, nil))
	t.is(t.remove("a", token("Delete", "t", "a", changeT0)), belfry.ErrReplayed)

	t.ok(t.createGroup("g", plenty, token("CreateGroup", "t", "g", changeT0)))
	t.is(t.createGroup("g", plenty, token("CreateGroup", "t", "g", changeT0)), belfry.ErrReplayed)
	g, err := t.Group(t.ctx, t.group("g").Scope, "g")
	t.ok(err)
	marked := g
	marked.Deleting = true
	t.ok(t.ChangeGroup(t.ctx, belfry.GroupChange{Old: &g, New: marked, Token: token("DeleteGroup", "t", "g", changeT0)}))
	t.is(t.ChangeGroup(t.ctx, belfry.GroupChange{Old: &marked, New: marked, Token: token("DeleteGroup", "t", "g", changeT0)}), belfry.ErrReplayed)
}

func (t *changes) tokenRace() {
	if won := t.atOnce(50, belfry.Conflict, func(int) error { return t.create("a", plenty, token("Create", "t", "a", changeT0)) }); won != 1 {
		t.Errorf("%d requests were carried out, want 1", won)
	}
	if won := t.atOnce(50, belfry.Conflict, func(i int) error {
		return t.create(fmt.Sprint("b", i), plenty, token("Create", "u", fmt.Sprint(i), changeT0))
	}); won != 1 {
		t.Errorf("%d requests with one token were carried out, want 1", won)
	}
	if n := len(t.names()); n != 2 {
		t.Errorf("%d schedules, want 2", n)
	}
}

func (t *changes) tokenOfRefused() {
	t.ok(t.create("a", plenty, nil))
	t.kind(t.create("a", plenty, token("Create", "t", "a", changeT0)), belfry.Conflict)
	t.ok(t.create("b", plenty, token("Create", "t", "b", changeT0)))
}

func (t *changes) manyTokens() {
	const callers, each = 64, 1100 // beyond what a store may hold back in memory
	first := *token("Create", "first", "first", changeT0)
	t.ok(t.create("first", plenty, &first))
	won := t.atOnce(callers, belfry.Conflict, func(i int) error {
		for j := range each {
			name := fmt.Sprintf("s-%d-%d", i, j)
			if err := t.create(name, plenty, token("Create", name, name, changeT0)); err != nil {
				return err
			}
		}
		return nil
	})
	if won != callers {
		t.Fatalf("%d of %d callers had no error", won, callers)
	}
	for range 2 {
		t.is(t.CheckToken(t.ctx, first), belfry.ErrReplayed)
		for i := range callers {
			for j := 0; j < each; j += 50 {
				name := fmt.Sprintf("s-%d-%d", i, j)
				t.is(t.CheckToken(t.ctx, *token("Create", name, name, changeT0.Add(time.Hour))), belfry.ErrReplayed)
				t.is(t.CheckToken(t.ctx, *token("Create", name, "other", changeT0.Add(time.Hour))), belfry.ErrTokenReused)
			}
		}
		t.reopen()
	}
	if n, err := t.ForgetTokens(t.ctx, changeT0.Add(-time.Hour)); err != nil || n != 0 {
		t.Errorf("a sweep dropped %d tokens that are wanted, %v", n, err)
	}
	t.is(t.CheckToken(t.ctx, first), belfry.ErrReplayed)
	if _, err := t.ForgetTokens(t.ctx, changeT0.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	t.reopen()
	t.ok(t.CheckToken(t.ctx, first)) // although it would not be too old
}

func (t *changes) tokenLife() {
	t.ok(t.create("a", plenty, token("Create", "t", "a", changeT0)))
	after := changeT0.Add(belfry.TokenLife)
	t.is(t.CheckToken(t.ctx, *token("Create", "t", "b", after.Add(-time.Millisecond))), belfry.ErrTokenReused)
	t.ok(t.CheckToken(t.ctx, *token("Create", "t", "b", after)))
	t.ok(t.create("b", plenty, token("Create", "t", "b", after)))
	t.is(t.CheckToken(t.ctx, *token("Create", "t", "b", after)), belfry.ErrReplayed)
	if _, err := t.ForgetTokens(t.ctx, after); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		t.is(t.CheckToken(t.ctx, *token("Create", "t", "b", after)), belfry.ErrReplayed)
		t.reopen()
	}
}

func (t *changes) secret() {
	first, err := t.Secret(t.ctx)
	t.ok(err)
	if len(first) != 32 {
		t.Fatalf("a secret of %d bytes, want 32", len(first))
	}
	t.reopen()
	if again, err := t.Secret(t.ctx); err != nil || !slices.Equal(first, again) {
		t.Errorf("secret %x, %v after a restart, want %x", again, err, first)
	}
}
