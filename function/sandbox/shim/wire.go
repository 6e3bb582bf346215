package shim

import "errors"

// Messages are a row of values, each with its length before it. (Package
// encoding/json would be initialised before this one, with much that it needs.)

type writer struct{ b []byte }

func (w *writer) num(n int) {
	w.b = append(w.b, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
}

func (w *writer) bool(v bool) {
	n := 0
	if v {
		n = 1
	}
	w.num(n)
}

func (w *writer) str(s string) {
	w.num(len(s))
	w.b = append(w.b, s...)
}

func (w *writer) strs(list []string) {
	w.num(len(list))
	for _, s := range list {
		w.str(s)
	}
}

func (w *writer) mounts(list []Mount) {
	w.num(len(list))
	for _, m := range list {
		w.str(m.Source)
		w.str(m.Target)
	}
}

var errMessage = errors.New("a message between server and shim is damaged")

// A reader reads what a writer wrote. What is not there is zero, and bad.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) num() int {
	p := r.take(4)
	if p == nil {
		return 0
	}
	return int(int32(uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16 | uint32(p[3])<<24))
}

func (r *reader) bool() bool  { return r.num() != 0 }
func (r *reader) str() string { return string(r.take(r.num())) }

// count is the length of a list, each part of which takes at least 4 bytes.
func (r *reader) count() int {
	n := r.num()
	if n < 0 || n > len(r.b)/4 {
		r.bad = true
		return 0
	}
	return n
}

func (r *reader) strs() []string {
	list := make([]string, r.count())
	for i := range list {
		list[i] = r.str()
	}
	return list
}

func (r *reader) mounts() []Mount {
	list := make([]Mount, r.count())
	for i := range list {
		list[i] = Mount{Source: r.str(), Target: r.str()}
	}
	return list
}

func (r *reader) err() error {
	if r.bad || len(r.b) > 0 {
		return errMessage
	}
	return nil
}
