package target_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/target"
)

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func TestWhichAnswersLeaveTheirConnectionForTheNextRequest(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	tests := []struct {
		name, method, answer string
		connections          int // that three requests take
		status               belfry.AttemptStatus
		code                 string
	}{
		{"with a length", "GET", ok, 1, belfry.AttemptSucceeded, ""},
		{"empty", "POST", "HTTP/1.1 204 No Content\r\n\r\n", 1, belfry.AttemptSucceeded, ""},
		{"length 0", "POST", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 1, belfry.AttemptSucceeded, ""},
		{"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 1, belfry.AttemptSucceeded, ""},
		{"chunked in single bytes", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\nx\r\n", 60<<10) + "0\r\n\r\n", 1, belfry.AttemptSucceeded, ""},
		{"chunked, with a trailer", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n1\r\na\r\n0\r\nA: b\r\n\r\n", 1, belfry.AttemptSucceeded, ""},
		{"to HEAD, with the length of what GET would get", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", 1, belfry.AttemptSucceeded, ""},
		{"after 100 and 103", "POST", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok, 1, belfry.AttemptSucceeded, ""},
		{"a refusal", "GET", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", 1, belfry.AttemptPermanent, "HTTP.404"},
		{"as long as is read", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n" + long, 1, belfry.AttemptSucceeded, ""},
		{"longer than is read", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n" + long + "x", 3, belfry.AttemptSucceeded, ""},
		{"Connection: close", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 3, belfry.AttemptSucceeded, ""},
		{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 3, belfry.AttemptSucceeded, ""},
		{"more than it announced", "GET", ok + ok, 3, belfry.AttemptSucceeded, ""},
		{"101, which nobody asked for", "GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 3, belfry.AttemptPermanent, "HTTP.101"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPeer(t, always(tt.answer))
			x := newTargets(t)
			for range 3 {
				wantResult(t, send(t, x, map[string]any{"ApiEndpoint": p.url, "Method": tt.method}), tt.status, tt.code)
			}
			if n := p.connections(); n != tt.connections {
				t.Errorf("three requests took %d connections, want %d", n, tt.connections)
			}
		})
	}
}

func TestAnAnswerThatEndsWithItsConnection(t *testing.T) {
	p := newPeer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		read(r)
		io.WriteString(c, "HTTP/1.1 500 Oh\r\n\r\nwithout a length")
	})
	r := get(t, newTargets(t), p.url)
	wantResult(t, r, belfry.AttemptRetryable, "HTTP.500")
	if r.ErrorMessage != "The endpoint answered 500 Oh: without a length" {
		t.Errorf("message: %s", r.ErrorMessage)
	}
}

func TestAnswersThatCannotBeUsed(t *testing.T) {
	tests := []struct{ name, answer, code, message string }{
		{"no answer", "", "HTTP.ConnectionFailed", "The endpoint closed the connection before it had answered."},
		{"cut in its headers", "HTTP/1.1 200 OK\r\n", "HTTP.ConnectionFailed", "The endpoint closed the connection before it had answered."},
		{"cut in its body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "HTTP.AnswerCut", "The connection broke in the middle of the answer."},
		{"cut in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", "HTTP.AnswerCut", "The connection broke in the middle of the answer."},
		{"no HTTP", "SSH-2.0-x\r\n\r\n", "HTTP.ConnectionFailed", "malformed HTTP"},
		{"headers without end", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 70<<10), "HTTP.ConnectionFailed", "the headers of the answer are larger than 65536 bytes"},
		{"1xx without end", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 3000), "HTTP.ConnectionFailed", "the headers of the answer are larger than 65536 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPeer(t, func(_ int, c net.Conn, r *bufio.Reader) {
				read(r)
				io.WriteString(c, tt.answer)
				c.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, r)
			})
			r := get(t, newTargets(t), p.url)
			wantResult(t, r, belfry.AttemptRetryable, tt.code)
			if !strings.Contains(r.ErrorMessage, tt.message) {
				t.Errorf("message: %s", r.ErrorMessage)
			}
			if n := p.connections(); n != 1 {
				t.Errorf("%d connections, want one: a new one is only for a kept one that was stale", n)
			}
		})
	}
}

func TestHeadersOfTheLargestSizeAreRead(t *testing.T) {
	answer := "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: \r\n\r\n"
	answer = strings.Replace(answer, "A: ", "A: "+strings.Repeat("x", 64<<10-len(answer)), 1)
	p := newPeer(t, always(answer))
	wantResult(t, get(t, newTargets(t), p.url), belfry.AttemptSucceeded, "")
}

func TestAConnectionThatTheOtherSideClosedIsReplaced(t *testing.T) {
	closed := make(chan struct{})
	p := newPeer(t, func(n int, c net.Conn, r *bufio.Reader) {
		if n > 1 {
			always(ok)(n, c, r)
			return
		}
		read(r)
		io.WriteString(c, ok)
		c.Close()
		close(closed)
	})
	x := newTargets(t)
	wantResult(t, get(t, x, p.url), belfry.AttemptSucceeded, "")
	<-closed
	wantResult(t, send(t, x, map[string]any{"ApiEndpoint": p.url, "Method": "POST", "RequestBody": "again"}), belfry.AttemptSucceeded, "")
	if n := p.connections(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

func TestAConnectionThatIsClosedUnderTheRequestIsReplaced(t *testing.T) {
	bodies := make(chan string, 2)
	p := newPeer(t, func(n int, c net.Conn, r *bufio.Reader) {
		read(r)
		if n == 1 {
			io.WriteString(c, ok)
			read(r) // and closes instead of an answer
			return
		}
		bodies <- "once"
		io.WriteString(c, ok)
	})
	x := newTargets(t)
	wantResult(t, get(t, x, p.url), belfry.AttemptSucceeded, "")
	wantResult(t, send(t, x, map[string]any{"ApiEndpoint": p.url, "Method": "POST", "RequestBody": "again"}), belfry.AttemptSucceeded, "")
	if len(bodies) != 1 {
		t.Errorf("the request arrived %d times over a new connection, want once", len(bodies))
	}
}

func TestARequestWhoseAnswerHadBegunIsNotSentAgain(t *testing.T) {
	p := newPeer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		read(r)
		io.WriteString(c, ok)
		read(r)
		io.WriteString(c, "HTTP/1.1 20")
	})
	x := newTargets(t)
	wantResult(t, get(t, x, p.url), belfry.AttemptSucceeded, "")
	wantResult(t, get(t, x, p.url), belfry.AttemptRetryable, "HTTP.ConnectionFailed")
	if n := p.connections(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestWhatCameUnaskedIsNoAnswer(t *testing.T) {
	idle, sent := make(chan struct{}), make(chan struct{})
	p := newPeer(t, func(n int, c net.Conn, r *bufio.Reader) {
		read(r)
		io.WriteString(c, ok)
		if n == 1 {
			<-idle
			io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
			close(sent)
			read(r)
		}
	})
	x := newTargets(t)
	wantResult(t, get(t, x, p.url), belfry.AttemptSucceeded, "")
	close(idle)
	<-sent
	wantResult(t, get(t, x, p.url), belfry.AttemptSucceeded, "")
}

func TestAHostGetsAtMost256Connections(t *testing.T) {
	const limit, requests = 256, 300
	full, release := make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	waiting := 0
	p := newPeer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for _, more := read(r); more; _, more = read(r) {
			mu.Lock()
			if waiting++; waiting == limit {
				close(full)
			}
			mu.Unlock()
			<-release
			io.WriteString(c, ok)
		}
	})
	x := newTargets(t)
	results := make(chan belfry.Result, requests)
	var all sync.WaitGroup
	for range requests {
		all.Go(func() { results <- get(t, x, p.url) })
	}
	<-full
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in := invocation(target.HTTPInvokeARN, input(t, map[string]any{"ApiEndpoint": p.url, "Method": "GET"}))
	wantResult(t, x.Invoke(ctx, in), belfry.AttemptRetryable, "HTTP.ConnectionFailed") // while it waits for one
	close(release)
	all.Wait()
	close(results)
	for r := range results {
		wantResult(t, r, belfry.AttemptSucceeded, "")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.accepted != limit {
		t.Errorf("%d requests took %d connections, want %d", requests, p.accepted, limit)
	}
}

func TestTheEndOfItsContextEndsARequest(t *testing.T) {
	tests := []struct {
		name, begin, code string
	}{
		{"before the answer", "", "HTTP.ConnectionFailed"},
		{"in the headers", "HTTP/1.1 200 OK\r\n", "HTTP.ConnectionFailed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			p := newPeer(t, func(_ int, c net.Conn, r *bufio.Reader) {
				read(r)
				io.WriteString(c, tt.begin)
				cancel()
				read(r) // until the connection is closed
			})
			in := invocation(target.HTTPInvokeARN, input(t, map[string]any{"ApiEndpoint": p.url, "Method": "GET"}))
			wantResult(t, newTargets(t).Invoke(ctx, in), belfry.AttemptRetryable, tt.code)
		})
	}
	t.Run("in the body", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		p := newPeer(t, always("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"))
		in := invocation(target.HTTPInvokeARN, input(t, map[string]any{"ApiEndpoint": p.url, "Method": "GET"}))
		wantResult(t, newTargets(t).Invoke(ctx, in), belfry.AttemptRetryable, "HTTP.Timeout")
	})
}

func TestCloseLetsARequestUnderWayEnd(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	ended := make(chan struct{})
	p := newPeer(t, func(_ int, c net.Conn, r *bufio.Reader) {
		read(r)
		close(arrived)
		<-release
		io.WriteString(c, ok)
		read(r)
		close(ended)
	})
	x := newTargets(t)
	result := make(chan belfry.Result)
	go func() { result <- get(t, x, p.url) }()
	<-arrived
	x.Close()
	close(release)
	wantResult(t, <-result, belfry.AttemptSucceeded, "")
	<-ended // its connection was not kept
}
