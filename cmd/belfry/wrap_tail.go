package main

import (
	"slices"
	"sync"
	"unicode/utf8"
)

// noteRoom is what wrap's own words may take when no output is sent, in bytes.
const noteRoom = 1000

// A tail keeps the end of what is written to it, by several writers at once.
type tail struct {
	max int // bytes

	mu  sync.Mutex // guards b
	b   []byte     // at most 2*max, so that bytes move seldom
	cut bool       // something was dropped at the front
}

func newTail(limit int) *tail { return &tail{max: limit} }

func (t *tail) write(p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if over := len(p) - t.max; over > 0 {
		p, t.b, t.cut = p[over:], t.b[:0], true
	}
	t.b = append(t.b, p...)
	if len(t.b) > 2*t.max {
		t.b, t.cut = slices.Delete(t.b, 0, len(t.b)-t.max), true
	}
}

// body returns the end of the output, then the note, in at most limit bytes. It
// does not begin in the middle of a character.
func (t *tail) body(note string, limit int) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	note = note[:min(len(note), limit)]
	out, cut := t.b, t.cut
	if n := min(t.max, limit-len(note)); len(out) > n {
		out, cut = out[len(out)-n:], true
	}
	for i := 0; cut && i < utf8.UTFMax-1 && len(out) > 0 && !utf8.RuneStart(out[0]); i++ {
		out = out[1:]
	}
	return append(slices.Clone(out), note...)
}
