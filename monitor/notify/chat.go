package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// chat posts to the address of a chat's incoming webhook; the address is the
// secret.
type chat struct {
	URL    string `json:"url"`
	encode func(m *Message) any
	// refuses says that the service may refuse a message in an answer of status 200.
	refuses bool
}

func (c *chat) check() error   { return checkURL("url", c.URL) }
func (c *chat) target() string { return host(c.URL) }

func (c *chat) send(ctx context.Context, s *Sender, m *Message) error {
	req, err := jsonRequest(ctx, "POST", c.URL, c.encode(m))
	switch {
	case err != nil:
		return err
	case c.refuses:
		return s.answered(req, (*answer).codes)
	}
	return s.do(req)
}

// Bounds of the services, in characters; counted in bytes, which is never more.
const (
	slackMax   = 4000
	discordMax = 2000
	teamsMax   = 20_000
	wecomMax   = 2048
)

// slackBody is what Slack and those who took its format over read.
func slackBody(m *Message) any {
	return map[string]string{"text": Cut(m.Subject()+"\n"+m.Text(), slackMax)}
}

func larkBody(m *Message) any {
	return map[string]any{"msg_type": "text", "content": map[string]string{"text": Cut(m.Subject()+"\n"+m.Text(), slackMax)}}
}

func wecomBody(m *Message) any {
	return map[string]any{"msgtype": "text", "text": map[string]string{"content": Cut(m.Subject()+"\n"+m.Text(), wecomMax)}}
}

// discordBody lets nobody be called by a name that stands in an alert.
func discordBody(m *Message) any {
	return map[string]any{
		"content":          Cut("**"+m.Subject()+"**\n"+m.Text(), discordMax),
		"allowed_mentions": map[string]any{"parse": []string{}},
	}
}

// teamsBody is a message with an Adaptive Card, which the webhooks of Teams'
// workflows take.
func teamsBody(m *Message) any {
	block := func(text string, more map[string]any) map[string]any {
		b := map[string]any{"type": "TextBlock", "text": text, "wrap": true}
		maps.Copy(b, more)
		return b
	}
	card := map[string]any{
		"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
		"body": []any{
			block(m.Subject(), map[string]any{"weight": "Bolder", "size": "Medium"}),
			block(Cut(m.Text(), teamsMax), map[string]any{"fontType": "Monospace"}),
		},
	}
	if m.AckURL != "" && m.Event != Up {
		card["actions"] = []any{map[string]string{"type": "Action.OpenUrl", "title": "Acknowledge", "url": m.AckURL}}
	}
	return map[string]any{
		"type":        "message",
		"attachments": []any{map[string]any{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}},
	}
}

// dingTalk posts to a custom robot of a DingTalk group.
type dingTalk struct {
	URL    string `json:"url"`    // of the robot, with its token
	Secret string `json:"secret"` // of a robot that wants signatures; left out: it wants none
}

func (d *dingTalk) check() error   { return checkURL("url", d.URL) }
func (d *dingTalk) target() string { return host(d.URL) }

const dingTalkMax = 15_000

func (d *dingTalk) send(ctx context.Context, s *Sender, m *Message) error {
	to := d.URL
	if d.Secret != "" {
		stamp := strconv.FormatInt(time.Now().UnixMilli(), 10)
		mac := hmac.New(sha256.New, []byte(d.Secret))
		mac.Write([]byte(stamp + "\n" + d.Secret))
		u, err := url.Parse(d.URL)
		if err != nil {
			return &Error{Permanent: true, Reason: "the address is not valid"}
		}
		query := u.Query()
		query.Set("timestamp", stamp)
		query.Set("sign", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		u.RawQuery = query.Encode()
		to = u.String()
	}
	req, err := jsonRequest(ctx, "POST", to, map[string]any{
		"msgtype": "text", "text": map[string]string{"content": Cut(m.Subject()+"\n"+m.Text(), dingTalkMax)},
	})
	if err != nil {
		return err
	}
	return s.answered(req, (*answer).codes)
}

// line pushes to a user, a group or a room by LINE's Messaging API.
type line struct {
	Token string `json:"token"` // a channel access token
	To    string `json:"to"`    // an id such as U0123 or C0123
	URL   string `json:"url"`   // of the API; left out: LINE's own
}

func (l *line) check() error {
	if l.URL == "" {
		l.URL = "https://api.line.me"
	}
	switch {
	case l.Token == "":
		return missing("token", "a channel access token")
	case l.To == "":
		return missing("to", "the id of a user, a group or a room")
	}
	return checkURL("url", l.URL)
}

func (l *line) target() string { return host(l.URL) + ", " + l.To }

const lineMax = 5000

func (l *line) send(ctx context.Context, s *Sender, m *Message) error {
	err := s.post(ctx, "POST", strings.TrimSuffix(l.URL, "/")+"/v2/bot/message/push",
		map[string]any{"to": l.To, "messages": []any{map[string]string{"type": "text", "text": Cut(m.Subject()+"\n"+m.Text(), lineMax)}}},
		"Authorization", "Bearer "+l.Token, "X-Line-Retry-Key", m.ID)
	if e, ok := err.(*Error); ok && e.status == http.StatusConflict { //nolint:errorlint // do returns it as it is
		return nil // an earlier try was taken whose answer was lost
	}
	return err
}
