package probe

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/belfry-run/belfry"
)

// A Kind says what is looked at.
type Kind string

// The kinds of probe.
const (
	HTTP Kind = "http"
	TCP  Kind = "tcp"
	TLS  Kind = "tls"
)

// Settings say what is looked at, and what is well. The member that Kind names
// is there, and no other.
type Settings struct {
	Kind    Kind       `json:"kind"`
	Timeout int        `json:"timeout_seconds"` // of one look, 1 to 60
	Retries *int       `json:"retries"`         // looks after one that failed, 0 to 5
	HTTP    *HTTPProbe `json:"http,omitempty"`
	TCP     *TCPProbe  `json:"tcp,omitempty"`
	TLS     *TLSProbe  `json:"tls,omitempty"`
}

// What is assumed about what is not said, and the limits.
const (
	DefaultTimeout = 10 // seconds
	MaxTimeout     = 60 // seconds
	DefaultRetries = 1
	MaxRetries     = 5
)

// RetryDelay is how long a failure waits for its second look: long enough for a
// server that is just restarted, short against an interval.
const RetryDelay = 3 * time.Second

// A Result is what a look saw.
type Result struct {
	OK     bool
	Detail string        // a sentence for people
	Took   time.Duration // from the dial to the end of what was looked at
	// Expires is when the certificate does that was met; zero: none was.
	Expires time.Time
}

// A Prober looks. It is safe for concurrent use.
type Prober struct {
	// Dial makes every connection; a refusal of the kind belfry.Denied is shown as
	// it is.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	Now  func() time.Time
	// Agent is the User-Agent of requests.
	Agent string
	// Roots are the authorities that are trusted; nil: the system's.
	Roots *x509.CertPool
}

// Check sets what is not said and returns Invalid for what cannot be.
func (s *Settings) Check() error {
	if s.Timeout == 0 {
		s.Timeout = DefaultTimeout
	}
	if s.Retries == nil {
		s.Retries = new(DefaultRetries)
	}
	given := 0
	for _, is := range []bool{s.HTTP != nil, s.TCP != nil, s.TLS != nil} {
		if is {
			given++
		}
	}
	switch {
	case s.Timeout < 1 || s.Timeout > MaxTimeout:
		return belfry.Errorf(belfry.Invalid, "timeout_seconds", "timeout_seconds is %d; give 1 to %d.", s.Timeout, MaxTimeout)
	case *s.Retries < 0 || *s.Retries > MaxRetries:
		return belfry.Errorf(belfry.Invalid, "retries", "retries is %d; give 0 to %d.", *s.Retries, MaxRetries)
	case s.Kind != HTTP && s.Kind != TCP && s.Kind != TLS:
		return belfry.Errorf(belfry.Invalid, "kind", "kind is %q; give http, tcp or tls.", s.Kind)
	case given > 1:
		return belfry.Errorf(belfry.Invalid, string(s.Kind), "A probe of the kind %s has the member %s, and none of the other kinds.", s.Kind, s.Kind)
	}
	switch {
	case s.Kind == HTTP && s.HTTP != nil:
		return s.HTTP.check()
	case s.Kind == TCP && s.TCP != nil:
		return s.TCP.check()
	case s.Kind == TLS && s.TLS != nil:
		return s.TLS.check()
	}
	return belfry.Errorf(belfry.Invalid, string(s.Kind), "%s is missing; it says what the probe looks at.", s.Kind)
}

// Target returns what is looked at, for people, without secrets.
func (s *Settings) Target() string {
	switch s.Kind {
	case HTTP:
		return publicURL(s.HTTP.URL)
	case TCP:
		return s.TCP.Address
	}
	return s.TLS.Address
}

// Once looks once. Settings have been checked.
func (p *Prober) Once(ctx context.Context, s *Settings) Result {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(s.Timeout)*time.Second)
	defer cancel()
	began := time.Now() // a monotonic clock measures, whatever the time is
	var r Result
	switch s.Kind {
	case HTTP:
		r = p.http(ctx, s.HTTP)
	case TCP:
		r = p.tcp(ctx, s.TCP)
	case TLS:
		r = p.tls(ctx, s.TLS)
	}
	r.Took = time.Since(began)
	r.Detail = clip(r.Detail, maxDetail)
	return r
}

// Look looks, and again after RetryDelay while it fails and tries are left.
func (p *Prober) Look(ctx context.Context, s *Settings) Result {
	for try := 0; ; try++ {
		r := p.Once(ctx, s)
		if r.OK || try >= *s.Retries {
			if try > 0 {
				r.Detail = fmt.Sprintf("%s This was try %d.", r.Detail, try+1)
			}
			return r
		}
		wait := time.NewTimer(RetryDelay)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return r
		}
	}
}

// maxDetail bounds what is said about a result, and maxQuoted a part of it that
// came from outside, in bytes.
const maxDetail, maxQuoted = 600, 100

func failed(format string, args ...any) Result { return Result{Detail: fmt.Sprintf(format, args...)} }

// unreachable words why there was no answer.
func unreachable(target string, err error) Result {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // the rest of it repeats the URL
	}
	if e, ok := errors.AsType[*belfry.Error](err); ok {
		return failed("%s", e.Message)
	}
	if timedOut(err) {
		return failed("%s did not answer in time.", target)
	}
	if problem := certificateProblem(err); problem != "" {
		return failed("The certificate of %s is not good: %s.", target, problem)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" && e.Err != nil {
		err = e.Err
	}
	return failed("%s cannot be reached: %s.", target, clip(err.Error(), maxQuoted))
}

// latency writes a time in whole milliseconds, at least one.
func latency(d time.Duration) time.Duration { return max(d.Round(time.Millisecond), time.Millisecond) }

func timedOut(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && t.Timeout()
}

// clip returns the beginning of s, valid UTF-8 on one line.
func clip(s string, limit int) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "�")), " ")
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}

// checkAddress returns Invalid unless address is host:port.
func checkAddress(field, address string) error {
	host, port, err := net.SplitHostPort(address)
	n, err2 := net.LookupPort("tcp", port)
	if err != nil || err2 != nil || n < 1 || host == "" || len(address) > 300 || strings.ContainsAny(address, " \t\r\n/") {
		return belfry.Errorf(belfry.Invalid, field, "%s is %q; give host:port, such as example.com:443.", field, clip(address, maxQuoted))
	}
	return nil
}

// within returns Invalid unless text has at most limit bytes, and no zero byte.
func within(field, text string, limit int) error {
	if len(text) > limit || strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
		return belfry.Errorf(belfry.Invalid, field, "%s must be text of at most %d bytes.", field, limit)
	}
	return nil
}
