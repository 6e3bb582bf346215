package notify_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/belfry-run/belfry/monitor/notify"
)

// check is a message about a check whose name asks for trouble.
func check() *notify.Message {
	m := down()
	m.Items[0] = notify.Item{
		Alert: "a-1", Kind: "check", Subject: "b3f1c5a0-0000-4000-8000-000000000001", Name: `Ü "$BODY" &`, Status: "down", Since: at, At: at, Reason: "fail",
		Facts: &notify.Facts{Slug: "u", Tags: []string{"prod", "$NAME"}, Body: "line\n\"two\"", ExitStatus: 3, JSON: json.RawMessage(`{"name":"x"}`)},
	}
	return m
}

func TestPlaceholders(t *testing.T) {
	for template, want := range map[string]string{
		"$CODE $STATUS $NOW":              "b3f1c5a0-0000-4000-8000-000000000001 down 2026-11-24T17:30:05+00:00",
		"$NAME|$NAME_JSON":                `Ü "$BODY" &|"\u00dc \"$BODY\" &"`,
		"$SLUG $TAGS $TAG1 $TAG2 $TAG3":   "u prod $NAME prod $NAME $TAG3",
		"$EXITSTATUS $JSON":               `3 {"name":"x"}`,
		"$BODY|$BODY_JSON":                "line\n\"two\"|" + `"line\n\"two\""`,
		"$EVENT $SEVERITY $REASON $ALERT": "down error fail a-1",
		"$NAMES $$ $ $UNKNOWN":            `Ü "$BODY" &S $$ $ $UNKNOWN`,
		"no placeholder":                  "no placeholder",
	} {
		url, seen := receiver(t, 200)
		if err := send(t, "webhook", object{"down": object{"url": url, "method": "PUT", "body": template}}, check()); err != nil {
			t.Fatal(err)
		}
		if all := seen(); len(all) != 1 || all[0].body != want || all[0].method != http.MethodPut {
			t.Errorf("%q became %+v, want %q", template, all, want)
		}
	}
}

func TestPlaceholdersInAddressesAndHeaders(t *testing.T) {
	url, seen := receiver(t, 200)
	config := object{"down": object{
		"url": url + "/$CODE?n=$NAME&s=$STATUS", "method": "GET", "body": "never sent", "headers": object{"X-Body": "b:$BODY", "User-Agent": "mine"},
	}}
	if err := send(t, "webhook", config, check()); err != nil {
		t.Fatal(err)
	}
	r := seen()[0]
	if want := "/b3f1c5a0-0000-4000-8000-000000000001?n=%C3%9C+%22%24BODY%22+%26&s=down"; r.path != want || r.body != "" {
		t.Errorf("asked %s with %q, want %s", r.path, r.body, want)
	}
	if got := r.header.Get("X-Body"); got != `b:line "two"` {
		t.Errorf("the header is %q", got)
	}
	if got := r.header.Get("User-Agent"); got != "mine" {
		t.Errorf("User-Agent is %q", got)
	}
}

func TestAWebhookHasADirectionOrNone(t *testing.T) {
	url, seen := receiver(t, 200)
	both := object{"down": object{"url": url + "/down"}, "up": object{"url": url + "/up"}}
	for _, tt := range []struct {
		config object
		event  notify.Event
		want   string
	}{
		{both, notify.Down, "/down"},
		{both, notify.Reminder, "/down"},
		{both, notify.Up, "/up"},
		{both, notify.Test, "/down"},
		{object{"up": both["up"]}, notify.Down, ""},
		{object{"up": both["up"]}, notify.Test, "/up"},
		{object{"down": both["down"]}, notify.Up, ""},
	} {
		m := check()
		m.Event = tt.event
		if err := send(t, "webhook", tt.config, m); err != nil {
			t.Fatal(err)
		}
		got := ""
		if all := seen(); len(all) == 1 {
			got = all[0].path
		}
		if got != tt.want {
			t.Errorf("%s asked %q, want %q", tt.event, got, tt.want)
		}
	}
}
