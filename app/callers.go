package app

import (
	"container/list"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

const (
	// silentTime is how long a new connection has until its request has begun, when
	// others wait to be let in.
	silentTime = time.Second
	// acceptWait is how long it takes at most until somebody who waits to be let in
	// looks again whether he can be.
	acceptWait = 50 * time.Millisecond
)

// callers bounds the connections that are open to those who call, over all
// listeners. When all places are taken, a connection that serves no request gives
// way to the next caller, the one that has been idle longest first; callers whose
// requests are under way are waited for. Nobody is refused.
type callers struct {
	max int

	mu    sync.Mutex
	open  int                        // guarded by mu
	idle  *list.List                 // guarded by mu; of idler, the one that has been idle longest first
	place map[net.Conn]*list.Element // guarded by mu; in idle
	freed chan struct{}              // has a value when a connection was closed, or became idle
}

// idler is a connection that serves no request.
type idler struct {
	conn  net.Conn
	since time.Time // from when on it may be closed
}

func newCallers(n int) *callers {
	return &callers{max: n, idle: list.New(), place: map[net.Conn]*list.Element{}, freed: make(chan struct{}, 1)}
}

func (c *callers) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// enter takes a place if there is one, or if a connection can be closed for it.
func (c *callers) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open >= c.max {
		c.closeIdle()
	}
	if c.open >= c.max {
		return false
	}
	c.open++
	return true
}

// closeIdle is giveWay with c.mu held.
func (c *callers) closeIdle() {
	for e := c.idle.Front(); e != nil; e = e.Next() {
		i := e.Value.(idler) //nolint:forcetypeassert // the list has nothing else
		if time.Now().Before(i.since) {
			continue
		}
		c.idle.Remove(e)
		delete(c.place, i.conn)
		go i.conn.Close() // takes mu
		return
	}
}

// giveWay closes the connection that has been idle longest.
func (c *callers) giveWay() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeIdle()
}

func (c *callers) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	c.free()
}

// free wakes who waits to be let in. c.mu is held.
func (c *callers) free() {
	select {
	case c.freed <- struct{}{}:
	default:
	}
}

// state is told what connections do. It is for [http.Server.ConnState].
func (c *callers) state(conn net.Conn, to http.ConnState) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.place[conn]; e != nil {
		c.idle.Remove(e)
		delete(c.place, conn)
	}
	switch to {
	case http.StateNew:
		c.place[conn] = c.idle.PushBack(idler{conn, time.Now().Add(silentTime)})
	case http.StateIdle:
		c.place[conn] = c.idle.PushBack(idler{conn, time.Now()})
		c.free()
	case http.StateActive, http.StateHijacked, http.StateClosed:
	}
}

// listen lets callers in at l.
func (c *callers) listen(l net.Listener) net.Listener {
	return &door{Listener: l, callers: c, closed: make(chan struct{})}
}

// A door is a listener whose callers wait for a place.
type door struct {
	net.Listener
	callers *callers
	once    sync.Once
	closed  chan struct{}
}

// Accept returns the next connection when there is a place for it. A missing
// descriptor is waited for.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		switch {
		case err == nil:
			return d.admit(conn)
		case !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE):
			return nil, err
		}
		d.callers.giveWay()
		if !d.wait() {
			return nil, net.ErrClosed
		}
	}
}

// admit returns the connection when it has a place.
func (d *door) admit(conn net.Conn) (net.Conn, error) {
	for !d.callers.enter() {
		if !d.wait() {
			return nil, errors.Join(net.ErrClosed, conn.Close())
		}
	}
	return &guest{Conn: conn, callers: d.callers}, nil
}

// wait returns when it is worth to look again; false when the door is closed.
func (d *door) wait() bool {
	t := time.NewTimer(acceptWait)
	defer t.Stop()
	select {
	case <-d.callers.freed:
	case <-t.C:
	case <-d.closed:
		return false
	}
	return true
}

// Close closes the listener.
func (d *door) Close() error {
	d.once.Do(func() { close(d.closed) })
	return d.Listener.Close()
}

// A guest gives its place back when it is closed.
type guest struct {
	net.Conn
	callers *callers
	once    sync.Once
}

// Close closes the connection.
func (g *guest) Close() error {
	g.once.Do(g.callers.leave)
	return g.Conn.Close()
}
