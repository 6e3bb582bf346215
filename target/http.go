package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/belfry-run/belfry"
)

const (
	// httpTimeout bounds one request, from the dial to the end of the answer; what
	// it waits for before, at Belfry's own limits, does not count.
	httpTimeout = 60 * time.Second
	// idleTime is how long a connection is kept for the next request.
	idleTime = 90 * time.Second
	// PerHost bounds the requests to one host at once; those beyond it wait.
	PerHost = 256
	// Idle bounds the connections that are kept, of all hosts together.
	Idle = 4 * PerHost
	// answerMax is how much of an answer is read; the rest is left unread.
	answerMax = 64 << 10
	// answerKept is how much of it is looked at, so that a secret in it is
	// found whole.
	answerKept = 4 << 10
	// answerQuoted is how much of a refusal is kept for the ledger, and
	// statusQuoted how much of its status line and its Location.
	answerQuoted, statusQuoted = 512, 256
	// answerHeaderMax bounds the headers of an answer.
	answerHeaderMax = 64 << 10
	// retryAfterMax bounds what an endpoint may wish for.
	retryAfterMax = 24 * time.Hour
)

// httpTarget sends requests itself rather than through an http.Client: that
// would follow redirects, and a redirect is an answer that the ledger shows;
// following it would deliver to a place that nobody wrote down.
type httpTarget struct {
	hosts     *hosts
	transport *http.Transport // HTTPS, and what goes through a proxy
	plain     *exchanger
	agent     string
}

func newHTTPTarget(agent string, b Bounds) *httpTarget {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &httpTarget{
		agent: agent,
		hosts: newHosts(b.PerHost, b.Outgoing),
		plain: newExchanger(dialer.DialContext, b.Idle),
		transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           b.Idle,
			MaxIdleConnsPerHost:    min(b.Idle, PerHost),
			IdleConnTimeout:        idleTime,
			TLSHandshakeTimeout:    10 * time.Second,
			ExpectContinueTimeout:  time.Second,
			DisableCompression:     true,
			MaxResponseHeaderBytes: answerHeaderMax,
		},
	}
}

func (t *httpTarget) invoke(ctx context.Context, in *belfry.Invocation, payload string) belfry.Result {
	r, err := parseRequest(payload)
	if err != nil {
		return permanent("ValidationException", err.Error())
	}
	req := &http.Request{
		Method: r.Method, URL: r.url, Host: r.url.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, len(r.Headers)+4),
	}
	if body, contentType := r.body(); body != "" {
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("User-Agent", t.agent)
	req.Header.Set(idempotencyKey, in.OccurrenceID())
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
	res, err := t.send(ctx, req)
	if err != nil {
		return unreachable(err, r.secrets(req.Header))
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusSwitchingProtocols {
		return refused(res, "") // there is no answer to read, and none was asked for
	}
	head, err := readAnswer(res.Body)
	if err != nil && res.StatusCode < 300 {
		return cut(err)
	}
	if res.StatusCode < 300 {
		return belfry.Result{Status: belfry.AttemptSucceeded}
	}
	secrets := r.secrets(req.Header)
	res.Status = hide(res.Status, secrets)
	return refused(res, clip(hide(head, secrets), answerQuoted))
}

// send sends the request when it may be sent. The answer, its body included, comes
// within httpTimeout from then on; before, only the end of ctx is an error.
func (t *httpTarget) send(ctx context.Context, req *http.Request) (*http.Response, error) {
	host, port := hostPort(req.URL.Scheme, req.URL.Host)
	name := host + port
	if err := t.hosts.enter(ctx, name); err != nil {
		return nil, err
	}
	for {
		res, err := t.exchange(ctx, req, name)
		switch {
		case err == nil:
			body := res.Body.(*answerBody) //nolint:forcetypeassert // exchange has made it
			ended := body.ended
			body.ended = func(whole bool) {
				ended(whole)
				t.hosts.leave(name)
			}
			return res, nil
		case !noDescriptor(err):
			t.hosts.leave(name)
			return nil, err
		}
		// Nothing was sent.
		if err := t.awaitDescriptor(ctx, req); err != nil {
			t.hosts.leave(name)
			return nil, err
		}
	}
}

// exchange sends the request to host:port now.
func (t *httpTarget) exchange(ctx context.Context, req *http.Request, addr string) (*http.Response, error) {
	if req.URL.Scheme == "http" && isASCII(req.URL.Host) { // other names are for the transport to encode
		if proxy, err := http.ProxyFromEnvironment(req); proxy == nil && err == nil {
			return t.plain.do(ctx, req, addr, httpTimeout)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, httpTimeout)
	res, err := t.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	body := res.Body
	res.Body = &answerBody{body: body, ended: func(bool) {
		body.Close()
		cancel()
	}}
	return res, nil
}

// descriptorWait is how long a request waits until it tries again to get a
// descriptor.
const descriptorWait = 100 * time.Millisecond

// awaitDescriptor lets go of the connections that are kept, and waits a moment.
func (t *httpTarget) awaitDescriptor(ctx context.Context, req *http.Request) (err error) {
	t.closeIdle()
	if req.GetBody != nil {
		if req.Body, err = req.GetBody(); err != nil {
			return err
		}
	}
	wait := time.NewTimer(descriptorWait)
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// noDescriptor reports whether there was no descriptor for a connection, of this
// process or of the machine. The error of a name that could not be looked up for
// that reason says so in its text only.
func noDescriptor(err error) bool {
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return true
	}
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && (strings.Contains(dns.Err, syscall.EMFILE.Error()) || strings.Contains(dns.Err, syscall.ENFILE.Error()))
}

func (t *httpTarget) closeIdle() {
	t.transport.CloseIdleConnections()
	t.plain.closeIdle()
}

// idempotencyKey is the header with the identity of the occurrence.
const idempotencyKey = "Idempotency-Key"

// readAnswer reads the answer, so that its connection can be used again, and
// returns how it begins.
func readAnswer(body io.Reader) (string, error) {
	head, err := io.ReadAll(io.LimitReader(body, answerKept))
	if err == nil && len(head) == answerKept {
		_, err = io.CopyN(io.Discard, body, answerMax-answerKept)
		if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	return string(head), err
}

// refused says what an HTTP status that is no success means for the attempt.
func refused(res *http.Response, quoted string) belfry.Result {
	code, status := res.StatusCode, clip(res.Status, statusQuoted)
	r := belfry.Result{
		Status:       belfry.AttemptPermanent,
		ErrorCode:    "HTTP." + strconv.Itoa(code),
		ErrorMessage: "The endpoint answered " + status + ".",
	}
	if quoted = strings.TrimSpace(quoted); quoted != "" {
		r.ErrorMessage = fmt.Sprintf("The endpoint answered %s: %s", status, quoted)
	}
	switch {
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		r.Status = belfry.AttemptRetryable
		r.RetryAfter = retryAfter(res.Header.Get("Retry-After"), time.Now())
	case code >= 300 && code < 400:
		to := "nowhere"
		if u, err := res.Location(); err == nil {
			// What a URL holds beside its path may be a secret.
			to = clip((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String(), statusQuoted)
		}
		r.ErrorMessage = fmt.Sprintf("The endpoint answered %s, to %s; redirects are not followed, write the final URL into ApiEndpoint.", status, to)
	}
	return r
}

// retryAfter reads the header's two forms, seconds and a date (RFC 9110,
// 10.2.3); 0 is none.
func retryAfter(v string, now time.Time) time.Duration {
	if s, err := strconv.Atoi(v); err == nil {
		return time.Duration(min(max(s, 0), int(retryAfterMax/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(at.Sub(now), 0), retryAfterMax)
	}
	return 0
}

func unreachable(err error, secrets []string) belfry.Result {
	// An error may quote what the endpoint sent, and an endpoint what it was sent.
	r := belfry.Result{
		Status: belfry.AttemptRetryable, ErrorCode: "HTTP.ConnectionFailed", ErrorMessage: hide(err.Error(), secrets),
	}
	switch {
	case timedOut(err):
		r.ErrorCode, r.ErrorMessage = "HTTP.Timeout", "The endpoint did not answer in time: "+r.ErrorMessage
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		r.ErrorMessage = "The endpoint closed the connection before it had answered."
	}
	return r
}

func hide(text string, secrets []string) string {
	for _, secret := range secrets {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return text
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// cut is the result of an answer that began well and did not end.
func cut(err error) belfry.Result {
	if timedOut(err) {
		return belfry.Result{Status: belfry.AttemptRetryable, ErrorCode: "HTTP.Timeout", ErrorMessage: "The endpoint's answer did not end in time."}
	}
	return belfry.Result{Status: belfry.AttemptRetryable, ErrorCode: "HTTP.AnswerCut", ErrorMessage: "The connection broke in the middle of the answer."}
}

func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
