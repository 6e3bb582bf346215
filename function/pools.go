package function

import (
	"container/list"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
)

// pools owns the instances that nobody uses, and decides who gets the next
// one. A caller that finds none idle waits for the first of two things: that
// one becomes idle, or that it may start another.
type pools struct {
	perFunction  int           // instances of one function at once
	maxInstances int           // of all functions, and blanks, at once; 0: no limit
	maxStarts    int           // processes on their way up at once
	budget       int           // MB that all instances may have been promised
	maxWaiting   int           // callers that may wait at once
	maxWait      time.Duration // of one of them
	now          func() time.Time
	room         func() // told when there may be room for another start; it does not block
	refill       func() // told when there may be too few blanks; it does not block

	mu       sync.Mutex // guards what follows
	byRef    map[Ref]versions
	hungry   []*pool    // those with waiters, the next to be served first
	idle     *list.List // of *instance, the one that has been idle longest first
	live     int        // instances, those on their way up included
	starting int
	ahead    int // of them, those that nobody waits for
	memory   int // MB
	waiting  int
	changes  uint64             // of functions; tells a reader that what it read may be old
	all      map[*instance]bool // that are in use or idle
	closed   bool

	moulds map[string]*mould // that starts have asked for lately, by name

	usedAhead, unusedAhead uint64 // instances that were started ahead, by whether they have served
}

// versions are the pools of one function's versions, by number. What bounds the
// function bounds them together.
type versions map[int]*pool

// live counts the function's instances.
func (v versions) live() (n int) {
	for _, p := range v {
		n += p.live
	}
	return n
}

// busy counts the function's invocations, those that wait included.
func (v versions) busy() (n int) {
	for _, p := range v {
		n += p.busy() + len(p.waiters)
	}
	return n
}

// A pool is what is known of one version of a function.
type pool struct {
	current *Function // nil when it is not known, or deleted
	checked time.Time // when current was read from the store
	live    int
	ahead   int         // starts that nobody waited for when they began; one for each of the first waiters
	idle    []*instance // the most recently used last
	waiters []*waiter
	inits   recent // what starts have taken
}

type waiter struct{ granted chan grant } // has room for one

// A grant is an idle instance, or the right to start one of fn.
// None of both: the function was deleted, or the host closed, meanwhile.
type grant struct {
	in *instance
	fn *Function
}

// instanceUse says who may touch an instance.
type instanceUse uint8

const (
	inUse  instanceUse = iota // whoever took it
	unused                    // the pool
	gone                      // nobody; it ends when its process has exited
)

// get returns the pool of f's version.
func (s *pools) get(f *Function) *pool {
	all := s.byRef[f.Ref]
	if all == nil {
		all = versions{}
		s.byRef[f.Ref] = all
	}
	p := all[f.Version]
	if p == nil {
		p = &pool{}
		all[f.Version] = p
	}
	return p
}

// acquire returns an instance of f, or the right to start one. A patient caller
// waits for it until ctx ends, and is refused only beyond the function's own limit.
func (s *pools) acquire(ctx context.Context, f *Function, patient bool) (grant, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return grant{}, stopping()
	}
	p := s.get(f)
	if r := f.Reserved; r != nil && s.byRef[f.Ref].busy() >= *r {
		s.tidy(f, p)
		s.mu.Unlock()
		return grant{}, overReserved()
	}
	if n := len(p.idle); n > 0 {
		in := p.idle[n-1]
		s.unidle(p, in)
		s.take(in)
		s.mu.Unlock()
		return grant{in: in}, nil
	}
	if len(p.waiters) == p.ahead && s.reserve(p, f, false) {
		s.mu.Unlock()
		return grant{fn: f}, nil
	}
	if s.waiting >= s.maxWaiting && !patient {
		s.mu.Unlock()
		return grant{}, throttled()
	}
	w := &waiter{granted: make(chan grant, 1)}
	if len(p.waiters) == 0 {
		s.hungry = append(s.hungry, p)
	}
	p.waiters = append(p.waiters, w)
	if p.current == nil {
		p.current = f
	}
	s.waiting++
	s.mu.Unlock()

	t := time.NewTimer(s.maxWait)
	defer t.Stop()
	var err error
	for err == nil {
		select {
		case g := <-w.granted:
			return s.check(g, f)
		case <-t.C:
			if t.Reset(s.maxWait); !patient && !s.isComing(p, w) {
				err = throttled()
			}
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	s.mu.Lock()
	if i := slices.Index(p.waiters, w); i >= 0 {
		p.waiters = slices.Delete(p.waiters, i, i+1)
		s.fed(p)
		s.room()
		s.mu.Unlock()
		return grant{}, err
	}
	s.mu.Unlock()
	return s.check(<-w.granted, f) // it came at the same time
}

// isComing says whether an instance for the waiter is being started already:
// then it waits, as it would for a start of its own.
func (s *pools) isComing(p *pool, w *waiter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(p.waiters, w)
	return i >= 0 && i < p.ahead
}

// check turns a grant of nothing into the reason for it.
func (s *pools) check(g grant, f *Function) (grant, error) {
	if g.in != nil || g.fn != nil {
		return g, nil
	}
	if s.isClosed() {
		return g, stopping()
	}
	return g, notFound(f.Ref, "")
}

func (s *pools) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func stopping() error {
	return &belfry.Error{Kind: belfry.Unavailable, Code: "ServiceException", Message: "The function host is stopping."}
}

func throttled() error {
	return &belfry.Error{Kind: belfry.Throttled, Code: "TooManyRequestsException", Message: "Rate Exceeded."}
}

// fed notes that a waiter of p has left.
func (s *pools) fed(p *pool) {
	s.waiting--
	if len(p.waiters) == 0 {
		s.hungry = slices.DeleteFunc(s.hungry, func(q *pool) bool { return q == p })
	}
}

// reserve takes the right to start an instance of f when there is room, ending
// idle ones where that makes it; ahead says that nobody waits for it, and that
// those that are promised are kept.
func (s *pools) reserve(p *pool, f *Function, ahead bool) bool {
	if s.closed || s.byRef[f.Ref].live() >= s.perFunction || s.starting >= s.maxStarts {
		return false
	}
	need := min(f.Memory, s.budget) // one that is larger than all there is runs alone
	if !s.makeRoom(need, ahead) {
		return false
	}
	p.live++
	s.live++
	s.starting++
	s.memory += need
	return true
}

// feed serves waiters from the room that has become free.
func (s *pools) feed() {
	for i := 0; i < len(s.hungry) && s.starting < s.maxStarts; {
		p := s.hungry[i]
		if len(p.waiters) <= p.ahead || !s.reserve(p, p.current, false) {
			i++
			continue
		}
		s.hungry = append(slices.Delete(s.hungry, i, i+1), p) // turn by turn
		w := p.waiters[0]
		p.waiters = p.waiters[1:]
		s.fed(p)
		w.granted <- grant{fn: p.current}
	}
	s.room()
}

// started notes that a reserved start has ended; in stays in use. took is for how
// long; 0 when it failed.
func (s *pools) started(in *instance, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starting--
	if p := s.get(in.fn); took > 0 && p.current != nil && p.current.Revision == in.fn.Revision {
		p.inits.add(took)
	}
	s.feed()
}

// abandon gives back the right to start an instance of f that came to nothing.
func (s *pools) abandon(f *Function) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starting--
	s.uncount(f)
	s.feed()
}

func (s *pools) uncount(f *Function) {
	p := s.get(f)
	p.live--
	s.live--
	s.memory -= min(f.Memory, s.budget)
	s.tidy(f, p)
}

// tidy forgets the pool of f's version if it has nothing left to say.
func (s *pools) tidy(f *Function, p *pool) {
	if p.current != nil || p.live > 0 || p.ahead > 0 || len(p.waiters) > 0 {
		return
	}
	delete(s.byRef[f.Ref], f.Version)
	if len(s.byRef[f.Ref]) == 0 {
		delete(s.byRef, f.Ref)
	}
}

// release takes an instance back that can serve again.
func (s *pools) release(in *instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(in)
}

func (s *pools) put(in *instance) (idle bool) {
	p := s.get(in.fn)
	if s.closed || p.current == nil || p.current.Revision != in.fn.Revision || in.hasExited() || s.now().Sub(in.born) >= maxInstanceAge {
		s.drop(in)
		s.feed()
		return false
	}
	if len(p.waiters) > 0 {
		w := p.waiters[0]
		p.waiters = p.waiters[1:]
		s.fed(p)
		s.take(in)
		w.granted <- grant{in: in}
		return false
	}
	in.use, in.idleSince = unused, s.now()
	in.place = s.idle.PushBack(in)
	p.idle = append(p.idle, in)
	if len(s.hungry) > 0 {
		s.feed()
	}
	return in.use == unused
}

// discard takes an instance back that must not serve again.
func (s *pools) discard(in *instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(in)
	s.feed()
}

// exited is told of a process that has exited.
func (s *pools) exited(in *instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch in.use {
	case unused:
		s.retire(in)
		s.feed()
	case gone:
		in.end()
	case inUse: // its user will notice
	}
}

func (s *pools) unidle(p *pool, in *instance) {
	s.idle.Remove(in.place)
	in.place = nil
	p.idle = slices.DeleteFunc(p.idle, func(o *instance) bool { return o == in })
}

// retire ends an idle instance.
func (s *pools) retire(in *instance) {
	s.unidle(s.get(in.fn), in)
	s.drop(in)
}

// drop ends an instance that is not in the list of the idle.
func (s *pools) drop(in *instance) {
	in.use = gone
	delete(s.all, in)
	if in.ahead {
		s.unusedAhead++
	}
	s.uncount(in.fn)
	in.end()
}

// retireIdle ends the instances that have been idle since before t, but for those
// that are promised.
func (s *pools) retireIdle(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var next *list.Element
	for e := s.idle.Front(); e != nil; e = next {
		next = e.Next()
		in := e.Value.(*instance) //nolint:forcetypeassert // the list has nothing else
		if !in.idleSince.Before(t) {
			break
		}
		if !s.isPromised(in) {
			s.retire(in)
		}
	}
	s.feed()
}

// cached returns the version of the function when what is known of it is not
// older than maxAge, and otherwise the mark to remember it with.
func (s *pools) cached(ref Ref, version int, maxAge time.Duration) (f *Function, mark uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.byRef[ref][version]; p != nil && p.current != nil && s.now().Sub(p.checked) < maxAge {
		return p.current, 0
	}
	return nil, s.changes
}

// remember keeps what was read from the store, unless it has changed since mark.
func (s *pools) remember(f *Function, mark uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes == mark {
		s.set(f)
	}
}

// changed is told of a function that was stored.
func (s *pools) changed(f *Function) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	s.set(f)
}

func (s *pools) set(f *Function) {
	p := s.get(f)
	old := p.current
	p.current, p.checked = f, s.now()
	if old != nil && old.Revision != f.Revision {
		p.inits = recent{}
		for len(p.idle) > 0 {
			s.retire(p.idle[0])
		}
		s.feed()
	}
}

// deleted is told of versions of a function that are no more; of none in
// particular when all are.
func (s *pools) deleted(ref Ref, numbers ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	if len(numbers) == 0 {
		numbers = slices.Collect(maps.Keys(s.byRef[ref]))
	}
	for _, n := range numbers {
		p := s.byRef[ref][n]
		if p == nil {
			continue
		}
		for len(p.idle) > 0 {
			s.retire(p.idle[0])
		}
		p.current = nil
		s.sendAway(p)
		s.tidy(&Function{Ref: ref, Version: n}, p)
	}
	s.feed()
}

// sendAway tells the waiters of p that there is nothing to wait for.
func (s *pools) sendAway(p *pool) {
	for len(p.waiters) > 0 {
		w := p.waiters[0]
		p.waiters = p.waiters[1:]
		s.fed(p)
		w.granted <- grant{}
	}
}

// add takes note of an instance that was launched.
func (s *pools) add(in *instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[in] = true
	if s.closed {
		in.kill()
	}
}

// close ends all instances, those in use too, and refuses callers from now on.
func (s *pools) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, p := range slices.Clone(s.hungry) {
		s.sendAway(p)
	}
	for e := s.idle.Front(); e != nil; e = s.idle.Front() {
		s.retire(e.Value.(*instance))
	}
	for name := range s.moulds {
		s.forgetMould(name)
	}
	for in := range s.all {
		in.kill()
	}
}

func newPools(cfg *Config) *pools {
	return &pools{
		perFunction: cfg.PerFunction, maxInstances: cfg.MaxInstances, maxStarts: maxStarts(), budget: cfg.MemoryBudget,
		maxWaiting: cfg.MaxWaiting, maxWait: cfg.MaxWait, now: cfg.Clock.Now, room: func() {}, refill: func() {},
		byRef: map[Ref]versions{}, idle: list.New(), all: map[*instance]bool{}, moulds: map[string]*mould{},
	}
}
