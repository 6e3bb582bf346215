package probe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor/probe"
)

// site is a web site of many pages.
func site(t testing.TB) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<h1>Welcome, it is Tuesday</h1>") })
	mux.HandleFunc("/status/{code}", func(w http.ResponseWriter, r *http.Request) {
		var code int
		fmt.Sscan(r.PathValue("code"), &code)
		w.WriteHeader(code)
	})
	mux.HandleFunc("/hop/{n}", func(w http.ResponseWriter, r *http.Request) {
		var n int
		if fmt.Sscan(r.PathValue("n"), &n); n == 0 {
			return
		}
		http.Redirect(w, r, fmt.Sprintf("/hop/%d?token=secret", n-1), http.StatusFound)
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s %s", r.Method, r.Host, r.Header.Get("X-Key"), r.UserAgent(), body)
	})
	mux.HandleFunc("/late", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "half")
	})
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, strings.Repeat("x", 1<<20-4)+"Edge"+"Beyond")
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	s := site(t)
	for _, c := range []struct {
		name  string
		probe probe.HTTPProbe
		ok    bool
		words []string
	}{
		{"a page", probe.HTTPProbe{URL: s.URL + "/ok"}, true, []string{"/ok answered 200 OK in "}},
		{"another status", probe.HTTPProbe{URL: s.URL + "/status/503"}, false, []string{"answered 503 Service Unavailable; 200-299 is wanted"}},
		{"the last of a range", probe.HTTPProbe{URL: s.URL + "/status/299"}, true, nil},
		{"just beyond a range", probe.HTTPProbe{URL: s.URL + "/status/300"}, false, []string{"answered 300"}},
		{"just before a range", probe.HTTPProbe{URL: s.URL + "/status/403", Status: []string{"404-405"}}, false, nil},
		{"one of several", probe.HTTPProbe{URL: s.URL + "/status/401", Status: []string{"200", "401"}}, true, nil},
		{"none of several", probe.HTTPProbe{URL: s.URL + "/status/402", Status: []string{"200", "401"}}, false, []string{"200, 401 is wanted"}},
		{"text", probe.HTTPProbe{URL: s.URL + "/ok", Contains: "Welcome"}, true, nil},
		{"no such text", probe.HTTPProbe{URL: s.URL + "/ok", Contains: "welcome"}, false, []string{`without the text "welcome"`}},
		{"expression", probe.HTTPProbe{URL: s.URL + "/ok", Matches: `is \w+day`}, true, nil},
		{"no such expression", probe.HTTPProbe{URL: s.URL + "/ok", Matches: `is \d`}, false, []string{`nothing in it matches "is \\d"`}},
		{"redirects as many as allowed", probe.HTTPProbe{URL: s.URL + "/hop/5"}, true, nil},
		{"one redirect more", probe.HTTPProbe{URL: s.URL + "/hop/6"}, false, []string{"answered 302 Found, to ", "/hop/0, after 5 redirects"}},
		{"no redirects", probe.HTTPProbe{URL: s.URL + "/hop/1", Redirects: new(0)}, false, []string{"after 0 redirects"}},
		{"a redirect that is wanted", probe.HTTPProbe{URL: s.URL + "/hop/1", Redirects: new(0), Status: []string{"302"}}, true, nil},
		{
			"everything that is sent", probe.HTTPProbe{
				URL: s.URL + "/echo", Method: "POST", Headers: map[string]string{"X-Key": "k", "host": "shop.example"}, Body: "hello",
				Contains: "POST shop.example k Belfry/test hello",
			}, true, nil,
		},
		{"HEAD", probe.HTTPProbe{URL: s.URL + "/ok", Method: "HEAD"}, true, nil},
		{"the connection breaks", probe.HTTPProbe{URL: s.URL + "/cut"}, false, []string{"the connection broke in the middle"}},
		{"text at the end of the first MiB", probe.HTTPProbe{URL: s.URL + "/large", Contains: "Edge"}, true, nil},
		{"text beyond the first MiB", probe.HTTPProbe{URL: s.URL + "/large", Contains: "EdgeB"}, false, nil},
		{"nobody listens", probe.HTTPProbe{URL: "http://" + unused(t) + "/"}, false, []string{"cannot be reached", "connection refused"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := c.probe
			p.URL += "?token=secret"
			r := prober(nil).Once(t.Context(), checked(t, probe.Settings{Kind: probe.HTTP, HTTP: &p}))
			wants(t, r, c.ok, c.words...)
			if strings.Contains(r.Detail, "secret") {
				t.Errorf("a secret is in %q", r.Detail)
			}
		})
	}
}

// unused returns an address where nobody listens.
func unused(t testing.TB) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func TestHTTPEndsWithItsTimeOut(t *testing.T) {
	t.Parallel()
	s := site(t)
	for path, words := range map[string]string{"/late": "did not answer in time", "/endless": "its answer did not end in time"} {
		r := prober(nil).Once(t.Context(), checked(t, probe.Settings{Kind: probe.HTTP, Timeout: 1, HTTP: &probe.HTTPProbe{URL: s.URL + path}}))
		wants(t, r, false, words)
	}
}

func TestHTTPVerifiesCertificates(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	page := probe.HTTPProbe{URL: s.URL, Status: []string{"404"}}
	r := prober(nil).Once(t.Context(), checked(t, probe.Settings{Kind: probe.HTTP, HTTP: &page}))
	wants(t, r, false, "The certificate of "+s.URL, "not known")
	page.SkipVerify = true
	r = prober(nil).Once(t.Context(), checked(t, probe.Settings{Kind: probe.HTTP, HTTP: &page}))
	wants(t, r, true)
	if !r.Expires.Equal(s.Certificate().NotAfter) {
		t.Errorf("it expires at %v, want %v", r.Expires, s.Certificate().NotAfter)
	}
}

// Each connection goes through the dialer, that of a redirect too.
func TestARefusedAddressIsShownAsItIs(t *testing.T) {
	t.Parallel()
	s := site(t)
	outside := httptest.NewServer(http.RedirectHandler(s.URL+"/ok", http.StatusFound))
	defer outside.Close()
	p := prober(nil)
	p.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasSuffix(s.URL, address) {
			return nil, belfry.Errorf(belfry.Denied, "", "%s is not for you.", address)
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	host := strings.TrimPrefix(s.URL, "http://")
	for _, settings := range []probe.Settings{
		{Kind: probe.HTTP, HTTP: &probe.HTTPProbe{URL: outside.URL}},
		{Kind: probe.TCP, TCP: &probe.TCPProbe{Address: host}},
		{Kind: probe.TLS, TLS: &probe.TLSProbe{Address: host}},
	} {
		wants(t, p.Once(t.Context(), checked(t, settings)), false, host+" is not for you.")
	}
}

func TestLookTriesAgain(t *testing.T) {
	for _, c := range []struct{ retries, failures, tries int }{{0, 1, 1}, {1, 1, 2}, {1, 2, 2}, {5, 5, 6}, {5, 9, 6}, {3, 0, 1}} {
		synctest.Test(t, func(t *testing.T) {
			var tries atomic.Int64
			p := prober(nil)
			p.Dial = func(context.Context, string, string) (net.Conn, error) {
				time.Sleep(time.Millisecond) // fake time, so that it takes some
				if tries.Add(1) <= int64(c.failures) {
					return nil, errors.New("not yet")
				}
				a, b := net.Pipe()
				t.Cleanup(func() { b.Close() })
				return a, nil
			}
			began := time.Now()
			r := p.Look(t.Context(), checked(t, probe.Settings{Kind: probe.TCP, Retries: &c.retries, TCP: &probe.TCPProbe{Address: "x:1"}}))
			wants(t, r, c.tries > c.failures)
			if n := int(tries.Load()); n != c.tries {
				t.Errorf("%+v: %d tries", c, n)
			}
			if took, want := time.Since(began).Truncate(time.Second), time.Duration(c.tries-1)*probe.RetryDelay; took != want {
				t.Errorf("%+v: took %v, want %v", c, took, want)
			}
			if said := strings.Contains(r.Detail, fmt.Sprintf("This was try %d.", c.tries)); said != (c.tries > 1) {
				t.Errorf("%+v: said %q", c, r.Detail)
			}
		})
	}
}
