package mail

import (
	"net"
	"sync"
	"time"
)

// bounded lets up to most connections in at a time, and tells others to come
// again: mail servers do.
type bounded struct {
	net.Listener
	most int

	mu   sync.Mutex
	open map[*counted]bool // guarded by mu
}

const busy = "421 4.3.2 too many connections; try again later\r\n"

// Accept implements [net.Listener].
func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if in := b.enter(c); in != nil {
			return in, nil
		}
		// It fits what the system holds for a new connection, so this does not wait.
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = c.Write([]byte(busy)) // one that has gone needs no answer
		c.Close()
	}
}

// enter returns nil when there is no room.
func (b *bounded) enter(c net.Conn) net.Conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.open) >= b.most {
		return nil
	}
	in := &counted{Conn: c, of: b}
	b.open[in] = true
	return in
}

// cut closes the connections that are open.
func (b *bounded) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.open {
		c.Conn.Close()
	}
}

// counted is a connection that leaves its place when it is closed.
type counted struct {
	net.Conn
	of *bounded
}

// Close implements [net.Conn].
func (c *counted) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
