package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

// webhook makes one request when something is wrong and another when it is well
// again. Either may be left out.
type webhook struct {
	Down *request `json:"down"`
	Up   *request `json:"up"`
}

// request is a template, see template.go for the placeholders.
type request struct {
	Method  string            `json:"method"` // GET, POST, PUT; left out: POST
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	// Body goes with POST and PUT; left out: the message as JSON.
	Body *string `json:"body"`
}

// Bounds of a webhook.
const (
	maxHeaders = 50
	maxBody    = 64 << 10 // bytes of a template
)

// headerName is a token of RFC 9110.
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$")

func (w *webhook) check() error {
	if w.Down == nil && w.Up == nil {
		return missing("down", `what to request when something is wrong, such as {"url": "https://example.org/hook"}`)
	}
	for field, r := range map[string]*request{"down": w.Down, "up": w.Up} {
		if r == nil {
			continue
		}
		if err := r.check(field); err != nil {
			return err
		}
	}
	return nil
}

func (r *request) check(field string) error {
	switch r.Method {
	case "":
		r.Method = http.MethodPost
	case http.MethodGet, http.MethodPost, http.MethodPut:
	default:
		return belfry.Errorf(belfry.Invalid, "config."+field+".method", "config.%s.method is %q; take GET, POST or PUT.", field, r.Method)
	}
	if err := checkURL(field+".url", r.URL); err != nil {
		return err
	}
	if len(r.Headers) > maxHeaders {
		return belfry.Errorf(belfry.Invalid, "config."+field+".headers", "config.%s.headers has %d headers; %d are allowed.", field, len(r.Headers), maxHeaders)
	}
	for name, value := range r.Headers {
		if !headerName.MatchString(name) || value != oneLine(value) {
			return belfry.Errorf(belfry.Invalid, "config."+field+".headers", "config.%s.headers: %q is no header, or its value has characters that no header has.", field, name)
		}
	}
	if r.Body != nil && len(*r.Body) > maxBody {
		return belfry.Errorf(belfry.TooLarge, "config."+field+".body", "config.%s.body has %d bytes; %d are allowed.", field, len(*r.Body), maxBody)
	}
	return nil
}

func (w *webhook) target() string {
	if w.Down != nil {
		return host(w.Down.URL)
	}
	return host(w.Up.URL)
}

func (w *webhook) send(ctx context.Context, s *Sender, m *Message) error {
	r := w.Down
	if m.Event == Up || r == nil && m.Event == Test {
		r = w.Up
	}
	if r == nil {
		return nil // nothing is to be requested then
	}
	values := placeholders(m)
	to := expand(r.URL, values, url.QueryEscape)
	var body string
	contentType := ""
	if r.Method != http.MethodGet {
		contentType = "text/plain; charset=utf-8"
		if r.Body != nil {
			body = expand(*r.Body, values, nil)
			if json.Valid([]byte(body)) {
				contentType = "application/json"
			}
		} else {
			document, err := json.Marshal(documentOf(m))
			if err != nil {
				return err
			}
			body, contentType = string(document), "application/json"
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, to, strings.NewReader(body))
	if err != nil {
		return &Error{Permanent: true, Reason: "the address, with its placeholders filled in, is not valid"}
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Idempotency-Key", m.ID)
	for name, value := range r.Headers {
		value = oneLine(expand(value, values, nil))
		if strings.EqualFold(name, "Host") {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	err = s.do(req)
	if e, ok := err.(*Error); ok && e.Gone { //nolint:errorlint // do returns it as it is
		// A receiver of one's own that answers 404 while it is being deployed is
		// not gone for ever; only one that says so is.
		e.Gone = e.status == http.StatusGone
		e.Permanent = e.Gone
	}
	return err
}

// document is what a webhook without a body of its own posts.
type document struct {
	ID       string    `json:"id"` // the same at each try
	Event    Event     `json:"event"`
	Severity string    `json:"severity"`
	Title    string    `json:"title"`
	Text     string    `json:"text"`
	At       time.Time `json:"at"`
	AckURL   string    `json:"ack_url,omitempty"`
	Total    int       `json:"total"`
	Items    []Item    `json:"items"`
}

func documentOf(m *Message) document {
	return document{
		ID: m.ID, Event: m.Event, Severity: m.Severity, Title: m.Subject(), Text: m.Text(), At: m.At.UTC(),
		AckURL: m.AckURL, Total: m.Total, Items: m.Items,
	}
}
