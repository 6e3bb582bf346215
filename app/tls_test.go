package app

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// logBuffer is a log that tests read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), s)
}

func (l *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// pair makes certificates of 127.0.0.1 and writes them to two files.
type pair struct{ cert, key string }

func newPair(t *testing.T) pair {
	dir := t.TempDir()
	return pair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

// expiry of the certificate with serial number n.
func expiry(n int64) time.Time { return time.Unix(4_000_000_000+n, 0) }

// write writes a new self-signed certificate with that serial number and its
// key, and returns a pool that trusts it.
func (p pair) write(t *testing.T, serial int64) *x509.CertPool {
	t.Helper()
	cert, key := newCertificate(t, serial)
	p.put(t, cert, key)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}

// put writes what is given; nil leaves a file as it is. A step of a second in
// the time of change stands for the time that passes between two renewals.
func (p pair) put(t *testing.T, cert, key []byte) {
	t.Helper()
	for name, text := range map[string][]byte{p.cert: cert, p.key: key} {
		if text == nil {
			continue
		}
		changed := time.Now()
		if old, err := os.Stat(name); err == nil {
			changed = old.ModTime().Add(time.Second)
		}
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, changed, changed); err != nil {
			t.Fatal(err)
		}
	}
}

func newCertificate(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: fmt.Sprint("belfry ", serial)},
		NotBefore: time.Unix(1_700_000_000, 0), NotAfter: expiry(serial),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// client returns a client that trusts the pool and keeps its connection.
func client(t *testing.T, pool *x509.CertPool) *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// get returns the body, the serial number that the server showed and whether
// the connection was one of before.
func get(c *http.Client, url string) (body string, serial int64, reused bool, err error) {
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused },
	})
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", 0, false, err
	}
	resp, err := c.Do(r)
	if err != nil {
		return "", 0, false, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if resp.TLS != nil {
		serial = resp.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	return string(text), serial, reused, err
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
	}
}

// TestTLS goes through the life of a certificate under a running server: it is
// served, replaced while a connection is open, and broken.
func TestTLS(t *testing.T) {
	files, log, reload := newPair(t), &logBuffer{}, make(chan os.Signal)
	first := files.write(t, 1)
	s, err := Start(t.Context(), Config{
		DataDir: t.TempDir(), Listen: "127.0.0.1:0", Dev: true, Version: "test", Logger: log.logger(),
		TLSCert: files.cert, TLSKey: files.key, Reload: reload,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if !strings.HasPrefix(s.URL(), "https://127.0.0.1:") {
		t.Errorf("the server is at %s", s.URL())
	}
	kept := client(t, first)
	if body, serial, _, err := get(kept, s.URL()+"/healthz"); err != nil || body != "ready\n" || serial != 1 {
		t.Fatalf("healthz: %q, serial %d, %v", body, serial, err)
	}
	resp, err := kept.Post(s.URL()+"/", "application/x-www-form-urlencoded", strings.NewReader("Action=CreateQueue&Version=2012-11-05&QueueName=q"))
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.ProtoMajor != 2 || !strings.Contains(string(answer), "<QueueUrl>"+s.URL()+"/000000000000/q</QueueUrl>") {
		t.Errorf("CreateQueue over HTTP/%d: %s", resp.ProtoMajor, answer)
	}
	plain := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	if body, _, _, err := get(plain, strings.Replace(s.URL(), "https", "http", 1)+"/healthz"); err != nil || !strings.Contains(body, "HTTP request to an HTTPS server") {
		t.Errorf("plain HTTP to the port: %q, %v", body, err)
	}
	if body, _, _, err := get(plain, s.functionURL()+"/healthz"); err != nil || body != "ready\n" || !strings.HasPrefix(s.functionURL(), "http://127.0.0.1:") {
		t.Errorf("functions at %s: %q, %v", s.functionURL(), body, err)
	}

	second := files.write(t, 2)
	reload <- os.Interrupt // any signal
	eventually(t, "a new connection gets the new certificate", func() bool {
		_, serial, _, err := get(client(t, second), s.URL()+"/healthz")
		return err == nil && serial == 2
	})
	if _, serial, reused, err := get(kept, s.URL()+"/healthz"); err != nil || serial != 1 || !reused {
		t.Errorf("the open connection: serial %d, reused %t, %v; want it to go on", serial, reused, err)
	}

	files.put(t, []byte("no certificate"), nil)
	reload <- os.Interrupt
	eventually(t, "the log tells of the broken file", func() bool { return log.count("level=ERROR") == 1 })
	fresh := client(t, second)
	if _, serial, _, err := get(fresh, s.URL()+"/healthz"); err != nil || serial != 2 {
		t.Errorf("with a broken file: serial %d, %v, want the old certificate", serial, err)
	}
	metrics, _, _, err := get(fresh, s.URL()+"/metrics")
	if want := fmt.Sprintf("belfry_tls_certificate_not_after_seconds %v\n", float64(expiry(2).Unix())); err != nil || !strings.Contains(metrics, want) {
		t.Errorf("the metrics lack %q, %v", want, err)
	}
	if log.count("cross the network in the clear") != 0 {
		t.Error("the log warns of plain HTTP")
	}
}

// TestCertificateFilesChange: a new pair is taken when it has come to rest, and
// a half-written one is told of once.
func TestCertificateFilesChange(t *testing.T) {
	files, log := newPair(t), &logBuffer{}
	files.write(t, 1)
	c, err := openCertificate(files.cert, files.key, log.logger())
	if err != nil {
		t.Fatal(err)
	}
	poll := func(times int, want int64, errors int) {
		t.Helper()
		for range times {
			c.poll()
		}
		if got := c.current.Load().Leaf.SerialNumber.Int64(); got != want {
			t.Errorf("the certificate is %d, want %d", got, want)
		}
		if got := log.count("level=ERROR"); got != errors {
			t.Errorf("%d errors in the log, want %d", got, errors)
		}
	}
	poll(3, 1, 0)
	files.write(t, 2)
	poll(1, 1, 0) // seen, and still at work perhaps
	poll(1, 2, 0)
	cert, key := newCertificate(t, 3)
	files.put(t, cert, nil)
	poll(1, 2, 0)
	files.put(t, nil, key) // in time: nobody saw the half
	poll(1, 2, 0)
	poll(3, 3, 0)
	cert, key = newCertificate(t, 4)
	files.put(t, cert, nil)
	poll(5, 3, 1)
	files.put(t, nil, key)
	poll(2, 4, 1)
	if err := os.Remove(files.key); err != nil {
		t.Fatal(err)
	}
	poll(5, 4, 2)
	files.write(t, 5)
	poll(2, 5, 2)
}

func TestCertificateRefused(t *testing.T) {
	files, other := newPair(t), newPair(t)
	files.write(t, 1)
	other.write(t, 2)
	missing := filepath.Join(t.TempDir(), "nothing.pem")
	for _, c := range []struct{ cert, key, want string }{
		{files.cert, "", "give both --tls-cert and --tls-key"},
		{"", files.key, "give both --tls-cert and --tls-key"},
		{missing, files.key, "nothing.pem"},
		{files.cert, missing, "nothing.pem"},
		{files.cert, other.key, "private key does not match"},
		{files.key, files.key, "failed to find certificate"},
	} {
		s, err := Start(t.Context(), Config{
			DataDir: t.TempDir(), Listen: "127.0.0.1:0", Dev: true, TLSCert: c.cert, TLSKey: c.key,
		})
		if err == nil {
			err = s.Stop()
			t.Errorf("%s and %s are accepted, %v", c.cert, c.key, err)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s and %s: %v, want %q", c.cert, c.key, err, c.want)
		}
	}
}

// TestPlainListenerWarns: HTTP in the clear is fine on loopback only.
func TestPlainListenerWarns(t *testing.T) {
	for listen, want := range map[string]int{"127.0.0.1:0": 0, "0.0.0.0:0": 1} {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", listen)
		if err != nil {
			t.Fatal(err)
		}
		log := &logBuffer{}
		s := &Server{log: log.logger(), listener: l}
		if err := s.startTLS(t.Context()); err != nil {
			t.Error(err)
		}
		if got := log.count("cross the network in the clear"); got != want {
			t.Errorf("on %s the log warns %d times, want %d", listen, got, want)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}
