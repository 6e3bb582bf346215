package main

import (
	"strings"
	"time"
)

// hardRows are cases in which cron libraries are known to differ: days on which
// clocks change, ends of months, far years. What they should answer is what
// Belfry documents; a library may mean something else and say so.
func hardRows() []row {
	var rows []row
	for _, c := range []struct{ expression, zone, after, next string }{
		{"cron(30 2 * * ? *)", "America/New_York", "2026-03-07T12:00:00Z", "2026-03-09T06:30:00Z 2026-03-10T06:30:00Z"},
		{"cron(0 * * * ? *)", "America/New_York", "2026-03-08T05:30:00Z", "2026-03-08T06:00:00Z 2026-03-08T07:00:00Z"},
		{"cron(30 1 * * ? *)", "America/New_York", "2026-11-01T00:00:00Z", "2026-11-01T05:30:00Z 2026-11-02T06:30:00Z"},
		{"cron(30 1 * * ? *)", "America/New_York", "2026-11-01T06:10:00Z", "2026-11-02T06:30:00Z"},
		{"cron(0/30 * * * ? *)", "America/New_York", "2026-11-01T05:00:00Z", "2026-11-01T05:30:00Z 2026-11-01T06:00:00Z 2026-11-01T06:30:00Z"},
		{"cron(45 1 * * ? *)", "Australia/Lord_Howe", "2026-04-04T12:00:00Z", "2026-04-04T14:45:00Z 2026-04-05T15:15:00Z"},
		{"cron(15 2 * * ? *)", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-04T15:15:00Z"},
		{"cron(0 0 * * ? *)", "America/Havana", "2026-03-07T12:00:00Z", "2026-03-09T04:00:00Z"},
		{"cron(0 0 * * ? *)", "America/Havana", "2026-10-31T12:00:00Z", "2026-11-01T04:00:00Z 2026-11-02T05:00:00Z"},
		{"cron(30 23 * * ? *)", "America/Sao_Paulo", "2019-02-16T12:00:00Z", "2019-02-17T01:30:00Z 2019-02-18T02:30:00Z"},
		{"cron(0 12 30 DEC ? *)", "Pacific/Apia", "2011-01-01T00:00:00Z", "2012-12-29T22:00:00Z"},
		{"cron(30 2 ? 3 SUN#2 *)", "America/New_York", "2026-01-01T00:00:00Z", ""},
		{"cron(0 0 1W 8 ? *)", "UTC", "2026-01-01T00:00:00Z", "2026-08-03T00:00:00Z"},
		{"cron(0 0 31W 5 ? *)", "UTC", "2026-01-01T00:00:00Z", "2026-05-29T00:00:00Z"},
		{"cron(0 0 LW 5 ? *)", "UTC", "2026-01-01T00:00:00Z", "2026-05-29T00:00:00Z"},
		{"cron(0 0 31 * ? *)", "UTC", "2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z 2026-05-31T00:00:00Z"},
		{"cron(0 0 29 2 ? *)", "UTC", "2096-01-01T00:00:00Z", "2096-02-29T00:00:00Z 2104-02-29T00:00:00Z"},
		{"cron(0 0 ? 2 1#5 *)", "UTC", "2026-01-01T00:00:00Z", "2032-02-29T00:00:00Z 2060-02-29T00:00:00Z"},
		{"cron(0 0 31 2 ? *)", "UTC", "2026-01-01T00:00:00Z", ""},
		{"cron(0 0 1 1 ? 2150)", "UTC", "2026-01-01T00:00:00Z", "2150-01-01T00:00:00Z"},
	} {
		r := row{Expression: c.expression, Timezone: c.zone, After: instant(c.after), Some: true}
		for s := range strings.FieldsSeq(c.next) {
			r.Next = append(r.Next, instant(s))
		}
		rows = append(rows, r)
	}
	return rows
}

func instant(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err) // the instants are our own
	}
	return t
}
