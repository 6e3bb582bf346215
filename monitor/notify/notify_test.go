package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor/notify"
)

var at = time.Date(2026, 11, 24, 17, 30, 5, 0, time.UTC)

// down is a message that a schedule failed.
func down() *notify.Message {
	return &notify.Message{
		ID: "d-1", Event: notify.Down, Severity: "error", At: at, Total: 1, AckURL: "https://belfry.test/alerts/ack/x",
		Items: []notify.Item{{
			Alert: "a-1", Kind: "schedule", Subject: "arn:aws:scheduler:us-east-1:000000000000:schedule/default/nightly", Name: "nightly",
			Status: "down", Since: at.Add(-time.Hour), At: at, Reason: "failed", Detail: "HTTP.500: oops.", Run: "r-1",
		}},
	}
}

func up() *notify.Message {
	m := down()
	m.Event, m.Items[0].Status, m.Items[0].Reason = notify.Up, "up", "recovered"
	return m
}

// A got is what a receiver was asked.
type got struct {
	method, path string
	header       http.Header
	body         string
}

// receiver answers with status and notes what it was asked.
func receiver(t *testing.T, status int, header ...string) (url string, seen func() []got) {
	t.Helper()
	requests := make(chan got, 16)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- got{r.Method, r.URL.RequestURI(), r.Header, string(body)}
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, "secret-in-the-answer")
	}))
	t.Cleanup(s.Close)
	return s.URL, func() (all []got) {
		for {
			select {
			case r := <-requests:
				all = append(all, r)
			default:
				return all
			}
		}
	}
}

func send(t *testing.T, kind string, config any, m *notify.Message) error {
	t.Helper()
	b, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	s := notify.NewSender(notify.Config{UserAgent: "Belfry/test"})
	t.Cleanup(s.Close)
	return s.Send(t.Context(), notify.Channel{Kind: kind, Config: b}, m)
}

type object = map[string]any

func TestEachKindAsksItsServiceAsTheServiceWants(t *testing.T) {
	tests := []struct {
		kind     string
		config   func(url string) object
		m        *notify.Message
		method   string
		path     string
		header   string // name: value
		contains []string
	}{
		{"slack", func(u string) object { return object{"url": u + "/hook"} }, down(), "POST", "/hook", "Content-Type: application/json", []string{`"text":"DOWN: nightly failed`, "Acknowledge: https://belfry.test"}},
		{"mattermost", func(u string) object { return object{"url": u + "/hook"} }, up(), "POST", "/hook", "", []string{`"text":"UP: nightly is back to normal`}},
		{"rocketchat", func(u string) object { return object{"url": u + "/hook"} }, down(), "POST", "/hook", "", []string{`"text":`}},
		{"googlechat", func(u string) object { return object{"url": u + "/hook?key=k"} }, down(), "POST", "/hook?key=k", "", []string{`"text":`}},
		{"discord", func(u string) object { return object{"url": u + "/hook"} }, down(), "POST", "/hook", "", []string{`"content":"**DOWN: nightly failed**`, `"allowed_mentions":{"parse":[]}`}},
		{"teams", func(u string) object { return object{"url": u + "/hook"} }, down(), "POST", "/hook", "", []string{`"contentType":"application/vnd.microsoft.card.adaptive"`, `"type":"Action.OpenUrl"`}},
		{"lark", func(u string) object { return object{"url": u + "/hook"} }, down(), "POST", "/hook", "", []string{`"msg_type":"text"`}},
		{"wecom", func(u string) object { return object{"url": u + "/hook"} }, down(), "POST", "/hook", "", []string{`"msgtype":"text"`}},
		{"telegram", func(u string) object { return object{"url": u, "token": "1:A", "chat": "-42", "thread": 7} }, down(), "POST", "/bot1:A/sendMessage", "", []string{`"chat_id":"-42"`, `"message_thread_id":7`, `"text":"DOWN: nightly failed`}},
		{"ntfy", func(u string) object { return object{"url": u, "topic": "top", "token": "tk"} }, down(), "POST", "/", "Authorization: Bearer tk", []string{`"topic":"top"`, `"title":"DOWN: nightly failed"`, `"priority":4`, `"action":"view"`}},
		{"matrix", func(u string) object { return object{"homeserver": u, "room": "!r:x.org", "token": "tk"} }, down(), "PUT", "/_matrix/client/v3/rooms/%21r:x.org/send/m.room.message/d-1", "Authorization: Bearer tk", []string{`"msgtype":"m.text"`}},
		{"pagerduty", func(u string) object { return object{"url": u + "/v2/enqueue", "routing_key": "rk"} }, down(), "POST", "/v2/enqueue", "", []string{`"event_action":"trigger"`, `"dedup_key":"belfry-a-1"`, `"routing_key":"rk"`, `"severity":"error"`}},
		{"pagerduty", func(u string) object { return object{"url": u + "/v2/enqueue", "routing_key": "rk"} }, up(), "POST", "/v2/enqueue", "", []string{`"event_action":"resolve"`, `"dedup_key":"belfry-a-1"`}},
		{"opsgenie", func(u string) object { return object{"url": u, "api_key": "k"} }, down(), "POST", "/v2/alerts", "Authorization: GenieKey k", []string{`"alias":"belfry-a-1"`, `"priority":"P3"`}},
		{"opsgenie", func(u string) object { return object{"url": u, "api_key": "k"} }, up(), "POST", "/v2/alerts/belfry-a-1/close?identifierType=alias", "Authorization: GenieKey k", []string{`"source":"Belfry"`}},
		{"gotify", func(u string) object { return object{"url": u + "/", "token": "k"} }, down(), "POST", "/message", "X-Gotify-Key: k", []string{`"title":"DOWN: nightly failed"`, `"priority":7`}},
		{"pushover", func(u string) object { return object{"url": u, "token": "k", "user": "me"} }, down(), "POST", "/1/messages.json", "", []string{`"token":"k"`, `"user":"me"`, `"url":"https://belfry.test`}},
		{"pushbullet", func(u string) object { return object{"url": u, "token": "k"} }, down(), "POST", "/v2/pushes", "Access-Token: k", []string{`"type":"note"`}},
		{"signal", func(u string) object { return object{"url": u, "from": "+1", "to": []string{"+2"}} }, down(), "POST", "/v2/send", "", []string{`"number":"+1"`, `"recipients":["+2"]`}},
		{"bark", func(u string) object { return object{"url": u, "key": "k"} }, down(), "POST", "/push", "", []string{`"device_key":"k"`}},
		{"zulip", func(u string) object { return object{"url": u, "bot": "b@x", "key": "k", "stream": "ops"} }, down(), "POST", "/api/v1/messages", "Authorization: Basic YkB4Oms=", []string{"to=ops", "type=stream"}},
		{"sms", func(u string) object {
			return object{"url": u, "account": "AC1", "token": "k", "from": "+1", "to": []string{"+2"}}
		}, down(), "POST", "/2010-04-01/Accounts/AC1/Messages.json", "Authorization: Basic QUMxOms=", []string{"From=%2B1", "To=%2B2", "Body=DOWN%3A+nightly+failed"}},
		{"sms", func(u string) object {
			return object{"url": u, "account": "AC1", "token": "k", "from": "MG7", "to": []string{"+2"}}
		}, up(), "POST", "/2010-04-01/Accounts/AC1/Messages.json", "", []string{"MessagingServiceSid=MG7", "To=%2B2"}},
		{"whatsapp", func(u string) object {
			return object{"url": u, "account": "AC1", "token": "k", "from": "+1", "to": []string{"+2"}}
		}, down(), "POST", "/2010-04-01/Accounts/AC1/Messages.json", "Content-Type: application/x-www-form-urlencoded", []string{"From=whatsapp%3A%2B1", "To=whatsapp%3A%2B2"}},
		{"call", func(u string) object {
			return object{"url": u, "account": "AC1", "token": "k", "from": "+1", "to": []string{"+2"}}
		}, down(), "POST", "/2010-04-01/Accounts/AC1/Calls.json", "Authorization: Basic QUMxOms=", []string{"Twiml=%3CResponse%3E%3CSay%3EDOWN%3A+nightly+failed%3C%2FSay%3E%3C%2FResponse%3E"}},
		{"dingtalk", func(u string) object { return object{"url": u + "/robot/send?access_token=k"} }, down(), "POST", "/robot/send?access_token=k", "", []string{`"msgtype":"text"`, `"content":"DOWN: nightly failed`}},
		{"line", func(u string) object { return object{"url": u, "token": "k", "to": "U1"} }, down(), "POST", "/v2/bot/message/push", "X-Line-Retry-Key: d-1", []string{`"to":"U1"`, `"type":"text"`, `"text":"DOWN: nightly failed`}},
		{"apprise", func(u string) object { return object{"url": u + "/notify/key", "tags": "ops"} }, down(), "POST", "/notify/key", "", []string{`"type":"failure"`, `"tag":"ops"`, `"title":"DOWN: nightly failed"`}},
		{"apprise", func(u string) object { return object{"url": u + "/notify/key"} }, up(), "POST", "/notify/key", "", []string{`"type":"success"`}},
		{"ifttt", func(u string) object { return object{"url": u, "key": "k", "event": "belfry"} }, down(), "POST", "/trigger/belfry/with/key/k", "", []string{`"value1":"DOWN: nightly failed"`, `"value3":"error"`}},
		{"join", func(u string) object { return object{"url": u, "key": "k", "devices": []string{"a", "b"}} }, up(), "GET", "/_ah/api/messaging/v1/sendPush?apikey=k&deviceIds=a%2Cb&text=" + url.QueryEscape(up().Text()) + "&title=UP%3A+nightly+is+back+to+normal", "", nil},
		{"notifiarr", func(u string) object { return object{"url": u, "key": "k", "channel": 7} }, down(), "POST", "/api/v1/notification/passthrough/k", "", []string{`"channel":7`, `"title":"DOWN: nightly failed"`, `"name":"Belfry"`}},
		{"home_assistant", func(u string) object { return object{"url": u, "token": "k", "action": "notify.phone"} }, down(), "POST", "/api/services/notify/phone", "Authorization: Bearer k", []string{`"title":"DOWN: nightly failed"`, `"message":`}},
		{"home_assistant", func(u string) object { return object{"url": u, "token": "k"} }, up(), "POST", "/api/services/persistent_notification/create", "", []string{`"title":"UP: nightly`}},
		{"splunk_oncall", func(u string) object { return object{"url": u + "/alert/k/database"} }, down(), "POST", "/alert/k/database", "", []string{`"message_type":"CRITICAL"`, `"entity_id":"belfry-a-1"`}},
		{"splunk_oncall", func(u string) object { return object{"url": u + "/alert/k/database"} }, up(), "POST", "/alert/k/database", "", []string{`"message_type":"RECOVERY"`, `"entity_id":"belfry-a-1"`}},
		{"webhook", func(u string) object { return object{"down": object{"url": u + "/hook"}} }, down(), "POST", "/hook", "Idempotency-Key: d-1", []string{`"event":"down"`, `"alert":"a-1"`, `"detail":"HTTP.500: oops."`, `"title":"DOWN: nightly failed"`}},
	}
	tried := map[string]bool{"email": true, "mqtt": true} // have tests of their own
	for _, tt := range tests {
		tried[tt.kind] = true
		t.Run(tt.kind+" "+string(tt.m.Event), func(t *testing.T) {
			url, seen := receiver(t, 202)
			if err := send(t, tt.kind, tt.config(url), tt.m); err != nil {
				t.Fatal(err)
			}
			all := seen()
			if len(all) != 1 || all[0].method != tt.method || all[0].path != tt.path {
				t.Fatalf("asked %+v, want %s %s", all, tt.method, tt.path)
			}
			if name, value, _ := strings.Cut(tt.header, ": "); name != "" && all[0].header.Get(name) != value {
				t.Errorf("%s is %q, want %q", name, all[0].header.Get(name), value)
			}
			if ua := all[0].header.Get("User-Agent"); ua != "Belfry/test" {
				t.Errorf("User-Agent is %q", ua)
			}
			for _, want := range tt.contains {
				if !strings.Contains(all[0].body, want) {
					t.Errorf("the body %s has no %s", all[0].body, want)
				}
			}
		})
	}
	for _, kind := range notify.Kinds() {
		if !tried[kind] {
			t.Errorf("nothing was sent to a channel of the kind %s", kind)
		}
	}
}

func TestATestLeavesNoIncidentBehind(t *testing.T) {
	for kind, config := range map[string]object{"pagerduty": {"routing_key": "k"}, "opsgenie": {"api_key": "k"}, "splunk_oncall": {}} {
		url, seen := receiver(t, 202)
		config["url"] = url
		m := down()
		m.Event, m.Severity = notify.Test, "info"
		if err := send(t, kind, config, m); err != nil {
			t.Fatal(err)
		}
		if all := seen(); len(all) != 2 || !strings.Contains(all[1].body+all[1].path, "resolve") && !strings.Contains(all[1].path, "/close") && !strings.Contains(all[1].body, "RECOVERY") {
			t.Errorf("%s asked %+v, want an opening and an end", kind, all)
		}
	}
}

func TestAnswersAreClassified(t *testing.T) {
	tests := []struct {
		status          int
		permanent, gone bool
		after           time.Duration
	}{
		{500, false, false, 0},
		{503, false, false, 7 * time.Second},
		{429, false, false, 7 * time.Second},
		{408, false, false, 0},
		{302, false, false, 0},
		{206, false, false, 0},
		{400, true, false, 0},
		{422, true, false, 0},
		{401, true, true, 0},
		{404, true, true, 0},
		{410, true, true, 0},
	}
	for _, tt := range tests {
		url, _ := receiver(t, tt.status, "Retry-After", "7", "Location", "http://127.0.0.1:1/elsewhere")
		err := send(t, "slack", object{"url": url + "/secret-path"}, down())
		e, ok := errors.AsType[*notify.Error](err)
		if !ok {
			t.Fatalf("%d: %v", tt.status, err)
		}
		if e.Permanent != tt.permanent || e.Gone != tt.gone || e.RetryAfter != tt.after || strings.Contains(e.Reason, "secret") {
			t.Errorf("%d: %+v", tt.status, *e)
		}
	}
	for _, status := range []int{200, 201, 202, 204} {
		url, _ := receiver(t, status)
		if err := send(t, "slack", object{"url": url}, down()); err != nil {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestAWebhookIsGoneOnlyWhenItSaysSo(t *testing.T) {
	for status, gone := range map[int]bool{404: false, 401: false, 410: true} {
		url, _ := receiver(t, status)
		e, ok := errors.AsType[*notify.Error](send(t, "webhook", object{"down": object{"url": url}}, down()))
		if !ok || e.Gone != gone || e.Permanent != gone {
			t.Errorf("%d: %+v", status, e)
		}
	}
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	for kind, config := range map[string]object{
		"slack":    {"url": "http://" + closed + "/geheim"},
		"telegram": {"url": "http://" + closed, "token": "geheim", "chat": "1"},
		"webhook":  {"down": object{"url": "http://user:geheim@" + closed + "/?k=geheim", "headers": object{"X-Key": "geheim"}}},
		"email":    {"host": "127.0.0.1", "port": l.Addr().(*net.TCPAddr).Port, "from": "a@x.org", "to": []string{"b@x.org"}, "username": "u", "password": "geheim"},
		"mqtt":     {"url": "mqtt://" + closed, "topic": "t", "username": "u", "password": "geheim"},
		"sms":      {"url": "http://" + closed, "account": "AC1", "token": "geheim", "from": "+1", "to": []string{"+2"}},
		"ifttt":    {"url": "http://" + closed, "key": "geheim", "event": "e"},
		"join":     {"url": "http://" + closed, "key": "geheim", "devices": []string{"a"}},
		"dingtalk": {"url": "http://" + closed + "/?access_token=geheim", "secret": "geheim"},
	} {
		err := send(t, kind, config, down())
		e, ok := errors.AsType[*notify.Error](err)
		if !ok || e.Permanent || !strings.Contains(e.Reason, closed) || strings.Contains(e.Reason, "geheim") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestTheDialersRefusalIsTold(t *testing.T) {
	url, seen := receiver(t, 200)
	s := notify.NewSender(notify.Config{Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, belfry.Errorf(belfry.Denied, "", "127.0.0.1:1 is in a network that this server does not connect to.")
	}})
	defer s.Close()
	err := s.Send(t.Context(), notify.Channel{Kind: "slack", Config: json.RawMessage(`{"url":"` + url + `"}`)}, down())
	if err == nil || !strings.Contains(err.Error(), "does not connect") || len(seen()) != 0 {
		t.Errorf("got %v", err)
	}
}

func TestAMessageEndsWhenItsContextDoes(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(started); <-release }))
	defer s.Close()
	defer close(release)
	sender := notify.NewSender(notify.Config{})
	defer sender.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	err := sender.Send(ctx, notify.Channel{Kind: "slack", Config: json.RawMessage(`{"url":"` + s.URL + `"}`)}, down())
	if e, ok := errors.AsType[*notify.Error](err); !ok || e.Permanent {
		t.Errorf("got %v", err)
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	tests := []struct{ kind, config, field string }{
		{"pigeon", `{}`, "kind"},
		{"slack", `{`, "config"},
		{"slack", `{} {}`, "config"},
		{"slack", `{"url":"https://x/geheim","token":"geheim"}`, "config"},
		{"slack", `{"url":7}`, "config"},
		{"slack", `{}`, "config.url"},
		{"slack", `{"url":"geheim"}`, "config.url"},
		{"slack", `{"url":"ftp://x/geheim"}`, "config.url"},
		{"telegram", `{"token":"1:A"}`, "config.chat"},
		{"telegram", `{"token":"geheim/../x","chat":"1"}`, "config.token"},
		{"ntfy", `{}`, "config.topic"},
		{"matrix", `{"room":"!a:b","token":"t"}`, "config.homeserver"},
		{"pagerduty", `{}`, "config.routing_key"},
		{"opsgenie", `{}`, "config.api_key"},
		{"webhook", `{}`, "config.down"},
		{"webhook", `{"down":{"url":"https://x","method":"DELETE"}}`, "config.down.method"},
		{"webhook", `{"up":{"url":"x"}}`, "config.up.url"},
		{"webhook", `{"down":{"url":"https://x","headers":{"A B":"x"}}}`, "config.down.headers"},
		{"webhook", `{"down":{"url":"https://x","headers":{"A":"x\ny"}}}`, "config.down.headers"},
		{"sms", `{"account":"AC1/geheim","token":"geheim","from":"+1","to":["+2"]}`, "config.account"},
		{"sms", `{"account":"AC1","from":"+1","to":["+2"]}`, "config.token"},
		{"whatsapp", `{"account":"AC1","token":"geheim","to":["+2"]}`, "config.from"},
		{"call", `{"account":"AC1","token":"geheim","from":"+1"}`, "config.to"},
		{"sms", `{"account":"AC1","token":"geheim","from":"+1","to":["1","2","3","4","5","6","7","8","9","10","11"]}`, "config.to"},
		{"dingtalk", `{"secret":"geheim"}`, "config.url"},
		{"line", `{"to":"U1"}`, "config.token"},
		{"line", `{"token":"geheim"}`, "config.to"},
		{"apprise", `{}`, "config.url"},
		{"ifttt", `{"event":"x"}`, "config.key"},
		{"ifttt", `{"key":"geheim","event":"a b"}`, "config.event"},
		{"join", `{"devices":["a"]}`, "config.key"},
		{"join", `{"key":"geheim"}`, "config.devices"},
		{"notifiarr", `{"channel":1}`, "config.key"},
		{"notifiarr", `{"key":"geheim"}`, "config.channel"},
		{"home_assistant", `{"url":"https://x"}`, "config.token"},
		{"home_assistant", `{"url":"https://x","token":"geheim","action":"a/b"}`, "config.action"},
		{"splunk_oncall", `{}`, "config.url"},
		{"mqtt", `{"topic":"t"}`, "config.url"},
		{"mqtt", `{"url":"https://geheim","topic":"t"}`, "config.url"},
		{"mqtt", `{"url":"mqtt://:1883","topic":"t"}`, "config.url"},
		{"mqtt", `{"url":"mqtt://x/geheim","topic":"t"}`, "config.url"},
		{"mqtt", `{"url":"mqtt://u:geheim@x","topic":"t"}`, "config.url"},
		{"mqtt", `{"url":"mqtt://x:0","topic":"t"}`, "config.url"},
		{"mqtt", `{"url":"mqtt://x:65536","topic":"t"}`, "config.url"},
		{"mqtt", `{"url":"mqtt://x"}`, "config.topic"},
		{"mqtt", `{"url":"mqtt://x","topic":"a/+"}`, "config.topic"},
		{"mqtt", `{"url":"mqtt://x","topic":"a/#"}`, "config.topic"},
		{"mqtt", `{"url":"mqtt://x","topic":"a\u0000"}`, "config.topic"},
		{"mqtt", `{"url":"mqtt://x","topic":"` + strings.Repeat("t", 65536) + `"}`, "config.topic"},
		{"mqtt", `{"url":"mqtt://x","topic":"t","password":"geheim\u0000"}`, "config.password"},
		{"mqtt", `{"url":"mqtt://x","topic":"t","qos":2}`, "config.qos"},
		{"mqtt", `{"url":"mqtt://x","topic":"t","qos":-1}`, "config"},
		{"mqtt", `{"url":"mqtt://x","topic":"t","payload":"xml"}`, "config.payload"},
		{"email", `{"to":["a@x.org"],"from":"b@x.org"}`, "config.host"},
		{"email", `{"to":["a@x.org"],"from":"b@x.org","host":"unix:///run/x"}`, "config.host"},
		{"email", `{"to":["a"],"from":"b@x.org","host":"h"}`, "config.to"},
		{"email", `{"from":"b@x.org","host":"h"}`, "config.to"},
		{"email", `{"to":["a@x.org"],"from":"b@x.org","host":"h","port":65536}`, "config.port"},
		{"email", `{"to":["a@x.org"],"from":"b@x.org","host":"h","tls":"maybe"}`, "config.tls"},
		{"email", `{"to":["a@x.org"],"from":"b@x.org","host":"h","tls":"none","username":"u","password":"geheim"}`, "config.tls"},
	}
	for _, tt := range tests {
		_, err := notify.Check(notify.Channel{Kind: tt.kind, Config: json.RawMessage(tt.config)})
		e, ok := errors.AsType[*belfry.Error](err)
		if !ok || e.Kind != belfry.Invalid || e.Field != tt.field || strings.Contains(e.Message, "geheim") {
			t.Errorf("%s %s: %+v, want Invalid of %s", tt.kind, tt.config, e, tt.field)
		}
	}
}

func TestTargetsHoldNoSecrets(t *testing.T) {
	for config, want := range map[string]string{
		`slack {"url":"https://hooks.slack.com/services/geheim"}`:                        "hooks.slack.com",
		`webhook {"up":{"url":"https://u:geheim@x.org/geheim"}}`:                         "x.org",
		`ntfy {"topic":"geheim"}`:                                                        "ntfy.sh",
		`telegram {"token":"geheim","chat":"@ops"}`:                                      "chat @ops",
		`mqtt {"url":"mqtt://x.org","topic":"a/b","password":"geheim"}`:                  "a/b at x.org:1883",
		`mqtt {"url":"mqtts://x.org/","topic":"a/b"}`:                                    "a/b at x.org:8883",
		`mqtt {"url":"mqtt://[fd00::1]:65535","topic":"a/b"}`:                            "a/b at [fd00::1]:65535",
		`email {"to":["a@x.org"],"from":"b@x.org","host":"mail.x.org"}`:                  "a@x.org by mail.x.org:587",
		`email {"to":["a@x.org"],"from":"b@x.org","host":"mail.x.org","tls":"implicit"}`: "a@x.org by mail.x.org:465",
	} {
		kind, c, _ := strings.Cut(config, " ")
		got, err := notify.Check(notify.Channel{Kind: kind, Config: json.RawMessage(c)})
		if err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", config, got, err, want)
		}
	}
}

func TestMessagesForPeople(t *testing.T) {
	many := down()
	for range 24 {
		many.Items = append(many.Items, many.Items[0])
	}
	many.Total = 200
	reminder := down()
	reminder.Event = notify.Reminder
	nasty := down()
	nasty.Items[0].Name = "a\r\nBcc: x@y.z"
	for _, tt := range []struct {
		m       *notify.Message
		subject string
		text    string
	}{
		{down(), "DOWN: nightly failed", `The schedule nightly failed.

What:     HTTP.500: oops.
Since:    2026-11-24 16:30:05 UTC
Severity: error
Subject:  arn:aws:scheduler:us-east-1:000000000000:schedule/default/nightly
Run:      r-1

Acknowledge: https://belfry.test/alerts/ack/x
`},
		{up(), "UP: nightly is back to normal", `The schedule nightly is back to normal.

What:     HTTP.500: oops.
Down:     2026-11-24 16:30:05 UTC, for 1h 0m
Up:       2026-11-24 17:30:05 UTC
Subject:  arn:aws:scheduler:us-east-1:000000000000:schedule/default/nightly
Run:      r-1
`},
		{many, "DOWN: 200 schedules: nightly and others: failed", "200 schedules: failed.\nSeverity: error\n\n" +
			strings.Repeat("- nightly failed, 2026-11-24 17:30:05 UTC: HTTP.500: oops.\n", 20) + "- and 180 more\n\nAcknowledge: https://belfry.test/alerts/ack/x\n"},
		{reminder, "STILL DOWN: nightly failed, for 1h 0m", ""},
		{nasty, "DOWN: a  Bcc: x@y.z failed", ""},
	} {
		if got := tt.m.Subject(); got != tt.subject {
			t.Errorf("the subject is %q, want %q", got, tt.subject)
		}
		if d := cmp.Diff(tt.text, tt.m.Text()); tt.text != "" && d != "" {
			t.Errorf("the text of %q (-want +got):\n%s", tt.subject, d)
		}
	}
}
