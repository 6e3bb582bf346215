package expr_test

import (
	"testing"
	"time"

	"github.com/belfry-run/belfry/expr"
)

// TestSystemdVectors holds ParseOnCalendar against what systemd 252 itself says,
// around both changes of clocks: six occurrences, or fewer where they end.
func TestSystemdVectors(t *testing.T) {
	rows := readLines[struct {
		Schedule string
		After    time.Time
		Next     []string
	}](t, "testdata/systemd.jsonl")
	if len(rows) != 126 {
		t.Fatalf("%d rows, want 126", len(rows))
	}
	for _, row := range rows {
		want := row.Next
		if len(want) < 6 {
			want = append(want, "END")
		}
		checkCalendarVector(t, calendarVector{Schedule: row.Schedule, TZ: "UTC", After: row.After, Next: want}, expr.ParseOnCalendar)
	}
}

func TestOnCalendar(t *testing.T) {
	for _, c := range []calendarCase{
		// What a line leaves out, and a zone that it names.
		{"Sat", "Asia/Tokyo", "2026-01-01T00:00:00Z", "2026-01-02T15:00:00Z 2026-01-09T15:00:00Z"},
		{"12:00 UTC", "Asia/Tokyo", "2026-01-01T00:00:00Z", "2026-01-01T12:00:00Z"},
		{"weekly America/New_York", "UTC", "2026-01-01T00:00:00Z", "2026-01-05T05:00:00Z"},
		// Several lines: each instant once, whoever is due.
		{" 10:00 \r\n11:00\r\n10:00 UTC\n", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T10:00:00Z 2026-01-01T11:00:00Z 2026-01-02T10:00:00Z"},
		// One of the lines may be over.
		{"2020-01-01\n2026-05-05", "UTC", "2026-01-01T00:00:00Z", "2026-05-05T00:00:00Z END"},
		{"MoN,, 1:2", "UTC", "2026-01-01T00:00:00Z", "2026-01-05T01:02:00Z"},
		{"Mon-Wed,FRIDAY", "UTC", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z 2026-01-05T00:00:00Z 2026-01-06T00:00:00Z 2026-01-07T00:00:00Z"},
		{"70/50-1-1", "UTC", "2026-01-01T00:00:00Z", "2070-01-01T00:00:00Z"},
		{"2199-12-31 23:59:59", "UTC", "2026-01-01T00:00:00Z", "2199-12-31T23:59:59Z END"},
		{"*-*~4/2", "UTC", "2026-02-01T00:00:00Z", "2026-02-25T00:00:00Z 2026-02-27T00:00:00Z 2026-03-28T00:00:00Z"},
		{"*-*~28", "UTC", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z 2026-02-01T00:00:00Z"},
		{"*-2~* 12:00", "UTC", "2026-02-27T00:00:00Z", "2026-02-27T12:00:00Z 2026-02-28T12:00:00Z 2027-02-01T12:00:00Z"},
		// Seconds, asked about within a minute that matches.
		{"*:*:10,40", "UTC", "2026-01-01T00:00:10Z", "2026-01-01T00:00:40Z 2026-01-01T00:01:10Z"},
		{"*:5:59", "UTC", "2026-01-01T00:05:58Z", "2026-01-01T00:05:59Z 2026-01-01T01:05:59Z"},
		{"*:*:0/15", "Africa/Monrovia", "1972-01-06T23:59:50Z", "1972-01-07T00:00:00Z 1972-01-07T00:00:15Z"},
	} {
		c.check(t, expr.ParseOnCalendar)
	}
}

func TestOnCalendarRefusals(t *testing.T) {
	for schedule, field := range map[string]string{
		"":                            "",
		"10:00\n\n11:00":              "",
		"Mon *-*-* *:*:* oh":          "",
		"Mon Tue 12:00":               "",
		"Mon *-*-1 *-*-1 12:00":       "",
		"Europe/Riga":                 "day-of-week",
		"12:00 Europe/Nowhere":        "day-of-week",
		"daily weekly":                "day-of-week",
		"1:2:3:4":                     "time",
		"*-*-1-2":                     "date",
		"1999-01-01":                  "", // before 2000
		"2026-02-30":                  "",
		"1969-1-1":                    "year",
		"2200-1-1":                    "year",
		"100-1-1":                     "year",
		"*/2-1-1":                     "year",
		"13-1":                        "month",
		"0-1":                         "month",
		"*--1":                        "month",
		"1-32":                        "day-of-month",
		"1-0":                         "day-of-month",
		"*-*-5..1":                    "day-of-month",
		"*-*-1..":                     "day-of-month",
		"*-*-1,*":                     "day-of-month",
		"1~29":                        "day-of-month",
		"*~0":                         "day-of-month",
		"*~1,*":                       "day-of-month",
		"*-~1":                        "month",
		"* 1-1":                       "day-of-week",
		"Fri..Mon":                    "day-of-week",
		"Mon/2":                       "day-of-week",
		"1 12:00":                     "day-of-week",
		"Mo 12:00":                    "day-of-week",
		"Mon,,Tue":                    "day-of-week",
		"24:00":                       "hours",
		"-1:00":                       "hours",
		"1-3:00":                      "hours",
		":30":                         "hours",
		"*:60":                        "minutes",
		"*:":                          "minutes",
		"*:*/15":                      "minutes",
		"*:0/0":                       "minutes",
		"*:1..1_0":                    "minutes",
		"*:?":                         "minutes",
		"*:*:60":                      "seconds",
		"*:*:1.5":                     "seconds",
		"03:30:00 2026-03-29":         "day-of-week",
		"2026-03-29 3:30 Europe/Riga": "", // clocks are set forward over it
	} {
		if _, err := expr.ParseOnCalendar(schedule, nil); err == nil {
			t.Errorf("%q is accepted", schedule)
		} else if got := fieldOf(t, err); got != field {
			t.Errorf("%q: %v, want an error about %q", schedule, err, field)
		}
	}
}
