package expr

import (
	"math/bits"
	"strings"
)

// A cron is a calendar pattern over the wall clock, as bit sets of what
// matches. Everything that depends on the calendar is worked out when it is
// made, so that next needs no search.
type cron struct {
	minutes uint64
	hours   uint32
	months  uint16
	cadence bool // it keeps its beat through a repeated stretch of the wall clock

	days   dayTable
	inYear [yearTypes]uint16 // bit m: month m of such a year has a day that matches
	years  yearSet           // the years that have a day that matches
}

// A yearSet is a set of years.
type yearSet [(years + 63) / 64]uint64

func (s *yearSet) add(year int)      { s[year/64] |= 1 << (year % 64) }
func (s *yearSet) remove(year int)   { s[year/64] &^= 1 << (year % 64) }
func (s *yearSet) has(year int) bool { return s[year/64]>>(year%64)&1 != 0 }

// after returns the first year of the set after year.
func (s *yearSet) after(year int) (int, bool) {
	year++
	word := year / 64
	if word >= len(s) {
		return 0, false
	}
	left := s[word] >> (year % 64) << (year % 64)
	for left == 0 {
		word++
		if word == len(s) {
			return 0, false
		}
		left = s[word]
	}
	return word*64 + bits.TrailingZeros64(left), true
}

// cronFields takes the body of cron(...) apart.
func cronFields(body string) []string {
	return strings.FieldsFunc(body, func(r rune) bool { return r == ' ' || r == '\t' })
}

// parseCron reads five or six fields; the sixth, the year, may be left out.
func parseCron(body string, years *field) (cron, *SyntaxError) {
	var c cron
	f := cronFields(body)
	if len(f) != 5 && len(f) != 6 {
		return c, refuse("", "has %d fields; write minutes hours day-of-month month day-of-week and, if wanted, year", len(f))
	}
	minutes, err := minuteField.parse(f[0])
	if err != nil {
		return c, err
	}
	hours, err := hourField.parse(f[1])
	if err != nil {
		return c, err
	}
	months, err := monthField.parse(f[3])
	if err != nil {
		return c, err
	}
	if err := parseDays(&c.days, f[2], f[4]); err != nil {
		return c, err
	}
	c.years.fill()
	if len(f) == 6 {
		if c.years, err = parseYears(years, f[5]); err != nil {
			return c, err
		}
	}
	c.minutes, c.hours, c.months = minutes, uint32(hours), uint16(months>>1)
	c.cadence = c.hours == 1<<24-1
	c.tabulate()
	return c, nil
}

func (s *yearSet) fill() {
	for y := range years {
		s.add(y)
	}
}

// tabulate works out inYear and takes the years without a match from years.
func (c *cron) tabulate() {
	var live yearSet
	for kind := range yearTypes {
		for m := range 12 {
			if c.months>>m&1 != 0 && c.days[calendar.shape[kind][m]] != 0 {
				c.inYear[kind] |= 1 << m
			}
		}
		if c.inYear[kind] != 0 {
			for i, word := range calendar.ofType[kind] {
				live[i] |= word
			}
		}
	}
	for i := range c.years {
		c.years[i] &= live[i]
	}
}

// dropSwallowed takes from years those in which clocks are set forward over
// every match, so that an expression such as cron(30 2 ? 3 SUN#2 *), which in
// New York never fires, is not sought from year to year.
func (c *cron) dropSwallowed(z *zone) {
	if c.hours&^z.gapHours != 0 {
		return // an hour that is in no gap fires whenever its day does
	}
	gaps := z.gaps
	for y := range years {
		wall := int64(calendar.yearStart[y]) * 24 * 60
		for c.years.has(y) {
			match, ok := c.next(wall)
			if !ok || match >= int64(calendar.yearStart[y+1])*24*60 {
				c.years.remove(y)
				break
			}
			for len(gaps) > 0 && gaps[0].end <= match {
				gaps = gaps[1:]
			}
			if len(gaps) == 0 {
				return
			}
			if match < gaps[0].start {
				break
			}
			wall = gaps[0].end
		}
	}
}

// next returns the first wall minute that matches at or after wall. Wall
// minutes count from 1970-01-01T00:00 on the wall clock.
func (c *cron) next(wall int64) (int64, bool) {
	wall = max(wall, 0)
	day, minute := int(wall/(24*60)), int(wall%(24*60))
	if day >= cronDays {
		return 0, false
	}
	year, month, dayOfMonth := calendar.date(day)
	if c.years.has(year) {
		kind := calendar.yearType[year]
		if c.inYear[kind]>>month&1 != 0 {
			left := c.days[calendar.shape[kind][month]] >> dayOfMonth
			if left&1 != 0 {
				if m, ok := c.minuteOfDay(minute); ok {
					return int64(day*24*60 + m), true
				}
			}
			if left >>= 1; left != 0 {
				return c.first(day + 1 + bits.TrailingZeros32(left)), true
			}
		}
		if later := c.inYear[kind] >> (month + 1); later != 0 {
			return c.firstOf(year, month+1+bits.TrailingZeros16(later)), true
		}
	}
	year, ok := c.years.after(year)
	if !ok {
		return 0, false
	}
	return c.firstOf(year, bits.TrailingZeros16(c.inYear[calendar.yearType[year]])), true
}

// firstOf returns the first wall minute that matches in a month that has one.
func (c *cron) firstOf(year, month int) int64 {
	days := c.days[calendar.shape[calendar.yearType[year]][month]]
	return c.first(calendar.day(year, month, bits.TrailingZeros32(days)))
}

// first returns the first wall minute that matches in a day that does.
func (c *cron) first(day int) int64 {
	return int64(day*24*60 + bits.TrailingZeros32(c.hours)*60 + bits.TrailingZeros64(c.minutes))
}

// minuteOfDay returns the first minute of a day at or after from that matches.
func (c *cron) minuteOfDay(from int) (int, bool) {
	hour, minute := from/60, from%60
	left := c.hours >> hour
	if left&1 != 0 {
		if m := c.minutes >> minute; m != 0 {
			return from + bits.TrailingZeros64(m), true
		}
	}
	if left >>= 1; left == 0 {
		return 0, false
	}
	hour += 1 + bits.TrailingZeros32(left)
	return hour*60 + bits.TrailingZeros64(c.minutes), true
}
