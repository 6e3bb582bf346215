package native_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry/api/native"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/monitor/probe"
	"github.com/belfry-run/belfry/store/sqlite"
)

// prober is the API with probes, which see what their URL or address says; the
// caller's account stands in a header.
type prober struct {
	testing.TB
	*native.API
	account string
	lastKey string // the last X-Key header that was sent
}

var probeTime = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// frozen is a clock that stands still.
type frozen struct{ clock }

func (frozen) Now() time.Time { return probeTime }

// plainly seals nothing.
type plainly struct{}

func (plainly) Seal(_ string, plain []byte) []byte           { return plain }
func (plainly) Open(_ string, sealed []byte) ([]byte, error) { return sealed, nil }

func newProber(t testing.TB) *prober {
	st, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	log := slog.New(slog.DiscardHandler)
	p := &prober{TB: t, account: "000000000000"}
	p.API = native.New(native.Config{
		Log: log, Open: true,
		Authenticate: func(*http.Request, []byte) (auth.Caller, error) { return auth.Caller{Account: p.account}, nil },
		Probes: monitor.NewProbes(monitor.ProbesConfig{
			Checks: monitor.NewService(monitor.Config{
				Store: st, Clock: frozen{}, Logger: log, Metrics: monitor.NewMetrics(prometheus.NewRegistry()),
			}),
			Store: st, Sealer: plainly{}, Look: p.look, Logger: log, Metrics: monitor.NewProbeMetrics(prometheus.NewRegistry()),
		}),
	})
	return p
}

func (p *prober) look(_ context.Context, s *probe.Settings) probe.Result {
	if s.HTTP != nil {
		p.lastKey = s.HTTP.Headers["X-Key"]
	}
	return probe.Result{OK: !strings.Contains(s.Target(), "down"), Detail: s.Target(), Took: 12 * time.Millisecond, Expires: probeTime.Add(time.Hour)}
}

// ask makes a request and returns its status and answer.
func (p *prober) ask(method, path, body string) (int, map[string]any) {
	p.Helper()
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(method, "/belfry/v1/probes"+path, strings.NewReader(body)))
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		p.Fatalf("%v in %s", err, w.Body)
	}
	return w.Code, out
}

// must is ask for what succeeds.
func (p *prober) must(method, path, body string) map[string]any {
	p.Helper()
	code, out := p.ask(method, path, body)
	if code != http.StatusOK {
		p.Fatalf("%s %s: %d %v", method, path, code, out)
	}
	return out
}

func (p *prober) same(got map[string]any, want string) {
	p.Helper()
	var w map[string]any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		p.Fatal(err)
	}
	w["id"] = got["id"]
	if d := cmp.Diff(w, got); d != "" {
		p.Errorf("(-want +got)\n%s", d)
	}
}

func TestProbeIsMadeShownRunReplacedAndDeleted(t *testing.T) {
	p := newProber(t)
	made := p.must("POST", "", `{"name": "Shop", "tags": "web prod", "interval_seconds": 60, "kind": "http",
		"http": {"url": "https://shop.example/down?x=1", "headers": {"X-Key": "secret"}, "contains": "Welcome"}}`)
	const about = `"name": "Shop", "slug": "", "tags": "web prod", "desc": "", "interval_seconds": 60, "grace_seconds": 60,
		"kind": "http", "timeout_seconds": 10, "retries": 1, "created_at": "2026-11-24T12:00:00Z", "since": "2026-11-24T12:00:00Z",
		"http": {"url": "https://shop.example/down?x=1", "method": "GET", "headers": {"X-Key": "***"}, "status": ["200-299"], "contains": "Welcome", "redirects": 5}`
	p.same(made, `{`+about+`, "status": "new", "next_look": "2026-11-24T12:00:00Z"}`)
	id := "/" + made["id"].(string)
	p.same(p.must("GET", id, ""), `{`+about+`, "status": "new", "next_look": "2026-11-24T12:00:00Z"}`)

	ran := p.must("POST", id+"/run", "")
	next := ran["next_look"].(string)
	p.same(ran, `{`+about+`, "status": "down", "next_look": "`+next+`",
		"last": {"at": "2026-11-24T12:00:00Z", "ok": false, "detail": "https://shop.example/down", "took_ms": 12, "certificate_expires": "2026-11-24T13:00:00Z"}}`)
	if p.lastKey != "secret" {
		t.Errorf("X-Key was %q", p.lastKey)
	}

	// What was shown can be sent back; a value that is hidden stays.
	replaced := p.must("PUT", id, `{"name": "Shop", "schedule": "*/5 8-18 * * 1-5", "timezone": "Europe/Riga", "grace_seconds": 120,
		"kind": "http", "timeout_seconds": 5, "retries": 0, "http": {"url": "https://shop.example/", "headers": {"X-Key": "***", "X-New": "***"}}}`)
	if replaced["schedule"] != "*/5 8-18 * * 1-5" || replaced["timezone"] != "Europe/Riga" || replaced["interval_seconds"] != nil || replaced["retries"] != 0.0 || replaced["tags"] != "" {
		t.Errorf("replaced by %v", replaced)
	}
	if p.must("POST", id+"/run", "")["status"] != "up" || p.lastKey != "secret" {
		t.Errorf("X-Key was %q", p.lastKey)
	}

	tls := p.must("PUT", id, `{"name": "Certificate", "kind": "tls", "tls": {"address": "shop.example:443"}}`)
	if tls["interval_seconds"] != 300.0 || tls["http"] != nil || tls["tls"].(map[string]any)["days"] != 14.0 {
		t.Errorf("replaced by %v", tls)
	}
	if gone := p.must("DELETE", id, ""); gone["name"] != "Certificate" {
		t.Errorf("deleted %v", gone)
	}
	for _, method := range []string{"GET", "DELETE"} {
		if code, out := p.ask(method, id, ""); code != http.StatusNotFound {
			t.Errorf("%s after the delete: %d %v", method, code, out)
		}
	}
}

func TestProbesAreListedInPages(t *testing.T) {
	p := newProber(t)
	for n := range 5 {
		p.must("POST", "", fmt.Sprintf(`{"name": "p%d", "kind": "tcp", "tcp": {"address": "db.example:%d"}}`, n, n+1))
	}
	var names []string
	query := "?limit=2"
	for pages := 0; ; pages++ {
		page := p.must("GET", query, "")
		for _, item := range page["items"].([]any) {
			names = append(names, item.(map[string]any)["name"].(string))
		}
		next, more := page["next"].(string)
		if !more {
			break
		}
		query = "?limit=2&next=" + next
	}
	if got := strings.Join(names, " "); got != "p0 p1 p2 p3 p4" {
		t.Errorf("listed %s", got)
	}
	p.account = "111111111111"
	if items := p.must("GET", "", "")["items"].([]any); len(items) != 0 {
		t.Errorf("another account sees %v", items)
	}
}

func TestProbeThatIsAnotherAccountsIsNotThere(t *testing.T) {
	p := newProber(t)
	const body = `{"name": "db", "kind": "tcp", "tcp": {"address": "db.example:5432"}}`
	id := "/" + p.must("POST", "", body)["id"].(string)
	p.account = "111111111111"
	for _, c := range [][2]string{{"GET", id}, {"PUT", id}, {"DELETE", id}, {"POST", id + "/run"}} {
		if code, out := p.ask(c[0], c[1], body); code != http.StatusNotFound {
			t.Errorf("%s %s: %d %v", c[0], c[1], code, out)
		}
	}
	p.account = "000000000000"
	p.must("GET", id, "")
}

func TestProbeThatCannotBeNamesTheField(t *testing.T) {
	p := newProber(t)
	id := "/" + p.must("POST", "", `{"name": "good", "kind": "tcp", "tcp": {"address": "db.example:5432"}}`)["id"].(string)
	const tcp = `"kind": "tcp", "tcp": {"address": "db.example:5432"}`
	for body, field := range map[string]string{
		`{`:                                     "",
		`{"name": 1}`:                           "name",
		`{"label": "x"}`:                        "",
		`{"name": "x"}`:                         "kind",
		`{"kind": "http", "http": {}}`:          "http.url",
		`{"kind": "tcp"}`:                       "tcp",
		`{"interval_seconds": 59, ` + tcp + `}`: "interval_seconds",
		`{"interval_seconds": -1, ` + tcp + `}`: "interval_seconds",
		`{"interval_seconds": 31536001, ` + tcp + `}`:                    "interval_seconds",
		`{"interval_seconds": 9223372036854775807, ` + tcp + `}`:         "interval_seconds",
		`{"grace_seconds": 59, ` + tcp + `}`:                             "grace_seconds",
		`{"interval_seconds": 60, "schedule": "* * * * *", ` + tcp + `}`: "schedule",
		`{"schedule": "61 * * * *", ` + tcp + `}`:                        "schedule",
		`{"timezone": "UTC", ` + tcp + `}`:                               "timezone",
		`{"schedule": "* * * * *", "timezone": "Mars", ` + tcp + `}`:     "timezone",
		`{"slug": "UPPER", ` + tcp + `}`:                                 "slug",
		`{"interval_seconds": 60, "timeout_seconds": 60, ` + tcp + `}`:   "timeout_seconds",
	} {
		for _, to := range [][2]string{{"POST", ""}, {"PUT", id}} {
			code, out := p.ask(to[0], to[1], body)
			e, _ := out["error"].(map[string]any)
			got, _ := e["field"].(string)
			if code != http.StatusBadRequest || got != field {
				t.Errorf("%s %s: %d %v, want a refusal of %q", to[0], body, code, out, field)
			}
		}
	}
	for _, body := range []string{
		`{"interval_seconds": 60, "grace_seconds": 60, ` + tcp + `}`, `{"interval_seconds": 31536000, "grace_seconds": 31536000, ` + tcp + `}`,
	} {
		p.must("PUT", id, body)
	}
	if items := p.must("GET", "", "")["items"].([]any); len(items) != 1 {
		t.Errorf("%d probes are left of one", len(items))
	}
}
