package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
)

// arrival is a request that reached the sink.
type arrival struct {
	id        belfry.ID
	scheduled time.Time
	at        time.Time
}

// sink is an HTTP endpoint on loopback that answers 200 and notes what came
// when. It reads just enough of HTTP/1.1 to cost little beside what is measured.
type sink struct {
	listener net.Listener
	mu       sync.Mutex
	conns    []*sinkConn // guarded by mu
}

type sinkConn struct {
	conn net.Conn
	mu   sync.Mutex
	got  []raw // guarded by mu
}

// raw is an arrival as it is noted while requests come in.
type raw struct {
	key    [32]byte
	length int
	at     time.Time
}

func newSink() (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{listener: l}
	go s.accept()
	return s, nil
}

func (s *sink) url() string { return "http://" + s.listener.Addr().String() + "/" }

func (s *sink) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		c := &sinkConn{conn: conn}
		s.mu.Lock()
		s.conns = append(s.conns, c)
		s.mu.Unlock()
		go c.serve()
	}
}

var (
	okAnswer     = []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	idempotency  = []byte("idempotency-key:")
	contentBytes = []byte("content-length:")
)

func (c *sinkConn) serve() {
	defer c.conn.Close()
	r := bufio.NewReaderSize(c.conn, 4<<10)
	for {
		key, length, err := readHead(r)
		if err != nil {
			return // the server closed an idle connection
		}
		now := time.Now()
		if _, err = r.Discard(length); err == nil {
			_, err = c.conn.Write(okAnswer)
		}
		a := raw{at: now}
		a.length = copy(a.key[:], key)
		c.mu.Lock()
		c.got = append(c.got, a)
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// readHead reads a request's line and headers, of which it wants two.
func readHead(r *bufio.Reader) (key []byte, length int, err error) {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return nil, 0, err
		}
		if len(line) == 2 {
			return key, length, nil
		}
		switch {
		case hasPrefixFold(line, idempotency):
			key = bytes.Clone(bytes.TrimSpace(line[len(idempotency):]))
		case hasPrefixFold(line, contentBytes):
			for _, d := range bytes.TrimSpace(line[len(contentBytes):]) {
				length = length*10 + int(d-'0')
			}
		}
	}
}

func hasPrefixFold(line, prefix []byte) bool {
	return len(line) >= len(prefix) && bytes.EqualFold(line[:len(prefix)], prefix)
}

// parseKey reads the identity of an occurrence: the schedule's id and the time.
func parseKey(key string) (arrival, error) {
	const idLength = 13
	if len(key) <= idLength {
		return arrival{}, fmt.Errorf("unexpected Idempotency-Key %q", key)
	}
	id, err := belfry.ParseID(key[:idLength])
	if err != nil {
		return arrival{}, err
	}
	t, err := time.Parse("20060102T150405Z", key[idLength+1:])
	return arrival{id: id, scheduled: t}, err
}

// count is how many requests have come.
func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.conns {
		c.mu.Lock()
		n += len(c.got)
		c.mu.Unlock()
	}
	return n
}

// take returns what has come.
func (s *sink) take() ([]arrival, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []arrival
	for _, c := range s.conns {
		c.mu.Lock()
		got := c.got
		c.mu.Unlock()
		for _, r := range got {
			a, err := parseKey(string(r.key[:r.length]))
			if err != nil {
				return nil, err
			}
			a.at = r.at
			all = append(all, a)
		}
	}
	return all, nil
}

func (s *sink) close() {
	s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.conn.Close()
	}
}
