package monitor

import (
	"slices"
	"time"

	"github.com/belfry-run/belfry"
)

// Quiet is when nobody is to be disturbed. What falls into it waits for its end.
type Quiet struct {
	Zone    string // IANA name, in which the windows are read; empty: UTC
	Windows []Window
	// Pass is the least severity that is told all the same; empty: none is.
	Pass Severity
}

// A Window is a stretch of some days. It begins on days of the week, on dates or
// on both; with neither, every day. From and To are minutes since midnight; a To
// that is not after From is on the day after.
type Window struct {
	Days     []time.Weekday
	Dates    []string `json:",omitempty"` // such as 2026-12-25
	From, To int
}

const (
	minutesADay = 24 * 60
	maxWindows  = 50
	maxDates    = 366 // of a window
)

func (q *Quiet) check() error {
	if len(q.Windows) > maxWindows {
		return belfry.Errorf(belfry.Invalid, "quiet.windows", "There are %d quiet windows; %d are allowed.", len(q.Windows), maxWindows)
	}
	if _, err := time.LoadLocation(q.Zone); err != nil || q.Zone == "Local" {
		return belfry.Errorf(belfry.Invalid, "quiet.timezone", "quiet.timezone is %q, which is no time zone such as Europe/Berlin.", q.Zone)
	}
	for _, w := range q.Windows {
		if w.From < 0 || w.From >= minutesADay || w.To < 0 || w.To > minutesADay {
			return belfry.Errorf(belfry.Invalid, "quiet.windows", "A quiet window goes from a time to a time, such as 22:00 to 07:00.")
		}
		if len(w.Dates) > maxDates {
			return belfry.Errorf(belfry.Invalid, "quiet.windows", "A quiet window has %d dates; %d are allowed.", len(w.Dates), maxDates)
		}
		for _, d := range w.Dates {
			if _, err := time.Parse(time.DateOnly, d); err != nil {
				return belfry.Errorf(belfry.Invalid, "quiet.windows", "%q is no date such as 2026-12-25.", d)
			}
		}
	}
	if q.Pass != "" && q.Pass.rank() < 0 {
		return belfry.Errorf(belfry.Invalid, "quiet.pass", "quiet.pass is %q; take info, warning, error or critical.", q.Pass)
	}
	return nil
}

// Until returns when something of that severity may be told that is to be told
// now: now, or the end of the quiet. Windows that touch or overlap are one; if
// they never end, now: what can never be told later is told at once.
func (q *Quiet) Until(now time.Time, s Severity) time.Time {
	if len(q.Windows) == 0 || q.Pass != "" && s.rank() >= q.Pass.rank() {
		return now
	}
	zone, err := time.LoadLocation(q.Zone)
	if err != nil {
		return now
	}
	at, most := now, 8*(len(q.Windows)+1) // enough for a week of windows that touch
	for i := range q.Windows {
		most += len(q.Windows[i].Dates)
	}
	for range most {
		end := at
		for i := range q.Windows {
			if e := q.Windows[i].end(at.In(zone)); e.After(end) {
				end = e
			}
		}
		if !end.After(at) {
			return at.UTC()
		}
		at = end
	}
	return now
}

// end returns when the window that t falls into ends; t itself when it falls into
// none. Times of day are wall clock times, also on days that are longer or shorter.
func (w *Window) end(t time.Time) time.Time {
	end := t
	for _, back := range []int{0, 1} { // a window that began today, or yesterday
		day := t.AddDate(0, 0, -back)
		y, m, d := day.Date()
		if !w.beginsOn(time.Date(y, m, d, 12, 0, 0, 0, time.UTC)) {
			continue
		}
		from := time.Date(y, m, d, 0, w.From, 0, 0, t.Location())
		last := d
		if w.To <= w.From {
			last++
		}
		to := time.Date(y, m, last, 0, w.To, 0, 0, t.Location())
		if !t.Before(from) && t.Before(to) && to.After(end) {
			end = to
		}
	}
	return end
}

func (w *Window) beginsOn(day time.Time) bool {
	return len(w.Days)+len(w.Dates) == 0 || slices.Contains(w.Days, day.Weekday()) || slices.Contains(w.Dates, day.Format(time.DateOnly))
}
