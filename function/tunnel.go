package function

import (
	"io"
	"net"
	"sync"
)

// maxConnections bounds the connections that an instance has through the host
// at once, on each of its services: each costs the host descriptors.
const maxConnections = 256

// tunnels are the connections of one instance that pass through the host. They
// end with it.
type tunnels struct {
	slots   chan struct{}
	running sync.WaitGroup

	mu     sync.Mutex // guards what follows
	closed bool
	open   map[io.Closer]bool
}

func newTunnels() *tunnels {
	return &tunnels{slots: make(chan struct{}, maxConnections), open: map[io.Closer]bool{}}
}

// run runs f, which close waits for.
func (t *tunnels) run(f func()) { t.running.Go(f) }

// keep notes what close is to close; when that has been, it is closed now.
func (t *tunnels) keep(c io.Closer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		c.Close()
		return
	}
	t.open[c] = true
}

func (t *tunnels) drop(c io.Closer) {
	c.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, c)
}

// close ends all connections.
func (t *tunnels) close() {
	t.mu.Lock()
	t.closed = true
	for c := range t.open {
		c.Close()
	}
	t.mu.Unlock()
	t.running.Wait()
}

// listen gives every connection that l accepts to handle.
func (t *tunnels) listen(l net.Listener, handle func(net.Conn)) {
	b := t.bound(l)
	t.run(func() {
		for {
			c, err := b.Accept()
			if err != nil {
				return
			}
			t.run(func() { handle(c) })
		}
	})
}

// join passes what comes from one on to the other, until both have nothing more
// to say.
func (t *tunnels) join(a, b net.Conn) {
	t.keep(a)
	t.keep(b)
	defer t.drop(a)
	defer t.drop(b)
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		both.Go(func() {
			_, err := io.Copy(way[0], way[1])
			if w, ok := way[0].(interface{ CloseWrite() error }); ok && err == nil && w.CloseWrite() == nil {
				return
			}
			a.Close()
			b.Close()
		})
	}
	both.Wait()
}

// bound is l with at most maxConnections that are open. It closes with t.
func (t *tunnels) bound(l net.Listener) net.Listener {
	t.keep(l)
	return &boundListener{Listener: l, slots: t.slots, closed: make(chan struct{})}
}

type boundListener struct {
	net.Listener
	slots  chan struct{}
	once   sync.Once
	closed chan struct{}
}

func (l *boundListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case l.slots <- struct{}{}:
		return &boundConn{TCPConn: c.(*net.TCPConn), slots: l.slots}, nil //nolint:forcetypeassert // that is what instances listen with
	case <-l.closed:
		c.Close()
		return nil, net.ErrClosed
	}
}

func (l *boundListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type boundConn struct {
	*net.TCPConn
	slots chan struct{}
	once  sync.Once
}

func (c *boundConn) Close() error {
	c.once.Do(func() { <-c.slots })
	return c.TCPConn.Close()
}
