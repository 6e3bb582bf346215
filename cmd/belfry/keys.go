package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

type keysCmd struct {
	Create keysCreateCmd `cmd:"" help:"Create an access key. An account begins with its first one."`
	List   keysListCmd   `cmd:"" help:"List access keys, without their secrets."`
	Revoke keysRevokeCmd `cmd:"" help:"Revoke an access key, for ever."`
}

type keysCreateCmd struct {
	Account string `placeholder:"ID" help:"Account of 12 digits (that of the access key it is asked with)."`
	JSON    bool   `help:"Print JSON."`
	server
}

// A keyItem is an access key as the native API shows it.
type keyItem struct {
	AccessKeyID     string    `json:"access_key_id"`
	SecretAccessKey string    `json:"secret_access_key"`
	Account         string    `json:"account"`
	Role            string    `json:"role"`
	CreatedAt       time.Time `json:"created_at"`
}

func (c *keysCreateCmd) Run(out output) error {
	body, err := json.Marshal(map[string]string{"account": c.Account})
	if err != nil {
		return err
	}
	var answer json.RawMessage
	if err := c.do(http.MethodPost, "/belfry/v1/keys", body, &answer); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, answer)
	}
	var k keyItem
	if err := json.Unmarshal(answer, &k); err != nil {
		return fmt.Errorf("the server's answer: %w", err)
	}
	_, err = fmt.Fprintf(out, `An access key of the account %s. Its secret is shown this once.

  export AWS_ACCESS_KEY_ID=%s
  export AWS_SECRET_ACCESS_KEY=%s

Schedules and functions of the account can act as the role
  %s
`, k.Account, k.AccessKeyID, k.SecretAccessKey, k.Role)
	return err
}

type keysListCmd struct {
	Account string `placeholder:"ID" help:"Account of 12 digits (all that the access key looks after)."`
	JSON    bool   `help:"Print JSON."`
	server
}

// maxKeys bounds a list; it is above what most servers will ever have.
const maxKeys = 100_000

func (c *keysListCmd) Run(out output) error {
	query := url.Values{}
	if c.Account != "" {
		query.Set("account", c.Account)
	}
	if c.JSON {
		items, err := list[any](&c.server, "/belfry/v1/keys", query, maxKeys)
		if err != nil {
			return err
		}
		return printJSON(out, map[string]any{"items": items})
	}
	keys, err := list[keyItem](&c.server, "/belfry/v1/keys", query, maxKeys)
	if err != nil {
		return err
	}
	tb := newTable("ACCESS KEY", "ACCOUNT", "CREATED (UTC)")
	for _, k := range keys {
		tb.row(k.AccessKeyID, k.Account, k.CreatedAt.UTC().Format(time.RFC3339))
	}
	return tb.print(out)
}

type keysRevokeCmd struct {
	AccessKeyID string `arg:"" name:"access-key-id" help:"The access key to revoke."`
	JSON        bool   `help:"Print JSON."`
	server
}

func (c *keysRevokeCmd) Run(out output) error {
	var answer json.RawMessage
	if err := c.do(http.MethodDelete, "/belfry/v1/keys/"+url.PathEscape(c.AccessKeyID), nil, &answer); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, answer)
	}
	_, err := fmt.Fprintf(out, "The access key %s is revoked; requests signed with it are refused from now on.\n", c.AccessKeyID)
	return err
}
