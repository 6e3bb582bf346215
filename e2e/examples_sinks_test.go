package e2e

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// What the examples reach listens on an address of the loopback network that no
// client takes for the machine itself, so that isolated functions use the proxy.
const (
	sinkAddress = "127.0.0.2:0"
	sinkNetwork = "127.0.0.2/32"
)

func listenSink(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", sinkAddress)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// A store keeps what is put into it, and answers for a supplier's catalogue.
type store struct {
	url   string
	mu    sync.Mutex // guards files and asked
	files map[string]string
	asked int
}

func newStore(t *testing.T) *store {
	t.Helper()
	s := &store{files: map[string]string{}}
	srv := &httptest.Server{Listener: listenSink(t), Config: &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}}
	srv.Start()
	t.Cleanup(srv.Close)
	s.url = "http://" + srv.Listener.Addr().String()
	return s
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodPut {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.files[r.URL.Path] = string(body)
		w.WriteHeader(http.StatusCreated)
		return
	}
	if r.URL.Path != "/api" || r.URL.Query().Get("shop") != "7" {
		http.NotFound(w, r)
		return
	}
	if s.asked++; s.asked == 2 { // one passing failure on the way
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	switch r.URL.Query().Get("page") {
	case "1":
		fmt.Fprint(w, `{"items": [{"id": 1, "name": "hammer"}, {"id": 2, "name": "saw"}], "next": 2}`)
	case "2":
		fmt.Fprint(w, `{"items": [{"id": 2, "name": "new saw"}, {"id": 3, "name": "drill"}], "next": null}`)
	default:
		http.NotFound(w, r)
	}
}

func (s *store) get(path string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[path]
}

// tlsHost listens with a certificate of its own that is good for that long.
func tlsHost(t *testing.T, good time.Duration) (address string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(good)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	srv := &httptest.Server{
		Listener: listenSink(t),
		Config:   &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Minute},
		TLS:      &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
	}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// A mailSink is a mail server that keeps what it gets.
type mailSink struct {
	host, port string
	mu         sync.Mutex // guards mails
	mails      []string
}

func newMailSink(t *testing.T) *mailSink {
	t.Helper()
	ln := listenSink(t)
	m := &mailSink{}
	m.host, m.port, _ = net.SplitHostPort(ln.Addr().String())
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { m.serve(c) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		serving.Wait()
	})
	return m
}

// serve speaks as much SMTP as a client needs.
func (m *mailSink) serve(c net.Conn) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(c)
	fmt.Fprint(c, "220 sink\r\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " "); verb {
		case "DATA":
			fmt.Fprint(c, "354 go on\r\n")
			var mail strings.Builder
			for line, err = in.ReadString('\n'); err == nil && line != ".\r\n"; line, err = in.ReadString('\n') {
				mail.WriteString(line)
			}
			m.mu.Lock()
			m.mails = append(m.mails, mail.String())
			m.mu.Unlock()
			fmt.Fprint(c, "250 taken\r\n")
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 well\r\n")
		}
	}
}

func (m *mailSink) received() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mails)
}
