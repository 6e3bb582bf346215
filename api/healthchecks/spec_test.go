package healthchecks_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestValidation has each limit on both sides.
func TestValidation(t *testing.T) {
	s := newSite(t)
	c := s.create(map[string]any{"name": "same"})
	self := "/api/v3/checks/" + text(c, "uuid")
	long := func(n int) string { return strings.Repeat("é", n) }
	ascii := func(n int) string { return strings.Repeat("a", n) }
	// A calendar expression of n characters.
	calendar := func(n int) string { return "*:0" + strings.Repeat(",0", (n-3)/2) }
	const schedule = "is not a valid cron or OnCalendar expression"
	for _, v := range []struct {
		field string
		value any
		why   string // empty: it is accepted
	}{
		{"name", long(100), ""},
		{"name", long(101), "is too long"},
		{"name", 1, "is not a string"},
		{"name", nil, "is not a string"},
		{"slug", ascii(100), ""},
		{"slug", ascii(101), "is too long"},
		{"slug", "a-b_0", ""},
		{"slug", "A", "does not match pattern"},
		{"slug", "a b", "does not match pattern"},
		{"slug", "", ""},
		{"slug", nil, "is not a string"},
		{"slug", "a\n", "does not match pattern"},
		{"tags", long(500), ""},
		{"tags", long(501), "is too long"},
		{"tags", []string{"a"}, "is not a string"},
		{"tags", nil, "is not a string"},
		{"desc", ascii(10_000), ""},
		{"desc", ascii(10_001), "is too long"},
		{"desc", nil, "is not a string"},
		{"timeout", 60, ""},
		{"timeout", 59, "is too small"},
		{"timeout", 31_536_000, ""},
		{"timeout", 31_536_001, "is too large"},
		{"timeout", "60", "is not a number"},
		{"timeout", 60.5, "is not a number"},
		{"timeout", nil, "is not a number"},
		{"timeout", true, "is not a number"},
		{"timeout", json.RawMessage("99999999999999999999"), "is too large"},
		{"timeout", json.RawMessage("-99999999999999999999"), "is too small"},
		{"timeout", json.RawMessage("6e2"), "is not a number"},
		{"grace", 60, ""},
		{"grace", 59, "is too small"},
		{"grace", 31_536_000, ""},
		{"grace", 31_536_001, "is too large"},
		{"grace", []int{}, "is not a number"},
		{"grace", nil, "is not a number"},
		{"schedule", calendar(99), ""},
		{"schedule", calendar(101), "is too long"},
		{"schedule", "* * * * *", ""},
		{"schedule", "weekly Europe/Riga", ""},
		{"schedule", "* * * *", schedule},
		{"schedule", "60 * * * *", schedule},
		{"schedule", "bogus", schedule},
		{"schedule", "", schedule},
		{"schedule", "0 0 31 2 *", schedule},
		{"schedule", "1999-01-01", schedule},
		{"schedule", "2020-01-01", ""},
		{"schedule", "* * * * *\n* * * * *", schedule},
		{"schedule", 5, "is not a string"},
		{"schedule", nil, "is not a string"},
		{"tz", "Europe/Riga", ""},
		{"tz", "Nowhere/City", "is not a valid timezone"},
		{"tz", "", "is not a valid timezone"},
		{"tz", nil, "is not a string"},
		{"tz", "Local", "is not a valid timezone"},
		{"tz", "../UTC", "is not a valid timezone"},
		{"methods", "POST", ""},
		{"methods", "", ""},
		{"methods", "GET", "has unexpected value"},
		{"methods", nil, "has unexpected value"},
		{"methods", 1, "has unexpected value"},
		{"manual_resume", true, ""},
		{"manual_resume", "true", "is not a boolean"},
		{"manual_resume", 0, "is not a boolean"},
		{"manual_resume", nil, "is not a boolean"},
		{"filter_subject", false, ""},
		{"filter_subject", 0, "is not a boolean"},
		{"filter_body", "", "is not a boolean"},
		{"filter_http_body", nil, "is not a boolean"},
		{"filter_default_fail", []int{}, "is not a boolean"},
		{"start_kw", long(200), ""},
		{"start_kw", long(201), "is too long"},
		{"success_kw", long(200), ""},
		{"success_kw", long(201), "is too long"},
		{"failure_kw", long(200), ""},
		{"failure_kw", long(201), "is too long"},
		{"failure_kw", nil, "is not a string"},
		{"subject", long(200), ""},
		{"subject", long(201), "is too long"},
		{"subject_fail", long(200), ""},
		{"subject_fail", long(201), "is too long"},
		{"channels", 7, "is not a string"},
		{"channels", nil, "is not a string"},
		{"unique", []string{}, ""},
		{"unique", "name", "is not an array"},
		{"unique", nil, "is not an array"},
	} {
		body := map[string]any{v.field: v.value}
		if v.why == "" {
			s.do("POST", "/api/v3/checks/", body).is(201)
			s.do("POST", self, body).is(200)
			continue
		}
		before := s.do("GET", self, nil).object()
		count := s.count()
		for _, path := range []string{"/api/v3/checks/", self} {
			s.do("POST", path, body).refused(400, "json validation error: "+v.field+" "+v.why)
		}
		s.same(s.do("GET", self, nil).object(), before)
		s.same(s.count(), count)
	}
	for _, item := range []any{"status", "", 1, nil, []string{"name"}} {
		s.do("POST", "/api/v3/checks/", map[string]any{"unique": []any{"name", item}}).
			refused(400, "json validation error: an item in 'unique' has unexpected value")
	}
}

// TestFirstError: of several faults the first in the order of the API's members.
func TestFirstError(t *testing.T) {
	s := newSite(t)
	s.do("POST", "/api/v3/checks/", `{"unique":0,"timeout":"x","name":1,"grace":5}`).refused(400, "json validation error: grace is too small")
}
