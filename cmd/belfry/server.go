package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/belfry-run/belfry/app"
)

// server is the flags of a verb that asks a running Belfry.
type server struct {
	Endpoint string `env:"BELFRY_ENDPOINT" default:"http://127.0.0.1:7420" placeholder:"URL" help:"Where Belfry listens (${default})."`
	Region   string `env:"AWS_REGION,AWS_DEFAULT_REGION" default:"us-east-1" placeholder:"REGION" help:"Region of a schedule that is given by name (${default})."`
}

// scheduleServer is the flags of a verb about a schedule.
type scheduleServer struct {
	server
	Account string `placeholder:"ID" help:"Account of a schedule that is given by name (that of the access key)."`
}

// devAccount is the account of a caller that does not sign, with serve --dev.
const devAccount = "000000000000"

// Bounds of one request; a page of runs is well under both.
const (
	requestTimeout = 30 * time.Second
	maxAnswer      = 64 << 20 // bytes
	pageSize       = 1000     // runs
	// maxLook is more than a probe may look, with all its retries.
	maxLook = 10 * time.Minute
)

// scheduleARN returns the ARN that s names: itself, or made from name or group/name.
func (s *scheduleServer) scheduleARN(name string) (string, error) {
	if strings.HasPrefix(name, "arn:") {
		return name, nil
	}
	group, rest, ok := strings.Cut(name, "/")
	if !ok {
		group, rest = "default", name
	}
	if group == "" || rest == "" || strings.Contains(rest, "/") {
		return "", wrongUse{fmt.Errorf("%q is not a schedule: want NAME, GROUP/NAME or an ARN", name)}
	}
	account, err := s.account()
	if err != nil {
		return "", err
	}
	return "arn:aws:scheduler:" + s.Region + ":" + account + ":schedule/" + group + "/" + rest, nil
}

// account is the one that is given, else the one that the access key belongs to.
func (s *scheduleServer) account() (string, error) {
	if s.Account != "" {
		return s.Account, nil
	}
	if os.Getenv("AWS_ACCESS_KEY_ID") == "" {
		return devAccount, nil
	}
	var me struct {
		Account string `json:"account"`
	}
	err := s.get("/belfry/v1/identity", nil, &me)
	return me.Account, err
}

// list reads up to limit items of a paged list.
func list[T any](s *server, path string, query url.Values, limit int) ([]T, error) {
	items := []T{}
	for {
		var page struct {
			Items []T    `json:"items"`
			Next  string `json:"next"`
		}
		query.Set("limit", strconv.Itoa(min(limit-len(items), pageSize)))
		if err := s.get(path, query, &page); err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
		if page.Next == "" || len(items) >= limit {
			return items[:min(limit, len(items))], nil
		}
		query.Set("next", page.Next)
	}
}

// unreadable is a part of the history that an answer lacks.
type unreadable struct {
	Day    string `json:"day"`
	File   string `json:"file"`
	Reason string `json:"reason"`
}

// get asks for path and decodes the answer into v.
func (s *server) get(path string, query url.Values, v any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return s.do(http.MethodGet, path, nil, v)
}

// do makes a request, signed with the access key of the environment if there is
// one, and decodes the answer into v. An error is the server's own message, or
// what to look at when no server answers.
func (s *server) do(method, path string, body []byte, v any) error {
	return s.doWithin(requestTimeout, method, path, body, v)
}

// doWithin is do for what may take its own time.
func (s *server) doWithin(limit time.Duration, method, path string, body []byte, v any) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	req, err := s.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return s.unreachable(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading the server's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return refusal(resp, answer)
	}
	if err := json.Unmarshal(answer, v); err != nil {
		return fmt.Errorf("the answer of %s is not Belfry's: %w", s.Endpoint, err)
	}
	return nil
}

// slow makes a request that may take as long as it needs, is told how far it has
// come, and decodes the result into v.
func (s *server) slow(method, path string, body []byte, tell func(string), v any) error {
	req, err := s.request(context.Background(), method, path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/x-ndjson")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return s.unreachable(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		if err != nil {
			return fmt.Errorf("reading the server's answer: %w", err)
		}
		return refusal(resp, answer)
	}
	for d := json.NewDecoder(resp.Body); ; {
		var line struct {
			Progress string          `json:"progress"`
			Result   json.RawMessage `json:"result"`
			Error    *struct {
				Code    string `json:"code"`
				Message string `json:"message"`
			} `json:"error"`
		}
		switch err := d.Decode(&line); {
		case err != nil:
			return fmt.Errorf("the server's answer ended before its result: %w", err)
		case line.Error != nil:
			return &refused{line.Error.Code, line.Error.Message}
		case line.Result != nil:
			return json.Unmarshal(line.Result, v)
		}
		tell(line.Progress)
	}
}

// unreachable says what to do when a request got no answer.
func (s *server) unreachable(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return noServer{fmt.Errorf("nothing answers at %s: start \"belfry serve\", or say where it is with --endpoint or BELFRY_ENDPOINT", s.Endpoint)}
	}
	return noServer{fmt.Errorf("asking the server: %w", err)}
}

// request makes a request, signed if there is an access key to do it with.
func (s *server) request(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(s.Endpoint, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, wrongUse{fmt.Errorf("--endpoint: %w", err)}
	}
	req.Header.Set("Content-Type", "application/json")
	if key, secret := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"); key != "" || secret != "" {
		if err := app.Sign(req, body, key, secret, os.Getenv("AWS_SESSION_TOKEN"), s.Region); err != nil {
			return nil, wrongUse{err}
		}
	}
	return req, nil
}

// noServer marks an error that means that no server has answered.
type noServer struct{ error }

func (e noServer) Unwrap() error { return e.error }

// refusal turns an error answer of the native API into an error.
func refusal(resp *http.Response, body []byte) error {
	var answer struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Error.Message == "" {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	if resp.StatusCode == http.StatusForbidden && os.Getenv("AWS_ACCESS_KEY_ID") == "" {
		return fmt.Errorf("%s Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to an access key of the server", answer.Error.Message)
	}
	return &refused{answer.Error.Code, answer.Error.Message}
}

// refused is the server's answer to a request that it did not carry out.
type refused struct{ code, message string }

func (e *refused) Error() string { return e.message }
