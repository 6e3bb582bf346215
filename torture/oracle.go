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
	def  *definition
}

// oracle knows one server's clock, up to a moment.
type oracle struct {
	steps []rig.Step
	until time.Time // real
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
	put := func(t time.Time, must, run bool, d *definition) {
		c := all[t.Unix()]
		if c == nil {
			c = &claim{life: l, def: d}
			all[t.Unix()] = c
		}
		if must {
			c.def = d
		}
		c.must, c.run = c.must || must, c.run || run
	}
	var anchor [2]time.Time // of a rate's grid, at the least and at the most
	for i := range l.changes {
		ch := &l.changes[i]
		if ch.def == nil {
			break
		}
		d := ch.def
		end := change{sent: o.until, done: o.until}
		if i+1 < len(l.changes) {
			end = l.changes[i+1]
		} else if l.gone {
			end.sent = ch.done // it ended, nobody knows when
		}
		least, most := o.range_(ch.sent.Add(-margin), ch.done.Add(margin))
		if i == 0 || l.changes[i-1].def.expression != d.expression || !l.changes[i-1].def.start.Equal(d.start) {
			anchor = [2]time.Time{least, most}
		}
		sure := !strings.Contains(ch.op, "unknown") && !strings.Contains(end.op, "unknown")
		cut := func(t time.Time) time.Time { return t.Truncate(time.Minute) }
		if d.rate() && d.start.IsZero() && !cut(anchor[0]).Equal(cut(anchor[1])) {
			sure = false // either grid may be its
		}
		from, to := o.range_(ch.sent.Add(-margin), end.done.Add(margin))
		if i == 0 && (d.rate() || d.oneTime()) {
			o.atCreation(l, d, least, most, sure, put)
		}
		for _, a := range anchor {
			for _, t := range d.times(from, to, a) {
				crossed := o.crossings(t)
				must := false
				if n := len(crossed); n > 0 && sure {
					last := crossed[n-1]
					must = last.After(ch.done.Add(margin)) && last.Before(end.sent.Add(-margin)) && t.After(most)
				}
				put(t, must, true, d)
			}
		}
		if d.oneTime() {
			// Edited to a time that is past: it does not run, and may be told as a gap.
			for _, t := range d.times(time.Unix(0, 0), to, time.Time{}) {
				put(t, false, !t.Before(from), d)
			}
		}
		if d.rate() && d.start.IsZero() {
			for _, a := range anchor {
				put(cut(a), false, i == 0, d)
			}
		}
	}
	return all
}

// atCreation puts what is due at the creation itself: the first of a rate, and a
// one-time that is past, which runs at once unless it is too old.
func (o *oracle) atCreation(l *life, d *definition, least, most time.Time, sure bool, put func(time.Time, bool, bool, *definition)) {
	t := least.Truncate(time.Minute)
	if d.rate() {
		if d.start.IsZero() {
			put(t, sure && l.first && !d.disabled && (d.end.IsZero() || !t.After(d.end)), true, d)
		}
		return
	}
	for _, t := range d.times(time.Unix(0, 0), most, time.Time{}) {
		if t.After(least) {
			put(t, false, true, d)
			continue
		}
		// Disabled, it may run when it is enabled, or never.
		put(t, sure && l.first && !d.disabled, most.Sub(t) <= d.age, d)
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
	least, _ := o.wall(o.until)
	if t.Add(late).After(least) {
		return false
	}
	// The clock may have jumped over the window; what is due then is started at once.
	crossed := o.crossings(t)
	return len(crossed) == 0 || o.until.Sub(crossed[len(crossed)-1]) > grace
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

// story is the clock's steps within a stretch of real time, for people.
func (o *oracle) story() string {
	if len(o.steps) == 1 {
		return ""
	}
	last := o.steps[max(0, len(o.steps)-12):]
	var b strings.Builder
	b.WriteString("the clock's last steps, in real time:")
	for _, s := range last {
		fmt.Fprintf(&b, " %s %+v;", clockTime(s.At), s.Offset)
	}
	return b.String()
}

func sortedTimes[V any](m map[int64]V) []int64 {
	var all []int64
	for t := range m {
		all = append(all, t)
	}
	slices.Sort(all)
	return all
}
