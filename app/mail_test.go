package app

import (
	"context"
	"crypto/tls"
	"net"
	"net/smtp"
	"strings"
	"testing"

	"github.com/belfry-run/belfry/monitor"
)

func TestMailOverTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close() // for the server
	files := newPair(t)
	pool := files.write(t, 1)
	s, err := Start(t.Context(), Config{
		DataDir: t.TempDir(), Listen: "127.0.0.1:0", TLSCert: files.cert, TLSKey: files.key, SMTPListen: address,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	check, _, err := s.monitor.Create(t.Context(), devAccount, monitor.DefaultSettings(), monitor.Like{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := smtp.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.StartTLS(&tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Mail("job@example.org"); err != nil {
		t.Fatal(err)
	}
	if err := c.Rcpt(check.ID + "@example.org"); err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte("Subject: done\r\n\r\nx\r\n"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	now, err := s.monitor.Check(t.Context(), devAccount, check.ID)
	if err != nil || now.Status != monitor.Up || now.Pings != 1 {
		t.Errorf("the check is %s after %d pings, %v", now.Status, now.Pings, err)
	}
}

func TestAnAddressForMailThatIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := Start(context.WithoutCancel(t.Context()), Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0", SMTPListen: l.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "--smtp-listen") {
		t.Errorf("got %v, %v; want an error that names --smtp-listen", s, err)
	}
}
