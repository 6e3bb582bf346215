package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

// An HTTPProbe asks for a page.
type HTTPProbe struct {
	URL     string            `json:"url"`
	Method  string            `json:"method"` // GET unless said
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`

	// Status are the codes that are well, such as 200 or 200-299, which is assumed.
	Status []string `json:"status"`
	// Contains is text, and Matches a regular expression (RE2), that is in the
	// first MiB of the answer.
	Contains string `json:"contains,omitempty"`
	Matches  string `json:"matches,omitempty"`
	// Redirects is how many redirects are followed, 0 to 20; 5 unless said.
	Redirects *int `json:"redirects"`
	// SkipVerify accepts any certificate.
	SkipVerify bool `json:"skip_verify,omitempty"`
}

// Limits of an HTTP probe; sizes are in bytes.
const (
	defaultRedirects = 5
	maxRedirects     = 20
	maxURL           = 2000
	maxHeaders       = 20
	maxHeader        = 2000
	maxBody          = 10_000
	maxStatus        = 20
	maxExpression    = 500
	// readMax is how much of an answer is looked at.
	readMax = 1 << 20
	// headMax bounds the headers of an answer.
	headMax = 64 << 10
)

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

func (h *HTTPProbe) check() error {
	u, err := url.Parse(h.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.Fragment != "" || len(h.URL) > maxURL {
		return belfry.Errorf(belfry.Invalid, "http.url", "http.url must be a URL of at most %d bytes that begins with http:// or https://.", maxURL)
	}
	if h.Method == "" {
		h.Method = http.MethodGet
	}
	if !slices.Contains(methods, h.Method) {
		return belfry.Errorf(belfry.Invalid, "http.method", "http.method is %q; give one of %s.", h.Method, strings.Join(methods, ", "))
	}
	if err := h.checkHeaders(); err != nil {
		return err
	}
	if len(h.Status) == 0 {
		h.Status = []string{"200-299"}
	}
	if len(h.Status) > maxStatus {
		return belfry.Errorf(belfry.Invalid, "http.status", "http.status has %d entries; give at most %d.", len(h.Status), maxStatus)
	}
	for _, s := range h.Status {
		if _, _, ok := codes(s); !ok {
			return belfry.Errorf(belfry.Invalid, "http.status", "http.status has %q; give a code from 100 to 599, or a range such as 200-299.", clip(s, maxQuoted))
		}
	}
	if h.Redirects == nil {
		h.Redirects = new(defaultRedirects)
	}
	if *h.Redirects < 0 || *h.Redirects > maxRedirects {
		return belfry.Errorf(belfry.Invalid, "http.redirects", "http.redirects is %d; give 0 to %d.", *h.Redirects, maxRedirects)
	}
	if err := within("http.body", h.Body, maxBody); err != nil {
		return err
	}
	if err := within("http.contains", h.Contains, maxExpression); err != nil {
		return err
	}
	if err := within("http.matches", h.Matches, maxExpression); err != nil {
		return err
	}
	if _, err := regexp.Compile(h.Matches); err != nil {
		return belfry.Errorf(belfry.Invalid, "http.matches", "http.matches is no regular expression: %v.", err)
	}
	return nil
}

func (h *HTTPProbe) checkHeaders() error {
	if len(h.Headers) > maxHeaders {
		return belfry.Errorf(belfry.Invalid, "http.headers", "http.headers has %d entries; give at most %d.", len(h.Headers), maxHeaders)
	}
	for k, v := range h.Headers {
		if slices.Contains(ofConnection, http.CanonicalHeaderKey(k)) {
			return belfry.Errorf(belfry.Invalid, "http.headers", "http.headers may not set %s; it follows from the connection and the body.", k)
		}
		if !headerName.MatchString(k) || strings.ContainsFunc(v, control) || len(k)+len(v) > maxHeader {
			return belfry.Errorf(belfry.Invalid, "http.headers", "The header %q cannot be sent: names are words, values one line of at most %d bytes.", clip(k, maxQuoted), maxHeader)
		}
	}
	return nil
}

// headerName is a token (RFC 9110, 5.6.2).
var headerName = regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")

// ofConnection are the headers that a client does not choose.
var ofConnection = []string{"Connection", "Content-Length", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

func control(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// codes reads 200 or 200-299.
func codes(s string) (from, to int, ok bool) {
	a, b, isRange := strings.Cut(s, "-")
	if !isRange {
		b = a
	}
	from, err := strconv.Atoi(a)
	to, err2 := strconv.Atoi(b)
	return from, to, err == nil && err2 == nil && len(a) == 3 && len(b) == 3 && from >= 100 && to <= 599 && from <= to
}

func (h *HTTPProbe) wants(code int) bool {
	return slices.ContainsFunc(h.Status, func(s string) bool {
		from, to, _ := codes(s)
		return code >= from && code <= to
	})
}

// publicURL leaves out of a URL what may be a secret.
func publicURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "the URL"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

func (p *Prober) http(ctx context.Context, h *HTTPProbe) Result {
	target := publicURL(h.URL)
	req, err := http.NewRequestWithContext(ctx, h.Method, h.URL, strings.NewReader(h.Body))
	if err != nil {
		return failed("%s cannot be asked for.", target)
	}
	req.Header.Set("User-Agent", p.Agent)
	for k, v := range h.Headers {
		if strings.EqualFold(k, "Host") {
			req.Host = v
			continue
		}
		req.Header.Set(k, v)
	}
	// A connection of its own: a probe that goes on using one that is open would
	// not notice that nobody can make another.
	client := &http.Client{
		Transport: &http.Transport{
			DialContext:            p.Dial,
			DisableKeepAlives:      true,
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: headMax,
			TLSClientConfig: &tls.Config{
				RootCAs: p.Roots, Time: p.Now,
				InsecureSkipVerify: h.SkipVerify, //nolint:gosec // the client asks for it, for this one page
			},
		},
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > *h.Redirects {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
	began := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return unreachable(target, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, readMax))
	r := h.judge(target, resp, body, err, time.Since(began))
	if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
		r.Expires = resp.TLS.PeerCertificates[0].NotAfter.UTC()
	}
	return r
}

// judge says whether an answer is what was wanted.
func (h *HTTPProbe) judge(target string, resp *http.Response, body []byte, cut error, took time.Duration) Result {
	answered := fmt.Sprintf("%s answered %s", target, clip(resp.Status, maxQuoted))
	switch {
	case !h.wants(resp.StatusCode) && resp.StatusCode >= 300 && resp.StatusCode < 400 && resp.Header.Get("Location") != "":
		to := "nowhere"
		if u, err := resp.Location(); err == nil {
			to = clip(publicURL(u.String()), maxQuoted)
		}
		return failed("%s, to %s, after %d redirects; %s is wanted.", answered, to, *h.Redirects, strings.Join(h.Status, ", "))
	case !h.wants(resp.StatusCode):
		return failed("%s; %s is wanted.", answered, strings.Join(h.Status, ", "))
	case cut != nil && timedOut(cut):
		return failed("%s, and its answer did not end in time.", answered)
	case cut != nil:
		return failed("%s, and the connection broke in the middle of the answer.", answered)
	case h.Contains != "" && !strings.Contains(string(body), h.Contains):
		return failed("%s, without the text %q.", answered, clip(h.Contains, maxQuoted))
	}
	if h.Matches != "" {
		if re, err := regexp.Compile(h.Matches); err != nil || !re.Match(body) {
			return failed("%s, and nothing in it matches %q.", answered, clip(h.Matches, maxQuoted))
		}
	}
	return Result{OK: true, Detail: fmt.Sprintf("%s in %s.", answered, latency(took))}
}
