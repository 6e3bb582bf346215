package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"code.dny.dev/ssrf"

	"github.com/belfry-run/belfry"
)

// dialTimeout bounds one connection to the outside.
const dialTimeout = 10 * time.Second

// ParseNetworks reads networks such as 10.0.0.0/8, and single addresses.
func ParseNetworks(texts []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, t := range texts {
		t = strings.TrimSpace(t)
		p, err := netip.ParsePrefix(t)
		if addr, err2 := netip.ParseAddr(t); err != nil && err2 == nil {
			p, err = netip.PrefixFrom(addr.WithZone(""), addr.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%q is no network; give one such as 10.0.0.0/8 or fd00::/8, or an address", t)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// A dialFunc makes a connection.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// guardedDial returns how Belfry connects to where its clients want it to, be it
// to look whether something is up or to tell somebody. It reaches the public
// internet and the networks that the operator allows, nothing else of this
// machine's or its neighbours': a client must not see more through Belfry than
// from where he is. Addresses are checked after names have been resolved, at
// every connection, so neither a name nor a redirect leads around it.
func guardedDial(allowed []netip.Prefix) dialFunc {
	v4 := slices.DeleteFunc(slices.Clone(allowed), func(p netip.Prefix) bool { return !p.Addr().Is4() })
	v6 := slices.DeleteFunc(slices.Clone(allowed), func(p netip.Prefix) bool { return p.Addr().Is4() })
	guard := ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
	dialer := &net.Dialer{Timeout: dialTimeout, Control: guard.Safe}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, address)
		if errors.Is(err, ssrf.ErrProhibitedIP) {
			e := belfry.Errorf(belfry.Denied, "", "%s is in a network that this server does not connect to; its operator can allow it with --egress-allow.", address)
			e.Err = err
			return nil, e
		}
		return c, err
	}
}

// dial is how the server connects to where its clients want it to. With --dev
// there are no strangers to guard against.
func (s *Server) dial() dialFunc {
	if s.c.Dev {
		return (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	return guardedDial(s.c.EgressAllow)
}
