package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/belfry-run/belfry/app"
)

type nextCmd struct {
	Expression string    `arg:"" help:"Schedule expression: cron(...), rate(...) or at(...)."`
	Timezone   string    `default:"UTC" placeholder:"TZ" help:"IANA time zone in which cron and at are read (${default})."`
	After      time.Time `placeholder:"RFC3339" help:"Print occurrences after this instant (now)."`
	Count      int       `default:"10" placeholder:"N" help:"How many to print (${default})."`
	UTC        bool      `name:"utc" help:"Print one UTC instant a line and nothing else."`
	JSON       bool      `help:"Print JSON."`
}

// maxCount bounds the answer, not the search; 1 million lines is a mistake.
const maxCount = 100_000

func (c *nextCmd) Run(out output) error {
	if c.Count < 1 || c.Count > maxCount {
		return wrongUse{fmt.Errorf("--count is %d, want 1 to %d", c.Count, maxCount)}
	}
	now := time.Now()
	after := c.After
	if after.IsZero() {
		after = now
	}
	times, err := app.Next(c.Expression, c.Timezone, after, c.Count)
	if err != nil {
		return wrongUse{err}
	}
	// app.Next has read the zone already; it knows zones by the same names.
	zone, err := time.LoadLocation(c.Timezone)
	if err != nil {
		return wrongUse{err}
	}
	switch {
	case c.JSON:
		return c.printJSON(out, times, zone)
	case c.UTC:
		for _, t := range times {
			if _, err := fmt.Fprintln(out, t.UTC().Format(time.RFC3339)); err != nil {
				return err
			}
		}
		return nil
	}
	tb := newTable("#", "UTC", "IN "+c.Timezone, "FROM NOW")
	for i, t := range times {
		tb.row(strconv.Itoa(i+1), t.UTC().Format(time.RFC3339), t.In(zone).Format("Mon 2006-01-02 15:04:05 -07:00"), fromNow(t.Sub(now)))
	}
	if err := tb.print(out); err != nil {
		return err
	}
	if len(times) < c.Count {
		_, err = fmt.Fprintln(out, "After that it is never due again.")
	}
	return err
}

func (c *nextCmd) printJSON(out output, times []time.Time, zone *time.Location) error {
	type occurrence struct {
		Time  time.Time `json:"time"`
		Local string    `json:"local"`
	}
	answer := struct {
		Expression string       `json:"expression"`
		Timezone   string       `json:"timezone"`
		Items      []occurrence `json:"items"`
	}{c.Expression, c.Timezone, []occurrence{}}
	for _, t := range times {
		answer.Items = append(answer.Items, occurrence{t.UTC(), t.In(zone).Format(time.RFC3339)})
	}
	return printJSON(out, answer)
}
