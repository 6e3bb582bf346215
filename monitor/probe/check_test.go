package probe_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor/probe"
)

func TestCheckFillsInWhatIsNotSaid(t *testing.T) {
	for _, c := range []struct{ in, want probe.Settings }{
		{
			probe.Settings{Kind: probe.HTTP, HTTP: &probe.HTTPProbe{URL: "https://a.example"}},
			probe.Settings{Kind: probe.HTTP, Timeout: 10, Retries: new(1), HTTP: &probe.HTTPProbe{
				URL: "https://a.example", Method: "GET", Status: []string{"200-299"}, Redirects: new(5),
			}},
		},
		{
			probe.Settings{Kind: probe.TLS, Retries: new(0), TLS: &probe.TLSProbe{Address: "a:443"}},
			probe.Settings{Kind: probe.TLS, Timeout: 10, Retries: new(0), TLS: &probe.TLSProbe{Address: "a:443", Days: new(14)}},
		},
	} {
		if d := cmp.Diff(&c.want, checked(t, c.in)); d != "" {
			t.Error(d)
		}
	}
}

func TestCheckTakesEachLimitAndNothingBeyond(t *testing.T) {
	http := func(change func(h *probe.HTTPProbe)) probe.Settings {
		h := &probe.HTTPProbe{URL: "http://a.example/"}
		change(h)
		return probe.Settings{Kind: probe.HTTP, HTTP: h}
	}
	tcp := func(p probe.TCPProbe) probe.Settings { return probe.Settings{Kind: probe.TCP, TCP: &p} }
	certificate := func(p probe.TLSProbe) probe.Settings { return probe.Settings{Kind: probe.TLS, TLS: &p} }
	good := func(timeout, retries int) probe.Settings {
		return probe.Settings{Kind: probe.TCP, Timeout: timeout, Retries: &retries, TCP: &probe.TCPProbe{Address: "a:1"}}
	}
	headers := func(n int) map[string]string {
		all := map[string]string{}
		for i := range n {
			all["X-"+strings.Repeat("a", i)] = "v"
		}
		return all
	}
	for _, c := range []struct {
		name     string
		settings probe.Settings
		field    string // empty: it is taken
	}{
		{"timeout least", good(1, 1), ""},
		{"timeout most", good(60, 1), ""},
		{"timeout less", good(-1, 1), "timeout_seconds"},
		{"timeout more", good(61, 1), "timeout_seconds"},
		{"retries least", good(1, 0), ""},
		{"retries most", good(1, 5), ""},
		{"retries less", good(1, -1), "retries"},
		{"retries more", good(1, 6), "retries"},
		{"no kind", probe.Settings{TCP: &probe.TCPProbe{Address: "a:1"}}, "kind"},
		{"another kind", probe.Settings{Kind: "icmp"}, "kind"},
		{"no member", probe.Settings{Kind: probe.TLS}, "tls"},
		{"the wrong member", probe.Settings{Kind: probe.TLS, TCP: &probe.TCPProbe{Address: "a:1"}}, "tls"},
		{"two members", probe.Settings{Kind: probe.TCP, TCP: &probe.TCPProbe{Address: "a:1"}, TLS: &probe.TLSProbe{Address: "a:1"}}, "tcp"},

		{"no url", http(func(h *probe.HTTPProbe) { h.URL = "" }), "http.url"},
		{"no scheme", http(func(h *probe.HTTPProbe) { h.URL = "a.example" }), "http.url"},
		{"another scheme", http(func(h *probe.HTTPProbe) { h.URL = "ftp://a.example" }), "http.url"},
		{"no host", http(func(h *probe.HTTPProbe) { h.URL = "http:///x" }), "http.url"},
		{"url longest", http(func(h *probe.HTTPProbe) { h.URL = "http://a/" + strings.Repeat("x", 1991) }), ""},
		{"url longer", http(func(h *probe.HTTPProbe) { h.URL = "http://a/" + strings.Repeat("x", 1992) }), "http.url"},
		{"method", http(func(h *probe.HTTPProbe) { h.Method = "get" }), "http.method"},
		{"20 headers", http(func(h *probe.HTTPProbe) { h.Headers = headers(20) }), ""},
		{"21 headers", http(func(h *probe.HTTPProbe) { h.Headers = headers(21) }), "http.headers"},
		{"header name", http(func(h *probe.HTTPProbe) { h.Headers = map[string]string{"a b": ""} }), "http.headers"},
		{"header value", http(func(h *probe.HTTPProbe) { h.Headers = map[string]string{"a": "x\r\ny: z"} }), "http.headers"},
		{"header of the connection", http(func(h *probe.HTTPProbe) { h.Headers = map[string]string{"content-length": "3"} }), "http.headers"},
		{"header longest", http(func(h *probe.HTTPProbe) { h.Headers = map[string]string{"a": strings.Repeat("x", 1999)} }), ""},
		{"header longer", http(func(h *probe.HTTPProbe) { h.Headers = map[string]string{"a": strings.Repeat("x", 2000)} }), "http.headers"},
		{"body longest", http(func(h *probe.HTTPProbe) { h.Body = strings.Repeat("x", 10_000) }), ""},
		{"body longer", http(func(h *probe.HTTPProbe) { h.Body = strings.Repeat("x", 10_001) }), "http.body"},
		{"statuses", http(func(h *probe.HTTPProbe) { h.Status = []string{"100", "599", "100-599"} }), ""},
		{"status 99", http(func(h *probe.HTTPProbe) { h.Status = []string{"099"} }), "http.status"},
		{"status 600", http(func(h *probe.HTTPProbe) { h.Status = []string{"200", "600"} }), "http.status"},
		{"status backwards", http(func(h *probe.HTTPProbe) { h.Status = []string{"299-200"} }), "http.status"},
		{"status of words", http(func(h *probe.HTTPProbe) { h.Status = []string{"2xx"} }), "http.status"},
		{"20 statuses", http(func(h *probe.HTTPProbe) { h.Status = strings.Split(strings.Repeat("200 ", 20)[:79], " ") }), ""},
		{"21 statuses", http(func(h *probe.HTTPProbe) { h.Status = strings.Split(strings.Repeat("200 ", 21)[:83], " ") }), "http.status"},
		{"text longest", http(func(h *probe.HTTPProbe) { h.Contains = strings.Repeat("x", 500) }), ""},
		{"text longer", http(func(h *probe.HTTPProbe) { h.Contains = strings.Repeat("x", 501) }), "http.contains"},
		{"expression longer", http(func(h *probe.HTTPProbe) { h.Matches = strings.Repeat("x", 501) }), "http.matches"},
		{"no expression", http(func(h *probe.HTTPProbe) { h.Matches = "(" }), "http.matches"},
		{"redirects most", http(func(h *probe.HTTPProbe) { h.Redirects = new(20) }), ""},
		{"redirects more", http(func(h *probe.HTTPProbe) { h.Redirects = new(21) }), "http.redirects"},
		{"redirects less", http(func(h *probe.HTTPProbe) { h.Redirects = new(-1) }), "http.redirects"},

		{"address without a port", tcp(probe.TCPProbe{Address: "a"}), "tcp.address"},
		{"address without a host", tcp(probe.TCPProbe{Address: ":80"}), "tcp.address"},
		{"port 0", tcp(probe.TCPProbe{Address: "a:0"}), "tcp.address"},
		{"port most", tcp(probe.TCPProbe{Address: "[::1]:65535"}), ""},
		{"port more", tcp(probe.TCPProbe{Address: "a:65536"}), "tcp.address"},
		{"a URL", tcp(probe.TCPProbe{Address: "http://a:80"}), "tcp.address"},
		{"send longest", tcp(probe.TCPProbe{Address: "a:1", Send: strings.Repeat("x", 1000)}), ""},
		{"send longer", tcp(probe.TCPProbe{Address: "a:1", Send: strings.Repeat("x", 1001)}), "tcp.send"},
		{"expect longer", tcp(probe.TCPProbe{Address: "a:1", Expect: strings.Repeat("x", 1001)}), "tcp.expect"},

		{"days least", certificate(probe.TLSProbe{Address: "a:1", Days: new(0)}), ""},
		{"days most", certificate(probe.TLSProbe{Address: "a:1", Days: new(365)}), ""},
		{"days less", certificate(probe.TLSProbe{Address: "a:1", Days: new(-1)}), "tls.days"},
		{"days more", certificate(probe.TLSProbe{Address: "a:1", Days: new(366)}), "tls.days"},
		{"tls address", certificate(probe.TLSProbe{Address: "a"}), "tls.address"},
		{"server name", certificate(probe.TLSProbe{Address: "a:1", ServerName: strings.Repeat("x", 254)}), "tls.server_name"},
	} {
		err := c.settings.Check()
		if c.field == "" && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.field != "" {
			e, ok := errors.AsType[*belfry.Error](err)
			if !ok || e.Kind != belfry.Invalid || e.Field != c.field {
				t.Errorf("%s: got %v, want Invalid %s", c.name, err, c.field)
			}
		}
	}
}
