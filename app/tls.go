package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// certificatePoll is how often the files are looked at. A new pair is taken once
// it has stayed the same from one look to the next, so that a key that is still
// being written meets no certificate that is not its own.
const certificatePoll = 2 * time.Second

// A certificate is the pair of files that TLS is served with, as they were last
// in order. A handshake gets the newest; connections keep what they began with.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]

	// Of the goroutine that watches.
	loaded, seen fileStamps // of what was loaded last or failed to; of the last look
}

// fileStamps tell versions of the two files apart.
type fileStamps [2]os.FileInfo

func (a fileStamps) same(b fileStamps) bool {
	for i := range a {
		if a[i] == nil || b[i] == nil {
			if a[i] != b[i] {
				return false
			}
		} else if !os.SameFile(a[i], b[i]) || !a[i].ModTime().Equal(b[i].ModTime()) || a[i].Size() != b[i].Size() {
			return false
		}
	}
	return true
}

// openCertificate reads the pair. Files that do not fit together, or are no
// certificate and key, are an error.
func openCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	return c, c.load()
}

func (c *certificate) stamps() (s fileStamps) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil { // a file that is missing is a version too
			s[i] = info
		}
	}
	return s
}

func (c *certificate) load() error {
	c.loaded = c.stamps() // before the files are read: a later change is seen
	c.seen = c.loaded
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("read the TLS certificate %s with the key %s: %w", c.certFile, c.keyFile, err)
	}
	if time.Now().After(pair.Leaf.NotAfter) {
		c.log.Warn("the TLS certificate has expired; clients will refuse it", "file", c.certFile, "not_after", pair.Leaf.NotAfter)
	}
	c.current.Store(&pair)
	return nil
}

// reload takes the files as they are now. When they are not in order the old
// pair stays.
func (c *certificate) reload() {
	if err := c.load(); err != nil {
		c.log.Error("the TLS certificate was not reloaded; the old one stays in use", "err", err, "not_after", c.notAfter())
		return
	}
	c.log.Info("the TLS certificate was reloaded", "file", c.certFile, "not_after", c.notAfter())
}

// poll reloads files that have changed and come to rest.
func (c *certificate) poll() {
	now := c.stamps()
	settled := now.same(c.seen)
	c.seen = now
	if settled && !now.same(c.loaded) {
		c.reload()
	}
}

// watch polls until ctx ends, and reloads whenever asked to.
func (c *certificate) watch(ctx context.Context, reload <-chan os.Signal) {
	tick := time.NewTicker(certificatePoll)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.poll()
		case <-reload:
			c.reload()
		case <-ctx.Done():
			return
		}
	}
}

func (c *certificate) notAfter() time.Time { return c.current.Load().Leaf.NotAfter }

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		// Named, because the server also serves a plain listener: net/http would
		// else leave HTTP/2 out when that one is the first, and offer it all the same.
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

// startTLS reads the certificate, if the server has one, and opens the listener
// that functions then use: they speak plain HTTP, and only on loopback, because
// no certificate need name that and no function need trust it.
func (s *Server) startTLS(ctx context.Context) error {
	if s.c.TLSCert == "" && s.c.TLSKey == "" {
		if host, _, err := net.SplitHostPort(s.listener.Addr().String()); err == nil && !net.ParseIP(host).IsLoopback() {
			s.log.WarnContext(ctx, "requests and answers cross the network in the clear: give --tls-cert and --tls-key, or put a proxy with TLS in front", "address", s.URL())
		}
		return nil
	}
	if s.c.TLSCert == "" || s.c.TLSKey == "" {
		return errors.New("a TLS certificate needs its key: give both --tls-cert and --tls-key, or neither")
	}
	var err error
	if s.certificate, err = openCertificate(s.c.TLSCert, s.c.TLSKey, s.log); err != nil {
		return err
	}
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.background.Go(func() { s.certificate.watch(watch, s.c.Reload) })
	s.opened("TLS certificate", func(context.Context) error { stop(); return nil })
	s.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "belfry_tls_certificate_not_after_seconds", Help: "When the TLS certificate in use expires, in Unix time.",
	}, func() float64 { return float64(s.certificate.notAfter().Unix()) }))
	if s.local, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return fmt.Errorf("listen for functions on loopback: %w", err)
	}
	s.local = s.callers.listen(s.local)
	s.opened("listener for functions", atOnce(func() error { return ignoreClosed(s.local.Close()) }))
	return nil
}

// serveListeners answers what arrives at the listeners from now on.
func (s *Server) serveListeners() {
	serve := func(l net.Listener, on func(net.Listener) error) {
		s.background.Go(func() {
			if err := on(l); !errors.Is(err, http.ErrServerClosed) {
				s.failed <- fmt.Errorf("serve: %w", err)
			}
		})
	}
	if s.certificate == nil {
		serve(s.listener, s.http.Serve)
		return
	}
	s.http.TLSConfig = s.certificate.config()
	serve(s.listener, func(l net.Listener) error { return s.http.ServeTLS(l, "", "") })
	serve(s.local, s.http.Serve)
}

// functionURL is where functions find the server.
func (s *Server) functionURL() string {
	if s.local != nil {
		return "http://" + s.local.Addr().String()
	}
	return s.URL()
}
