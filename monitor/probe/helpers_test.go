package probe_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry/monitor/probe"
)

// now is the time of all tests.
var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func prober(roots *x509.CertPool) *probe.Prober {
	return &probe.Prober{Dial: (&net.Dialer{}).DialContext, Now: func() time.Time { return now }, Agent: "Belfry/test", Roots: roots}
}

// checked returns settings as Check leaves them.
func checked(t testing.TB, s probe.Settings) *probe.Settings {
	t.Helper()
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	return &s
}

// wants fails the test unless a look ended so, with these words.
func wants(t testing.TB, r probe.Result, ok bool, words ...string) {
	t.Helper()
	if r.OK != ok || r.Took <= 0 {
		t.Errorf("got %+v, want ok %v", r, ok)
	}
	for _, w := range words {
		if !strings.Contains(r.Detail, w) {
			t.Errorf("said %q, want %q", r.Detail, w)
		}
	}
}

// An authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var serial int64

// issue makes a certificate that parent signs, nil: itself.
func issue(t testing.TB, parent *authority, template x509.Certificate) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial++
	template.SerialNumber = big.NewInt(serial)
	if template.NotBefore.IsZero() {
		template.NotBefore = now.Add(-24 * time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = now.Add(365 * 24 * time.Hour)
	}
	template.BasicConstraintsValid = true
	if parent == nil {
		parent = &authority{&template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent.cert, &key.PublicKey, parent.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func root(t testing.TB, name string, parent *authority, notAfter time.Time) *authority {
	return issue(t, parent, x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, KeyUsage: x509.KeyUsageCertSign, NotAfter: notAfter,
	})
}

// pool returns a pool with one authority.
func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// serveTLS shows a leaf and what signs it, and returns its address.
func serveTLS(t testing.TB, leaf *authority, chain ...*authority) string {
	t.Helper()
	c := tls.Certificate{Certificate: [][]byte{leaf.cert.Raw}, PrivateKey: leaf.key}
	for _, a := range chain {
		c.Certificate = append(c.Certificate, a.cert.Raw)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{c}})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, ln, func(conn net.Conn) { conn.(*tls.Conn).HandshakeContext(context.Background()) })
	return ln.Addr().String()
}

// serve hands every connection to handle, until the test ends.
func serve(t testing.TB, ln net.Listener, handle func(net.Conn)) {
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
}
