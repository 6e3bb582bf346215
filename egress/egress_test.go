package egress

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/belfry-run/belfry"
)

func networks(t *testing.T, texts ...string) []netip.Prefix {
	t.Helper()
	all, err := ParseNetworks(texts)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAGuardReachesWhatIsAllowedOnly(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	for _, c := range []struct {
		name    string
		allowed []netip.Prefix
		host    string
		ok      bool
	}{
		{"loopback is not", nil, "127.0.0.1", false},
		{"nor by its name", nil, "localhost", false},
		{"nor as IPv6 writes it", nil, "::ffff:127.0.0.1", false},
		{"nor by the address of no address", nil, "0.0.0.0", false},
		{"a neighbour of what is allowed is not", networks(t, "127.0.0.2", "10.0.0.0/8"), "127.0.0.1", false},
		{"one address", networks(t, "127.0.0.1"), "127.0.0.1", true},
		{"a network", networks(t, "127.0.0.0/8"), "127.0.0.1", true},
		{"a network among others, by name", networks(t, "fd00::/8", "::1", "127.0.0.7/8"), "localhost", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := NewGuard(c.allowed).DialContext(t.Context(), "tcp", net.JoinHostPort(c.host, port))
			if err == nil {
				conn.Close()
			}
			switch {
			case c.ok && err != nil:
				t.Error(err)
			case !c.ok && (belfry.KindOf(err) != belfry.Denied || !strings.Contains(err.Error(), "--egress-allow")):
				t.Errorf("got %v, want a refusal that names --egress-allow", err)
			}
		})
	}
}

// An address of this machine may be public; the sockets' addresses here are not,
// so the decision is asked for by itself.
func TestAGuardRefusesThisMachinesOwnPublicAddresses(t *testing.T) {
	own := func() ([]net.Addr, error) {
		return []net.Addr{
			&net.IPNet{IP: net.ParseIP("192.88.90.4"), Mask: net.CIDRMask(24, 32)},
			&net.IPNet{IP: net.ParseIP("2a01:4f8::7"), Mask: net.CIDRMask(64, 128)},
		}, nil
	}
	for _, c := range []struct {
		name, network, to string
		allowed           []netip.Prefix
		ok                bool
	}{
		{"another public address", "tcp4", "192.88.90.5:443", nil, true},
		{"its own", "tcp4", "192.88.90.4:443", nil, false},
		{"another of IPv6", "tcp6", "[2a01:4f8::8]:443", nil, true},
		{"its own of IPv6", "tcp6", "[2a01:4f8::7]:443", nil, false},
		{"its own, allowed", "tcp4", "192.88.90.4:443", networks(t, "192.88.90.4"), true},
		{"a private one", "tcp4", "10.0.0.1:443", nil, false},
		{"the metadata of a cloud", "tcp4", "169.254.169.254:80", nil, false},
		{"what is no TCP", "udp4", "192.88.90.5:53", nil, false},
	} {
		g := NewGuard(c.allowed)
		g.own = own
		if err := g.check(c.network, c.to, nil); (err == nil) != c.ok || err != nil && !errors.Is(err, errRefused) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	g := NewGuard(nil)
	g.own = func() ([]net.Addr, error) { return nil, errors.New("no netlink") }
	if err := g.check("tcp4", "192.88.90.5:443", nil); !errors.Is(err, errRefused) {
		t.Errorf("own addresses that are not known: %v, want a refusal", err)
	}
}

func TestParseNetworksNamesWhatIsWrong(t *testing.T) {
	for _, text := range []string{"", "10.0.0.0/33", "localhost", "10.0.0"} {
		if _, err := ParseNetworks([]string{"10.0.0.0/8", text}); err == nil || !strings.Contains(err.Error(), `"`+text+`"`) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
