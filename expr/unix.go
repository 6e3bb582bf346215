package expr

import (
	"strings"
	"time"
)

// The fields of a crontab. Weekdays run from 0 to 7, both of which are Sunday.
var (
	unixMinuteField  = &field{name: minuteField.name, max: 59, unmarked: true}
	unixHourField    = &field{name: hourField.name, max: 23, unmarked: true}
	unixDayField     = &field{name: dayField.name, min: 1, max: 31, unmarked: true}
	unixMonthField   = &field{name: monthField.name, min: 1, max: 12, unmarked: true, names: monthField.names}
	unixWeekdayField = &field{name: weekdayField.name, max: 7, unmarked: true, names: weekdayField.names}
)

// ParseUnix reads the five fields of a crontab,
//
//	minutes hours day-of-month month day-of-week
//
// as Debian's cron does, with these additions: L and LW in day-of-month are the
// month's last day and its last day from Monday to Friday, and in day-of-week 5L
// is the last Friday of the month and FRI#2 the second.
//
// Where day-of-month or day-of-week begins with *, even as */2, both must match;
// else one of them is enough.
//
// An expression whose minutes and hours do not begin with * is for certain times
// of the day: one over which clocks are set forward is due when they are, and one
// that comes twice is due the first time. Any other keeps its beat: it is due
// whenever the wall clock shows a time that matches.
//
// loc is the zone of the wall clock, nil for UTC; see [Parse] for its cost. The
// error is a [*SyntaxError], also for an expression that is never due.
//
// Source: section 8.2 of the semantics, after Healthchecks and crontab(5) of
// Debian.
func ParseUnix(s string, loc *time.Location) (*Calendar, error) {
	if loc == nil {
		loc = time.UTC
	}
	l, err := parseUnix(strings.Fields(s))
	if err != nil {
		err.Expression = s
		return nil, err
	}
	l.zone = zoneOf(loc)
	return calendarOf(s, []line{l})
}

func parseUnix(f []string) (line, *SyntaxError) {
	l := line{seconds: 1}
	c := &l.cron
	if len(f) != 5 {
		return l, refuse("", "has %d fields; write minutes hours day-of-month month day-of-week", len(f))
	}
	minutes, err := unixMinuteField.parse(f[0])
	if err != nil {
		return l, err
	}
	hours, err := unixHourField.parse(f[1])
	if err != nil {
		return l, err
	}
	months, err := unixMonthField.parse(f[3])
	if err != nil {
		return l, err
	}
	c.minutes, c.hours, c.months = minutes, uint32(hours), uint16(months>>1)
	if err := c.unixDays(f[2], f[4]); err != nil {
		return l, err
	}
	c.cadence = strings.HasPrefix(f[0], "*") || strings.HasPrefix(f[1], "*")
	l.atGapEnd = !c.cadence
	c.years.fill()
	c.tabulate()
	return l, nil
}

// unixDays reads the fields day-of-month and day-of-week. Months must be set.
func (c *cron) unixDays(ofMonth, ofWeek string) *SyntaxError {
	var byWeek dayTable
	if err := c.unixDaysOfMonth(ofMonth); err != nil {
		return err
	}
	if err := unixDaysOfWeek(&byWeek, ofWeek); err != nil {
		return err
	}
	both := strings.HasPrefix(ofMonth, "*") || strings.HasPrefix(ofWeek, "*")
	for s := range c.days {
		if both {
			c.days[s] &= byWeek[s]
		} else {
			c.days[s] |= byWeek[s]
		}
	}
	return nil
}

// unixDaysOfMonth reads a list of what every field has, of L and of LW. A step
// after these two is read and means nothing.
func (c *cron) unixDaysOfMonth(text string) *SyntaxError {
	possible := false
	for item := range strings.SplitSeq(text, ",") {
		base, step, stepped := strings.Cut(strings.ToUpper(item), "/")
		if base == "L" || base == "LW" {
			if n, ok := number(step); stepped && (!ok || n == 0) {
				return refuse(dayField.name, "%q is not a step; write %s", clip(step), base)
			}
			c.days.add(func(s shape) int { return s.workday(s.days(), base == "LW") })
			possible = true
			continue
		}
		v, err := unixDayField.item(item)
		if err != nil {
			return err
		}
		for s := range shape(shapes) {
			c.days[s] |= uint32(v.bits()) & s.mask()
		}
		possible = possible || v.from <= c.longestMonth()
	}
	if !possible {
		return refuse(dayField.name, "%s is in none of the months; write a day that they have", clip(text))
	}
	return nil
}

// longestMonth returns the length of the longest month that matches, in a leap
// year.
func (c *cron) longestMonth() int {
	most := 0
	for m := range 12 {
		if c.months>>m&1 != 0 {
			most = max(most, calendar.shape[7][m].days())
		}
	}
	return most
}

// unixDaysOfWeek reads a list of what every field has, of dL for the month's
// last d, where d is a number, and of d#n for its n-th d.
func unixDaysOfWeek(days *dayTable, text string) *SyntaxError {
	f := unixWeekdayField
	for item := range strings.SplitSeq(text, ",") {
		day, nth, counted := strings.Cut(item, "#")
		digit, last := strings.CutSuffix(strings.ToUpper(item), "L")
		switch {
		case last:
			d, ok := number(digit)
			if !ok || d > 7 {
				return refuse(f.name, "%q is not a weekday of which the last is meant; write 0L to 7L", clip(item))
			}
			days.add(func(s shape) int { return s.last(d % 7) })
		case counted:
			d, err := f.value(day)
			if err != nil {
				return err
			}
			n, ok := number(nth)
			if !ok || n < 1 || n > 5 {
				return refuse(f.name, "%q is not which of the month's days is meant; write #1 to #5", "#"+clip(nth))
			}
			days.add(func(s shape) int { return s.nth(d%7, n) })
		default:
			v, err := f.item(item)
			if err != nil {
				return err
			}
			set := v.bits() // bit 0 and bit 7 for Sunday
			days.addWeekdays(set<<1&0xfe | set>>7<<1)
		}
	}
	return nil
}
