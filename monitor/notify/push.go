package notify

import (
	"context"
	"net/url"
	"strings"
)

// telegram sends as a bot to a chat.
type telegram struct {
	Token  string `json:"token"`
	Chat   string `json:"chat"`   // a number, or @name of a channel
	Thread int64  `json:"thread"` // a topic of the chat; left out: none
	URL    string `json:"url"`    // of the bot API; left out: Telegram's own
}

func (t *telegram) check() error {
	if t.URL == "" {
		t.URL = "https://api.telegram.org"
	}
	switch {
	case t.Token == "" || strings.ContainsAny(t.Token, "/?#%"):
		return missing("token", "the bot's token, such as 123456:ABC")
	case t.Chat == "":
		return missing("chat", "the chat's number, or @name")
	}
	return checkURL("url", t.URL)
}

func (t *telegram) target() string { return "chat " + t.Chat }

const telegramMax = 4096

func (t *telegram) send(ctx context.Context, s *Sender, m *Message) error {
	body := map[string]any{"chat_id": t.Chat, "text": Cut(m.Subject()+"\n\n"+m.Text(), telegramMax), "disable_web_page_preview": true}
	if t.Thread != 0 {
		body["message_thread_id"] = t.Thread
	}
	return s.post(ctx, "POST", strings.TrimSuffix(t.URL, "/")+"/bot"+t.Token+"/sendMessage", body)
}

// ntfy publishes to a topic.
type ntfy struct {
	URL   string `json:"url"` // of the server; left out: ntfy.sh
	Topic string `json:"topic"`
	Token string `json:"token"` // an access token; left out: none
}

func (n *ntfy) check() error {
	if n.URL == "" {
		n.URL = "https://ntfy.sh"
	}
	if n.Topic == "" {
		return missing("topic", "the topic's name")
	}
	return checkURL("url", n.URL)
}

// target leaves the topic out: who knows it can read along.
func (n *ntfy) target() string { return host(n.URL) }

const ntfyMax = 4000

var ntfyPriority = map[string]int{"info": 2, "warning": 3, "error": 4, "critical": 5}

func (n *ntfy) send(ctx context.Context, s *Sender, m *Message) error {
	body := map[string]any{"topic": n.Topic, "title": Cut(m.Subject(), 250), "message": Cut(m.Text(), ntfyMax)}
	switch p, ok := ntfyPriority[m.Severity]; {
	case m.Event == Up:
		body["tags"] = []string{"white_check_mark"}
	case ok:
		body["priority"], body["tags"] = p, []string{"rotating_light"}
	}
	if m.AckURL != "" && m.Event != Up {
		body["actions"] = []any{map[string]string{"action": "view", "label": "Acknowledge", "url": m.AckURL}}
	}
	var headers []string
	if n.Token != "" {
		headers = []string{"Authorization", "Bearer " + n.Token}
	}
	return s.post(ctx, "POST", n.URL, body, headers...)
}

// matrix sends to a room as a user of a homeserver.
type matrix struct {
	Homeserver string `json:"homeserver"`
	Room       string `json:"room"` // !id:server
	Token      string `json:"token"`
}

func (x *matrix) check() error {
	switch {
	case x.Room == "":
		return missing("room", "the room's id, such as !abc:example.org")
	case x.Token == "":
		return missing("token", "an access token of the sending user")
	}
	return checkURL("homeserver", x.Homeserver)
}

func (x *matrix) target() string { return x.Room }

// send uses the delivery's id for the transaction's, so that the homeserver drops
// a message that arrives again.
func (x *matrix) send(ctx context.Context, s *Sender, m *Message) error {
	to := strings.TrimSuffix(x.Homeserver, "/") + "/_matrix/client/v3/rooms/" + url.PathEscape(x.Room) + "/send/m.room.message/" + url.PathEscape(m.ID)
	body := map[string]string{"msgtype": "m.text", "body": m.Subject() + "\n\n" + m.Text()}
	return s.post(ctx, "PUT", to, body, "Authorization", "Bearer "+x.Token)
}
