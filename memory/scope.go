package memory

import (
	"context"
	"sync"
)

type scopeKey struct{}

// A scope has the holds that last as long as something that was asked for: a
// request, until it has been answered; an attempt; a try of an event.
type scope struct {
	mu    sync.Mutex
	holds []*Hold // guarded by mu
	ended bool    // guarded by mu
}

// Scope returns a ctx to whose end [Keep] keeps holds, and a function that ends it.
func Scope(ctx context.Context) (context.Context, func()) {
	s := &scope{}
	return context.WithValue(ctx, scopeKey{}, s), s.end
}

func (s *scope) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.holds {
		h.Release()
	}
	s.holds, s.ended = nil, true
}

// Keep keeps a hold until the scope of ctx ends; without one, or when it has ended,
// the hold is released at once.
func Keep(ctx context.Context, h *Hold) {
	if h == nil {
		return
	}
	s, _ := ctx.Value(scopeKey{}).(*scope)
	if s == nil {
		h.Release()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		h.Release()
		return
	}
	s.holds = append(s.holds, h)
}
