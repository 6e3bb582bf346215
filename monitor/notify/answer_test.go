package notify_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/belfry-run/belfry/monitor/notify"
)

// answering answers 200 with a body.
func answering(t *testing.T, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }))
	t.Cleanup(s.Close)
	return s.URL
}

func TestRefusalsInsideAnAnswerOf200(t *testing.T) {
	chat := func(u string) object { return object{"url": u} }
	for _, c := range []struct {
		name, kind        string
		config            func(url string) object
		body              string
		refused, tryAgain bool
	}{
		{"Lark takes it", "lark", chat, `{"code":0,"msg":"success","data":{}}`, false, false},
		{"Lark takes it, in the older form", "lark", chat, `{"StatusCode":0,"StatusMessage":"success"}`, false, false},
		{"Lark refuses", "lark", chat, `{"code":19001,"msg":"geheim"}`, true, false},
		{"Lark refuses, in the older form", "lark", chat, `{"StatusCode":19024,"StatusMessage":"geheim"}`, true, false},
		{"Lark has too much to do", "lark", chat, `{"code":11232,"msg":"frequency limited"}`, true, true},
		{"WeCom takes it", "wecom", chat, `{"errcode":0,"errmsg":"ok"}`, false, false},
		{"WeCom refuses", "wecom", chat, `{"errcode":93000,"errmsg":"geheim"}`, true, false},
		{"WeCom has too much to do", "wecom", chat, `{"errcode":45009,"errmsg":"api freq out of limit"}`, true, true},
		{"DingTalk takes it", "dingtalk", chat, `{"errcode":0,"errmsg":"ok"}`, false, false},
		{"DingTalk refuses", "dingtalk", chat, `{"errcode":310000,"errmsg":"geheim"}`, true, false},
		{"Join takes it", "join", func(u string) object { return object{"url": u, "key": "geheim", "devices": []string{"a"}} }, `{"success":true}`, false, false},
		{"Join refuses", "join", func(u string) object { return object{"url": u, "key": "geheim", "devices": []string{"a"}} }, `{"success":false,"errorMessage":"geheim"}`, true, false},
		{"no JSON", "lark", chat, `ok`, false, false},
		{"an answer without end is read in part", "wecom", chat, strings.Repeat(" ", 1<<20), false, false},
		{"others' answers are not looked at", "slack", chat, `{"code":1,"errcode":1}`, false, false},
	} {
		err := send(t, c.kind, c.config(answering(t, c.body)), down())
		e, _ := errors.AsType[*notify.Error](err)
		if refused := err != nil; refused != c.refused || refused && (e.Permanent == c.tryAgain || e.Gone || strings.Contains(e.Reason, "geheim")) {
			t.Errorf("%s: %+v", c.name, err)
		}
	}
}

func TestDingTalksSignature(t *testing.T) {
	u, seen := receiver(t, 200)
	if err := send(t, "dingtalk", object{"url": u + "/robot/send?access_token=k", "secret": "SEC"}, down()); err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(seen()[0].path)
	if err != nil {
		t.Fatal(err)
	}
	q := to.Query()
	if q.Get("access_token") != "k" || len(q.Get("timestamp")) != 13 || len(q.Get("sign")) != 44 {
		t.Errorf("asked %s", to)
	}
}

func TestLineTookAnEarlierTry(t *testing.T) {
	u, _ := receiver(t, 409)
	if err := send(t, "line", object{"url": u, "token": "k", "to": "U1"}, down()); err != nil {
		t.Error(err)
	}
}

// Another try would tell those again who were told.
func TestATextMessageIsSentWhenAnyoneWasReached(t *testing.T) {
	for answers, ok := range map[string]bool{"+2": true, "+3": true, "": false} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.FormValue("To") != answers {
				w.WriteHeader(http.StatusBadRequest)
			}
		}))
		t.Cleanup(s.Close)
		err := send(t, "sms", object{"url": s.URL, "account": "AC1", "token": "k", "from": "+1", "to": []string{"+2", "+3"}}, down())
		if (err == nil) != ok {
			t.Errorf("only %q is reached: %v", answers, err)
		}
	}
}
