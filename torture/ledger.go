package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// An entry is a line of the ledger, as the native API has it.
type entry struct {
	Kind          string    `json:"kind"`
	ID            string    `json:"id"`
	TargetID      string    `json:"target_id"`
	ScheduledTime time.Time `json:"scheduled_time"`
	Revision      int64     `json:"revision"`
	Outcome       string    `json:"outcome"`
	StartedAt     string    `json:"started_at"`
	Attempts      []attempt `json:"attempts"`
	From          time.Time `json:"from"`
	To            time.Time `json:"to"`
	Count         int64     `json:"count"`
	Reason        string    `json:"reason"`

	fits []map[int64]bool // of a gap: the occurrences that it can be about, by definition
}

type attempt struct {
	Number      int    `json:"number"`
	ExecutionID string `json:"execution_id"`
	StartedAt   string `json:"started_at"`
	EndedAt     string `json:"ended_at"`
	Result      string `json:"result"`
	ErrorCode   string `json:"error_code"`
}

func (e *entry) String() string {
	if e.Kind == "gap" {
		return fmt.Sprintf("gap %s..%s x%d %s", e.From.Format(stampLayout), e.To.Format(stampLayout), e.Count, e.Reason)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "run %s for %s, revision %d, %s, started %s %s", e.ID, e.ScheduledTime.Format(stampLayout), e.Revision, e.Outcome, e.StartedAt, e.Reason)
	for _, a := range e.Attempts {
		fmt.Fprintf(&b, "\n  attempt %d %s %s..%s %s %s", a.Number, a.ExecutionID, a.StartedAt, a.EndedAt, a.Result, a.ErrorCode)
	}
	return b.String()
}

const stampLayout = "01-02T15:04:05.999"

func (e *entry) final() bool { return e.Outcome != "pending" && e.Outcome != "running" }

// covers says whether e is an outcome of what was due at t; perhaps is that it may
// be: it is about one of several definitions, or t is where it begins. (A gap of a
// disabled schedule begins with the moment of that, and what was due then may have
// run.)
func (e *entry) covers(t int64) (yes, perhaps bool) {
	if e.Kind == "run" {
		return e.ScheduledTime.Unix() == t, false
	}
	at := time.Unix(t, 0)
	if at.Before(e.From) || at.After(e.To) {
		return false, false
	}
	n := 0
	for _, times := range e.fits {
		if times[t] {
			n++
		}
	}
	return true, n == 0 || n < len(e.fits) || e.Reason == "disabled" && at.Equal(e.From)
}

// ledger reads the whole ledger of a schedule or rule, the newest page first.
func (n *lane) ledger(ctx context.Context, arn string) ([]entry, error) {
	var all []entry
	query := url.Values{"schedule": {arn}, "limit": {"1000"}}
	for {
		var page struct {
			Items []entry `json:"items"`
			Next  string  `json:"next"`
		}
		if err := n.srv.Native(ctx, "ledger", query, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all, nil
		}
		query.Set("next", page.Next)
	}
}
