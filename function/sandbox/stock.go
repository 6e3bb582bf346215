package sandbox

import "sync"

// stockSize is how many shims wait for an order. More serve more programs that
// start at once, and each is a few megabytes.
const stockSize = 2

// A stock is shims that were started ahead, with namespaces of their own: half of
// what a start takes. There are none until the first program has started.
type stock struct {
	filling sync.WaitGroup

	mu     sync.Mutex // guards what follows
	ready  []*Process
	busy   bool // it is being filled
	closed bool
}

// take returns a shim that waits for its order.
func (s *Sandbox) take(network bool) (*Process, error) {
	if !s.namespaces || !network || !s.found {
		return s.prepare(network)
	}
	defer s.refill()
	s.stock.mu.Lock()
	for n := len(s.stock.ready); n > 0; n = len(s.stock.ready) {
		p := s.stock.ready[n-1]
		s.stock.ready = s.stock.ready[:n-1]
		if p.waits() {
			s.stock.mu.Unlock()
			return p, nil
		}
		p.discard() // somebody has killed it
	}
	s.stock.mu.Unlock()
	return s.prepare(network)
}

// refill brings the stock up to its size, in the background.
func (s *Sandbox) refill() {
	s.stock.mu.Lock()
	defer s.stock.mu.Unlock()
	if s.stock.busy || s.stock.closed {
		return
	}
	s.stock.busy = true
	s.stock.filling.Go(func() {
		for s.lacks() {
			p, err := s.prepare(true)
			s.stock.mu.Lock()
			if err == nil {
				s.stock.ready = append(s.stock.ready, p)
			} else { // the next start that finds no shim says why
				s.stock.busy = false
			}
			s.stock.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
}

// lacks says whether another shim is wanted.
func (s *Sandbox) lacks() bool {
	s.stock.mu.Lock()
	defer s.stock.mu.Unlock()
	s.stock.busy = !s.stock.closed && len(s.stock.ready) < stockSize
	return s.stock.busy
}

// closeStock ends the shims that wait.
func (s *Sandbox) closeStock() {
	s.stock.mu.Lock()
	s.stock.closed = true
	s.stock.mu.Unlock()
	s.stock.filling.Wait()
	for _, p := range s.stock.ready {
		p.discard()
	}
	s.stock.ready = nil
}
