package app

import (
	"context"
	"time"

	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/monitor/probe"
)

// startProbes begins to look at what clients want to be looked at.
func (s *Server) startProbes(ctx context.Context) {
	looker := &probe.Prober{Dial: s.dial(), Now: time.Now, Agent: "Belfry/" + s.c.Version}
	s.probes = monitor.NewProbes(monitor.ProbesConfig{
		Checks: s.monitor, Store: s.store, Sealer: s.vault.Sealer("probe"), Look: looker.Look, Logger: s.log,
		Metrics: monitor.NewProbeMetrics(s.metrics),
	})
	looks, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	s.background.Go(func() { defer close(done); s.probes.Run(looks) })
	s.opened("probes", func(ctx context.Context) error {
		stop()
		select { // what is being recorded, before the store closes
		case <-done:
		case <-ctx.Done():
		}
		return nil
	})
}
