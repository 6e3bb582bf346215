package native

import "time"

// Unreadable is a part of the history that cannot be read: what an answer lacks.
type Unreadable struct {
	Day    time.Time // its start, UTC
	File   string    // in the data directory
	Reason string
}

type unreadable struct {
	Day    string `json:"day"` // UTC, such as 2026-03-08
	File   string `json:"file"`
	Reason string `json:"reason"`
}

// unreadable returns what of the history within [from, to] cannot be read; a zero
// bound is open.
func (a *API) unreadable(from, to time.Time) []unreadable {
	if a.Unreadable == nil {
		return nil
	}
	var out []unreadable
	for _, u := range a.Unreadable(from, to) {
		out = append(out, unreadable{Day: u.Day.Format(time.DateOnly), File: u.File, Reason: u.Reason})
	}
	return out
}
