package expr_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/belfry-run/belfry/expr"
)

// TestNextVectors holds Next against occurrences worked out elsewhere: up to
// eight after an instant, fewer where the expression ends.
func TestNextVectors(t *testing.T) {
	rows := readLines[struct {
		Expression, Timezone string
		After                time.Time
		Next                 []time.Time
	}](t, "testdata/cron_next.jsonl")
	if len(rows) != 400 {
		t.Fatalf("%d rows, want 400", len(rows))
	}
	const most = 8
	for _, row := range rows {
		e := mustParse(t, row.Expression, row.Timezone)
		got := occurrences(e, row.After, expr.Bounds{}, most)
		if !slices.EqualFunc(got, row.Next, time.Time.Equal) {
			t.Errorf("%s in %s after %s:\n got %v\nwant %v", e, row.Timezone, row.After, got, row.Next)
		}
	}
}

// TestValidity holds Parse against what the real service accepts and refuses.
func TestValidity(t *testing.T) {
	rows := readLines[struct {
		Expression string
		Accepted   bool
		Source     string
	}](t, "testdata/validity.jsonl")
	if len(rows) != 39 {
		t.Fatalf("%d rows, want 39", len(rows))
	}
	for _, row := range rows {
		_, err := expr.Parse(row.Expression, time.UTC)
		if accepted := err == nil; accepted != row.Accepted {
			t.Errorf("%s: error %v, accepted should be %t (%s)", row.Expression, err, row.Accepted, row.Source)
		}
		if syntax := (*expr.SyntaxError)(nil); err != nil && !errors.As(err, &syntax) {
			t.Errorf("%s: error is a %T, want a *SyntaxError", row.Expression, err)
		}
	}
}

// occurrences returns up to most occurrences after t.
func occurrences(e *expr.Expression, t time.Time, b expr.Bounds, most int) []time.Time {
	var all []time.Time
	for len(all) < most {
		next, ok := e.Next(t, b)
		if !ok {
			break
		}
		all = append(all, next)
		t = next
	}
	return all
}

func mustParse(t testing.TB, s, zone string) *expr.Expression {
	t.Helper()
	loc, err := expr.LoadZone(zone)
	if err != nil {
		t.Fatal(err)
	}
	e, err := expr.Parse(s, loc)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// readLines reads a file that has one JSON value a line.
func readLines[T any](t testing.TB, name string) []T {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var rows []T
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		var row T
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}
