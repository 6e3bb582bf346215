package native_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry/api/native"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/store/sqlite"
)

// projects is the API over a store without checks, asked by a caller.
type projects struct {
	*testing.T
	api     *native.API
	monitor *monitor.Service
	auth    *auth.Service
	caller  auth.Caller
}

func newProjects(t *testing.T) *projects {
	t.Helper()
	st, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &projects{T: t, caller: auth.Caller{Account: "123456789012"}}
	log := slog.New(slog.DiscardHandler)
	p.monitor = monitor.NewService(monitor.Config{
		Store: st, Clock: clock{}, Logger: log, Metrics: monitor.NewMetrics(prometheus.NewRegistry()),
	})
	p.auth = auth.New(auth.Config{Store: st, Now: time.Now})
	p.api = native.New(native.Config{
		Monitor: p.monitor, Auth: p.auth, Log: log,
		Authenticate: func(*http.Request, []byte) (auth.Caller, error) { return p.caller, nil },
	})
	return p
}

// ask wants an answer with a status.
func (p *projects) ask(method, path string, status int) map[string]any {
	p.Helper()
	w := httptest.NewRecorder()
	p.api.ServeHTTP(w, httptest.NewRequestWithContext(p.Context(), method, "/belfry/v1/project"+path, http.NoBody))
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != status {
		p.Fatalf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, status)
	}
	return out
}

var (
	shortKey = regexp.MustCompile(`^[0-9A-Za-z]{22}$`)
	apiKey   = regexp.MustCompile(`^[0-9A-Za-z]{32}$`)
)

// TestAProjectIsMadeWhenItIsAskedFor, and is the account's own.
func TestAProjectIsMadeWhenItIsAskedFor(t *testing.T) {
	p := newProjects(t)
	first := p.ask("GET", "", 200)
	ping, _ := first["ping_key"].(string)
	badge, _ := first["badge_key"].(string)
	if !shortKey.MatchString(ping) || !shortKey.MatchString(badge) || ping == badge || first["account"] != "123456789012" ||
		fmt.Sprint(first["has_read_write_key"], first["has_read_only_key"]) != "false false" {
		t.Errorf("a new project is %v", first)
	}
	if again := p.ask("GET", "", 200); again["ping_key"] != ping || again["badge_key"] != badge {
		t.Errorf("the second time it is %v", again)
	}
	p.caller.Account = "999999999999"
	if other := p.ask("GET", "", 200); other["ping_key"] == ping || other["account"] != "999999999999" {
		t.Errorf("another account's is %v", other)
	}
}

// TestKeysAreMadeAndRemoved: each kind has a key that works until the next one.
func TestKeysAreMadeAndRemoved(t *testing.T) {
	p := newProjects(t)
	for _, kind := range []monitor.KeyKind{monitor.ReadWriteKey, monitor.ReadOnlyKey, monitor.PingKey, monitor.BadgeKey} {
		path := "/keys/" + string(kind)
		old, _ := p.ask("POST", path, 200)["key"].(string)
		made := p.ask("POST", path, 200)
		key, _ := made["key"].(string)
		form := shortKey
		if kind == monitor.ReadWriteKey || kind == monitor.ReadOnlyKey {
			form = apiKey
		}
		if made["kind"] != string(kind) || !form.MatchString(key) || key == old {
			t.Errorf("%s: made %v after %s", kind, made, old)
		}
		if _, err := p.monitor.ProjectByKey(t.Context(), kind, old); err == nil {
			t.Errorf("%s: the old key still works", kind)
		}
		if found, err := p.monitor.ProjectByKey(t.Context(), kind, key); err != nil || found.Account != p.caller.Account {
			t.Errorf("%s: the new key finds %v, %v", kind, found, err)
		}
		if removed := p.ask("DELETE", path, 200); removed["key"] != nil || removed["kind"] != string(kind) {
			t.Errorf("%s: removed %v", kind, removed)
		}
		p.ask("DELETE", path, 404)
		if _, err := p.monitor.ProjectByKey(t.Context(), kind, key); err == nil {
			t.Errorf("%s: the removed key still works", kind)
		}
	}
	if e, _ := p.ask("POST", "/keys/both", 400)["error"].(map[string]any); e["field"] != "kind" || !strings.Contains(e["message"].(string), "read_write") {
		t.Errorf("a kind that nobody knows is refused with %v", e)
	}
}

// TestRolesNeedPermissionForProjects: the account's root needs none.
func TestRolesNeedPermissionForProjects(t *testing.T) {
	p := newProjects(t)
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	reader := auth.Role{Account: p.caller.Account, Name: "reader", Path: "/", MaxSession: 3600, Trust: trust, Inline: map[string]string{
		"read": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"belfry:ReadProject","Resource":"arn:aws:belfry::123456789012:project/*"}]}`,
	}}
	nobody := auth.Role{Account: p.caller.Account, Name: "nobody", Path: "/", MaxSession: 3600, Trust: trust}
	for _, r := range []auth.Role{reader, nobody} {
		if _, err := p.auth.CreateRole(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	p.caller.Session = &auth.Session{Account: p.caller.Account, Role: "nobody", Name: "s"}
	for _, r := range [][2]string{{"GET", ""}, {"POST", "/keys/ping"}, {"DELETE", "/keys/ping"}} {
		p.ask(r[0], r[1], 403)
	}
	if _, err := p.monitor.Project(t.Context(), p.caller.Account); err == nil {
		t.Error("a refused call has made a project")
	}
	p.caller.Session.Role = "reader"
	p.ask("GET", "", 200)
	p.ask("POST", "/keys/ping", 403)
}
