package target_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/target"
)

const agent = "Belfry/test"

var (
	scope      = belfry.Scope{Account: "000000000000", Region: "us-east-1"}
	occurrence = belfry.Occurrence{Schedule: belfry.MakeID(77<<14, 3), Time: time.Date(2026, 3, 8, 7, 30, 0, 0, time.UTC)}
)

const scheduleARN = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/s"

func invocation(arn, input string) *belfry.Invocation {
	return &belfry.Invocation{
		Occurrence: occurrence, ScheduleARN: scheduleARN, Scope: scope, Attempt: 2, ExecutionID: "0123456789abcdef",
		Target: &belfry.Target{ARN: arn, Input: input},
	}
}

func newTargets(t *testing.T) *target.Targets {
	x := target.New(nil, nil, nil, agent, target.Bounds{})
	t.Cleanup(x.Close)
	return x
}

// input writes the input of an HTTP target.
func input(t *testing.T, members map[string]any) string {
	t.Helper()
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// send makes one request with a generous deadline.
func send(t *testing.T, x *target.Targets, members map[string]any) belfry.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return x.Invoke(ctx, invocation(target.HTTPInvokeARN, input(t, members)))
}

func get(t *testing.T, x *target.Targets, url string) belfry.Result {
	t.Helper()
	return send(t, x, map[string]any{"ApiEndpoint": url, "Method": "GET"})
}

func wantResult(t *testing.T, got belfry.Result, status belfry.AttemptStatus, code string) {
	t.Helper()
	if got.Status != status || got.ErrorCode != code {
		t.Errorf("got %s %q (%s), want %s %q", got.Status, got.ErrorCode, got.ErrorMessage, status, code)
	}
}

// peer is an endpoint that speaks as the test says, byte by byte.
type peer struct {
	url string

	mu       sync.Mutex
	accepted int // guarded by mu; connections so far
	open     int // guarded by mu
	most     int // guarded by mu; that were open at once
}

// newPeer serves each connection with serve, whose n counts them from 1; the
// connection is closed when it returns.
func newPeer(t *testing.T, serve func(n int, c net.Conn, r *bufio.Reader)) *peer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{url: "http://" + l.Addr().String()}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.accepted++
			p.open++
			p.most = max(p.most, p.open)
			n := p.accepted
			p.mu.Unlock()
			all.Go(func() {
				defer c.Close()
				serve(n, c, bufio.NewReader(c))
				p.mu.Lock()
				p.open--
				p.mu.Unlock()
			})
		}
	})
	t.Cleanup(all.Wait) // after the targets, which are made later, have let go
	t.Cleanup(func() { l.Close() })
	return p
}

func (p *peer) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// read reads one request with its body; false at the connection's end.
func read(r *bufio.Reader) (*http.Request, bool) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return nil, false
	}
	_, err = io.Copy(io.Discard, req.Body)
	return req, err == nil
}

// always answers every request of a connection with the text.
func always(answer string) func(int, net.Conn, *bufio.Reader) {
	return func(_ int, c net.Conn, r *bufio.Reader) {
		for _, ok := read(r); ok; _, ok = read(r) {
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	}
}
