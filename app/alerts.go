package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/egress"
	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/monitor/notify"
	"github.com/belfry-run/belfry/store/sqlite"
)

// startAlerts begins to tell people what is wrong. secret signs links.
func (s *Server) startAlerts(ctx context.Context, clock patientClock, secret []byte) error {
	public, err := publicURL(s.c.PublicURL, s.URL())
	if err != nil {
		return err
	}
	sender := notify.NewSender(notify.Config{Dial: s.dial(), UserAgent: "Belfry/" + s.c.Version, Idle: min(s.descriptors.idle, notify.Idle)})
	s.alerts = monitor.NewAlerts(monitor.AlertsConfig{
		Store: s.store, Clock: clock, Logger: s.log, Apart: s.apart, Carrier: carrier{sender, s.outgoingOwn}, Sealer: s.vault.Sealer("channel"),
		Secret: secret, URL: public, CheckInfo: checkFacts{s.store}.info, Metrics: monitor.NewAlertMetrics(s.metrics),
	})
	s.alerts.Gauges(s.metrics)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	s.background.Go(func() { defer close(done); s.alerts.Run(running) })
	s.opened("alerts", func(ctx context.Context) error {
		stop()
		select { // what is being sent goes into the outbox again, before the store closes
		case <-done:
		case <-ctx.Done():
		}
		sender.Close()
		return nil
	})
	return nil
}

// A carrier sends a message when it may be sent; its time begins then.
type carrier struct {
	*notify.Sender
	limit *egress.Limit
}

// Send implements [monitor.Carrier].
func (c carrier) Send(ctx context.Context, to notify.Channel, m *notify.Message) error {
	if err := c.limit.Enter(ctx); err != nil {
		return err
	}
	defer c.limit.Leave()
	return c.Sender.Send(ctx, to, m)
}

// channelIDs are those of an account, which a check gets that a ping has made.
func (s *Server) channelIDs(ctx context.Context, account string) ([]string, error) {
	channels, err := s.alerts.Channels(ctx, account)
	ids := make([]string, len(channels))
	for i := range channels {
		ids[i] = channels[i].ID
	}
	return ids, err
}

// publicURL is where people reach the server, without a slash at its end.
func publicURL(given, own string) (string, error) {
	if given == "" {
		return own, nil
	}
	u, err := url.Parse(given)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("public URL %q: want an address such as https://belfry.example.org", given)
	}
	return strings.TrimSuffix(given, "/"), nil
}

// checkFacts tells alerting about checks.
type checkFacts struct{ store *sqlite.Store }

func (f checkFacts) info(ctx context.Context, account, id string, body bool) (info monitor.CheckInfo, err error) {
	c, err := f.store.Check(ctx, id)
	if err != nil {
		return info, err
	}
	if c.Account != account {
		return info, monitor.NotExist()
	}
	info.Channels = c.Channels
	info.Facts = notify.Facts{Slug: c.Slug, Tags: c.TagList(), ExitStatus: -1}
	if !body {
		return info, nil
	}
	if info.Facts.JSON, err = json.Marshal(checkDocument(&c)); err != nil {
		return info, err
	}
	last, err := f.store.ListPings(ctx, id, 1)
	if err != nil || len(last) == 0 {
		return info, err
	}
	info.Facts.ExitStatus = last[0].ExitStatus
	b, err := f.store.PingBody(ctx, id, last[0].N)
	if belfry.KindOf(err) == belfry.NotFound && errors.As(err, new(*belfry.Error)) {
		return info, nil // it had none
	}
	info.Facts.Body = string(b)
	return info, err
}

// checkDocument is a check in the words of Healthchecks' management API, without
// the addresses that give it away.
func checkDocument(c *monitor.Check) map[string]any {
	when := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return t.UTC().Format("2006-01-02T15:04:05+00:00")
	}
	d := map[string]any{
		"name": c.Name, "slug": c.Slug, "tags": c.Tags, "desc": c.Desc, "grace": int(c.Grace.Seconds()), "n_pings": c.Pings,
		"status": c.Status, "started": c.Started(), "last_ping": when(c.LastPing), "next_ping": when(c.NextPing()),
		"manual_resume": c.ManualResume, "methods": c.Methods, "uuid": c.ID,
	}
	if c.Kind == monitor.Simple {
		d["timeout"] = int(c.Timeout.Seconds())
	} else {
		d["schedule"], d["tz"] = c.Schedule, c.Timezone
	}
	return d
}
