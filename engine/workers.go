package engine

import (
	"context"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belfry-run/belfry"
)

// workers make attempts. Their number follows the targets: few do for targets
// that answer at once, and more goroutines would only grow more stacks; targets
// that take their time get as many as there are attempts.
type workers struct {
	queue chan delivery // room for every slot, so that who holds one never waits here
	wake  chan struct{} // cap 1: the queue stands
	all   sync.WaitGroup

	alive atomic.Int64
	idle  atomic.Int64 // of them, those that wait for work
	ended atomic.Int64 // attempts so far
}

const (
	// firstWorkers are there without a delay: enough to keep two cores busy and
	// the disk's group commit full.
	firstWorkers = 32
	// growEvery is how long a queue may stand before there are more workers: as
	// many again, if in that time fewer than one in growShare has ended an attempt,
	// so that an attempt takes more than 8 ms.
	growEvery = 4 * time.Millisecond
	growShare = 2
	// A machine that has more to do than it can is told by growReady goroutines
	// that wait for a processor, and by a wake-up that comes growLate and not
	// growEvery after the last. More workers would make it slower, which would ask
	// for more again, so there are more only when that goes on until growAtLast.
	growReady  = 8
	growLate   = 5 * time.Millisecond
	growAtLast = 50 * time.Millisecond
	// idleWorkers bounds the goroutines kept for the next attempts: their stacks
	// have grown to what an attempt needs, which costs more than the engine's own work.
	idleWorkers = 256
)

func newWorkers(slots int) *workers {
	return &workers{queue: make(chan delivery, slots), wake: make(chan struct{}, 1)}
}

// launch hands the attempt to a worker. The caller has been let in for it; what
// it holds is given back when the attempt's end is stored.
func (e *Engine) launch(ctx context.Context, d delivery) {
	e.running.Add(1)
	e.c.Metrics.inFlight.Inc()
	w := e.workers
	w.queue <- d
	switch {
	case w.idle.Load() > 0: // the one that takes an attempt looks whether there is another
	case w.alive.Load() < firstWorkers:
		e.hire(ctx, 1)
	default:
		w.stands()
	}
}

// stands tells that the queue is not empty and perhaps nobody is idle.
func (w *workers) stands() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (e *Engine) hire(ctx context.Context, n int) {
	w := e.workers
	w.alive.Add(int64(n))
	for range n {
		w.all.Go(func() { e.work(ctx) })
	}
}

// work makes attempts until the queue is closed, or there are enough idle
// workers. It goes on after ctx has ended: what is still queued gives its slot
// back.
func (e *Engine) work(ctx context.Context) {
	w := e.workers
	defer w.alive.Add(-1)
	for {
		select {
		case d, ok := <-w.queue:
			if !ok {
				return
			}
			e.deliver(ctx, &d)
			w.ended.Add(1)
			continue
		default:
		}
		if w.idle.Add(1) > idleWorkers {
			w.idle.Add(-1)
			return
		}
		d, ok := <-w.queue
		w.idle.Add(-1)
		if !ok {
			return
		}
		if len(w.queue) > 0 {
			w.stands() // its launch may have counted on this worker
		}
		e.deliver(ctx, &d)
		w.ended.Add(1)
	}
}

// grow hires workers while the queue stands, until ctx ends.
func (e *Engine) grow(ctx context.Context) {
	w := e.workers
	ready := []metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}}
	for {
		select {
		case <-w.wake:
		case <-ctx.Done():
			return
		}
		looked, before := e.c.Clock.Now(), w.ended.Load()
		for len(w.queue) > 0 && ctx.Err() == nil {
			asleep := e.c.Clock.Now()
			e.sleep(ctx, growEvery)
			now := e.c.Clock.Now()
			metrics.Read(ready)
			busy := now.Sub(asleep) > growLate || ready[0].Value.Uint64() > growReady || len(e.endings) == cap(e.endings)
			if busy && now.Sub(looked) < growAtLast {
				continue
			}
			ended, alive := w.ended.Load(), w.alive.Load()
			if waiting := int64(len(w.queue)); waiting > 0 && (ended-before)*growShare < alive {
				e.hire(ctx, int(min(waiting, max(alive, 1))))
			}
			looked, before = now, ended
		}
	}
}

// An ending is an attempt that has ended and is to be recorded.
type ending struct {
	delivery
	finish belfry.Finish
}

// finishBatch bounds the ends that one durable step records.
const finishBatch = 512

// recordEnds stores what became of attempts, all that have ended meanwhile in
// one step, until there are no more to come.
func (e *Engine) recordEnds(ctx context.Context) {
	batch := make([]*ending, 0, finishBatch)
	for first := range e.endings {
		batch = append(batch[:0], first)
	gather:
		for len(batch) < finishBatch {
			select {
			case next, ok := <-e.endings:
				if !ok {
					break gather
				}
				batch = append(batch, next)
			default:
				break gather
			}
		}
		e.record(ctx, batch)
		for _, end := range batch {
			e.over(&end.ticket)
		}
		clear(batch)
	}
}

// over gives back what an attempt held.
func (e *Engine) over(t *ticket) {
	e.c.Metrics.inFlight.Dec()
	e.release(t)
	e.running.Done()
}
