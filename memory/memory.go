// Package memory bounds the bytes that the server holds at once for those who call
// it and for what it does on their behalf.
//
// What it keeps true: of a budget no more is taken than its size, or one piece alone
// that is larger than its share. Who finds no room waits, in order; nobody is
// refused. What is small passes at once, without a lock. Large pieces have a share of
// their own, so that an upload of megabytes never stands before a message.
//
// Whoever has taken something must give it back without waiting for more of the same
// budget: then everybody who waits gets in.
package memory

import (
	"context"
	"slices"
	"sync"
)

const (
	// Small is the size, in bytes, of what is bounded by the number of connections
	// and workers alone.
	Small = 16 << 10
	// heavyPart is the part of a budget from which on a piece is heavy: heavy ones
	// and the others have one half of the budget each.
	heavyPart = 8
)

// A Budget is how many bytes may be taken at once. A nil Budget bounds nothing. It
// is safe for concurrent use.
type Budget struct {
	size int

	mu           sync.Mutex // guards what follows, and the holds
	light, heavy lane
	used, peak   int
}

// A lane is a share of a budget, with a queue of its own.
type lane struct {
	size, used int
	line       []*waiter
}

type waiter struct {
	n     int
	ready chan struct{} // closed when n has been taken
}

// A Hold is what somebody has taken of a budget. A nil Hold is of nothing.
type Hold struct {
	of   *Budget
	lane *lane
	n    int
}

// NewBudget returns a budget of so many bytes.
func NewBudget(size int) *Budget {
	return &Budget{size: size, light: lane{size: size / 2}, heavy: lane{size: size - size/2}}
}

// Take waits until n bytes may be held and takes them, or returns ctx's error. One
// piece that is larger than its share gets in alone.
func (b *Budget) Take(ctx context.Context, n int) (*Hold, error) {
	if b == nil || n <= Small {
		return nil, nil
	}
	l := &b.light
	if n > b.size/heavyPart {
		l = &b.heavy
	}
	b.mu.Lock()
	if len(l.line) == 0 && l.fits(n) {
		b.grant(l, n)
		b.mu.Unlock()
		return &Hold{b, l, n}, nil
	}
	w := &waiter{n: n, ready: make(chan struct{})}
	l.line = append(l.line, w)
	b.mu.Unlock()
	select {
	case <-w.ready:
		return &Hold{b, l, n}, nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(l.line, w); i >= 0 {
		l.line = slices.Delete(l.line, i, i+1)
	} else { // it came at the same time
		b.giveBack(l, n)
	}
	b.serve(l)
	return nil, ctx.Err()
}

func (l *lane) fits(n int) bool { return l.used == 0 || l.used+n <= l.size }

// grant takes n bytes. b.mu is held, as in the next two.
func (b *Budget) grant(l *lane, n int) {
	l.used += n
	b.used += n
	b.peak = max(b.peak, b.used)
}

func (b *Budget) giveBack(l *lane, n int) {
	l.used -= n
	b.used -= n
}

// serve lets those in who wait at the head of the line and fit.
func (b *Budget) serve(l *lane) {
	for len(l.line) > 0 && l.fits(l.line[0].n) {
		w := l.line[0]
		l.line = slices.Delete(l.line, 0, 1)
		b.grant(l, w.n)
		close(w.ready)
	}
}

// Shrink gives back what is beyond n bytes: all of it, when the rest is small.
func (h *Hold) Shrink(n int) {
	if h == nil {
		return
	}
	if n <= Small {
		n = 0
	}
	b := h.of
	b.mu.Lock()
	defer b.mu.Unlock()
	if n >= h.n {
		return
	}
	b.giveBack(h.lane, h.n-n)
	h.n = n
	b.serve(h.lane)
}

// Release gives everything back; once is enough, and more does nothing.
func (h *Hold) Release() { h.Shrink(0) }

// Contended reports whether somebody waits for what the hold has.
func (h *Hold) Contended() bool {
	if h == nil {
		return false
	}
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	return h.n > 0 && len(h.lane.line) > 0
}

// Counts are what a budget looks like from outside, in bytes but for Waiting.
type Counts struct {
	Size, Used int
	Peak       int // the most that was taken at once since the start
	Waiting    int // who waits
}

// Counts returns the budget's counts.
func (b *Budget) Counts() Counts {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Counts{Size: b.size, Used: b.used, Peak: b.peak, Waiting: len(b.light.line) + len(b.heavy.line)}
}
