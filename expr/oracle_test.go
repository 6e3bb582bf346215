package expr_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// A plan is what a cron expression means, kept apart from its text so that
// nothing of the parser is needed to know it.
type plan struct {
	text         string
	minute, hour [60]bool
	month        [13]bool
	year         map[int]bool // nil for any
	day          func(time.Time) bool
	cadence      bool
}

// due reports whether the wall clock that u shows matches.
func (p *plan) due(u time.Time) bool {
	return u.Second() == 0 && p.minute[u.Minute()] && p.hour[u.Hour()] && p.dueDay(u)
}

func (p *plan) dueDay(u time.Time) bool {
	return p.month[u.Month()] && (p.year == nil || p.year[u.Year()]) &&
		u.Year() >= 1970 && u.Year() <= 2199 && p.day(u)
}

// next looks at one wall minute after the other and returns the first
// occurrence after t. It gives up at the horizon.
func (p *plan) next(t, horizon time.Time, loc *time.Location) (time.Time, bool) {
	u := t.Truncate(time.Second).Add(time.Second).In(loc)
	for !u.After(horizon) {
		if s := u.Second(); s != 0 {
			u = u.Add(time.Duration(60-s) * time.Second)
			continue
		}
		if p.due(u) && (p.cadence || !seenBefore(u)) {
			return u, true
		}
		u = u.Add(p.step(u))
	}
	return time.Time{}, false
}

// step returns how far the evaluator may go from u, which is not due: a minute,
// or more within an hour or a day that does not match while the clock runs
// straight.
func (p *plan) step(u time.Time) time.Duration {
	const quarter, shift = 15 * time.Minute, 6 * time.Hour
	if !p.dueDay(u) {
		if v := u.Add(shift); v.Day() == u.Day() && offset(v) == offset(u) {
			return shift
		}
	}
	if !p.hour[u.Hour()] {
		if v := u.Add(quarter); v.Hour() == u.Hour() && offset(v) == offset(u) {
			return quarter
		}
	}
	return time.Minute
}

// seenBefore reports whether the wall clock has shown the time of u in the 25
// hours before.
func seenBefore(u time.Time) bool {
	straight := true
	for h := range 26 {
		straight = straight && offset(u.Add(-time.Duration(h)*time.Hour)) == offset(u)
	}
	if straight {
		return false
	}
	for s := time.Minute; s <= 25*time.Hour; s += time.Minute {
		if e := u.Add(-s); e.Day() == u.Day() && e.Hour() == u.Hour() && e.Minute() == u.Minute() {
			return true
		}
	}
	return false
}

func offset(u time.Time) int {
	_, seconds := u.Zone()
	return seconds
}

var (
	monthNames   = strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")
	weekdayNames = strings.Fields("SUN MON TUE WED THU FRI SAT")
)

// drawPlan draws a cron expression; years are drawn near the given one.
func drawPlan(t *rapid.T, near int) *plan {
	p := new(plan)
	minutes := drawField(t, "minutes", 0, 59, nil)
	hours := drawField(t, "hours", 0, 23, nil)
	months := drawField(t, "months", 1, 12, monthNames)
	if rapid.Bool().Draw(t, "every month") {
		months = drawStar(1, 12)
	}
	p.cadence = true
	for v := range 60 {
		p.minute[v] = minutes.has[v]
		p.hour[v] = hours.has[v]
		p.cadence = p.cadence && (v > 23 || p.hour[v])
	}
	for v := 1; v <= 12; v++ {
		p.month[v] = months.has[v]
	}
	dom, dow := "?", "?"
	if rapid.Bool().Draw(t, "by weekday") {
		dow, p.day = drawDaysOfWeek(t)
	} else {
		dom, p.day = drawDaysOfMonth(t)
	}
	fields := []string{minutes.text, hours.text, dom, months.text, dow}
	switch rapid.IntRange(0, 3).Draw(t, "year form") {
	case 0:
	case 1:
		fields = append(fields, "*")
	case 2:
		from := max(1970, min(2199, near+rapid.IntRange(-2, 5).Draw(t, "from year")))
		to := min(2199, from+rapid.IntRange(0, 4).Draw(t, "to year"))
		p.year = make(map[int]bool)
		for y := from; y <= to; y++ {
			p.year[y] = true
		}
		fields = append(fields, fmt.Sprintf("%d-%d", from, to))
	case 3:
		from := rapid.IntRange(1970, 2199).Draw(t, "first year")
		step := rapid.IntRange(1, 6).Draw(t, "year step")
		p.year = make(map[int]bool)
		for y := from; y <= 2199; y += step {
			p.year[y] = true
		}
		fields = append(fields, fmt.Sprintf("%d/%d", from, step))
	}
	p.text = "cron(" + strings.Join(fields, " ") + ")"
	if rapid.Bool().Draw(t, "lower case") {
		p.text = strings.ToLower(p.text)
	}
	return p
}

// drawn is the text of a field and its values.
type drawn struct {
	text string
	has  map[int]bool
}

func drawStar(lo, hi int) drawn {
	d := drawn{"*", make(map[int]bool)}
	for v := lo; v <= hi; v++ {
		d.has[v] = true
	}
	return d
}

// drawField draws a list of the items that every field has.
func drawField(t *rapid.T, label string, lo, hi int, names []string) drawn {
	if rapid.IntRange(0, 2).Draw(t, label+" all") == 0 {
		return drawStar(lo, hi)
	}
	name := func(v int) string {
		if names != nil && rapid.Bool().Draw(t, "by name") {
			return names[v-lo]
		}
		return strconv.Itoa(v)
	}
	value := rapid.IntRange(lo, hi)
	d := drawn{has: make(map[int]bool)}
	var items []string
	for range rapid.IntRange(1, 3).Draw(t, label+" items") {
		a, step := value.Draw(t, label), rapid.IntRange(1, hi+2).Draw(t, "step")
		switch rapid.IntRange(0, 4).Draw(t, label+" form") {
		case 0, 1:
			items = append(items, name(a))
			d.has[a] = true
		case 2:
			items = append(items, fmt.Sprintf("%s/%d", name(a), step))
			for v := a; v <= hi; v += step {
				d.has[v] = true
			}
		case 3:
			items = append(items, fmt.Sprintf("*/%d", step))
			for v := lo; v <= hi; v += step {
				d.has[v] = true
			}
		case 4: // a range, which may wrap, with a step or without
			b := value.Draw(t, label+" end")
			text := name(a) + "-" + name(b)
			if rapid.Bool().Draw(t, "stepped") {
				text += fmt.Sprintf("/%d", step)
			} else {
				step = 1
			}
			items = append(items, text)
			for v, n := a, 0; ; n++ {
				if n%step == 0 {
					d.has[v] = true
				}
				if v == b {
					break
				}
				if v++; v > hi {
					v = lo
				}
			}
		}
	}
	d.text = strings.Join(items, ",")
	return d
}

func daysIn(u time.Time) int {
	return time.Date(u.Year(), u.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// nearestWorkday reports whether u is the day from Monday to Friday nearest to
// day n of its month: it compares every such day that is at most three away.
func nearestWorkday(u time.Time, n int) bool {
	if n < 1 || n > daysIn(u) {
		return false
	}
	best, distance := 0, 99
	for d := max(1, n-3); d <= min(n+3, daysIn(u)); d++ {
		switch time.Date(u.Year(), u.Month(), d, 0, 0, 0, 0, time.UTC).Weekday() {
		case time.Saturday, time.Sunday:
			continue
		}
		if away := max(d-n, n-d); away < distance {
			best, distance = d, away
		}
	}
	return u.Day() == best
}

func drawDaysOfMonth(t *rapid.T) (string, func(time.Time) bool) {
	form := rapid.IntRange(0, 5).Draw(t, "day-of-month form")
	n := rapid.IntRange(1, 31).Draw(t, "day")
	switch form {
	case 1:
		return "L", func(u time.Time) bool { return u.Day() == daysIn(u) }
	case 2:
		return fmt.Sprintf("%dW", n), func(u time.Time) bool { return nearestWorkday(u, n) }
	case 3:
		return "LW", func(u time.Time) bool { return nearestWorkday(u, daysIn(u)) }
	case 4:
		back := n - 1
		return fmt.Sprintf("L-%d", back), func(u time.Time) bool { return u.Day() == daysIn(u)-back }
	case 5:
		return fmt.Sprintf("%d,L", n), func(u time.Time) bool { return u.Day() == n || u.Day() == daysIn(u) }
	}
	d := drawField(t, "day-of-month", 1, 31, nil)
	return d.text, func(u time.Time) bool { return d.has[u.Day()] }
}

func drawDaysOfWeek(t *rapid.T) (string, func(time.Time) bool) {
	form := rapid.IntRange(0, 4).Draw(t, "day-of-week form")
	n := rapid.IntRange(1, 7).Draw(t, "weekday")
	name := strconv.Itoa(n)
	if rapid.Bool().Draw(t, "by name") {
		name = weekdayNames[n-1]
	}
	is := func(u time.Time) bool { return int(u.Weekday())+1 == n }
	switch form {
	case 1:
		return "L", func(u time.Time) bool { return u.Weekday() == time.Saturday }
	case 2:
		return name + "L", func(u time.Time) bool { return is(u) && u.Day()+7 > daysIn(u) }
	case 3:
		nth := rapid.IntRange(1, 5).Draw(t, "nth")
		return fmt.Sprintf("%s#%d", name, nth), func(u time.Time) bool { return is(u) && (u.Day()+6)/7 == nth }
	}
	d := drawField(t, "day-of-week", 1, 7, weekdayNames)
	return d.text, func(u time.Time) bool { return d.has[int(u.Weekday())+1] }
}
