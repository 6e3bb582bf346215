package expr_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry-run/belfry/expr"
)

// TestUnixIsRight holds ParseUnix's Next against a slow evaluator that looks at
// one minute of real time after the other.
func TestUnixIsRight(t *testing.T) {
	names := zoneNames(t)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "zone")
		loc, err := expr.LoadZone(name)
		if err != nil {
			t.Fatal(err)
		}
		after := drawRecent(t, name, loc)
		p := drawUnix(t)
		c, err := expr.ParseUnix(p.text, loc)
		if err != nil {
			t.Skip(err.Error()) // such as a day that its months do not have
		}
		horizon := after.Add(40 * 24 * time.Hour)
		for range 4 {
			got, ok := c.Next(after)
			want, wanted := p.nextUnix(after, horizon, loc)
			switch {
			case wanted && (!ok || !got.Equal(want)):
				t.Fatalf("%s in %s after %s: got %s, want %s", c, name, after, got, want.UTC())
			case !wanted && ok && !got.After(horizon):
				t.Fatalf("%s in %s after %s: got %s, want none", c, name, after, got)
			case !wanted:
				return
			}
			after = got
		}
	})
}

// drawRecent draws an instant since 1980, when all offsets are whole minutes.
func drawRecent(t *rapid.T, name string, loc *time.Location) time.Time {
	at := drawInstant(t, name, loc)
	if at.Year() < 1980 || at.Year() > 2190 {
		t.Skip("out of the years that matter")
	}
	return at
}

// drawUnix draws a crontab's fields. cadence says that the job keeps its beat.
func drawUnix(t *rapid.T) *plan {
	field := func(label string, lo, hi int, names []string) drawn {
		return straight(t, drawField(t, label, lo, hi, names), lo, hi, "-")
	}
	minutes, hours := field("minutes", 0, 59, nil), field("hours", 0, 23, nil)
	months := field("months", 1, 12, monthNames)
	ofMonth, ofWeek := field("day-of-month", 1, 31, nil), field("day-of-week", 0, 7, append(weekdayNames, "7"))
	p := new(plan)
	for v := range 60 {
		p.minute[v], p.hour[v] = minutes.has[v], hours.has[v]
	}
	for v := 1; v <= 12; v++ {
		p.month[v] = months.has[v]
	}
	both := strings.HasPrefix(ofMonth.text, "*") || strings.HasPrefix(ofWeek.text, "*")
	p.day = func(u time.Time) bool {
		byMonth := ofMonth.has[u.Day()]
		byWeek := ofWeek.has[int(u.Weekday())] || u.Weekday() == time.Sunday && ofWeek.has[7]
		if both {
			return byMonth && byWeek
		}
		return byMonth || byWeek
	}
	p.cadence = strings.HasPrefix(minutes.text, "*") || strings.HasPrefix(hours.text, "*")
	p.text = strings.Join([]string{minutes.text, hours.text, ofMonth.text, months.text, ofWeek.text}, " ")
	return p
}

// straight replaces a field with ranges, which may wrap, by one that does not.
func straight(t *rapid.T, d drawn, lo, hi int, between string) drawn {
	if !strings.Contains(d.text, "-") {
		return d
	}
	from := rapid.IntRange(lo, hi).Draw(t, "from")
	to := rapid.IntRange(min(from+1, hi), hi).Draw(t, "to")
	d = drawn{text: fmt.Sprintf("%d%s%d/2", from, between, to), has: make(map[int]bool)}
	for v := from; v <= to; v += 2 {
		d.has[v] = true
	}
	return d
}

// nextUnix returns the first minute after t that is due. Of a job for certain
// times those count too that the wall clock has jumped over on its way to that
// minute.
func (p *plan) nextUnix(t, horizon time.Time, loc *time.Location) (time.Time, bool) {
	// A step is longer than a minute only where the clock runs straight, so that
	// no jump is stepped over.
	for u := t.Truncate(time.Minute).Add(time.Minute).In(loc); !u.After(horizon); u = u.Add(p.step(u)) {
		if p.due(u) && (p.cadence || !seenBefore(u)) || !p.cadence && p.jumpedOver(u) {
			return u, true
		}
	}
	return time.Time{}, false
}

// jumpedOver reports whether the clock has come to u over a wall minute that is
// due and that it shows neither before nor after.
func (p *plan) jumpedOver(u time.Time) bool {
	before := u.Add(-time.Minute)
	gap := time.Duration(offset(u)-offset(before)) * time.Second
	for m := gap; m > 0; m -= time.Minute {
		// The wall time m before u, as an instant that shows it in its own zone.
		wall := u.Add(-m).In(time.FixedZone("", offset(u)))
		if p.due(wall) && !shownNear(wall, u) {
			return true
		}
	}
	return false
}

// shownNear reports whether the clock of u's zone shows a wall time within a day
// and a half of u.
func shownNear(wall, u time.Time) bool {
	for d := -36 * time.Hour; d <= 36*time.Hour; d += time.Minute {
		v := u.Add(d)
		if v.Day() == wall.Day() && v.Hour() == wall.Hour() && v.Minute() == wall.Minute() && v.Month() == wall.Month() {
			return true
		}
	}
	return false
}

// TestOnCalendarIsRight holds ParseOnCalendar's Next against a slow evaluator
// that looks at one second after the other, as far as it must.
func TestOnCalendarIsRight(t *testing.T) {
	names := zoneNames(t)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "zone")
		loc, err := expr.LoadZone(name)
		if err != nil {
			t.Fatal(err)
		}
		after := drawRecent(t, name, loc)
		p, seconds := drawOnCalendar(t, after)
		if rapid.Bool().Draw(t, "zone in the text") && !strings.ContainsAny(name[:1], "0123456789") {
			p.text += " " + name
			loc = time.UTC
		}
		c, err := expr.ParseOnCalendar(p.text, loc)
		if err != nil {
			t.Skip(err.Error())
		}
		if loc, err = expr.LoadZone(name); err != nil {
			t.Fatal(err)
		}
		horizon := after.Add(40 * 24 * time.Hour)
		for range 4 {
			got, ok := c.Next(after)
			want, wanted := p.nextSecond(after, horizon, loc, seconds)
			switch {
			case wanted && (!ok || !got.Equal(want)):
				t.Fatalf("%s in %s after %s: got %s, want %s", c, name, after, got, want.UTC())
			case !wanted && ok && !got.After(horizon):
				t.Fatalf("%s in %s after %s: got %s, want none", c, name, after, got)
			case !wanted:
				return
			}
			after = got
		}
	})
}

// nextSecond is next with the seconds of a minute that are due.
func (p *plan) nextSecond(t, horizon time.Time, loc *time.Location, seconds map[int]bool) (time.Time, bool) {
	minute := t.Truncate(time.Minute)
	for {
		due, ok := p.next(minute.Add(-1), horizon, loc)
		if !ok {
			return due, false
		}
		for s := range 60 {
			if at := due.Add(time.Duration(s) * time.Second); seconds[s] && at.After(t) {
				return at, true
			}
		}
		minute = due.Add(time.Minute)
	}
}

func drawOnCalendar(t *rapid.T, near time.Time) (*plan, map[int]bool) {
	field := func(label string, lo, hi int) drawn {
		d := drawField(t, label, lo, hi, nil)
		if d.text != "*" && strings.Contains(d.text, "*") {
			d.text += "-" // systemd has no * beside other values
		}
		return straight(t, d, lo, hi, "..")
	}
	minutes, hours, seconds := field("minutes", 0, 59), field("hours", 0, 23), field("seconds", 0, 59)
	months, days := field("months", 1, 12), field("day-of-month", 1, 31)
	p := new(plan)
	for v := range 60 {
		p.minute[v], p.hour[v] = minutes.has[v], hours.has[v]
	}
	for v := 1; v <= 12; v++ {
		p.month[v] = months.has[v]
	}
	date := fmt.Sprintf("%s-%s", months.text, days.text)
	byMonth := func(u time.Time) bool { return days.has[u.Day()] }
	if rapid.Bool().Draw(t, "from the end") {
		n, ranged := rapid.IntRange(1, 28).Draw(t, "last"), rapid.Bool().Draw(t, "ranged")
		date = fmt.Sprintf("%s~%d", months.text, n)
		byMonth = func(u time.Time) bool { return daysIn(u)-u.Day()+1 == n }
		if ranged {
			date += "/2"
			byMonth = func(u time.Time) bool { back := daysIn(u) - u.Day() + 1; return back <= n && (n-back)%2 == 0 }
		}
	}
	if rapid.Bool().Draw(t, "with year") {
		y := near.Year()
		p.year = map[int]bool{y: true, y + 1: true}
		date = fmt.Sprintf("%d..%d-%s", y, y+1, date)
	}
	p.text = date + " " + strings.Join([]string{hours.text, minutes.text, seconds.text}, ":")
	p.day = byMonth
	if rapid.Bool().Draw(t, "by weekday") {
		d := rapid.IntRange(0, 6).Draw(t, "weekday")
		p.text = strings.ToLower(weekdayNames[d]) + ", " + p.text
		p.day = func(u time.Time) bool { return int(u.Weekday()) == d && byMonth(u) }
	}
	return p, seconds.has
}

// FuzzCalendar holds for any text and either dialect: no panic, a *SyntaxError
// for what is refused, occurrences in order and soon found.
func FuzzCalendar(f *testing.F) {
	for _, s := range []string{
		"*/5 0-12/3 L,LW,1-7 JAN-MAR 5L,MON#2", "30 2 8-14 3 */7", "0 0 * 2 MON#5", "* * 31 2 *",
		"Mon..Fri,Sun 2026..2030/2-1,2~1..3 *:0/15:30 Europe/Riga", "daily\n12:34 UTC\n2020-01-01", "*~*", "99-1-1 :",
	} {
		f.Add(s, int64(1774744200), uint8(0))
	}
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Monrovia"}
	f.Fuzz(func(t *testing.T, s string, after int64, zone uint8) {
		for _, parse := range []parser{expr.ParseUnix, expr.ParseOnCalendar} {
			c, err := parse(s, mustLoad(t, zones[int(zone)%len(zones)]))
			if err != nil {
				if syntax := (*expr.SyntaxError)(nil); !errors.As(err, &syntax) || syntax.Expression != s || syntax.Error() == "" {
					t.Fatalf("%q: error %v", s, err)
				}
				continue
			}
			at := time.Unix(after, 0)
			for range 3 {
				next, ok := c.Next(at)
				if took := fastest(func() { c.Next(at) }); took > time.Millisecond*time.Duration(1+strings.Count(s, "\n")) {
					t.Fatalf("%q after %d: took %s", s, at.Unix(), took)
				}
				if !ok {
					if later, ok := c.Next(at.Add(1 << 40)); ok {
						t.Fatalf("%q: none after %d, but later %v", s, at.Unix(), later)
					}
					break
				}
				if !next.After(at) || next.Location() != time.UTC {
					t.Fatalf("%q after %d: %v", s, at.Unix(), next)
				}
				if between, ok := c.Next(next.Add(-time.Nanosecond)); !ok || between != next {
					t.Fatalf("%q: %v is not found from just before it, but %v", s, next, between)
				}
				at = next
			}
		}
	})
}
