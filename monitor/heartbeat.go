package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	heartbeatTime = 10 * time.Second // of one request
	// heartbeatTries is how many heartbeats in a row may fail before that is told.
	heartbeatTries = 3
)

// A Heartbeat tells somebody outside, once a minute, that Belfry is well: it
// asks for a URL, or for URL/fail with what is wrong as the body. When
// heartbeats stay away altogether, who gets them can tell. It is a [SelfCheck]
// too: whether they arrive.
type Heartbeat struct {
	url    string
	client *http.Client
	agent  string

	mu     sync.Mutex
	failed int // in a row
	err    error
	ahead  time.Duration // of the receiver's clock
	known  bool          // that it gave a time
}

// NewHeartbeat returns a heartbeat to an http or https URL; Invalid otherwise.
// agent is the User-Agent.
func NewHeartbeat(to, agent string) (*Heartbeat, error) {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Fragment != "" {
		return nil, errors.New("the heartbeat's URL must be one of http or https, such as https://hc-ping.com/0b3a4c1e-5d2f-4a6b-8c7d-9e0f1a2b3c4d")
	}
	return &Heartbeat{url: to, agent: agent, client: &http.Client{Timeout: heartbeatTime}}, nil
}

// Name is heartbeat.
func (*Heartbeat) Name() string { return "heartbeat" }

// Look says whether the last heartbeats have arrived. Value is how many in a row
// have not.
func (h *Heartbeat) Look(context.Context, time.Time) Finding {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := Finding{OK: true, Value: float64(h.failed), Detail: "Heartbeats arrive."}
	switch {
	case h.failed >= heartbeatTries:
		f.OK = false
		f.Detail = fmt.Sprintf("The last %d heartbeats did not arrive: %v.", h.failed, h.err)
		f.Advice = "Check the heartbeat's URL and the way out of this machine."
	case h.failed > 0:
		f.Detail = fmt.Sprintf("The last heartbeat did not arrive: %v.", h.err)
	}
	return f
}

// Skew returns by how much this clock is ahead of the receiver's, if that told.
func (h *Heartbeat) Skew() (ahead time.Duration, known bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ahead, h.known
}

// send sends one heartbeat. That of its own failures would not arrive.
func (h *Heartbeat) send(ctx context.Context, found []Finding) {
	others := make([]Finding, 0, len(found))
	for _, f := range found {
		if f.Name != h.Name() {
			others = append(others, f)
		}
	}
	ahead, known, err := h.request(ctx, wrong(others))
	if ctx.Err() != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
	if err != nil {
		h.failed++
		return
	}
	h.failed, h.ahead, h.known = 0, ahead, known
}

func (h *Heartbeat) request(ctx context.Context, wrong string) (ahead time.Duration, known bool, err error) {
	method, to := http.MethodGet, h.url
	var body io.Reader = http.NoBody
	if wrong != "" {
		method, body = http.MethodPost, strings.NewReader(wrong)
		before, query, _ := strings.Cut(to, "?")
		to = strings.TrimSuffix(before, "/") + "/fail"
		if query != "" {
			to += "?" + query
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, to, body)
	if err != nil {
		return 0, false, errors.New("its URL is not valid")
	}
	req.Header.Set("User-Agent", h.agent)
	began := time.Now()
	resp, err := h.client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the URL, which may be a secret
		}
		return 0, false, err
	}
	defer resp.Body.Close()
	took := time.Since(began)
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return 0, false, fmt.Errorf("the receiver answered %s", resp.Status)
	}
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, false, nil //nolint:nilerr // a receiver need not tell the time
	}
	// It was that second, somewhere between the request and the answer.
	return began.Add(took / 2).Sub(date.Add(time.Second / 2)), true, nil
}
