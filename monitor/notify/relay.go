package notify

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// apprise posts to an Apprise API server, which passes on to what is configured
// there under a key.
type apprise struct {
	URL  string `json:"url"` // https://host/notify/KEY; a secret
	Tags string `json:"tags"`
}

func (a *apprise) check() error   { return checkURL("url", a.URL) }
func (a *apprise) target() string { return host(a.URL) }

func (a *apprise) send(ctx context.Context, s *Sender, m *Message) error {
	kind := "failure"
	switch {
	case m.Event == Up:
		kind = "success"
	case m.Event == Test || m.Severity == "info":
		kind = "info"
	case m.Severity == "warning":
		kind = "warning"
	}
	body := map[string]string{"title": m.Subject(), "body": m.Text(), "type": kind}
	if a.Tags != "" {
		body["tag"] = a.Tags
	}
	return s.post(ctx, "POST", a.URL, body)
}

// ifttt fires an event of IFTTT's Webhooks, with the line, the text and the
// severity as its three values.
type ifttt struct {
	Key   string `json:"key"`
	Event string `json:"event"`
	URL   string `json:"url"` // left out: IFTTT's own
}

var iftttEvent = regexp.MustCompile(`^[A-Za-z0-9_]{1,100}$`)

func (i *ifttt) check() error {
	if i.URL == "" {
		i.URL = "https://maker.ifttt.com"
	}
	switch {
	case i.Key == "" || strings.ContainsAny(i.Key, "/?#%"):
		return missing("key", "the key of the Webhooks service")
	case !iftttEvent.MatchString(i.Event):
		return missing("event", "the event's name, of letters, digits and underscores")
	}
	return checkURL("url", i.URL)
}

func (i *ifttt) target() string { return host(i.URL) + ", " + i.Event }

func (i *ifttt) send(ctx context.Context, s *Sender, m *Message) error {
	return s.post(ctx, "POST", strings.TrimSuffix(i.URL, "/")+"/trigger/"+i.Event+"/with/key/"+i.Key,
		map[string]string{"value1": m.Subject(), "value2": m.Text(), "value3": m.Severity})
}

// notifiarr posts to a channel of Discord by Notifiarr.
type notifiarr struct {
	Key     string `json:"key"`     // of the API
	Channel int64  `json:"channel"` // of Discord
	URL     string `json:"url"`     // left out: Notifiarr's own
}

func (n *notifiarr) check() error {
	if n.URL == "" {
		n.URL = "https://notifiarr.com"
	}
	switch {
	case n.Key == "" || strings.ContainsAny(n.Key, "/?#%"):
		return missing("key", "the API key")
	case n.Channel <= 0:
		return missing("channel", "the number of the Discord channel")
	}
	return checkURL("url", n.URL)
}

func (n *notifiarr) target() string { return host(n.URL) }

const (
	notifiarrTitle = 256
	notifiarrMax   = 4000
)

func (n *notifiarr) send(ctx context.Context, s *Sender, m *Message) error {
	colour := "D00000"
	if m.Event == Up || m.Event == Test {
		colour = "00A000"
	}
	return s.post(ctx, "POST", strings.TrimSuffix(n.URL, "/")+"/api/v1/notification/passthrough/"+n.Key, map[string]any{
		"notification": map[string]any{"name": "Belfry", "event": m.ID, "update": false},
		"discord": map[string]any{
			"color": colour, "ids": map[string]any{"channel": n.Channel},
			"text": map[string]any{"title": Cut(m.Subject(), notifiarrTitle), "description": Cut(m.Text(), notifiarrMax)},
		},
	})
}

// homeAssistant calls a notify action of Home Assistant, or shows a persistent
// notification.
type homeAssistant struct {
	URL    string `json:"url"`
	Token  string `json:"token"`  // a long-lived access token
	Action string `json:"action"` // such as notify.mobile_app_phone; left out: persistent_notification.create
}

var homeAction = regexp.MustCompile(`^[a-z0-9_]+\.[a-z0-9_]+$`)

func (h *homeAssistant) check() error {
	if h.Action == "" {
		h.Action = "persistent_notification.create"
	}
	switch {
	case h.Token == "":
		return missing("token", "a long-lived access token")
	case !homeAction.MatchString(h.Action):
		return refused("action", "is no action such as notify.mobile_app_phone")
	}
	return checkURL("url", h.URL)
}

func (h *homeAssistant) target() string { return host(h.URL) + ", " + h.Action }

func (h *homeAssistant) send(ctx context.Context, s *Sender, m *Message) error {
	return s.post(ctx, "POST", strings.TrimSuffix(h.URL, "/")+"/api/services/"+strings.Replace(h.Action, ".", "/", 1),
		map[string]string{"title": m.Subject(), "message": m.Text()}, "Authorization", "Bearer "+h.Token)
}

// join sends to devices by Join.
type join struct {
	Key     string   `json:"key"`     // of the API
	Devices []string `json:"devices"` // ids, or a group such as group.all
	URL     string   `json:"url"`     // left out: Join's own
}

func (j *join) check() error {
	if j.URL == "" {
		j.URL = "https://joinjoaomgcd.appspot.com"
	}
	switch {
	case j.Key == "":
		return missing("key", "the API key")
	case len(j.Devices) == 0:
		return missing("devices", `a list of ids, or ["group.all"]`)
	}
	return checkURL("url", j.URL)
}

func (j *join) target() string { return host(j.URL) }

// joinMax keeps the address, in which a message goes, within what servers take.
const joinMax = 1500

// send puts everything into the address, as Join wants it; no error tells it.
func (j *join) send(ctx context.Context, s *Sender, m *Message) error {
	values := url.Values{
		"apikey": {j.Key}, "deviceIds": {strings.Join(j.Devices, ",")},
		"title": {Cut(m.Subject(), 250)}, "text": {Cut(m.Text(), joinMax)},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(j.URL, "/")+"/_ah/api/messaging/v1/sendPush?"+values.Encode(), http.NoBody)
	if err != nil {
		return &Error{Permanent: true, Reason: "the address is not valid"}
	}
	return s.answered(req, func(a *answer) bool { return a.Success == nil || *a.Success })
}
