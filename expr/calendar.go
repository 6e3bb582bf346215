package expr

import (
	"cmp"
	"math/bits"
	"slices"
	"time"
)

// A Calendar is a schedule as people write it for cron ([ParseUnix]) or for a
// systemd timer ([ParseOnCalendar]). It is immutable and safe for concurrent
// use. The zero value is of no use.
type Calendar struct {
	text  string
	lines []line
}

// A line is one calendar pattern in its zone.
type line struct {
	cron    cron
	seconds uint64 // of a minute that matches; not empty
	zone    *zone
	// atGapEnd says that what clocks are set forward over is due when they are.
	atGapEnd bool
}

// String returns the schedule as it was written.
func (c *Calendar) String() string { return c.text }

// Next returns the first occurrence strictly after t, in UTC on a whole second.
// It returns false when there is none and never will be; nothing is due after
// the year 2199.
func (c *Calendar) Next(t time.Time) (time.Time, bool) {
	if t.Unix() > cronEnd {
		return time.Time{}, false
	}
	from := max(t.Unix()+1, cronStart)
	var first int64
	found := false
	for i := range c.lines {
		if at, ok := c.lines[i].next(from); ok && (!found || at < first) {
			first, found = at, true
		}
	}
	if !found {
		return time.Time{}, false
	}
	return time.Unix(first, 0).UTC(), true
}

// calendarOf makes the calendar that was written as text. One without an
// occurrence since the year 2000 is refused, since it was never meant.
func calendarOf(text string, lines []line) (*Calendar, error) {
	c := &Calendar{text: text, lines: lines}
	for i := range lines {
		if l := &lines[i]; !l.atGapEnd {
			l.cron.dropSwallowed(l.zone)
		}
	}
	if _, ok := c.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)); !ok {
		err := refuse("", "matches no time since the year 2000")
		err.Expression = text
		return nil, err
	}
	return c, nil
}

// next returns the first occurrence at or after from, in Unix seconds.
func (l *line) next(from int64) (int64, bool) {
	at, ok := l.nextShown(from)
	if !l.atGapEnd {
		return at, ok
	}
	if !ok {
		at = cronEnd
	}
	if gap, found := l.nextHidden(from, at); found {
		return gap, true
	}
	return at, ok
}

// nextShown returns the first occurrence at or after from that the wall clock
// shows.
func (l *line) nextShown(from int64) (int64, bool) {
	wall := from + l.zone.pieces[l.zone.find(min(from, cronEnd))].offset
	minute := from - (wall - floorDiv(wall, 60)*60) // when the minute of from began
	for {
		at, ok := l.cron.nextIn(l.zone, minute)
		switch {
		case !ok:
			return 0, false
		case at >= from:
			return at + int64(bits.TrailingZeros64(l.seconds)), true
		case l.seconds>>(from-at) != 0:
			return from + int64(bits.TrailingZeros64(l.seconds>>(from-at))), true
		}
		minute = at + 1
	}
}

// nextHidden returns the end of the first gap that hides an occurrence, if it is
// at or after from and before until.
func (l *line) nextHidden(from, until int64) (int64, bool) {
	first, _ := slices.BinarySearchFunc(l.zone.gaps, from, func(g gap, at int64) int { return cmp.Compare(g.at, at) })
	for _, g := range l.zone.gaps[first:] {
		if g.at >= until {
			break
		}
		if match, ok := l.cron.next(g.start); ok && match < g.end {
			return g.at, true
		}
	}
	return 0, false
}
