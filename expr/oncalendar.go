package expr

import (
	"strings"
	"time"
)

// The fields of a systemd calendar expression. A range is written 1..5.
var (
	calendarYearField   = &field{name: yearField.name, min: firstYear, max: lastYear, unmarked: true, between: "..", shortYear: true}
	calendarMonthField  = &field{name: monthField.name, min: 1, max: 12, unmarked: true, between: ".."}
	calendarDayField    = &field{name: dayField.name, min: 1, max: 31, unmarked: true, between: ".."}
	calendarLastField   = &field{name: dayField.name, min: 1, max: 28, unmarked: true, between: ".."}
	calendarHourField   = &field{name: hourField.name, max: 23, unmarked: true, between: ".."}
	calendarMinuteField = &field{name: minuteField.name, max: 59, unmarked: true, between: ".."}
	calendarSecondField = &field{name: "seconds", max: 59, unmarked: true, between: ".."}
)

// calendarWeekdays are the names of weekdays, in the order of a week that the
// first three letters stand for too.
var calendarWeekdays = []string{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"}

// calendarShorthands are the names of whole expressions.
var calendarShorthands = map[string]string{
	"minutely":     "*-*-* *:*",
	"hourly":       "*-*-* *:00",
	"daily":        "*-*-* 00:00",
	"weekly":       "Mon *-*-* 00:00",
	"monthly":      "*-*-01 00:00",
	"quarterly":    "*-01,04,07,10-01 00:00",
	"semiannually": "*-01,07-01 00:00",
	"yearly":       "*-01-01 00:00",
	"annually":     "*-01-01 00:00",
}

// ParseOnCalendar reads one or more of systemd's calendar expressions, each on a
// line of its own,
//
//	[weekdays] [[year-]month-day] [hour:minute[:second]] [zone]
//
// in which at least one of the first three parts is given; what is left out is
// any weekday, any date, midnight, second 0. A ~ in place of the - before the day
// counts from the end of the month: *-02~1 is February's last day. The names
// minutely, hourly, daily, weekly, monthly, quarterly, semiannually, yearly and
// annually stand for whole expressions. Fractions of a second are not known.
//
// A wall time over which clocks are set forward is skipped, and of one that comes
// twice only the first is due, as systemd has it.
//
// loc is the zone of lines that do not name theirs, nil for UTC; see [Parse] for
// its cost. The error is a [*SyntaxError], also for an expression that has not
// been due since the year 2000.
//
// Source: section 8.2 of the semantics, after Healthchecks and systemd.time(7).
func ParseOnCalendar(s string, loc *time.Location) (*Calendar, error) {
	if loc == nil {
		loc = time.UTC
	}
	var lines []line
	for text := range strings.SplitSeq(strings.TrimSpace(s), "\n") {
		l, err := parseCalendarLine(strings.Fields(text), loc)
		if err != nil {
			err.Expression = s
			return nil, err
		}
		lines = append(lines, l)
	}
	return calendarOf(s, lines)
}

// parseCalendarLine reads the parts of a line from its end.
func parseCalendarLine(parts []string, loc *time.Location) (line, *SyntaxError) {
	l := line{seconds: 1}
	c := &l.cron
	if n := len(parts) - 1; n > 0 && letter(parts[n][0]) {
		if named, err := LoadZone(parts[n]); err == nil {
			loc, parts = named, parts[:n]
		}
	}
	l.zone = zoneOf(loc)
	if len(parts) == 1 && calendarShorthands[strings.ToLower(parts[0])] != "" {
		parts = strings.Fields(calendarShorthands[strings.ToLower(parts[0])])
	}
	c.minutes, c.hours, c.months = 1, 1, 1<<12-1
	c.years.fill()
	for s := range shape(shapes) {
		c.days[s] = s.mask()
	}
	if n := len(parts) - 1; n >= 0 && strings.Contains(parts[n], ":") {
		if err := l.parseTime(parts[n]); err != nil {
			return l, err
		}
		parts = parts[:n]
	} else if n < 0 {
		return l, refuse("", "is empty, or has an empty line; write weekdays, a date or a time")
	}
	if n := len(parts) - 1; n >= 0 && (digit(parts[n][0]) || parts[n][0] == '*') && strings.ContainsAny(parts[n], "-~") {
		if err := c.parseDate(parts[n]); err != nil {
			return l, err
		}
		parts = parts[:n]
	}
	if len(parts) > 0 {
		if err := c.parseWeekdays(parts[0]); err != nil {
			return l, err
		}
	}
	if len(parts) > 1 {
		return l, refuse("", "has %q where the line should end; write weekdays, date, time and zone in this order", clip(parts[1]))
	}
	c.tabulate()
	return l, nil
}

// parseTime reads hour:minute or hour:minute:second.
func (l *line) parseTime(text string) *SyntaxError {
	f := strings.Split(text, ":")
	if len(f) > 3 {
		return refuse("time", "%q has more than three fields; write hour:minute:second", clip(text))
	}
	hours, err := calendarHourField.parseStar(f[0])
	if err != nil {
		return err
	}
	l.cron.hours = uint32(hours)
	if l.cron.minutes, err = calendarMinuteField.parseStar(f[1]); err != nil {
		return err
	}
	if len(f) == 3 {
		l.seconds, err = calendarSecondField.parseStar(f[2])
	}
	return err
}

// parseDate reads year-month-day or month-day, where the last - may be a ~.
func (c *cron) parseDate(text string) *SyntaxError {
	date, day, fromLast := strings.Cut(text, "~")
	if !fromLast {
		i := strings.LastIndexByte(text, '-')
		date, day = text[:i], text[i+1:]
	}
	year, month, ok := strings.Cut(date, "-")
	if !ok {
		year, month = "*", date
	}
	if strings.Contains(month, "-") {
		return refuse("date", "%q has more than three fields; write year-month-day, and a range as 1..5", clip(text))
	}
	if year != "*" {
		if err := calendarYearField.refuseStar(year); err != nil {
			return err
		}
		var err *SyntaxError
		if c.years, err = parseYears(calendarYearField, year); err != nil {
			return err
		}
	}
	months, err := calendarMonthField.parseStar(month)
	if err != nil {
		return err
	}
	c.months = uint16(months >> 1)
	if fromLast && day != "*" {
		c.days = dayTable{}
		return c.days.addFromLast(day)
	}
	set, err := calendarDayField.parseStar(day)
	for s := range shape(shapes) {
		c.days[s] &= uint32(set)
	}
	return err
}

// addFromLast adds the days of a list that counts from the month's end: 1 is the
// last, and 5/2 the fifth, the third and the first from there.
func (t *dayTable) addFromLast(text string) *SyntaxError {
	f := calendarLastField
	if err := f.refuseStar(text); err != nil {
		return err
	}
	for item := range strings.SplitSeq(text, ",") {
		v, err := f.item(item)
		if err != nil {
			return err
		}
		if !strings.Contains(item, f.between) {
			v.from, v.to = f.min, v.from
			if !strings.Contains(item, "/") {
				v.from = v.to
			}
		}
		for n := v.to; n >= v.from; n -= v.step {
			t.add(func(s shape) int { return s.days() + 1 - n })
		}
	}
	return nil
}

// parseWeekdays reads a list of weekdays and ranges of them, and takes all other
// days away. A range may be written with a - too, and a comma may end the list.
func (c *cron) parseWeekdays(text string) *SyntaxError {
	var set uint64 // as addWeekdays has it
	for item := range strings.SplitSeq(strings.TrimRight(text, ","), ",") {
		first, last, ranged := strings.Cut(strings.ReplaceAll(item, "-", ".."), "..")
		from, ok := calendarWeekday(first)
		to := from
		if ok && ranged {
			to, ok = calendarWeekday(last)
		}
		if !ok {
			return refuse(weekdayField.name, "%q is not a weekday or a range of them; write such as Mon or Mon..Fri", clip(item))
		}
		if to < from {
			return refuse(weekdayField.name, "the range %s ends before it begins; the week begins with Monday", clip(item))
		}
		for d := from; d <= to; d++ {
			set |= 1 << ((d+1)%7 + 1)
		}
	}
	var days dayTable
	days.addWeekdays(set)
	for s := range c.days {
		c.days[s] &= days[s]
	}
	return nil
}

// calendarWeekday returns a weekday's place in calendarWeekdays.
func calendarWeekday(name string) (int, bool) {
	for i, full := range calendarWeekdays {
		if strings.EqualFold(name, full) || strings.EqualFold(name, full[:3]) {
			return i, true
		}
	}
	return 0, false
}

// parseStar reads a list, or a * alone.
func (f *field) parseStar(text string) (uint64, *SyntaxError) {
	if text != "*" {
		if err := f.refuseStar(text); err != nil {
			return 0, err
		}
	}
	return f.parse(text)
}

// refuseStar refuses a * that has company, which systemd does not know.
func (f *field) refuseStar(text string) *SyntaxError {
	if strings.Contains(text, "*") {
		return refuse(f.name, "has a * beside other values; write * alone, and a step such as %d/5", f.min)
	}
	return nil
}
