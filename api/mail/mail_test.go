package mail_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/textproto"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry/api/mail"
	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/store/sqlite"
)

const account = "123456789012"

type clock struct{}

func (clock) Now() time.Time                                    { return time.Now() }
func (clock) NewTimer(time.Duration) (<-chan time.Time, func()) { return nil, func() {} }

// A post is a server that receives mail, over a real store.
type post struct {
	*testing.T
	monitor *monitor.Service
	address string
	server  *mail.Server
	fail    context.CancelFunc // no ping is recorded from then on
}

func newPost(t *testing.T) *post {
	t.Helper()
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	log := slog.New(slog.DiscardHandler)
	p := &post{T: t, monitor: monitor.NewService(monitor.Config{
		Store: store, Clock: clock{}, Logger: log, Metrics: monitor.NewMetrics(prometheus.NewRegistry()),
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = l.Addr().String()
	var recording context.Context
	recording, p.fail = context.WithCancel(context.WithoutCancel(t.Context()))
	p.server = mail.NewServer(recording, l, mail.Config{Monitor: p.monitor, Log: log, Name: "belfry.test"})
	served := make(chan error, 1)
	go func() { served <- p.server.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // cuts off what a test has left open
		p.server.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *post) check(edit func(*monitor.Settings)) monitor.Check {
	p.Helper()
	s := monitor.DefaultSettings()
	if edit != nil {
		edit(&s)
	}
	c, _, err := p.monitor.Create(p.Context(), account, s, monitor.Like{})
	if err != nil {
		p.Fatal(err)
	}
	return c
}

func (p *post) pings(c monitor.Check) []monitor.Ping {
	p.Helper()
	all, err := p.monitor.Pings(p.Context(), account, c.ID, 100)
	if err != nil {
		p.Fatal(err)
	}
	return all
}

// sendmail sends a message as a job in Python does, and prints what was refused.
const sendmail = `
import json, smtplib, sys
host, port, sender, to = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
with smtplib.SMTP(host, port, timeout=60) as s:
    try:
        refused = s.sendmail(sender, to, sys.stdin.buffer.read())
    except smtplib.SMTPRecipientsRefused as e:
        refused = e.recipients
    except smtplib.SMTPResponseException as e:
        refused = {"": (e.smtp_code, e.smtp_error)}
print(json.dumps({to: "%d %s" % (code, text.decode()) for to, (code, text) in refused.items()}))
`

// send sends a message and returns what was refused, by recipient; of the whole
// message under the empty name.
func (p *post) send(message string, to ...string) map[string]string {
	p.Helper()
	host, port, _ := net.SplitHostPort(p.address)
	cmd := exec.CommandContext(p.Context(), "python3", append([]string{"-c", sendmail, host, port, "job@example.org"}, to...)...)
	cmd.Stdin = strings.NewReader(message)
	out, err := cmd.Output()
	if err != nil {
		p.Fatalf("python3: %v (Python 3 is needed: apt-get install python3)\n%s", err, out)
	}
	refused := map[string]string{}
	if err := json.Unmarshal(out, &refused); err != nil {
		p.Fatalf("%v: %s", err, out)
	}
	return refused
}

func TestAMailIsAPing(t *testing.T) {
	p := newPost(t)
	byID, bySlug := p.check(nil), p.check(func(s *monitor.Settings) { s.Slug, s.Methods = "nightly", "POST" })
	project, err := p.monitor.EnsureProject(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	message := "Subject: done\r\n\r\nAll is well.\r\n"
	if refused := p.send(message, strings.ToUpper(byID.ID)+"@any.example", project.PingKey+"+nightly@any.example"); len(refused) != 0 {
		t.Fatalf("refused: %v", refused)
	}
	for _, c := range []monitor.Check{byID, bySlug} {
		all := p.pings(c)
		if len(all) != 1 {
			t.Fatalf("%d pings, want 1", len(all))
		}
		got := all[0]
		if got.Action != monitor.PingSuccess || got.Scheme != "email" || got.Method != "" || got.UserAgent != "Email from job@example.org" ||
			got.RemoteAddr != "127.0.0.1" || got.ExitStatus != monitor.NoExitStatus {
			t.Errorf("recorded %+v", got)
		}
		if body, err := p.monitor.PingBody(t.Context(), account, c.ID, 1); err != nil || string(body) != message {
			t.Errorf("the body is %q, %v", body, err)
		}
		if now, err := p.monitor.Check(t.Context(), account, c.ID); err != nil || now.Status != monitor.Up {
			t.Errorf("the check is %s, %v", now.Status, err)
		}
	}
}

func TestKeywordsInMails(t *testing.T) {
	const mixed = "Subject: =?utf-8?q?R=C3=BCckblick?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" +
		"--x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n" +
		"--y\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nZur=FCck to ba=\r\nse\r\n" +
		"--y\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		"PHN0eWxlPmhpZGRlbjwvc3R5bGU+PHA+b248Yj5lPC9iPiB3b3JkPC9wPjxwPmEgJmx0OyBiPC9wPg==\r\n--y--\r\n" +
		"--x\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=log\r\n\r\nattached\r\n--x--\r\n"
	subject := func(s *monitor.Settings) { s.FilterSubject = true }
	body := func(s *monitor.Settings) { s.FilterBody = true }
	both := func(s *monitor.Settings) { s.FilterSubject, s.FilterBody = true, true }
	plain := func(subject, body string) string { return "Subject: " + subject + "\r\n\r\n" + body + "\r\n" }
	for _, c := range []struct {
		name    string
		message string
		in      func(*monitor.Settings)
		keyword string // of success; "fail" and "begin" are those of failure and start
		more    func(*monitor.Settings)
		want    monitor.Action
	}{
		{"a success in the subject", plain("backup done", ""), subject, "done, finished", nil, monitor.PingSuccess},
		{"the first that is found counts: failure", plain("done but fail", ""), subject, "done", nil, monitor.PingFail},
		{"a start", plain("begin", ""), subject, "done", nil, monitor.PingStart},
		{"none of them", plain("hello", ""), subject, "done", nil, monitor.PingIgnored},
		{"none of them, which is a failure", plain("hello", ""), subject, "done", func(s *monitor.Settings) { s.FilterDefaultFail = true }, monitor.PingFail},
		{"case matters", plain("DONE", ""), subject, "done", nil, monitor.PingIgnored},
		{"the body does not count for the subject", plain("x", "done"), subject, "done", nil, monitor.PingIgnored},
		{"nor the subject for the body", plain("done", "x"), body, "done", nil, monitor.PingIgnored},
		{"both", plain("fail", "done"), both, "done", nil, monitor.PingFail},
		{"other filters do not count", plain("fail", "fail"), func(s *monitor.Settings) { s.FilterHTTPBody = true }, "done", nil, monitor.PingSuccess},
		{"an encoded subject", mixed, subject, "Rückblick", nil, monitor.PingSuccess},
		{"an encoded part in Latin-1", mixed, body, "Zurück to base", nil, monitor.PingSuccess},
		{"HTML's words are whole", mixed, body, "one word", nil, monitor.PingSuccess},
		{"and its entities characters", mixed, body, "a < b", nil, monitor.PingSuccess},
		{"its style is no text", mixed, body, "hidden", nil, monitor.PingIgnored},
		{"nor an attachment", mixed, body, "attached", nil, monitor.PingIgnored},
		{"what is no message is text", "no header, done\r\n", body, "done", nil, monitor.PingSuccess},
		{"a multipart that breaks off", strings.Split(mixed, "ba=")[0], body, "Zurück to", nil, monitor.PingSuccess},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPost(t)
			check := p.check(func(s *monitor.Settings) {
				s.SuccessKeywords, s.FailureKeywords, s.StartKeywords = c.keyword, "fail", "begin"
				c.in(s)
				if c.more != nil {
					c.more(s)
				}
			})
			if refused := p.send(c.message, check.ID+"@x.org"); len(refused) != 0 {
				t.Fatalf("refused: %v", refused)
			}
			if all := p.pings(check); len(all) != 1 || all[0].Action != c.want {
				t.Errorf("recorded %+v, want %s", all, c.want)
			}
		})
	}
}

func TestMailboxesThatAreRefused(t *testing.T) {
	p := newPost(t)
	check := p.check(nil)
	for range 2 {
		p.check(func(s *monitor.Settings) { s.Slug = "twice" })
	}
	project, err := p.monitor.EnsureProject(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]string{
		"postmaster":                           "550 5.1.1 invalid mailbox",
		check.ID[1:]:                           "550 5.1.1 invalid mailbox",
		"00000000-0000-4000-8000-000000000000": "550 5.1.1 there is no such check",
		project.PingKey + "+":                  "550 5.1.1 invalid mailbox",
		project.PingKey + "+Nightly":           "550 5.1.1 invalid mailbox",
		project.PingKey + "+none":              "550 5.1.1 there is no such check",
		"0123456789abcdefghijkl+twice":         "550 5.1.1 there is no such check",
		project.PingKey + "+twice":             "550 5.1.4 ambiguous slug",
	} {
		refused := p.send("Subject: x\r\n\r\nx\r\n", to+"@x.org", check.ID+"@x.org")
		if len(refused) != 1 || !strings.HasPrefix(refused[to+"@x.org"], want) {
			t.Errorf("%s: %v, want %s", to, refused, want)
		}
	}
	if n := len(p.pings(check)); n != 8 {
		t.Errorf("the recipient beside them got %d pings, want 8", n)
	}
}

func TestASessionsLimits(t *testing.T) {
	p := newPost(t)
	check := p.check(nil)
	to := make([]string, 21)
	for i := range to {
		to[i] = check.ID + fmt.Sprintf("@%d.org", i)
	}
	if refused := p.send("\r\nx\r\n", to[:20]...); len(refused) != 0 || len(p.pings(check)) != 20 {
		t.Errorf("20 recipients: %v", refused)
	}
	if refused := p.send("\r\nx\r\n", to...); len(refused) != 1 || !strings.HasPrefix(refused[to[20]], "452") {
		t.Errorf("21 recipients: %v", refused)
	}
	before := len(p.pings(check))
	lines := strings.Repeat(strings.Repeat("x", 1022)+"\r\n", 32<<10) // 32 MiB
	if refused := p.send("\r\n"+lines[:len(lines)-1024], to[0]); len(refused) != 0 || len(p.pings(check)) != before+1 {
		t.Errorf("a message that is just not too large: %v", refused)
	}
	if refused := p.send("\r\n"+lines, to[0]); !strings.HasPrefix(refused[""], "552") || len(p.pings(check)) != before+1 {
		t.Errorf("a message that is too large: %v", refused)
	}
	if refused := p.send("\r\n"+strings.Repeat("x", 60_000)+"\r\n", to[0]); len(refused) != 0 {
		t.Errorf("a long line: %v", refused)
	}
}

// greet connects, and returns the connection with the first line of the server.
func (p *post) greet() (*textproto.Conn, string) {
	p.Helper()
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	text := textproto.NewConn(c)
	line, err := text.ReadLine()
	if err != nil {
		p.Fatal(err)
	}
	return text, line
}

func TestConnectionsAreBounded(t *testing.T) {
	p := newPost(t)
	var open []*textproto.Conn
	for range 64 {
		c, line := p.greet()
		if !strings.HasPrefix(line, "220 belfry.test") {
			t.Fatalf("greeted with %q", line)
		}
		open = append(open, c)
	}
	c, line := p.greet()
	if _, err := c.ReadLine(); line != "421 4.3.2 too many connections; try again later" || !errors.Is(err, io.EOF) {
		t.Errorf("the 65th is greeted with %q, then %v", line, err)
	}
	if err := open[0].PrintfLine("QUIT"); err != nil {
		t.Fatal(err)
	}
	for _, err := open[0].ReadLine(); err == nil; _, err = open[0].ReadLine() {
	}
	// The place is free a moment after the client sees the end.
	for began := time.Now(); !strings.HasPrefix(line, "220"); _, line = p.greet() {
		if time.Since(began) > time.Minute {
			t.Fatalf("the place that became free is not given away: %q", line)
		}
	}
}

func TestLargeMailsAreBoundedByTheirBytes(t *testing.T) {
	p := newPost(t)
	check := p.check(nil)
	say := func(c *textproto.Conn, code int, line string) {
		t.Helper()
		if err := c.PrintfLine("%s", line); err != nil {
			t.Fatal(err)
		}
		if _, text, err := c.ReadResponse(code); err != nil {
			t.Fatalf("%.50s is answered with %s %v", line, text, err)
		}
	}
	begin := func(lines int) *textproto.Conn {
		c, _ := p.greet()
		say(c, 250, "HELO x")
		say(c, 250, "MAIL FROM:<job@example.org>")
		say(c, 250, "RCPT TO:<"+check.ID+"@x.org>")
		say(c, 354, "DATA")
		for range lines {
			if err := c.PrintfLine("%s", strings.Repeat("x", 998)); err != nil {
				t.Fatal(err)
			}
		}
		return c
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for began := time.Now(); !ok(); time.Sleep(time.Millisecond) {
			if time.Since(began) > time.Minute {
				t.Fatalf("%s: %+v", what, p.server.Memory())
			}
		}
	}
	var large []*textproto.Conn
	for range 9 { // one more than there is room for
		large = append(large, begin(100))
	}
	until("eight are read and one waits", func() bool { m := p.server.Memory(); return m.Used == 8<<20 && m.Waiting == 1 })
	say(begin(10), 250, ".") // a small one waits for nobody
	for _, c := range large {
		if err := c.PrintfLine("."); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range large {
		if _, text, err := c.ReadResponse(250); err != nil {
			t.Errorf("a large mail is answered with %s %v", text, err)
		}
	}
	until("nothing is in memory", func() bool { return p.server.Memory().Used == 0 })
	if n := len(p.pings(check)); n != 10 {
		t.Errorf("%d pings of 10 mails", n)
	}
}

func TestWhatCannotBeRecordedIsToBeSentAgain(t *testing.T) {
	p := newPost(t)
	check := p.check(nil)
	p.fail()
	refused := p.send("\r\nx\r\n", check.ID+"@x.org")
	if got := refused[check.ID+"@x.org"]; !strings.HasPrefix(got, "451 4.3.0 the ping could not be recorded") {
		t.Errorf("refused: %v", refused)
	}
}
