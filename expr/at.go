package expr

import "time"

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
