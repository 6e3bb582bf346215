package healthchecks_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry/api/healthchecks"
	"github.com/belfry-run/belfry/monitor"
)

type pingList struct{ Pings []map[string]any }

func TestPings(t *testing.T) {
	s := newSite(t)
	c := s.create(map[string]any{"timeout": 600})
	path := "/api/v3/checks/" + text(c, "uuid")
	s.do("GET", path+"/pings/", nil).is(200, `{"pings":[]}`)
	const rid = "11111111-2222-4333-8444-555555555555"
	s.ping(c, "/start?rid="+rid, nil)
	s.clock.forward(1500 * time.Millisecond)
	s.with("POST", "/ping/"+text(c, "uuid")+"/7?rid="+rid, "disk full", http.Header{
		"User-Agent": {"curl/8"}, "X-Forwarded-For": {"192.0.2.7, 10.0.0.1"}, "X-Forwarded-Proto": {"https"},
	}).is(200)
	var list pingList
	s.do("GET", path+"/pings/", nil).is(200).json(&list)
	s.same(list.Pings, []map[string]any{
		{
			"type": "fail", "date": "2026-03-02T10:00:01.500000+00:00", "n": 2.0, "scheme": "https", "remote_addr": "192.0.2.7",
			"method": "POST", "ua": "curl/8", "rid": rid, "body_url": "https://hc.example" + path + "/pings/2/body", "duration": 1.5,
		},
		{
			"type": "start", "date": "2026-03-02T10:00:00.000000+00:00", "n": 1.0, "scheme": "http", "remote_addr": "192.0.2.1",
			"method": "POST", "ua": "", "rid": rid, "body_url": nil,
		},
	})
	r := s.do("GET", path+"/pings/2/body", nil).is(200, "disk full")
	if got := r.header.Get("Content-Type"); got != "text/plain" {
		t.Errorf("Content-Type is %q", got)
	}
	for _, n := range []string{"1", "3", "0", "-1", "x", "99999999999999999999"} {
		s.do("GET", path+"/pings/"+n+"/body", nil).refused(404, "not found")
	}
}

// TestPingLog: no more pings are shown than are kept, and no more than 1000.
func TestPingLog(t *testing.T) {
	for kept, want := range map[int]int{5: 5, 1200: 1000} {
		s := newSite(t, func(_ *healthchecks.Config, m *monitor.Config) { m.PingLog = kept })
		c := s.create(nil)
		for range want + 7 {
			s.ping(c, "", "body")
		}
		path := "/api/v3/checks/" + text(c, "uuid") + "/pings/"
		var list pingList
		s.do("GET", path, nil).is(200).json(&list)
		if len(list.Pings) != want || list.Pings[0]["n"] != float64(want+7) {
			t.Errorf("%d pings from n %v, want %d", len(list.Pings), list.Pings[0]["n"], want)
		}
		if kept == 5 {
			s.do("GET", path+"8/body", nil).is(200)
			s.do("GET", path+"7/body", nil).is(404)
		}
	}
}

func TestFlips(t *testing.T) {
	s := newSite(t)
	c := s.create(map[string]any{"timeout": 600})
	s.do("GET", "/api/v3/checks/"+text(c, "uuid")+"/flips/", nil).is(200, `{"flips":[]}`)
	s.ping(c, "", nil) // 10:00, up
	s.clock.forward(time.Minute)
	s.ping(c, "/fail", nil) // 10:01, down
	s.clock.forward(time.Minute)
	s.ping(c, "", nil) // 10:02, up
	at := func(minute int) int64 { return began.Add(time.Duration(minute) * time.Minute).Unix() }
	flip := func(minute, up int) string {
		return fmt.Sprintf(`{"timestamp":"2026-03-02T10:%02d:00+00:00","up":%d}`, minute, up)
	}
	k, err := s.monitor.Check(t.Context(), tenant, text(c, "uuid"))
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string][]string{
		"":                              {flip(2, 1), flip(1, 0), flip(0, 1)},
		fmt.Sprintf("?start=%d", at(1)): {flip(2, 1), flip(1, 0)},
		fmt.Sprintf("?end=%d", at(1)):   {flip(0, 1)},
		fmt.Sprintf("?start=%d&end=%d", at(1), at(2)): {flip(1, 0)},
		"?seconds=60":       {flip(2, 1), flip(1, 0)},
		"?seconds=59":       {flip(2, 1)},
		"?seconds=0":        {flip(2, 1), flip(1, 0), flip(0, 1)}, // as if not said
		"?end=0":            nil,
		"?seconds=31536000": {flip(2, 1), flip(1, 0), flip(0, 1)},
		fmt.Sprintf("?seconds=600&start=%d", at(2)): {flip(2, 1)},
	} {
		for _, id := range []string{k.ID, k.UniqueKey()} {
			s.with("GET", "/api/v3/checks/"+id+"/flips/"+query, nil, key(s.ro)).is(200, `{"flips":[`+strings.Join(want, ",")+`]}`)
		}
	}
	for _, query := range []string{"seconds=31536001", "seconds=-1", "seconds=x", "start=10000000001", "start=-1", "end=1.5"} {
		s.do("GET", "/api/v3/checks/"+k.ID+"/flips/?"+query, nil).is(400)
	}
}
