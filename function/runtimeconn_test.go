package function

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A runtimeBench is a Runtime API with nobody behind it.
type runtimeBench struct {
	*runtimeAPI
	t    *testing.T
	addr string
}

func newRuntimeBench(t *testing.T) *runtimeBench {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := newRuntimeAPI()
	a.serve(l)
	t.Cleanup(a.close)
	return &runtimeBench{a, t, l.Addr().String()}
}

// A wire is a connection of a runtime's, byte by byte.
type wire struct {
	net.Conn
	r *bufio.Reader
	t *testing.T
}

func (b *runtimeBench) dial() *wire {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		b.t.Fatal(err)
	}
	return &wire{conn, bufio.NewReader(conn), b.t}
}

func (w *wire) send(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		w.t.Fatal(err)
	}
}

// answer reads one answer.
func (w *wire) answer() (res *http.Response, body string) {
	w.t.Helper()
	res, err := http.ReadResponse(w.r, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res, string(data)
}

// ended asserts that the other end has closed the connection.
func (w *wire) ended() {
	w.t.Helper()
	if b, err := w.r.ReadByte(); !errors.Is(err, io.EOF) {
		w.t.Errorf("read %q, %v, want the end", b, err)
	}
}

const (
	askNext = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"
	postTo  = "POST /2018-06-01/runtime/invocation/i/response HTTP/1.1\r\nHost: x\r\n"
	accept  = `{"status":"OK"}` + "\n"
)

// under gives the runtime a call and returns what becomes of it.
func (b *runtimeBench) under() <-chan reply {
	done := make(chan reply, 1)
	go func() {
		r, err := b.invoke(time.Now().Add(20*time.Second), &call{id: "i", arn: "arn", trace: "t", deadline: time.Now().Add(20 * time.Second), payload: []byte(`{"a":1}`)})
		if err != nil {
			b.t.Error(err)
		}
		done <- r
	}()
	return done
}

func TestARuntimesConnectionServesOn(t *testing.T) {
	b := newRuntimeBench(t)
	w := b.dial()
	for range 3 {
		w.send(askNext)
		done := b.under()
		if res, body := w.answer(); body != `{"a":1}` || res.Header.Get("Lambda-Runtime-Aws-Request-Id") != "i" || res.Close {
			t.Errorf("%v %q", res, body)
		}
		w.send(postTo + "Content-Length: 2\r\n\r\n[]")
		if res, body := w.answer(); res.StatusCode != http.StatusAccepted || body != accept {
			t.Errorf("%v %q", res, body)
		}
		if r := <-done; string(r.payload) != "[]" || r.kind != replied {
			t.Errorf("reply %+v", r)
		}
	}
}

func TestHowARuntimeMaySendItsAnswer(t *testing.T) {
	for _, c := range []struct{ name, header, body, want string }{
		{"in chunks", "Transfer-Encoding: chunked\r\n", "2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n", "[1]"},
		{"and a trailer that says that it failed", "Transfer-Encoding: chunked\r\nTrailer: Lambda-Runtime-Function-Error-Type\r\n", "1\r\n[\r\n0\r\nLambda-Runtime-Function-Error-Type: Function.Failed\r\n\r\n", `{"errorType":"Function.Failed","errorMessage":""}`},
		{"when it was told to go on", "Expect: 100-continue\r\nContent-Length: 2\r\n", "[]", "[]"},
		{"and close", "Connection: close\r\nContent-Length: 2\r\n", "[]", "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newRuntimeBench(t)
			w := b.dial()
			w.send(askNext)
			done := b.under()
			w.answer()
			w.send(postTo + c.header + "\r\n")
			if strings.HasPrefix(c.header, "Expect") {
				if res, err := http.ReadResponse(w.r, nil); err != nil || res.StatusCode != http.StatusContinue {
					t.Fatalf("%v, %v", res, err)
				}
			}
			w.send(c.body)
			if res, body := w.answer(); res.StatusCode != http.StatusAccepted || body != accept {
				t.Errorf("%v %q", res, body)
			}
			if r := <-done; string(r.payload) != c.want {
				t.Errorf("the reply is %s, want %s", r.payload, c.want)
			}
			if strings.HasPrefix(c.header, "Connection") {
				w.ended()
			}
		})
	}
}

func TestACallGoesToARuntimeThatIsThere(t *testing.T) {
	b := newRuntimeBench(t)
	w := b.dial()
	w.send(askNext)
	if _, err := b.ready(time.Now().Add(20 * time.Second)); err != nil { // it has asked
		t.Fatal(err)
	}
	w.Close()
	for open := 1; open > 0; { // its end is noticed
		b.mu.Lock()
		open = len(b.conns)
		b.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	done := b.under()
	again := b.dial()
	again.send(askNext)
	if _, body := again.answer(); body != `{"a":1}` {
		t.Errorf("the runtime that came back got %q", body)
	}
	again.send(postTo + "Content-Length: 1\r\n\r\n1")
	if r := <-done; string(r.payload) != "1" {
		t.Errorf("reply %s", r.payload)
	}
}

func TestWhatNoRuntimeShouldSend(t *testing.T) {
	ping := "GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\n"
	long := func(n int) string { return ping + "X: " + strings.Repeat("x", n) + "\r\n\r\n" }
	for _, c := range []struct {
		name, text string
		want       int
		last       bool
	}{
		{"a long header", long(maxRuntimeHeader / 2), 200, false},
		{"a header that is too long", long(maxRuntimeHeader + 8<<10), 431, true},
		{"nonsense", "nonsense\r\n\r\n", 400, true},
		{"an old version", "GET /2018-06-01/ping HTTP/1.0\r\n\r\n", 200, true},
		{"a body that nobody wants", ping + "Content-Length: 3\r\n\r\nabc", 200, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newRuntimeBench(t).dial()
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				_, _ = io.WriteString(w, c.text) // refused while it is sent, perhaps
			}()
			if res, _ := w.answer(); res.StatusCode != c.want || res.Close != c.last {
				t.Errorf("status %d, last %v", res.StatusCode, res.Close)
			}
			<-sent
			if c.last {
				w.ended()
				return
			}
			w.send(ping + "\r\n")
			if _, body := w.answer(); body != "pong" {
				t.Errorf("then %q", body)
			}
		})
	}
}

func TestARequestBeforeTheAnswerToTheLastEndsTheConnection(t *testing.T) {
	w := newRuntimeBench(t).dial()
	w.send(askNext + askNext)
	w.ended()
}
