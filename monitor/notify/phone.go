package notify

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// gotify posts to a Gotify server.
type gotify struct {
	URL   string `json:"url"`
	Token string `json:"token"` // of an application
}

func (g *gotify) check() error {
	if g.Token == "" {
		return missing("token", "the token of an application")
	}
	return checkURL("url", g.URL)
}

func (g *gotify) target() string { return host(g.URL) }

var gotifyPriority = map[string]int{"info": 2, "warning": 5, "error": 7, "critical": 10}

func (g *gotify) send(ctx context.Context, s *Sender, m *Message) error {
	return s.post(ctx, "POST", strings.TrimSuffix(g.URL, "/")+"/message",
		map[string]any{"title": m.Subject(), "message": m.Text(), "priority": gotifyPriority[m.Severity]}, "X-Gotify-Key", g.Token)
}

// pushover sends to a user's devices.
type pushover struct {
	Token string `json:"token"` // of an application
	User  string `json:"user"`  // a user's or group's key
	URL   string `json:"url"`   // of the API; left out: Pushover's own
}

func (p *pushover) check() error {
	if p.URL == "" {
		p.URL = "https://api.pushover.net"
	}
	switch {
	case p.Token == "":
		return missing("token", "the token of an application")
	case p.User == "":
		return missing("user", "a user's or group's key")
	}
	return checkURL("url", p.URL)
}

func (p *pushover) target() string { return host(p.URL) }

// Bounds of Pushover, in characters.
const (
	pushoverTitle = 250
	pushoverMax   = 1024
)

func (p *pushover) send(ctx context.Context, s *Sender, m *Message) error {
	body := map[string]any{"token": p.Token, "user": p.User, "title": Cut(m.Subject(), pushoverTitle), "message": Cut(m.Text(), pushoverMax)}
	switch m.Severity {
	case "info":
		body["priority"] = -1
	case "critical":
		if m.Event != Up {
			body["priority"] = 1
		}
	}
	if m.AckURL != "" && m.Event != Up {
		body["url"], body["url_title"] = m.AckURL, "Acknowledge"
	}
	return s.post(ctx, "POST", strings.TrimSuffix(p.URL, "/")+"/1/messages.json", body)
}

// pushbullet sends to all devices of an account.
type pushbullet struct {
	Token string `json:"token"`
	URL   string `json:"url"` // of the API; left out: Pushbullet's own
}

func (p *pushbullet) check() error {
	if p.URL == "" {
		p.URL = "https://api.pushbullet.com"
	}
	if p.Token == "" {
		return missing("token", "an access token")
	}
	return checkURL("url", p.URL)
}

func (p *pushbullet) target() string { return host(p.URL) }

func (p *pushbullet) send(ctx context.Context, s *Sender, m *Message) error {
	return s.post(ctx, "POST", strings.TrimSuffix(p.URL, "/")+"/v2/pushes",
		map[string]string{"type": "note", "title": m.Subject(), "body": m.Text(), "guid": m.ID}, "Access-Token", p.Token)
}

// signal sends by a signal-cli-rest-api server.
type signal struct {
	URL  string   `json:"url"`
	From string   `json:"from"` // the registered number
	To   []string `json:"to"`   // numbers, or ids of groups
}

func (g *signal) check() error {
	switch {
	case g.From == "":
		return missing("from", "the registered number, such as +4915112345678")
	case len(g.To) == 0:
		return missing("to", "a list of numbers")
	}
	return checkURL("url", g.URL)
}

func (g *signal) target() string { return strings.Join(g.To, ", ") }

func (g *signal) send(ctx context.Context, s *Sender, m *Message) error {
	return s.post(ctx, "POST", strings.TrimSuffix(g.URL, "/")+"/v2/send",
		map[string]any{"number": g.From, "recipients": g.To, "message": m.Subject() + "\n\n" + m.Text()})
}

// bark sends to an iPhone.
type bark struct {
	URL string `json:"url"` // of the server; left out: api.day.app
	Key string `json:"key"` // of the device
}

func (b *bark) check() error {
	if b.URL == "" {
		b.URL = "https://api.day.app"
	}
	if b.Key == "" {
		return missing("key", "the device's key")
	}
	return checkURL("url", b.URL)
}

func (b *bark) target() string { return host(b.URL) }

func (b *bark) send(ctx context.Context, s *Sender, m *Message) error {
	return s.post(ctx, "POST", strings.TrimSuffix(b.URL, "/")+"/push",
		map[string]string{"device_key": b.Key, "title": m.Subject(), "body": m.Text(), "group": "Belfry"})
}

// zulip sends as a bot to a stream.
type zulip struct {
	URL    string `json:"url"` // of the organisation
	Bot    string `json:"bot"` // its e-mail address
	Key    string `json:"key"`
	Stream string `json:"stream"`
	Topic  string `json:"topic"` // left out: Belfry
}

func (z *zulip) check() error {
	if z.Topic == "" {
		z.Topic = "Belfry"
	}
	switch {
	case z.Bot == "":
		return missing("bot", "the bot's e-mail address")
	case z.Key == "":
		return missing("key", "the bot's API key")
	case z.Stream == "":
		return missing("stream", "the stream's name")
	}
	return checkURL("url", z.URL)
}

func (z *zulip) target() string { return host(z.URL) + ", " + z.Stream }

const zulipMax = 10_000

func (z *zulip) send(ctx context.Context, s *Sender, m *Message) error {
	form := url.Values{
		"type": {"stream"}, "to": {z.Stream}, "topic": {z.Topic},
		"content": {Cut("**"+m.Subject()+"**\n```\n"+m.Text()+"```", zulipMax)},
	}
	return s.postForm(ctx, strings.TrimSuffix(z.URL, "/")+"/api/v1/messages", form, func(r *http.Request) { r.SetBasicAuth(z.Bot, z.Key) })
}
