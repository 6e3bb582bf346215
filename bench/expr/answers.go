package main

import (
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/belfry-run/belfry/expr"
)

// verdict is how a rival did on one row.
type verdict int

const (
	right verdict = iota
	wrong
	cannot
	panicked
	hung
)

const patience = 2 * time.Second // for one row

// compareAnswers counts the verdicts and, since rivals mean something else by
// days of changing clocks, those of the wrong ones where no clock changes. It
// then tells where a rival was wrong: everywhere, or only where no clock
// changes.
func compareAnswers(rows []row, tellAll bool) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "library\tversion\tright\twrong\tof these without DST\tcannot express\tpanics\thangs\t")
	var notes []string
	for _, r := range rivals {
		var count [hung + 1]int
		plain := 0
		for _, row := range rows {
			v, detail := judge(r, row)
			count[v]++
			if v == wrong && !clockChanges(row) {
				plain++
			}
			if v == right || v == cannot || v == wrong && clockChanges(row) && !tellAll {
				continue
			}
			notes = append(notes, fmt.Sprintf("%s: %s in %s after %s: %s",
				r.name, row.Expression, row.Timezone, row.After.Format(time.RFC3339), detail))
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t\n",
			r.name, r.version, count[right], count[wrong], plain, count[cannot], count[panicked], count[hung])
	}
	w.Flush()
	fmt.Println()
	for _, n := range notes {
		fmt.Println(n)
	}
}

// clockChanges reports whether the row's zone changes its clocks within a day
// of one of the recorded occurrences or of the instant asked about.
func clockChanges(r row) bool {
	loc, err := expr.LoadZone(r.Timezone)
	if err != nil {
		panic(err) // the zones are our own
	}
	for _, t := range append([]time.Time{r.After}, r.Next...) {
		_, before := t.Add(-24 * time.Hour).In(loc).Zone()
		_, after := t.Add(24 * time.Hour).In(loc).Zone()
		if before != after {
			return true
		}
	}
	return false
}

// judge asks a rival for the occurrences of a row.
func judge(r rival, want row) (verdict, string) {
	loc, err := expr.LoadZone(want.Timezone)
	if err != nil {
		return cannot, err.Error()
	}
	type answer struct {
		verdict verdict
		detail  string
	}
	done := make(chan answer, 1)
	go func() { // a rival that hangs keeps its goroutine; the program ends soon
		defer func() {
			if p := recover(); p != nil {
				done <- answer{panicked, fmt.Sprint("panic: ", p)}
			}
		}()
		next, err := r.parse(want.Expression, loc)
		if err != nil {
			done <- answer{cannot, err.Error()}
			return
		}
		var got []time.Time
		most := 8
		if want.Some {
			most = max(1, len(want.Next))
		}
		for t := want.After; len(got) < most; {
			t = next(t)
			if t.IsZero() {
				break
			}
			got = append(got, t.UTC())
		}
		if slices.EqualFunc(got, want.Next, time.Time.Equal) {
			done <- answer{right, ""}
			return
		}
		done <- answer{wrong, difference(got, want.Next)}
	}()
	select {
	case a := <-done:
		return a.verdict, a.detail
	case <-time.After(patience):
		return hung, "no answer"
	}
}

func difference(got, want []time.Time) string {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return "got none, want " + want[i].Format(time.RFC3339)
		case i >= len(want):
			return "got " + got[i].Format(time.RFC3339) + ", want none"
		case !got[i].Equal(want[i]):
			return "got " + got[i].Format(time.RFC3339) + ", want " + want[i].Format(time.RFC3339)
		}
	}
	return ""
}
