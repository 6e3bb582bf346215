package healthchecks_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry-run/belfry/monitor"
)

// A walker is what a walk expects of one check.
type walker struct {
	uuid, name      string
	status          string
	pings, lastPing int64 // lastPing in Unix seconds, 0: none
	timeout, grace  int64 // seconds
	started         int64 // Unix seconds, 0: it is not running
	manual          bool
}

// state returns the status that the API must show at a time, by section 8.2 of
// the semantics.
func (w *walker) state(now int64) string {
	due := w.lastPing + w.timeout
	switch {
	case w.started > 0 && now >= w.started+w.grace:
		return "down"
	case w.status != "up":
		return w.status
	case now >= due+w.grace:
		return "down"
	case now >= due:
		return "grace"
	}
	return "up"
}

// overdue makes the state that a ping finds what it has become.
func (w *walker) overdue(now int64) {
	if w.state(now) == "down" {
		w.status = "down"
	}
}

// TestWalk creates, pings, pauses, resumes, edits, deletes and lists at random,
// and holds every answer against a model of a few lines.
func TestWalk(t *testing.T) {
	s := newSite(t)
	project := 0
	rapid.Check(t, func(rt *rapid.T) {
		project++ // each walk in one of its own
		s.rw = s.newKey(fmt.Sprintf("%012d", project), monitor.ReadWriteKey)
		var all []*walker
		now := func() int64 { return s.clock.Now().Unix() }
		pick := func(rt *rapid.T) *walker {
			if len(all) == 0 {
				rt.Skip("there is no check")
			}
			return rapid.SampledFrom(all).Draw(rt, "check")
		}
		path := func(w *walker) string { return "/api/v3/checks/" + w.uuid }
		rt.Repeat(map[string]func(*rapid.T){
			"create": func(rt *rapid.T) {
				w := &walker{
					name: fmt.Sprint("check ", rapid.IntRange(0, 5).Draw(rt, "name")), status: "new", manual: rapid.Bool().Draw(rt, "manual"),
					timeout: rapid.Int64Range(60, 600).Draw(rt, "timeout"), grace: rapid.Int64Range(60, 600).Draw(rt, "grace"),
				}
				body := map[string]any{"name": w.name, "timeout": w.timeout, "grace": w.grace, "manual_resume": w.manual, "unique": []string{"name"}}
				for _, other := range all {
					if other.name == w.name {
						other.overdue(now())
						other.timeout, other.grace, other.manual = w.timeout, w.grace, w.manual
						got := s.do("POST", "/api/v3/checks/", body).is(200).object()
						s.same(got["uuid"], any(other.uuid))
						return
					}
				}
				w.uuid = text(s.do("POST", "/api/v3/checks/", body).is(201).object(), "uuid")
				all = append(all, w)
			},
			"ping": func(rt *rapid.T) {
				w := pick(rt)
				kind := rapid.SampledFrom([]string{"", "/fail", "/start", "/log", "/0", "/3"}).Draw(rt, "kind")
				s.ping(map[string]any{"uuid": w.uuid}, kind, nil)
				w.overdue(now())
				w.pings++
				switch {
				case w.status == "paused" && w.manual, kind == "/log":
				case kind == "/start":
					w.started = now()
				default:
					w.status, w.lastPing, w.started = "up", now(), 0
					if kind == "/fail" || kind == "/3" {
						w.status = "down"
					}
				}
			},
			"pause": func(rt *rapid.T) {
				w := pick(rt)
				s.do("POST", path(w)+"/pause", nil).is(200)
				w.status, w.started = "paused", 0
			},
			"resume": func(rt *rapid.T) {
				w := pick(rt)
				if w.status != "paused" {
					s.do("POST", path(w)+"/resume", nil).is(409)
					return
				}
				s.do("POST", path(w)+"/resume", nil).is(200)
				w.status, w.lastPing, w.started = "new", 0, 0
			},
			"wait": func(rt *rapid.T) {
				s.clock.forward(time.Duration(rapid.IntRange(1, 400).Draw(rt, "seconds")) * time.Second)
			},
			"delete": func(rt *rapid.T) {
				w := pick(rt)
				s.do("DELETE", path(w), nil).is(200)
				for i := range all {
					if all[i] == w {
						all = append(all[:i], all[i+1:]...)
						break
					}
				}
			},
			"": func(rt *rapid.T) {
				var list struct{ Checks []map[string]any }
				s.do("GET", "/api/v3/checks/", nil).is(200).json(&list)
				var got, want []string
				for _, c := range list.Checks {
					got = append(got, fmt.Sprintf("%s %s %v %v %v %v", c["uuid"], c["status"], c["n_pings"], c["started"], c["timeout"], c["last_ping"]))
				}
				for _, w := range all {
					last := "<nil>"
					if w.lastPing > 0 {
						last = time.Unix(w.lastPing, 0).UTC().Format("2006-01-02T15:04:05+00:00")
					}
					want = append(want, fmt.Sprintf("%s %s %d %t %d %s", w.uuid, w.state(now()), w.pings, w.started > 0, w.timeout, last))
				}
				if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
					rt.Fatalf("the list is\n%s\nwant\n%s", g, w)
				}
			},
		})
	})
}
