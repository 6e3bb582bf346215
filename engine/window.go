package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
)

// loop is the part of the due queue that is in memory: the entries due within
// the horizon, in order. Only the loop's goroutine touches it, save arrivals.
type loop struct {
	wake chan struct{} // cap 1: something arrived, or a slot is free again

	mu       sync.Mutex
	arrivals []belfry.DueItem // guarded by mu: entries stored since the last look
	arrived  int              // guarded by mu: their size in bytes
	lost     bool             // guarded by mu: some were too large to keep, and have to be read
	far      time.Time        // guarded by mu: the earliest entry stored since that is not near

	quiet    time.Duration    // monotonic: nothing is started before; 0 is none
	window   []belfry.DueItem // ascending
	bytes    int              // size of what is in the window
	through  *belfry.Due      // entries up to here have been read; nil is none
	more     bool             // the window was too small for all within the horizon
	nextRead time.Time        // when to read on, if not more
	rescan   time.Time        // when to read from the start again
}

// arrived tells the loop of an entry that was stored. It is called after the
// store has said yes, so an entry is either in what the loop reads later or
// comes this way; one that comes both ways is started once.
func (e *Engine) arrived(d *belfry.Due, s *belfry.Schedule) {
	if d == nil {
		return
	}
	e.arrivedItem(belfry.DueItem{Due: *d, Spec: s})
}

func (e *Engine) arrivedItem(it belfry.DueItem) {
	near := e.c.Clock.Now().Add(2 * horizon)
	l := &e.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	if !it.At.After(near) {
		if size := it.Size(); l.arrived+size > readBytes {
			l.lost = true
		} else {
			l.arrived += size
			l.arrivals = append(l.arrivals, it)
		}
	} else if l.far.IsZero() || it.At.Before(l.far) {
		l.far = it.At
	} else {
		return
	}
	l.poke()
}

func (l *loop) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// absorb puts the arrivals into the window. Those beyond what has been read
// are left to be read, in time.
func (e *Engine) absorb() {
	l := &e.loop
	l.mu.Lock()
	arrived, far, lost := l.arrivals, l.far, l.lost
	l.arrivals, l.arrived, l.far, l.lost = nil, 0, time.Time{}, false
	l.mu.Unlock()
	if lost {
		e.forget()
	}
	if !far.IsZero() {
		l.nextRead = earlierOf(l.nextRead, far.Add(-horizon/2))
	}
	if len(arrived) > 0 {
		e.ahead.arrived(arrived, e.now())
	}
	if l.through == nil {
		return
	}
	n := len(l.window)
	for i := range arrived {
		if l.through.Before(&arrived[i].Due) {
			l.nextRead = earlierOf(l.nextRead, arrived[i].At.Add(-horizon/2))
		} else {
			l.window = append(l.window, arrived[i])
			l.bytes += arrived[i].Size()
		}
	}
	if len(l.window) > n {
		slices.SortFunc(l.window, func(a, b belfry.DueItem) int {
			if a.Before(&b.Due) {
				return -1
			}
			if b.Before(&a.Due) {
				return 1
			}
			return 0
		})
	}
}

// drop takes the first n entries out of the window.
func (l *loop) drop(n int) {
	for i := range n {
		l.bytes -= l.window[i].Size()
	}
	clear(l.window[:n]) // the window's array outlives them
	l.window = l.window[n:]
}

// forget drops what is in memory; it is read again.
func (e *Engine) forget() {
	l := &e.loop
	l.window, l.bytes, l.through, l.more = nil, 0, nil, false
	l.rescan = time.Time{}
	e.gates.forget()
}

// fill reads on to the horizon, as far as there is room.
func (e *Engine) fill(ctx context.Context, now time.Time) error {
	l := &e.loop
	if !now.Before(l.rescan) {
		e.forget()
		l.rescan = now.Add(rescanFactor * e.c.MaxSleep)
	}
	switch {
	case l.through == nil:
	case l.more && len(l.window) <= windowMax/2 && l.bytes <= windowBytes/2:
	case !l.more && !now.Before(l.nextRead):
	default:
		return nil
	}
	until := now.Add(horizon)
	items, more, err := e.c.Store.Due(ctx, l.through, until, windowMax-len(l.window), windowBytes-l.bytes)
	if err != nil {
		return err
	}
	l.window = append(l.window, items...)
	for i := range items {
		l.bytes += items[i].Size()
	}
	if l.more = more; l.more {
		last := items[len(items)-1].Due
		l.through = &last
	} else {
		l.through = &belfry.Due{At: until, Retry: true, Occurrence: belfry.Occurrence{Schedule: 1<<63 - 1}}
		next, err := e.c.Store.NextDue(ctx, l.through)
		if err != nil {
			return err
		}
		l.nextRead = l.rescan
		if !next.IsZero() {
			l.nextRead = laterOf(now.Add(horizon/2), next.Add(-horizon/2))
		}
	}
	e.ahead.read(items, l.through, now)
	// What arrived while the store was read lies behind some of it.
	e.absorb()
	return nil
}
