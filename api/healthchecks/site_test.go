package healthchecks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry/api/healthchecks"
	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/store/sqlite"
)

// Accounts: the one whose checks tests manage, and another.
const tenant, stranger = "123456789012", "999999999999"

// began is when the clock of a site begins.
var began = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC) // a Monday

// A site is the API over a real store, with a clock that tests set.
type site struct {
	testing.TB
	api      *healthchecks.API
	monitor  *monitor.Service
	clock    *fixedClock
	rw, ro   string // keys of its account
	channels []healthchecks.Channel
}

type fixedClock struct {
	mu  sync.Mutex // guards now
	now time.Time
}

func (c *fixedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fixedClock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// NewTimer is for a loop that these tests do not run.
func (c *fixedClock) NewTimer(time.Duration) (<-chan time.Time, func()) { return nil, func() {} }

func newSite(t testing.TB, edit ...func(*healthchecks.Config, *monitor.Config)) *site {
	t.Helper()
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &site{TB: t, clock: &fixedClock{now: began}}
	m := monitor.Config{Store: store, Clock: s.clock, Logger: slog.New(slog.DiscardHandler), Metrics: monitor.NewMetrics(prometheus.NewRegistry())}
	c := healthchecks.Config{
		Log: m.Logger, Now: s.clock.Now, Secret: []byte("0123456789abcdef"), URL: "https://hc.example/",
		Channels: func(_ context.Context, of string) ([]healthchecks.Channel, error) {
			if of != tenant {
				return nil, nil
			}
			return s.channels, nil
		},
	}
	for _, e := range edit {
		e(&c, &m)
	}
	s.monitor = monitor.NewService(m)
	c.Monitor = s.monitor
	s.api = healthchecks.New(c)
	s.rw, s.ro = s.newKey(tenant, monitor.ReadWriteKey), s.newKey(tenant, monitor.ReadOnlyKey)
	return s
}

func (s *site) newKey(account string, kind monitor.KeyKind) string {
	s.Helper()
	key, err := s.monitor.NewKey(s.Context(), account, kind)
	if err != nil {
		s.Fatal(err)
	}
	return key
}

// A reply is what came of a request.
type reply struct {
	testing.TB
	status int
	header http.Header
	text   string
}

// do makes a request with the read-write key; body may be nil, text or a value.
func (s *site) do(method, path string, body any) *reply {
	s.Helper()
	return s.with(method, path, body, http.Header{"X-Api-Key": {s.rw}})
}

func (s *site) with(method, path string, body any, header http.Header) *reply {
	s.Helper()
	if !healthchecks.Serves(strings.SplitN(path, "?", 2)[0]) {
		s.Fatalf("%s is not served", path)
	}
	var sent io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		sent = strings.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			s.Fatal(err)
		}
		sent = bytes.NewReader(data)
	}
	r := httptest.NewRequestWithContext(s.Context(), method, path, sent)
	maps.Copy(r.Header, header)
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	return &reply{TB: s.TB, status: w.Code, header: w.Header(), text: w.Body.String()}
}

// is demands a status and, if it is given, the whole body.
func (r *reply) is(status int, text ...string) *reply {
	r.Helper()
	if r.status != status || len(text) > 0 && strings.TrimSuffix(r.text, "\n") != text[0] {
		r.Fatalf("answer is %d %s, want %d %v", r.status, r.text, status, text)
	}
	return r
}

// refused demands an error with that message.
func (r *reply) refused(status int, message string) {
	r.Helper()
	want, err := json.Marshal(map[string]string{"error": message})
	if err != nil {
		r.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal([]byte(r.text), &got); err != nil || r.status != status || got["error"] != message || len(got) != 1 {
		r.Fatalf("answer is %d %s, want %d %s", r.status, r.text, status, want)
	}
}

// json reads the body.
func (r *reply) json(to any) {
	r.Helper()
	if err := json.Unmarshal([]byte(r.text), to); err != nil {
		r.Fatalf("%s: %v", r.text, err)
	}
	if got := r.header.Get("Content-Type"); got != "application/json" {
		r.Fatalf("Content-Type is %q", got)
	}
}

// object reads the body as an object.
func (r *reply) object() map[string]any {
	r.Helper()
	var o map[string]any
	r.json(&o)
	return o
}

// create makes a check and returns it as the API shows it.
func (s *site) create(body map[string]any) map[string]any {
	s.Helper()
	if body == nil {
		return s.do("POST", "/api/v3/checks/", nil).is(201).object()
	}
	return s.do("POST", "/api/v3/checks/", body).is(201).object()
}

// ping pings a check in one of the forms that its URL has.
func (s *site) ping(check map[string]any, suffix string, body any) {
	s.Helper()
	s.with("POST", "/ping/"+text(check, "uuid")+suffix, body, nil).is(200)
}

func text(o map[string]any, name string) string { return fmt.Sprint(o[name]) }

func (s *site) same(got, want any) {
	s.Helper()
	if d := cmp.Diff(want, got); d != "" {
		s.Fatalf("(-want +got)\n%s", d)
	}
}
