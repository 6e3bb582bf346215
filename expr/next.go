package expr

import "time"

// Bounds limit the occurrences of an expression to a schedule's life.
type Bounds struct {
	// Anchor is the origin of a rate's grid, cut to the minute; the anchor
	// itself is an occurrence and nothing before it is. The zero time stands
	// for itself, midnight UTC of 1 January of the year 1. Only rate uses it.
	Anchor time.Time

	// Start and End are the first and the last instant at which an occurrence
	// may be, both inclusive; the zero time is no bound. A rate ignores the
	// seconds of Start, as it does those of its anchor. at(...) ignores both.
	Start, End time.Time
}

// lastInstant is 9999-12-31T23:59:59Z in Unix seconds: what RFC 3339 can still
// write. No kind of expression has an occurrence after it.
const lastInstant = 253402300799

// Next returns the first occurrence of e strictly after t and within b, in
// UTC. It returns false when there is none and never will be, whatever later t
// is asked about. Occurrences lie on whole seconds; those of cron on second 0
// of the wall clock.
func (e *Expression) Next(t time.Time, b Bounds) (time.Time, bool) {
	if t.Unix() >= lastInstant {
		return time.Time{}, false
	}
	from := t.Unix() + 1 // the first whole second after t
	var at int64
	ok := false
	switch e.kind {
	case Cron:
		if !b.Start.IsZero() {
			from = max(from, ceilSecond(b.Start))
		}
		at, ok = e.cron.nextIn(e.zone, from)
	case Rate:
		if !b.Start.IsZero() {
			from = max(from, cutToMinute(b.Start))
		}
		at, ok = e.nextRate(from, cutToMinute(b.Anchor))
	case At:
		if e.at < from {
			return time.Time{}, false
		}
		return time.Unix(e.at, 0).UTC(), true
	}
	if !ok || !b.End.IsZero() && at > b.End.Unix() {
		return time.Time{}, false
	}
	return time.Unix(at, 0).UTC(), true
}

// nextIn returns the first instant at or after from, in Unix seconds, at which
// the wall clock of z shows a minute that matches.
//
// Within one piece of the zone's table the wall clock runs straight, so that
// the next wall minute that matches is an occurrence unless the piece ends
// before it. Then the search goes on from where the next piece begins: later on
// the wall clock after a gap, earlier before a repeated stretch.
func (c *cron) nextIn(z *zone, from int64) (int64, bool) {
	if from > cronEnd {
		return 0, false
	}
	from = max(from, cronStart)
	pieces := z.pieces
	i := z.find(from)
	p := &pieces[i]
	wall := ceilMinute(from + p.offset)
	for {
		if p.repeated && !c.cadence {
			if i++; i == len(pieces) {
				return 0, false
			}
			p = &pieces[i]
			wall = ceilMinute(p.from + p.offset)
			continue
		}
		match, ok := c.next(wall)
		if i+1 == len(pieces) {
			return match*60 - p.offset, ok
		}
		next := &pieces[i+1]
		if ok && match*60 < next.from+p.offset {
			return match*60 - p.offset, true
		}
		start := ceilMinute(next.from + next.offset)
		if start >= wall {
			// Nothing matches between wall and match, so go straight to the
			// pieces that may hold match. A day and a half is more than any
			// offset.
			if !ok {
				return 0, false
			}
			i = max(i, z.find(match*60-36*60*60)-1)
			next = &pieces[i+1]
			start = max(match, ceilMinute(next.from+next.offset))
		}
		i++
		p, wall = next, start
	}
}

func ceilMinute(seconds int64) int64 {
	return floorDiv(seconds+59, 60)
}

func ceilSecond(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

func cutToMinute(t time.Time) int64 {
	return floorDiv(t.Unix(), 60) * 60
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
