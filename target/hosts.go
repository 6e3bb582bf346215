package target

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/belfry-run/belfry/egress"
)

// hosts keeps requests back until they may be sent: so many to one host at once,
// and so many to all. Waiting here is nobody's failure and takes nothing of the
// time that a request has. The host's place comes first, so that what waits for
// a host that hangs holds nobody else's.
type hosts struct {
	limit   int           // requests to one host at once
	all     *egress.Limit // of this server; nil: none
	waiting atomic.Int64  // for their host

	mu     sync.Mutex
	byName map[string]*host // guarded by mu; by host:port
}

type host struct {
	slots chan struct{} // a value for each request under way
	users int           // guarded by the hosts' mu: those that are under way or wait
}

func newHosts(limit int, all *egress.Limit) *hosts {
	return &hosts{limit: limit, all: all, byName: map[string]*host{}}
}

// enter returns when a request to the host may be sent, or with ctx's error.
// Every nil is followed by one leave.
func (g *hosts) enter(ctx context.Context, name string) error {
	g.mu.Lock()
	h := g.byName[name]
	if h == nil {
		h = &host{slots: make(chan struct{}, g.limit)}
		g.byName[name] = h
	}
	h.users++
	g.mu.Unlock()
	select {
	case h.slots <- struct{}{}:
	default:
		if err := g.wait(ctx, h); err != nil {
			g.forget(name)
			return err
		}
	}
	if err := g.all.Enter(ctx); err != nil {
		<-h.slots
		g.forget(name)
		return err
	}
	return nil
}

func (g *hosts) wait(ctx context.Context, h *host) error {
	g.waiting.Add(1)
	defer g.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave ends what enter has begun.
func (g *hosts) leave(name string) {
	g.all.Leave()
	<-g.forget(name).slots
}

// forget takes a user off a host.
func (g *hosts) forget(name string) *host {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.byName[name]
	if h.users--; h.users == 0 {
		delete(g.byName, name)
	}
	return h
}
