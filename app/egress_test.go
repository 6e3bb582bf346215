package app

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/belfry-run/belfry"
)

func TestDialReachesWhatIsAllowedOnly(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	parse := func(texts ...string) []netip.Prefix {
		all, err := ParseNetworks(texts)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
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
		{"a neighbour of what is allowed is not", parse("127.0.0.2", "10.0.0.0/8"), "127.0.0.1", false},
		{"one address", parse("127.0.0.1"), "127.0.0.1", true},
		{"a network", parse("127.0.0.0/8"), "127.0.0.1", true},
		{"a network among others, by name", parse("fd00::/8", "::1", "127.0.0.7/8"), "localhost", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := guardedDial(c.allowed)(t.Context(), "tcp", net.JoinHostPort(c.host, port))
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

func TestParseNetworksNamesWhatIsWrong(t *testing.T) {
	for _, text := range []string{"", "10.0.0.0/33", "localhost", "10.0.0"} {
		if _, err := ParseNetworks([]string{"10.0.0.0/8", text}); err == nil || !strings.Contains(err.Error(), `"`+text+`"`) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
