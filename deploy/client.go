package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Bounds of one request. An upload may take as long as it comes on.
const (
	requestTime = 30 * time.Second
	uploadTime  = 10 * time.Minute
	maxAnswer   = 8 << 20 // bytes
)

// A Client speaks to a server's APIs.
type Client struct {
	Endpoint string // without a slash at the end
	HTTP     *http.Client
	// Sign signs a request, whose body is given, for a service.
	Sign func(r *http.Request, body []byte, service string) error
	// Sending is told how much of a large request is sent, in bytes; nil: nobody is.
	Sending func(sent, total int64)
}

// A Refusal is a server's answer to a request that it did not carry out.
type Refusal struct {
	Status  int
	Code    string // such as ResourceNotFoundException; of the native API such as not_found
	Message string
}

func (e *Refusal) Error() string {
	switch {
	case e.Message == "" && e.Code == "":
		return fmt.Sprintf("the server answered %d %s", e.Status, http.StatusText(e.Status))
	case e.Message == "":
		return e.Code
	case e.Code == "" || strings.ToLower(e.Code) == e.Code:
		return e.Message
	}
	return e.Code + ": " + e.Message
}

func isStatus(err error, status int) bool {
	e, ok := errors.AsType[*Refusal](err)
	return ok && e.Status == status
}

// A request is one of an AWS API, or of the native one (service "belfry").
type request struct {
	service, method, path string
	target                string // X-Amz-Target, of SQS
	in                    any    // the body, as JSON; nil: none
	upload                bool   // it is large
}

// do makes a request and decodes the answer into out, which may be nil.
func (c *Client) do(ctx context.Context, q request, out any) error {
	var body []byte
	if q.in != nil {
		var err error
		if body, err = json.Marshal(q.in); err != nil {
			return err
		}
	}
	limit := requestTime
	if q.upload {
		limit = uploadTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, q.method, c.Endpoint+q.path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if q.target != "" {
		req.Header.Set("Content-Type", "application/x-amz-json-1.0")
		req.Header.Set("X-Amz-Target", q.target)
	}
	if err := c.Sign(req, body, q.service); err != nil {
		return err
	}
	if q.upload && c.Sending != nil {
		req.Body = io.NopCloser(&counted{r: bytes.NewReader(body), total: int64(len(body)), tell: c.Sending})
		req.GetBody = nil
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading the server's answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return refusal(resp, answer)
	}
	if out == nil || len(answer) == 0 {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("the answer of %s is not Belfry's: %w", c.Endpoint, err)
	}
	return nil
}

// refusal reads an error of any of the APIs.
func refusal(resp *http.Response, body []byte) *Refusal {
	var native struct {
		Error struct{ Code, Message string }
	}
	if json.Unmarshal(body, &native) == nil && native.Error.Message != "" {
		return &Refusal{resp.StatusCode, native.Error.Code, native.Error.Message}
	}
	var in struct {
		Type    string `json:"__type"`
		Message string // or message
	}
	if json.Unmarshal(body, &in) != nil {
		return &Refusal{Status: resp.StatusCode}
	}
	if in.Type == "" {
		in.Type, _, _ = strings.Cut(resp.Header.Get("X-Amzn-ErrorType"), ":")
	}
	return &Refusal{resp.StatusCode, in.Type[strings.LastIndex(in.Type, "#")+1:], in.Message}
}

// counted tells how much of a body has been read.
type counted struct {
	r           io.Reader
	sent, total int64
	tell        func(sent, total int64)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if n > 0 {
		c.sent += int64(n)
		c.tell(c.sent, c.total)
	}
	return n, err
}
