package main

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"
)

type runsCmd struct {
	Schedule string `arg:"" help:"Name, group/name or ARN of the schedule, or ARN of the rule."`
	Limit    int    `default:"20" placeholder:"N" help:"How many runs to list (${default})."`
	JSON     bool   `help:"Print JSON."`
	scheduleServer
}

// A runItem is one entry of GET /belfry/v1/runs, as far as the table shows it.
type runItem struct {
	TargetID      string     `json:"target_id"`
	ScheduledTime time.Time  `json:"scheduled_time"`
	Outcome       string     `json:"outcome"`
	Reason        string     `json:"reason"`
	StartedAt     *time.Time `json:"started_at"`
	EndedAt       *time.Time `json:"ended_at"`
	Attempts      []struct {
		Result       string `json:"result"`
		ErrorCode    string `json:"error_code"`
		ErrorMessage string `json:"error_message"`
	} `json:"attempts"`
}

func (c *runsCmd) Run(out output) error {
	if c.Limit < 1 {
		return wrongUse{fmt.Errorf("--limit is %d, want 1 or more", c.Limit)}
	}
	arn, err := c.scheduleARN(c.Schedule)
	if err != nil {
		return err
	}
	query := url.Values{"schedule": {arn}}
	if c.JSON {
		items, lost, err := history[any](&c.server, "/belfry/v1/runs", query, c.Limit)
		if err != nil {
			return err
		}
		all := map[string]any{"items": items}
		if lost != nil {
			all["unreadable"] = lost
		}
		return printJSON(out, all)
	}
	runs, lost, err := history[runItem](&c.server, "/belfry/v1/runs", query, c.Limit)
	if err != nil {
		return err
	}
	for _, u := range lost {
		if _, err := fmt.Fprintf(out, "Runs of %s are missing here: %s cannot be read (%s).\n", u.Day, u.File, u.Reason); err != nil {
			return err
		}
	}
	if len(runs) == 0 {
		_, err := fmt.Fprintf(out, "%s has not run yet.\n", arn)
		return err
	}
	columns := []string{"SCHEDULED (UTC)", "LOCAL", "OUTCOME", "ATTEMPTS", "LATE", "TOOK", "REASON"}
	ofRule := runs[0].TargetID != ""
	if ofRule {
		columns = slices.Insert(columns, 2, "TARGET")
	}
	tb := newTable(columns...)
	for _, r := range runs {
		cells := []string{
			r.ScheduledTime.UTC().Format(time.RFC3339), r.ScheduledTime.Local().Format("Mon 02 Jan 15:04:05"),
			r.Outcome, strconv.Itoa(len(r.Attempts)), r.late(), r.took(), r.story(),
		}
		if ofRule {
			cells = slices.Insert(cells, 2, r.TargetID)
		}
		tb.row(cells...)
	}
	return tb.print(out)
}

func (r *runItem) late() string {
	if r.StartedAt == nil {
		return "-"
	}
	return short(r.StartedAt.Sub(r.ScheduledTime))
}

func (r *runItem) took() string {
	if r.StartedAt == nil || r.EndedAt == nil {
		return "-"
	}
	return short(r.EndedAt.Sub(*r.StartedAt))
}

// story is the run's reason, or while it has none what the last attempt met.
func (r *runItem) story() string {
	if r.Reason != "" || len(r.Attempts) == 0 {
		return r.Reason
	}
	last := r.Attempts[len(r.Attempts)-1]
	if last.ErrorCode == "" {
		return ""
	}
	return last.ErrorCode + ": " + last.ErrorMessage
}
