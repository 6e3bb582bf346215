package monitor

import (
	"slices"
	"testing"
	"time"
)

func at(t *testing.T, zone, s string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", s, loc)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestQuietUntil(t *testing.T) {
	night := Window{From: 22 * 60, To: 7 * 60}
	weekend := Window{Days: []time.Weekday{time.Saturday, time.Sunday}, From: 0, To: 24 * 60}
	friday := Window{Days: []time.Weekday{time.Friday}, From: 18 * 60, To: 0}
	holidays := Window{Dates: []string{"2026-12-25", "2026-12-26", "2026-12-31"}, From: 0, To: 24 * 60}
	fridayOrNewYear := Window{Days: friday.Days, Dates: []string{"2026-12-31"}, From: 18 * 60, To: 6 * 60}
	var year Window // each day of a year that is none of the week
	for day := at(t, "UTC", "2026-01-01 00:00"); day.Year() == 2026; day = day.AddDate(0, 0, 1) {
		year.Dates = append(year.Dates, day.Format(time.DateOnly))
	}
	year.To = 24 * 60
	tests := []struct {
		name     string
		windows  []Window
		pass     Severity
		severity Severity
		now      string // Berlin; 2026-11-27 is a Friday
		want     string
	}{
		{"no windows", nil, "", Serious, "2026-11-27 03:00", "2026-11-27 03:00"},
		{"before a window", []Window{night}, "", Serious, "2026-11-27 21:59", "2026-11-27 21:59"},
		{"at its beginning", []Window{night}, "", Serious, "2026-11-27 22:00", "2026-11-28 07:00"},
		{"after midnight", []Window{night}, "", Serious, "2026-11-27 03:00", "2026-11-27 07:00"},
		{"at its end", []Window{night}, "", Serious, "2026-11-27 07:00", "2026-11-27 07:00"},
		{"a severity that passes", []Window{night}, Serious, Critical, "2026-11-27 03:00", "2026-11-27 03:00"},
		{"the severity itself", []Window{night}, Serious, Serious, "2026-11-27 03:00", "2026-11-27 03:00"},
		{"one that does not", []Window{night}, Critical, Serious, "2026-11-27 03:00", "2026-11-27 07:00"},
		{"two days that touch", []Window{weekend}, "", Serious, "2026-11-28 12:00", "2026-11-30 00:00"},
		{"windows that touch", []Window{friday, weekend, night}, "", Serious, "2026-11-27 19:00", "2026-11-30 07:00"},
		{"another day", []Window{friday}, "", Serious, "2026-11-26 19:00", "2026-11-26 19:00"},
		{"a window for ever", []Window{{From: 0, To: 24 * 60}}, "", Serious, "2026-11-27 12:00", "2026-11-27 12:00"},
		{"a date", []Window{holidays}, "", Serious, "2026-12-31 09:00", "2027-01-01 00:00"},
		{"dates that touch", []Window{holidays}, "", Serious, "2026-12-25 00:00", "2026-12-27 00:00"},
		{"before a date", []Window{holidays}, "", Serious, "2026-12-24 23:59", "2026-12-24 23:59"},
		{"the date a year later", []Window{holidays}, "", Serious, "2027-12-25 09:00", "2027-12-25 09:00"},
		{"dates beside days of the week: the date", []Window{fridayOrNewYear}, "", Serious, "2027-01-01 05:00", "2027-01-01 06:00"},
		{"dates beside days of the week: the day", []Window{fridayOrNewYear}, "", Serious, "2026-11-27 19:00", "2026-11-28 06:00"},
		{"dates beside days of the week: neither", []Window{fridayOrNewYear}, "", Serious, "2026-12-30 19:00", "2026-12-30 19:00"},
		{"dates all through a year", []Window{year}, "", Serious, "2026-01-01 09:00", "2027-01-01 00:00"},
		{"spring, when an hour is missing", []Window{night}, "", Serious, "2026-03-29 01:30", "2026-03-29 07:00"},
		{"autumn, when one comes twice", []Window{night}, "", Serious, "2026-10-25 01:30", "2026-10-25 07:00"},
	}
	for _, tt := range tests {
		q := Quiet{Zone: "Europe/Berlin", Windows: tt.windows, Pass: tt.pass}
		if err := q.check(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		got := q.Until(at(t, "Europe/Berlin", tt.now), tt.severity)
		if want := at(t, "Europe/Berlin", tt.want); !got.Equal(want) {
			t.Errorf("%s: %v, want %v", tt.name, got.In(want.Location()), want)
		}
	}
}

func TestTheMostSpecificPolicyWins(t *testing.T) {
	const account = "000000000000"
	schedule := func(group, name string) Subject {
		return Subject{account, SubjectSchedule, "arn:aws:scheduler:us-east-1:" + account + ":schedule/" + group + "/" + name}
	}
	check := func(id string) Subject { return Subject{account, SubjectCheck, id} }
	set := newPolicySet(account, []Policy{
		{Name: "account", Scope: Scope{Kind: ScopeDefault}},
		{Name: "group", Scope: Scope{ScopeGroup, "arn:aws:scheduler:us-east-1:" + account + ":schedule-group/g"}},
		{Name: "schedule", Scope: Scope{ScopeSchedule, schedule("g", "s").ID}},
		{Name: "rule", Scope: Scope{ScopeSchedule, "arn:aws:events:us-east-1:" + account + ":rule/s"}},
		{Name: "b", Scope: Scope{ScopeTag, "b"}},
		{Name: "c", Scope: Scope{ScopeTag, "c"}},
		{Name: "check", Scope: Scope{ScopeCheck, "id"}},
	})
	for _, tt := range []struct {
		s    Subject
		tags []string
		want string
	}{
		{schedule("g", "s"), nil, "schedule"},
		{schedule("g", "other"), nil, "group"},
		{schedule("default", "s"), nil, "account"},
		{Subject{account, SubjectSchedule, "arn:aws:events:us-east-1:" + account + ":rule/s"}, nil, "rule"},
		{Subject{account, SubjectSchedule, "arn:aws:events:us-east-1:" + account + ":rule/t"}, nil, "account"},
		{check("id"), []string{"b"}, "check"},
		{check("other"), []string{"z", "c", "b"}, "b"},
		{check("other"), []string{"z"}, "account"},
		{Subject{account, SubjectChannel, "id"}, nil, "account"},
		{Subject{account, SubjectServer, "disk"}, nil, "account"},
	} {
		if got := set.of(tt.s, tt.tags).Name; got != tt.want {
			t.Errorf("%v with %v has the policy %s, want %s", tt.s, tt.tags, got, tt.want)
		}
	}
	if p := newPolicySet(account, nil).of(check("id"), nil); p.ID != "" || !slices.Equal(p.Outcomes, outcomes) || p.Severity != Serious || p.Channels != nil {
		t.Errorf("without any policy: %+v", p)
	}
}

func TestBackOffDoublesUpToTenMinutes(t *testing.T) {
	for n, most := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 10: 512 * time.Second, 11: 10 * time.Minute, 1000: 10 * time.Minute} {
		for range 100 {
			if d := backOff(n); d < most/2 || d > most {
				t.Fatalf("after %d failures %v, want between half of %v and all", n, d, most)
			}
		}
	}
}
