package function

import (
	"slices"
	"time"
)

// What the pools do for instances that nobody waits for yet.

// An aheadAnswer says what to do for a function that will be invoked.
type aheadAnswer uint8

const (
	haveEnough aheadAnswer = iota
	startOne               // the right to is taken
	notYet                 // others start, or callers wait for that
	noRoom                 // no memory, or no more instances of the function are allowed
)

// maxAhead bounds the starts that nobody waits for: the other half is for callers.
func maxAhead() int { return max(maxStarts()/2, 1) }

// reserveAhead takes the right to start an instance of f, when fewer than want
// are idle or about to be. The idle ones are promised to the time due.
func (s *pools) reserveAhead(f *Function, want int, due time.Time) aheadAnswer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return haveEnough
	}
	p := s.get(f)
	if p.current == nil {
		p.current = f
	}
	if f.Reserved != nil {
		want = min(want, *f.Reserved-s.byRef[f.Ref].busy())
	}
	for _, in := range p.idle[max(len(p.idle)-max(want, 0), 0):] { // those that are taken first
		if due.After(in.promised) {
			in.promised = due
		}
	}
	switch {
	case len(p.idle)+p.ahead >= want:
		return haveEnough
	case s.ahead >= maxAhead() || s.starting >= s.maxStarts || s.starving():
		return notYet
	case !s.reserve(p, f, true):
		return noRoom
	}
	p.ahead++
	s.ahead++
	return startOne
}

// promisedAt returns the idle instances of f that are kept for the time due.
func (s *pools) promisedAt(f *Function, due time.Time) (kept []*instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, in := range s.get(f).idle {
		if in.promised.Equal(due) {
			kept = append(kept, in)
		}
	}
	return kept
}

// endAhead notes that a start for which reserveAhead took the right came to
// nothing.
func (s *pools) endAhead(f *Function) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uncountAhead(f)
}

func (s *pools) uncountAhead(f *Function) {
	p := s.get(f)
	p.ahead--
	s.ahead--
	s.tidy(f, p)
	s.feed()
}

// lay takes an instance that was started ahead, for an invocation that is due,
// and says whether it is idle now.
func (s *pools) lay(in *instance, due time.Time) (idle bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in.promised, in.ahead = due, true
	idle = s.put(in)
	s.uncountAhead(in.fn)
	return idle && in.use == unused
}

// makeRoom ends blanks, then idle instances, until there is room for one that is
// promised so much memory, in MB: the one that has been idle longest first, those that are promised last; ahead, these
// not at all, and none when that would not do.
func (s *pools) makeRoom(need int, ahead bool) bool {
	s.dropBlanks(need)
	var free, promised []*instance
	for e := s.idle.Front(); e != nil; e = e.Next() {
		if in := e.Value.(*instance); s.isPromised(in) { //nolint:forcetypeassert // the list has nothing else
			promised = append(promised, in)
		} else {
			free = append(free, in)
		}
	}
	if ahead {
		gain := 0
		for _, in := range free {
			gain += min(in.fn.Memory, s.budget)
		}
		if s.memory-gain+need > s.budget || s.full(len(free)) {
			return false
		}
	}
	for _, in := range slices.Concat(free, promised) {
		if s.fits(need) {
			break
		}
		s.retire(in)
	}
	return s.fits(need)
}

// fits says whether there is room for one more instance that needs so much memory, MB.
func (s *pools) fits(need int) bool { return s.memory+need <= s.budget && !s.full(0) }

// full says whether there can be no more instances, also when so many had ended.
func (s *pools) full(without int) bool {
	return s.maxInstances > 0 && s.live+s.blanks()-without >= s.maxInstances
}

// starving says whether a caller waits for a start that has not begun.
func (s *pools) starving() bool {
	return slices.ContainsFunc(s.hungry, func(p *pool) bool { return len(p.waiters) > p.ahead })
}

// busy counts the instances that callers have, or start.
func (p *pool) busy() int { return max(p.live-len(p.idle)-p.ahead, 0) }

// isPromised says whether an idle instance is about to be needed.
func (s *pools) isPromised(in *instance) bool {
	return in.promised.After(s.now().Add(-promiseGrace))
}

// take hands an instance to somebody who uses it.
func (s *pools) take(in *instance) {
	in.use, in.promised = inUse, time.Time{}
	if in.ahead {
		in.ahead = false
		s.usedAhead++
	}
}

// lead returns how long before its time an instance of a function is to be
// started, and how long a start of it takes: that of its slowest version.
func (s *pools) lead(ref Ref) (lead, init time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.byRef[ref] {
		init = max(init, p.inits.p95())
	}
	if init == 0 {
		init = unknownInit
	}
	return min(max(init+leadMargin, shortestLead), longestLead), init
}
