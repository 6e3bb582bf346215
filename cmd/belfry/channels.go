package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
)

type channelsCmd struct {
	Create channelsCreateCmd `cmd:"" help:"Create an alert channel."`
	List   channelsListCmd   `cmd:"" help:"List the alert channels."`
	Test   channelsTestCmd   `cmd:"" help:"Send a test message and say what became of it."`
	Delete channelsDeleteCmd `cmd:"" help:"Delete an alert channel."`
}

// A channelItem is a channel as the native API shows it.
type channelItem struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	Target    string `json:"target"`
	Enabled   bool   `json:"enabled"`
	Status    string `json:"status"`
	LastError string `json:"last_error"`
}

type channelsCreateCmd struct {
	Name   string `arg:"" help:"What people call it."`
	Kind   string `arg:"" help:"email, webhook, slack, teams, ntfy, pagerduty, ...; see the documentation."`
	Config string `required:"" placeholder:"FILE" help:"Its configuration, JSON; - is standard input. It holds secrets, so it is no argument."`
	JSON   bool   `help:"Print JSON."`
	server
}

func (c *channelsCreateCmd) Run(out output) error {
	var config []byte
	var err error
	if c.Config == "-" {
		config, err = io.ReadAll(os.Stdin)
	} else {
		config, err = os.ReadFile(c.Config)
	}
	if err != nil {
		return wrongUse{fmt.Errorf("--config: %w", err)}
	}
	if !json.Valid(config) {
		return wrongUse{fmt.Errorf("--config: %s is not JSON", c.Config)}
	}
	body, err := json.Marshal(map[string]any{"name": c.Name, "kind": c.Kind, "config": json.RawMessage(config)})
	if err != nil {
		return err
	}
	var answer json.RawMessage
	if err := c.do(http.MethodPost, "/belfry/v1/channels", body, &answer); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, answer)
	}
	var made channelItem
	if err := json.Unmarshal(answer, &made); err != nil {
		return fmt.Errorf("the server's answer: %w", err)
	}
	_, err = fmt.Fprintf(out, "The channel %s goes to %s. Try it:\n\n  belfry channels test %s\n", made.Name, made.Target, made.ID)
	return err
}

type channelsListCmd struct {
	JSON bool `help:"Print JSON."`
	server
}

func (c *channelsListCmd) Run(out output) error {
	var answer json.RawMessage
	if err := c.get("/belfry/v1/channels", nil, &answer); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, answer)
	}
	var all struct {
		Items []channelItem `json:"items"`
	}
	if err := json.Unmarshal(answer, &all); err != nil {
		return fmt.Errorf("the server's answer: %w", err)
	}
	tb := newTable("ID", "NAME", "KIND", "TARGET", "STATUS", "LAST ERROR")
	for _, ch := range all.Items {
		status := ch.Status
		if !ch.Enabled {
			status = "off"
		}
		tb.row(ch.ID, ch.Name, ch.Kind, ch.Target, status, ch.LastError)
	}
	return tb.print(out)
}

type channelsTestCmd struct {
	ID   string `arg:"" help:"The channel's id."`
	JSON bool   `help:"Print JSON."`
	server
}

func (c *channelsTestCmd) Run(out output) error {
	var answer json.RawMessage
	if err := c.do(http.MethodPost, "/belfry/v1/channels/"+url.PathEscape(c.ID)+"/test", nil, &answer); err != nil {
		return err
	}
	var sent struct {
		Status string `json:"status"`
		Error  string `json:"error"`
	}
	if err := json.Unmarshal(answer, &sent); err != nil {
		return fmt.Errorf("the server's answer: %w", err)
	}
	if c.JSON {
		if err := printJSON(out, answer); err != nil {
			return err
		}
	}
	if sent.Status != "delivered" {
		return fmt.Errorf("the test was not delivered: %s", sent.Error)
	}
	if c.JSON {
		return nil
	}
	_, err := fmt.Fprintln(out, "The test was delivered.")
	return err
}

type channelsDeleteCmd struct {
	ID   string `arg:"" help:"The channel's id."`
	JSON bool   `help:"Print JSON."`
	server
}

func (c *channelsDeleteCmd) Run(out output) error {
	var answer json.RawMessage
	if err := c.do(http.MethodDelete, "/belfry/v1/channels/"+url.PathEscape(c.ID), nil, &answer); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, answer)
	}
	_, err := fmt.Fprintf(out, "The channel %s is deleted.\n", c.ID)
	return err
}
