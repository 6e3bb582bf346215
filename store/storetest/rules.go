package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
)

// EngineStore is what the engine needs kept. Stores, which do not know the
// engine, take the type from here.
type EngineStore = engine.Store

// Rules holds a store to what [engine.RuleStore] promises. open returns an
// empty store, and closes it when the test ends.
func Rules(t *testing.T, open func(t *testing.T) EngineStore) {
	for _, c := range []struct {
		name string
		run  func(*rules)
	}{
		{"a rule comes back as it was put, under its own account, region and name only", (*rules).roundTrip},
		{"a new rule must be new, a changed one have the revision that is there", (*rules).revisions},
		{"of many creates at once exactly one wins", (*rules).createRace},
		{"a new rule beyond the limit of its scope is refused", (*rules).limit},
		{"pages follow the names, with a prefix or without", (*rules).list},
		{"targets come with the rule and its revision, in one step", (*rules).targets},
		{"a change whose second target is stale writes nothing", (*rules).allOrNothing},
		{"a removed rule is gone, and its targets' lives are kept", (*rules).remove},
		{"rules are found by a target's ARN", (*rules).byTarget},
		{"targets are in no list of schedules but their group's", (*rules).hidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.run(&rules{T: t, Store: open(t), ctx: t.Context()})
		})
	}
}

type rules struct {
	*testing.T
	engine.Store
	ctx context.Context
	n   int64 // ids given out
}

var (
	ruleT0    = time.Date(2026, 3, 1, 12, 0, 0, 123e6, time.UTC)
	ruleScope = belfry.Scope{Account: "000000000000", Region: "eu-west-1"}
)

const queueARN = "arn:aws:sqs:eu-west-1:000000000000:q"

func newRule(name string) *belfry.Rule {
	return &belfry.Rule{
		Scope: ruleScope, Name: name, Revision: 1, Description: "täglich ☂", Expression: "rate(5 minutes)",
		State: belfry.Disabled, RoleARN: "arn:aws:iam::000000000000:role/r", Tags: map[string]string{"team": "a b"},
		Anchor: ruleT0.Truncate(time.Minute), Created: ruleT0, Modified: ruleT0.Add(time.Hour),
	}
}

// changed is the next revision of a rule.
func changed(r *belfry.Rule) *belfry.Rule {
	next := *r
	next.Revision++
	return &next
}

func (t *rules) change(ch belfry.RuleChange) {
	t.Helper()
	if ch.Limit == 0 {
		ch.Limit = 1000
	}
	if err := t.ChangeRule(t.ctx, ch); err != nil {
		t.Fatal(err)
	}
}

// target is a change that adds a target, due a minute after ruleT0.
func (t *rules) target(r *belfry.Rule, id, arn string) belfry.ScheduleChange {
	ref := r.Ref().Target(id)
	t.n++
	s := &belfry.Schedule{
		ID: belfry.MakeID(t.n, belfry.ShardOf(ref)), Revision: 1, Scope: ref.Scope, Group: ref.Group, Name: id,
		Expression: r.Expression, Timezone: "UTC", Anchor: r.Anchor, Created: ruleT0, Modified: ruleT0, Since: ruleT0,
		Target: belfry.Target{ARN: arn, Input: "{}", Retry: belfry.DefaultRetry(), Parameters: []byte(`{"InputPath":"$.detail"}`)},
	}
	due := ruleT0.Truncate(time.Minute).Add(time.Minute)
	return belfry.ScheduleChange{
		New: s, Next: &belfry.Due{At: due, Occurrence: belfry.Occurrence{Schedule: s.ID, Time: due}, Revision: 1, Attempt: 1},
	}
}

// lives returns the ids of the rule's targets and of its former ones.
func (t *rules) lives(r *belfry.Rule) (current, retired []string) {
	t.Helper()
	now, old, err := t.RuleLives(t.ctx, r.Ref())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range now {
		current = append(current, s.Name)
	}
	for _, s := range old {
		retired = append(retired, s.Name)
	}
	return current, retired
}

func (t *rules) roundTrip() {
	want := newRule("r")
	t.change(belfry.RuleChange{New: want})
	got, err := t.Rule(t.ctx, want.Ref())
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v, (-want +got):\n%s", err, cmp.Diff(want, got))
	}
	for _, other := range []belfry.RuleRef{
		{Scope: ruleScope, Name: "R"},
		{Scope: belfry.Scope{Account: "000000000001", Region: "eu-west-1"}, Name: "r"},
		{Scope: belfry.Scope{Account: "000000000000", Region: "eu-west-2"}, Name: "r"},
	} {
		if _, err := t.Rule(t.ctx, other); belfry.KindOf(err) != belfry.NotFound {
			t.Errorf("%s: %v, want NotFound", other.ARN(), err)
		}
	}
}

func (t *rules) revisions() {
	one := newRule("r")
	t.change(belfry.RuleChange{New: one})
	two := changed(one)
	two.Description = ""
	t.change(belfry.RuleChange{Old: one, New: two})
	for _, ch := range []belfry.RuleChange{
		{New: newRule("r")},
		{Old: one, New: changed(one)},
		{Old: one},
		{Old: newRule("other"), New: newRule("other")},
	} {
		ch.Limit = 1000
		if err := t.ChangeRule(t.ctx, ch); !errors.Is(err, belfry.ErrStale) {
			t.Errorf("%v, want ErrStale", err)
		}
	}
	if got, err := t.Rule(t.ctx, one.Ref()); err != nil || !cmp.Equal(got, two) {
		t.Errorf("%v, (-want +got):\n%s", err, cmp.Diff(two, got))
	}
}

func (t *rules) createRace() {
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			err := t.ChangeRule(t.ctx, belfry.RuleChange{New: newRule("r"), Limit: 1000})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, belfry.ErrStale) {
				t.Errorf("%v, want ErrStale", err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d creates won, want 1", won.Load())
	}
}

func (t *rules) limit() {
	for i := range 3 {
		t.change(belfry.RuleChange{New: newRule(fmt.Sprint("r", i)), Limit: 3})
	}
	if err := t.ChangeRule(t.ctx, belfry.RuleChange{New: newRule("r3"), Limit: 3}); belfry.KindOf(err) != belfry.Quota {
		t.Errorf("the fourth of three: %v, want Quota", err)
	}
	elsewhere := newRule("r3")
	elsewhere.Region = "eu-west-2"
	t.change(belfry.RuleChange{New: elsewhere, Limit: 3})
	t.change(belfry.RuleChange{Old: newRule("r0"), New: changed(newRule("r0")), Limit: 3})
}

func (t *rules) list() {
	for _, name := range []string{"b", "a.1", "a-1", "A"} {
		t.change(belfry.RuleChange{New: newRule(name)})
	}
	elsewhere := newRule("a.2")
	elsewhere.Account = "000000000001"
	t.change(belfry.RuleChange{New: elsewhere})
	for _, c := range []struct {
		q    belfry.RuleQuery
		want []string
	}{
		{belfry.RuleQuery{Limit: 10}, []string{"A", "a-1", "a.1", "b"}},
		{belfry.RuleQuery{Limit: 2}, []string{"A", "a-1"}},
		{belfry.RuleQuery{Limit: 2, After: "a-1"}, []string{"a.1", "b"}},
		{belfry.RuleQuery{Limit: 10, NamePrefix: "a"}, []string{"a-1", "a.1"}},
		{belfry.RuleQuery{Limit: 10, NamePrefix: "a", After: "a-1"}, []string{"a.1"}},
		{belfry.RuleQuery{Limit: 10, NamePrefix: "c"}, nil},
	} {
		c.q.Scope = ruleScope
		page, err := t.Rules(t.ctx, c.q)
		var got []string
		for _, r := range page {
			got = append(got, r.Name)
		}
		if err != nil || !cmp.Equal(got, c.want) {
			t.Errorf("%+v: %v, %v, want %v", c.q, got, err, c.want)
		}
	}
}

func (t *rules) targets() {
	one := newRule("r")
	t.change(belfry.RuleChange{New: one})
	two := changed(one)
	a, b := t.target(two, "a", queueARN), t.target(two, "b", queueARN)
	t.change(belfry.RuleChange{Old: one, New: two, Targets: []belfry.ScheduleChange{b, a}})
	got, err := t.Schedule(t.ctx, two.Ref().Target("a"))
	if err != nil || !cmp.Equal(got, a.New) {
		t.Errorf("%v, (-want +got):\n%s", err, cmp.Diff(a.New, got))
	}
	if now, _ := t.lives(two); !cmp.Equal(now, []string{"a", "b"}) {
		t.Errorf("the targets are %v", now)
	}
	due, _, err := t.Due(t.ctx, nil, ruleT0.Add(time.Hour), 10, 1<<30)
	if err != nil || len(due) != 2 || !due[0].Time.Equal(due[1].Time) {
		t.Errorf("due: %+v, %v, want both targets at one time", due, err)
	}
}

func (t *rules) allOrNothing() {
	one := newRule("r")
	a, b := t.target(one, "a", queueARN), t.target(one, "b", queueARN)
	t.change(belfry.RuleChange{New: one, Targets: []belfry.ScheduleChange{a, b}})
	newA, newB, wrong := *a.New, *b.New, *b.New
	newA.Revision, newB.Revision, wrong.Revision = 2, 2, 7
	ofA := belfry.ScheduleChange{Old: a.New, New: &newA, Pending: a.Next, Gaps: []belfry.Gap{{Schedule: newA.ID, From: ruleT0, Reason: belfry.GapDisabled}}}
	gone := *b.Next
	gone.At = gone.At.Add(time.Second)
	for name, ofB := range map[string]belfry.ScheduleChange{
		"another revision": {Old: &wrong, New: &newB, Pending: b.Next},
		"no such entry":    {Old: b.New, New: &newB, Pending: &gone},
	} {
		err := t.ChangeRule(t.ctx, belfry.RuleChange{Old: one, New: changed(one), Targets: []belfry.ScheduleChange{ofA, ofB, t.target(one, "c", queueARN)}})
		if !errors.Is(err, belfry.ErrStale) {
			t.Errorf("%s: %v, want ErrStale", name, err)
		}
		rule, err := t.Rule(t.ctx, one.Ref())
		if err != nil || rule.Revision != 1 {
			t.Errorf("%s: the rule is %+v, %v, want its first revision", name, rule, err)
		}
		got, err := t.Schedule(t.ctx, one.Ref().Target("a"))
		if err != nil || got.Revision != 1 {
			t.Errorf("%s: the first target is %+v, %v, want its first revision", name, got, err)
		}
		due, _, err := t.Due(t.ctx, nil, ruleT0.Add(time.Hour), 10, 1<<30)
		if err != nil || len(due) != 2 {
			t.Errorf("%s: due: %+v, %v, want both entries", name, due, err)
		}
		gaps, err := t.Gaps(t.ctx, []belfry.ID{newA.ID}, time.Time{}, time.Time{})
		if err != nil || len(gaps) != 0 {
			t.Errorf("%s: gaps: %+v, %v, want none", name, gaps, err)
		}
	}
	t.change(belfry.RuleChange{Old: one, New: changed(one), Targets: []belfry.ScheduleChange{ofA, {Old: b.New, Pending: b.Next}}})
	if now, was := t.lives(one); !cmp.Equal(now, []string{"a"}) || !cmp.Equal(was, []string{"b"}) {
		t.Errorf("the targets are %v and were %v", now, was)
	}
}

func (t *rules) remove() {
	one := newRule("r")
	a := t.target(one, "a", queueARN)
	t.change(belfry.RuleChange{New: one, Targets: []belfry.ScheduleChange{a}})
	two := changed(one)
	t.change(belfry.RuleChange{Old: one, New: two, Targets: []belfry.ScheduleChange{{Old: a.New, Pending: a.Next}}})
	t.change(belfry.RuleChange{Old: two})
	if _, err := t.Rule(t.ctx, one.Ref()); belfry.KindOf(err) != belfry.NotFound {
		t.Errorf("%v, want NotFound", err)
	}
	if now, was := t.lives(one); len(now) != 0 || !cmp.Equal(was, []string{"a"}) {
		t.Errorf("the targets are %v and were %v", now, was)
	}
}

func (t *rules) byTarget() {
	const other = "arn:aws:lambda:eu-west-1:000000000000:function:f"
	for _, name := range []string{"r2", "r1", "r3"} {
		r := newRule(name)
		add := []belfry.ScheduleChange{t.target(r, "a", queueARN), t.target(r, "b", queueARN)}
		if name == "r3" {
			add = []belfry.ScheduleChange{t.target(r, "a", other)}
		}
		t.change(belfry.RuleChange{New: r, Targets: add})
	}
	for _, c := range []struct {
		scope      belfry.Scope
		arn, after string
		limit      int
		want       []string
	}{
		{ruleScope, queueARN, "", 10, []string{"r1", "r2"}},
		{ruleScope, queueARN, "", 1, []string{"r1"}},
		{ruleScope, queueARN, "r1", 10, []string{"r2"}},
		{ruleScope, other, "", 10, []string{"r3"}},
		{ruleScope, "arn:none", "", 10, nil},
		{belfry.Scope{Account: "000000000001", Region: "eu-west-1"}, queueARN, "", 10, nil},
	} {
		got, err := t.RulesOfTarget(t.ctx, c.scope, c.arn, c.after, c.limit)
		if err != nil || !cmp.Equal(got, c.want) {
			t.Errorf("%s after %q, %d: %v, %v, want %v", c.arn, c.after, c.limit, got, err, c.want)
		}
	}
}

func (t *rules) hidden() {
	r := newRule("r")
	t.change(belfry.RuleChange{New: r, Targets: []belfry.ScheduleChange{t.target(r, "a", queueARN)}})
	for _, after := range []string{"", r.Ref().Group()} {
		all, err := t.Schedules(t.ctx, belfry.ScheduleQuery{Scope: ruleScope, AfterGroup: after, Limit: 10})
		if err != nil || len(all) != 0 {
			t.Errorf("all schedules after group %q: %+v, %v, want none", after, all, err)
		}
	}
	ofGroup, err := t.Schedules(t.ctx, belfry.ScheduleQuery{Scope: ruleScope, Group: r.Ref().Group(), Limit: 10})
	if err != nil || len(ofGroup) != 1 || ofGroup[0].Name != "a" {
		t.Errorf("schedules of the rule's group: %+v, %v, want one", ofGroup, err)
	}
}
