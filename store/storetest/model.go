package storetest

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
)

var modelCases = []engineCase{
	{"any steps lead where they lead a simple model", (*engineTest).model},
}

// model is what a store holds, and the steps that change both.
type model struct {
	*engineTest
	stores    [2]engine.Store // owners in turn; Store is the one that owns
	prefix    string          // of the names, which no other model uses
	second    int             // each occurrence is later than those before
	schedules map[string]*belfry.Schedule
	queue     map[belfry.Due]bool
	taken     []belfry.Due // entries that are gone
	runs      map[belfry.Occurrence]belfry.Run
	claims    map[belfry.Occurrence]belfry.Claim // of the runs under way
	ids       []belfry.ID
}

func (e *engineTest) model() {
	stores := [2]engine.Store{e.Store, e.open()}
	n := 0
	rapid.Check(e.T, func(t *rapid.T) {
		n++
		m := &model{
			engineTest: e, stores: stores, prefix: strconv.Itoa(n) + "-", schedules: map[string]*belfry.Schedule{}, queue: map[belfry.Due]bool{},
			runs: map[belfry.Occurrence]belfry.Run{}, claims: map[belfry.Occurrence]belfry.Claim{},
		}
		m.takeOver(t)
		t.Repeat(map[string]func(*rapid.T){
			"create": m.create, "edit": m.edit, "remove": m.remove, "start": m.start, "start what is gone": m.startGone,
			"finish": m.finish, "take over": m.takeOver, "archive": m.archive, "": m.check,
		})
	})
}

func drawn[T any](t *rapid.T, from []T, label string) T {
	if len(from) == 0 {
		t.Skip("there is none")
	}
	return rapid.SampledFrom(from).Draw(t, label)
}

func want(t *rapid.T, ok bool, format string, args ...any) {
	t.Helper()
	if !ok {
		t.Fatalf(format, args...)
	}
}

func (m *model) same(t *rapid.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("the store is not as the model (-model +store):\n%s", d)
	}
}

// next is a later entry of s.
func (m *model) next(s *belfry.Schedule) *belfry.Due {
	m.second++
	return entry(s, m.second)
}

// pending is the entry of s; nil is none.
func (m *model) pending(s *belfry.Schedule) *belfry.Due {
	for d := range m.queue {
		if d.Schedule == s.ID && !d.Retry {
			return &d
		}
	}
	return nil
}

func (m *model) put(d *belfry.Due) {
	if d != nil {
		m.queue[*d] = true
	}
}

func (m *model) take(d *belfry.Due) {
	if d != nil {
		delete(m.queue, *d)
		m.taken = append(m.taken, *d)
	}
}

func (m *model) create(t *rapid.T) {
	s := m.spec(engineRef(m.prefix + rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")))
	d := m.next(s)
	err := m.CreateSchedule(m.ctx, creation(s, d, nil))
	if m.schedules[s.Name] != nil {
		want(t, belfry.KindOf(err) == belfry.Conflict, "create of a taken name: %v", err)
		return
	}
	want(t, err == nil, "create: %v", err)
	m.schedules[s.Name] = s
	m.ids = append(m.ids, s.ID)
	m.put(d)
}

func (m *model) any(t *rapid.T) *belfry.Schedule {
	return m.schedules[drawn(t, slices.Sorted(maps.Keys(m.schedules)), "schedule")]
}

func (m *model) edit(t *rapid.T) {
	s := m.any(t)
	n := edited(s, "edited")
	ch := belfry.ScheduleChange{Old: s, New: n, Pending: m.pending(s)}
	if rapid.Bool().Draw(t, "stays due") {
		ch.Next = m.next(n)
	}
	err := m.ChangeSchedule(m.ctx, ch)
	want(t, err == nil, "edit: %v", err)
	m.schedules[s.Name] = n
	m.take(ch.Pending)
	m.put(ch.Next)
	want(t, isStale(m.ChangeSchedule(m.ctx, ch)), "the same edit again is not stale")
}

func (m *model) remove(t *rapid.T) {
	s := m.any(t)
	ch := belfry.ScheduleChange{Old: s, Pending: m.pending(s)}
	err := m.ChangeSchedule(m.ctx, ch)
	want(t, err == nil, "remove: %v", err)
	delete(m.schedules, s.Name)
	m.take(ch.Pending)
}

func (m *model) start(t *rapid.T) {
	d := drawn(t, m.order(), "entry")
	st := startOf(&d, nil)
	if s := m.named(d.Schedule); s != nil && !d.Retry && rapid.Bool().Draw(t, "goes on") {
		st.Next = m.next(s)
	}
	claim, started, err := m.Start(m.ctx, []belfry.Start{st})
	want(t, err == nil && started[0] == belfry.IsRunning, "start: %v, %v", started, err)
	m.take(&d)
	m.put(st.Next)
	run, ok := m.runs[d.Occurrence]
	if !ok {
		run = belfry.Run{Occurrence: d.Occurrence, Revision: d.Revision, Started: st.At}
	}
	run.Outcome = belfry.Running
	m.runs[d.Occurrence], m.claims[d.Occurrence] = run, claim
}

func (m *model) startGone(t *rapid.T) {
	d := drawn(t, m.taken, "entry")
	_, started, err := m.Start(m.ctx, []belfry.Start{startOf(&d, nil)})
	want(t, err == nil && started[0] == belfry.NotStarted, "start of what is gone: %v, %v", started, err)
}

func (m *model) finish(t *rapid.T) {
	running := slices.SortedFunc(maps.Keys(m.claims), byTime)
	o := drawn(t, running, "run")
	run := m.runs[o]
	f := failure(&belfry.Due{At: o.Time, Occurrence: o, Revision: run.Revision}, m.claims[o], len(run.Attempts)+1)
	f.Started = run.Started
	if f.Outcome = rapid.SampledFrom([]belfry.Outcome{belfry.Pending, belfry.Failed}).Draw(t, "outcome"); f.Outcome.Final() {
		f.Retry, f.Reason, run.Ended = nil, "It failed.", f.Ended
	}
	for range 2 {
		err := m.Finish(m.ctx, []belfry.Finish{f})
		want(t, err == nil, "finish: %v", err)
	}
	run.Outcome, run.Reason, run.Attempts = f.Outcome, f.Reason, f.Attempts
	m.runs[o] = run
	delete(m.claims, o)
	m.put(f.Retry)
}

// takeOver makes the other store the owner, which gets the runs under way.
func (m *model) takeOver(t *rapid.T) {
	m.stores[0], m.stores[1] = m.stores[1], m.stores[0]
	left, claim := m.engineTest.takeOver(m.stores[0])
	found := map[belfry.Occurrence]belfry.Claim{}
	for _, o := range left {
		if slices.Contains(m.ids, o.Schedule) {
			found[o] = claim
		}
	}
	m.same(t, slices.SortedFunc(maps.Keys(found), byTime), slices.SortedFunc(maps.Keys(m.claims), byTime))
	m.claims = found
	_, _, err := m.stores[1].Start(m.ctx, nil)
	want(t, belfry.KindOf(err) == belfry.Fenced, "start by the old owner: %v", err)
}

func (m *model) archive(t *rapid.T) {
	_, err := m.Archive(m.ctx, at(rapid.IntRange(0, m.second+1).Draw(t, "before")))
	want(t, err == nil, "archive: %v", err)
}

func (m *model) named(id belfry.ID) *belfry.Schedule {
	for _, s := range m.schedules {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// order is the queue in its order.
func (m *model) order() []belfry.Due {
	return slices.SortedFunc(maps.Keys(m.queue), func(a, b belfry.Due) int {
		if a.Before(&b) {
			return -1
		}
		return 1
	})
}

func byTime(a, b belfry.Occurrence) int { return a.Time.Compare(b.Time) }

// check holds everything that can be read against the model.
func (m *model) check(t *rapid.T) {
	var got, expected []belfry.DueItem
	for _, it := range m.due() {
		if slices.Contains(m.ids, it.Schedule) {
			got = append(got, it)
		}
	}
	for _, d := range m.order() {
		it := belfry.DueItem{Due: d, Spec: m.named(d.Schedule)}
		if run, ok := m.runs[d.Occurrence]; ok && d.Retry {
			it.Run = &run
		}
		expected = append(expected, it)
	}
	m.same(t, got, expected)
	newest := slices.SortedFunc(maps.Values(m.runs), func(a, b belfry.Run) int { return b.Time.Compare(a.Time) })
	runs, err := m.Runs(m.ctx, belfry.RunQuery{Schedules: m.ids, From: at(0), To: at(0).Add(24 * time.Hour), Limit: 1000})
	want(t, err == nil, "runs: %v", err)
	m.same(t, runs, newest)
	for _, name := range []string{"a", "b", "c"} {
		s, err := m.Schedule(m.ctx, engineRef(m.prefix+name))
		m.same(t, s, m.schedules[m.prefix+name])
		want(t, (err == nil) == (s != nil), "schedule: %v", err)
	}
}
