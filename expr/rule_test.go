package expr_test

import (
	"errors"
	"testing"
	"time"

	"github.com/belfry-run/belfry/expr"
)

// TestRuleValidity holds ParseRule against what the real service accepts and
// refuses.
func TestRuleValidity(t *testing.T) {
	rows := readLines[struct {
		Expression string
		Accepted   bool
		Source     string
	}](t, "testdata/rule_validity.jsonl")
	if len(rows) != 25 {
		t.Fatalf("%d rows, want 25", len(rows))
	}
	for _, row := range rows {
		_, err := expr.ParseRule(row.Expression)
		if accepted := err == nil; accepted != row.Accepted {
			t.Errorf("%s: error %v, accepted should be %t (%s)", row.Expression, err, row.Accepted, row.Source)
		}
	}
}

func TestRulesAreStrictWhereSchedulesAreNot(t *testing.T) {
	for _, refused := range []string{
		"rate(1 minutes)", "rate(5 minute)", "rate(1minute)", "rate(5  minutes)", "RATE(5 minutes)", "rate(5 MINUTES)", "rate(2 hour)", "rate(1 days)",
		"cron(0 12 * * ?)", "CRON(0 12 * * ? *)", "at(2030-01-01T00:00:00)",
	} {
		if _, err := expr.Parse(refused, time.UTC); err != nil {
			t.Errorf("Parse(%q): %v; the case does not show a difference", refused, err)
		}
		var syntax *expr.SyntaxError
		if _, err := expr.ParseRule(refused); !errors.As(err, &syntax) || syntax.Expression != refused {
			t.Errorf("ParseRule(%q): %v, want a SyntaxError that quotes it", refused, err)
		}
	}
	for _, refused := range []string{
		"", "cron()", "rate(0 minutes)", "rate(0 minute)", "rate(-1 minutes)", "rate(1.5 minutes)", "rate( minutes)", "rate(5 minutesx)", "rate(99999999999 days)",
		"cron(0 12 * * ? 10000)", "cron(0 12 * * ? 1969)", "cron(0 12 ? * 2#6 *)", "cron(0 12 1#2 * ? *)", "cron(0 12 ? * 3#1,6#3 *)", "cron(0 0 12 * * ? *)",
	} {
		if _, err := expr.ParseRule(refused); err == nil {
			t.Errorf("ParseRule(%q) is accepted", refused)
		}
	}
}

// TestRuleYears: a year that the calendar does not reach is accepted and never
// due; within the calendar a rule is due as a schedule is.
func TestRuleYears(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"cron(0 20 * * ? 2500)":       "never",
		"cron(0 20 * * ? 2200-9999)":  "never",
		"cron(0 20 1 1 ? 2199,2500)":  "2199-01-01T20:00:00Z",
		"cron(0 20 1 1 ? 2190-2250)":  "2190-01-01T20:00:00Z",
		"cron(0 20 * * ? *)":          "2026-01-01T20:00:00Z",
		"cron(0/5 5 ? JAN 1-5 2022)":  "never",
		"cron(0/15 * * * ? 2026/100)": "2026-01-01T00:15:00Z",
	} {
		e, err := expr.ParseRule(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := "never"
		if next, ok := e.Next(start, expr.Bounds{}); ok {
			got = next.Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%s is due at %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]time.Duration{"rate(1 minute)": time.Minute, "rate(5 minutes)": 5 * time.Minute, "rate(1 hour)": time.Hour, "rate(12 hours)": 12 * time.Hour, "rate(1 day)": 24 * time.Hour} {
		if e, err := expr.ParseRule(text); err != nil || e.Every() != want {
			t.Errorf("%s: %v, %v, want %v", text, e, err, want)
		}
	}
}
