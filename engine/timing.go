package engine

import (
	"hash/fnv"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/expr"
)

// timing says when a schedule is due.
type timing struct {
	id     belfry.ID
	expr   *expr.Expression
	bounds expr.Bounds
	window time.Duration
}

// next returns the first occurrence after t. A schedule that cannot be read has
// none.
func (t *timing) next(after time.Time) (time.Time, bool) {
	if t.expr == nil {
		return time.Time{}, false
	}
	return t.expr.Next(after, t.bounds)
}

// has reports whether the time, in whole seconds, is an occurrence.
func (t *timing) has(at time.Time) bool {
	o, ok := t.next(at.Add(-time.Second))
	return ok && o.Equal(at)
}

// due returns when an occurrence is to be acted on: within the flexible window
// after it, at a place that depends on nothing but the schedule and the
// occurrence, so that a restart or another node comes to the same.
func (t *timing) due(occurrence time.Time) time.Time {
	if t.window <= 0 {
		return occurrence
	}
	h := fnv.New64a()
	h.Write([]byte(belfry.Occurrence{Schedule: t.id, Time: occurrence}.OccurrenceID()))
	// FNV's high bits mix poorly on inputs that differ at the end; fold them.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return occurrence.Add(time.Duration(x%uint64(t.window/time.Millisecond)) * time.Millisecond)
}

// entry makes the due entry of an occurrence.
func (t *timing) entry(occurrence time.Time, revision int64) *belfry.Due {
	return &belfry.Due{
		At:         t.due(occurrence),
		Occurrence: belfry.Occurrence{Schedule: t.id, Time: occurrence},
		Revision:   revision,
		Attempt:    1,
	}
}

// entryAfter makes the due entry of the first occurrence after t, nil if there
// is none.
func (t *timing) entryAfter(after time.Time, revision int64) *belfry.Due {
	o, ok := t.next(after)
	if !ok {
		return nil
	}
	return t.entry(o, revision)
}

// count returns how many occurrences lie after from and up to and including
// to, and the last of them.
func (t *timing) count(from, to time.Time) (n int64, last time.Time) {
	for o, ok := t.next(from); ok && !o.After(to); o, ok = t.next(o) {
		n, last = n+1, o
	}
	return n, last
}

// pendingCandidates returns the entries that the schedule may have in the due
// queue after now: the next occurrence, the one after it if the next may have
// been started ahead of its time, and those whose flexible window is open.
func (t *timing) pendingCandidates(now time.Time, revision int64) []belfry.Due {
	var all []belfry.Due
	for o, ok := t.next(now.Add(-t.window - time.Second)); ok; o, ok = t.next(o) {
		if d := t.entry(o, revision); d.At.After(now) {
			all = append(all, *d)
		}
		if o.After(now.Add(lead)) {
			break
		}
	}
	return all
}

// startedAhead returns the next occurrence after now if it has been started
// although it is not due yet: the schedule, which is enabled, has its entry in
// the due queue for one after it, or none.
func (t *timing) startedAhead(now time.Time, pending *belfry.Due) (time.Time, bool) {
	o, ok := t.next(now)
	ahead := ok && !t.due(o).After(now.Add(lead)) && (pending == nil || pending.Time.After(o))
	return o, ahead
}

// parsedMax bounds the cache of parsed expressions. Few installations have
// more different ones; those that do pay a parse for some fires.
const parsedMax = 10_000

// parser parses expressions and remembers them: schedules are many,
// expressions few.
type parser struct {
	mu    sync.Mutex
	known map[parsedKey]*expr.Expression // guarded by mu
}

type parsedKey struct {
	expression, zone string
	rule             bool // in the dialect of scheduled rules
}

func (p *parser) parse(key parsedKey) (*expr.Expression, error) {
	p.mu.Lock()
	e, ok := p.known[key]
	p.mu.Unlock()
	if ok {
		return e, nil
	}
	e, err := key.parse()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	if p.known == nil || len(p.known) >= parsedMax {
		p.known = map[parsedKey]*expr.Expression{}
	}
	p.known[key] = e
	p.mu.Unlock()
	return e, nil
}

// parse parses without a look at what is known.
func (k parsedKey) parse() (*expr.Expression, error) {
	if k.rule {
		e, err := expr.ParseRule(k.expression)
		if err != nil {
			return nil, &belfry.Error{
				Kind: belfry.Invalid, Field: "ScheduleExpression",
				Message: "Parameter ScheduleExpression is not valid.", Err: err,
			}
		}
		return e, nil
	}
	loc, err := expr.LoadZone(k.zone)
	if err != nil {
		return nil, belfry.Errorf(belfry.Invalid, "ScheduleExpressionTimezone", "Invalid Schedule Expression Timezone %s.", k.zone)
	}
	e, err := expr.Parse(k.expression, loc)
	if err != nil {
		return nil, &belfry.Error{
			Kind: belfry.Invalid, Field: "ScheduleExpression",
			Message: "Invalid Schedule Expression " + k.expression + ".", Err: err,
		}
	}
	return e, nil
}

func (p *parser) timing(s *belfry.Schedule) (timing, error) {
	e, err := p.parse(parsedKey{s.Expression, s.Timezone, s.Rule() != ""})
	if err != nil {
		return timing{}, err
	}
	return timing{
		id:     s.ID,
		expr:   e,
		bounds: expr.Bounds{Anchor: s.Anchor, Start: s.Start, End: s.End},
		window: s.Window,
	}, nil
}

// oneTime reports whether the schedule has a single occurrence by its form.
func (t *timing) oneTime() bool { return t.expr != nil && t.expr.Kind() == expr.At }
