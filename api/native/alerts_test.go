package native_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry/api/native"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/monitor/notify"
	"github.com/belfry-run/belfry/store/sqlite"
)

// wallClock is for what waits for real servers.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// bound seals as the vault does, with the key 0.
func bound(t *testing.T) monitor.Sealer {
	t.Helper()
	v, err := auth.NewVault(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return v.Sealer("channel")
}

// An office is the API over alerts at work, with an access key of an account.
type office struct {
	*testing.T
	*native.API
	alerts  *monitor.Alerts
	store   *sqlite.Store
	account string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	st, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	log := slog.New(slog.DiscardHandler)
	sender := notify.NewSender(notify.Config{UserAgent: "Belfry/test"})
	t.Cleanup(sender.Close)
	o := &office{T: t, store: st, account: "000000000000"}
	o.alerts = monitor.NewAlerts(monitor.AlertsConfig{
		Store: st, Clock: wallClock{}, Logger: log, Carrier: sender, Sealer: bound(t), Secret: []byte("s"), URL: "https://belfry.test",
	})
	o.API = native.New(native.Config{
		Alerts: o.alerts, Log: log, Open: true,
		Authenticate: func(*http.Request, []byte) (auth.Caller, error) { return auth.Caller{Account: o.account}, nil },
	})
	return o
}

// do makes a request and decodes the answer.
func (o *office) do(method, path, body string) (int, map[string]any) {
	o.Helper()
	w := httptest.NewRecorder()
	o.ServeHTTP(w, httptest.NewRequest(method, "/belfry/v1/"+path, strings.NewReader(body)))
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		o.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
	}
	return w.Code, out
}

// must makes a request that succeeds.
func (o *office) must(method, path, body string) map[string]any {
	o.Helper()
	status, out := o.do(method, path, body)
	if status != http.StatusOK {
		o.Fatalf("%s %s: %d %v", method, path, status, out)
	}
	return out
}

func (o *office) items(path string) []map[string]any {
	o.Helper()
	var all []map[string]any
	for _, it := range o.must("GET", path, "")["items"].([]any) {
		all = append(all, it.(map[string]any))
	}
	return all
}

// hook is a receiver that notes bodies.
func hook(t *testing.T) (url string, bodies <-chan string) {
	t.Helper()
	c := make(chan string, 16)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		c <- string(b)
	}))
	t.Cleanup(s.Close)
	return s.URL, c
}

func TestAChannelsLife(t *testing.T) {
	o := newOffice(t)
	url, bodies := hook(t)
	c := o.must("POST", "channels", `{"name":"ops","kind":"webhook","config":{"down":{"url":"`+url+`/geheim"}}}`)
	id := c["id"].(string)
	if c["name"] != "ops" || c["kind"] != "webhook" || fmt.Sprint(c["enabled"]) != "true" || c["status"] != "new" || c["target"] != strings.TrimPrefix(url, "http://") {
		t.Fatalf("created %v", c)
	}
	for _, path := range []string{"channels", "channels/" + id} {
		if b, _ := json.Marshal(o.must("GET", path, "")); strings.Contains(string(b), "geheim") || !strings.Contains(string(b), id) {
			t.Errorf("%s shows %s", path, b)
		}
	}
	stored, err := o.store.Channel(t.Context(), o.account, id)
	if err != nil || strings.Contains(string(stored.Sealed), "geheim") {
		t.Errorf("stored in the clear: %q, %v", stored.Sealed, err)
	}
	d := o.must("POST", "channels/"+id+"/test", "")
	if d["status"] != "delivered" || d["event"] != "test" || d["tries"] != 1.0 {
		t.Errorf("the test: %v", d)
	}
	if body := <-bodies; !strings.Contains(body, `"event":"test"`) {
		t.Errorf("the test's body is %s", body)
	}
	c = o.must("PATCH", "channels/"+id, `{"name":"night","enabled":false}`)
	if c["name"] != "night" || fmt.Sprint(c["enabled"]) != "false" || c["kind"] != "webhook" {
		t.Errorf("changed: %v", c)
	}
	if got := o.items("deliveries"); len(got) != 1 || got[0]["channel"] != id || got[0]["id"] != d["id"] {
		t.Errorf("the log: %v", got)
	}
	o.account = "111111111111"
	for _, r := range []string{"GET channels/" + id, "DELETE channels/" + id, "POST channels/" + id + "/test"} {
		method, path, _ := strings.Cut(r, " ")
		if status, _ := o.do(method, path, ""); status != http.StatusNotFound {
			t.Errorf("another account's %s: %d", r, status)
		}
	}
	if got := o.items("channels"); len(got) != 0 {
		t.Errorf("another account sees %v", got)
	}
	o.account = "000000000000"
	o.must("DELETE", "channels/"+id, "")
	if status, _ := o.do("GET", "channels/"+id, ""); status != http.StatusNotFound {
		t.Errorf("after its deletion: %d", status)
	}
}

func TestAPolicysLife(t *testing.T) {
	o := newOffice(t)
	if got := o.items("policies"); len(got) != 1 || got[0]["scope"] != "default" || got[0]["id"] != "" || got[0]["channels"] != nil || fmt.Sprint(got[0]["recovery"]) != "true" {
		t.Fatalf("the default is %v", got)
	}
	c := o.must("POST", "channels", `{"name":"ops","kind":"slack","config":{"url":"https://x.org"}}`)["id"].(string)
	body := `{"name":"nights","scope":"tag","scope_value":"night","outcomes":["failed"],"after":2,"share_percent":50,"share_of":10,
		"severity":"critical","channels":["` + c + `"],"remind_seconds":3600,"escalate":[{"after_seconds":600,"channels":null}],
		"quiet":{"timezone":"Europe/Berlin","windows":[{"days":["sat","sun"],"dates":["2026-12-25"],"from":"22:00","to":"07:30"}],"pass":"critical"},"recovery":false,
		"late_after_seconds":30,"longest_seconds":120,"longest_factor":0}`
	p := o.must("POST", "policies", body)
	var want map[string]any
	if err := json.Unmarshal([]byte(body), &want); err != nil {
		t.Fatal(err)
	}
	id := p["id"].(string)
	same := func(p map[string]any) {
		t.Helper()
		for k, v := range want {
			got, _ := json.Marshal(p[k])
			wanted, _ := json.Marshal(v)
			if string(got) != string(wanted) {
				t.Errorf("%s is %s, want %s", k, got, wanted)
			}
		}
	}
	same(p)
	same(o.must("GET", "policies/"+id, ""))
	if got := o.items("policies"); len(got) != 2 {
		t.Errorf("the list: %v", got)
	}
	p = o.must("PUT", "policies/"+id, `{"remind_seconds":60}`)
	if p["remind_seconds"] != 60.0 || p["name"] != "nights" || p["scope_value"] != "night" || p["severity"] != "error" || p["quiet"] != nil {
		t.Errorf("replaced: %v", p)
	}
	if status, _ := o.do("POST", "policies", body); status != http.StatusConflict {
		t.Errorf("a second policy of one scope: %d", status)
	}
	o.must("DELETE", "policies/"+id, "")
	if status, _ := o.do("DELETE", "policies/"+id, ""); status != http.StatusNotFound {
		t.Errorf("the second deletion: %d", status)
	}
}

func TestWhatAlertingRefuses(t *testing.T) {
	o := newOffice(t)
	tests := []struct{ request, body, field string }{
		{"POST channels", `{"name":"a","kind":"slack"}`, "config"},
		{"POST channels", `{"kind":"slack","config":{"url":"https://x.org"}}`, "name"},
		{"POST channels", `{"name":"` + strings.Repeat("ü", 101) + `","kind":"slack","config":{"url":"https://x.org"}}`, "name"},
		{"POST channels", `{"name":"a","kind":"pigeon","config":{}}`, "kind"},
		{"POST channels", `{"name":"a","kind":"slack","config":{"url":"x"}}`, "config.url"},
		{"POST channels", `{"name":"a","colour":"red"}`, ""},
		{"POST channels", `{"name":7}`, "name"},
		{"POST channels", `{} {}`, ""},
		{"POST policies", `{"name":"a","scope":"planet"}`, "scope"},
		{"POST policies", `{"name":"a","scope":"default","scope_value":"x"}`, "scope"},
		{"POST policies", `{"name":"a","scope":"schedule","scope_value":"s"}`, "scope"},
		{"POST policies", `{"name":"a","scope":"schedule","scope_value":"arn:aws:scheduler:us-east-1:111111111111:schedule/default/s"}`, "scope"},
		{"POST policies", `{"name":"a","scope":"group","scope_value":"arn:aws:scheduler:us-east-1:000000000000:schedule/default/s"}`, "scope"},
		{"POST policies", `{"name":"a","scope":"tag","scope_value":"a b"}`, "scope"},
		{"POST policies", `{"name":"a","scope":"check","scope_value":"x"}`, "scope"},
		{"POST policies", `{"name":"a","scope":"default","outcomes":["rain"]}`, "outcomes"},
		{"POST policies", `{"name":"a","scope":"default","after":65}`, "after"},
		{"POST policies", `{"name":"a","scope":"default","after":0}`, "after"},
		{"POST policies", `{"name":"a","scope":"default","share_percent":101,"share_of":5}`, "share_percent"},
		{"POST policies", `{"name":"a","scope":"default","share_percent":50}`, "share_of"},
		{"POST policies", `{"name":"a","scope":"default","share_percent":50,"share_of":65}`, "share_of"},
		{"POST policies", `{"name":"a","scope":"default","severity":"loud"}`, "severity"},
		{"POST policies", `{"name":"a","scope":"default","channels":["none"]}`, "channels"},
		{"POST policies", `{"name":"a","scope":"default","channels":[]}`, "channels"},
		{"POST policies", `{"name":"a","scope":"default","remind_seconds":59}`, "remind_seconds"},
		{"POST policies", `{"name":"a","scope":"default","remind_seconds":2592001}`, "remind_seconds"},
		{"POST policies", `{"name":"a","scope":"default","late_after_seconds":9}`, "late_after_seconds"},
		{"POST policies", `{"name":"a","scope":"default","longest_seconds":9}`, "longest_seconds"},
		{"POST policies", `{"name":"a","scope":"default","longest_factor":0.5}`, "longest_factor"},
		{"POST policies", `{"name":"a","scope":"default","escalate":[{"after_seconds":60},{"after_seconds":60}]}`, "escalate"},
		{"POST policies", `{"name":"a","scope":"default","quiet":{"timezone":"Mars","windows":[]}}`, "quiet.timezone"},
		{"POST policies", `{"name":"a","scope":"default","quiet":{"timezone":"UTC","windows":[{"from":"7","to":"08:00"}]}}`, "quiet.windows"},
		{"POST policies", `{"name":"a","scope":"default","quiet":{"timezone":"UTC","windows":[{"from":"24:00","to":"08:00"}]}}`, "quiet.windows"},
		{"POST policies", `{"name":"a","scope":"default","quiet":{"timezone":"UTC","windows":[{"days":["day"],"from":"07:00","to":"08:00"}]}}`, "quiet.windows"},
		{"POST policies", `{"name":"a","scope":"default","quiet":{"timezone":"UTC","windows":[{"dates":["2026-02-29"],"from":"07:00","to":"08:00"}]}}`, "quiet.windows"},
		{"POST policies", `{"name":"a","scope":"default","quiet":{"timezone":"UTC","windows":[{"dates":["2026-01-01"` + strings.Repeat(`,"2026-01-01"`, 366) + `],"from":"07:00","to":"08:00"}]}}`, "quiet.windows"},
		{"GET alerts?state=old", ``, "state"},
		{"GET alerts?limit=0", ``, "limit"},
		{"GET alerts?next=x", ``, "next"},
		{"GET deliveries?status=lost", ``, "status"},
	}
	for _, tt := range tests {
		method, path, _ := strings.Cut(tt.request, " ")
		status, out := o.do(method, path, tt.body)
		e, _ := out["error"].(map[string]any)
		field, _ := e["field"].(string)
		if status != http.StatusBadRequest || e["code"] != "invalid" || field != tt.field || e["message"] == "" {
			t.Errorf("%s %s: %d %v, want 400 invalid of %q", tt.request, tt.body, status, out, tt.field)
		}
	}
	for _, body := range []string{
		`{"name":"a","scope":"tag","scope_value":"1","after":64,"late_after_seconds":10,"longest_seconds":10,"longest_factor":1,"remind_seconds":60}`,
		`{"name":"a","scope":"tag","scope_value":"2","after":0,"share_percent":100,"share_of":64,"remind_seconds":2592000}`,
		`{"name":"` + strings.Repeat("ü", 100) + `","scope":"tag","scope_value":"3","outcomes":[]}`,
	} {
		if status, out := o.do("POST", "policies", body); status != http.StatusOK {
			t.Errorf("%s: %d %v", body, status, out)
		}
	}
}

func TestAnAlertIsAcknowledged(t *testing.T) {
	o := newOffice(t)
	url, bodies := hook(t)
	o.must("POST", "channels", `{"name":"ops","kind":"webhook","config":{"down":{"url":"`+url+`"}}}`)
	ctx, stop := contextOf(t)
	done := make(chan struct{})
	go func() { defer close(done); o.alerts.Run(ctx) }()
	defer func() { stop(); <-done }()
	flip(t, o.store, o.account, "one", "two")
	o.alerts.Wake()
	var link string
	for range 2 {
		select {
		case body := <-bodies:
			var m struct {
				AckURL string `json:"ack_url"`
			}
			if err := json.Unmarshal([]byte(body), &m); err != nil || !strings.HasPrefix(m.AckURL, "https://belfry.test/alerts/ack/") {
				t.Fatalf("the message is %s", body)
			}
			link = m.AckURL
		case <-time.After(30 * time.Second):
			t.Fatal("no message came")
		}
	}
	open := o.items("alerts")
	if len(open) != 2 || open[0]["state"] != "open" || open[0]["reason"] != "failed" || open[0]["severity"] != "error" {
		t.Fatalf("the alerts are %v", open)
	}
	if page := o.must("GET", "alerts?limit=1", ""); page["next"] == nil || len(o.items("alerts?limit=1&next="+page["next"].(string))) != 1 {
		t.Errorf("the first page is %v", page)
	}
	pages := native.Acknowledger(o.alerts, slog.New(slog.DiscardHandler))
	visit := func(method, to string) (int, string) {
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, httptest.NewRequest(method, strings.TrimPrefix(to, "https://belfry.test"), http.NoBody))
		return w.Code, w.Body.String()
	}
	for range 2 {
		if status, page := visit("GET", link); status != http.StatusOK || !strings.Contains(page, "<button>") || !strings.Contains(page, "&lt;two&gt;") && !strings.Contains(page, "&lt;one&gt;") {
			t.Errorf("the page is %d %s", status, page)
		}
	}
	if got := o.items("alerts"); got[0]["state"] != "open" || got[1]["state"] != "open" {
		t.Errorf("looking acknowledged: %v", got)
	}
	if status, page := visit("POST", link); status != http.StatusOK || !strings.Contains(page, "Acknowledged") {
		t.Errorf("the button answers %d %s", status, page)
	}
	if status, page := visit("POST", link); status != http.StatusOK || !strings.Contains(page, "Nothing to acknowledge") {
		t.Errorf("the second time it answers %d %s", status, page)
	}
	if status, _ := visit("POST", link+"x"); status != http.StatusNotFound {
		t.Errorf("a link that is not valid: %d", status)
	}
	if status, _ := visit("PUT", link); status != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %d", status)
	}
	acked := 0
	for _, a := range o.items("alerts") {
		if a["state"] == "acknowledged" {
			acked++
			continue
		}
		got := o.must("POST", "alerts/"+a["id"].(string)+"/acknowledge", "")
		if got["state"] != "acknowledged" || got["acknowledged_by"] == "" {
			t.Errorf("acknowledged: %v", got)
		}
	}
	if acked != 1 {
		t.Errorf("the link acknowledged %d alerts, want the one that it was about", acked)
	}
	if status, _ := o.do("POST", "alerts/none/acknowledge", ""); status != http.StatusNotFound {
		t.Errorf("an alert that is not there: %d", status)
	}
}

func TestAFailedTestSaysWhy(t *testing.T) {
	o := newOffice(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }))
	defer s.Close()
	id := o.must("POST", "channels", `{"name":"a","kind":"slack","config":{"url":"`+s.URL+`/geheim"}}`)["id"].(string)
	if d := o.must("POST", "channels/"+id+"/test", ""); d["status"] != "failed" || d["error"] != "Received status code 500" {
		t.Errorf("the test: %v", d)
	}
}
