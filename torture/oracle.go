package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belfry-run/belfry/expr"
	"github.com/belfry-run/belfry/torture/rig"
)

// The oracle says which occurrences a schedule had, from what was acknowledged
// and what the server's clock showed, by nothing but package expr.
//
// A definition owes an outcome for an occurrence when the clock came to its time
// while the definition held. A clock that is set back comes to a time more than
// once: then the last time counts, and what held at an earlier one may have given
// the outcome already. What the clock showed when a definition was set is the
// bound below which the definition fires nothing.

// margin is how far from a change an occurrence must be to be clearly before or
// after it: runs are recorded a little ahead of their time.
const margin = 60 * time.Millisecond

// claim is what the oracle says of one time of one life.
type claim struct {
	life *life
	must bool // one outcome; else at most one
	run  bool // a run may be it; else only a gap
	past bool // it is a one-time that was past when its life began
	sure bool // it is a one-time that must run, and not be given up
	def  *definition
}

// oracle knows one server's clock, up to a moment.
type oracle struct {
	steps []rig.Step
	until time.Time // real
	owed  time.Time // real: what was due before it has its outcome by now
}

// span is a stretch of real time in which the clock ran evenly.
type span struct {
	from, to time.Time // real
	offset   time.Duration
}

// spans are the stretches within [from, to].
func (o *oracle) spans(from, to time.Time) []span {
	var all []span
	for i, s := range o.steps {
		x := span{s.At, o.until, s.Offset}
		if i+1 < len(o.steps) {
			x.to = o.steps[i+1].At
		}
		if x.from.Before(from) {
			x.from = from
		}
		if x.to.After(to) {
			x.to = to
		}
		if !x.to.Before(x.from) {
			all = append(all, x)
		}
	}
	return all
}

// wall is what the clock showed, as the least and the most around the moment.
func (o *oracle) wall(at time.Time) (least, most time.Time) {
	return o.range_(at.Add(-margin), at.Add(margin))
}

// range_ is the least and the most that the clock showed within [from, to].
func (o *oracle) range_(from, to time.Time) (least, most time.Time) {
	for _, s := range o.spans(from, to) {
		if a := s.from.Add(s.offset); least.IsZero() || a.Before(least) {
			least = a
		}
		if b := s.to.Add(s.offset); b.After(most) {
			most = b
		}
	}
	return least, most
}

// crossings are the real times at which the clock came to t.
func (o *oracle) crossings(t time.Time) []time.Time {
	var all []time.Time
	var before time.Time // what it showed at the end of the span before
	for _, s := range o.spans(o.steps[0].At, o.until) {
		a, b := s.from.Add(s.offset), s.to.Add(s.offset)
		switch {
		case !before.IsZero() && before.Before(t) && !a.Before(t):
			all = append(all, s.from)
		case a.Before(t) && !b.Before(t):
			all = append(all, t.Add(-s.offset))
		}
		before = b
	}
	return all
}

// showed is the first real time at which the clock can have shown t.
func (o *oracle) showed(t time.Time) time.Time {
	for _, s := range o.spans(o.steps[0].At, o.until) {
		if at := t.Add(-s.offset); !at.Before(s.from.Add(-margin)) && !at.After(s.to.Add(margin)) {
			return at
		}
	}
	return o.until
}

// late is by how much the clock, coming to t at a real time, was ahead of it at once.
func (o *oracle) late(t, crossed time.Time) time.Duration {
	_, most := o.wall(crossed)
	return most.Sub(t)
}

// times are the occurrences of d from one wall time to another, both included.
// anchored is when its grid began, wall time.
func (d *definition) times(from, to, anchored time.Time) []time.Time {
	loc, err := expr.LoadZone(d.zone)
	if err != nil {
		panic(err) // the zones are the program's own
	}
	e, err := expr.Parse(d.expression, loc)
	if err != nil {
		panic(err) // and so are the expressions
	}
	b := expr.Bounds{Anchor: anchored, Start: d.start, End: d.end}
	if !d.start.IsZero() {
		b.Anchor = d.start
	}
	var all []time.Time
	for t, ok := e.Next(from.Add(-time.Second), b); ok && !t.After(to); t, ok = e.Next(t, b) {
		if !t.Before(from) {
			all = append(all, t.UTC())
		}
	}
	return all
}

func (d *definition) oneTime() bool { return strings.HasPrefix(d.expression, "at(") }
func (d *definition) rate() bool    { return strings.HasPrefix(d.expression, "rate(") }

// claims are what the oracle says of a life, by Unix time.
func (o *oracle) claims(l *life) map[int64]*claim {
	all := map[int64]*claim{}
	put := func(t time.Time, c claim) {
		old := all[t.Unix()]
		if old == nil {
			c.life = l
			all[t.Unix()] = &c
			return
		}
		if c.must {
			old.def = c.def
		}
		old.must, old.run, old.past = old.must || c.must, old.run || c.run, old.past && c.past
		old.sure = old.sure || c.sure
	}
	var since time.Time // wall: below it nothing is owed
	for i := range l.changes {
		ch := &l.changes[i]
		if ch.def == nil {
			break
		}
		d := ch.def
		end := change{sent: o.until, done: o.until}
		if i+1 < len(l.changes) {
			end = l.changes[i+1]
		}
		least, most := o.range_(ch.sent.Add(-margin), ch.done.Add(margin))
		// An edit that leaves times and state as they are goes on where the one before was.
		if i == 0 || !l.changes[i-1].def.same(d) || most.After(since) {
			since = most
		}
		grids := o.anchors(l, i)
		sure := !strings.Contains(ch.op, "unknown") && !strings.Contains(end.op, "unknown")
		if d.rate() && d.start.IsZero() && len(grids) > 1 {
			sure = false // either grid may be its
		}
		if i == 0 && (d.rate() || d.oneTime()) {
			o.atCreation(l, d, least, most, sure, put)
		}
		from, to := o.range_(ch.sent.Add(-margin), end.done.Add(margin))
		to = to.Add(margin) // where a step ends a stretch, the next second may have been recorded ahead
		for _, a := range grids {
			for _, t := range d.times(from, to, a) {
				crossed := o.crossings(t)
				must := false
				if n := len(crossed); n > 0 && sure && (n == 1 || !l.gone) {
					last := crossed[n-1]
					must = last.After(ch.done.Add(margin)) && last.Before(end.sent.Add(-margin)) && t.After(since)
				}
				// Enabled and not touched since, it runs, however late within its age.
				runs := must && d.oneTime() && !d.disabled && i == len(l.changes)-1 && len(crossed) == 1 && o.late(t, crossed[0]) < d.age-time.Minute
				put(t, claim{must: must, run: true, def: d, sure: runs})
			}
			if d.rate() && d.start.IsZero() {
				put(a.Truncate(time.Minute), claim{run: i == 0, def: d})
			}
		}
		if d.oneTime() {
			// Edited to a time that is past: it does not run, and may be told as a gap.
			for _, t := range d.times(time.Unix(0, 0), to, time.Time{}) {
				put(t, claim{run: !t.Before(from), def: d, past: i == 0 && !t.After(most)})
			}
		}
	}
	return all
}

// same says whether the two are due at the same times, and in the same state.
func (d *definition) same(e *definition) bool {
	return d.expression == e.expression && d.zone == e.zone && d.start.Equal(e.start) && d.end.Equal(e.end) && d.disabled == e.disabled
}

// anchors are the origins that the grid of a rate may have after change i: more
// than one when it was set around the end of a minute.
func (o *oracle) anchors(l *life, i int) []time.Time {
	for i > 0 && l.changes[i-1].def.expression == l.changes[i].def.expression && l.changes[i-1].def.start.Equal(l.changes[i].def.start) {
		i--
	}
	least, most := o.range_(l.changes[i].sent.Add(-margin), l.changes[i].done.Add(margin))
	if least.Truncate(time.Minute).Equal(most.Truncate(time.Minute)) {
		return []time.Time{least}
	}
	return []time.Time{least, most}
}

// atCreation puts what is due at the creation itself: the first of a rate, and a
// one-time that is past, which runs at once unless it is too old.
func (o *oracle) atCreation(l *life, d *definition, least, most time.Time, sure bool, put func(time.Time, claim)) {
	// owed, unless the clock came to the time again: what was given up in between is
	// not held against a schedule that is no more.
	owed := func(t time.Time) bool {
		crossed := o.crossings(t)
		return sure && l.first && !d.disabled && (len(crossed) == 0 || crossed[len(crossed)-1].Before(l.changes[0].sent))
	}
	if d.rate() {
		if t := least.Truncate(time.Minute); d.start.IsZero() {
			put(t, claim{must: owed(t) && (d.end.IsZero() || !t.After(d.end)), run: true, def: d})
		}
		return
	}
	for _, t := range d.times(time.Unix(0, 0), most, time.Time{}) {
		if t.After(least) {
			put(t, claim{run: true, def: d})
			continue
		}
		// Disabled, it may run when it is enabled, or never.
		put(t, claim{must: owed(t), run: most.Sub(t) <= d.age, def: d, past: true})
	}
}

// settled says whether what was due at t must have its outcome by now: no window
// can hold it any more.
func (o *oracle) settled(l *life, t time.Time) bool {
	const grace = 20 * time.Second
	window := 0
	for i := range l.changes {
		if d := l.changes[i].def; d != nil {
			window = max(window, d.window)
		}
	}
	late := time.Duration(window)*time.Minute + grace
	least, _ := o.wall(o.owed)
	if t.Add(late).After(least) {
		return false
	}
	// The clock may have jumped over the window; what is due then is started at once.
	crossed := o.crossings(t)
	return len(crossed) == 0 || o.owed.Sub(crossed[len(crossed)-1]) > grace
}

// history is what was done to a life, for people.
func (l *life) history() string {
	lines := []string{fmt.Sprintf("schedule %s/%s, its requests in real time:", l.group, l.name)}
	for i := range l.changes {
		lines = append(lines, "  "+l.changes[i].String())
	}
	if l.gone {
		lines = append(lines, "  it ended by itself")
	}
	return strings.Join(lines, "\n")
}

// story is the clock's steps in a stretch of real time, for people.
func (o *oracle) story(from, to time.Time) string {
	if len(o.steps) == 1 {
		return ""
	}
	var b strings.Builder
	for _, s := range o.spans(from, to) {
		fmt.Fprintf(&b, "  %s %v", clockTime(s.from), s.offset)
	}
	return "the clock against real time, from when on:" + b.String()
}

func sortedTimes[V any](m map[int64]V) []int64 {
	var all []int64
	for t := range m {
		all = append(all, t)
	}
	slices.Sort(all)
	return all
}
