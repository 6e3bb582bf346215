package notify

import (
	"context"
	"net/url"
	"strings"
	"time"
)

// pagerDuty opens and resolves incidents with the Events API v2; the alert's id
// is the key that joins the two.
type pagerDuty struct {
	RoutingKey string `json:"routing_key"`
	URL        string `json:"url"` // left out: PagerDuty's own
}

func (p *pagerDuty) check() error {
	if p.URL == "" {
		p.URL = "https://events.pagerduty.com/v2/enqueue"
	}
	if p.RoutingKey == "" {
		return missing("routing_key", "the integration key of a service")
	}
	return checkURL("url", p.URL)
}

func (p *pagerDuty) target() string { return host(p.URL) }

// pagerDutyMax bounds a summary, in characters.
const pagerDutyMax = 1024

// dedupKey names the incident of an item.
func dedupKey(it *Item) string { return "belfry-" + it.Alert }

func (p *pagerDuty) send(ctx context.Context, s *Sender, m *Message) error {
	it := &m.Items[0]
	event := map[string]any{"routing_key": p.RoutingKey, "dedup_key": dedupKey(it), "event_action": "trigger"}
	if m.Event == Up {
		event["event_action"] = "resolve"
	} else {
		event["payload"] = map[string]any{
			"summary": Cut(m.Subject(), pagerDutyMax), "source": "belfry", "severity": m.Severity,
			"timestamp": it.Since.UTC().Format(time.RFC3339), "component": it.Subject, "class": it.Reason,
			"custom_details": map[string]string{"detail": it.Detail, "run": it.Run, "subject": it.Subject, "kind": it.Kind},
		}
		event["client"] = "Belfry"
		if m.AckURL != "" {
			event["links"] = []any{map[string]string{"href": m.AckURL, "text": "Acknowledge in Belfry"}}
		}
	}
	if err := s.post(ctx, "POST", p.URL, event); err != nil || m.Event != Test {
		return err
	}
	// A test leaves no incident behind.
	return s.post(ctx, "POST", p.URL, map[string]any{"routing_key": p.RoutingKey, "dedup_key": dedupKey(it), "event_action": "resolve"})
}

// opsgenie opens and closes alerts; the alert's id is the alias that joins the two.
type opsgenie struct {
	APIKey string `json:"api_key"`
	URL    string `json:"url"` // left out: Opsgenie's own; https://api.eu.opsgenie.com in the EU
}

func (o *opsgenie) check() error {
	if o.URL == "" {
		o.URL = "https://api.opsgenie.com"
	}
	if o.APIKey == "" {
		return missing("api_key", "the key of an API integration")
	}
	return checkURL("url", o.URL)
}

func (o *opsgenie) target() string { return host(o.URL) }

var opsgeniePriority = map[string]string{"info": "P5", "warning": "P4", "error": "P3", "critical": "P1"}

func (o *opsgenie) send(ctx context.Context, s *Sender, m *Message) error {
	it := &m.Items[0]
	key := []string{"Authorization", "GenieKey " + o.APIKey}
	alerts := strings.TrimSuffix(o.URL, "/") + "/v2/alerts"
	end := alerts + "/" + url.PathEscape(dedupKey(it)) + "/close?identifierType=alias"
	closing := map[string]string{"source": "Belfry", "note": Cut(m.Subject(), 2000)}
	if m.Event == Up {
		return s.post(ctx, "POST", end, closing, key...)
	}
	err := s.post(ctx, "POST", alerts, map[string]any{
		"message": Cut(m.Subject(), 130), "alias": dedupKey(it), "description": Cut(m.Text(), 15_000), "entity": Cut(it.Subject, 512),
		"source": "Belfry", "priority": opsgeniePriority[m.Severity],
		"details": map[string]string{"reason": it.Reason, "run": it.Run, "kind": it.Kind},
	}, key...)
	if err != nil || m.Event != Test {
		return err
	}
	return s.post(ctx, "POST", end, closing, key...)
}

// splunkOnCall opens and ends incidents of Splunk On-Call, which was VictorOps,
// by its REST endpoint; the alert's id joins the two.
type splunkOnCall struct {
	URL string `json:"url"` // of the endpoint, with the routing key at its end; a secret
}

func (o *splunkOnCall) check() error   { return checkURL("url", o.URL) }
func (o *splunkOnCall) target() string { return host(o.URL) }

var splunkType = map[string]string{"info": "INFO", "warning": "WARNING", "error": "CRITICAL", "critical": "CRITICAL"}

func (o *splunkOnCall) send(ctx context.Context, s *Sender, m *Message) error {
	it := &m.Items[0]
	event := map[string]any{
		"message_type": splunkType[m.Severity], "entity_id": dedupKey(it), "entity_display_name": m.Subject(), "state_message": m.Text(),
		"state_start_time": it.Since.Unix(), "monitoring_tool": "Belfry",
	}
	if m.Event == Up {
		event["message_type"] = "RECOVERY"
	}
	if err := s.post(ctx, "POST", o.URL, event); err != nil || m.Event != Test {
		return err
	}
	event["message_type"] = "RECOVERY" // a test leaves no incident behind
	return s.post(ctx, "POST", o.URL, event)
}
