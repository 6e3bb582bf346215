package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A delivery is one request that reached the sink.
type delivery struct {
	key    string // Idempotency-Key: the occurrence
	script string // what it was answered by
	body   string // the schedule's name and definition, as its input has them
	life   int    // of the server
	start  time.Time
	end    time.Time // the answer was given, or the server hung up; zero: not yet
	status int       // 0: no answer, or not all of it
}

func (d *delivery) String() string {
	end := "not ended"
	if !d.end.IsZero() {
		end = "to " + clockTime(d.end)
	}
	return fmt.Sprintf("delivery %s by server process %d, %s %s, %s: %d", d.key, d.life, clockTime(d.start), end, d.script, d.status)
}

// A sink is where HTTP targets point. It writes down every delivery, and answers
// by the script that the path names.
type sink struct {
	listener net.Listener
	server   *http.Server
	life     func() int
	drained  context.Context // ended: every answer is a prompt 200
	drain    context.CancelFunc

	mu    sync.Mutex
	all   []*delivery    // guarded by mu
	times map[string]int // guarded by mu; deliveries by key
}

func newSink(life func() int) (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{listener: l, life: life, times: map[string]int{}}
	s.drained, s.drain = context.WithCancel(context.Background())
	s.server = &http.Server{Handler: s}
	go s.server.Serve(l) //nolint:errcheck // it ends with close
	return s, nil
}

func (s *sink) url(script string) string {
	return "http://" + s.listener.Addr().String() + "/" + script
}

func (s *sink) close() {
	s.drain()
	s.server.Close() //nolint:errcheck // nothing is left to do
}

// ServeHTTP notes the delivery and answers it.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d := &delivery{key: r.Header.Get("Idempotency-Key"), script: strings.Trim(r.URL.Path, "/"), start: time.Now(), life: s.life()}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the server was killed while it sent: nothing was delivered
	}
	d.body = string(body)
	s.mu.Lock()
	s.all = append(s.all, d)
	s.times[d.key]++
	n := s.times[d.key]
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		d.end = time.Now()
		s.mu.Unlock()
	}()
	status := answer(s.drained, w, r, d.key, d.script, n)
	s.mu.Lock()
	d.status = status
	s.mu.Unlock()
}

// scripts are the ways to answer the nth delivery of an occurrence.
var scripts = []string{"ok", "ok", "ok", "slow", "slow", "fail-once", "fail-slow", "fail-twice", "retry-after", "hang", "cut", "hangup", "flood", "refuse", "fail-always"}

// answer answers by the script and returns the status of the answer; 0 is that
// no whole answer was given.
func answer(drained context.Context, w http.ResponseWriter, r *http.Request, key, script string, n int) int {
	reply := func(status int) int { w.WriteHeader(status); return status }
	// pause returns false when the server has hung up.
	pause := func(d time.Duration) bool {
		select {
		case <-time.After(d):
		case <-drained.Done():
		case <-r.Context().Done():
			return false
		}
		return true
	}
	switch {
	case script == "refuse":
		return reply(http.StatusBadRequest)
	case drained.Err() != nil:
		return reply(http.StatusOK)
	case script == "fail-always",
		script == "fail-once" && n == 1, script == "fail-slow" && n == 1, script == "fail-twice" && n <= 2:
		return reply(http.StatusServiceUnavailable)
	case script == "retry-after" && n == 1:
		w.Header().Set("Retry-After", "2")
		return reply(http.StatusServiceUnavailable)
	case script == "slow", script == "fail-slow":
		if !pause(time.Duration(300+spread(key, n, 2500)) * time.Millisecond) {
			return 0
		}
	case script == "hang":
		if !pause(time.Duration(3+spread(key, n, 30)) * time.Second) {
			return 0
		}
	case script == "cut" && n <= 2, script == "hangup" && n <= 2:
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return reply(http.StatusInternalServerError)
		}
		if script == "cut" {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf") //nolint:errcheck // it is cut in any case
		}
		conn.Close()
		return 0
	case script == "flood":
		for range 64 {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return http.StatusOK // it had its answer, and read no more of it
			}
		}
		return http.StatusOK
	}
	return reply(http.StatusOK)
}

// spread is a number below n that depends on the key alone.
func spread(key string, i, n int) int {
	h := fnv.New32a()
	fmt.Fprint(h, key, i)
	return int(h.Sum32() % uint32(n))
}

// deliveries returns a copy of what has come so far, by key.
func (s *sink) deliveries() map[string][]delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	by := map[string][]delivery{}
	for _, d := range s.all {
		by[d.key] = append(by[d.key], *d)
	}
	return by
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}
