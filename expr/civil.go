package expr

// The years that cron knows.
const (
	firstYear = 1970
	lastYear  = 2199
	years     = lastYear - firstYear + 1

	cronDays = years*365 + 56 // every fourth year from 1972 to 2196 but 2100 is a leap year
)

// Calendar arithmetic works on wall-clock days: day 0 is 1970-01-01. Years
// count from 0 for 1970, months from 0 for January, weekdays from 0 for Sunday;
// days of a month count from 1.

// A yearType is one of the 14 calendars a year can have: the weekday of its 1
// January, plus 7 in a leap year.
type yearType uint8

const yearTypes = 14

// A shape is one of the 28 forms a month can have: four times the weekday of
// its first day, plus its length less 28. The days of a month on which an
// expression fires depend on nothing else.
type shape uint8

const shapes = 28

func (s shape) days() int    { return 28 + int(s&3) }
func (s shape) weekday() int { return int(s >> 2) } // of the first

// mask has a bit for each day, bit 1 for the first.
func (s shape) mask() uint32 { return 1<<(s.days()+1) - 2 }

// A civil is the calendar of all years that cron knows.
type civil struct {
	yearStart [years + 1]int32     // the day that each year begins with
	yearType  [years]yearType      // its calendar
	month     [2][366]uint8        // the month of each day of a year, 1 for leap years
	start     [2][12]int16         // the day of the year that each month begins with
	shape     [yearTypes][12]shape // the form of each month
	ofType    [yearTypes]yearSet   // the years that have each calendar
}

// calendar is never written to after it was made.
var calendar = makeCalendar()

func makeCalendar() *civil {
	c := new(civil)
	for leap := range 2 {
		day := 0
		for m, n := range [12]int{31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31} {
			c.start[leap][m] = int16(day)
			for weekday := range 7 {
				c.shape[7*leap+weekday][m] = shape((weekday+day)%7*4 + n - 28)
			}
			for range n {
				c.month[leap][day] = uint8(m)
				day++
			}
		}
	}
	day := 0
	for y := range years {
		kind := yearType((day + 4) % 7) // 1970-01-01 was a Thursday
		length := 365
		if leapYear(firstYear + y) {
			kind += 7
			length = 366
		}
		c.yearStart[y], c.yearType[y] = int32(day), kind
		c.ofType[kind].add(y)
		day += length
	}
	c.yearStart[years] = int32(day)
	return c
}

func leapYear(y int) bool {
	return y%4 == 0 && (y%100 != 0 || y%400 == 0)
}

// date takes a day, which must be in the years that cron knows, apart.
func (c *civil) date(day int) (year, month, dayOfMonth int) {
	year = day * 4 / 1461 // right, or off by one near a year's ends
	if day >= int(c.yearStart[year+1]) {
		year++
	} else if day < int(c.yearStart[year]) {
		year--
	}
	leap := c.leap(year)
	ofYear := day - int(c.yearStart[year])
	month = int(c.month[leap][ofYear])
	return year, month, ofYear - int(c.start[leap][month]) + 1
}

// day is the inverse of date.
func (c *civil) day(year, month, dayOfMonth int) int {
	return int(c.yearStart[year]) + int(c.start[c.leap(year)][month]) + dayOfMonth - 1
}

func (c *civil) leap(year int) int {
	if c.yearType[year] >= 7 {
		return 1
	}
	return 0
}
