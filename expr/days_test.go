package expr_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/belfry-run/belfry/expr"
)

// TestEveryDayRule holds each day that L, W and # can name against the calendar,
// over 28 years, in which every month has had every shape, and 2100.
func TestEveryDayRule(t *testing.T) {
	rules := make(map[string]func(time.Time) bool)
	ofMonth := func(rule string, due func(time.Time) bool) { rules["cron(0 0 "+rule+" * ? *)"] = due }
	ofWeek := func(rule string, due func(time.Time) bool) { rules["cron(0 0 ? * "+rule+" *)"] = due }
	for n := 1; n <= 31; n++ {
		ofMonth(fmt.Sprintf("%dW", n), func(u time.Time) bool { return nearestWorkday(u, n) })
		ofMonth(fmt.Sprintf("L-%d", n-1), func(u time.Time) bool { return u.Day() == daysIn(u)-n+1 })
		ofMonth(fmt.Sprintf("L-%dW", n-1), func(u time.Time) bool { return nearestWorkday(u, daysIn(u)-n+1) })
	}
	ofMonth("LW", func(u time.Time) bool { return nearestWorkday(u, daysIn(u)) })
	for d, name := range weekdayNames {
		is := func(u time.Time) bool { return int(u.Weekday()) == d }
		ofWeek(name, is)
		ofWeek(name+"L", func(u time.Time) bool { return is(u) && u.Day()+7 > daysIn(u) })
		for n := 1; n <= 5; n++ {
			ofWeek(fmt.Sprintf("%s#%d", name, n), func(u time.Time) bool { return is(u) && (u.Day()+6)/7 == n })
		}
	}
	for expression, due := range rules {
		e, err := expr.Parse(expression, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, years := range [][2]int{{1998, 2026}, {2100, 2101}} {
			u := time.Date(years[0], 1, 1, 0, 0, 0, 0, time.UTC)
			next, ok := e.Next(u.Add(-1), expr.Bounds{})
			for ; u.Year() < years[1]; u = u.AddDate(0, 0, 1) {
				if is := ok && next.Equal(u); is != due(u) {
					t.Errorf("%s: fires on %s: %t", e, u.Format("Mon 2 Jan 2006"), is)
					break
				}
				if ok && next.Equal(u) {
					next, ok = e.Next(u, expr.Bounds{})
				}
			}
		}
	}
}
