package expr

import "strings"

// A dayTable says for each shape of a month on which of its days an expression
// fires: bit d for day d.
type dayTable [shapes]uint32

// parseDays reads the fields day-of-month and day-of-week, of which exactly one
// must be ?.
func parseDays(days *dayTable, ofMonth, ofWeek string) *SyntaxError {
	switch {
	case ofMonth == "?" && ofWeek == "?":
		return refuse(weekdayField.name, "is ? and so is day-of-month; write ? in one of them only")
	case ofMonth != "?" && ofWeek != "?":
		return refuse(weekdayField.name, "is given and so is day-of-month; write ? in the one that does not matter")
	case ofWeek == "?":
		return parseDaysOfMonth(days, ofMonth)
	default:
		return parseDaysOfWeek(days, ofWeek)
	}
}

// parseDaysOfMonth reads a list of what every field has and of L, LW, L-n,
// L-nW and nW, which may stand side by side: each adds its days.
func parseDaysOfMonth(days *dayTable, text string) *SyntaxError {
	for item := range strings.SplitSeq(text, ",") {
		upper := strings.ToUpper(item)
		rest, weekday := strings.CutSuffix(upper, "W")
		offset, last := strings.CutPrefix(rest, "L")
		switch {
		case last:
			n, err := fromLast(item, offset)
			if err != nil {
				return err
			}
			days.add(func(s shape) int { return s.workday(s.days()-n, weekday) })
		case weekday:
			n, ok := number(rest)
			if !ok || n < 1 || n > 31 {
				return refuse(dayField.name, "%q does not name the day before W; write 1W to 31W, or LW", clip(item))
			}
			days.add(func(s shape) int { return s.workday(n, true) })
		default:
			v, err := dayField.item(item)
			if err != nil {
				return err
			}
			set := uint32(v.bits())
			for s := range shape(shapes) {
				days[s] |= set & s.mask()
			}
		}
	}
	return nil
}

// fromLast reads what follows L in day-of-month: nothing, or "-n" for n days
// before the last.
func fromLast(item, offset string) (int, *SyntaxError) {
	if offset == "" {
		return 0, nil
	}
	digits, minus := strings.CutPrefix(offset, "-")
	n, ok := number(digits)
	if !minus || !ok || n > 30 {
		return 0, refuse(dayField.name, "%q does not count back from the last day; write L, LW or L-1 to L-30", clip(item))
	}
	return n, nil
}

// parseDaysOfWeek reads a list of what every field has, of L for the week's
// last day, Saturday, and of dL for the month's last d; or d#n alone.
func parseDaysOfWeek(days *dayTable, text string) *SyntaxError {
	if strings.Contains(text, "#") {
		return parseNth(days, text)
	}
	for item := range strings.SplitSeq(text, ",") {
		day, last := item, false
		if n := len(item); n > 0 && item[n-1]|0x20 == 'l' {
			day, last = item[:n-1], true
		}
		switch {
		case last && day == "":
			days.addWeekdays(1 << 7)
		case last:
			d, err := weekdayField.value(day)
			if err != nil {
				return err
			}
			days.add(func(s shape) int { return s.last(d - 1) })
		default:
			v, err := weekdayField.item(item)
			if err != nil {
				return err
			}
			days.addWeekdays(v.bits())
		}
	}
	return nil
}

// parseNth reads d#n, the month's n-th d. It must stand alone.
func parseNth(days *dayTable, text string) *SyntaxError {
	if strings.Contains(text, ",") {
		return refuse(weekdayField.name, "has other values beside one with #; write that one alone, and a schedule for each of the others")
	}
	day, nth, _ := strings.Cut(text, "#")
	d, err := weekdayField.value(day)
	if err != nil {
		return err
	}
	n, ok := number(nth)
	if !ok || n < 1 || n > 5 {
		return refuse(weekdayField.name, "%q is not which of the month's days is meant; write #1 to #5", "#"+clip(nth))
	}
	days.add(func(s shape) int { return s.nth(d-1, n) })
	return nil
}

// add adds the day that pick chooses in each shape, if the month has it.
func (t *dayTable) add(pick func(shape) int) {
	for s := range shape(shapes) {
		if d := pick(s); d >= 1 && d <= s.days() {
			t[s] |= 1 << d
		}
	}
}

// addWeekdays adds the days of a set with bit 1 for Sunday to bit 7 for
// Saturday.
func (t *dayTable) addWeekdays(set uint64) {
	for s := range shape(shapes) {
		// The week as it begins on the first of the month, five times over.
		week := (set<<7 | set) >> (1 + s.weekday()) & 0x7f
		month := week<<1 | week<<8 | week<<15 | week<<22 | week<<29
		t[s] |= uint32(month) & s.mask()
	}
}

func (s shape) weekdayOf(day int) int { return (s.weekday() + day - 1) % 7 }

// nth returns the n-th of a weekday, which may be past the month's end.
func (s shape) nth(weekday, n int) int {
	return 1 + (weekday-s.weekday()+7)%7 + 7*(n-1)
}

func (s shape) last(weekday int) int {
	d := s.nth(weekday, 5)
	if d > s.days() {
		d -= 7
	}
	return d
}

// workday returns day or, if wanted, the day from Monday to Friday that is
// nearest to it within the month. A month without the day has no such day
// either: 31W does not fire in April.
func (s shape) workday(day int, nearest bool) int {
	if !nearest || day < 1 || day > s.days() {
		return day
	}
	switch s.weekdayOf(day) {
	case 6: // Saturday
		if day == 1 {
			return 3
		}
		return day - 1
	case 0: // Sunday
		if day == s.days() {
			return day - 2
		}
		return day + 1
	}
	return day
}
