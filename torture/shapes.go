package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/belfry-run/belfry/torture/rig"
)

// role is whom targets are reached as; --dev does not look at it.
const role = rig.Role

var zones = []string{"UTC", "UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"}

// shape makes a definition at random; now is what the server's clock shows.
func (c *client) shape(now time.Time) *definition {
	r := c.rand
	c.notes++
	d := &definition{note: fmt.Sprintf("c%d-%d", c.id, c.notes), zone: zones[r.IntN(len(zones))], age: 24 * time.Hour, retries: 185}
	c.times(d, now)
	if r.IntN(3) == 0 {
		d.window = 1 + r.IntN(4)
	}
	d.disabled = r.IntN(10) == 0
	d.deleted = r.IntN(2) == 0
	switch r.IntN(8) {
	case 0, 1:
		d.target = "queue"
	case 2:
		if d.target = "queue"; c.lane.function != "" && r.IntN(4) == 0 {
			d.target = "function"
		}
	default:
		d.target = scripts[r.IntN(len(scripts))]
	}
	if d.target == "fail-always" || r.IntN(4) == 0 {
		d.retries = r.IntN(4)
	}
	d.deadLetter = r.IntN(3) == 0
	return d
}

// times gives d an expression.
func (c *client) times(d *definition, now time.Time) {
	r := c.rand
	loc, err := time.LoadLocation(d.zone)
	if err != nil {
		d.zone, loc = "UTC", time.UTC
	}
	at := func(t time.Time) string { return t.In(loc).Format("at(2006-01-02T15:04:05)") }
	d.start, d.end = time.Time{}, time.Time{}
	switch r.IntN(16) {
	case 0, 1, 2, 3, 4, 5, 6:
		d.expression = at(now.Add(time.Duration(500+r.IntN(8000)) * time.Millisecond))
	case 7:
		d.expression = at(now.Add(time.Duration(r.IntN(240)) * time.Second))
	case 8:
		d.expression = at(now.Add(-time.Duration(1+r.IntN(4000)) * time.Second)) // past: runs at once
	case 9:
		d.expression = at(now.Add(-time.Duration(25+r.IntN(100)) * time.Hour)) // too old to run
	case 10:
		d.expression = "rate(1 minute)"
	case 11:
		d.expression = "rate(2 minutes)"
	case 12:
		d.expression = "cron(0/2 * * * ? *)"
	default:
		d.expression = "cron(* * * * ? *)"
	}
	if d.expression[0] != 'a' && r.IntN(3) == 0 {
		d.start = now.Add(time.Duration(r.IntN(180)-90) * time.Second).Truncate(time.Second)
		d.end = later(now, d.start).Add(time.Duration(10+r.IntN(240)) * time.Second).Truncate(time.Second)
	}
}

// edited is a change of d, of one thing or of all.
func (c *client) edited(d *definition, now time.Time) *definition {
	r := c.rand
	c.notes++
	e := *d
	e.note = fmt.Sprintf("c%d-%d", c.id, c.notes)
	switch r.IntN(10) {
	case 0, 1, 2, 3:
		e.disabled = !d.disabled
	case 4, 5:
		c.times(&e, now)
	case 6:
		e.window = r.IntN(5)
	case 7:
		e.zone = zones[r.IntN(len(zones))]
	case 8:
		e.target = scripts[r.IntN(len(scripts))]
	default:
		e = *c.shape(now)
	}
	return &e
}

// wire is d as CreateSchedule and UpdateSchedule have it.
func (c *client) wire(d *definition, group string) map[string]any {
	target := map[string]any{
		"RoleArn":     role,
		"RetryPolicy": map[string]any{"MaximumRetryAttempts": d.retries, "MaximumEventAgeInSeconds": int(d.age.Seconds())},
	}
	ids := `"note":"` + d.note + `","occurrence":"<aws.scheduler.occurrence-id>","execution":"<aws.scheduler.execution-id>"`
	switch d.target {
	case "queue":
		target["Arn"], target["Input"] = c.lane.queueARN("inbox"), "{"+ids+"}"
	case "function":
		target["Arn"], target["Input"] = c.lane.function, `{"url":"`+c.lane.sink.url("function")+`",`+ids+"}"
	default:
		target["Arn"] = "arn:aws:scheduler:::http:invoke"
		target["Input"] = `{"ApiEndpoint":"` + c.lane.sink.url(d.target) + `","Method":"POST","RequestBody":{` + ids + `}}`
	}
	if d.deadLetter {
		target["DeadLetterConfig"] = map[string]any{"Arn": c.lane.queueARN("dead")}
	}
	body := map[string]any{
		"GroupName": group, "Description": d.note,
		"ScheduleExpression": d.expression, "ScheduleExpressionTimezone": d.zone,
		"FlexibleTimeWindow": map[string]any{"Mode": "OFF"}, "State": "ENABLED", "ActionAfterCompletion": "NONE", "Target": target,
	}
	if d.window > 0 {
		body["FlexibleTimeWindow"] = map[string]any{"Mode": "FLEXIBLE", "MaximumWindowInMinutes": d.window}
	}
	if d.disabled {
		body["State"] = "DISABLED"
	}
	if d.deleted {
		body["ActionAfterCompletion"] = "DELETE"
	}
	if !d.start.IsZero() {
		body["StartDate"] = d.start.Unix()
	}
	if !d.end.IsZero() {
		body["EndDate"] = d.end.Unix()
	}
	return body
}

// pick is one of all at random.
func pick[T any](r *rand.Rand, all []T) T { return all[r.IntN(len(all))] }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
