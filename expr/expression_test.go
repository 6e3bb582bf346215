package expr_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry/expr"
)

// TestRefusals names the field that is at fault.
func TestRefusals(t *testing.T) {
	for _, c := range []struct{ expression, field string }{
		{"", ""},
		{"cron", ""},
		{"cron()", ""},
		{"cron(0 12 * * ? *", ""},
		{"cron(0 12 * * ? *))", ""},
		{"cron(0 12 * * ? *) ", ""},
		{"\u00a0cron(0 12 * * ? *)", ""},
		{"cron( 0 12 * * ? *)", ""},
		{"cron(0 12 * * ? * )", ""},
		{"cron (0 12 * * ? *)", ""},
		{"cron(0 12 * ?)", ""},
		{"cron(0 0 12 * * ? *)", ""},
		{"cron(0\n12 * * ? *)", "minutes"},
		{"every(5 minutes)", ""},

		{"cron(60 0 * * ? *)", "minutes"},
		{"cron(-1 0 * * ? *)", "minutes"},
		{"cron(+1 0 * * ? *)", "minutes"},
		{"cron(*/0 0 * * ? *)", "minutes"},
		{"cron(0/ 0 * * ? *)", "minutes"},
		{"cron(/5 0 * * ? *)", "minutes"},
		{"cron(1/2/3 0 * * ? *)", "minutes"},
		{"cron(1-2-3 0 * * ? *)", "minutes"},
		{"cron(*-5 0 * * ? *)", "minutes"},
		{"cron(1-* 0 * * ? *)", "minutes"},
		{"cron(1, 0 * * ? *)", "minutes"},
		{"cron(,1 0 * * ? *)", "minutes"},
		{"cron(1,,2 0 * * ? *)", "minutes"},
		{"cron(? 0 * * ? *)", "minutes"},
		{"cron(L 0 * * ? *)", "minutes"},
		{"cron(1#2 0 * * ? *)", "minutes"},
		{"cron(99999999999999999999 0 * * ? *)", "minutes"},
		{"cron(٣ 0 * * ? *)", "minutes"},
		{"cron(0 24 * * ? *)", "hours"},
		{"cron(0 0-24 * * ? *)", "hours"},

		{"cron(0 0 0 * ? *)", "day-of-month"},
		{"cron(0 0 32 * ? *)", "day-of-month"},
		{"cron(0 0 W * ? *)", "day-of-month"},
		{"cron(0 0 0W * ? *)", "day-of-month"},
		{"cron(0 0 32W * ? *)", "day-of-month"},
		{"cron(0 0 1-5W * ? *)", "day-of-month"},
		{"cron(0 0 15W/2 * ? *)", "day-of-month"},
		{"cron(0 0 L- * ? *)", "day-of-month"},
		{"cron(0 0 L-31 * ? *)", "day-of-month"},
		{"cron(0 0 L/2 * ? *)", "day-of-month"},
		{"cron(0 0 L-L * ? *)", "day-of-month"},
		{"cron(0 0 LL * ? *)", "day-of-month"},
		{"cron(0 0 1-L * ? *)", "day-of-month"},
		{"cron(0 0 5L * ? *)", "day-of-month"},
		{"cron(0 0 MON * ? *)", "day-of-month"},
		{"cron(0 0 1#2 * ? *)", "day-of-month"},
		{"cron(0 0 ?,1 * ? *)", "day-of-month"},
		{"cron(0 0 ?/2 * ? *)", "day-of-month"},

		{"cron(0 0 * 13 ? *)", "month"},
		{"cron(0 0 * JANUARY ? *)", "month"},
		{"cron(0 0 * ? ? *)", "month"},
		{"cron(0 0 * JAN# ? *)", "month"},

		{"cron(0 0 * * * *)", "day-of-week"},
		{"cron(0 0 ? * ? *)", "day-of-week"},
		{"cron(0 0 ? * 0 *)", "day-of-week"},
		{"cron(0 0 ? * 8 *)", "day-of-week"},
		{"cron(0 0 ? * MONDAY *)", "day-of-week"},
		{"cron(0 0 ? * ?,2 *)", "day-of-week"},
		{"cron(0 0 ? * #1 *)", "day-of-week"},
		{"cron(0 0 ? * MON# *)", "day-of-week"},
		{"cron(0 0 ? * MON#6 *)", "day-of-week"},
		{"cron(0 0 ? * MON#1#2 *)", "day-of-week"},
		{"cron(0 0 ? * 3#1,6#3 *)", "day-of-week"},
		{"cron(0 0 ? * MON#1,FRI *)", "day-of-week"},
		{"cron(0 0 ? * MON-FRI#1 *)", "day-of-week"},
		{"cron(0 0 ? * 8L *)", "day-of-week"},
		{"cron(0 0 ? * MON-FRIL *)", "day-of-week"},
		{"cron(0 0 ? * L-3 *)", "day-of-week"},
		{"cron(0 0 ? * 3W *)", "day-of-week"},

		{"cron(0 0 * * ? 1969)", "year"},
		{"cron(0 0 * * ? 2200)", "year"},
		{"cron(0 0 * * ? 2030-2026)", "year"},
		{"cron(0 0 * * ? ?)", "year"},

		{"rate(minutes)", "rate"},
		{"rate(5)", "rate"},
		{"rate(5 minutes 3)", "rate"},
		{"rate(0 days)", "rate"},
		{"rate(+5 minutes)", "rate"},
		{"rate(5.0 minutes)", "rate"},
		{"rate(131400001 minutes)", "rate"},
		{"rate(2190001 hours)", "rate"},
		{"rate(91251 days)", "rate"},
		{"rate(9223372036854775808 minutes)", "rate"},

		{"at(2030-01-01 00:00:00)", "at"},
		{"at(2030-1-01T00:00:00)", "at"},
		{"at(2030-01-01T0:00:00)", "at"},
		{"at(2030-01-01T00:00:0)", "at"},
		{"at(2030-01-01T24:00:00)", "at"},
		{"at(2030-01-01T00:60:00)", "at"},
		{"at(2030-01-01T00:00:60)", "at"},
		{"at(2030-02-29T00:00:00)", "at"},
		{"at(2030-04-31T00:00:00)", "at"},
		{"at(2030-01-01T00:00:00+01:00)", "at"},
		{"at(2030-01-01T00:00:00,5)", "at"},
		{"at(20300-01-01T00:00:00)", "at"},
		{"at(1969-12-31T23:59:59)", "at"},
	} {
		_, err := expr.Parse(c.expression, nil)
		syntax := (*expr.SyntaxError)(nil)
		if !errors.As(err, &syntax) {
			t.Errorf("%s: error %v, want a *SyntaxError", c.expression, err)
			continue
		}
		if syntax.Field != c.field || syntax.Expression != c.expression || syntax.Reason == "" {
			t.Errorf("%s: %v: field %q, want %q", c.expression, err, syntax.Field, c.field)
		}
		if !strings.Contains(err.Error(), c.field) {
			t.Errorf("%v: does not name %q", err, c.field)
		}
	}
}

// TestMeaning gives for expressions that may surprise what they stand for.
func TestMeaning(t *testing.T) {
	for _, c := range []struct{ name, expression, want string }{
		{"a step longer than the field leaves the first value", "cron(5/100 0 1 1 ? *)", "2026-01-01T00:05 2027-01-01T00:05"},
		{"hourly, as people write it", "cron(0/60 * 1 1 ? *)", "2026-01-01T00:00 2026-01-01T01:00"},
		{"star beside a value", "cron(0 0 1 */6,2 ? *)", "2026-01-01T00:00 2026-02-01T00:00 2026-07-01T00:00"},
		{"hours over midnight", "cron(0 22-2/2 1 1 ? *)", "2026-01-01T00:00 2026-01-01T02:00 2026-01-01T22:00 2027-01-01T00:00"},
		{"leading zeros", "cron(05 00 01 01 ? *)", "2026-01-01T00:05"},
		{"any case and tabs", "CrOn(0\t0  ? jan fri#1 *)", "2026-01-02T00:00"},
		{"five fields", "cron(0 0 1 1 ?)", "2026-01-01T00:00 2027-01-01T00:00"},

		{"L beside a day", "cron(0 0 L,15 * ? *)", "2026-01-15T00:00 2026-01-31T00:00 2026-02-15T00:00 2026-02-28T00:00"},
		{"W beside LW", "cron(0 0 15W,LW * ? *)", "2026-01-15T00:00 2026-01-30T00:00 2026-02-16T00:00 2026-02-27T00:00"},
		{"1W on a Saturday stays in its month", "cron(0 0 1W 8 ? *)", "2026-08-03T00:00"},
		{"31W on a Sunday stays in its month", "cron(0 0 31W 5 ? *)", "2026-05-29T00:00"},
		{"a month without the 31st has no 31W", "cron(0 0 31W 2-5 ? *)", "2026-03-31T00:00 2026-05-29T00:00"},
		{"L-2", "cron(0 0 L-2 2 ? *)", "2026-02-26T00:00 2027-02-26T00:00 2028-02-27T00:00"},
		{"L-2W is its nearest workday", "cron(0 0 L-2W 5 ? *)", "2026-05-29T00:00 2027-05-28T00:00"},
		{"L-30 needs 31 days", "cron(0 0 L-30 * ? *)", "2026-01-01T00:00 2026-03-01T00:00 2026-05-01T00:00"},
		{"days over the month's end", "cron(0 0 30-2 2-3 ? *)", "2026-02-01T00:00 2026-02-02T00:00 2026-03-01T00:00 2026-03-02T00:00 2026-03-30T00:00"},

		{"range with a step", "cron(0 0 ? * 2-6/2 *)", "2026-01-02T00:00 2026-01-05T00:00 2026-01-07T00:00"},
		{"weekend over the week's end", "cron(0 0 ? * FRI-MON *)", "2026-01-02T00:00 2026-01-03T00:00 2026-01-04T00:00 2026-01-05T00:00 2026-01-09T00:00"},
		{"L is Saturday, also in a list", "cron(0 0 ? * L,2 *)", "2026-01-03T00:00 2026-01-05T00:00"},
		{"last Monday and every Friday", "cron(0 0 ? 1 monl,fri *)", "2026-01-02T00:00 2026-01-09T00:00 2026-01-16T00:00 2026-01-23T00:00 2026-01-26T00:00 2026-01-30T00:00"},
		{"fifth Sunday of February", "cron(0 0 ? 2 1#5 *)", "2032-02-29T00:00 2060-02-29T00:00 2088-02-29T00:00"},
		{"29 February over a century without", "cron(0 0 29 2 ? 2096-2106)", "2096-02-29T00:00 2104-02-29T00:00 never"},
		{"the last minute", "cron(59 23 31 12 ? 2199)", "2199-12-31T23:59 never"},

		{"31 February", "cron(0 0 31 2 ? *)", "never"},
		{"31st of short months", "cron(0 0 31 4,6,9,11 ? *)", "never"},
		{"29 February between leap years", "cron(0 0 29 FEB ? 2101-2103)", "never"},
		{"fifth Sunday between its years", "cron(0 0 ? 2 SUN#5 2033-2059)", "never"},
		{"years that have passed", "cron(0 0 * * ? 2000-2025)", "never"},
	} {
		e, err := expr.Parse(c.expression, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		after := time.Date(2025, 12, 31, 23, 59, 59, 0, time.UTC)
		var got []string
		for range strings.FieldsSeq(c.want) {
			next, ok := e.Next(after, expr.Bounds{})
			if !ok {
				got = append(got, "never")
				break
			}
			got = append(got, next.Format("2006-01-02T15:04"))
			after = next
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s\n got %s\nwant %s", c.name, c.expression, s, c.want)
		}
	}
}

// TestClocks has one case for each way in which clocks change.
func TestClocks(t *testing.T) {
	for _, c := range []struct{ name, expression, zone, after, want string }{
		{"in the gap: skipped", "cron(30 2 * * ? *)", "America/New_York", "2026-03-07T12:00:00Z", "2026-03-09T06:30:00Z"},
		{"over the gap: the beat goes on", "cron(0 * * * ? *)", "America/New_York", "2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z"},
		{"in the overlap: the first pass", "cron(30 1 * * ? *)", "America/New_York", "2026-11-01T00:00:00Z", "2026-11-01T05:30:00Z 2026-11-02T06:30:00Z"},
		{"asked in the second pass", "cron(30 1 * * ? *)", "America/New_York", "2026-11-01T06:10:00Z", "2026-11-02T06:30:00Z"},
		{"a cadence fires in both passes", "cron(0/30 * * * ? *)", "America/New_York", "2026-11-01T05:00:00Z", "2026-11-01T05:30:00Z 2026-11-01T06:00:00Z 2026-11-01T06:30:00Z 2026-11-01T07:00:00Z"},
		{"hours written out are a cadence too", "cron(15 0-23 * * ? *)", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T00:15:00Z 2026-10-25T01:15:00Z"},
		{"23 hours are not", "cron(15 1-23 * * ? *)", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T00:15:00Z 2026-10-25T02:15:00Z"},
		{"half an hour back: once", "cron(45 1 * * ? *)", "Australia/Lord_Howe", "2026-04-04T12:00:00Z", "2026-04-04T14:45:00Z 2026-04-05T15:15:00Z"},
		{"half an hour back: a cadence", "cron(45 * * * ? *)", "Australia/Lord_Howe", "2026-04-04T14:00:00Z", "2026-04-04T14:45:00Z 2026-04-04T15:15:00Z 2026-04-04T16:15:00Z"},
		{"half an hour forward", "cron(15 2 * * ? *)", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-04T15:15:00Z"},
		{"midnight does not exist", "cron(0 0 * * ? *)", "America/Havana", "2026-03-07T12:00:00Z", "2026-03-09T04:00:00Z"},
		{"midnight comes twice", "cron(0 0 * * ? *)", "America/Havana", "2026-10-31T12:00:00Z", "2026-11-01T04:00:00Z 2026-11-02T05:00:00Z"},
		{"the hour before midnight comes twice", "cron(30 23 * * ? *)", "America/Sao_Paulo", "2019-02-16T12:00:00Z", "2019-02-17T01:30:00Z 2019-02-18T02:30:00Z"},
		{"a gap at midnight, long ago", "cron(0 0 * * ? *)", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-05T02:00:00Z"},
		{"midnight is skipped in Beirut", "cron(30 0 * * ? *)", "Asia/Beirut", "2026-03-28T12:00:00Z", "2026-03-29T21:30:00Z"},
		{"a day that does not exist", "cron(0 12 30 DEC ? *)", "Pacific/Apia", "2011-01-01T00:00:00Z", "2012-12-29T22:00:00Z"},
		{"daily over that day", "cron(0 12 * * ? *)", "Pacific/Apia", "2011-12-29T12:00:00Z", "2011-12-29T22:00:00Z 2011-12-30T22:00:00Z"},
		{"a day that does not exist, 1993", "cron(0 12 * * ? *)", "Pacific/Kwajalein", "1993-08-20T12:00:00Z", "1993-08-21T00:00:00Z 1993-08-22T00:00:00Z"},
		{"seconds in the offset", "cron(0 12 * * ? *)", "Africa/Monrovia", "1971-01-01T00:00:00Z", "1971-01-01T12:44:30Z"},
		{"always in the gap", "cron(30 2 ? 3 SUN#2 *)", "America/New_York", "2026-01-01T00:00:00Z", "never"},
		{"in the gap but for years before", "cron(30 2 ? 3 SUN#2 *)", "America/New_York", "2005-01-01T00:00:00Z", "2005-03-13T07:30:00Z 2006-03-12T07:30:00Z never"},

		{"at in the gap", "at(2026-03-08T02:30:00)", "America/New_York", "2026-01-01T00:00:00Z", "2026-03-08T07:00:00Z never"},
		{"at in the overlap", "at(2026-11-01T01:30:00)", "America/New_York", "2026-01-01T00:00:00Z", "2026-11-01T05:30:00Z never"},
		{"at on a day that does not exist", "at(2011-12-30T12:00)", "Pacific/Apia", "2011-01-01T00:00:00Z", "2011-12-30T10:00:00Z never"},
		{"at on the last day of a leap year", "at(2048-12-31T18:00:00)", "America/New_York", "2026-01-01T00:00:00Z", "2048-12-31T23:00:00Z never"},
		{"at the last instant", "at(9999-12-31T23:59:59)", "UTC", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59Z never"},
		{"at far off in summer", "at(2500-07-01T00:00:00)", "Europe/Berlin", "2026-01-01T00:00:00Z", "2500-06-30T22:00:00Z never"},
	} {
		e := mustParse(t, c.expression, c.zone)
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for range strings.FieldsSeq(c.want) {
			next, ok := e.Next(after, expr.Bounds{})
			if !ok {
				got = append(got, "never")
				break
			}
			got = append(got, next.Format(time.RFC3339))
			after = next
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s in %s\n got %s\nwant %s", c.name, c.expression, c.zone, s, c.want)
		}
	}
	if _, err := expr.Parse("at(9999-12-31T23:59:59)", time.FixedZone("", -3600)); err == nil {
		t.Error("an instant in the year 10000 is accepted")
	}
}

func TestRate(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	anchor := at("2026-11-23T08:30:37.5Z")
	for _, c := range []struct {
		name, expression, after string
		b                       expr.Bounds
		want                    string
	}{
		{"the anchor, cut to the minute, is an occurrence", "rate(5 minutes)", "2026-11-23T08:00:00Z", expr.Bounds{Anchor: anchor}, "2026-11-23T08:30:00Z"},
		{"strictly after", "rate(5 minutes)", "2026-11-23T08:30:00Z", expr.Bounds{Anchor: anchor}, "2026-11-23T08:35:00Z"},
		{"a nanosecond before", "rate(5 minutes)", "2026-11-23T08:34:59.999999999Z", expr.Bounds{Anchor: anchor}, "2026-11-23T08:35:00Z"},
		{"a nanosecond after", "rate(5 minutes)", "2026-11-23T08:35:00.000000001Z", expr.Bounds{Anchor: anchor}, "2026-11-23T08:40:00Z"},
		{"a day is 24 hours", "rate(1 day)", "2026-11-24T08:30:00Z", expr.Bounds{Anchor: anchor}, "2026-11-25T08:30:00Z"},
		{"seconds of the start are ignored", "rate(1 hour)", "2026-11-23T08:00:00Z", expr.Bounds{Anchor: anchor, Start: anchor}, "2026-11-23T08:30:00Z"},
		{"a later start keeps the grid", "rate(1 hour)", "2026-11-23T08:00:00Z", expr.Bounds{Anchor: anchor, Start: at("2026-11-23T12:00:00Z")}, "2026-11-23T12:30:00Z"},
		{"on the end", "rate(1 hour)", "2026-11-23T09:00:00Z", expr.Bounds{Anchor: anchor, End: at("2026-11-23T09:30:00Z")}, "2026-11-23T09:30:00Z"},
		{"past the end", "rate(1 hour)", "2026-11-23T09:00:00Z", expr.Bounds{Anchor: anchor, End: at("2026-11-23T09:29:59.9Z")}, "never"},
		{"no anchor", "rate(1 day)", "2026-11-23T09:00:00Z", expr.Bounds{}, "2026-11-24T00:00:00Z"},
		{"an anchor before 1970", "rate(1 day)", "1960-01-01T00:00:00Z", expr.Bounds{Anchor: at("1950-06-01T06:00:30Z")}, "1960-01-01T06:00:00Z"},
		{"the longest", "rate(91250 days)", "2026-11-23T08:30:00Z", expr.Bounds{Anchor: anchor}, "2276-09-23T08:30:00Z"},
		{"past the year 9999", "rate(91250 days)", "9990-01-01T00:00:00Z", expr.Bounds{Anchor: anchor}, "never"},
	} {
		e, err := expr.Parse(c.expression, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		got := "never"
		if next, ok := e.Next(at(c.after), c.b); ok {
			got = next.Format(time.RFC3339Nano)
		}
		if got != c.want {
			t.Errorf("%s: %s after %s: got %s, want %s", c.name, c.expression, c.after, got, c.want)
		}
	}
	for s, want := range map[string]time.Duration{
		"rate(1 minute)": time.Minute, "rate(1minutes)": time.Minute, "RATE(2 Hour)": 2 * time.Hour, "rate(007 days)": 168 * time.Hour,
		"rate(131400000 minutes)": 91250 * 24 * time.Hour, "rate(2190000 hours)": 91250 * 24 * time.Hour,
	} {
		if e, err := expr.Parse(s, nil); err != nil || e.Every() != want || e.Kind() != expr.Rate {
			t.Errorf("%s: error %v, want every %s", s, err, want)
		}
	}
}

// TestBounds gives what bounds do to a cron expression, and that at has none.
func TestBounds(t *testing.T) {
	day := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	noon := mustParse(t, "cron(0 12 * * ? *)", "UTC")
	for _, c := range []struct {
		name  string
		after time.Time
		b     expr.Bounds
		want  []time.Time
	}{
		{"start and end are inclusive", day.AddDate(0, 0, -9), expr.Bounds{Start: day, End: day.AddDate(0, 0, 1)}, []time.Time{day, day.AddDate(0, 0, 1)}},
		{"just inside", day.AddDate(0, 0, -9), expr.Bounds{Start: day.Add(1), End: day.AddDate(0, 0, 2).Add(-1)}, []time.Time{day.AddDate(0, 0, 1)}},
		{"the end before the start", day, expr.Bounds{Start: day, End: day.Add(-1)}, nil},
		{"long before the calendar", time.Time{}, expr.Bounds{End: time.Unix(86400, 0)}, []time.Time{time.Unix(43200, 0)}},
		{"long after the calendar", time.Unix(1<<62, 0), expr.Bounds{}, nil},
		{"a start after the calendar", day, expr.Bounds{Start: time.Unix(1<<62, 0)}, nil},
	} {
		if got := occurrences(noon, c.after, c.b, 9); !slices.EqualFunc(got, c.want, time.Time.Equal) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	once := mustParse(t, "at(2026-11-23T12:00:00)", "UTC")
	for _, b := range []expr.Bounds{{Start: day.Add(time.Hour)}, {End: day.Add(-time.Hour)}} {
		if got, ok := once.Next(day.Add(-1), b); !ok || !got.Equal(day) {
			t.Errorf("at within %v: got %v %t", b, got, ok)
		}
	}
	if got, ok := once.Next(day, expr.Bounds{}); ok {
		t.Errorf("at fires again at %v", got)
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	for _, s := range []string{"cron(30 2 29 FEB ? *)", "cron(30 2 ? 3 SUN#2 *)", "rate(5 minutes)", "at(2027-01-01T00:00:00)"} {
		e := mustParse(t, s, "America/New_York")
		now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
		if n := testing.AllocsPerRun(100, func() { e.Next(now, expr.Bounds{Anchor: now}) }); n != 0 {
			t.Errorf("%s: %v allocations", s, n)
		}
	}
}
