package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

type alertsCmd struct {
	List alertsListCmd `cmd:"" default:"withargs" help:"List the alerts that are open, newest first."`
	Ack  alertsAckCmd  `cmd:"" help:"Acknowledge an alert: reminders and the escalation stop."`
}

type alertsListCmd struct {
	All   bool `help:"Those that have ended too."`
	Limit int  `default:"100" help:"How many at most (${default})."`
	JSON  bool `help:"Print JSON."`
	server
}

// An alertItem is an alert as the native API shows it.
type alertItem struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	Name     string    `json:"name"`
	Severity string    `json:"severity"`
	State    string    `json:"state"`
	Reason   string    `json:"reason"`
	Detail   string    `json:"detail"`
	Ending   string    `json:"ending"`
	OpenedAt time.Time `json:"opened_at"`
}

func (c *alertsListCmd) Run(out output) error {
	if c.Limit < 1 {
		return wrongUse{fmt.Errorf("--limit is %d, want 1 or more", c.Limit)}
	}
	query := url.Values{}
	if c.All {
		query.Set("state", "all")
	}
	if c.JSON {
		items, err := list[any](&c.server, "/belfry/v1/alerts", query, c.Limit)
		if err != nil {
			return err
		}
		return printJSON(out, map[string]any{"items": items})
	}
	all, err := list[alertItem](&c.server, "/belfry/v1/alerts", query, c.Limit)
	if err != nil {
		return err
	}
	tb := newTable("ID", "SINCE (UTC)", "STATE", "SEVERITY", "KIND", "NAME", "REASON", "DETAIL")
	for _, a := range all {
		tb.row(a.ID, a.OpenedAt.UTC().Format(time.DateTime), a.State, a.Severity, a.Kind, a.Name, a.Reason, strings.TrimSpace(a.Detail+" "+a.Ending))
	}
	return tb.print(out)
}

type alertsAckCmd struct {
	ID   string `arg:"" help:"The alert's id."`
	JSON bool   `help:"Print JSON."`
	server
}

func (c *alertsAckCmd) Run(out output) error {
	var answer json.RawMessage
	if err := c.do(http.MethodPost, "/belfry/v1/alerts/"+url.PathEscape(c.ID)+"/acknowledge", nil, &answer); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, answer)
	}
	var a alertItem
	if err := json.Unmarshal(answer, &a); err != nil {
		return fmt.Errorf("the server's answer: %w", err)
	}
	_, err := fmt.Fprintf(out, "The alert of %s is %s.\n", a.Name, a.State)
	return err
}
