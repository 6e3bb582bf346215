package table

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Type is the type of a [Value].
type Type uint8

// The types of values.
const (
	S Type = iota + 1
	N
	B
	BOOL
	NULL
	M
	L
	SS
	NS
	BS
)

var typeNames = [...]string{S: "S", N: "N", B: "B", BOOL: "BOOL", NULL: "NULL", M: "M", L: "L", SS: "SS", NS: "NS", BS: "BS"}

// String returns DynamoDB's name of the type.
func (t Type) String() string {
	if t == 0 || int(t) >= len(typeNames) {
		return "?"
	}
	return typeNames[t]
}

// typeNamed returns the type of that name, 0 when there is none.
func typeNamed(name string) Type {
	return Type(max(0, slices.Index(typeNames[:], name)))
}

// A Value is an attribute's value. Values are not changed once they are made.
type Value struct {
	Type Type
	Bool bool             // BOOL
	Text string           // S and N; the bytes of B
	Set  []string         // SS and NS; the bytes of BS
	List []Value          // L
	Map  map[string]Value // M
}

// An Item is a set of attributes by name.
type Item map[string]Value

// maxDepth is how deep lists and maps may be nested (semantics.md 5.4).
const maxDepth = 32

// normalise checks a value that comes from outside and brings it into the one
// form in which equal values are equal texts: numbers in plain notation, sets
// in order.
func (v *Value) normalise() error { return v.normaliseAt(0) }

func (v *Value) normaliseAt(depth int) error {
	if depth > maxDepth {
		return invalid("Nesting Levels have exceeded supported limits")
	}
	switch v.Type {
	case N:
		n, err := parseNumber(v.Text)
		if err != nil {
			return err
		}
		v.Text = n.String()
	case NULL:
		if !v.Bool {
			return parameters("Null attribute value types must have the value of true")
		}
	case SS, NS, BS:
		return v.normaliseSet()
	case L:
		for i := range v.List {
			if err := v.List[i].normaliseAt(depth + 1); err != nil {
				return err
			}
		}
	case M:
		for k, e := range v.Map {
			if err := e.normaliseAt(depth + 1); err != nil {
				return err
			}
			v.Map[k] = e
		}
	}
	return nil
}

func (v *Value) normaliseSet() error {
	if len(v.Set) == 0 {
		switch v.Type {
		case SS:
			return parameters("An string set  may not be empty") // DynamoDB's own words
		case NS:
			return parameters("An number set  may not be empty")
		}
		return parameters("Binary sets should not be empty")
	}
	if v.Type == NS {
		for i, s := range v.Set {
			n, err := parseNumber(s)
			if err != nil {
				return err
			}
			v.Set[i] = n.String()
		}
	}
	sortSet(v.Type, v.Set)
	for i := 1; i < len(v.Set); i++ {
		if v.Set[i] == v.Set[i-1] {
			return parameters("Input collection contains duplicates.")
		}
	}
	return nil
}

func sortSet(t Type, set []string) {
	if t == NS {
		slices.SortFunc(set, func(a, b string) int { return mustNumber(a).cmp(mustNumber(b)) })
		return
	}
	slices.Sort(set)
}

// equal says whether two values have the same type and contents.
func (v *Value) equal(w *Value) bool {
	if v.Type != w.Type {
		return false
	}
	switch v.Type {
	case S, N, B:
		return v.Text == w.Text
	case BOOL:
		return v.Bool == w.Bool
	case L:
		return slices.EqualFunc(v.List, w.List, func(a, b Value) bool { return a.equal(&b) })
	case M:
		if len(v.Map) != len(w.Map) {
			return false
		}
		for k, a := range v.Map {
			b, ok := w.Map[k]
			if !ok || !a.equal(&b) {
				return false
			}
		}
		return true
	case SS, NS, BS:
		return slices.Equal(v.Set, w.Set)
	}
	return true // NULL
}

// compare orders two values; ok is false when their types differ or have no
// order.
func (v *Value) compare(w *Value) (c int, ok bool) {
	if v.Type != w.Type {
		return 0, false
	}
	switch v.Type {
	case S, B:
		return cmp.Compare(v.Text, w.Text), true
	case N:
		return mustNumber(v.Text).cmp(mustNumber(w.Text)), true
	}
	return 0, false
}

// length is what the function size returns; ok is false for types without one.
func (v *Value) length() (n int, ok bool) {
	switch v.Type {
	case S:
		// Characters as DynamoDB counts them, in UTF-16.
		for _, r := range v.Text {
			n++
			if r > 0xffff {
				n++
			}
		}
		return n, true
	case B:
		return len(v.Text), true
	case SS, NS, BS:
		return len(v.Set), true
	case L:
		return len(v.List), true
	case M:
		return len(v.Map), true
	}
	return 0, false
}

// contains says whether a string has another in it, or a set or list a member.
func (v *Value) contains(w *Value) bool {
	switch {
	case v.Type == S && w.Type == S, v.Type == B && w.Type == B:
		return strings.Contains(v.Text, w.Text)
	case v.Type == SS && w.Type == S, v.Type == NS && w.Type == N, v.Type == BS && w.Type == B:
		return slices.Contains(v.Set, w.Text)
	case v.Type == L:
		return slices.ContainsFunc(v.List, func(e Value) bool { return e.equal(w) })
	}
	return false
}

// size is the number of bytes that a value counts for, by DynamoDB's rules.
func (v *Value) size() int {
	switch v.Type {
	case S, B:
		return len(v.Text)
	case N:
		return mustNumber(v.Text).size()
	case SS, BS:
		n := 0
		for _, s := range v.Set {
			n += len(s)
		}
		return n
	case NS:
		n := 0
		for _, s := range v.Set {
			n += mustNumber(s).size()
		}
		return n
	case L:
		n := 3
		for i := range v.List {
			n += 1 + v.List[i].size()
		}
		return n
	case M:
		n := 3
		for k, e := range v.Map {
			n += 1 + len(k) + e.size()
		}
		return n
	}
	return 1 // BOOL and NULL
}

// size is the number of bytes that an item counts for.
func (i Item) size() int {
	n := 0
	for k, v := range i {
		n += len(k) + v.size()
	}
	return n
}

// describe returns a short form of a value for messages.
func (v *Value) describe() string {
	if v.Type == B {
		return fmt.Sprintf("{B:%d bytes}", len(v.Text))
	}
	return fmt.Sprintf("{%s:%s}", v.Type, v.Text[:min(len(v.Text), 256)])
}

// depth is the number of levels that are nested below a value.
func (v *Value) depth() int {
	n := 0
	for i := range v.List {
		n = max(n, 1+v.List[i].depth())
	}
	for _, e := range v.Map {
		n = max(n, 1+e.depth())
	}
	return n
}
