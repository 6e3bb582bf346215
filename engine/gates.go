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
//	due ──▶ room for one more? ──▶ of its account? ──▶ of its lane? ──▶ attempt
//	            │ no                    │ no               │ no
//	            ▼                       ▼                  ▼
//	     all wait, in order      its key waits at that gate, in order; what
//	                             comes after it in the queue goes on
//
// A lane has a limit of its own. What has no limit of its own is shared by what
// is free: an account may begin one more attempt while it has fewer than
// fairShare times as many as are free. One account alone gets eight ninths of
// all, two get eight seventeenths each, and there is always room for one that
// comes new (the "dynamic threshold" of switches with one buffer for all ports).
// Bytes, and connections to elsewhere, are shared among lanes likewise.
//
// Only the loop's goroutine asks and lets wait; attempts end anywhere.
type gates struct {
	maxAttempts, maxBytes, maxOutgoing int

	mu       sync.Mutex
	attempts int // guarded by mu, like all that is counted below
	bytes    int // of large entries
	outgoing int
	held     int // bytes of waiters' items
	accounts map[string]*gate
	lanes    map[string]*gate

	waiting []*gate // gates at which entries wait, in turn
}

// A gate is a part of all attempts that has a bound: an account's, or a lane's.
type gate struct {
	attempts, bytes int // all guarded by gates.mu

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

const (
	// fairShare is how many times as many attempts as are free one may have.
	fairShare = 8
	// laneShare is the same of connections to elsewhere and of bytes, of which a
	// lane could otherwise take all.
	laneShare = 3
	// smallEntry is the size, in bytes, of entries that are bounded by their number
	// alone.
	smallEntry = 16 << 10
	// waitingMax bounds who waits at one gate, with about 200 bytes for each, and
	// heldBytes what else is kept of those who wait.
	waitingMax = 20_000
	heldBytes  = 8 << 20
)

func newGates(attempts, bytes, outgoing int) *gates {
	return &gates{
		maxAttempts: attempts, maxBytes: bytes, maxOutgoing: outgoing,
		accounts: map[string]*gate{}, lanes: map[string]*gate{},
	}
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

// A refusal says where an entry has to wait.
type refusal uint8

const (
	admitted refusal = iota
	allTaken         // nobody gets in
	accountFull
	laneFull
)

// admit takes what the ticket says, or says where to wait.
func (g *gates) admit(t *ticket) refusal {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.judge(t)
	if r != admitted {
		return r
	}
	g.attempts++
	g.bytes += t.large
	g.account(t).add(1, t.large)
	if t.lane.Name != "" {
		g.lane(t).add(1, t.large)
		if t.lane.Outgoing {
			g.outgoing++
		}
	}
	return admitted
}

func (g *gates) judge(t *ticket) refusal {
	free := g.maxAttempts - g.attempts
	if free <= 0 {
		return allTaken
	}
	acc := g.account(t)
	if acc.attempts >= fairShare*free {
		return accountFull
	}
	var lane *gate
	if t.lane.Name != "" {
		lane = g.lane(t)
		if lane.attempts >= t.lane.Limit {
			return laneFull
		}
	}
	if t.lane.Outgoing && g.maxOutgoing > 0 && !g.shares(lane.attempts, g.outgoing, 1, g.maxOutgoing) {
		return laneFull
	}
	if t.large == 0 {
		return admitted
	}
	if lane != nil && !g.shares(lane.bytes, g.bytes, t.large, g.maxBytes) {
		return laneFull
	}
	if !g.shares(acc.bytes, g.bytes, t.large, g.maxBytes) {
		return accountFull
	}
	return admitted
}

// shares reports whether one who has own of the taken may take more, out of all.
// Whoever has none gets what there is, and one that is larger than all of it gets
// in alone.
func (g *gates) shares(own, taken, more, all int) bool {
	free := all - taken
	if more > free {
		return taken == 0
	}
	return own == 0 || own+more <= laneShare*free
}

func (x *gate) add(attempts, bytes int) { x.attempts, x.bytes = x.attempts+attempts, x.bytes+bytes }

func (g *gates) account(t *ticket) *gate { return gateOf(g.accounts, t.account) }

func (g *gates) lane(t *ticket) *gate { return gateOf(g.lanes, t.lane.Name) }

func gateOf(all map[string]*gate, name string) *gate {
	x, ok := all[name]
	if !ok {
		x = &gate{}
		all[name] = x
	}
	return x
}

// release gives back what an attempt took.
func (g *gates) release(t *ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.attempts--
	g.bytes -= t.large
	leave(g.accounts, t.account, t.large)
	if t.lane.Name != "" {
		leave(g.lanes, t.lane.Name, t.large)
		if t.lane.Outgoing {
			g.outgoing--
		}
	}
}

// leave forgets a gate that nobody is through or waits at: hosts come and go.
func leave(all map[string]*gate, name string, bytes int) {
	x := all[name]
	x.add(-1, -bytes)
	if x.attempts == 0 && x.line == nil {
		delete(all, name)
	}
}

// inFlight is how many attempts are under way.
func (g *gates) inFlight() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.attempts
}

// at is the gate that the refusal is of.
func (g *gates) at(t *ticket, r refusal) *gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r == laneFull {
		return g.lane(t)
	}
	return g.account(t)
}

// behind returns the gate at which others of the same account or lane wait
// already, nil when nobody does: nobody overtakes them.
func (g *gates) behind(t *ticket) *gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		return nil
	}
	if x := g.lanes[t.lane.Name]; x != nil && t.lane.Name != "" && x.line != nil {
		return x
	}
	if x := g.accounts[t.account]; x != nil && x.line != nil {
		return x
	}
	return nil
}

// wait lets an entry wait at a gate.
func (g *gates) wait(x *gate, it *belfry.DueItem, t ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if x.line == nil {
		g.waiting = append(g.waiting, x)
	}
	if len(x.line) >= waitingMax {
		x.more = true
		return
	}
	w := waiter{Due: it.Due, ticket: t}
	if size := it.Size(); g.held+size <= heldBytes {
		g.held += size
		kept := *it
		w.item = &kept
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
		x.line, x.more = nil, false
	}
	g.waiting, g.held = nil, 0
	for _, all := range []map[string]*gate{g.accounts, g.lanes} {
		for name, x := range all {
			if x.attempts == 0 {
				delete(all, name)
			}
		}
	}
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
