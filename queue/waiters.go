package queue

import (
	"math"
	"sync"
)

// waiters are the receives that wait for a message. A wake is never lost: it
// goes to a waiter that is there, and one that leaves with its wake unused
// hands it on.
type waiters struct {
	mu      sync.Mutex
	byQueue map[QueueID][]*waiter // longest waiting first; guarded by mu
}

type waiter struct {
	queue QueueID
	woken chan struct{} // holds at most one wake
}

// join adds a waiter. It must be there before its caller looks for messages.
func (w *waiters) join(id QueueID) *waiter {
	x := &waiter{queue: id, woken: make(chan struct{}, 1)}
	w.mu.Lock()
	w.add(x)
	w.mu.Unlock()
	return x
}

func (w *waiters) add(x *waiter) {
	if w.byQueue == nil {
		w.byQueue = map[QueueID][]*waiter{}
	}
	w.byQueue[x.queue] = append(w.byQueue[x.queue], x)
}

// rejoin makes x wait again after it has taken its wake.
func (w *waiters) rejoin(x *waiter) {
	w.mu.Lock()
	w.add(x)
	w.mu.Unlock()
}

// leave removes x, and hands on a wake that it did not take.
func (w *waiters) leave(x *waiter) {
	w.mu.Lock()
	list := w.byQueue[x.queue]
	for i, y := range list {
		if y == x {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	w.set(x.queue, list)
	unused := len(x.woken) > 0
	w.mu.Unlock()
	if unused {
		w.wake(x.queue, 1)
	}
}

func (w *waiters) set(id QueueID, list []*waiter) {
	if len(list) == 0 {
		delete(w.byQueue, id)
		return
	}
	w.byQueue[id] = list
}

// wake wakes the n longest waiting.
func (w *waiters) wake(id QueueID, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.byQueue[id]
	n = min(n, len(list))
	for _, x := range list[:n] {
		x.woken <- struct{}{} // has room: x was in the list, so it holds no wake
	}
	if n > 0 {
		w.set(id, list[n:])
	}
}

// wakeAll wakes all that wait for the queue: it is not what it was.
func (w *waiters) wakeAll(id QueueID) { w.wake(id, math.MaxInt) }
