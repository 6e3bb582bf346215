package app

import (
	"context"

	"github.com/belfry-run/belfry/api/healthchecks"
	"github.com/belfry-run/belfry/monitor"
)

// devAccount is the account of all callers of a server that accepts everybody.
const devAccount = "000000000000"

// Checks are the settings of checks and their pings; zero is the default of
// [monitor.Config].
type Checks struct {
	Max       int64 // checks of an account
	BodyLimit int   // bytes of a ping's body that are kept
	PingLog   int   // pings that are kept of a check
}

// startMonitor opens what knows the checks.
func (s *Server) startMonitor(ctx context.Context, clock patientClock) error {
	c := s.c.Checks
	s.monitor = monitor.NewService(monitor.Config{
		Store: s.store, Clock: clock, Logger: s.log, Apart: s.apart, Metrics: monitor.NewMetrics(s.metrics),
		BodyLimit: c.BodyLimit, PingLog: c.PingLog, MaxChecks: c.Max,
		Channels: s.channelIDs, Flipped: s.alerts.Wake,
	})
	if s.c.Dev {
		if _, err := s.monitor.EnsureProject(ctx, devAccount); err != nil {
			return err
		}
	}
	looks, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.background.Go(func() { s.monitor.Run(looks) })
	s.opened("checks", func(context.Context) error { stop(); return nil })
	return nil
}

// channelNames are an account's alert channels, as checks name them.
func (s *Server) channelNames(ctx context.Context, account string) ([]healthchecks.Channel, error) {
	channels, err := s.alerts.Channels(ctx, account)
	names := make([]healthchecks.Channel, len(channels))
	for i := range channels {
		names[i] = healthchecks.Channel{ID: channels[i].ID, Name: channels[i].Name, Kind: channels[i].Kind}
	}
	return names, err
}
