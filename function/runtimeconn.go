package function

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits of what a runtime sends.
const (
	maxRuntimeConns  = 64               // open at once; more wait to be accepted
	maxRuntimeHeader = 1 << 20          // bytes, as with net/http
	runtimeHeader    = 30 * time.Second // from a request's first byte to the end of its header
	maxRuntimeRest   = 256 << 10        // bytes of a body that are read after its answer, so that the connection serves on
	runtimeLinger    = 500 * time.Millisecond
	acceptPause      = 10 * time.Millisecond // when the server has no descriptor left
)

// A runtimeConn is a connection of a runtime's. It is read by one goroutine, and
// written by whoever has an answer: an invocation goes out from its caller's
// goroutine, and nothing has to be woken for it. net/http's server would wake
// two goroutines for each request, which an invocation pays for twice.
type runtimeConn struct {
	api  *runtimeAPI
	conn net.Conn
	in   io.LimitedReader // of conn; bounds a header
	r    *bufio.Reader
	last bool // the connection ends with the answer under way

	mu  sync.Mutex // guards out, and writing
	out bytes.Buffer
}

// serve answers on l until close.
func (a *runtimeAPI) serve(l net.Listener) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listener = l
	a.served.Go(func() {
		free := make(chan struct{}, maxRuntimeConns)
		for {
			free <- struct{}{}
			conn, err := l.Accept()
			if err != nil {
				<-free
				if a.isClosed() || errors.Is(err, net.ErrClosed) {
					return
				}
				time.Sleep(acceptPause)
				continue
			}
			a.served.Go(func() {
				defer func() { <-free }()
				a.serveConn(conn)
			})
		}
	})
}

func (a *runtimeAPI) serveConn(conn net.Conn) {
	c := &runtimeConn{api: a, conn: conn, in: io.LimitedReader{R: conn}}
	c.r = bufio.NewReader(&c.in)
	if !a.opened(c) {
		conn.Close() // nothing was written
		return
	}
	for c.serve() {
	}
	a.forget(c)
	conn.Close() // what matters was answered, and the rest is nobody's
}

// serve takes one request, and says whether another may follow.
func (c *runtimeConn) serve() bool {
	req, err := c.request()
	if err != nil {
		if bad, ok := errors.AsType[*badRequest](err); ok {
			c.answer(&runtimeAnswer{status: bad.status, close: true})
			c.linger()
		}
		return false
	}
	c.last = req.Close || !req.ProtoAtLeast(1, 1)
	body := &runtimeBody{body: req.Body, expects: strings.EqualFold(req.Header.Get("Expect"), "100-continue"), conn: c, ended: req.Body == http.NoBody}
	req.Body = body
	w := &runtimeAnswer{conn: c, header: http.Header{}, headless: req.Method == http.MethodHead}
	c.api.routes.ServeHTTP(w, req)
	if w.deferred {
		return true
	}
	rest := body.rest()
	w.close = c.last || !rest
	c.answer(w)
	if w.then != nil {
		w.then()
	}
	if !rest {
		c.linger()
	}
	return !w.close
}

// A badRequest cannot be read, and the connection is there to say so.
type badRequest struct{ status int }

func (e *badRequest) Error() string { return http.StatusText(e.status) }

// request reads the header of the next request.
func (c *runtimeConn) request() (*http.Request, error) {
	c.in.N = maxRuntimeHeader
	if _, err := c.r.Peek(1); err != nil {
		return nil, err
	}
	if waiting := c.api.waits(c); waiting { // it must have its answer first
		return nil, errors.New("a request before the answer to the last")
	}
	ready, _ := c.r.Peek(c.r.Buffered()) // it is there
	slow := !bytes.Contains(ready, []byte("\r\n\r\n"))
	if slow {
		_ = c.conn.SetReadDeadline(time.Now().Add(runtimeHeader)) // fails for one that is closed, as reading does
	}
	req, err := http.ReadRequest(c.r)
	if slow {
		_ = c.conn.SetReadDeadline(time.Time{})
	}
	switch _, broken := errors.AsType[*net.OpError](err); {
	case err == nil:
	case c.in.N <= 0:
		return nil, &badRequest{http.StatusRequestHeaderFieldsTooLarge}
	case broken || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, err
	default:
		return nil, &badRequest{http.StatusBadRequest}
	}
	c.in.N = 1 << 62 // the body's reader has its own limit
	return req, nil
}

// linger lets the runtime read its answer before what it is still sending makes
// the kernel reset the connection.
func (c *runtimeConn) linger() {
	if half, ok := c.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_ = c.conn.SetReadDeadline(time.Now().Add(runtimeLinger))
		_, _ = io.Copy(io.Discard, c.conn) // until the time is up, or the runtime is done
	}
}

// answer sends an answer in one piece.
func (c *runtimeConn) answer(w *runtimeAnswer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	status := w.status
	if status == 0 {
		status = http.StatusOK
	}
	c.begin(status)
	_ = w.header.Write(&c.out) // to memory
	c.end(w.body.Bytes(), w.close, w.headless)
}

// begin starts an answer; the caller holds the lock.
func (c *runtimeConn) begin(status int) {
	c.out.Reset()
	c.out.WriteString("HTTP/1.1 ")
	c.out.WriteString(strconv.Itoa(status))
	c.out.WriteByte(' ')
	c.out.WriteString(http.StatusText(status))
	c.out.WriteString("\r\nDate: ")
	c.out.Write(time.Now().UTC().AppendFormat(c.out.AvailableBuffer(), http.TimeFormat))
	c.out.WriteString("\r\n")
}

// end sends what was begun; a runtime that has gone away shows as its exit. The
// caller holds the lock.
func (c *runtimeConn) end(body []byte, last, headless bool) {
	if last {
		c.out.WriteString("Connection: close\r\n")
	}
	c.field("Content-Length", strconv.Itoa(len(body)))
	c.out.WriteString("\r\n")
	if !headless {
		c.out.Write(body)
	}
	_, _ = c.conn.Write(c.out.Bytes())
	if c.out.Cap() > 64<<10 {
		c.out = bytes.Buffer{}
	}
}

func (c *runtimeConn) field(name, value string) {
	c.out.WriteString(name)
	c.out.WriteString(": ")
	c.out.WriteString(value)
	c.out.WriteString("\r\n")
}

// give answers the connection's request for an invocation with one.
func (c *runtimeConn) give(i *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.conn.SetWriteDeadline(i.deadline) // fails for one that is closed, as writing does
	c.begin(http.StatusOK)
	c.field("Content-Type", "application/json")
	c.field("Lambda-Runtime-Aws-Request-Id", i.id)
	c.field("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
	c.field("Lambda-Runtime-Invoked-Function-Arn", i.arn)
	c.field("Lambda-Runtime-Trace-Id", i.trace)
	if len(i.clientContext) > 0 {
		c.field("Lambda-Runtime-Client-Context", string(i.clientContext))
	}
	c.end(i.payload, c.last, false)
	if c.last {
		c.conn.Close() // the runtime has asked for it
	}
}

// A runtimeAnswer is the answer to one request. It is sent when the handler has
// returned.
type runtimeAnswer struct {
	conn     *runtimeConn
	status   int // 0 is 200
	header   http.Header
	body     bytes.Buffer
	headless bool   // the request was HEAD
	close    bool   // the connection ends with it
	deferred bool   // somebody else answers
	then     func() // what is to be done when it was sent
}

func (w *runtimeAnswer) Header() http.Header { return w.header }

func (w *runtimeAnswer) Write(p []byte) (int, error) { return w.body.Write(p) }

func (w *runtimeAnswer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// A runtimeBody is the body of a request. A runtime that asks whether it may
// send it is told so when it is read.
type runtimeBody struct {
	body    io.ReadCloser
	expects bool
	conn    *runtimeConn
	ended   bool // nothing is left of it
	failed  bool
}

func (b *runtimeBody) Read(p []byte) (int, error) {
	if b.expects {
		b.expects = false
		b.conn.mu.Lock()
		_, _ = io.WriteString(b.conn.conn, "HTTP/1.1 100 Continue\r\n\r\n")
		b.conn.mu.Unlock()
	}
	n, err := b.body.Read(p)
	b.ended = b.ended || errors.Is(err, io.EOF)
	b.failed = b.failed || err != nil && !b.ended
	return n, err
}

func (*runtimeBody) Close() error { return nil }

// rest reads what is left of a body that is not long, and says whether the
// connection is at its end.
func (b *runtimeBody) rest() bool {
	if b.ended || b.failed || b.expects {
		return b.ended
	}
	_, _ = io.CopyN(io.Discard, b, maxRuntimeRest) // what stopped it is noted
	return b.ended
}
