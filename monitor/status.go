package monitor

import (
	"fmt"
	"time"

	"github.com/belfry-run/belfry/expr"
)

// A Status is a subject's state. New, Up, Down and Paused are stored; Grace, and
// a Down that nobody has noticed yet, follow from the time.
type Status string

// The states.
const (
	New    Status = "new"    // nothing has come since it was created or resumed
	Up     Status = "up"     // well
	Grace  Status = "grace"  // late, but within the grace time
	Down   Status = "down"   // not well
	Paused Status = "paused" // nothing is expected
)

// maxDuration is the longest time between a start and its end.
const maxDuration = 72 * time.Hour

// StatusAt returns the check's state at a time, as section 8.2 of the semantics
// computes it.
func (c *Check) StatusAt(now time.Time) Status {
	switch {
	case c.Started() && !now.Before(c.LastStart.Add(c.Grace)):
		return Down
	case c.Status != Up || c.Expected.IsZero():
		return c.Status
	case !now.Before(c.Expected.Add(c.Grace)):
		return Down
	case !now.Before(c.Expected):
		return Grace
	}
	return Up
}

// Started reports whether a start has come that nothing has ended.
func (c *Check) Started() bool { return !c.LastStart.IsZero() }

// NextPing returns when a ping is expected next; zero when none is: the check
// is new, paused or down, or its schedule has no further occurrence.
func (c *Check) NextPing() time.Time {
	switch {
	case c.Status == Down:
		return time.Time{}
	case c.Started() && (c.Expected.IsZero() || c.LastStart.Before(c.Expected)):
		return c.LastStart
	}
	return c.Expected
}

// expect sets Expected and AlertAfter by the check's state. schedule is nil for
// a Simple check.
func (c *Check) expect(schedule *expr.Calendar) {
	c.Expected = time.Time{}
	switch {
	case c.Status != Up:
	case schedule == nil:
		c.Expected = c.LastPing.Add(c.Timeout)
	default:
		if next, ok := schedule.Next(c.LastPing); ok {
			c.Expected = next
		}
	}
	c.AlertAfter = time.Time{}
	if next := c.NextPing(); !next.IsZero() {
		c.AlertAfter = next.Add(c.Grace)
	}
}

// overdue takes the check down if it should be down by now: at its time, or when
// it came about, if that is later.
func (c *Check) overdue(now, since time.Time) []Flip {
	if c.AlertAfter.IsZero() || now.Before(c.AlertAfter) {
		return nil
	}
	detail := fmt.Sprintf("No ping came by %s: the last one came at %s, the next was due at %s, and %s of grace have passed.",
		clock(c.AlertAfter), clock(c.LastPing), clock(c.Expected), c.Grace)
	if c.Started() && c.NextPing().Equal(c.LastStart) {
		detail = fmt.Sprintf("The run that started at %s had not ended by %s, after %s of grace.", clock(c.LastStart), clock(c.AlertAfter), c.Grace)
	}
	at := c.AlertAfter
	if at.Before(since) {
		at = since
	}
	return []Flip{c.become(Down, at, ReasonTimeout, detail)}
}

// take lets a ping have its effect, by the table in section 8.2 of the
// semantics. It may turn the ping into one that is ignored.
func (c *Check) take(p *Ping) (flips []Flip) {
	if c.Status == Paused && c.ManualResume {
		p.Action = PingIgnored
	}
	switch p.Action {
	case PingStart:
		c.LastStart, c.LastStartRID = p.At, p.RID
	case PingSuccess, PingFail:
		c.LastPing, c.LastDuration = p.At, 0
		if c.Started() && c.LastStartRID == p.RID {
			c.LastDuration = duration(c.LastStart, p.At)
		}
		if c.LastStartRID == p.RID || p.RID == "" || p.Action == PingFail {
			c.LastStart, c.LastStartRID = time.Time{}, ""
		}
		switch {
		case p.Action == PingFail && c.Status != Down:
			flips = append(flips, c.become(Down, p.At, ReasonFail, failure(p)))
		case p.Action == PingSuccess && c.Status != Up:
			detail := fmt.Sprintf("A ping came at %s.", clock(p.At))
			if c.Status == Down {
				detail = fmt.Sprintf("A ping came at %s; it had been down for %s.", clock(p.At), p.At.Sub(c.Since).Round(time.Second))
			}
			flips = append(flips, c.become(Up, p.At, ReasonSuccess, detail))
		}
		if len(flips) > 0 {
			flips[0].Run = p.RID
		}
	}
	return flips
}

func failure(p *Ping) string {
	if p.ExitStatus > 0 {
		return fmt.Sprintf("A ping at %s told of exit status %d.", clock(p.At), p.ExitStatus)
	}
	return fmt.Sprintf("A ping at %s told of a failure.", clock(p.At))
}

// duration returns the time between a start and its end: at least a
// millisecond, which is as exact as times are kept, and 0 when it is longer than
// can be believed.
func duration(start, end time.Time) time.Duration {
	d := end.Sub(start)
	if d < 0 || d > maxDuration {
		return 0
	}
	return max(d, time.Millisecond)
}

// pause forgets a run that is under way too; the flip is only of a check that
// was not paused.
func (c *Check) pause(now time.Time) []Flip {
	c.LastStart, c.LastStartRID, c.AlertAfter = time.Time{}, "", time.Time{}
	if c.Status == Paused {
		return nil
	}
	return []Flip{c.become(Paused, now, ReasonPaused, "It was paused.")}
}

func (c *Check) resume(now time.Time) Flip {
	c.LastPing, c.LastStart, c.LastStartRID = time.Time{}, time.Time{}, ""
	return c.become(New, now, ReasonResumed, "It was resumed.")
}

// become changes the stored status and returns the flip that tells of it. What
// is expected is left to expect, unless nothing is.
func (c *Check) become(to Status, at time.Time, reason Reason, detail string) Flip {
	f := Flip{Subject: c.Subject(), Name: c.DisplayName(), At: at, From: c.Status, To: to, Reason: reason, Detail: detail}
	c.Status, c.Since = to, at
	c.Expected, c.AlertAfter = time.Time{}, time.Time{}
	return f
}

// clock writes a time for people.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
