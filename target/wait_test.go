package target

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/egress"
)

// schemes are the two ways that a request can go.
var schemes = []string{"http", "https"}

// inBubble returns Targets whose connections, of both schemes, are served within
// the test's bubble.
func inBubble(t *testing.T, b Bounds, dial func(addr string) (net.Conn, error)) *Targets {
	x := New(nil, nil, nil, "Belfry/test", b)
	t.Cleanup(x.Close)
	d := func(_ context.Context, _, addr string) (net.Conn, error) { return dial(addr) }
	x.http.plain.dial, x.http.transport.DialTLSContext = d, d
	return x
}

// answers serves a connection that answers each request after d.
func answers(d time.Duration) net.Conn {
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		for r := bufio.NewReader(theirs); ; {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			io.Copy(io.Discard, req.Body)
			time.Sleep(d)
			if _, err := io.WriteString(theirs, "HTTP/1.1 204 No Content\r\n\r\n"); err != nil {
				return
			}
		}
	}()
	return ours
}

func post(ctx context.Context, x *Targets, endpoint string) belfry.Result {
	return x.Invoke(ctx, &belfry.Invocation{
		Attempt: 1, Target: &belfry.Target{ARN: HTTPInvokeARN, Input: fmt.Sprintf(`{"ApiEndpoint":%q,"Method":"POST","RequestBody":{"a":1}}`, endpoint)},
	})
}

// TestWaitingForAPlaceIsNoFailure: a host that answers after 50 s serves 300
// requests of one second in two turns; the second has waited for longer than what
// is left of a request's 60 s.
func TestWaitingForAPlaceIsNoFailure(t *testing.T) {
	for _, scheme := range schemes {
		for _, ofAll := range []bool{false, true} {
			t.Run(fmt.Sprint(scheme, " of all: ", ofAll), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var b Bounds
					if ofAll {
						b = Bounds{PerHost: 1000, Outgoing: egress.NewLimit(256)}
					}
					var open, most atomic.Int64
					x := inBubble(t, b, func(string) (net.Conn, error) {
						most.Store(max(most.Load(), open.Add(1)))
						return answers(50 * time.Second), nil
					})
					began := time.Now()
					results := make(chan belfry.Result)
					for range 300 {
						go func() { results <- post(t.Context(), x, scheme+"://slow.example/") }()
					}
					synctest.Wait()
					if n, all := x.Waiting(), b.Outgoing; n+second(all.Counts()) != 44 {
						t.Errorf("%d wait for the host, %d for all; want 44 together", n, second(all.Counts()))
					}
					for range 300 {
						if r := <-results; r.Status != belfry.AttemptSucceeded {
							t.Fatalf("after %v: %+v", time.Since(began), r)
						}
					}
					if took := time.Since(began); took != 100*time.Second {
						t.Errorf("took %v, want 100 s", took)
					}
					if most.Load() > 256 {
						t.Errorf("%d connections, want at most 256", most.Load())
					}
					x.Close()
				})
			})
		}
	}
}

func second(_, n int) int { return n }

func TestOnlyTheEndOfTheCallerEndsWaiting(t *testing.T) {
	for _, ofAll := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := Bounds{PerHost: 1}
			if ofAll {
				b = Bounds{Outgoing: egress.NewLimit(1)}
			}
			x := inBubble(t, b, func(string) (net.Conn, error) { return answers(30 * time.Second), nil })
			results := make(chan belfry.Result, 2)
			go func() { results <- post(t.Context(), x, "http://slow.example/") }()
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if r := post(ctx, x, "http://slow.example/"); r.Status != belfry.AttemptRetryable || ctx.Err() == nil {
				t.Errorf("%+v", r)
			}
			if r := <-results; r.Status != belfry.AttemptSucceeded {
				t.Errorf("the one that waited took the place of the other: %+v", r)
			}
			if r := post(t.Context(), x, "http://slow.example/"); r.Status != belfry.AttemptSucceeded {
				t.Errorf("the one that gave up kept its place: %+v", r)
			}
			x.Close()
			if len(x.http.hosts.byName) != 0 {
				t.Errorf("hosts are kept: %v", x.http.hosts.byName)
			}
		})
	}
}

// TestAHostThatHangsHoldsNobodyElsesPlace: what waits for one host has no place
// among all.
func TestAHostThatHangsHoldsNobodyElsesPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := egress.NewLimit(4)
		x := inBubble(t, Bounds{PerHost: 2, Outgoing: all}, func(addr string) (net.Conn, error) {
			if addr == "hangs.example:80" {
				return answers(time.Hour), nil
			}
			return answers(0), nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		for range 100 {
			go post(ctx, x, "http://hangs.example/")
		}
		synctest.Wait()
		if taken, waiting := all.Counts(); taken != 2 || waiting != 0 || x.Waiting() != 98 {
			t.Errorf("%d of 4 places taken, %d wait for one, %d for the host", taken, waiting, x.Waiting())
		}
		began := time.Now()
		for range 10 {
			if r := post(t.Context(), x, "http://well.example/"); r.Status != belfry.AttemptSucceeded || time.Since(began) > 0 {
				t.Fatalf("after %v: %+v", time.Since(began), r)
			}
		}
		cancel()
		x.Close()
		time.Sleep(2 * time.Hour)
	})
}

// TestAMissingDescriptorIsWaitedFor: nothing was sent, so nothing has failed, and
// what is kept for later is closed at once.
func TestAMissingDescriptorIsWaitedFor(t *testing.T) {
	for _, scheme := range schemes {
		for name, missing := range map[string]error{
			"a socket": &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)},
			"a lookup": &net.OpError{Op: "dial", Err: &net.DNSError{Err: "dial udp: socket: too many open files", Name: "a.example"}},
		} {
			t.Run(scheme+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var short atomic.Bool
					x := inBubble(t, Bounds{}, func(string) (net.Conn, error) {
						if short.Load() {
							return nil, missing
						}
						return answers(0), nil
					})
					if r := post(t.Context(), x, scheme+"://kept.example/"); r.Status != belfry.AttemptSucceeded {
						t.Fatalf("%+v", r)
					}
					short.Store(true)
					time.AfterFunc(5*time.Minute, func() { short.Store(false) })
					began := time.Now()
					r := post(t.Context(), x, scheme+"://a.example/")
					if took := time.Since(began); r.Status != belfry.AttemptSucceeded || took < 5*time.Minute || took > 5*time.Minute+time.Second {
						t.Errorf("after %v: %+v", took, r)
					}
					if _, kept := x.http.plain.idle["kept.example:80"]; kept {
						t.Error("an idle connection was kept while descriptors were short")
					}
					short.Store(true)
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					if r := post(ctx, x, scheme+"://b.example/"); r.Status != belfry.AttemptRetryable || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
						t.Errorf("%+v", r)
					}
					x.Close()
				})
			})
		}
	}
}
