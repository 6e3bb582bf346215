// Package jsonwire reads and writes JSON the way AWS's services do, without
// reflection.
//
// What a Decoder keeps true: it accepts exactly RFC 8259 in valid UTF-8, tells
// member names apart by case, lets the last of several equal members win, and
// treats null as absent. Every error names the member at fault. A request
// cannot make it use much more memory than the request itself takes: nesting
// and the length of lists are limited.
package jsonwire

import (
	"fmt"
	"strconv"
	"strings"
)

// Limits of a request.
const (
	MaxDepth    = 100    // levels of nesting, unknown members included
	MaxElements = 10_000 // of one list or map
)

// An Error says what is wrong with a request body.
type Error struct {
	Path   string // the member, as Target.RetryPolicy or Tags[1].Key; empty is the whole body
	Reason string
}

// Error returns the sentence for the client.
func (e *Error) Error() string {
	if e.Path == "" {
		return "The request body " + e.Reason + "."
	}
	return "The member '" + e.Path + "' " + e.Reason + "."
}

// A Decoder reads one JSON text. The first error sticks: after it every
// method returns at once, so that generated code asks only at the end.
type Decoder struct {
	src   []byte
	pos   int
	err   *Error
	first bool // the next Member or Element is the first of its container
	key   []byte
	path  []step
	strs  []string // headers handed out by String, so that 16 strings cost one allocation
	ints  []int
}

// A step is where the decoder is within one container.
type step struct {
	list  bool
	key   []byte // of the member being read
	count int    // members or elements seen
}

// Reset makes d ready for src, which must not change while d reads it. Values
// handed out do not refer to src.
func (d *Decoder) Reset(src []byte) {
	clear(d.path[:cap(d.path)])
	*d = Decoder{src: src, path: d.path[:0]}
}

// Empty says whether the text has nothing but white space.
func (d *Decoder) Empty() bool {
	d.space()
	return d.pos == len(d.src)
}

// End returns the first error; what follows the value is one.
func (d *Decoder) End() error {
	if d.err == nil {
		d.space()
		if d.pos < len(d.src) {
			d.fail("has something after its end, at byte " + strconv.Itoa(d.pos))
		}
	}
	if d.err == nil {
		return nil
	}
	return d.err
}

func (d *Decoder) fail(reason string) {
	if d.err == nil {
		d.err = &Error{Path: d.where(), Reason: reason}
	}
}

func (d *Decoder) where() string {
	var b strings.Builder
	for _, s := range d.path {
		if s.count == 0 || (!s.list && s.key == nil) {
			continue
		}
		if s.list {
			fmt.Fprintf(&b, "[%d]", s.count-1)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		// A name that no service knows may be of any length.
		b.Write(s.key[:min(len(s.key), 256)])
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

func (d *Decoder) space() {
	for d.pos < len(d.src) {
		switch d.src[d.pos] {
		case ' ', '\t', '\r', '\n':
			d.pos++
		default:
			return
		}
	}
}

// peek skips white space and returns the next byte, 0 at the end.
func (d *Decoder) peek() byte {
	for d.pos < len(d.src) {
		c := d.src[d.pos]
		if c > ' ' || (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
			return c
		}
		d.pos++
	}
	return 0
}

// syntax reports that the text is not JSON.
func (d *Decoder) syntax() {
	if d.pos >= len(d.src) {
		d.fail("ends too early")
		return
	}
	d.fail("is not valid JSON at byte " + strconv.Itoa(d.pos))
}

// Null consumes a null and says whether there was one.
func (d *Decoder) Null() bool {
	if d.err != nil || d.peek() != 'n' {
		return false
	}
	return d.literal("null")
}

func (d *Decoder) literal(s string) bool {
	if len(d.src)-d.pos < len(s) || string(d.src[d.pos:d.pos+len(s)]) != s {
		d.syntax()
		return false
	}
	d.pos += len(s)
	return true
}

// mismatch reports a value of another type; malformed values are reported as such.
func (d *Decoder) mismatch(want string) {
	if d.err != nil {
		return
	}
	found := ""
	switch c := d.peek(); {
	case c == '"':
		found = "a string"
	case c == '{':
		found = "an object"
	case c == '[':
		found = "a list"
	case c == 't' || c == 'f':
		found = "a boolean"
	case c == '-' || (c >= '0' && c <= '9'):
		found = "a number"
	default:
		d.syntax()
		return
	}
	d.fail("must be " + want + ", not " + found)
}

// Object enters an object. It is false when there is a null or an error.
func (d *Decoder) Object() bool { return d.enter('{', "an object") }

// Array enters a list. It is false when there is a null or an error.
func (d *Decoder) Array() bool { return d.enter('[', "a list") }

func (d *Decoder) enter(open byte, want string) bool {
	if d.err != nil || d.Null() || d.err != nil {
		return false
	}
	if d.peek() != open {
		d.mismatch(want)
		return false
	}
	if len(d.path) >= MaxDepth {
		d.fail(tooDeep)
		return false
	}
	d.pos++
	d.path = append(d.path, step{list: open == '['})
	d.first = true
	return true
}

var tooDeep = fmt.Sprintf("is nested deeper than %d levels", MaxDepth)

// Member moves to the next member of the object and reads its name, which Key
// then returns. The caller must read or Skip the value. It is false, and the
// object is left, at the object's end.
func (d *Decoder) Member() bool {
	if d.err != nil || !d.more('}') {
		return false
	}
	if d.peek() != '"' {
		d.syntax()
		return false
	}
	at := len(d.path) - 1
	raw, escaped, ok := d.rawString()
	if !ok {
		return false
	}
	if escaped {
		raw = d.unescape(raw)
	}
	if d.err != nil {
		return false
	}
	d.key = raw
	d.path[at].key = raw
	if d.peek() != ':' {
		d.syntax()
		return false
	}
	d.pos++
	return true
}

// Key returns the name of the member that Member has moved to.
func (d *Decoder) Key() []byte { return d.key }

// Element moves to the next element of the list, or leaves the list and is
// false at its end.
func (d *Decoder) Element() bool {
	if d.err != nil || !d.more(']') {
		return false
	}
	return true
}

// more consumes the comma before the next entry or the container's end.
func (d *Decoder) more(end byte) bool {
	c := d.peek()
	first := d.first
	d.first = false
	if c == end {
		d.pos++
		d.path = d.path[:len(d.path)-1]
		return false
	}
	if !first {
		if c != ',' {
			d.syntax()
			return false
		}
		d.pos++
	}
	s := &d.path[len(d.path)-1]
	if s.count++; s.count > MaxElements {
		d.fail(fmt.Sprintf("is beyond the limit of %d entries", MaxElements))
		return false
	}
	return true
}
