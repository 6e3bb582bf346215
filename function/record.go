package function

import (
	"bytes"
	"fmt"
	"time"
)

// DefaultMaxLog is how much of an invocation's log is passed on, in bytes.
const DefaultMaxLog = 1 << 20

const (
	maxLine  = 256 << 10 // bytes of a line that are passed on as one
	lateLine = 20        // lines of the end that are passed on of a log that is too long
)

// A Line is a part of a function's log that is passed on as it comes.
type Line struct {
	Function *Function
	Stream   string    // of the instance
	Request  string    // id of the invocation; empty: none was under way
	Time     time.Time // when it was read
	Text     string    // with its line break, when it has one
}

// A recorder cuts what an instance prints into lines and passes them on, up to a
// limit for each invocation; of what is beyond it, the last lines. The capture's
// lock guards it.
type recorder struct {
	sink func(Line)
	line Line // but for Time and Text
	max  int

	partial []byte // a line whose end has not come
	passed  int    // bytes of this invocation
	late    []Line // the last lines beyond max
	left    int    // bytes of lines that were left out
}

// add takes output of the process.
func (r *recorder) add(p []byte) {
	if r == nil {
		return
	}
	for len(p) > 0 {
		n := bytes.IndexByte(p, '\n') + 1
		whole := n > 0
		if !whole {
			n = len(p)
		}
		n = min(n, maxLine-len(r.partial))
		r.partial = append(r.partial, p[:n]...)
		p = p[n:]
		if r.partial[len(r.partial)-1] == '\n' || len(r.partial) == maxLine {
			r.flush()
		}
	}
}

// flush ends the line that has begun.
func (r *recorder) flush() {
	if r == nil || len(r.partial) == 0 {
		return
	}
	text := string(r.partial)
	r.partial = r.partial[:0]
	if cap(r.partial) > 16<<10 {
		r.partial = nil
	}
	l := r.at(text)
	if r.passed+len(text) <= r.max {
		r.passed += len(text)
		r.sink(l)
		return
	}
	r.passed = r.max // nothing shorter slips in later
	if len(text) > tailLog {
		r.left += len(text)
		return
	}
	if r.late = append(r.late, l); len(r.late) > lateLine {
		r.left += len(r.late[0].Text)
		r.late = append(r.late[:0], r.late[1:]...)
	}
}

func (r *recorder) at(text string) Line {
	l := r.line
	l.Time, l.Text = time.Now(), text
	return l
}

// platform passes on a line of the host's, whatever the limit.
func (r *recorder) platform(text string) {
	if r == nil {
		return
	}
	r.flush()
	r.overflow()
	r.sink(r.at(text))
}

// overflow passes on the last lines of what was too much, with a note before them.
func (r *recorder) overflow() {
	if r.left > 0 {
		r.sink(r.at(fmt.Sprintf("[belfry: %d bytes of log were left out here: an invocation's log is kept up to %d bytes]\n", r.left, r.max)))
	}
	for _, l := range r.late {
		r.sink(l)
	}
	r.late, r.left = nil, 0
}

// begin says whose output follows; empty: no invocation's.
func (r *recorder) begin(request string) {
	if r == nil {
		return
	}
	r.end()
	r.line.Request, r.passed = request, 0
}

// end passes on what is left of an invocation's output.
func (r *recorder) end() {
	if r == nil {
		return
	}
	r.flush()
	r.overflow()
}
