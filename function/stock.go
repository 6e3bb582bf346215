package function

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-run/belfry/function/sandbox"
)

// A blank is a process that is up, sandbox and interpreter, and has no function
// yet: a start that takes one is spared the wait for both. It gets the function's
// code and settings, runs that function alone, and ends as its instance. Blanks
// are kept for the kinds that starts have asked for lately, and are the first to
// go when memory is short.

// A mould is a kind of blank: a function that asks for another command, another
// environment at the start or another way out needs another kind.
type mould struct {
	launch launch // without a function's own
	size   int    // blanks to keep
	used   time.Time
	ready  []*instance
}

const (
	blankMemory = 128 // MB that a blank may use, and is promised
	mouldsKept  = 8   // kinds
	// mouldAge is for how long blanks of a kind are kept after a start has asked.
	mouldAge = 15 * time.Minute
	// stockPause is between a start and those of blanks to replace what it took:
	// more starts may follow.
	stockPause = 50 * time.Millisecond
	// blankVariable tells a bootstrap that nobody waits for it yet: it does what it
	// does only once, such as loading what loads code, before it has a function. It is
	// the folder where the code will be. An assignment takes it out of the environment.
	blankVariable = "_BELFRY_BLANK"
)

// DefaultPool is how many blanks there are of a kind, by language.
func DefaultPool() map[string]int {
	return map[string]int{pythonLanguage.runtimes: 2, nodeLanguage.runtimes: 1}
}

// ParsePool reads sizes such as 4, for every language, or python=4,nodejs=0; those
// that are not named keep their default.
func ParsePool(s string) (map[string]int, error) {
	sizes := DefaultPool()
	if n, err := strconv.Atoi(s); err == nil && n >= 0 {
		for l := range sizes {
			sizes[l] = n
		}
		return sizes, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		name, value, _ := strings.Cut(part, "=")
		n, err := strconv.Atoi(value)
		if _, known := sizes[name]; !known || err != nil || n < 0 {
			return nil, fmt.Errorf("%q is not a size of the pool; give a number, or numbers by language, such as python=2,nodejs=1", part)
		}
		sizes[name] = n
	}
	return sizes, nil
}

// splitMounts takes what is a function's own out of the mounts.
func splitMounts(all []sandbox.Mount) (common, own []sandbox.Mount) {
	for _, m := range all {
		if m.Target == isolatedTask || m.Target == isolatedOpt {
			own = append(own, m)
		} else {
			common = append(common, m)
		}
	}
	return common, own
}

// mouldOf returns the kind of blank that a launch can use, and its name; ok is
// false when there can be none.
func (h *Host) mouldOf(l *launch, runtime string) (name string, m *mould, ok bool) {
	language := languageOf(runtime)
	if l.assign == nil || language == nil || len(l.mounts) == 0 || h.cfg.Pool[language.runtimes] == 0 {
		return "", nil, false
	}
	m = &mould{launch: *l, size: h.cfg.Pool[language.runtimes]}
	m.launch.mounts, _ = splitMounts(l.mounts)
	m.launch.places = []string{isolatedTask, isolatedOpt}
	m.launch.memory, m.launch.storage, m.launch.assign, m.launch.files = blankMemory, DefaultStorage, nil, nil
	env := environList(l.env)
	slices.Sort(env)
	return fmt.Sprintf("%q %q %v %q %q", l.argv, env, l.private, l.proxy, m.launch.mounts), m, true
}

// adopt makes a blank the instance of f, when there is one that can be.
func (h *Host) adopt(ctx context.Context, f *Function, l *launch) *instance {
	name, m, ok := h.mouldOf(l, f.Runtime)
	if !ok {
		return nil
	}
	in := h.pools.takeBlank(name, m)
	if in == nil {
		return nil
	}
	_, own := splitMounts(l.mounts)
	p, isolated := in.process.(isolated)
	if !isolated {
		in.end()
		return nil
	}
	// The process takes its environment while the sandbox gives it its files.
	tell := func() error { return in.tell(l.assign) }
	if err := p.Assign(ctx, sandbox.Assignment{Mounts: own, Memory: f.Memory, Storage: f.Storage}, tell); err != nil {
		h.log.DebugContext(ctx, "a process of the pool could not be used", "function", f.ARN(), "error", err)
		in.end()
		return nil
	}
	h.counts.pooled.Add(1)
	return in
}

// stock keeps blanks until ctx ends.
func (h *Host) stock(ctx context.Context) {
	for {
		select {
		case <-h.restock:
		case <-ctx.Done():
			return
		}
		for {
			select {
			case <-time.After(stockPause):
			case <-ctx.Done():
				return
			}
			m := h.pools.wantBlank()
			if m == nil {
				break
			}
			var in *instance
			err := h.cfg.Apart.Round(ctx, "fill the pool", func() (err error) {
				in, err = h.startBlank(ctx, m.launch)
				return err
			})
			if err != nil && ctx.Err() == nil {
				h.log.WarnContext(ctx, "a process for the pool could not be started", "command", m.launch.argv[0], "error", err)
			}
			h.pools.addBlank(m, in)
		}
	}
}

func (h *Host) startBlank(ctx context.Context, l launch) (*instance, error) {
	in := &instance{exited: make(chan struct{}), ended: make(chan struct{})}
	link, theirs, err := newFramed()
	if err != nil {
		return nil, err
	}
	in.link, l.files = link, []*os.File{theirs}
	l.env = maps.Clone(l.env)
	l.env[blankVariable] = isolatedTask
	err = h.exec(ctx, in, &l)
	theirs.Close() // the process has its own
	if err != nil {
		link.close()
		return nil, err
	}
	h.processes.Go(func() {
		<-in.exited
		h.pools.blankExited(in)
		<-in.ended
	})
	return in, nil
}

// takeBlank returns a blank of that kind; nil: there is none. From now on some
// are kept.
func (s *pools) takeBlank(name string, like *mould) *instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.moulds[name]
	if m == nil {
		m = like
		s.moulds[name] = m
	}
	m.used = s.now()
	for len(s.moulds) > mouldsKept {
		oldest := ""
		for n, o := range s.moulds {
			if oldest == "" || o.used.Before(s.moulds[oldest].used) {
				oldest = n
			}
		}
		s.forgetMould(oldest)
	}
	s.refill()
	for len(m.ready) > 0 {
		in := m.ready[0]
		m.ready = m.ready[1:]
		s.memory -= s.blankNeed()
		if !in.hasExited() {
			return in
		}
		in.end()
	}
	return nil
}

func (s *pools) blankNeed() int { return min(blankMemory, s.budget) }

// wantBlank takes the right to start a blank, and returns of which kind; nil:
// there are enough, or it has to wait for callers or for memory.
func (s *pools) wantBlank() *mould {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.starting > 0 || len(s.hungry) > 0 || !s.fits(s.blankNeed()) {
		return nil // room will be told
	}
	for _, m := range s.moulds {
		if len(m.ready) < m.size {
			s.memory += s.blankNeed()
			return m
		}
	}
	return nil
}

// addBlank takes a blank for which wantBlank took the right; nil: its start failed.
// A kind that cannot be started is not tried again, until it has been forgotten.
func (s *pools) addBlank(m *mould, in *instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := slices.Contains(slices.Collect(maps.Values(s.moulds)), m)
	switch {
	case in == nil:
		m.size = 0
	case s.closed || !kept || in.hasExited():
		m.size = 0
		in.end()
	default:
		m.ready = append(m.ready, in)
		return
	}
	s.memory -= s.blankNeed()
	s.feed()
}

// blankExited is told of a process that was started as a blank and has exited.
func (s *pools) blankExited(in *instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.moulds {
		if i := slices.Index(m.ready, in); i >= 0 {
			m.ready = slices.Delete(m.ready, i, i+1)
			m.size = 0
			s.memory -= s.blankNeed()
			in.end()
			s.feed()
		}
	}
}

// dropBlanks ends blanks until so much memory can be promised.
func (s *pools) dropBlanks(need int) {
	for _, m := range s.moulds {
		for len(m.ready) > 0 && !s.fits(need) {
			s.dropBlank(m)
		}
	}
}

func (s *pools) dropBlank(m *mould) {
	in := m.ready[0]
	m.ready = m.ready[1:]
	s.memory -= s.blankNeed()
	in.end()
}

func (s *pools) forgetMould(name string) {
	m := s.moulds[name]
	for len(m.ready) > 0 {
		s.dropBlank(m)
	}
	delete(s.moulds, name)
}

// forgetMoulds ends the blanks of the kinds that no start has asked for since t.
func (s *pools) forgetMoulds(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, m := range s.moulds {
		if m.used.Before(t) {
			s.forgetMould(name)
		}
	}
}

// blanks counts the processes that have no function yet.
func (s *pools) blanks() (n int) {
	for _, m := range s.moulds {
		n += len(m.ready)
	}
	return n
}
