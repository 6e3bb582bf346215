package storetest

import (
	"strings"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
)

var groupCases = []engineCase{
	{"a store knows when it was made", (*engineTest).created},
	{"a group comes back as it was stored", (*engineTest).groupRoundTrip},
	{"of many creates of a group at once exactly one wins", (*engineTest).groupRace},
	{"groups are listed by name, in pages", (*engineTest).groupList},
	{"groups being deleted are listed for all accounts", (*engineTest).groupDeleting},
}

func (e *engineTest) created() {
	first, err := e.Created(e.ctx)
	e.ok(err)
	if age := time.Since(first); age < -time.Minute || age > time.Hour {
		e.Fatalf("made at %v, want about now", first)
	}
	second, err := e.open().Created(e.ctx)
	e.ok(err)
	e.same(second, first)
}

func engineGroup(name string) belfry.Group {
	return belfry.Group{
		Scope: engineScope, Name: name, Tags: map[string]string{"team": "a \" ☂"},
		Created: at(0).Add(time.Millisecond), Modified: at(1),
	}
}

// newGroup creates a group, of which there may be plenty.
func newGroup(g belfry.Group) belfry.GroupChange {
	return belfry.GroupChange{New: g, Limit: plenty}
}

func (e *engineTest) groupRoundTrip() {
	g, bare := engineGroup("g"), belfry.Group{Scope: engineScope, Name: "bare"}
	e.ok(e.ChangeGroup(e.ctx, newGroup(g)))
	e.ok(e.ChangeGroup(e.ctx, newGroup(bare)))
	for _, want := range []belfry.Group{g, bare} {
		got, err := e.Group(e.ctx, want.Scope, want.Name)
		e.ok(err)
		e.same(got, want)
	}
	taken := g
	taken.Tags = nil
	e.kind(e.ChangeGroup(e.ctx, newGroup(taken)), belfry.Conflict)

	changed := g
	changed.Tags, changed.Deleting, changed.Modified = map[string]string{"b": "c"}, true, at(9)
	e.ok(e.ChangeGroup(e.ctx, belfry.GroupChange{Old: &g, New: changed}))
	got, err := e.Group(e.ctx, g.Scope, g.Name)
	e.ok(err)
	e.same(got, changed)

	for _, missing := range []belfry.Group{
		engineGroup("G"),
		{Scope: belfry.Scope{Account: "000000000001", Region: g.Region}, Name: "g"},
		{Scope: belfry.Scope{Account: g.Account, Region: "eu-west-2"}, Name: "g"},
	} {
		_, err := e.Group(e.ctx, missing.Scope, missing.Name)
		e.kind(err, belfry.NotFound)
		e.kind(e.ChangeGroup(e.ctx, belfry.GroupChange{Old: &missing, New: missing}), belfry.NotFound)
		e.ok(e.RemoveGroup(e.ctx, missing.Scope, missing.Name))
	}
	for range 2 {
		e.ok(e.RemoveGroup(e.ctx, g.Scope, g.Name))
		_, err = e.Group(e.ctx, g.Scope, g.Name)
		e.kind(err, belfry.NotFound)
	}
	e.ok(e.ChangeGroup(e.ctx, newGroup(g)))
}

func (e *engineTest) groupRace() {
	errs := e.race(8, func(s engine.Store, i int) error {
		g := engineGroup("g")
		g.Tags = map[string]string{"by": strings.Repeat("x", i)}
		return s.ChangeGroup(e.ctx, newGroup(g))
	})
	won := e.winner(errs, func(err error) bool { return belfry.KindOf(err) == belfry.Conflict })
	got, err := e.Group(e.ctx, engineScope, "g")
	e.ok(err)
	e.same(got.Tags, map[string]string{"by": strings.Repeat("x", won)})
}

func (e *engineTest) groupList() {
	all := []string{"-", ".", "0", "A", "_", "a", "aa", "b"}
	for i := range all {
		e.ok(e.ChangeGroup(e.ctx, newGroup(engineGroup(all[(i*3)%len(all)]))))
	}
	other := engineGroup("aaa")
	other.Region = "eu-west-2"
	e.ok(e.ChangeGroup(e.ctx, newGroup(other)))
	list := func(prefix, after string, limit int) []string {
		found, err := e.Groups(e.ctx, engineScope, prefix, after, limit)
		e.ok(err)
		var names []string
		for _, g := range found {
			e.same(g, engineGroup(g.Name))
			names = append(names, g.Name)
		}
		return names
	}
	e.same(list("", "", 100), all)
	e.same(list("", "", len(all)-1), all[:len(all)-1])
	e.same(list("a", "", 100), []string{"a", "aa"})
	e.same(list("a", "a", 100), []string{"aa"})
	e.same(list("a", "aa", 100), []string(nil))
	e.same(list("", "a", 1), []string{"aa"})
	e.same(list("", "ab", 1), []string{"b"})
}

func (e *engineTest) groupDeleting() {
	kept, gone, other := engineGroup("kept"), engineGroup("gone"), engineGroup("other")
	gone.Deleting, other.Deleting = true, true
	other.Account = "000000000001"
	for _, g := range []belfry.Group{kept, gone, other} {
		e.ok(e.ChangeGroup(e.ctx, newGroup(g)))
	}
	found, err := e.DeletingGroups(e.ctx)
	e.ok(err)
	byName := map[string]belfry.Group{}
	for _, g := range found {
		byName[g.Name] = g
	}
	e.same(byName, map[string]belfry.Group{"gone": gone, "other": other})
}
