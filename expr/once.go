package expr

import (
	"strconv"
	"strings"
	"time"
)

// maxEvery is the longest interval of a rate: 250 years of 365 days. Whoever
// writes a longer one made a mistake, and a time.Duration ends at 292 years.
const maxEvery = 250 * 365 * 24 * time.Hour

// parseRate reads "5 minutes". A day is exactly 24 hours. Scheduler does not
// hold the plural to the number and does without the blank.
func parseRate(body string) (time.Duration, *SyntaxError) {
	const field = "rate"
	digits := len(body) - len(strings.TrimLeft(body, "0123456789"))
	if digits == 0 {
		return 0, refuse(field, "does not begin with a whole number; write a value and a unit, such as 5 minutes")
	}
	var unit time.Duration
	switch word := strings.ToLower(strings.Trim(body[digits:], " ")); word {
	case "minute", "minutes":
		unit = time.Minute
	case "hour", "hours":
		unit = time.Hour
	case "day", "days":
		unit = 24 * time.Hour
	case "":
		return 0, refuse(field, "has no unit; add minutes, hours or days")
	default:
		return 0, refuse(field, "%q is not a unit; write minutes, hours or days", clip(word))
	}
	value, err := strconv.ParseInt(body[:digits], 10, 64)
	switch {
	case err != nil || value > int64(maxEvery/unit):
		return 0, refuse(field, "is longer than 250 years; the most is %d minutes, %d hours or %d days",
			maxEvery/time.Minute, maxEvery/time.Hour, maxEvery/(24*time.Hour))
	case value == 0:
		return 0, refuse(field, "the value is 0; the least is 1")
	}
	return time.Duration(value) * unit, nil
}

// parseAt reads "2026-11-23T08:30:00", the seconds optional, as a wall time of
// loc and returns its instant in Unix seconds: of two instants the first, of
// none the first after the gap.
func parseAt(body string, loc *time.Location) (int64, *SyntaxError) {
	const field = "at"
	layout := "2006-01-02T15:04:05"
	if len(body) == len("2006-01-02T15:04") {
		layout = layout[:len(body)]
	}
	// time.Parse takes fractions of a second that the layout does not have.
	wall, err := time.Parse(layout, body)
	if err != nil || len(body) != len(layout) {
		return 0, refuse(field, "%q is not a date and time; write yyyy-mm-ddThh:mm:ss, without zone or fraction", clip(body))
	}
	at := instantOf(wall.Unix(), loc)
	if wall.Year() < firstYear || at > lastInstant {
		return 0, refuse(field, "the year is outside %d to 9999", firstYear)
	}
	return at, nil
}

// instantOf returns the first instant at which the wall clock of loc shows
// wall (seconds since 1970-01-01T00:00 on that clock) or, if it never does,
// has passed it.
func instantOf(wall int64, loc *time.Location) int64 {
	at := wall - 36*60*60 // no offset is that large
	for {
		offset, end := offsetAt(loc, at)
		if wall < at+offset {
			return at
		}
		if wall < end+offset {
			return wall - offset
		}
		at = end
	}
}

// clip keeps what a message quotes short.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
