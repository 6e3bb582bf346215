package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// rss is the memory that the server holds, in bytes.
func (s *server) rss() int64 {
	s.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "VmRSS:")
	n, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return n << 10
}

// dial returns a connection to the server that the test's end closes.
func (s *server) dial() net.Conn {
	s.t.Helper()
	c, err := net.DialTimeout("tcp", s.addr, 10*time.Second)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

// neighbour wants the server to answer as if nobody else were there.
func (s *server) neighbour(i int) {
	s.t.Helper()
	path := fmt.Sprintf("/schedules/neighbour-%d", i)
	got, err := s.do("scheduler", http.MethodPost, path, "", []byte(goodBody))
	if err != nil || got.status != http.StatusOK {
		s.t.Fatalf("the neighbour's request: %d %s, %v", got.status, got.body, err)
	}
}

// TestTenThousandIdleConnections shows that they take little memory and nobody's
// turn, and that the silent ones are closed.
func TestTenThousandIdleConnections(t *testing.T) {
	s := startServer(t)
	s.neighbour(0)
	const idle = 10_000
	before := s.rss()
	conns := make([]net.Conn, idle)
	for i := range conns {
		conns[i] = s.dial()
		if i%2 == 0 { // half of them have made a request
			fmt.Fprintf(conns[i], "GET /schedules/none HTTP/1.1\r\nHost: x\r\n\r\n")
		}
	}
	for i := range 20 {
		s.neighbour(i + 1)
	}
	if grown := s.rss() - before; grown > 512<<20 {
		t.Errorf("%d idle connections take %d MiB, want at most 512", idle, grown>>20)
	}
	// One that never said a word is closed after 10 s.
	silent := conns[1]
	silent.SetReadDeadline(time.Now().Add(60 * time.Second))
	if n, err := silent.Read(make([]byte, 1)); n > 0 || os.IsTimeout(err) {
		t.Errorf("a silent connection: %d bytes, %v, want it closed", n, err)
	}
	for _, c := range conns {
		c.Close()
	}
	s.neighbour(idle)
}

// TestSlowClients sends headers and bodies a byte at a time from many
// connections; the neighbour is served meanwhile, and they are given up.
func TestSlowClients(t *testing.T) {
	s := startServer(t)
	const each = 200
	var all sync.WaitGroup
	answers := make(chan int, 2*each)
	stop := make(chan struct{})
	trickle := func(begin, piece string) {
		c := s.dial()
		fmt.Fprint(c, begin)
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(500 * time.Millisecond):
				}
				if _, err := c.Write([]byte(piece)); err != nil {
					return
				}
			}
		})
		all.Go(func() {
			c.SetReadDeadline(time.Now().Add(90 * time.Second))
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				answers <- 0 // closed without an answer, or never
				return
			}
			res.Body.Close()
			answers <- res.StatusCode
		})
	}
	for range each {
		trickle("GET /schedules HTTP/1.1\r\nHost: x\r\nX-A: ", "a")
		trickle("POST /schedules/slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{", " ")
	}
	began := time.Now()
	for i := range 50 {
		s.neighbour(i)
	}
	count := map[int]int{}
	for range 2 * each {
		count[<-answers]++
	}
	close(stop)
	all.Wait()
	if waited := time.Since(began); waited > 80*time.Second {
		t.Errorf("the last was given up after %v", waited)
	}
	if count[http.StatusRequestTimeout] != each || count[http.StatusOK] != 0 {
		t.Errorf("answers %v, want %d of 408 for the bodies", count, each)
	}
	s.neighbour(1000)
}

// TestBodiesAtTheLimit sends what is just small enough and one byte more.
func TestBodiesAtTheLimit(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	const limit = 1 << 20
	body := func(n int) []byte { return []byte(goodBody + strings.Repeat(" ", n-len(goodBody))) }
	got, err := s.do("scheduler", "POST", "/schedules/fits", "", body(limit))
	if err != nil || got.status != 200 {
		t.Errorf("1 MiB: %d %s, %v", got.status, got.body, err)
	}
	got, err = s.do("scheduler", "POST", "/schedules/does-not", "", body(limit+1))
	if code, message := refusal(got); err != nil || got.status != 413 || code != "RequestEntityTooLargeException" || !strings.Contains(message, "1048576") {
		t.Errorf("1 MiB and a byte: %d %s, %v", got.status, got.body, err)
	}
	for name, b := range map[string]string{
		"a hundred thousand unknown members": `{` + strings.Repeat(`"a":1,`, 100_000) + goodBody[1:],
		"a thousand levels":                  `{"a":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `,` + goodBody[1:],
		"invalid UTF-8":                      with("1 hour", "1 hour\xff"),
	} {
		got, err := s.do("scheduler", "POST", "/schedules/does-not", "", []byte(b))
		if code, _ := refusal(got); err != nil || got.status != 400 || code != "SerializationException" {
			t.Errorf("%s: %d %s, %v", name, got.status, got.body, err)
		}
	}
	// Of equal members the last one counts.
	s.must(nil, "scheduler", "POST", "/schedules/twice", "", json.RawMessage(with(`{"Sch`, `{"ScheduleExpression": "nonsense", "Sch`)))
}
