package table

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
)

// The stored form of an item: a byte for the version of the form, then the
// attributes in the order of their names, each name and value after its length.
// It is never changed, only added to: stores keep it for years.
const codecVersion = 1

func encodeItem(i Item) []byte {
	return appendMap(append(make([]byte, 0, 64), codecVersion), i)
}

func appendMap(b []byte, m map[string]Value) []byte {
	b = binary.AppendUvarint(b, uint64(len(m)))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		v := m[k]
		b = appendValue(appendText(b, k), &v)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendValue(b []byte, v *Value) []byte {
	b = append(b, byte(v.Type))
	switch v.Type {
	case S, N, B:
		return appendText(b, v.Text)
	case BOOL:
		if v.Bool {
			return append(b, 1)
		}
		return append(b, 0)
	case M:
		return appendMap(b, v.Map)
	case L:
		b = binary.AppendUvarint(b, uint64(len(v.List)))
		for i := range v.List {
			b = appendValue(b, &v.List[i])
		}
	case SS, NS, BS:
		b = binary.AppendUvarint(b, uint64(len(v.Set)))
		for _, s := range v.Set {
			b = appendText(b, s)
		}
	}
	return b
}

var errCorrupt = errors.New("an item in the store is damaged")

func decodeItem(b []byte) (Item, error) {
	if len(b) == 0 || b[0] != codecVersion {
		return nil, errCorrupt
	}
	r := reader{b: string(b[1:])}
	m := r.mapping(0)
	if r.bad || r.b != "" {
		return nil, errCorrupt
	}
	return m, nil
}

// A reader takes an encoded item apart. The values refer to b.
type reader struct {
	b   string
	bad bool
}

// count reads a length; no length is above what is left to read.
func (r *reader) count() int {
	var n uint64
	for shift := 0; shift < 63; shift += 7 {
		if r.b == "" {
			break
		}
		c := r.b[0]
		r.b = r.b[1:]
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if n > uint64(len(r.b)) {
				break
			}
			return int(n)
		}
	}
	r.fail()
	return 0
}

func (r *reader) fail() { r.b, r.bad = "", true }

func (r *reader) text() string {
	n := r.count()
	s := r.b[:n]
	r.b = r.b[n:]
	return s
}

func (r *reader) byte() byte {
	if r.b == "" {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) mapping(depth int) map[string]Value {
	n := r.count()
	m := make(map[string]Value, n)
	for range n {
		k := r.text()
		m[k] = r.value(depth)
		if r.bad {
			break
		}
	}
	return m
}

func (r *reader) value(depth int) (v Value) {
	if depth > maxDepth {
		r.fail()
		return v
	}
	v.Type = Type(r.byte())
	switch v.Type {
	case S, N, B:
		v.Text = r.text()
	case BOOL:
		v.Bool = r.byte() == 1
	case NULL:
		v.Bool = true
	case M:
		v.Map = r.mapping(depth + 1)
	case L:
		n := r.count()
		v.List = make([]Value, 0, n)
		for range n {
			if v.List = append(v.List, r.value(depth+1)); r.bad {
				break
			}
		}
	case SS, NS, BS:
		n := r.count()
		v.Set = make([]string, 0, n)
		for range n {
			v.Set = append(v.Set, r.text())
		}
	default:
		r.fail()
	}
	return v
}
