package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

type logsCmd struct {
	Function  string        `arg:"" optional:"" help:"Name or ARN of the function."`
	OfRun     string        `name:"run" placeholder:"ID" help:"Print the log of that run instead, of all its attempts; belfry runs --json tells the ids."`
	Since     time.Duration `default:"1h" placeholder:"D" help:"How far to go back (${default})."`
	RequestID string        `name:"request-id" placeholder:"ID" help:"Only what that invocation printed."`
	Filter    string        `placeholder:"PATTERN" help:"Only lines that a filter pattern of CloudWatch Logs selects, such as ERROR."`
	Follow    bool          `short:"f" help:"Go on with what comes, until interrupted."`
	JSON      bool          `help:"Print JSON, an object a line."`
	server
}

// A logLine is one item of GET /belfry/v1/functions/{name}/logs.
type logLine struct {
	ID        int64  `json:"id"`
	Time      string `json:"time"`
	Stream    string `json:"stream"`
	RequestID string `json:"request_id,omitempty"`
	Message   string `json:"message"`
}

const (
	followRetry = time.Second
	followTries = 30 // in a row that reached no server
)

func (c *logsCmd) Validate() error {
	switch {
	case (c.Function == "") == (c.OfRun == ""):
		return errors.New("give the name of a function, or --run with the id of a run")
	case c.OfRun != "" && (c.Follow || c.RequestID != "" || c.Filter != ""):
		return errors.New("--run prints the whole log of a run; leave --follow, --request-id and --filter out")
	case c.Since < 0:
		return fmt.Errorf("--since is %v, want 0 or more", c.Since)
	}
	return nil
}

func (c *logsCmd) Run(out output) error {
	query := url.Values{}
	if c.OfRun != "" {
		_, err := c.past(out, "/belfry/v1/runs/"+url.PathEscape(c.OfRun)+"/log", query)
		return err
	}
	path := "/belfry/v1/functions/" + url.PathEscape(c.Function) + "/logs"
	if c.RequestID != "" {
		query.Set("request_id", c.RequestID)
	}
	if c.Filter != "" {
		query.Set("filter", c.Filter)
	}
	from := time.Now().Add(-c.Since).UTC().Format(time.RFC3339)
	if !c.Follow {
		query.Set("from", from)
		_, err := c.past(out, path, query)
		return err
	}
	return c.follow(out, path, query, from)
}

// past prints what there is, and returns its ids.
func (c *logsCmd) past(out output, path string, query url.Values) (map[int64]bool, error) {
	ids := map[int64]bool{}
	query.Set("limit", strconv.Itoa(pageSize))
	for {
		var page struct {
			Items []logLine `json:"items"`
			Next  string    `json:"next"`
		}
		if err := c.get(path, query, &page); err != nil {
			return nil, err
		}
		for i := range page.Items {
			ids[page.Items[i].ID] = true
			if err := c.print(out, &page.Items[i]); err != nil {
				return nil, err
			}
		}
		if page.Next == "" {
			return ids, nil
		}
		query.Set("next", page.Next)
	}
}

// follow prints what there is, and then what comes. It begins to listen before it
// reads, so that nothing falls between; what comes twice is left out. When the
// server goes away it goes on where it was.
func (c *logsCmd) follow(out output, path string, query url.Values, from string) error {
	var printed map[int64]bool
	last, tries := "", 0
	for {
		stream, err := c.open(path, query, last)
		if err == nil {
			tries = 0
			err = c.listen(stream, func(id string, l *logLine) error {
				last = id
				if printed == nil {
					past := url.Values{"from": {from}}
					for k, v := range query {
						if k != "follow" {
							past[k] = v
						}
					}
					var err error
					if printed, err = c.past(out, path, past); err != nil {
						return err
					}
				}
				if l == nil || printed[l.ID] {
					return nil
				}
				return c.print(out, l)
			})
		}
		if err != nil && !errors.As(err, new(noServer)) {
			return err
		}
		if tries++; tries > followTries {
			return errors.Join(errors.New("the server has gone"), err)
		}
		time.Sleep(followRetry)
	}
}

// open asks for what comes after the event with the id last; empty: from now on.
func (c *logsCmd) open(path string, query url.Values, last string) (io.ReadCloser, error) {
	query.Set("follow", "1")
	req, err := c.request(context.Background(), http.MethodGet, path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, noServer{fmt.Errorf("asking the server: %w", err)}
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		if err != nil {
			return nil, noServer{err}
		}
		return nil, refusal(resp, body)
	}
	return resp.Body, nil
}

// listen reads server-sent events until the stream ends, and calls each with the
// id of every one; without a line when it has none.
func (c *logsCmd) listen(stream io.ReadCloser, each func(id string, l *logLine) error) error {
	defer stream.Close()
	var id string
	var l *logLine
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, maxAnswer)
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			id = value
		case "data":
			l = &logLine{}
			if err := json.Unmarshal([]byte(value), l); err != nil {
				return fmt.Errorf("the answer of %s is not Belfry's: %w", c.Endpoint, err)
			}
		case "":
			if lines.Text() != "" {
				continue // a comment
			}
			if err := each(id, l); err != nil {
				return err
			}
			l = nil
		}
	}
	return nil // however it ended, it goes on from here
}

func (c *logsCmd) print(out output, l *logLine) error {
	if c.JSON {
		b, err := json.Marshal(l)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n", b)
		return err
	}
	_, err := fmt.Fprintf(out, "%s  %s\n", l.Time, l.Message)
	return err
}
