package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

type projectCmd struct {
	Show   projectShowCmd   `cmd:"" default:"1" help:"Show the ping key and the badge key of your account, and which API keys it has."`
	Rotate projectRotateCmd `cmd:"" help:"Make a new key in place of the old one, which is useless from then on."`
	Remove projectRemoveCmd `cmd:"" help:"Remove a key."`
}

type projectShowCmd struct {
	JSON bool `help:"Print JSON."`
	server
}

func (c *projectShowCmd) Run(out output) error {
	var answer json.RawMessage
	if err := c.do(http.MethodGet, "/belfry/v1/project", nil, &answer); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, answer)
	}
	var p struct {
		Account   string `json:"account"`
		PingKey   string `json:"ping_key"`
		BadgeKey  string `json:"badge_key"`
		ReadWrite bool   `json:"has_read_write_key"`
		ReadOnly  bool   `json:"has_read_only_key"`
	}
	if err := json.Unmarshal(answer, &p); err != nil {
		return fmt.Errorf("the server's answer: %w", err)
	}
	tb := newTable("KEY", "OF THE ACCOUNT "+p.Account)
	for _, key := range []struct {
		kind, shown string
		has         bool
	}{
		{"ping", p.PingKey, p.PingKey != ""},
		{"badge", p.BadgeKey, p.BadgeKey != ""},
		{"read-write", "(set; it was shown when it was made)", p.ReadWrite},
		{"read-only", "(set; it was shown when it was made)", p.ReadOnly},
	} {
		if !key.has {
			key.shown = "none; belfry project rotate " + key.kind + " makes one"
		}
		tb.row(key.kind, key.shown)
	}
	return tb.print(out)
}

// projectKeyArg is a key of a project, as the command line names it.
type projectKeyArg struct {
	Kind string `arg:"" enum:"read-write,read-only,ping,badge" help:"Which key: read-write or read-only (of the management API), ping or badge."`
	JSON bool   `help:"Print JSON."`
	server
}

// projectKinds names keys in the native API.
var projectKinds = map[string]string{"read-write": "read_write", "read-only": "read_only", "ping": "ping", "badge": "badge"}

func (c *projectKeyArg) path() string {
	return "/belfry/v1/project/keys/" + url.PathEscape(projectKinds[c.Kind])
}

type projectRotateCmd struct{ projectKeyArg }

func (c *projectRotateCmd) Run(out output) error {
	var answer json.RawMessage
	if err := c.do(http.MethodPost, c.path(), nil, &answer); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, answer)
	}
	var k struct {
		Key string `json:"key"`
	}
	if err := json.Unmarshal(answer, &k); err != nil {
		return fmt.Errorf("the server's answer: %w", err)
	}
	switch c.Kind {
	case "ping", "badge":
		_, err := fmt.Fprintf(out, "The new %s key; URLs with the old one are not found any more:\n\n  %s\n", c.Kind, k.Key)
		return err
	}
	_, err := fmt.Fprintf(out, "The new %s key of the management API. It is shown this once:\n\n  X-Api-Key: %s\n", c.Kind, k.Key)
	return err
}

type projectRemoveCmd struct{ projectKeyArg }

func (c *projectRemoveCmd) Run(out output) error {
	var answer json.RawMessage
	if err := c.do(http.MethodDelete, c.path(), nil, &answer); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, answer)
	}
	_, err := fmt.Fprintf(out, "The %s key is removed.\n", c.Kind)
	return err
}
