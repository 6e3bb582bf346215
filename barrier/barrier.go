// Package barrier keeps one damaged object from ending the process, or from
// holding up its neighbours.
//
// Whoever works on many stored objects does each one behind a barrier: a panic
// or an error in it is logged, counted and remembered under the object's name,
// and the caller goes on with the rest. An object that has failed is set apart:
// for a while, doubled with each failure up to an hour, it is passed over, so
// that it costs neither a spin of its loop nor a flood of the log. What is set
// apart is on a list, which Belfry's watch of itself shows, until it succeeds.
package barrier

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// firstWait is for how long an object is set apart at first, and maxWait the
	// longest that it ever is.
	firstWait = time.Second
	maxWait   = time.Hour
	// goneAfter is how long after it could have been tried again an object that
	// nobody has tried is forgotten: it is no longer there.
	goneAfter = 2 * maxWait
	// maxEntries and maxBytes bound the list: beyond them failures are counted
	// and logged, now and then, and the object is tried at every round.
	maxEntries = 4096
	maxBytes   = 4 << 20
	entryBytes = 256 // of an entry beside its texts
	// maxName, maxReason and maxStack are how much is kept of a name and a reason,
	// and logged of a stack, in bytes.
	maxName, maxReason, maxStack = 512, 512, 8 << 10
	// overflowEvery is how often a failure that is not on the list is logged.
	overflowEvery = time.Minute
)

// An Entry is an object that is set apart.
type Entry struct {
	Step   string    // what could not be done: "sweep queue", "read schedule"
	Object string    // what it could not be done to: an ARN, or table and row
	Reason string    // of the last failure
	Since  time.Time // of the first failure, UTC
	Times  int       // failures in a row
	Next   time.Time // when it is tried again, UTC; zero: whenever it is read
}

// A Set is what a server has set apart. A nil Set sets nothing apart, and still
// keeps panics in. It is safe for use by many goroutines.
type Set struct {
	log   *slog.Logger
	total *prometheus.CounterVec
	some  atomic.Bool // whether anything is set apart; false spares the lock

	mu      sync.Mutex
	entries map[key]*entry // guarded by mu
	bytes   int            // guarded by mu; of entries
	lost    int            // guarded by mu; failures that found no place
	told    time.Time      // guarded by mu; when the last of them was logged
}

type key struct{ step, object string }

type entry struct {
	Entry
	next time.Time // with the monotonic reading; zero: whenever it is read
}

// New returns an empty set whose failures are written to the log.
func New(log *slog.Logger) *Set {
	return &Set{
		log: log, entries: map[key]*entry{},
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_barrier_total", Help: "Failures of stored objects that were set apart so that the rest goes on, by step.",
		}, []string{"step"}),
	}
}

// Register adds the set's figures to reg.
func (s *Set) Register(reg prometheus.Registerer) {
	reg.MustRegister(s.total, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "belfry_barrier_apart", Help: "Stored objects that are set apart, because they could not be worked on.",
	}, func() float64 { return float64(len(s.List())) }))
}

// Do carries out f, which is a step on the object, and reports whether it
// returned nil. When f panics or returns an error, the object is set apart: until
// its time is over Do returns false without calling f. An f that succeeds ends
// that.
//
// The step is one of few names, as it labels a metric. The error is to be the
// object's own fault: what every object would meet (a full disk) is for the
// caller to keep to itself. An error after ctx has ended says nothing.
func (s *Set) Do(ctx context.Context, step, object string, f func() error) (ok bool) {
	if s.Wait(step, object) > 0 {
		return false
	}
	err := Try(f)
	switch panicked := errors.As(err, new(*Panic)); {
	case err == nil:
		s.Clear(step, object)
		return true
	case panicked || ctx.Err() == nil:
		s.fail(ctx, step, object, err, true)
	}
	return false
}

// Round carries out one round of a step that is about no object in particular, and
// returns f's error. A panic sets the step itself apart for a while; meanwhile
// Round does nothing.
func (s *Set) Round(ctx context.Context, step string, f func() error) (err error) {
	s.Do(ctx, step, "", func() error {
		err = f()
		return nil
	})
	return err
}

// Report sets an object apart that was found to be damaged while it was read. It
// stays on the list until Clear.
func (s *Set) Report(ctx context.Context, step, object string, err error) {
	s.fail(ctx, step, object, err, false)
}

// Clear takes an object off the list. It costs next to nothing when nothing is
// set apart.
func (s *Set) Clear(step, object string) {
	if !s.Any() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := keyOf(step, object)
	if e := s.entries[k]; e != nil {
		s.log.Info("what was set apart is in order again", "step", step, "object", e.Object, "after", e.Times)
		s.remove(k)
	}
}

// Wait returns for how long the object is still set apart; 0: it is not.
func (s *Set) Wait(step, object string) time.Duration {
	if !s.Any() {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[keyOf(step, object)]; e != nil && !e.next.IsZero() {
		return max(0, time.Until(e.next))
	}
	return 0
}

// List returns what is set apart, longest first. What nobody has tried for two
// hours, though it could have been, is gone and left out.
func (s *Set) List() []Entry {
	if !s.Any() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Entry, 0, len(s.entries))
	for k, e := range s.entries {
		if !e.next.IsZero() && time.Since(e.next) > goneAfter {
			s.remove(k)
			continue
		}
		all = append(all, e.Entry)
	}
	slices.SortFunc(all, func(a, b Entry) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Step, b.Step), strings.Compare(a.Object, b.Object))
	})
	return all
}

// Any reports whether anything is set apart. It costs next to nothing.
func (s *Set) Any() bool { return s != nil && s.some.Load() }

// Lost is how many failures found no place on the list.
func (s *Set) Lost() int {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

// A Panic is the error that [Try] makes of a panic.
type Panic struct {
	Value any
	Stack string // where it was, as long as is worth a log
}

// Error names the value.
func (p *Panic) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Try calls f, and returns a panic in it as a [Panic].
func Try(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Panic{p, cut(string(debug.Stack()), maxStack)}
		}
	}()
	return f()
}

// fail takes note of a failure. again says that the object will be tried again
// when its time is over.
func (s *Set) fail(ctx context.Context, step, object string, err error, again bool) {
	stack := ""
	if p, ok := errors.AsType[*Panic](err); ok {
		stack = p.Stack
	}
	if s == nil {
		slog.ErrorContext(ctx, "a step failed; the rest goes on", "step", step, "object", object, "err", err, "stack", stack) //nolint:sloglint // without a set there is no other
		return
	}
	s.total.WithLabelValues(step).Inc()
	now := time.Now()
	times, tell := s.take(keyOf(step, object), cut(err.Error(), maxReason), now, again)
	if !tell {
		return
	}
	about := []any{"step", step, "object", cut(object, maxName), "times", times, "err", err}
	if stack != "" {
		about = append(about, "stack", stack)
	}
	s.log.ErrorContext(ctx, "a step failed; the object is set apart and the rest goes on", about...)
}

// take enters a failure, and returns which one in a row it is, 0 when the list
// has no room for it, and whether it is to be logged.
func (s *Set) take(k key, reason string, now time.Time, again bool) (times int, tell bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[k]
	if e == nil {
		size := k.size()
		if len(s.entries) >= maxEntries || s.bytes+size > maxBytes {
			s.lost++
			if tell = s.told.IsZero() || now.Sub(s.told) >= overflowEvery; tell {
				s.told = now
			}
			return 0, tell
		}
		e = &entry{Entry: Entry{Step: k.step, Object: k.object, Since: now.UTC().Round(0)}}
		s.entries[k] = e
		s.bytes += size
		s.some.Store(true)
	}
	e.Times++
	e.Reason = reason
	if again {
		e.next = now.Add(min(firstWait<<min(e.Times-1, 20), maxWait))
		e.Next = e.next.UTC().Round(0)
	}
	return e.Times, again || e.Times == 1
}

// remove forgets an entry. s.mu is held.
func (s *Set) remove(k key) {
	delete(s.entries, k)
	s.bytes -= k.size()
	s.some.Store(len(s.entries) > 0)
}

// keyOf is where an object is kept. A name that is too long is cut, and told from
// others by a sum of all of it.
func keyOf(step, object string) key {
	if len(object) > maxName {
		sum := sha256.Sum256([]byte(object))
		object = cut(object, maxName-20) + " #" + hex.EncodeToString(sum[:8])
	}
	return key{step, object}
}

// size is what an entry under the key takes at most, in bytes.
func (k key) size() int { return entryBytes + len(k.step) + len(k.object) + maxReason }

// cut cuts s to n bytes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-len("…")], "") + "…"
}
