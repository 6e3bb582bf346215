package notify

import (
	"context"
	"maps"
)

// chat posts to the address of a chat's incoming webhook; the address is the
// secret.
type chat struct {
	URL    string `json:"url"`
	encode func(m *Message) any
}

func (c *chat) check() error   { return checkURL("url", c.URL) }
func (c *chat) target() string { return host(c.URL) }

func (c *chat) send(ctx context.Context, s *Sender, m *Message) error {
	return s.post(ctx, "POST", c.URL, c.encode(m))
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
