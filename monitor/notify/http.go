package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/belfry-run/belfry"
)

// answerMax is how much of an answer is read, so that its connection can be used
// again, and how much is looked at where that says more than the status.
const answerMax = 64 << 10

// delivered says which statuses mean that a message has arrived.
func delivered(status int) bool {
	switch status {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		return true
	}
	return false
}

// do makes a request and reports whether the message has arrived.
func (s *Sender) do(req *http.Request) error { return s.exchange(req, func(io.Reader) {}) }

// exchange makes a request, shows a success's body to read, and reports whether
// the message has arrived.
func (s *Sender) exchange(req *http.Request, read func(io.Reader)) error {
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", s.c.UserAgent)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	ok := delivered(res.StatusCode)
	if ok {
		read(res.Body)
	}
	_, _ = io.CopyN(io.Discard, res.Body, answerMax)
	if !ok {
		return statusError(res)
	}
	return nil
}

// post sends v as JSON with the headers name, value, ...
func (s *Sender) post(ctx context.Context, method, to string, v any, headers ...string) error {
	req, err := jsonRequest(ctx, method, to, v, headers...)
	if err != nil {
		return err
	}
	return s.do(req)
}

func jsonRequest(ctx context.Context, method, to string, v any, headers ...string) (*http.Request, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return nil, &Error{Permanent: true, Reason: "the address is not valid"}
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req, nil
}

// postForm sends a form, with what sign adds to the request.
func (s *Sender) postForm(ctx context.Context, to string, form url.Values, sign func(*http.Request)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		return &Error{Permanent: true, Reason: "the address is not valid"}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sign(req)
	return s.do(req)
}

// checkURL refuses what is not the address of a web server.
func checkURL(field, s string) error {
	if s == "" {
		return belfry.Errorf(belfry.Invalid, "config."+field, "config.%s is missing: give an address such as https://example.org/hook.", field)
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return belfry.Errorf(belfry.Invalid, "config."+field, "config.%s is not an address such as https://example.org/hook.", field)
	}
	return nil
}

// host is the part of an address that is no secret.
func host(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return u.Host
}

func refused(field, why string) error {
	return belfry.Errorf(belfry.Invalid, "config."+field, "config.%s %s.", field, why)
}

func missing(field, what string) error {
	return belfry.Errorf(belfry.Invalid, "config."+field, "config.%s is missing: give %s.", field, what)
}
