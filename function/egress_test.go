package function_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/function/sandbox"
)

// fetch gets a URL as an unsuspecting handler would.
const fetch = `
import os, ssl, urllib.request, urllib.error
def handler(event, context):
    url = event.get("url") or os.environ.get("AWS_ENDPOINT_URL", "none")
    body = event.get("body")
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body and body.encode()), timeout=20, context=ssl._create_unverified_context()) as r:
            return r.read().decode()
    except urllib.error.HTTPError as e:
        return "%d %s" % (e.code, e.read().decode())
    except OSError as e:
        return str(e)
`

// origin serves on an address of the host's loopback interface that clients do
// not take for their own.
func origin(t *testing.T, start func(*httptest.Server)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			io.Copy(w, r.Body)
			return
		}
		io.WriteString(w, "origin "+r.URL.Path)
	}))
	s.Listener.Close()
	s.Listener = l
	start(s)
	t.Cleanup(s.Close)
	return s.URL
}

// best is the highest level that the test's user can have.
func best() sandbox.Level { return levels()[len(levels())-1] }

func (b *bench) fetcher(t *testing.T, name, egress string) {
	t.Helper()
	f := python(name, fetch)
	if egress != "" {
		f.Environment = map[string]string{"BELFRY_EGRESS": egress}
	}
	b.deploy(f)
}

func (b *bench) fetch(t *testing.T, name, url string) string {
	t.Helper()
	return decode[string](t, []byte(b.result(name, `{"url": "`+url+`"}`)))
}

func TestEgress(t *testing.T) {
	t.Parallel()
	plain, secure := origin(t, (*httptest.Server).Start), origin(t, (*httptest.Server).StartTLS)
	private := newBenchAt(t, best(), func(c *function.Config) { c.EgressMax = function.EgressHost })
	allowed := newBenchAt(t, best(), func(c *function.Config) { c.EgressAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")} })
	for _, b := range []*bench{private, allowed} {
		b.fetcher(t, "default", "")
		b.fetcher(t, "proxy", "proxy")
		b.fetcher(t, "none", "none")
	}
	private.fetcher(t, "host", "host")
	const refused = "is in a network that this server does not connect to; its operator can allow it with --egress-allow."
	for _, c := range []struct {
		name, url string
		b         *bench
		function  string
		want      string
	}{
		{"loopback is refused, with the reason", plain, private, "default", refused},
		{"so it is to TLS", secure, private, "proxy", "Tunnel connection failed: 403 Forbidden"},
		{"and by its name in another spelling", strings.Replace(plain, "127.0.0.2", "[::ffff:127.0.0.2]", 1), private, "default", refused},
		{"a private network", "http://10.1.2.3/", private, "default", refused},
		{"the metadata of a cloud", "http://169.254.169.254/latest/", private, "default", refused},
		{"what the operator allows passes", plain + "/x", allowed, "default", "origin /x"},
		{"over TLS", secure + "/x", allowed, "proxy", "origin /x"},
		{"and nothing else", "http://10.1.2.3/", allowed, "default", refused},
		{"none has no way out", "http://10.1.2.3/", allowed, "none", "Network is unreachable"},
		{"host has that of the host", plain + "/x", private, "host", "origin /x"},
	} {
		if got := c.b.fetch(t, c.function, c.url); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s answers %.300q, want %q", c.name, c.url, got, c.want)
		}
	}
}

func TestEgressThatCannotBeHad(t *testing.T) {
	t.Parallel()
	host := func(c *function.Config) { c.Egress = function.EgressHost }
	for _, c := range []struct {
		name   string
		b      *bench
		egress string
		want   string
	}{
		{"a mode that is none", newBenchAt(t, best()), "all", `The environment variable BELFRY_EGRESS is "all"; it can be none, proxy or host.`},
		{"more than is allowed", newBenchAt(t, best()), "host", "asks for host, and this server allows no more than proxy; its operator can allow it with --egress-max."},
		{"a restriction that is none", newBenchAt(t, sandbox.None, host), "none", "asks for none, which this server cannot enforce: its isolation level is none."},
	} {
		f := python("f", fetch)
		f.Environment = map[string]string{"BELFRY_EGRESS": c.egress}
		f.Zip = zipped(t, files{"app.py": fetch})
		_, err := c.b.Create(t.Context(), f)
		refused(t, err, belfry.Invalid, "InvalidParameterValueException", c.want)

		c.b.fetcher(t, "g", "")
		_, err = c.b.UpdateSettings(t.Context(), ref("g"), "", func(s *function.Settings) error {
			s.Environment = f.Environment
			return nil
		})
		refused(t, err, belfry.Invalid, "InvalidParameterValueException", c.want)
	}
	b := newBenchAt(t, sandbox.None, host)
	b.fetcher(t, "host", "host")
	if got := b.fetch(t, "host", origin(t, (*httptest.Server).Start)+"/x"); got != "origin /x" {
		t.Errorf("got %q", got)
	}
}

// TestARestrictionThatIsNoMore proves that a function is not started with a
// wider network than it asks for because the server has changed.
func TestARestrictionThatIsNoMore(t *testing.T) {
	b := newBenchAt(t, best())
	b.fetcher(t, "f", "none")
	b.stop()
	b.cfg.Isolation, b.cfg.RequireIsolation = sandbox.None, sandbox.None
	b.start()
	kind, message := b.invoke("f", "").Failure()
	if kind != "Runtime.InvalidEntrypoint" || !strings.Contains(message, "which this server cannot enforce") {
		t.Errorf("%s: %s", kind, message)
	}
}

func TestIsolatedFunctionsFindTheServer(t *testing.T) {
	url := origin(t, (*httptest.Server).Start)
	atEachLevel(t, func(t *testing.T, b *bench) {
		b.fetcher(t, "f", "")
		if got := b.fetch(t, "f", ""); got != "origin " && got != "origin /" {
			t.Errorf("got %q", got)
		}
		large := strings.Repeat("x", 3<<20)
		if got := decode[string](t, []byte(b.result("f", `{"body": "`+large+`"}`))); got != large {
			t.Errorf("%d bytes came back, of %d", len(got), len(large))
		}
	}, func(c *function.Config) { c.EndpointURL = url })
}

func TestConnectionsOfAnInstanceAreBounded(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var open, most atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			most.Store(max(most.Load(), open.Add(1)))
			go func() {
				io.Copy(io.Discard, c)
				c.Close()
				open.Add(-1)
			}()
		}
	}()
	b := newBenchAt(t, best(), func(c *function.Config) { c.EndpointURL = "http://" + l.Addr().String() })
	b.deploy(python("f", `
import socket
def handler(event, context):
    global all
    all = [socket.create_connection(("127.0.0.1", 9002)) for _ in range(300)]
    for s in all[:256]: s.send(b"x")
`))
	b.result("f", "")
	eventually(t, "all that may are open", func() bool { return open.Load() == 256 })
	if most.Load() != 256 {
		t.Errorf("%d were open at once", most.Load())
	}
	if err := b.Delete(t.Context(), ref("f"), ""); err != nil {
		t.Fatal(err)
	}
	eventually(t, "they end with the instance", func() bool { return open.Load() == 0 })
}
