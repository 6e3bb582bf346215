package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/native"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/engine"
	"github.com/belfry-run/belfry/monitor"
)

// canary is a schedule of Belfry's own that goes the whole way every minute:
// the guard answers for its target.
var canary = belfry.ScheduleRef{
	Scope: belfry.Scope{Account: auth.AdminAccount, Region: "belfry"}, Group: belfry.OwnGroup, Name: "canary",
}

// startWatch begins to watch the schedules, and the server itself.
func (s *Server) startWatch(ctx context.Context, clock patientClock) error {
	bird, err := s.engine.OwnSchedule(ctx, belfry.Schedule{
		Scope: canary.Scope, Group: canary.Group, Name: canary.Name,
		Expression: "cron(* * * * ? *)", Timezone: "UTC",
		Target: belfry.Target{ARN: "arn:belfry:canary", Retry: belfry.RetryPolicy{MaximumAge: time.Minute}},
	})
	if err != nil {
		return err
	}
	began := time.Now()
	clocks := &monitor.ClockCheck{Elapsed: func() time.Duration { return time.Since(began) }}
	c := monitor.SelfConfig{
		Store: s.store, Clock: clock, Logger: s.log, Apart: s.apart, Account: auth.AdminAccount,
		Checks: []monitor.SelfCheck{
			&monitor.StoreCheck{Store: s.store, Failures: s.store.Failures},
			diskCheck{s.c.DataDir},
			clocks,
			monitor.BacklogCheck{Store: s.store},
			queueCheck{s.engine},
			&monitor.CanaryCheck{Store: s.store, Schedule: bird.ID},
			apartCheck{s.apart},
			monitor.ChannelCheck{Account: auth.AdminAccount, Channels: s.alerts.Channels},
		},
		Found: newSelfFigures(s.metrics).found, Flipped: s.alerts.Wake,
	}
	if s.c.HeartbeatURL != "" {
		if c.Heartbeat, err = monitor.NewHeartbeat(s.c.HeartbeatURL, "Belfry/"+s.c.Version); err != nil {
			return err
		}
		clocks.Skew = c.Heartbeat.Skew
	}
	s.self = monitor.NewSelfWatch(c)
	s.watcher = monitor.NewWatcher(monitor.WatchConfig{
		Store: s.store, Clock: clock, Logger: s.log, Apart: s.apart, Policies: s.alerts, Flipped: s.alerts.Wake,
	})
	s.watchFigures()

	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var loops sync.WaitGroup
	loops.Go(func() { s.watcher.Run(running) })
	loops.Go(func() { s.self.Run(running) })
	s.opened("watch", func(context.Context) error { stop(); loops.Wait(); return nil })
	return nil
}

// queueCheck says what the engine knows of the due queue.
type queueCheck struct{ engine *engine.Engine }

// Name is queue.
func (queueCheck) Name() string { return "queue" }

// Look says when the queue was checked against schedules, clock and time zones,
// and what was put right. Value is how many entries wait for room.
func (c queueCheck) Look(_ context.Context, now time.Time) monitor.Finding {
	h := c.engine.Health()
	f := monitor.Finding{OK: true, Value: float64(h.Waiting), Detail: "The due queue is being checked against schedules, clock and time zones."}
	if !h.Checked.IsZero() {
		f.Detail = fmt.Sprintf("The due queue was checked against schedules, clock and time zones %s ago: %d entries.", now.Sub(h.Checked).Round(time.Second), h.Entries)
	}
	var repairs []string
	for _, what := range slices.Sorted(maps.Keys(h.Repairs)) {
		repairs = append(repairs, fmt.Sprintf("%s: %d", what, h.Repairs[what]))
	}
	if len(h.Faults()) > 0 {
		f.OK = false
		f.Advice = "It has been put right, and the log names each; please report it, since it must not happen. A restart clears this."
	}
	if repairs != nil {
		f.Detail += " Put right since the start: " + strings.Join(repairs, ", ") + "."
	}
	if n := len(h.Steps); n > 0 {
		last := h.Steps[n-1]
		f.Detail += fmt.Sprintf(" The clock last jumped at %s, by %s.", last.At.Format(time.RFC3339), last.By.Round(time.Millisecond))
	}
	if h.Waiting > 0 {
		f.Detail += fmt.Sprintf(" %d entries that are due wait for room: of their account, their host or in memory.", h.Waiting)
	}
	return f
}

// watchFigures adds how many schedules are not well.
func (s *Server) watchFigures() {
	for _, status := range []monitor.Status{monitor.Grace, monitor.Down} {
		s.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "belfry_schedules_not_well", Help: "Schedules that are late or take too long (grace), or are down.",
			ConstLabels: prometheus.Labels{"status": string(status)},
		}, func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), backlogTime)
			defer cancel()
			n, err := s.store.CountWatches(ctx)
			if err != nil {
				s.log.Error("counting the schedules that are not well failed", "err", err)
				return -1
			}
			return float64(n[status])
		}))
	}
}

// selfFigures are what Belfry finds out about itself, as gauges.
type selfFigures struct {
	ok     *prometheus.GaugeVec
	values map[string]prometheus.Gauge // by check
}

func newSelfFigures(reg *prometheus.Registry) *selfFigures {
	f := &selfFigures{
		ok: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "belfry_self_check", Help: "1 when a check that Belfry makes of itself finds nothing wrong, else 0.",
		}, []string{"check"}),
		values: map[string]prometheus.Gauge{},
	}
	reg.MustRegister(f.ok)
	for check, o := range map[string]prometheus.GaugeOpts{
		"disk":      {Name: "belfry_disk_free_bytes", Help: "Free space of the data directory's file system."},
		"clock":     {Name: "belfry_clock_off_seconds", Help: "By how much the clock has jumped lately, or is ahead of the heartbeat receiver's."},
		"backlog":   {Name: "belfry_due_lag_seconds", Help: "How long the oldest run that is due and not started has been due."},
		"queue":     {Name: "belfry_queue_waiting", Help: "Entries of the due queue that are due and wait for room: of their account, their host or in memory."},
		"store":     {Name: "belfry_store_failures", Help: "Calls of the store that have failed since the start."},
		"canary":    {Name: "belfry_canary_age_seconds", Help: "How long ago the newest canary run was due that went the whole way."},
		"channels":  {Name: "belfry_alert_channels_down", Help: "Alert channels of the first account that cannot be delivered to."},
		"heartbeat": {Name: "belfry_heartbeat_failures", Help: "Outward heartbeats in a row that did not arrive."},
	} {
		g := prometheus.NewGauge(o)
		f.values[check] = g
		reg.MustRegister(g)
	}
	return f
}

func (f *selfFigures) found(found []monitor.Finding) {
	for _, x := range found {
		ok := 0.
		if x.OK {
			ok = 1
		}
		f.ok.WithLabelValues(x.Name).Set(ok)
		if g := f.values[x.Name]; g != nil {
			g.Set(x.Value)
		}
	}
}

// lost is what the engine tells of parts of the history that cannot be read.
func (s *Server) lost(from, to time.Time) []string {
	var all []string
	for _, u := range s.store.Unreadable(from, to) {
		all = append(all, u.File+": "+u.Reason)
	}
	return all
}

// unreadable is what the native API tells of parts of the history.
func (s *Server) unreadable(from, to time.Time) []native.Unreadable {
	var all []native.Unreadable
	for _, u := range s.store.Unreadable(from, to) {
		all = append(all, native.Unreadable(u))
	}
	return all
}
