package target

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"
)

// exchanger sends plain HTTP/1.1 requests over connections that it keeps. It
// does for them what http.Transport does, in the caller's goroutine: a
// transport's two goroutines for each connection cost more than the exchange
// itself when ten thousand requests are due in one second.
type exchanger struct {
	dial func(ctx context.Context, network, addr string) (net.Conn, error)

	mu     sync.Mutex
	hosts  map[string]*httpHost // guarded by mu; by host:port
	sweep  *time.Timer          // guarded by mu; set while there are hosts
	idle   int                  // guarded by mu; connections that are idle, of all hosts
	closed bool                 // guarded by mu
}

// httpHost is the connections to one host.
type httpHost struct {
	slots chan struct{} // one for each connection that is in use; given back after its connection
	users int           // guarded by the exchanger's mu: requests that hold or wait for a slot
	idle  []*httpConn   // guarded by the exchanger's mu; the one used last is last
}

type httpConn struct {
	net.Conn
	limit io.LimitedReader // what may still be read of the present answer
	r     *bufio.Reader
	w     *bufio.Writer
	since time.Time // when it became idle
}

func newExchanger(dial func(ctx context.Context, network, addr string) (net.Conn, error)) *exchanger {
	return &exchanger{dial: dial, hosts: map[string]*httpHost{}}
}

// do sends the request and returns the answer, whose body must be closed. It
// returns soon after ctx has ended, at the latest after timeout, the reading of
// the body included.
//
// A connection that was kept may be closed by the other side just now; then the
// request goes over a new one, which is right because every request of ours
// carries an Idempotency-Key.
func (x *exchanger) do(ctx context.Context, req *http.Request, timeout time.Duration) (*http.Response, error) {
	addr := req.URL.Host
	if req.URL.Port() == "" {
		addr = net.JoinHostPort(req.URL.Hostname(), "80")
	}
	deadline := time.Now().Add(timeout)
	h := x.host(addr)
	select {
	case h.slots <- struct{}{}:
	default:
		if err := wait(ctx, h.slots, timeout); err != nil {
			x.leave(addr, h)
			return nil, err
		}
	}
	res, err := x.exchange(ctx, req, h, addr, deadline)
	if err != nil {
		x.leave(addr, h)
		<-h.slots
	}
	return res, err
}

// wait takes a slot when one is free.
func wait(ctx context.Context, slots chan<- struct{}, timeout time.Duration) error {
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return fmt.Errorf("no connection to the host was free: %w", context.DeadlineExceeded)
	}
}

func (x *exchanger) exchange(ctx context.Context, req *http.Request, h *httpHost, addr string, deadline time.Time) (*http.Response, error) {
	for c := x.kept(h); c != nil; c = x.kept(h) {
		if !c.quiet() {
			c.Close() // the other side has closed it, or is not to be trusted
			continue
		}
		res, err := x.over(ctx, c, req, h, addr, deadline)
		if err == nil || c.answered() || timedOut(err) || ctx.Err() != nil {
			return res, err
		}
		if req.GetBody != nil {
			if req.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
		break
	}
	dialing, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	conn, err := x.dial(dialing, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &httpConn{Conn: conn, w: bufio.NewWriterSize(conn, 2<<10)}
	c.limit.R = conn
	c.r = bufio.NewReaderSize(&c.limit, 2<<10)
	return x.over(ctx, c, req, h, addr, deadline)
}

// quiet reports whether nothing came while the connection was idle: neither its
// end nor what would be taken for the next answer.
func (c *httpConn) quiet() bool {
	s, ok := c.Conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := s.SyscallConn()
	if err != nil || c.SetDeadline(time.Time{}) != nil {
		return false
	}
	var one [1]byte
	var got error
	err = raw.Read(func(fd uintptr) bool {
		_, got = syscall.Read(int(fd), one[:])
		return true // do not wait
	})
	return err == nil && errors.Is(got, syscall.EAGAIN)
}

// answered reports whether any of the present answer has come.
func (c *httpConn) answered() bool { return c.limit.N < answerHeaderMax }

var errAnswerTooLarge = fmt.Errorf("the headers of the answer are larger than %d bytes", answerHeaderMax)

// over carries the exchange out on one connection; when it fails the connection
// is closed.
func (x *exchanger) over(ctx context.Context, c *httpConn, req *http.Request, h *httpHost, addr string, deadline time.Time) (_ *http.Response, err error) {
	if err := c.SetDeadline(deadline); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // a closed connection needs none
	res, err := c.roundTrip(req)
	if err != nil {
		stop()
		c.Close() // err says what is wrong
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	res.Body = &answerBody{body: res.Body, ended: func(whole bool) {
		cut := !stop()
		x.give(addr, h, c, whole && !cut && !res.Close && res.StatusCode >= 200)
		<-h.slots
	}}
	return res, nil
}

func (c *httpConn) roundTrip(req *http.Request) (*http.Response, error) {
	c.limit.N = answerHeaderMax
	if err := req.Write(c.w); err != nil {
		return nil, err
	}
	if err := c.w.Flush(); err != nil {
		return nil, err
	}
	for {
		res, err := http.ReadResponse(c.r, req)
		switch {
		case err != nil && c.limit.N <= 0:
			return nil, errAnswerTooLarge
		case err != nil:
			return nil, err
		// What comes before the answer itself (RFC 9110, 15.2) is passed over.
		case res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols:
			c.limit.N = math.MaxInt64 // of the body the caller reads as much as it wants
			return res, nil
		}
	}
}

// answerBody tells when the body was closed, and whether it was read to its end.
type answerBody struct {
	body  io.ReadCloser
	whole bool
	ended func(whole bool)
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if errors.Is(err, io.EOF) {
		b.whole = true
	}
	return n, err
}

func (b *answerBody) Close() error {
	if b.ended == nil {
		return nil
	}
	// The rest is not read: a connection with more to come is closed.
	b.ended(b.whole || b.body == http.NoBody)
	b.ended = nil
	return nil
}

func (x *exchanger) host(addr string) *httpHost {
	x.mu.Lock()
	defer x.mu.Unlock()
	h, ok := x.hosts[addr]
	if !ok {
		h = &httpHost{slots: make(chan struct{}, connsPerHost)}
		x.hosts[addr] = h
		if x.sweep == nil && !x.closed {
			x.sweep = time.AfterFunc(idleTime, x.closeIdle)
		}
	}
	h.users++
	return h
}

func (x *exchanger) leave(addr string, h *httpHost) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.leaveLocked(addr, h)
}

func (x *exchanger) leaveLocked(addr string, h *httpHost) {
	h.users--
	if h.users == 0 && len(h.idle) == 0 {
		delete(x.hosts, addr)
	}
}

// kept takes the idle connection that was used last, nil when there is none.
func (x *exchanger) kept(h *httpHost) *httpConn {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := len(h.idle)
	if n == 0 {
		return nil
	}
	c := h.idle[n-1]
	h.idle[n-1] = nil
	h.idle = h.idle[:n-1]
	x.idle--
	return c
}

// give puts a connection back, or closes one that cannot be used again.
func (x *exchanger) give(addr string, h *httpHost, c *httpConn, reusable bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	// What came unasked would be taken for the next answer.
	if reusable = reusable && !x.closed && x.idle < idleMax && c.r.Buffered() == 0; reusable {
		x.idle++
		c.since = time.Now()
		h.idle = append(h.idle, c)
	}
	x.leaveLocked(addr, h)
	if !reusable {
		c.Close() // its answer is there
	}
}

// closeIdle closes what has been idle for long, and comes again while there is
// anything left.
func (x *exchanger) closeIdle() {
	x.mu.Lock()
	defer x.mu.Unlock()
	before := time.Now().Add(-idleTime)
	for addr, h := range x.hosts {
		n := 0
		for n < len(h.idle) && h.idle[n].since.Before(before) {
			h.idle[n].Close() // nobody uses it
			n++
		}
		h.idle = slices.Delete(h.idle, 0, n)
		x.idle -= n
		if h.users == 0 && len(h.idle) == 0 {
			delete(x.hosts, addr)
		}
	}
	if x.sweep = nil; len(x.hosts) > 0 && !x.closed {
		x.sweep = time.AfterFunc(idleTime/2, x.closeIdle)
	}
}

// close closes what is idle; connections in use are closed after their answer.
func (x *exchanger) close() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	if x.sweep != nil {
		x.sweep.Stop()
	}
	for _, h := range x.hosts {
		for _, c := range h.idle {
			c.Close() // nobody uses it
		}
		x.idle -= len(h.idle)
		h.idle = nil
	}
}
