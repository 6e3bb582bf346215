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
	Limit    int    `default:"20" placeholder:"N" help:"How many runs, and stretches in which nothing ran, to list (${default})."`
	JSON     bool   `help:"Print JSON."`
	scheduleServer
}

// A ledgerItem is one entry of GET /belfry/v1/ledger, as far as the table shows
// it: a run, or a gap, in which nothing ran.
type ledgerItem struct {
	Kind          string     `json:"kind"`
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

	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Count  int64     `json:"count"`
	Detail string    `json:"detail"`
}

func (c *runsCmd) Run(out output) error {
	if c.Limit < 1 {
		return wrongUse{fmt.Errorf("--limit is %d, want 1 or more", c.Limit)}
	}
	arn, err := c.scheduleARN(c.Schedule)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.printJSON(out, arn)
	}
	l, err := ledgerOf[ledgerItem](&c.server, arn, c.Limit)
	if err != nil {
		return err
	}
	for _, u := range l.lost {
		if _, err := fmt.Fprintf(out, "Runs of %s are missing here: %s cannot be read (%s).\n", u.Day, u.File, u.Reason); err != nil {
			return err
		}
	}
	items := l.items
	if len(items) == 0 {
		_, err := fmt.Fprintf(out, "%s: %s\n", arn, l.outlook)
		return err
	}
	columns := []string{"SCHEDULED (UTC)", "LOCAL", "OUTCOME", "ATTEMPTS", "LATE", "TOOK", "REASON"}
	ofRule := slices.ContainsFunc(items, func(it ledgerItem) bool { return it.TargetID != "" })
	if ofRule {
		columns = slices.Insert(columns, 2, "TARGET")
	}
	tb := newTable(columns...)
	for i := range items {
		cells := items[i].cells()
		if ofRule {
			cells = slices.Insert(cells, 2, items[i].TargetID)
		}
		tb.row(cells...)
	}
	return tb.print(out)
}

// printJSON prints the runs, and what did not run beside them, as the server gave
// them.
func (c *runsCmd) printJSON(out output, arn string) error {
	l, err := ledgerOf[map[string]any](&c.server, arn, c.Limit)
	if err != nil {
		return err
	}
	runs, gaps := []any{}, []any{}
	for _, it := range l.items {
		kind := it["kind"]
		if delete(it, "kind"); kind == "gap" {
			gaps = append(gaps, it)
		} else {
			runs = append(runs, it)
		}
	}
	all := map[string]any{"items": runs, "gaps": gaps, "outlook": l.outlook}
	if l.lost != nil {
		all["unreadable"] = l.lost
	}
	return printJSON(out, all)
}

// A ledger is what a server has of a schedule.
type ledger[T any] struct {
	items   []T // newest first
	outlook string
	lost    []unreadable
}

// ledgerOf reads the newest entries of a schedule's ledger, up to limit.
func ledgerOf[T any](s *server, arn string, limit int) (l ledger[T], err error) {
	query := url.Values{"schedule": {arn}}
	for {
		var page struct {
			Items      []T          `json:"items"`
			Next       string       `json:"next"`
			Outlook    string       `json:"outlook"`
			Unreadable []unreadable `json:"unreadable"`
		}
		query.Set("limit", strconv.Itoa(min(limit-len(l.items), pageSize)))
		if err := s.get("/belfry/v1/ledger", query, &page); err != nil {
			return l, err
		}
		if len(l.items) == 0 {
			l.outlook = page.Outlook
		}
		slices.Reverse(page.Items) // a page is in the order of time, the next one older
		l.items = append(l.items, page.Items...)
		for _, u := range page.Unreadable {
			if !slices.Contains(l.lost, u) {
				l.lost = append(l.lost, u)
			}
		}
		if page.Next == "" || len(l.items) >= limit {
			return l, nil
		}
		query.Set("next", page.Next)
	}
}

// cells is the entry's line of the table.
func (r *ledgerItem) cells() []string {
	at, attempts, story := r.ScheduledTime, strconv.Itoa(len(r.Attempts)), r.story()
	outcome := r.Outcome
	if r.Kind == "gap" {
		at, attempts, outcome, story = r.From, "-", r.Reason, r.Detail
		if r.Count > 1 {
			story = fmt.Sprintf("%d did not run, up to %s: %s", r.Count, r.To.UTC().Format(time.RFC3339), r.Detail)
		}
	}
	return []string{
		at.UTC().Format(time.RFC3339), at.Local().Format("Mon 02 Jan 15:04:05"),
		outcome, attempts, r.late(), r.took(), story,
	}
}

func (r *ledgerItem) late() string {
	if r.StartedAt == nil {
		return "-"
	}
	return short(r.StartedAt.Sub(r.ScheduledTime))
}

func (r *ledgerItem) took() string {
	if r.StartedAt == nil || r.EndedAt == nil {
		return "-"
	}
	return short(r.EndedAt.Sub(*r.StartedAt))
}

// story is the run's reason, or while it has none what the last attempt met.
func (r *ledgerItem) story() string {
	if r.Reason != "" || len(r.Attempts) == 0 {
		return r.Reason
	}
	last := r.Attempts[len(r.Attempts)-1]
	if last.ErrorCode == "" {
		return ""
	}
	return last.ErrorCode + ": " + last.ErrorMessage
}
