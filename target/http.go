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

// httpTarget sends requests itself rather than through an http.Client: that
// would follow redirects, and a redirect is an answer that the ledger shows;
// following it would deliver to a place that nobody wrote down.
type httpTarget struct {
	transport *http.Transport
	agent     string
}

func newHTTPTarget(agent string) *httpTarget {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &httpTarget{
		agent: agent,
		transport: &http.Transport{
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
	}
}

func (t *httpTarget) invoke(ctx context.Context, in *belfry.Invocation, payload string) belfry.Result {
	r, err := parseRequest(payload)
	if err != nil {
		return permanent("ValidationException", err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, httpTimeout)
	defer cancel()
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
	if u := r.url.User; u != nil {
		password, _ := u.Password()
		req.SetBasicAuth(u.Username(), password)
	}
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
	res, err := t.transport.RoundTrip(req)
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
	r.ErrorMessage = err.Error()
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		r.ErrorCode = "HTTP.Timeout"
		r.ErrorMessage = "The endpoint did not answer in time: " + r.ErrorMessage
	}
	return r
}
