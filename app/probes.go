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
		Checks: s.monitor, Store: s.store, Sealer: s.vault.Sealer("probe"), Look: s.looks(looker), Logger: s.log, Apart: s.apart,
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

// looks has each look wait until it may connect; its time begins then.
func (s *Server) looks(p *probe.Prober) func(context.Context, *probe.Settings) probe.Result {
	return func(ctx context.Context, settings *probe.Settings) probe.Result {
		if err := s.outgoingOwn.Enter(ctx); err != nil {
			return probe.Result{Detail: err.Error()} // the server stops, and takes it for nothing
		}
		defer s.outgoingOwn.Leave()
		return p.Look(ctx, settings)
	}
}
