package engine

import (
	"slices"
	"sync"

	"github.com/belfry-run/belfry"
)

// A Lane is a limit that attempts share because of what they deliver to: the
// connections to one host, the instances of one function.
type Lane struct {
	Name  string // empty: none
	Limit int    // attempts at once
	// Outgoing says that each of them holds a connection to somewhere else, of
	// which the process can have Config.MaxOutgoing.
	Outgoing bool
}

// gates decide which of the entries that are due may begin an attempt now. Who
// may not waits in the store, and costs neither an attempt of its own nor a slot
// of anybody else's:
//
//	due ──▶ room for one more? ──▶ of its account? ──▶ of its lane? ──▶ for its bytes? ──▶ attempt
//	            │ no                    │ no               │ no              │ no
//	            ▼                       ▼                  ▼                 ▼
//	     all wait, in order        its key waits at that gate, in order; what comes
//	                               after it in the queue goes on
//
// A lane has a limit of its own. What has none is shared by what is free: an
// account may begin one more attempt while it has fewer than fairShare times as
// many as are free. One account alone gets eight ninths of all, two get eight
// seventeenths each, and there is always room for one that comes new (the "dynamic
// threshold" of switches with one buffer for all ports). Connections to elsewhere
// are shared among lanes likewise, and the bytes of large entries among accounts
// and among lanes. Bytes have gates of their own, so that small entries pass those
// who wait for memory.
//
// Only the loop's goroutine asks and lets wait; attempts end anywhere.
type gates struct {
	maxAttempts, maxBytes, maxOutgoing int

	mu       sync.Mutex // guards all below, and what is in each gate
	attempts int
	bytes    int // of large entries
	outgoing int
	held     int // bytes of waiters' items
	all      map[gateKey]*gate
	waiting  []*gate // gates at which entries wait, in turn
}

const (
	// fairShare is how many times as many attempts as are free an account may have,
	// outgoingShare a lane of connections to elsewhere, and accountBytes and
	// laneBytes of bytes.
	fairShare     = 8
	outgoingShare = 3
	accountBytes  = 3
	laneBytes     = 1
	// smallEntry is the size, in bytes, of entries that are bounded by their number
	// alone.
	smallEntry = 16 << 10
	// waitingMax bounds who waits at one gate, with about 200 bytes for each, and
	// heldBytes what else is kept of those who wait.
	waitingMax = 20_000
	heldBytes  = 8 << 20
)

type gateKind uint8

const (
	byAccount gateKind = iota
	byLane
	byAccountBytes
	byLaneBytes
)

type gateKey struct {
	kind gateKind
	name string
}

// A gate is a part of what there is that has a bound.
type gate struct {
	key  gateKey
	used int // attempts or bytes
	// Who waits, in the order of the queue. When there are too many, the rest is
	// left in the queue, and more says so.
	line []waiter
	more bool
}

// A waiter is an entry that may not begin yet. Its key is kept, and the rest too
// as long as there is room for it; else that is read again.
type waiter struct {
	belfry.Due
	ticket ticket
	item   *belfry.DueItem
}

func newGates(attempts, bytes, outgoing int) *gates {
	return &gates{maxAttempts: attempts, maxBytes: bytes, maxOutgoing: outgoing, all: map[gateKey]*gate{}}
}

// A ticket is what an attempt takes of the gates, and gives back at its end.
type ticket struct {
	account string
	lane    Lane
	large   int // bytes; 0 is a small one
}

func (e *Engine) ticketOf(it *belfry.DueItem) ticket {
	t := ticket{}
	if it.Spec != nil {
		t.account = it.Spec.Account
		if e.c.Lane != nil {
			t.lane = e.c.Lane(it.Spec)
		}
	}
	if n := it.Size(); n > smallEntry {
		t.large = n
	}
	return t
}

// keys are the gates that the ticket goes through; there are n of them.
func (t *ticket) keys() (keys [4]gateKey, n int) {
	add := func(kind gateKind, name string) { keys[n] = gateKey{kind, name}; n++ }
	add(byAccount, t.account)
	if t.lane.Name != "" {
		add(byLane, t.lane.Name)
	}
	if t.large > 0 {
		add(byAccountBytes, t.account)
		if t.lane.Name != "" {
			add(byLaneBytes, t.lane.Name)
		}
	}
	return keys, n
}

// takes is how much the ticket takes of a gate of that kind.
func (t *ticket) takes(kind gateKind) int {
	if kind >= byAccountBytes {
		return t.large
	}
	return 1
}

// admit takes what the ticket says and returns true; or it returns the gate to
// wait at, nil when nobody gets in.
func (g *gates) admit(t *ticket) (at *gate, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.attempts >= g.maxAttempts {
		return nil, false
	}
	keys, n := t.keys()
	var through [len(keys)]*gate
	for i, k := range keys[:n] {
		x := g.all[k]
		if x == nil {
			x = &gate{key: k}
			g.all[k] = x
		}
		if !g.open(x, t) {
			return x, false
		}
		through[i] = x
	}
	for _, x := range through[:n] {
		x.used += t.takes(x.key.kind)
	}
	g.attempts++
	g.bytes += t.large
	if t.lane.Outgoing {
		g.outgoing++
	}
	return nil, true
}

// open reports whether the gate lets the ticket through.
func (g *gates) open(x *gate, t *ticket) bool {
	switch x.key.kind {
	case byAccount:
		return x.used < fairShare*(g.maxAttempts-g.attempts)
	case byLane:
		if t.lane.Outgoing && g.maxOutgoing > 0 && !shares(x.used, g.outgoing, 1, g.maxOutgoing, outgoingShare) {
			return false
		}
		return x.used < t.lane.Limit
	case byAccountBytes:
		return shares(x.used, g.bytes, t.large, g.maxBytes, accountBytes)
	default:
		return shares(x.used, g.bytes, t.large, g.maxBytes, laneBytes)
	}
}

// shares reports whether one who has own of what is taken may take more, out of
// all. Whoever has none gets what there is, and one that is larger than all of it
// gets in alone.
func shares(own, taken, more, all, share int) bool {
	free := all - taken
	if more > free {
		return taken == 0
	}
	return own == 0 || own+more <= share*free
}

// release gives back what an attempt took. A gate that nobody is through or waits
// at is forgotten: hosts come and go.
func (g *gates) release(t *ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	keys, n := t.keys()
	for _, k := range keys[:n] {
		x := g.all[k]
		if x.used -= t.takes(k.kind); x.used == 0 && x.line == nil {
			delete(g.all, k)
		}
	}
	g.attempts--
	g.bytes -= t.large
	if t.lane.Outgoing {
		g.outgoing--
	}
}

// inFlight is how many attempts are under way.
func (g *gates) inFlight() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.attempts
}

// behind returns a gate of the ticket at which others wait already, nil when
// nobody does: nobody overtakes them.
func (g *gates) behind(t *ticket) *gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		return nil
	}
	keys, n := t.keys()
	for _, k := range keys[:n] {
		if x := g.all[k]; x != nil && x.line != nil {
			return x
		}
	}
	return nil
}

// wait lets an entry wait at a gate.
func (g *gates) wait(x *gate, it *belfry.DueItem, t ticket) {
	kept := *it
	g.join(x, waiter{Due: it.Due, ticket: t, item: &kept})
}

// join puts a waiter at the end of the gate's line.
func (g *gates) join(x *gate, w waiter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all[x.key] = x // it may have been forgotten since
	if x.line == nil {
		g.waiting = append(g.waiting, x)
	}
	if len(x.line) >= waitingMax {
		x.more = true
		return
	}
	if w.item != nil {
		if size := w.item.Size(); g.held+size <= heldBytes {
			g.held += size
		} else {
			w.item = nil
		}
	}
	x.line = append(x.line, w)
}

// next returns up to limit of those who wait at the first gate, which becomes the
// last; gates is how many there are.
func (g *gates) next(limit int) (x *gate, line []waiter, gates int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		return nil, nil, 0
	}
	x = g.waiting[0]
	g.waiting = append(g.waiting[1:], x)
	return x, x.line[:min(limit, len(x.line))], len(g.waiting)
}

// passed takes the first n of the line away; again says that the queue holds
// more than the gate could keep.
func (g *gates) passed(x *gate, n int) (again bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range n {
		if it := x.line[i].item; it != nil {
			g.held -= it.Size()
		}
	}
	clear(x.line[:n])
	if x.line = x.line[n:]; len(x.line) > 0 {
		return false
	}
	x.line, again, x.more = nil, x.more, false
	g.waiting = slices.DeleteFunc(g.waiting, func(y *gate) bool { return x == y })
	return again
}

// forget drops who waits; they are in the queue, which is read again.
func (g *gates) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, x := range g.waiting {
		if x.line, x.more = nil, false; x.used == 0 {
			delete(g.all, x.key)
		}
	}
	g.waiting, g.held = nil, 0
}

// waiters counts the entries that wait at gates.
func (g *gates) waiters() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, x := range g.waiting {
		n += len(x.line)
	}
	return n
}
