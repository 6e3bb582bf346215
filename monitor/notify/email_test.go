package notify_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"testing"

	"github.com/belfry-run/belfry/monitor/notify"
)

// A sink is a mail server that keeps what it gets. It offers STARTTLS, or speaks
// TLS from the start.
type sink struct {
	addr      *net.TCPAddr
	roots     *x509.CertPool
	mails     chan string // the envelope's lines and the mail
	noTLS     bool
	refuse    map[string]string // answers instead of the usual, by command
	handshake *tls.Config
}

func newSink(t *testing.T, implicit, noTLS bool, refuse map[string]string) *sink {
	t.Helper()
	cert := httptest.NewTLSServer(nil) // for its certificate, which names 127.0.0.1
	cert.Close()
	roots := x509.NewCertPool()
	roots.AddCert(cert.Certificate())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &sink{
		addr: l.Addr().(*net.TCPAddr), roots: roots, mails: make(chan string, 4), noTLS: noTLS, refuse: refuse,
		handshake: &tls.Config{Certificates: cert.TLS.Certificates},
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if implicit {
				c = tls.Server(c, s.handshake)
			}
			go s.serve(c, implicit)
		}
	}()
	return s
}

func (s *sink) serve(c net.Conn, encrypted bool) {
	defer func() { c.Close() }()
	in := bufio.NewReader(c)
	say := func(format string, args ...any) { fmt.Fprintf(c, format+"\r\n", args...) }
	say("220 sink ESMTP")
	var envelope []string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		if answer, ok := s.refuse[verb]; ok {
			say("%s", answer)
			continue
		}
		switch verb {
		case "EHLO":
			say("250-sink")
			if !encrypted && !s.noTLS {
				say("250-STARTTLS")
			}
			say("250 AUTH PLAIN")
		case "STARTTLS":
			say("220 go")
			t := tls.Server(c, s.handshake)
			c, in, encrypted = t, bufio.NewReader(t), true
		case "AUTH":
			b, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "AUTH PLAIN "))
			envelope = append(envelope, fmt.Sprintf("AUTH %q encrypted=%v", b, encrypted))
			say("235 welcome")
		case "MAIL", "RCPT":
			envelope = append(envelope, line)
			say("250 ok")
		case "DATA":
			say("354 go")
			var b strings.Builder
			for {
				l, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if l == ".\r\n" {
					break
				}
				b.WriteString(l)
			}
			s.mails <- strings.Join(envelope, "\n") + "\n\n" + b.String()
			say("250 kept")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *sink) send(t *testing.T, edit func(object), m *notify.Message) error {
	t.Helper()
	config := object{"to": []string{"Ops <ops@example.org>", "b@example.org"}, "from": "Belfry <belfry@example.org>", "host": "127.0.0.1", "port": s.addr.Port}
	if edit != nil {
		edit(config)
	}
	b, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	sender := notify.NewSender(notify.Config{RootCAs: s.roots})
	t.Cleanup(sender.Close)
	return sender.Send(t.Context(), notify.Channel{Kind: "email", Config: b}, m)
}

func TestMailGoesEncryptedAndSignedIn(t *testing.T) {
	for _, mode := range []string{"starttls", "implicit"} {
		t.Run(mode, func(t *testing.T) {
			s := newSink(t, mode == "implicit", false, nil)
			err := s.send(t, func(c object) { c["tls"], c["username"], c["password"] = mode, "me", "geheim" }, down())
			if err != nil {
				t.Fatal(err)
			}
			envelope, text, _ := strings.Cut(<-s.mails, "\n\n")
			for _, want := range []string{`AUTH "\x00me\x00geheim" encrypted=true`, "MAIL FROM:<belfry@example.org>", "RCPT TO:<ops@example.org>", "RCPT TO:<b@example.org>"} {
				if !strings.Contains(envelope, want) {
					t.Errorf("the envelope %s has no %s", envelope, want)
				}
			}
			got, err := mail.ReadMessage(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
			if err != nil || subject != "DOWN: nightly failed" || got.Header.Get("Message-Id") != "<d-1@example.org>" || got.Header.Get("Auto-Submitted") != "auto-generated" {
				t.Errorf("the header is %v", got.Header)
			}
			if !strings.Contains(text, "The schedule nightly failed.") || !strings.Contains(text, "Acknowledge: https://belfry.test/alerts/ack/x") {
				t.Errorf("the mail is %s", text)
			}
		})
	}
}

func TestNoMailGoesInTheClearUnlessAsked(t *testing.T) {
	s := newSink(t, false, true, nil)
	err := s.send(t, nil, down())
	if e, ok := errors.AsType[*notify.Error](err); !ok || e.Permanent || !strings.Contains(e.Reason, "STARTTLS") {
		t.Errorf("got %v", err)
	}
	if err := s.send(t, func(c object) { c["tls"] = "none" }, down()); err != nil {
		t.Fatal(err)
	}
	<-s.mails
}

func TestAMailServersCertificateIsChecked(t *testing.T) {
	s := newSink(t, false, false, nil)
	s.roots = x509.NewCertPool()
	err := s.send(t, nil, down())
	if e, ok := errors.AsType[*notify.Error](err); !ok || e.Permanent || !strings.Contains(e.Reason, "certificate") {
		t.Errorf("got %v", err)
	}
}

func TestRefusalsOfAMailServer(t *testing.T) {
	for _, tt := range []struct {
		verb, answer string
		permanent    bool
	}{
		{"RCPT", "550 no such user geheim", true},
		{"RCPT", "451 later", false},
		{"DATA", "552 too large", true},
		{"AUTH", "535 wrong geheim", false},
		{"EHLO", "421 not now", false},
	} {
		s := newSink(t, false, false, map[string]string{tt.verb: tt.answer, "HELO": "502 no"})
		err := s.send(t, func(c object) { c["username"], c["password"] = "me", "x" }, down())
		e, ok := errors.AsType[*notify.Error](err)
		if !ok || e.Permanent != tt.permanent || e.Gone || strings.Contains(e.Reason, "geheim") {
			t.Errorf("%s to %s: %+v", tt.answer, tt.verb, e)
		}
	}
}
