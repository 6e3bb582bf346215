package healthchecks_test

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry/api/healthchecks"
	"github.com/belfry-run/belfry/monitor"
)

// TestCreate shows every member of a check about which nothing was said.
func TestCreate(t *testing.T) {
	s := newSite(t)
	c := s.create(map[string]any{})
	id := text(c, "uuid")
	self := "https://hc.example/api/v3/checks/" + id
	if badge := text(c, "badge_url"); !strings.HasPrefix(badge, "https://hc.example/b/2/") || !strings.HasSuffix(badge, ".svg") {
		t.Errorf("badge_url is %s", badge)
	}
	delete(c, "badge_url")
	s.same(c, map[string]any{
		"name": "", "slug": "", "tags": "", "desc": "", "grace": 3600.0, "n_pings": 0.0, "status": "new", "started": false,
		"last_ping": nil, "next_ping": nil, "manual_resume": false, "methods": "", "subject": "", "subject_fail": "",
		"start_kw": "", "success_kw": "", "failure_kw": "", "filter_subject": false, "filter_body": false,
		"filter_http_body": false, "filter_default_fail": false, "timeout": 86400.0,
		"uuid": id, "ping_url": "https://hc.example/ping/" + id, "update_url": self, "pause_url": self + "/pause",
		"resume_url": self + "/resume", "channels": "",
	})
}

// TestCreateAll says everything, and reads it back by id and by unique key.
func TestCreateAll(t *testing.T) {
	s := newSite(t)
	said := map[string]any{
		"name": "Nightly <backup>", "slug": "nightly-backup_1", "tags": "prod  db", "desc": "über & out", "grace": 60.0,
		"schedule": "15 5 * * MON", "tz": "Europe/Riga", "manual_resume": true, "methods": "POST", "start_kw": "s", "success_kw": "ok,done",
		"failure_kw": "bad", "filter_subject": true, "filter_body": true, "filter_http_body": true, "filter_default_fail": true,
	}
	c := s.create(said)
	for name, want := range said {
		if c[name] != want {
			t.Errorf("%s is %v, want %v", name, c[name], want)
		}
	}
	if _, there := c["timeout"]; there || c["subject"] != "ok,done" || c["subject_fail"] != "bad" {
		t.Errorf("timeout %v, subject %v, subject_fail %v", c["timeout"], c["subject"], c["subject_fail"])
	}
	id := text(c, "uuid")
	s.same(s.do("GET", "/api/v3/checks/"+id, nil).is(200).object(), c)

	sum := sha1.Sum([]byte(strings.ReplaceAll(id, "-", "")[:16]))
	unique := hex.EncodeToString(sum[:])
	read := s.with("GET", "/api/v3/checks/"+unique, nil, key(s.ro)).is(200).object()
	s.same(read["unique_key"], any(unique))
	for _, secret := range []string{"uuid", "ping_url", "update_url", "pause_url", "resume_url", "channels"} {
		if v, there := read[secret]; there {
			t.Errorf("who may only read sees %s: %v", secret, v)
		}
	}
	s.same(s.with("GET", "/api/v3/checks/"+id, nil, key(s.ro)).is(200).object(), read)
	s.same(s.do("GET", "/api/v3/checks/"+unique, nil).is(200).object(), c)
	s.do("POST", "/api/v3/checks/"+unique, nil).refused(404, "not found") // it is for reading
	s.do("GET", "/api/v3/checks/"+strings.Repeat("0", 40), nil).refused(404, "not found")
}

func TestList(t *testing.T) {
	s := newSite(t)
	names := func(query string) string {
		var list struct{ Checks []map[string]any }
		s.do("GET", "/api/v3/checks/"+query, nil).is(200).json(&list)
		var all []string
		for _, c := range list.Checks {
			all = append(all, text(c, "name"))
		}
		return strings.Join(all, " ")
	}
	s.create(map[string]any{"name": "a", "tags": "x y", "slug": "one"})
	s.create(map[string]any{"name": "b", "tags": "xy"})
	s.create(map[string]any{"name": "c", "tags": "y", "slug": "one"})
	for query, want := range map[string]string{
		"": "a b c", "?tag=x": "a", "?tag=y": "a c", "?tag=x&tag=y": "a", "?tag=x&tag=xy": "", "?slug=one": "a c", "?slug=one&tag=x": "a", "?slug=no": "",
	} {
		if got := names(query); got != want {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
	}
}

// TestLongList reads over the ends of the pages in which checks are read.
func TestLongList(t *testing.T) {
	s := newSite(t)
	for _, n := range []int{499, 500, 501, 1000} {
		for have := s.count(); have < n; have++ {
			if _, _, err := s.monitor.Create(t.Context(), tenant, monitor.DefaultSettings(), monitor.Like{}); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.count(); got != n {
			t.Errorf("%d checks are listed, want %d", got, n)
		}
	}
}

func (s *site) count() int {
	var list struct{ Checks []struct{ UUID string } }
	s.do("GET", "/api/v3/checks/", nil).is(200).json(&list)
	seen := map[string]bool{}
	for _, c := range list.Checks {
		seen[c.UUID] = true
	}
	if len(seen) != len(list.Checks) {
		s.Fatalf("%d checks are listed, %d of them different", len(list.Checks), len(seen))
	}
	return len(seen)
}

func TestUnique(t *testing.T) {
	s := newSite(t)
	const path = "/api/v3/checks/"
	first := s.create(map[string]any{"name": "a", "slug": "s", "tags": "t", "timeout": 600, "grace": 60})
	for _, field := range []string{"name", "slug", "tags", "timeout", "grace"} {
		body := map[string]any{"name": "a", "slug": "s", "tags": "t", "timeout": 600, "grace": 60, "desc": field, "unique": []string{field}}
		got := s.do("POST", path, body).is(200).object()
		if got["uuid"] != first["uuid"] || got["desc"] != field {
			t.Errorf("unique by %s: %v", field, got)
		}
		other := map[string]any{"unique": []string{field}, field: "other"}
		if field == "timeout" || field == "grace" {
			other[field] = 777
		}
		s.do("POST", path, other).is(201)
		s.do("POST", path, map[string]any{"unique": []string{field}}).is(201) // it is not said what must be alike
	}
	all := map[string]any{"name": "a", "tags": "t", "unique": []string{"name", "tags"}}
	s.do("POST", path, all).is(200)
	all["tags"] = "u"
	s.do("POST", path, all).is(201)
	s.do("POST", path, map[string]any{"name": "a", "unique": []string{}}).is(201)
	// What is refused changes nothing.
	s.do("POST", path, map[string]any{"name": "a", "slug": "s", "desc": "no", "grace": 1, "unique": []string{"name", "slug"}}).is(400)
	s.same(s.do("GET", path+text(first, "uuid"), nil).object()["desc"], any("grace"))
}

func TestUpdate(t *testing.T) {
	s := newSite(t)
	c := s.create(map[string]any{"name": "a", "timeout": 600, "desc": "d"})
	path := "/api/v3/checks/" + text(c, "uuid")
	s.same(s.do("POST", path, map[string]any{}).is(200).object(), c) // nothing said, nothing changed

	// schedule is stronger than timeout, and timeout alone makes it simple again.
	got := s.do("POST", path, map[string]any{"schedule": "*:0/15", "timeout": 700}).is(200).object()
	if got["schedule"] != "*:0/15" || got["tz"] != "UTC" || got["timeout"] != nil {
		t.Errorf("with a schedule: %v", got)
	}
	got = s.do("POST", path, map[string]any{"grace": 120}).is(200).object()
	if got["schedule"] != "*:0/15" || got["grace"] != 120.0 {
		t.Errorf("with another grace: %v", got)
	}
	got = s.do("POST", path, map[string]any{"timeout": 800}).is(200).object()
	if got["timeout"] != 800.0 || got["schedule"] != nil || got["tz"] != nil {
		t.Errorf("simple again: %v", got)
	}
	// subject and subject_fail are the old names of keywords.
	got = s.do("POST", path, map[string]any{"subject": "yes", "subject_fail": "no"}).is(200).object()
	if got["success_kw"] != "yes" || got["failure_kw"] != "no" || text(got, "filter_subject") != "true" {
		t.Errorf("with a subject: %v", got)
	}
	got = s.do("POST", path, map[string]any{"subject": "", "subject_fail": ""}).is(200).object()
	if text(got, "filter_subject") != "false" || got["desc"] != "d" {
		t.Errorf("without a subject: %v", got)
	}
}

// TestTimes follows a check through its states.
func TestTimes(t *testing.T) {
	s := newSite(t)
	c := s.create(map[string]any{"timeout": 3600, "grace": 600})
	path := "/api/v3/checks/" + text(c, "uuid")
	look := func(want string) {
		t.Helper()
		got := s.do("GET", path, nil).is(200).object()
		state := fmt.Sprintf("%v %v %v %v %v %v", got["status"], got["started"], got["last_ping"], got["next_ping"], got["n_pings"], got["last_duration"])
		if state != want {
			t.Errorf("state is %s, want %s", state, want)
		}
	}
	look("new false <nil> <nil> 0 <nil>")
	s.ping(c, "", nil)
	look("up false 2026-03-02T10:00:00+00:00 2026-03-02T11:00:00+00:00 1 <nil>")
	s.clock.forward(time.Hour)
	look("grace false 2026-03-02T10:00:00+00:00 2026-03-02T11:00:00+00:00 1 <nil>")
	s.ping(c, "/start", nil)
	s.clock.forward(90*time.Second + 400*time.Millisecond)
	s.ping(c, "", nil)
	look("up false 2026-03-02T11:01:30+00:00 2026-03-02T12:01:30+00:00 3 90")
	s.ping(c, "/fail", nil)
	look("down false 2026-03-02T11:01:30+00:00 <nil> 4 <nil>")
}

func TestPauseAndResume(t *testing.T) {
	s := newSite(t)
	c := s.create(nil)
	s.ping(c, "", nil)
	path := "/api/v3/checks/" + text(c, "uuid")
	r := s.do("POST", path+"/resume", nil).is(409, "check is not paused")
	if got := r.header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
		t.Errorf("Content-Type is %q", got)
	}
	for range 2 { // the second changes nothing
		got := s.do("POST", path+"/pause", "").is(200).object()
		if got["status"] != "paused" || got["next_ping"] != nil || got["last_ping"] == nil {
			t.Errorf("paused: %v", got)
		}
	}
	got := s.do("POST", path+"/resume", "{}").is(200).object()
	if got["status"] != "new" || got["last_ping"] != nil {
		t.Errorf("resumed: %v", got)
	}
	s.do("POST", path+"/resume", nil).is(409)
}

func TestDelete(t *testing.T) {
	s := newSite(t)
	c := s.create(map[string]any{"name": "gone"})
	path := "/api/v3/checks/" + text(c, "uuid")
	s.same(s.do("DELETE", path, nil).is(200).object(), c)
	s.do("DELETE", path, nil).refused(404, "not found")
	s.do("GET", path, nil).refused(404, "not found")
}

func TestLimit(t *testing.T) {
	s := newSite(t, func(_ *healthchecks.Config, m *monitor.Config) { m.MaxChecks = 2 })
	s.create(map[string]any{"name": "a"})
	c := s.create(map[string]any{"name": "b"})
	s.do("POST", "/api/v3/checks/", nil).is(403)
	s.do("POST", "/api/v3/checks/", map[string]any{"name": "b", "unique": []string{"name"}}).is(200)
	s.do("DELETE", "/api/v3/checks/"+text(c, "uuid"), nil).is(200)
	s.create(nil)
}
