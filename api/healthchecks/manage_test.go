package healthchecks_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/belfry-run/belfry/api/healthchecks"
	"github.com/belfry-run/belfry/monitor"
)

func key(k string) http.Header { return http.Header{"X-Api-Key": {k}} }

func TestKeys(t *testing.T) {
	s := newSite(t)
	const list = "/api/v3/checks/"
	s.with("GET", list, nil, nil).refused(401, "missing api key")
	s.with("GET", list, nil, key("")).refused(401, "missing api key")
	s.with("GET", list, nil, key(s.rw[1:])).refused(401, "missing api key")
	s.with("GET", list, nil, key(s.rw+"x")).refused(401, "missing api key")
	s.with("GET", list, nil, key(strings.Repeat("x", 32))).refused(401, "wrong api key")
	s.with("GET", list, nil, key(s.rw)).is(200, `{"checks": []}`)
	s.with("GET", list, nil, key(s.ro)).is(200, `{"checks": []}`)

	// A key to read with is as good as none for anything else.
	s.with("POST", list, map[string]any{}, key(s.ro)).refused(401, "wrong api key")
	c := s.create(map[string]any{"name": "a"})
	self := "/api/v3/checks/" + text(c, "uuid")
	for _, r := range [][2]string{
		{"POST", self},
		{"DELETE", self},
		{"POST", self + "/pause"},
		{"POST", self + "/resume"},
		{"GET", self + "/pings/"},
		{"GET", self + "/pings/1/body"},
		{"GET", "/api/v3/channels/"},
	} {
		s.with(r[0], r[1], nil, key(s.ro)).refused(401, "wrong api key")
	}
	for _, path := range []string{self, self + "/flips/", "/api/v3/badges/"} {
		s.with("GET", path, nil, key(s.ro)).is(200)
	}

	// In the body, unless there is a header.
	s.with("POST", list, map[string]any{"api_key": s.rw}, nil).is(201)
	s.with("POST", list, map[string]any{"api_key": s.rw}, key("short")).refused(401, "missing api key")
	s.with("POST", list, map[string]any{"api_key": 123}, nil).refused(401, "missing api key")
	s.with("POST", list, map[string]any{"api_key": s.ro}, nil).refused(401, "wrong api key")

	// A new key ends the old one.
	old := s.rw
	s.rw = s.newKey(tenant, monitor.ReadWriteKey)
	s.with("GET", list, nil, key(old)).refused(401, "wrong api key")
	s.do("GET", list, nil).is(200)
}

// TestOtherProjects: what belongs to another project is refused, what does not
// exist is not found.
func TestOtherProjects(t *testing.T) {
	s := newSite(t)
	c := s.create(map[string]any{"name": "mine"})
	foreign := key(s.newKey(stranger, monitor.ReadWriteKey))
	self := "/api/v3/checks/" + text(c, "uuid")
	for _, r := range [][2]string{
		{"GET", self},
		{"POST", self},
		{"DELETE", self},
		{"POST", self + "/pause"},
		{"POST", self + "/resume"},
		{"GET", self + "/pings/"},
		{"GET", self + "/pings/1/body"},
		{"GET", self + "/flips/"},
	} {
		s.with(r[0], r[1], nil, foreign).is(403)
		missing := strings.Replace(r[1], text(c, "uuid"), "00000000-0000-4000-8000-000000000000", 1)
		s.do(r[0], missing, nil).is(404)
	}
	s.with("GET", "/api/v3/checks/", nil, foreign).is(200, `{"checks": []}`)
	s.same(s.do("GET", self, nil).object(), c)
}

// TestDev lets any key of the right length in, and keeps to those it knows.
func TestDev(t *testing.T) {
	s := newSite(t, func(c *healthchecks.Config, _ *monitor.Config) { c.Dev = true })
	some := key(strings.Repeat("k", 32))
	s.with("GET", "/api/v3/checks/", nil, key("k")).refused(401, "missing api key")
	c := s.with("POST", "/api/v3/checks/", map[string]any{"name": "x"}, some).is(201).object()
	if k, err := s.monitor.Check(t.Context(), "000000000000", text(c, "uuid")); err != nil || k.Name != "x" {
		t.Errorf("the check is %v, %v; want one of the first account", k, err)
	}
	s.do("GET", "/api/v3/checks/", nil).is(200, `{"checks": []}`) // s.rw is another account's
}

func TestRequestBodies(t *testing.T) {
	s := newSite(t)
	const path = "/api/v3/checks/"
	for _, body := range []string{"{", "x", `{"name":}`, "{} {}", "\xff", "{\"name\":\"\xff\"}"} {
		s.do("POST", path, body).refused(400, "could not parse request body")
		s.with("POST", path, body, nil).refused(400, "could not parse request body") // before the key is asked for
	}
	for _, body := range []string{"[]", "1", `"x"`, "null", "true"} {
		s.do("POST", path, body).refused(400, "json validation error: value is not an object")
	}
	s.do("POST", path, nil).is(201) // nothing said
	s.do("POST", path, `{"name":"`+strings.Repeat("x", 1<<20)+`"}`).is(413)
	s.do("POST", path, `{"unknown":[1,2],"name":"x"}`).is(201)
}

func TestMethodsAndCORS(t *testing.T) {
	s := newSite(t)
	self := "/api/v1/checks/" + text(s.create(nil), "uuid")
	for path, allowed := range map[string]string{
		"/api/v1/checks/": "GET, OPTIONS, POST", "/api/v2/checks": "GET, OPTIONS, POST",
		self: "DELETE, GET, OPTIONS, POST", self + "/pause": "OPTIONS, POST", self + "/resume": "OPTIONS, POST",
		self + "/pings/": "GET, OPTIONS", self + "/flips/": "GET, OPTIONS", "/api/v3/channels/": "GET, OPTIONS", "/api/v3/badges/": "GET, OPTIONS",
	} {
		for _, r := range []*reply{
			s.with("OPTIONS", path, nil, nil).is(204, ""), s.do("PATCH", path, nil).is(405), s.with("PUT", path, nil, nil).is(405),
		} {
			for name, want := range map[string]string{
				"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "X-Api-Key",
				"Access-Control-Allow-Methods": allowed, "Access-Control-Max-Age": "600",
			} {
				if got := r.header.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", path, name, got, want)
				}
			}
		}
	}
	if got := s.with("GET", self, nil, nil).header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("a refusal has Access-Control-Allow-Origin %q", got)
	}
	for _, path := range []string{"/api/v3/nothing/", "/api/v3/checks/x", self + "/x", self + "/pings/1", "/api/v3/"} {
		s.do("GET", path, nil).refused(404, "not found")
	}
}

func TestStatusAndMetrics(t *testing.T) {
	s := newSite(t)
	for _, v := range []string{"v1", "v2", "v3"} {
		s.with("GET", "/api/"+v+"/status/", nil, nil).is(200, "OK")
		s.with("GET", "/api/"+v+"/metrics/", nil, http.Header{"X-Metrics-Key": {"x"}}).is(403, "")
	}
}

// TestVersions: version 1 has a state "started", and 1 and 2 make slugs.
func TestVersions(t *testing.T) {
	s := newSite(t)
	for version, slug := range map[string]string{"v1": "my-job-no-1", "v2": "my-job-no-1", "v3": ""} {
		c := s.do("POST", "/api/"+version+"/checks/", map[string]any{"name": "My  job — No. 1!"}).is(201).object()
		if text(c, "slug") != slug {
			t.Errorf("%s: slug is %q, want %q", version, c["slug"], slug)
		}
		s.ping(c, "/start", nil)
		got := s.do("GET", "/api/"+version+"/checks/"+text(c, "uuid"), nil).object()
		status := "new"
		if version == "v1" {
			status = "started"
		}
		if text(got, "status") != status || text(got, "started") != "true" {
			t.Errorf("%s: status is %v, started %v", version, got["status"], got["started"])
		}
		if want := "https://hc.example/api/" + version + "/checks/" + text(c, "uuid"); text(c, "update_url") != want {
			t.Errorf("update_url is %v, want %s", c["update_url"], want)
		}
		renamed := s.do("POST", "/api/"+version+"/checks/"+text(c, "uuid"), map[string]any{"name": "Other", "slug": "mine"}).is(200).object()
		if text(renamed, "slug") != "mine" {
			t.Errorf("%s: a slug that is said is %v", version, renamed["slug"])
		}
		same := s.do("POST", "/api/"+version+"/checks/"+text(c, "uuid"), map[string]any{"name": "Other", "grace": 120}).is(200).object()
		if text(same, "slug") != "mine" {
			t.Errorf("%s: with the name that it has, the slug becomes %v", version, same["slug"])
		}
	}
}

// TestLinksFollowTheClient: without a URL of its own the server is where the
// client says it is.
func TestLinksFollowTheClient(t *testing.T) {
	s := newSite(t, func(c *healthchecks.Config, _ *monitor.Config) { c.URL = "" })
	h := key(s.rw)
	h.Set("X-Forwarded-Proto", "https")
	var c struct {
		PingURL string `json:"ping_url"`
		UUID    string `json:"uuid"`
	}
	if err := json.Unmarshal([]byte(s.with("POST", "/api/v3/checks/", nil, h).is(201).text), &c); err != nil {
		t.Fatal(err)
	}
	if want := "https://example.com/ping/" + c.UUID; c.PingURL != want {
		t.Errorf("ping_url is %s, want %s", c.PingURL, want)
	}
}
