package expr_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry/expr"
)

type calendarVector struct {
	Schedule, TZ, Error string
	After               time.Time
	Next                []string
}

// TestCalendarVectors holds both dialects against what Healthchecks' own
// libraries say.
func TestCalendarVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/calendar.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cron     []calendarVector
		Validity []struct {
			Schedule, Error string
			Accepted        bool
		} `json:"cron_validity"`
		OnCalendar []calendarVector
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if n := len(file.Cron) + len(file.Validity) + len(file.OnCalendar); n != 39 {
		t.Fatalf("%d vectors, want 39", n)
	}
	for _, v := range file.Cron {
		checkCalendarVector(t, v, expr.ParseUnix)
	}
	for _, v := range file.OnCalendar {
		checkCalendarVector(t, v, expr.ParseOnCalendar)
	}
	for _, v := range file.Validity {
		_, err := expr.ParseUnix(v.Schedule, nil)
		if (err == nil) != v.Accepted {
			t.Errorf("%q: error %v, accepted should be %t", v.Schedule, err, v.Accepted)
		}
		// "Bad day-of-week" is our "day-of-week: ..."; minute and hour are ours in the plural.
		if field, named := strings.CutPrefix(v.Error, "Bad "); named && !strings.HasPrefix(fieldOf(t, err), field) {
			t.Errorf("%q: error %v, want one about %s", v.Schedule, err, field)
		}
	}
}

func checkCalendarVector(t *testing.T, v calendarVector, parse parser) {
	t.Helper()
	c, err := parse(v.Schedule, mustLoad(t, v.TZ))
	if v.Error != "" || err != nil {
		if field := strings.TrimPrefix(v.Error, "Bad "); v.Error == "" || fieldOf(t, err) != field {
			t.Errorf("%q: error %v, want %q", v.Schedule, err, v.Error)
		}
		return
	}
	at := v.After
	for _, want := range v.Next {
		got := "END"
		next, ok := c.Next(at)
		if ok {
			got, at = next.Format(time.RFC3339), next
		}
		if got != want {
			t.Errorf("%q in %s after %s: %s, want %s", v.Schedule, v.TZ, at, got, want)
			return
		}
	}
}

type parser = func(string, *time.Location) (*expr.Calendar, error)

func mustLoad(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := expr.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// fieldOf returns the field that a refusal names.
func fieldOf(t *testing.T, err error) string {
	t.Helper()
	var syntax *expr.SyntaxError
	if !errors.As(err, &syntax) {
		t.Errorf("error %v is no *SyntaxError", err)
		return ""
	}
	return syntax.Field
}

// calendarCase is the occurrences of an expression after an instant, one a blank;
// END when there are no more.
type calendarCase struct{ schedule, zone, after, want string }

func (c calendarCase) check(t *testing.T, parse parser) {
	t.Helper()
	s, err := parse(c.schedule, mustLoad(t, c.zone))
	if err != nil {
		t.Error(err)
		return
	}
	at, err := time.Parse(time.RFC3339, c.after)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for range strings.FieldsSeq(c.want) {
		next, ok := s.Next(at)
		if !ok {
			got = append(got, "END")
			break
		}
		got, at = append(got, next.Format(time.RFC3339)), next
	}
	if got := strings.Join(got, " "); got != c.want {
		t.Errorf("%q in %s after %s:\n got %s\nwant %s", c.schedule, c.zone, c.after, got, c.want)
	}
}

// TestUnixDaylightSaving: a job for a certain time runs once a day whatever the
// clocks do, one with a * keeps its beat.
func TestUnixDaylightSaving(t *testing.T) {
	for _, c := range []calendarCase{
		// In Riga, 03:00 to 04:00 does not exist on 28 March 2021 and comes twice on 31 October.
		{"0 * * * *", "Europe/Riga", "2021-03-27T23:30:00Z", "2021-03-28T00:00:00Z 2021-03-28T01:00:00Z"},
		{"*/30 * * * *", "Europe/Riga", "2021-10-31T00:10:00Z", "2021-10-31T00:30:00Z 2021-10-31T01:00:00Z 2021-10-31T01:30:00Z 2021-10-31T02:00:00Z"},
		{"0 */3 * * *", "Europe/Riga", "2021-10-30T22:30:00Z", "2021-10-31T00:00:00Z 2021-10-31T01:00:00Z 2021-10-31T04:00:00Z"},
		{"0 1,2,3,4,5 * * *", "Europe/Riga", "2021-03-27T23:30:00Z", "2021-03-28T00:00:00Z 2021-03-28T01:00:00Z 2021-03-28T02:00:00Z"},
		{"0 1,2,3,4,5 * * *", "Europe/Riga", "2021-10-30T22:30:00Z", "2021-10-30T23:00:00Z 2021-10-31T00:00:00Z 2021-10-31T02:00:00Z"},
		{"0,30 3 * * *", "Europe/Riga", "2021-03-27T12:00:00Z", "2021-03-28T01:00:00Z 2021-03-29T00:00:00Z"},
		{"30 3 * * *", "Europe/Riga", "2021-03-28T00:59:59Z", "2021-03-28T01:00:00Z 2021-03-29T00:30:00Z"},
		{"30 3 * * *", "Europe/Riga", "2021-03-28T01:00:00Z", "2021-03-29T00:30:00Z"},
		// Asked about within the repeated hour, it is over.
		{"30 3 * * *", "Europe/Riga", "2021-10-31T01:10:00Z", "2021-11-01T01:30:00Z"},
		// With a star, what does not exist is skipped.
		{"*/20 3 28 3 *", "Europe/Riga", "2021-03-27T12:00:00Z", "2022-03-28T00:00:00Z"},
		// Only ever due in the gap: at its end, each year.
		{"30 2 8-14 3 */7", "America/New_York", "2026-01-01T00:00:00Z", "2026-03-08T07:00:00Z 2027-03-14T07:00:00Z"},
		// Half an hour on Lord Howe Island.
		{"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z 2026-10-04T15:15:00Z"},
	} {
		c.check(t, expr.ParseUnix)
	}
}

func TestUnixDays(t *testing.T) {
	for _, c := range []calendarCase{
		{"1 1 */100,1-7 * MON", "UTC", "2020-01-01T00:00:00Z", "2020-01-06T01:01:00Z 2020-02-03T01:01:00Z 2020-03-02T01:01:00Z"},
		{"1 1 1-7 * */7", "UTC", "2020-01-01T00:00:00Z", "2020-01-05T01:01:00Z 2020-02-02T01:01:00Z"},
		{"1 1 L,2 * *", "UTC", "2020-01-03T00:00:00Z", "2020-01-31T01:01:00Z 2020-02-02T01:01:00Z"},
		{"0 0 l/2 * *", "UTC", "2020-01-03T00:00:00Z", "2020-01-31T00:00:00Z"},
		{"1 1 lw 5 *", "UTC", "2020-01-01T00:00:00Z", "2020-05-29T01:01:00Z"},
		{"0 0 * * 0l", "UTC", "2020-01-01T00:00:00Z", "2020-01-26T00:00:00Z"},
		{"0 0 * * 7L", "UTC", "2020-01-01T00:00:00Z", "2020-01-26T00:00:00Z"},
		{"0 0 * * 1,2,3#1", "UTC", "2020-01-01T00:00:00Z", "2020-01-06T00:00:00Z 2020-01-07T00:00:00Z 2020-01-13T00:00:00Z"},
		{"0 0 * * 7#5", "UTC", "2020-01-01T00:00:00Z", "2020-03-29T00:00:00Z"},
		{"0 0 * * */3", "UTC", "2020-01-01T01:00:00Z", "2020-01-04T00:00:00Z 2020-01-05T00:00:00Z 2020-01-08T00:00:00Z"},
		{"0 0 * * 5/2", "UTC", "2020-01-01T01:00:00Z", "2020-01-03T00:00:00Z 2020-01-05T00:00:00Z 2020-01-10T00:00:00Z"},
		{"0 0 * * sun-tue", "UTC", "2020-01-01T01:00:00Z", "2020-01-05T00:00:00Z 2020-01-06T00:00:00Z 2020-01-07T00:00:00Z 2020-01-12T00:00:00Z"},
		{"0 0 1 jan-mar/2 *", "UTC", "2020-01-01T01:00:00Z", "2020-03-01T00:00:00Z 2021-01-01T00:00:00Z"},
		{" 0\t0  29 2 * ", "UTC", "2020-03-01T01:00:00Z", "2024-02-29T00:00:00Z"},
	} {
		c.check(t, expr.ParseUnix)
	}
}

func TestUnixRefusals(t *testing.T) {
	for schedule, field := range map[string]string{
		"":                "",
		"* * * * * *":     "",
		"-1 * * * *":      "minutes",
		"1- * * * *":      "minutes",
		"2/ * * * *":      "minutes",
		"1//2 * * * *":    "minutes",
		"¹ * * * *":       "minutes",
		"L * * * *":       "minutes",
		"1-1_0 * * * *":   "minutes",
		"* 22-2 * * *":    "hours",
		"* * LL * *":      "day-of-month",
		"* * LWX * *":     "day-of-month",
		"* * L/0 * *":     "day-of-month",
		"* * L/ * *":      "day-of-month",
		"* * 15W * *":     "day-of-month",
		"* * L-3 * *":     "day-of-month",
		"* * 5-1 * *":     "day-of-month",
		"* * 1, * *":      "day-of-month",
		"* * 30 2 *":      "day-of-month",
		"* * 31 4,6 *":    "day-of-month",
		"0 0 31 2 MON":    "day-of-month",
		"* * * DEC-JAN *": "month",
		"* * * MON *":     "month",
		"* * * * MON#0":   "day-of-week",
		"* * * * 1##1":    "day-of-week",
		"* * * * 1-3#2":   "day-of-week",
		"* * * * #2":      "day-of-week",
		"* * * * 8L":      "day-of-week",
		"* * * * MONL":    "day-of-week",
		"* * * * 5L-6":    "day-of-week",
		"* * * * 5L#1":    "day-of-week",
		"* * * * 5L/3":    "day-of-week",
		"* * * * FRI-SUN": "day-of-week",
		"* * * * ?":       "day-of-week",
		"1 1 */100 * 1#4": "", // the first of a month is never its fourth Monday
	} {
		if _, err := expr.ParseUnix(schedule, nil); err == nil {
			t.Errorf("%q is accepted", schedule)
		} else if got := fieldOf(t, err); got != field {
			t.Errorf("%q: %v, want an error about %q", schedule, err, field)
		}
	}
}

// TestUnixHiddenForEver: a beat that falls into the gap of its zone only is never
// due there, and is refused there alone.
func TestUnixHiddenForEver(t *testing.T) {
	const s = "*/10 2 25-31 3 */7"
	if _, err := expr.ParseUnix(s, mustLoad(t, "Europe/Berlin")); err == nil {
		t.Errorf("%q is accepted in Berlin, where it is never due", s)
	}
	calendarCase{s, "UTC", "2026-01-01T00:00:00Z", "2026-03-29T02:00:00Z"}.check(t, expr.ParseUnix)
}
