package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// client is one connection that sends requests one after the other. It costs
// less than net/http's, so that what is measured is the server.
type client struct {
	conn net.Conn
	r    *bufio.Reader
	out  bytes.Buffer
}

func dial(addr string) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, r: bufio.NewReaderSize(conn, 16<<10)}, nil
}

// A request is what is sent, but for the headers that the client sets.
type request struct {
	method, path string
	headers      string // whole lines, each with its CRLF
	body         []byte
}

// credentials is the header of a request to a service in --dev, where nobody
// checks the signature.
func credentials(service string) string {
	return "Authorization: AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/" + service + "/aws4_request, SignedHeaders=host, Signature=0\r\n"
}

// do sends a request and returns the answer's status and body; the body is
// valid until the next call.
func (c *client) do(q request) (status int, body []byte, err error) {
	c.out.Reset()
	fmt.Fprintf(&c.out, "%s %s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %d\r\n\r\n", q.method, q.path, c.conn.RemoteAddr(), q.headers, len(q.body))
	c.out.Write(q.body)
	if _, err := c.conn.Write(c.out.Bytes()); err != nil {
		return 0, nil, err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if len(line) < 12 {
		return 0, nil, fmt.Errorf("unexpected answer %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, err
	}
	_, length, err := readHead(c.r)
	if err != nil {
		return 0, nil, err
	}
	body = make([]byte, length)
	_, err = io.ReadFull(c.r, body)
	return status, body, err
}

// load sends requests over n connections until next says that there are no
// more, and returns how long it took.
func load(addr string, n int, next func() (request, bool)) (time.Duration, error) {
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	began := time.Now()
	for range n {
		wg.Go(func() {
			if err := loadOne(addr, next); err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	if err := failed.Load(); err != nil {
		return took, *err
	}
	return took, nil
}

func loadOne(addr string, next func() (request, bool)) error {
	c, err := dial(addr)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	for {
		q, more := next()
		if !more {
			return nil
		}
		status, body, err := c.do(q)
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			return fmt.Errorf("%s %s: %d %s", q.method, q.path, status, body)
		}
	}
}
