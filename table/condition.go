package table

import (
	"slices"
	"strings"
)

// A condition holds for an item or does not. An item that is not there is nil.
type condition interface{ holds(item Item) bool }

type (
	and     struct{ a, b condition }
	or      struct{ a, b condition }
	not     struct{ c condition }
	compare struct {
		op   string
		a, b operand
	}
	between struct{ v, low, high operand }
	in      struct {
		v   operand
		set []operand
	}
	exists struct {
		path path
		want bool
	}
	hasType struct {
		path path
		want Type
	}
	beginsWith struct{ v, prefix operand }
	contains   struct{ v, part operand }
)

func (c and) holds(i Item) bool { return c.a.holds(i) && c.b.holds(i) }
func (c or) holds(i Item) bool  { return c.a.holds(i) || c.b.holds(i) }
func (c not) holds(i Item) bool { return !c.c.holds(i) }

func (c exists) holds(i Item) bool {
	_, ok := c.path.get(i)
	return ok == c.want
}

func (c hasType) holds(i Item) bool {
	v, ok := c.path.get(i)
	return ok && v.Type == c.want
}

// holds compares values of one type; of other values all that can be said is
// that they differ (semantics.md 5.3).
func (c compare) holds(i Item) bool {
	a, okA := c.a.value(i)
	b, okB := c.b.value(i)
	switch c.op {
	case "=":
		return okA && okB && a.equal(&b)
	case "<>":
		return !okA || !okB || !a.equal(&b)
	}
	if !okA || !okB {
		return false
	}
	n, ok := a.compare(&b)
	if !ok {
		return false
	}
	switch c.op {
	case "<":
		return n < 0
	case "<=":
		return n <= 0
	case ">":
		return n > 0
	}
	return n >= 0
}

func (c between) holds(i Item) bool {
	return compare{">=", c.v, c.low}.holds(i) && compare{"<=", c.v, c.high}.holds(i)
}

func (c in) holds(i Item) bool {
	return slices.ContainsFunc(c.set, func(o operand) bool { return compare{"=", c.v, o}.holds(i) })
}

func (c beginsWith) holds(i Item) bool {
	v, ok := c.v.value(i)
	if !ok || v.Type != S && v.Type != B {
		return false
	}
	p, ok := c.prefix.value(i)
	return ok && p.Type == v.Type && strings.HasPrefix(v.Text, p.Text)
}

func (c contains) holds(i Item) bool {
	v, ok := c.v.value(i)
	if !ok {
		return false
	}
	p, ok := c.part.value(i)
	return ok && v.contains(&p)
}

// An operand is a path, a value, or the size of either.
type operand struct {
	path    path // nil: literal counts
	literal Value
	size    bool
}

func (o *operand) value(i Item) (v Value, ok bool) {
	v, ok = o.literal, true
	if o.path != nil {
		v, ok = o.path.get(i)
	}
	if !ok || !o.size {
		return v, ok
	}
	n, ok := v.length()
	return Value{Type: N, Text: itoa(n)}, ok
}

// kind is the type that the operand has whatever the item; 0 is unknown.
func (o *operand) kind() Type {
	switch {
	case o.size:
		return N
	case o.path != nil:
		return 0
	}
	return o.literal.Type
}
