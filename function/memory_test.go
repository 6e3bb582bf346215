package function_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/memory"
)

func TestAnswersOfFunctionsAreBoundedByTheirBytes(t *testing.T) {
	answers := memory.NewBudget(8 << 20) // a half of it for answers of up to 1 MiB
	b := newBench(t, func(c *function.Config) { c.Answers = answers })
	b.deploy(python("f", "def handler(event, context):\n    return 'x' * event\n"))
	program, err := golambda()
	if err != nil {
		t.Fatal(err)
	}
	b.deploy(provided("go", zipped(t, files{"bootstrap": string(program)})))
	for name, payload := range map[string]string{"f": "900000", "go": `{"do": "large", "n": 900000}`} {
		hold, err := answers.Take(t.Context(), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		const n = 5 // one more than there is room for
		begun, end := make(chan error, n), make(chan struct{})
		var all sync.WaitGroup
		for range n {
			all.Go(func() {
				ctx, answered := memory.Scope(t.Context())
				defer answered()
				delivered := false
				r, err := b.Invoke(ctx, function.Request{Function: ref(name), Payload: []byte(payload), Delivered: func() { delivered = true }})
				if err == nil && (r.FunctionError != "" || len(r.Payload) != 900_002 || !delivered) {
					err = fmt.Errorf("%d bytes, %s %v: %.100s", len(r.Payload), r.FunctionError, delivered, r.Payload)
				}
				begun <- err
				<-end
			})
		}
		eventually(t, name+": all but the room's answer wait", func() bool { return len(begun) == 3 && answers.Counts().Waiting == n-3 })
		hold.Release()
		eventually(t, name+": one more has room", func() bool { return len(begun) == 4 && answers.Counts().Waiting == 1 })
		close(end)
		all.Wait()
		for range n {
			if err := <-begun; err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if c := answers.Counts(); c.Used != 0 || c.Peak > 4<<20 {
			t.Errorf("%s: at the end the budget is %+v", name, c)
		}
	}
	// One that is larger than all of it.
	if r := b.invoke("f", "6000000"); len(r.Payload) != 6_000_002 {
		t.Errorf("%d bytes: %s", len(r.Payload), r.FunctionError)
	}
}

// A door is an endpoint that lets nobody through before it is told to.
type door struct {
	open chan struct{}

	mu        sync.Mutex
	now, most int // bytes that are being posted
	got       int
}

func (g *door) Post(ctx context.Context, _, _ string, body []byte) error {
	add := func(n int) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.now += n
		g.most = max(g.most, g.now)
	}
	add(len(body))
	defer add(-len(body))
	select {
	case <-g.open:
	case <-ctx.Done():
		return ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.got++
	return nil
}

func (g *door) counts() (now, most, got int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now, g.most, g.got
}

func TestRecordsOnTheirWayAreBoundedByTheirBytes(t *testing.T) {
	const large, n = 900_000, 10
	g := &door{open: make(chan struct{})}
	b := newBench(t, func(c *function.Config) {
		c.Endpoints, c.EventBytes = g, 8<<20 // a half of it for those of up to 1 MiB
		for i := range n + 1 {
			e := &function.Event{ID: fmt.Sprint(i), Function: ref("f"), Endpoint: hook, Payload: []byte(strings.Repeat("x", large))}
			if i == n {
				e.Payload = e.Payload[:1000]
			}
			if e.Accepted = time.Now(); c.Store.PutEvent(t.Context(), e) != nil {
				t.Fatal("an event was not stored")
			}
		}
	})
	eventually(t, "some are posted, and the small one", func() bool { now, _, _ := g.counts(); return now == 4*large+1000 })
	if got := b.Stats().EventBytes; got != 4*large {
		t.Errorf("%d bytes are said to be tried", got)
	}
	close(g.open)
	eventually(t, "all are posted", func() bool { _, _, got := g.counts(); return got == n+1 && b.Stats().EventBytes == 0 })
	if _, most, _ := g.counts(); most > 4<<20 {
		t.Errorf("%d bytes were posted at once", most)
	}
}

func TestAStopLeavesTheRecordsThatWaitForRoom(t *testing.T) {
	const large, n = 900_000, 6
	g := &door{open: make(chan struct{})}
	b := newBench(t, func(c *function.Config) {
		c.Endpoints, c.EventBytes = g, 8<<20 // room for four
		for i := range n {
			e := &function.Event{ID: fmt.Sprint(i), Function: ref("f"), Endpoint: hook, Payload: []byte(strings.Repeat("x", large)), Accepted: time.Now()}
			if c.Store.PutEvent(t.Context(), e) != nil {
				t.Fatal("an event was not stored")
			}
		}
	})
	eventually(t, "four are posted and two wait", func() bool {
		now, _, _ := g.counts()
		return now == 4*large && b.Stats().EventsWaiting == 2
	})
	stopped := make(chan struct{})
	go func() { defer close(stopped); b.stop() }()
	eventually(t, "the host stops", func() bool {
		_, err := b.InvokeAsync(t.Context(), function.Request{Function: ref("f")})
		return belfry.KindOf(err) == belfry.Unavailable
	})
	eventually(t, "two have left", func() bool { return b.Stats().EventsWaiting == 0 })
	close(g.open)
	<-stopped
	if _, _, got := g.counts(); got != 4 {
		t.Errorf("%d records were posted, want those four that were under way", got)
	}
	b.start()
	eventually(t, "the others come after the next start", func() bool { _, _, got := g.counts(); return got == n })
}
