package probe_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"net"
	"testing"
	"time"

	"github.com/belfry-run/belfry/monitor/probe"
)

const day = 24 * time.Hour

func TestTLS(t *testing.T) {
	t.Parallel()
	ca := root(t, "Root", nil, time.Time{})
	middle := root(t, "Middle", ca, now.Add(20*day))
	leaf := func(by *authority, notBefore, notAfter time.Time) *authority {
		return issue(t, by, x509.Certificate{
			Subject: pkix.Name{CommonName: "shop"}, DNSNames: []string{"shop.example"}, NotBefore: notBefore, NotAfter: notAfter,
		})
	}
	past, soon := now.Add(-100*day), now.Add(30*day)
	for _, c := range []struct {
		name  string
		at    string
		probe probe.TLSProbe
		ok    bool
		words []string
	}{
		{"good", serveTLS(t, leaf(ca, past, soon)), probe.TLSProbe{}, true, []string{"is good until 2026-12-24 12:00 UTC, for another 30 days"}},
		{"exactly the days that are wanted", serveTLS(t, leaf(ca, past, soon)), probe.TLSProbe{Days: new(30)}, true, nil},
		{"a second less", serveTLS(t, leaf(ca, past, soon.Add(-time.Second))), probe.TLSProbe{Days: new(30)}, false, []string{"expires on 2026-12-24 11:59 UTC, in 29 days; at least 30 days are wanted"}},
		{"the usual 14 days", serveTLS(t, leaf(ca, past, now.Add(14*day-time.Second))), probe.TLSProbe{}, false, []string{"in 13 days"}},
		{"the last second", serveTLS(t, leaf(ca, past, now)), probe.TLSProbe{Days: new(0)}, true, nil},
		{"expired", serveTLS(t, leaf(ca, past, now.Add(-3*day))), probe.TLSProbe{Days: new(0)}, false, []string{"expired on 2026-11-21 12:00 UTC, 3 days ago"}},
		{"not good yet", serveTLS(t, leaf(ca, now.Add(time.Hour), soon)), probe.TLSProbe{}, false, []string{"not good before 2026-11-24 13:00 UTC"}},
		{"another name", serveTLS(t, leaf(ca, past, soon)), probe.TLSProbe{ServerName: "mail.example"}, false, []string{"it is for shop.example, not for mail.example"}},
		{"itself", serveTLS(t, leaf(nil, past, soon)), probe.TLSProbe{}, false, []string{"is not known"}},
		{"an intermediate is missing", serveTLS(t, leaf(middle, past, soon)), probe.TLSProbe{}, false, []string{`signed by "CN=Middle", an authority that is not known`, "showed no intermediate"}},
		{"an intermediate expires sooner", serveTLS(t, leaf(middle, past, soon), middle), probe.TLSProbe{Days: new(21)}, false, []string{"A certificate that signs the one of ", "expires on 2026-12-14"}},
		{"an intermediate is good long enough", serveTLS(t, leaf(middle, past, soon), middle), probe.TLSProbe{Days: new(20)}, true, nil},
		{"only the dates", serveTLS(t, leaf(nil, past, soon)), probe.TLSProbe{SkipVerify: true, ServerName: "x.example"}, true, nil},
		{"only the dates, and they are bad", serveTLS(t, leaf(nil, past, soon)), probe.TLSProbe{SkipVerify: true, Days: new(31)}, false, nil},
		{"nobody listens", unused(t), probe.TLSProbe{}, false, []string{"connection refused"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.probe.Address = c.at
			if c.probe.ServerName == "" {
				c.probe.ServerName = "shop.example"
			}
			r := prober(ca.pool()).Once(t.Context(), checked(t, probe.Settings{Kind: probe.TLS, TLS: &c.probe}))
			wants(t, r, c.ok, c.words...)
			if met := c.name != "nobody listens"; met == r.Expires.IsZero() {
				t.Errorf("it expires at %v", r.Expires)
			}
		})
	}
}

func TestTLSWithWhatSpeaksSomethingElse(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]func(net.Conn){
		"does not speak TLS":           func(c net.Conn) { io.WriteString(c, "220 ready\r\n") },
		"handshake in time":            func(c net.Conn) { io.Copy(io.Discard, c) },
		"closed the connection during": func(c net.Conn) { c.Read(make([]byte, 1000)) },
		"TLS as it should: tls":        func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") },
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		serve(t, ln, handle)
		r := prober(nil).Once(t.Context(), checked(t, probe.Settings{Kind: probe.TLS, Timeout: 1, TLS: &probe.TLSProbe{Address: ln.Addr().String()}}))
		wants(t, r, false, name)
	}
}
