package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

type whyCmd struct {
	Schedule string    `arg:"" help:"Name, group/name or ARN of the schedule, or ARN of the rule."`
	Time     time.Time `arg:"" placeholder:"TIME" help:"Scheduled time, RFC 3339, such as 2026-03-08T07:30:00Z."`
	JSON     bool      `help:"Print JSON."`
	scheduleServer
}

func (c *whyCmd) Run(out output) error {
	arn, err := c.scheduleARN(c.Schedule)
	if err != nil {
		return err
	}
	var answer json.RawMessage
	query := url.Values{"schedule": {arn}, "time": {c.Time.UTC().Format(time.RFC3339)}}
	if err := c.get("/belfry/v1/why", query, &answer); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, answer)
	}
	var why struct {
		Sentence string `json:"sentence"`
	}
	if err := json.Unmarshal(answer, &why); err != nil {
		return fmt.Errorf("the server's answer: %w", err)
	}
	_, err = fmt.Fprintln(out, why.Sentence)
	return err
}
