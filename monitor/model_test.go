package monitor_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry-run/belfry/monitor"
)

// model is a check as section 8.2 of the semantics tells of it, looked at every
// second. It knows nothing of when anything is due next.
type model struct {
	now                  int // seconds since t0
	timeout, grace, cron int // seconds; cron 0: a simple check
	manual               bool
	status               monitor.Status
	lastPing, lastStart  int // -1: none
	rid                  string
	duration             int
	flips                []flip
}

func (m *model) computed() monitor.Status {
	if m.lastStart >= 0 && m.now >= m.lastStart+m.grace {
		return down
	}
	if m.status != up {
		return m.status
	}
	due := m.lastPing + m.timeout
	if m.cron > 0 {
		for due = m.lastPing + 1; due%m.cron != 0; due++ {
		}
	}
	switch {
	case m.now >= due+m.grace:
		return down
	case m.now >= due:
		return grace
	}
	return up
}

func (m *model) become(s monitor.Status, r monitor.Reason) {
	if m.status != s {
		m.flips = append(m.flips, flip{time.Duration(m.now) * time.Second, m.status, s, r})
		m.status = s
	}
}

func (m *model) tick() {
	if m.computed() == down {
		m.become(down, monitor.ReasonTimeout)
	}
}

func (m *model) wait(seconds int) {
	for range seconds {
		m.now++
		m.tick()
	}
}

func (m *model) ping(a monitor.Action, rid string) {
	if m.status == paused && m.manual {
		return
	}
	switch a {
	case monitor.PingStart:
		m.lastStart, m.rid = m.now, rid
	case monitor.PingSuccess, monitor.PingFail:
		m.lastPing, m.duration = m.now, 0
		if m.lastStart >= 0 && m.rid == rid {
			m.duration = m.now - m.lastStart
			m.lastStart = -1
		}
		if a == monitor.PingFail || rid == "" {
			m.lastStart = -1
		}
		if a == monitor.PingFail {
			m.become(down, monitor.ReasonFail)
		} else {
			m.become(up, monitor.ReasonSuccess)
		}
	}
	m.tick()
}

func (m *model) pause() {
	m.lastStart = -1
	m.become(paused, monitor.ReasonPaused)
}

func (m *model) resume() {
	if m.status == paused {
		m.lastPing, m.lastStart = -1, -1
		m.become(newly, monitor.ReasonResumed)
	}
}

// TestRandomPings holds the service against the model: over random pings,
// pauses, edits and waits, with the loop looking now and then, both always say
// the same, down to the moment of each flip.
func TestRandomPings(t *testing.T) {
	b := newBench(t)
	rapid.Check(t, func(rt *rapid.T) {
		seconds := rapid.IntRange(60, 400)
		m := &model{
			timeout: seconds.Draw(rt, "timeout"), grace: seconds.Draw(rt, "grace"), manual: rapid.Bool().Draw(rt, "manual"),
			status: newly, lastPing: -1, lastStart: -1,
		}
		m.now = int(b.clock.Now().Sub(t0) / time.Second)
		c := b.create(func(s *monitor.Settings) {
			s.Timeout, s.Grace, s.ManualResume = time.Duration(m.timeout)*time.Second, time.Duration(m.grace)*time.Second, m.manual
			if minutes := rapid.IntRange(0, 6).Draw(rt, "cron"); minutes > 0 {
				m.cron = minutes * 60
				s.Kind, s.Schedule = monitor.Cron, fmt.Sprintf("*/%d * * * *", minutes)
			}
		})
		rt.Repeat(map[string]func(*rapid.T){
			"wait": func(rt *rapid.T) {
				n := rapid.IntRange(1, 500).Draw(rt, "seconds")
				m.wait(n)
				b.clock.add(time.Duration(n) * time.Second)
			},
			"ping": func(rt *rapid.T) {
				a := rapid.SampledFrom([]monitor.Action{monitor.PingSuccess, monitor.PingSuccess, monitor.PingStart, monitor.PingFail, monitor.PingLog}).Draw(rt, "action")
				rid := rapid.SampledFrom([]string{"", rid1, rid2}).Draw(rt, "rid")
				m.ping(a, rid)
				b.ping(c, a, rid)
			},
			"pause": func(*rapid.T) {
				m.pause()
				_, err := b.Pause(b.ctx, account, c.ID)
				b.ok(err)
			},
			"resume": func(*rapid.T) {
				m.resume()
				_, _ = b.Resume(b.ctx, account, c.ID) // of one that is not paused it is refused
			},
			"edit": func(rt *rapid.T) {
				m.grace = seconds.Draw(rt, "new grace")
				_, err := b.Update(b.ctx, account, c.ID, func(s *monitor.Settings) error {
					s.Grace = time.Duration(m.grace) * time.Second
					return nil
				})
				b.ok(err)
				m.tick()
			},
			"look": func(*rapid.T) { b.look() },
			"": func(rt *rapid.T) {
				got := b.get(c)
				if s := got.StatusAt(b.clock.Now()); s != m.computed() {
					rt.Fatalf("it is %s, the model %s", s, m.computed())
				}
				want := []any{since(m.lastPing), since(m.lastStart), time.Duration(m.duration) * time.Second}
				d := got.LastDuration
				if d == time.Millisecond {
					d = 0 // as exact as times are
				}
				if have := []any{got.LastPing, got.LastStart, d}; fmt.Sprint(have) != fmt.Sprint(want) {
					rt.Fatalf("last ping, last start and duration are %v, the model's %v", have, want)
				}
			},
		})
		b.look()
		if got := b.flips(c); fmt.Sprint(got) != fmt.Sprint(m.flips) {
			rt.Fatalf("the flips are\n%v, the model's\n%v", got, m.flips)
		}
	})
}

// since returns the time so many seconds after t0; of -1, no time.
func since(seconds int) time.Time {
	if seconds < 0 {
		return time.Time{}
	}
	return t0.Add(time.Duration(seconds) * time.Second)
}
