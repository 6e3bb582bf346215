package app

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestDescriptorsAreDivided: the shares never add up to more than there is, and
// callers have most of them.
func TestDescriptorsAreDivided(t *testing.T) {
	for _, limit := range []int{64, 100, 256, 1024, 4096, 65536, 1 << 30} {
		d := divide(limit)
		if all := d.callers + d.outgoing() + perInstance*d.instances + ownFiles; limit >= 100 && all > limit {
			t.Errorf("%d: %+v are %d", limit, d, all)
		}
		if d.callers < d.outgoing() || d.callers < 8 || d.attempts < 2 || d.perHost(256)*2 > d.attempts {
			t.Errorf("%d: %+v, %d for a host", limit, d, d.perHost(256))
		}
	}
	if d := divide(20_000); d.perHost(256) != 256 || d.attempts < 1024 || d.instances < 400 {
		t.Errorf("with the usual limit too little can be done: %+v", d)
	}
}

// serveCallers serves requests with room for n connections.
func serveCallers(t *testing.T, n int, h http.HandlerFunc) (*callers, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := newCallers(n)
	s := &http.Server{Handler: h, ConnState: c.state, ReadHeaderTimeout: headerTime}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(c.listen(l)) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serving ended with %v", err)
		}
		for range 100 {
			if c.count() == 0 {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%d places are still taken", c.count())
	})
	return c, l.Addr().String()
}

func ask(addr string, client *http.Client) error {
	r, err := client.Get("http://" + addr)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	_, err = io.Copy(io.Discard, r.Body)
	return err
}

// TestIdleCallersGiveWay: connections that serve nothing, and those that never said
// anything, keep nobody out.
func TestIdleCallersGiveWay(t *testing.T) {
	c, addr := serveCallers(t, 4, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	for range 3 { // silent
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	for i := range 20 { // each keeps its connection
		client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
		defer client.CloseIdleConnections()
		if err := ask(addr, client); err != nil {
			t.Fatalf("caller %d: %v", i, err)
		}
		if n := c.count(); n > 4 {
			t.Fatalf("%d connections are open, want at most 4", n)
		}
	}
}

// TestCallersUnderWayAreWaitedFor: what is being answered is not cut off; who comes
// then is answered after it.
func TestCallersUnderWayAreWaitedFor(t *testing.T) {
	var most, now atomic.Int64
	release := make(chan struct{})
	_, addr := serveCallers(t, 2, func(w http.ResponseWriter, _ *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		<-release
		now.Add(-1)
		io.WriteString(w, "ok")
	})
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
			if err := ask(addr, client); err != nil {
				t.Error(err)
			}
		})
	}
	for now.Load() < 2 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	all.Wait()
	if most.Load() > 2 {
		t.Errorf("%d at once, want at most 2", most.Load())
	}
}

// failing fails to accept a number of times.
type failing struct {
	net.Listener
	left atomic.Int64
}

func (f *failing) Accept() (net.Conn, error) {
	if f.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return f.Listener.Accept()
}

func TestAcceptWaitsForADescriptor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &failing{Listener: l}
	f.left.Store(3)
	d := newCallers(4).listen(f)
	defer d.Close()
	go func() {
		if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
			c.Close()
		}
	}()
	c, err := d.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	f.left.Store(1 << 40)
	ended := make(chan error)
	go func() { _, err := d.Accept(); ended <- err }()
	d.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed listener ended with %v", err)
	}
	if spent := 1<<40 - f.left.Load(); spent > 100 {
		t.Errorf("accepted %d times in vain: it spins", spent)
	}
}
