package target

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

const (
	// httpTimeout bounds one request, from the dial to the end of the answer.
	httpTimeout = 60 * time.Second
	// connsPerHost bounds the connections to one host; requests beyond it wait.
	connsPerHost = 256
	// answerMax is how much of an answer is read; what follows is cut off.
	answerMax = 64 << 10
	// answerQuoted is how much of a refusal is kept for the ledger.
	answerQuoted = 512
)

type httpTarget struct {
	client *http.Client
	agent  string
}

func newHTTPTarget(agent string) *httpTarget {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &httpTarget{
		agent: agent,
		client: &http.Client{
			Timeout: httpTimeout,
			Transport: &http.Transport{
				Proxy:                 http.ProxyFromEnvironment,
				DialContext:           dialer.DialContext,
				ForceAttemptHTTP2:     true,
				MaxConnsPerHost:       connsPerHost,
				MaxIdleConns:          4 * connsPerHost,
				MaxIdleConnsPerHost:   connsPerHost,
				IdleConnTimeout:       90 * time.Second,
				TLSHandshakeTimeout:   10 * time.Second,
				ExpectContinueTimeout: time.Second,
				DisableCompression:    true,
			},
			// A redirect is an answer, and says so in the ledger: following it
			// would deliver to a place that nobody wrote down.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// httpRequest is the Input of an HTTP target, with the member names that Step
// Functions' http:invoke has.
type httpRequest struct {
	APIEndpoint     string            `json:"ApiEndpoint"`
	Method          string            `json:"Method"`
	Headers         map[string]string `json:"Headers"`
	QueryParameters map[string]string `json:"QueryParameters"`
	RequestBody     json.RawMessage   `json:"RequestBody"`
	Authentication  *httpAuth         `json:"Authentication"`

	url *url.URL
}

// httpAuth adds an Authorization header.
type httpAuth struct {
	Type     string `json:"Type"` // Basic or Bearer
	Username string `json:"Username"`
	Password string `json:"Password"`
	Token    string `json:"Token"`
}

// parseRequest reads and checks an HTTP target's input; an error names the
// member at fault.
func parseRequest(input string) (*httpRequest, error) {
	r := &httpRequest{}
	if err := json.Unmarshal([]byte(input), r); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return nil, invalid("Target.Input", "%s in the input of an HTTP target must not be a JSON %s", wrong.Field, wrong.Value)
		}
		return nil, invalid("Target.Input", "JSON syntax error in input for the target")
	}
	if r.APIEndpoint == "" {
		return nil, invalid("Target.Input", "ApiEndpoint is missing in the input of the HTTP target; give a URL such as https://example.com/hook")
	}
	u, err := url.Parse(r.APIEndpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, invalid("Target.Input", "ApiEndpoint %q is not an http or https URL", r.APIEndpoint)
	}
	if len(r.QueryParameters) > 0 {
		q := u.Query()
		for k, v := range r.QueryParameters {
			q.Set(k, v)
		}
		u.RawQuery = q.Encode()
	}
	r.url = u
	switch r.Method {
	case "":
		return nil, invalid("Target.Input", "Method is missing in the input of the HTTP target; give GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS")
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions:
	default:
		return nil, invalid("Target.Input", "Method %q is not one of GET, POST, PUT, PATCH, DELETE, HEAD and OPTIONS", r.Method)
	}
	if a := r.Authentication; a != nil && a.Type != "Basic" && a.Type != "Bearer" {
		return nil, invalid("Target.Input", "Authentication.Type %q is not one of Basic and Bearer", a.Type)
	}
	for k, v := range r.Headers {
		if k == "" || strings.ContainsAny(k, " \t\r\n:") || strings.ContainsAny(v, "\r\n") {
			return nil, invalid("Target.Input", "Headers has a name or value that HTTP does not allow: %q", k)
		}
	}
	return r, nil
}

// body returns what is sent: a JSON text as it stands between its quotes,
// anything else as JSON.
func (r *httpRequest) body() string {
	var text string
	if len(r.RequestBody) > 0 && r.RequestBody[0] == '"' && json.Unmarshal(r.RequestBody, &text) == nil {
		return text
	}
	if string(r.RequestBody) == "null" {
		return ""
	}
	return string(r.RequestBody)
}

func (t *httpTarget) invoke(ctx context.Context, in *belfry.Invocation, payload string) belfry.Result {
	r, err := parseRequest(payload)
	if err != nil {
		return permanent("ValidationException", err.Error())
	}
	body := r.body()
	req := (&http.Request{
		Method: r.Method, URL: r.url, Host: r.url.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, len(r.Headers)+4),
	}).WithContext(ctx)
	if body != "" {
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", t.agent)
	req.Header.Set("Idempotency-Key", in.OccurrenceID())
	if a := r.Authentication; a != nil {
		if a.Type == "Basic" {
			req.SetBasicAuth(a.Username, a.Password)
		} else {
			req.Header.Set("Authorization", "Bearer "+a.Token)
		}
	}
	for k, v := range r.Headers {
		if strings.EqualFold(k, "Host") {
			req.Host = v
			continue
		}
		req.Header.Set(k, v)
	}
	res, err := t.client.Do(req)
	if err != nil {
		return unreachable(err)
	}
	defer res.Body.Close()
	quoted, err := readAnswer(res.Body)
	if err != nil && res.StatusCode < 300 {
		return belfry.Result{Status: belfry.AttemptRetryable, ErrorCode: "HTTP.AnswerCut", ErrorMessage: "The connection broke in the middle of the answer."}
	}
	return answered(res, quoted)
}

// readAnswer reads the answer, so that its connection can be used again, and
// returns how it begins.
func readAnswer(body io.Reader) (string, error) {
	head, err := io.ReadAll(io.LimitReader(body, answerQuoted))
	if err == nil && len(head) == answerQuoted {
		_, err = io.CopyN(io.Discard, body, answerMax)
		if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	return strings.ToValidUTF8(string(head), "�"), err
}

// answered says what an HTTP status means for the attempt.
func answered(res *http.Response, quoted string) belfry.Result {
	code := res.StatusCode
	if code >= 200 && code < 300 {
		return belfry.Result{Status: belfry.AttemptSucceeded}
	}
	r := belfry.Result{
		Status:       belfry.AttemptPermanent,
		ErrorCode:    "HTTP." + strconv.Itoa(code),
		ErrorMessage: fmt.Sprintf("The endpoint answered %s: %s", res.Status, strings.TrimSpace(quoted)),
	}
	switch {
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		r.Status = belfry.AttemptRetryable
		r.RetryAfter = retryAfter(res.Header.Get("Retry-After"), time.Now())
	case code >= 300 && code < 400:
		r.ErrorMessage = fmt.Sprintf("The endpoint answered %s to %q; redirects are not followed, write the final URL into ApiEndpoint.", res.Status, res.Header.Get("Location"))
	}
	return r
}

// retryAfter reads the header's two forms, seconds and a date (RFC 9110,
// 10.2.3).
func retryAfter(v string, now time.Time) time.Duration {
	if s, err := strconv.Atoi(v); err == nil && s > 0 {
		return time.Duration(min(s, 24*60*60)) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

func unreachable(err error) belfry.Result {
	r := belfry.Result{Status: belfry.AttemptRetryable, ErrorCode: "HTTP.ConnectionFailed"}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the URL, which may hold a secret
	}
	r.ErrorMessage = err.Error()
	if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
		r.ErrorCode = "HTTP.Timeout"
		r.ErrorMessage = "The endpoint did not answer in time: " + r.ErrorMessage
	}
	return r
}
