package native

import (
	"fmt"
	"time"
)

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

// doubt makes an answer say so when what would tell of the time cannot be read.
func (r *reason) doubt(at time.Time, lost []unreadable) {
	if len(lost) == 0 || r.Run != nil || r.Gap != nil || r.Outcome == "future" {
		return
	}
	if r.Outcome == "unknown" {
		r.Sentence = fmt.Sprintf("What became of %s is not known: the history of %s cannot be read (%s: %s).",
			at.UTC().Format("2006-01-02 15:04:05 UTC"), lost[0].Day, lost[0].File, lost[0].Reason)
		return
	}
	r.Sentence += fmt.Sprintf(" The history of %s cannot be read (%s), so a run of that day would be missing here.", lost[0].Day, lost[0].File)
}
