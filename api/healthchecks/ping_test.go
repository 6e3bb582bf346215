package healthchecks_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry/api/healthchecks"
	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/store/sqlite"
)

const (
	account = "000000000000"
	runID   = "f618072a-7bde-4eee-af63-71a77c5723bc"
	absent  = "00000000-0000-4000-8000-000000000000"
)

// bench is the API over a real store.
type bench struct {
	*testing.T
	monitor *monitor.Service
	api     *healthchecks.API
	key     string // of pings
}

type clock struct{}

func (clock) Now() time.Time { return time.Now() }

func (clock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

func newBench(t *testing.T) *bench {
	t.Helper()
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	log := slog.New(slog.DiscardHandler)
	b := &bench{T: t, monitor: monitor.NewService(monitor.Config{
		Store: store, Clock: clock{}, Logger: log, Metrics: monitor.NewMetrics(prometheus.NewRegistry()), MaxChecks: 2,
	})}
	b.api = healthchecks.New(healthchecks.Config{Monitor: b.monitor, Log: log})
	p, err := b.monitor.EnsureProject(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	b.key = p.PingKey
	return b
}

// check makes a check with a slug and returns its id.
func (b *bench) check(slug string, edit ...func(*monitor.Settings)) string {
	b.Helper()
	s := monitor.DefaultSettings()
	s.Slug = slug
	for _, e := range edit {
		e(&s)
	}
	c, _, err := b.monitor.Create(b.Context(), account, s, monitor.Like{})
	if err != nil {
		b.Fatal(err)
	}
	return c.ID
}

func (b *bench) send(method, path, body string, header ...string) *httptest.ResponseRecorder {
	b.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.api.ServeHTTP(w, r)
	return w
}

// last returns the newest ping of a check.
func (b *bench) last(id string) monitor.Ping {
	b.Helper()
	pings, err := b.monitor.Pings(b.Context(), account, id, 1)
	if err != nil || len(pings) != 1 {
		b.Fatalf("the last ping: %v, %v", pings, err)
	}
	return pings[0]
}

func TestPingPaths(t *testing.T) {
	b := newBench(t)
	id := b.check("nightly")
	for _, c := range []struct {
		path   string
		status int
		text   string
		want   monitor.Action // of what is recorded
		exit   int
	}{
		{"/ping/ID", 200, "OK", monitor.PingSuccess, -1},
		{"/ping/ID/", 200, "OK", monitor.PingSuccess, -1},
		{"/ping/ID/start", 200, "OK", monitor.PingStart, -1},
		{"/ping/ID/fail", 200, "OK", monitor.PingFail, -1},
		{"/ping/ID/log", 200, "OK", monitor.PingLog, -1},
		{"/ping/ID/0", 200, "OK", monitor.PingSuccess, 0},
		{"/ping/ID/1", 200, "OK", monitor.PingFail, 1},
		{"/ping/ID/255", 200, "OK", monitor.PingFail, 255},
		{"/ping/ID/256", 400, "invalid url format", "", 0},
		{"/ping/ID/99999999999999999999999", 400, "invalid url format", "", 0},
		{"/ping/ID/-1", 404, "not found", "", 0},
		{"/ping/ID/start/", 404, "not found", "", 0},
		{"/ping/ID/other", 404, "not found", "", 0},
		{"/ping/ID/start/1", 404, "not found", "", 0},
		{"/ping/KEY/nightly", 200, "OK", monitor.PingSuccess, -1},
		{"/ping/KEY/nightly/start", 200, "OK", monitor.PingStart, -1},
		{"/ping/KEY/nightly/fail", 200, "OK", monitor.PingFail, -1},
		{"/ping/KEY/nightly/log", 200, "OK", monitor.PingLog, -1},
		{"/ping/KEY/nightly/0", 200, "OK", monitor.PingSuccess, 0},
		{"/ping/KEY/nightly/255", 200, "OK", monitor.PingFail, 255},
		{"/ping/KEY/nightly/256", 400, "invalid url format", "", 0},
		{"/ping/KEY/nightly/", 404, "not found", "", 0},
		{"/ping/KEY/Nightly", 400, "invalid url format", "", 0},
		{"/ping/KEY/absent", 404, "not found", "", 0},
		{"/ping/KEY/absent?create=0", 404, "not found", "", 0},
		{"/ping/" + absent, 404, "not found", "", 0},
		{"/ping/nokey/nightly", 404, "not found", "", 0},
		{"/ping/nokey/nightly?create=1", 404, "not found", "", 0},
		{"/ping/KEY", 404, "not found", "", 0},
		{"/ping/", 404, "not found", "", 0},
		{"/ping/KEY/a.b", 404, "not found", "", 0},
		{"/ping/ID?rid=" + runID, 200, "OK", monitor.PingSuccess, -1},
		{"/ping/ID?rid=" + strings.ToUpper(runID), 200, "OK", monitor.PingSuccess, -1},
		{"/ping/ID?rid=", 400, "invalid uuid format", "", 0},
		{"/ping/ID?rid=12345", 400, "invalid uuid format", "", 0},
		{"/ping/ID?rid=" + runID + "0", 400, "invalid uuid format", "", 0},
		{"/ping/KEY/nightly?rid=x", 400, "invalid uuid format", "", 0},
		{"/ping/KEY/fresh?rid=x&create=1", 400, "invalid uuid format", "", 0},
		{"/ping/KEY/fresh", 404, "not found", "", 0}, // the one before has made none
	} {
		path := strings.NewReplacer("ID", id, "KEY", b.key).Replace(c.path)
		before := b.pings(id)
		w := b.send("GET", path, "")
		if w.Code != c.status || w.Body.String() != c.text {
			t.Errorf("%s: %d %q, want %d %q", c.path, w.Code, w.Body, c.status, c.text)
		}
		if c.want == "" {
			if n := b.pings(id); n != before {
				t.Errorf("%s was refused and recorded", c.path)
			}
			continue
		}
		p := b.last(id)
		wantRID := ""
		if strings.Contains(c.path, "rid=") {
			wantRID = runID
		}
		if p.N != before+1 || p.Action != c.want || p.ExitStatus != c.exit || p.RID != wantRID {
			t.Errorf("%s was recorded as %+v", c.path, p)
		}
	}
}

// pings returns how many pings a check has had.
func (b *bench) pings(id string) int64 {
	b.Helper()
	c, err := b.monitor.Check(b.Context(), account, id)
	if err != nil {
		b.Fatal(err)
	}
	return c.Pings
}

func TestAnyMethodPings(t *testing.T) {
	b := newBench(t)
	id := b.check("nightly")
	for i, method := range []string{"HEAD", "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		w := b.send(method, "/ping/"+id, "")
		h := w.Header()
		if w.Code != 200 || h.Get("Ping-Body-Limit") != "10000" || h.Get("Access-Control-Allow-Origin") != "*" ||
			h.Get("Content-Type") != "text/plain" || !strings.Contains(h.Get("Cache-Control"), "no-cache") {
			t.Errorf("%s: %d %v", method, w.Code, h)
		}
		if p := b.last(id); p.N != int64(i)+1 || p.Method != method {
			t.Errorf("%s was recorded as %+v", method, p)
		}
	}
}

func TestPingsThatCreate(t *testing.T) {
	b := newBench(t) // with twice two places
	for _, c := range []struct {
		path   string
		status int
		text   string
	}{
		{"a?create=1", 201, "Created"},
		{"a?create=1", 200, "OK"},
		{"b/fail?create=1", 201, "Created"},
		{"c?create=0&create=1", 201, "Created"},
		{"D?create=1", 400, "invalid url format"},
		{strings.Repeat("d", 101) + "?create=1", 400, "invalid url format"},
		{strings.Repeat("d", 100) + "?create=1", 201, "Created"},
		{"e?create=1", 404, "not found"},
	} {
		w := b.send("POST", "/ping/"+b.key+"/"+c.path, "")
		if w.Code != c.status || w.Body.String() != c.text {
			t.Errorf("%s: %d %q, want %d %q", c.path, w.Code, w.Body, c.status, c.text)
		}
	}
}

func TestAnAmbiguousSlug(t *testing.T) {
	b := newBench(t)
	b.check("twice")
	b.check("twice")
	for _, path := range []string{"/twice", "/twice/start", "/twice?create=1"} {
		if w := b.send("GET", "/ping/"+b.key+path, ""); w.Code != 409 || w.Body.String() != "ambiguous slug" {
			t.Errorf("%s: %d %q", path, w.Code, w.Body)
		}
	}
}

func TestWhatIsRecordedOfARequest(t *testing.T) {
	b := newBench(t)
	id := b.check("nightly")
	for _, c := range []struct {
		header         []string
		scheme, remote string
	}{
		{nil, "http", "192.0.2.1"},
		{[]string{"X-Forwarded-For", "1.1.1.1, 2.2.2.2"}, "http", "1.1.1.1"},
		{[]string{"X-Forwarded-For", "1.1.1.1:4321, 2.2.2.2"}, "http", "1.1.1.1"},
		{[]string{"X-Forwarded-For", "2001:db8::1"}, "http", "2001:db8::1"},
		{[]string{"X-Forwarded-Proto", "https"}, "https", "192.0.2.1"},
	} {
		b.send("POST", "/ping/"+id, "hello", append(c.header, "User-Agent", "curl/8")...)
		p := b.last(id)
		if p.Scheme != c.scheme || p.RemoteAddr != c.remote || p.UserAgent != "curl/8" || p.BodySize != 5 {
			t.Errorf("with %v it is %+v", c.header, p)
		}
	}
}

func TestPingBodies(t *testing.T) {
	b := newBench(t)
	id := b.check("nightly")
	for _, size := range []int{0, 1, 9_999, 10_000, 10_001, 3 << 20} {
		body := strings.Repeat("x", size)
		if w := b.send("POST", "/ping/"+id+"/log", body); w.Code != 200 {
			t.Fatalf("%d bytes: %d %q", size, w.Code, w.Body)
		}
		p := b.last(id)
		if p.BodySize != min(size, 10_000) {
			t.Errorf("of %d bytes %d are kept", size, p.BodySize)
		}
	}
}

func TestKeywordsInTheBodyOverruleTheURL(t *testing.T) {
	b := newBench(t)
	id := b.check("nightly", func(s *monitor.Settings) { s.FilterHTTPBody, s.FailureKeywords = true, "ERROR" })
	for _, end := range []string{"", "/start", "/log", "/0"} {
		b.send("POST", "/ping/"+id+end, "an ERROR")
		if p := b.last(id); p.Action != monitor.PingFail {
			t.Errorf("%s is recorded as %s", end, p.Action)
		}
		b.send("POST", "/ping/"+id+end, "well")
		if p := b.last(id); p.Action != monitor.PingIgnored {
			t.Errorf("%s is recorded as %s", end, p.Action)
		}
	}
}

// A body that breaks off is refused, and nothing is recorded of it.
func TestABodyThatBreaksOff(t *testing.T) {
	b := newBench(t)
	id := b.check("nightly")
	srv := httptest.NewServer(b.api)
	defer srv.Close()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST /ping/"+id+" HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(conn)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") || !strings.HasSuffix(string(answer), "the request body ended before its announced length") {
		t.Errorf("the answer is %q", answer)
	}
	if n := b.pings(id); n != 0 {
		t.Errorf("%d pings were recorded", n)
	}
}

// What is broken inside is for the log, and not for the client.
func TestAStoreThatFails(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	broken := monitor.NewService(monitor.Config{
		Store: failing{}, Clock: clock{}, Logger: log, Metrics: monitor.NewMetrics(prometheus.NewRegistry()),
	})
	w := httptest.NewRecorder()
	healthchecks.New(healthchecks.Config{Monitor: broken, Log: log}).ServeHTTP(w, httptest.NewRequest("GET", "/ping/"+absent, http.NoBody))
	if w.Code != 500 || w.Body.String() != "internal error" || w.Header().Get("Ping-Body-Limit") != "" {
		t.Errorf("it is %d %q", w.Code, w.Body)
	}
	if !strings.Contains(out.String(), "disk I/O error") {
		t.Errorf("the log has %q", out.String())
	}
}

// failing is a store whose disk is full.
type failing struct{ monitor.Store }

func (failing) ChangeCheck(context.Context, string, func(*monitor.Check) (monitor.Change, error)) (monitor.Check, error) {
	return monitor.Check{}, errors.New("disk I/O error")
}
