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

	idleMax int // connections that are kept

	mu     sync.Mutex
	idle   map[string][]*httpConn // guarded by mu; by host:port; the one used last is last
	count  int                    // guarded by mu; of idle
	sweep  *time.Timer            // guarded by mu; set while there are any
	closed bool                   // guarded by mu
}

type httpConn struct {
	net.Conn
	limit io.LimitedReader // what may still be read of the present answer
	r     *bufio.Reader
	w     *bufio.Writer
	since time.Time // when it became idle
}

func newExchanger(dial func(ctx context.Context, network, addr string) (net.Conn, error), idleMax int) *exchanger {
	return &exchanger{dial: dial, idleMax: idleMax, idle: map[string][]*httpConn{}}
}

// do sends the request to host:port and returns the answer, whose body must be
// closed. It returns soon after ctx has ended, at the latest after timeout, the
// reading of the body included.
//
// A connection that was kept may be closed by the other side just now; then the
// request goes over a new one, which is right because every request of ours
// carries an Idempotency-Key.
func (x *exchanger) do(ctx context.Context, req *http.Request, addr string, timeout time.Duration) (*http.Response, error) {
	deadline := time.Now().Add(timeout)
	for c := x.kept(addr); c != nil; c = x.kept(addr) {
		if !c.quiet() {
			c.Close() // the other side has closed it, or is not to be trusted
			continue
		}
		res, err := x.over(ctx, c, req, addr, deadline)
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
	return x.over(ctx, c, req, addr, deadline)
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
func (x *exchanger) over(ctx context.Context, c *httpConn, req *http.Request, addr string, deadline time.Time) (_ *http.Response, err error) {
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
		x.give(addr, c, whole && !cut && !res.Close && res.StatusCode >= 200)
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

// kept takes the idle connection to the host that was used last, nil when there is
// none.
func (x *exchanger) kept(addr string) *httpConn {
	x.mu.Lock()
	defer x.mu.Unlock()
	all := x.idle[addr]
	n := len(all)
	if n == 0 {
		return nil
	}
	c := all[n-1]
	all[n-1] = nil
	x.keep(addr, all[:n-1])
	return c
}

// keep sets which connections to a host are idle. x.mu is held.
func (x *exchanger) keep(addr string, conns []*httpConn) {
	x.count += len(conns) - len(x.idle[addr])
	if len(conns) == 0 {
		delete(x.idle, addr)
	} else {
		x.idle[addr] = conns
	}
}

// give puts a connection back, or closes one that cannot be used again.
func (x *exchanger) give(addr string, c *httpConn, reusable bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	// What came unasked would be taken for the next answer.
	if !reusable || x.closed || x.count >= x.idleMax || c.r.Buffered() > 0 {
		c.Close() // its answer is there
		return
	}
	c.since = time.Now()
	x.keep(addr, append(x.idle[addr], c))
	if x.sweep == nil {
		x.sweep = time.AfterFunc(idleTime, x.closeOld)
	}
}

// closeOld closes what has been idle for long, and comes again while there is
// anything left.
func (x *exchanger) closeOld() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closeBefore(time.Now().Add(-idleTime))
	if x.sweep = nil; x.count > 0 && !x.closed {
		x.sweep = time.AfterFunc(idleTime/2, x.closeOld)
	}
}

// closeIdle closes what is idle.
func (x *exchanger) closeIdle() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closeBefore(time.Now().Add(time.Hour))
}

// closeBefore closes what has been idle since before t. x.mu is held.
func (x *exchanger) closeBefore(t time.Time) {
	for addr, all := range x.idle {
		n := 0
		for n < len(all) && all[n].since.Before(t) {
			all[n].Close() // nobody uses it
			n++
		}
		x.count -= n
		if all = slices.Delete(all, 0, n); len(all) == 0 {
			delete(x.idle, addr)
		} else {
			x.idle[addr] = all
		}
	}
}

// close closes what is idle; connections in use are closed after their answer.
func (x *exchanger) close() {
	x.closeIdle()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	if x.sweep != nil {
		x.sweep.Stop()
	}
}
