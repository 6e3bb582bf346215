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

// nextRate returns the first point of the grid at or after from.
func (e *Expression) nextRate(from, anchor int64) (int64, bool) {
	if from <= anchor {
		return anchor, anchor <= lastInstant
	}
	every := int64(e.every / time.Second)
	at := anchor + (from-anchor+every-1)/every*every
	return at, at <= lastInstant
}
