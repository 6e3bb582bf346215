package sandbox

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/belfry-run/belfry/function/sandbox/shim"
)

const (
	// stockSize is how many shims of a kind wait for an order. More serve more
	// programs that start at once, and each is a few megabytes.
	stockSize = 2
	// stockPause is between a start and the making of a shim in place of the one
	// that it took: an interpreter comes up in less, and slower beside it.
	stockPause = 150 * time.Millisecond
)

// A stock is shims of a kind that were started ahead, with namespaces and a root
// of their own: nearly all of what a start takes. There are none until the first
// program of the kind has started.
type stock struct {
	network bool // their network is their own
	filling sync.WaitGroup
	closing chan struct{}

	mu     sync.Mutex // guards what follows
	ready  []*Process
	busy   bool // it is being filled
	closed bool
}

func newStock(network bool) *stock {
	return &stock{network: network, closing: make(chan struct{})}
}

// take returns a shim that waits for its order. What is taken is replaced when
// started is called.
func (s *Sandbox) take(network bool) (p *Process, started func(), err error) {
	if !s.namespaces || !s.found {
		p, err = s.prepare(network)
		return p, func() {}, err
	}
	from := s.stock(network)
	if p = from.next(s.host.changes()); p == nil {
		p, err = s.prepare(network)
	}
	return p, func() { from.refill(s) }, err
}

// stock is that of a kind.
func (s *Sandbox) stock(network bool) *stock {
	i := slices.IndexFunc(s.stocks[:], func(k *stock) bool { return k.network == network })
	return s.stocks[i]
}

// next returns a shim that is up and shows the host's files as they are now;
// nil: there is none.
func (k *stock) next(host string) *Process {
	k.mu.Lock()
	defer k.mu.Unlock()
	for n := len(k.ready); n > 0; n = len(k.ready) {
		p := k.ready[n-1]
		k.ready = k.ready[:n-1]
		if p.host == host && p.waits() {
			return p
		}
		p.discard() // it is out of date, or somebody has killed it
	}
	return nil
}

// refill brings the stock up to its size, in the background.
func (k *stock) refill(s *Sandbox) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.busy || k.closed {
		return
	}
	k.busy = true
	k.filling.Go(func() {
		for k.lacks() {
			select {
			case <-time.After(stockPause):
			case <-k.closing:
				return
			}
			if !k.fill(s) {
				return
			}
		}
	})
}

// fill adds a shim. One that cannot be made ends the filling: the next start that
// finds none says why.
func (k *stock) fill(s *Sandbox) bool {
	host := s.host.changes()
	p, err := s.prepare(k.network)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.busy = false
		return false
	}
	p.host = host
	k.ready = append(k.ready, p)
	return true
}

// lacks says whether another shim is wanted.
func (k *stock) lacks() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.busy = !k.closed && len(k.ready) < stockSize
	return k.busy
}

// close ends the shims that wait.
func (k *stock) close() {
	k.mu.Lock()
	if !k.closed {
		close(k.closing)
	}
	k.closed = true
	k.mu.Unlock()
	k.filling.Wait()
	for _, p := range k.ready {
		p.discard()
	}
	k.ready = nil
}

// hostFolders are those that hold what of the host roots show.
type hostFolders []string

func findHostFolders() (dirs hostFolders) {
	for _, f := range shim.Files() {
		dirs = append(dirs, filepath.Dir(f))
	}
	slices.Sort(dirs)
	dirs = slices.Compact(dirs)
	return slices.DeleteFunc(dirs, func(dir string) bool { _, err := os.Stat(dir); return err != nil })
}

// changes is another one whenever a file in one of the folders has come, gone,
// or taken the place of another.
func (h hostFolders) changes() string {
	var b []byte
	for _, dir := range h {
		if info, err := os.Stat(dir); err == nil {
			b = info.ModTime().AppendFormat(b, time.RFC3339Nano)
		}
		b = append(b, ' ')
	}
	return string(b)
}
