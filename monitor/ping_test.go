package monitor_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

func TestWhatIsKeptOfAPing(t *testing.T) {
	b := newBench(t, func(c *monitor.Config) { c.BodyLimit = 10 })
	c := b.create()
	for _, words := range []struct{ sent, kept int }{{199, 199}, {200, 200}, {201, 200}} {
		p, err := b.Ping(b.ctx, c.ID, monitor.Request{Action: monitor.PingSuccess, UserAgent: strings.Repeat("ä", words.sent)})
		b.ok(err)
		if n := utf8.RuneCountInString(p.UserAgent); n != words.kept {
			t.Errorf("of %d characters %d are kept, want %d", words.sent, n, words.kept)
		}
	}
	for _, body := range []struct{ sent, kept string }{{"", ""}, {"0123456789", "0123456789"}, {"0123456789a", "0123456789"}, {"\xff\x00", "\xff\x00"}} {
		p, err := b.Ping(b.ctx, c.ID, monitor.Request{Action: monitor.PingSuccess, Body: []byte(body.sent)})
		b.ok(err)
		got, err := b.PingBody(b.ctx, account, c.ID, p.N)
		if body.kept == "" {
			b.refused(err, belfry.NotFound, "not found")
			continue
		}
		b.ok(err)
		if !bytes.Equal(got, []byte(body.kept)) || p.BodySize != len(body.kept) {
			t.Errorf("of %q %q is kept, %d bytes", body.sent, got, p.BodySize)
		}
	}
}

func TestTheNewestPingsAreKept(t *testing.T) {
	b := newBench(t, func(c *monitor.Config) { c.PingLog = 20 })
	c := b.create()
	for range 33 {
		_, err := b.Ping(b.ctx, c.ID, monitor.Request{Action: monitor.PingSuccess, Body: []byte("x")})
		b.ok(err)
	}
	for limit, want := range map[int]int{1: 1, 20: 20, 1000: 20} {
		pings, err := b.Pings(b.ctx, account, c.ID, limit)
		b.ok(err)
		if len(pings) != want || pings[0].N != 33 {
			t.Errorf("of %d there are %d, the newest %d", limit, len(pings), pings[0].N)
		}
	}
	_, err := b.PingBody(b.ctx, account, c.ID, 14)
	b.ok(err)
	_, err = b.PingBody(b.ctx, account, c.ID, 13)
	b.refused(err, belfry.NotFound, "not found")
}

func TestDurationsOfPings(t *testing.T) {
	b := newBench(t)
	c := b.create()
	for _, step := range []struct {
		a   monitor.Action
		rid string
	}{
		{monitor.PingSuccess, ""}, // nothing started
		{monitor.PingStart, rid1},
		{monitor.PingStart, rid2},
		{monitor.PingStart, rid2}, // the last start counts
		{monitor.PingLog, rid1},
		{monitor.PingFail, rid2},
		{monitor.PingSuccess, rid1},
		{monitor.PingSuccess, rid1}, // its start has an end already
	} {
		b.ping(c, step.a, step.rid)
		b.clock.add(time.Second)
	}
	pings, err := b.Pings(b.ctx, account, c.ID, 9)
	b.ok(err)
	var got []time.Duration
	for _, p := range pings {
		got = append(got, p.Duration/time.Second)
	}
	b.same(got, []time.Duration{0, 5, 2, 0, 0, 0, 0, 0})
}

func TestFilters(t *testing.T) {
	filter := func(s *monitor.Settings) {
		s.FilterHTTPBody, s.StartKeywords, s.SuccessKeywords, s.FailureKeywords = true, "begin", " ok , done,", "bad,ok fail"
	}
	for _, c := range []struct {
		name   string
		edit   func(*monitor.Settings)
		said   monitor.Action
		method string
		body   string
		want   monitor.Action
	}{
		{"without a filter the URL counts", func(s *monitor.Settings) { s.FailureKeywords = "bad" }, monitor.PingSuccess, "POST", "bad", monitor.PingSuccess},
		{"failure comes first", filter, monitor.PingSuccess, "POST", "begin ok fail", monitor.PingFail},
		{"then success", filter, monitor.PingFail, "POST", "begin and done", monitor.PingSuccess},
		{"then start", filter, monitor.PingLog, "POST", "we begin", monitor.PingStart},
		{"nothing matches", filter, monitor.PingFail, "POST", "hello", monitor.PingIgnored},
		{"case counts", filter, monitor.PingSuccess, "POST", "DONE", monitor.PingIgnored},
		{"an empty keyword matches nothing", filter, monitor.PingSuccess, "POST", "", monitor.PingIgnored},
		{"nothing matches, and that is a failure", func(s *monitor.Settings) { filter(s); s.FilterDefaultFail = true }, monitor.PingLog, "POST", "hello", monitor.PingFail},
		{"a body that is no text", filter, monitor.PingSuccess, "POST", "\xffdone\xfe", monitor.PingSuccess},
		{"another method is ignored", func(s *monitor.Settings) { s.Methods = "POST" }, monitor.PingFail, "GET", "", monitor.PingIgnored},
		{"the method counts", func(s *monitor.Settings) { s.Methods = "POST" }, monitor.PingFail, "POST", "", monitor.PingFail},
		{"another method is ignored, whatever the body", func(s *monitor.Settings) { filter(s); s.Methods = "POST" }, monitor.PingFail, "PUT", "done", monitor.PingIgnored},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			k := b.create(c.edit)
			p, err := b.Ping(b.ctx, k.ID, monitor.Request{Action: c.said, Method: c.method, Body: []byte(c.body)})
			b.ok(err)
			if p.Action != c.want || p.N != 1 {
				t.Errorf("it is recorded as %s, want %s", p.Action, c.want)
			}
		})
	}
}

func TestPingsBySlug(t *testing.T) {
	channels := []string{rid1, rid2}
	b := newBench(t, func(c *monitor.Config) {
		c.MaxChecks = 2
		c.Channels = func(context.Context, string) ([]string, error) { return channels, nil }
	})
	p, err := b.EnsureProject(b.ctx, account)
	b.ok(err)
	ping := func(key, slug string, create bool) (bool, error) {
		_, created, err := b.PingSlug(b.ctx, key, slug, create, monitor.Request{Action: monitor.PingSuccess})
		return created, err
	}
	_, err = ping("nobodys", "a", true)
	b.refused(err, belfry.NotFound, "not found")
	_, err = ping("", "a", true)
	b.refused(err, belfry.NotFound, "not found")
	_, err = ping(p.PingKey, "a", false)
	b.refused(err, belfry.NotFound, "not found")
	for _, want := range []bool{true, false} {
		created, err := ping(p.PingKey, "a", true)
		b.ok(err)
		if created != want {
			t.Fatalf("created is %v, want %v", created, want)
		}
	}
	list, err := b.List(b.ctx, monitor.CheckQuery{Account: account, Slug: "a", Limit: 9})
	b.ok(err)
	want := monitor.DefaultSettings()
	want.Name, want.Slug, want.Channels = "a", "a", channels
	if len(list) != 1 || list[0].Pings != 2 || list[0].Status != up {
		t.Fatalf("the checks are %+v", list)
	}
	b.same(list[0].Settings, want)

	// Twice as many as the account may have otherwise, and no more.
	b.create()
	_, _, err = b.Create(b.ctx, account, monitor.DefaultSettings(), monitor.Like{})
	b.refused(err, belfry.Quota, "The account has reached its limit of 2 checks.")
	for _, slug := range []string{"b", "c"} {
		_, err = ping(p.PingKey, slug, true)
		b.ok(err)
	}
	_, err = ping(p.PingKey, "d", true)
	b.refused(err, belfry.NotFound, "not found")

	_, err = b.Update(b.ctx, account, list[0].ID, func(s *monitor.Settings) error { s.Slug = "c"; return nil })
	b.ok(err)
	_, err = ping(p.PingKey, "c", true)
	b.refused(err, belfry.Conflict, "ambiguous slug")
}

func TestPingsThatCreateAtOnceMakeOneCheck(t *testing.T) {
	b := newBench(t)
	p, err := b.EnsureProject(b.ctx, account)
	b.ok(err)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, _, err := b.PingSlug(b.ctx, p.PingKey, "one", true, monitor.Request{Action: monitor.PingLog}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, err := b.List(b.ctx, monitor.CheckQuery{Account: account, Limit: 9})
	b.ok(err)
	if len(list) != 1 || list[0].Pings != 20 {
		t.Fatalf("there are %+v", list)
	}
}

func TestMetrics(t *testing.T) {
	b := newBench(t)
	c := b.create()
	b.create()
	b.ping(c, monitor.PingStart)
	b.ping(c, monitor.PingFail)
	_, err := b.Ping(b.ctx, rid1, monitor.Request{Action: monitor.PingSuccess})
	b.refused(err, belfry.NotFound, "not found")
	families, err := b.reg.Gather()
	b.ok(err)
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[f.GetName()+" "+m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	b.same(got, map[string]float64{
		"belfry_checks down": 1, "belfry_checks new": 1, "belfry_checks paused": 0, "belfry_checks up": 0, "belfry_check_flips_total down": 1,
		"belfry_pings_total fail": 1, "belfry_pings_total start": 1, "belfry_pings_total unknown": 1,
	})
}
