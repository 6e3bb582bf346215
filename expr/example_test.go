package expr_test

import (
	"fmt"
	"time"

	"github.com/belfry-run/belfry/expr"
)

func ExampleExpression_Next() {
	berlin, err := expr.LoadZone("Europe/Berlin")
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := expr.Parse("cron(30 2 ? * SUN *)", berlin)
	if err != nil {
		fmt.Println(err)
		return
	}
	t := time.Date(2026, 3, 16, 0, 0, 0, 0, time.UTC)
	for range 3 {
		t, _ = e.Next(t, expr.Bounds{})
		fmt.Println(t.Format(time.RFC3339), "is", t.In(berlin).Format("Mon 2 Jan 15:04 MST"))
	}
	// There is no 02:30 on 29 March, when summer time begins.

	// Output:
	// 2026-03-22T01:30:00Z is Sun 22 Mar 02:30 CET
	// 2026-04-05T00:30:00Z is Sun 5 Apr 02:30 CEST
	// 2026-04-12T00:30:00Z is Sun 12 Apr 02:30 CEST
}

func ExampleExpression_Next_never() {
	e, err := expr.Parse("cron(0 0 31 FEB ? *)", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, ok := e.Next(time.Now(), expr.Bounds{})
	fmt.Println(ok)

	// Output:
	// false
}

func ExampleBounds() {
	e, err := expr.Parse("rate(12 hours)", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	created := time.Date(2026, 11, 23, 8, 30, 12, 0, time.UTC)
	b := expr.Bounds{Anchor: created, End: created.AddDate(0, 0, 1)}
	for t, ok := e.Next(created, b); ok; t, ok = e.Next(t, b) {
		fmt.Println(t.Format(time.RFC3339))
	}

	// Output:
	// 2026-11-23T20:30:00Z
	// 2026-11-24T08:30:00Z
}

func ExampleParse() {
	_, err := expr.Parse("cron(0 12 * * MON-FRI *)", nil)
	fmt.Println(err)

	// Output:
	// schedule expression "cron(0 12 * * MON-FRI *)": day-of-week: is given and so is day-of-month; write ? in the one that does not matter
}
