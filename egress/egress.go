// Package egress decides whereto the server connects when a client of it says
// where: for functions behind the proxy, for probes, for alert channels.
//
// What it keeps true: a [Guard] reaches the public internet and the networks that
// the operator allows, nothing else of this machine's or its neighbours', so that
// nobody sees more through Belfry than from where he is. The addresses of this
// machine's own interfaces are refused even when they are public, because what
// listens here may count on its firewall. Every address is looked at when a
// connection is made to it, after its name was resolved, so that neither a name
// that changes its mind nor a redirect leads around the guard.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"

	"github.com/belfry-run/belfry"
)

// DialTimeout bounds the making of one connection.
const DialTimeout = 10 * time.Second

// A DialFunc makes a connection, as [net.Dialer.DialContext] does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Anywhere is a DialFunc without a guard, for servers that have no strangers.
func Anywhere(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{Timeout: DialTimeout}).DialContext(ctx, network, address)
}

// A Guard makes connections to where they may go. It is safe for concurrent use.
type Guard struct {
	public  *ssrf.Guardian
	allowed []netip.Prefix
	own     func() ([]net.Addr, error) // of this machine's interfaces
}

// NewGuard returns a guard that lets connections through to public addresses, and
// to those in allowed.
func NewGuard(allowed []netip.Prefix) *Guard {
	var v4, v6 []netip.Prefix
	for _, p := range allowed {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	return &Guard{
		public:  ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...)),
		allowed: slices.Clone(allowed), own: net.InterfaceAddrs,
	}
}

// DialContext makes a connection within [DialTimeout]. Where it may not go is
// [belfry.Denied], with the operator's way to allow it.
func (g *Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d := &net.Dialer{Timeout: DialTimeout, Control: g.check}
	c, err := d.DialContext(ctx, network, address)
	if errors.Is(err, errRefused) {
		e := belfry.Errorf(belfry.Denied, "", "%s is in a network that this server does not connect to; its operator can allow it with --egress-allow.", address)
		e.Err = err
		return nil, e
	}
	return c, err
}

var errRefused = errors.New("the address is not allowed")

// check decides about an address that a connection is about to be made to.
func (g *Guard) check(network, address string, conn syscall.RawConn) error {
	if err := g.public.Safe(network, address, conn); err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	ip := to.Addr().Unmap().WithZone("")
	if slices.ContainsFunc(g.allowed, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return nil
	}
	own, err := g.own()
	if err != nil {
		return fmt.Errorf("%w: the host's own addresses are not known: %w", errRefused, err)
	}
	for _, a := range own {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Unmap() == ip {
			return fmt.Errorf("%w: %s is this host", errRefused, ip)
		}
	}
	return nil
}

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
