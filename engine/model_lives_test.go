package engine_test

import (
	"context"
	"slices"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/expr"
)

const (
	// lead is how much ahead of its time a run may be recorded, and an edit that
	// comes in between be dated.
	modelLead = 10 * time.Millisecond
	// settleTime is how long after any disturbance the engine may still put things
	// right: a look at the clock, the quiet after a jump, a retry of the store.
	settleTime = 15 * time.Second
	// lateEnough is how late an entry may be started as if it were not.
	lateEnough = 61 * time.Second
)

func (l *life) last() *def { return l.defs[len(l.defs)-1] }

// after returns the first occurrence after t.
func (d *def) after(t time.Time) (time.Time, bool) {
	return d.x.Next(t, expr.Bounds{Anchor: d.Anchor, Start: d.Start, End: d.End})
}

// has says whether o is an occurrence by the expression.
func (d *def) has(o time.Time) bool {
	n, ok := d.after(o.Add(-time.Second))
	return ok && n.Equal(o)
}

func (d *def) oneTime() bool { return d.x.Kind() == expr.At }

// firstAtCreation is the occurrence of a rate at its creation.
func (d *def) firstAtCreation() bool { return d.x.Kind() == expr.Rate && d.Start.IsZero() }

func parse(s *belfry.Schedule) (*expr.Expression, error) {
	if s.Rule() != "" {
		return expr.ParseRule(s.Expression)
	}
	loc, err := expr.LoadZone(s.Timezone)
	if err != nil {
		return nil, err
	}
	return expr.Parse(s.Expression, loc)
}

// read finds out what schedules there are, after a change that was asked for at
// that time. Their definitions are the only thing that the model takes from the
// store; what follows from them it holds against the ledger.
func (w *world) read(n *node, asked time.Duration, acked bool) {
	now := w.clock.Monotonic()
	for _, r := range w.refs {
		current, retired, err := n.store.Lives(context.Background(), r)
		if err != nil {
			w.fail("read the lives of %s: %v", r.Name, err)
		}
		for _, s := range slices.Backward(retired) {
			l := w.life(s, asked, now)
			if l.gone.IsZero() {
				l.gone, l.asked, l.acked, l.wanted = s.Retired, asked, now, acked
				if w.backs > 0 && l.gone.After(w.clock.Now().Add(time.Second)) { // before the clock was set back
					l.gone, l.blurred = earlierTime(l.gone, w.backTo), true
				}
				w.cut(l, l.gone)
				l.last().next = l.gone
			}
		}
		if current != nil {
			w.life(current, asked, now)
		}
	}
}

// life takes note of a schedule as it is stored.
func (w *world) life(s *belfry.Schedule, asked, now time.Duration) *life {
	i := slices.IndexFunc(w.lives, func(l *life) bool { return l.id == s.ID })
	if i < 0 {
		w.lives = append(w.lives, &life{ScheduleRef: s.Ref(), id: s.ID})
		i = len(w.lives) - 1
	}
	l := w.lives[i]
	if l.ScheduleRef != s.Ref() {
		w.fail("%s and %s/%s have one id", l, s.Group, s.Name)
	}
	if len(l.defs) > 0 && l.last().Revision == s.Revision {
		if d := l.last(); !s.Since.Equal(d.Since) { // the clock was set back
			d.Since = s.Since
		}
		return l
	}
	x, err := parse(s)
	if err != nil {
		w.fail("%s: %v", l, err)
	}
	d := &def{Schedule: *s, x: x, begin: s.Modified, asked: asked, acked: now}
	if len(l.defs) > 0 {
		if last := l.last(); last.Since.Equal(s.Since) {
			d.floor = last.floor // its times are those of before
		}
		w.cut(l, s.Modified)
		l.last().next = s.Modified
	}
	l.defs = append(l.defs, d)
	return l
}

// cut ends what the definitions of a life say of times after at: they are
// replaced, or the clock was set back before.
func (w *world) cut(l *life, at time.Time) {
	for _, d := range l.defs {
		if d.end.IsZero() || d.end.After(at) {
			d.end = at
		}
		if w.backs > 0 && w.clock.Monotonic()-w.backAt <= settleTime {
			d.doubt = w.backTo.Add(-time.Second) // what the clock's step took out of the ledger was not put back yet
		}
	}
}

// rezone has the present definitions mean what the new zone data says.
func (w *world) rezone() {
	for _, l := range w.lives {
		d := l.last()
		l.retold = l.retold || d.Timezone == zoneNew
		if !l.gone.IsZero() || d.Timezone != zoneNew || d.x.Kind() == expr.Rate || l.Rule() != "" {
			continue
		}
		x, err := parse(&d.Schedule)
		if err != nil {
			w.fail("%s: %v", l, err)
		}
		l.zoned = true
		again := *d
		again.x, again.end, again.floor = x, time.Time{}, w.downAt
		w.cut(l, w.downAt)
		d.next = w.downAt
		l.defs = append(l.defs, &again)
	}
}

// A claim is an occurrence that has to have an outcome, or may have one.
type claim struct {
	at   time.Time
	d    *def
	must bool
}

// claims are the occurrences of a life from a time up to now, in order.
func (l *life) claims(from, now time.Time) []claim {
	byTime := map[int64]claim{}
	add := func(c claim) {
		old, known := byTime[c.at.Unix()]
		if c.at.Before(from) || known && (old.must || !c.must) {
			return
		}
		byTime[c.at.Unix()] = c
	}
	for i, d := range l.defs {
		begin, end := d.Since, now
		if !d.end.IsZero() && d.end.Before(end) {
			end = d.end
		}
		if d.oneTime() {
			o, _ := d.after(time.Time{})
			switch {
			case o.After(end.Add(modelLead)):
			case o.After(end):
				add(claim{o, d, false})
			case o.After(d.Since) && !o.Before(d.floor):
				add(claim{o, d, !l.zoned})
			case i == 0 && d.State == belfry.Enabled && d.Revision == 1:
				add(claim{o, d, !l.zoned})
			default:
				add(claim{o, d, false})
			}
			continue
		}
		if i == 0 && d.State == belfry.Enabled && d.firstAtCreation() && d.Rule() == "" {
			if o := d.Anchor; !d.after0(o).IsZero() && !o.After(now) {
				rebased := !d.Since.Equal(d.Created) // its creation lies after now, by the clock as it is
				add(claim{o, d, !o.After(end) && !rebased})
			}
		}
		if !d.low.IsZero() && d.low.Before(begin) {
			begin = d.low // what it is by the clock of its edit says little of this one
		}
		begin = later(begin, from.Add(-time.Second))
		for o, ok := d.after(begin); ok && !o.After(end.Add(modelLead)); o, ok = d.after(o) {
			unsure := l.zoned && o.After(d.floor.Add(-4*time.Hour)) && o.Before(d.floor.Add(4*time.Hour)) ||
				l.zoned && !d.end.IsZero() && o.After(d.end.Add(-10*time.Minute))
			add(claim{o, d, !o.After(end) && !unsure && o.After(d.Since) && !o.Before(d.floor) && (d.doubt.IsZero() || o.Before(d.doubt))})
		}
	}
	all := make([]claim, 0, len(byTime))
	for _, c := range byTime {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b claim) int { return a.at.Compare(b.at) })
	return all
}

// after0 is o when it is an occurrence, else zero.
func (d *def) after0(o time.Time) time.Time {
	if d.has(o) {
		return o
	}
	return time.Time{}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// windowMost and ageMost are the longest window, and the shortest and the longest
// maximum event age, that the life has had.
func (l *life) windowMost() (most time.Duration) {
	for _, d := range l.defs {
		most = max(most, d.Window)
	}
	return most
}

func (l *life) ages() (least, most time.Duration) {
	least = l.defs[0].Target.Retry.MaximumAge
	for _, d := range l.defs {
		least, most = min(least, d.Target.Retry.MaximumAge), max(most, d.Target.Retry.MaximumAge)
	}
	return least, most
}
