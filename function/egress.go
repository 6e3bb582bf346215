package function

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/egress"
)

// Egress says what of the network an instance reaches beside Belfry's own APIs.
type Egress string

// The ways out, each wider than the one before.
const (
	EgressNone  Egress = "none"  // nothing
	EgressProxy Egress = "proxy" // public addresses, through the proxy of HTTP_PROXY and HTTPS_PROXY
	EgressHost  Egress = "host"  // the network of the host, its loopback interface included
)

var egresses = []Egress{EgressNone, EgressProxy, EgressHost}

// ParseEgress reads none, proxy or host.
func ParseEgress(s string) (Egress, error) {
	if e := Egress(s); slices.Contains(egresses, e) {
		return e, nil
	}
	return "", fmt.Errorf("there is no egress %q; there are none, proxy and host", s)
}

func (e Egress) widerThan(o Egress) bool {
	return slices.Index(egresses, e) > slices.Index(egresses, o)
}

// egressVariable is how a function asks for a way out of its own.
const egressVariable = "BELFRY_EGRESS"

// egressOf returns the way out of a function. It is an error to ask for more
// than the server allows, or for a restriction that it cannot enforce.
func (h *Host) egressOf(s *Settings) (Egress, error) {
	asked, ok := s.Environment[egressVariable]
	if !ok {
		return h.cfg.Egress, nil
	}
	e, err := ParseEgress(asked)
	switch {
	case err != nil:
		return "", invalid("Environment", fmt.Sprintf("The environment variable %s is %q; it can be none, proxy or host.", egressVariable, asked))
	case e.widerThan(h.cfg.EgressMax):
		return "", invalid("Environment", fmt.Sprintf("The environment variable %s asks for %s, and this server allows no more than %s; its operator can allow it with --egress-max.", egressVariable, e, h.cfg.EgressMax))
	case e != EgressHost && !h.isolation.Network():
		return "", invalid("Environment", fmt.Sprintf("The environment variable %s asks for %s, which this server cannot enforce: its isolation level is %s.", egressVariable, e, h.isolation.Level))
	}
	return e, nil
}

// exits are the ways out of instances with a network of their own.
type exits struct {
	log     *slog.Logger
	server  string // address of Belfry's APIs
	dial    egress.DialFunc
	forward *httputil.ReverseProxy
}

// proxyHeaders bounds the headers of a request, or of an answer.
const proxyHeaders = 30 * time.Second

// newExits lets connections through to public addresses, and to those in allowed.
func newExits(endpoint string, allowed []netip.Prefix, log *slog.Logger) (*exits, error) {
	e := &exits{log: log, dial: egress.NewGuard(allowed).DialContext}
	if endpoint != "" {
		u, err := url.Parse(endpoint)
		if err != nil {
			return nil, fmt.Errorf("read the endpoint's URL: %w", err)
		}
		e.server = u.Host
	}
	e.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL, r.Out.Host = r.In.URL, r.In.Host },
		Transport: &http.Transport{
			DialContext: e.dial, DisableCompression: true, MaxIdleConns: 100, IdleConnTimeout: time.Minute,
			ResponseHeaderTimeout: MaxTimeout,
		},
		ErrorHandler: e.refuse,
		ErrorLog:     slog.NewLogLogger(slog.DiscardHandler, 0), // the function is told
	}
	return e, nil
}

// endpoint passes the connections of an instance's clients on to Belfry's APIs.
func (e *exits) endpoint(l net.Listener) (stop func()) {
	t := newTunnels()
	t.listen(l, func(c net.Conn) {
		ctx, cancel := context.WithTimeout(context.Background(), egress.DialTimeout)
		defer cancel()
		up, err := (&net.Dialer{}).DialContext(ctx, "tcp", e.server)
		if err != nil {
			c.Close() // the server is stopping
			return
		}
		t.join(c, up)
	})
	return t.close
}

// proxy is the HTTP proxy of one instance.
func (e *exits) proxy(l net.Listener) (stop func()) {
	t := newTunnels()
	server := &http.Server{
		ReadHeaderTimeout: proxyHeaders,
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, 0), // what a function does to its own proxy is its affair
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodConnect:
				e.connect(t, w, r)
			case r.URL.Scheme == "http" && r.URL.Host != "":
				e.forward.ServeHTTP(w, r)
			default:
				http.Error(w, "This is a proxy for http and https, which is asked for whole URLs.", http.StatusBadRequest)
			}
		}),
	}
	t.run(func() { _ = server.Serve(t.bound(l)) }) // ends with Close
	return func() {
		server.Close() //nolint:errcheck // the instance is gone; there is nobody to tell
		t.close()
	}
}

func (e *exits) connect(t *tunnels, w http.ResponseWriter, r *http.Request) {
	up, err := e.dial(r.Context(), "tcp", r.Host)
	if err != nil {
		e.refuse(w, r, err)
		return
	}
	down, said, err := http.NewResponseController(w).Hijack()
	if err != nil {
		up.Close()
		http.Error(w, "The connection cannot be used as a tunnel.", http.StatusInternalServerError)
		return
	}
	early, _ := said.Peek(said.Reader.Buffered()) // what came with the request; it is there
	_, err = down.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n"))
	if err == nil {
		_, err = up.Write(early)
	}
	if err != nil {
		up.Close()
		down.Close()
		return
	}
	t.join(down, up)
}

// refuse says why there is no connection.
func (e *exits) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusBadGateway
	if belfry.KindOf(err) == belfry.Denied {
		status = http.StatusForbidden
		e.log.DebugContext(r.Context(), "a connection of a function was refused", "to", r.Host, "err", err)
	}
	http.Error(w, err.Error(), status)
}
