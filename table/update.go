package table

import (
	"slices"
)

// An update changes an item. All it reads is the item as it was before; its
// paths are apart, so the order of its actions does not matter.
type update struct {
	sets    []assignment
	removes []path
	adds    []change
	deletes []change
}

type assignment struct {
	path  path
	value expression
}

type change struct {
	path  path
	value Value
}

// An expression is what SET assigns.
type expression interface{ of(old Item) (Value, error) }

type (
	arithmetic struct {
		minus bool
		a, b  expression
	}
	ifNotExists struct {
		path path
		or   expression
	}
	listAppend struct{ a, b expression }
)

var (
	errOperandType = invalid("An operand in the update expression has an incorrect data type")
	errNoAttribute = invalid("The provided expression refers to an attribute that does not exist in the item")
	errBadPath     = invalid("The document path provided in the update expression is invalid for update")
)

func (o operand) of(old Item) (Value, error) {
	v, ok := o.value(old)
	if !ok {
		return v, errNoAttribute
	}
	return v, nil
}

func (e ifNotExists) of(old Item) (Value, error) {
	if v, ok := e.path.get(old); ok {
		return v, nil
	}
	return e.or.of(old)
}

func (e arithmetic) of(old Item) (v Value, err error) {
	a, b, err := both(e.a, e.b, old)
	if err != nil {
		return v, err
	}
	if a.Type != N || b.Type != N {
		return v, errOperandType
	}
	if e.minus {
		return subtract(a, b)
	}
	return add(a, b)
}

func add(a, b Value) (Value, error) {
	n, err := mustNumber(a.Text).add(mustNumber(b.Text))
	return Value{Type: N, Text: n.String()}, err
}

func subtract(a, b Value) (Value, error) {
	n, err := mustNumber(a.Text).sub(mustNumber(b.Text))
	return Value{Type: N, Text: n.String()}, err
}

func (e listAppend) of(old Item) (v Value, err error) {
	a, b, err := both(e.a, e.b, old)
	if err != nil {
		return v, err
	}
	if a.Type != L || b.Type != L {
		return v, errOperandType
	}
	return Value{Type: L, List: slices.Concat(a.List, b.List)}, nil
}

func both(a, b expression, old Item) (v, w Value, err error) {
	if v, err = a.of(old); err == nil {
		w, err = b.of(old)
	}
	return v, w, err
}

// paths returns what the update changes.
func (u *update) paths() []path {
	paths := slices.Clone(u.removes)
	for _, a := range u.sets {
		paths = append(paths, a.path)
	}
	for _, c := range slices.Concat(u.adds, u.deletes) {
		paths = append(paths, c.path)
	}
	return paths
}

// apply returns what becomes of an item. It changes item, which must be the
// caller's own: old is another copy of it.
func (u *update) apply(item, old Item) error {
	for _, a := range u.sets {
		v, err := a.value.of(old)
		if err != nil {
			return err
		}
		if err := a.path.put(item, &v); err != nil {
			return err
		}
	}
	for _, c := range u.adds {
		v, err := c.add(old)
		if err != nil {
			return err
		}
		if err := c.path.put(item, &v); err != nil {
			return err
		}
	}
	for _, c := range u.deletes {
		if err := c.subtract(item); err != nil {
			return err
		}
	}
	// From the end of a list to its begin: indexes are those before the update.
	for _, d := range slices.Backward(u.removes) {
		if err := d.put(item, nil); err != nil {
			return err
		}
	}
	return nil
}

// add adds a number to a number, or a set to a set.
func (c *change) add(old Item) (Value, error) {
	v, ok := c.path.get(old)
	switch {
	case !ok:
		return c.value, nil
	case v.Type != c.value.Type:
		return v, errOperandType
	case v.Type == N:
		return add(v, c.value)
	}
	set := slices.Concat(v.Set, c.value.Set)
	sortSet(v.Type, set)
	return Value{Type: v.Type, Set: slices.Compact(set)}, nil
}

// subtract removes elements from a set, and the set with its last element.
func (c *change) subtract(item Item) error {
	v, ok := c.path.get(item)
	if !ok {
		return nil
	}
	if v.Type != c.value.Type {
		return errOperandType
	}
	left := slices.DeleteFunc(slices.Clone(v.Set), func(s string) bool { return slices.Contains(c.value.Set, s) })
	if len(left) == 0 {
		return c.path.put(item, nil)
	}
	return c.path.put(item, &Value{Type: v.Type, Set: left})
}

// put stores v at the path of an item that is the caller's own; nil removes
// what is there.
func (d path) put(item Item, v *Value) error {
	root := Value{Type: M, Map: item}
	_, err := d.putInto(root, v)
	return err
}

// putInto returns the container at with v stored at the path in it.
func (d path) putInto(at Value, v *Value) (Value, error) {
	s, last := d[0], len(d) == 1
	if s.index < 0 {
		if at.Type != M {
			return at, errBadPath
		}
		switch e, ok := at.Map[s.name]; {
		case last && v == nil:
			delete(at.Map, s.name)
		case last:
			at.Map[s.name] = *v
		case !ok:
			return at, errBadPath
		default:
			e, err := d[1:].putInto(e, v)
			if err != nil {
				return at, err
			}
			at.Map[s.name] = e
		}
		return at, nil
	}
	if at.Type != L {
		return at, errBadPath
	}
	switch beyond := s.index >= len(at.List); {
	case last && v == nil && beyond:
	case last && v == nil:
		at.List = slices.Delete(at.List, s.index, s.index+1)
	case last && beyond:
		at.List = append(at.List, *v)
	case last:
		at.List[s.index] = *v
	case beyond:
		return at, errBadPath
	default:
		e, err := d[1:].putInto(at.List[s.index], v)
		if err != nil {
			return at, err
		}
		at.List[s.index] = e
	}
	return at, nil
}

// parseUpdate reads an UpdateExpression.
func parseUpdate(src string, t *terms) (*update, error) {
	p, err := newParser("UpdateExpression", src, t)
	if err != nil {
		return nil, err
	}
	u := &update{}
	seen := map[string]bool{}
	for first := true; first || p.peek(0).kind != tokenEnd; first = false {
		i := slices.IndexFunc(sections, func(s section) bool { return p.accept(s.keyword) })
		if i < 0 {
			return nil, p.unexpected()
		}
		s := sections[i]
		if seen[s.keyword] {
			return nil, p.fail("The \"%s\" section can only be used once in an update expression;", s.keyword)
		}
		seen[s.keyword] = true
		for {
			if err := s.read(p, u); err != nil {
				return nil, err
			}
			if !p.accept(",") {
				break
			}
		}
	}
	slices.SortFunc(u.removes, path.compare)
	slices.SortFunc(u.sets, func(a, b assignment) int { return a.path.compare(b.path) })
	return u, p.apart(u.paths())
}

type section struct {
	keyword string
	read    func(*parser, *update) error // one action
}

var sections = []section{
	{"SET", (*parser).assignment},
	{"REMOVE", func(p *parser, u *update) error {
		d, err := p.document()
		u.removes = append(u.removes, d)
		return err
	}},
	{"ADD", func(p *parser, u *update) error {
		c, err := p.change("ADD", N, SS, NS, BS)
		u.adds = append(u.adds, c)
		return err
	}},
	{"DELETE", func(p *parser, u *update) error {
		c, err := p.change("DELETE", SS, NS, BS)
		u.deletes = append(u.deletes, c)
		return err
	}},
}

// change reads a path and a value of one of these types.
func (p *parser) change(op string, types ...Type) (c change, err error) {
	if c.path, err = p.document(); err != nil {
		return c, err
	}
	if p.peek(0).kind != tokenValue {
		return c, p.unexpected()
	}
	o, err := p.operand()
	if err != nil {
		return c, err
	}
	if !slices.Contains(types, o.literal.Type) {
		return c, p.fail("Incorrect operand type for operator or function; operator: %s, operand type: %s", op, o.literal.Type)
	}
	c.value = o.literal
	return c, nil
}

func (p *parser) assignment(u *update) error {
	d, err := p.document()
	if err != nil {
		return err
	}
	if err := p.expect("="); err != nil {
		return err
	}
	v, err := p.sum()
	u.sets = append(u.sets, assignment{d, v})
	return err
}

// sum reads an operand, or two with a plus or minus between them.
func (p *parser) sum() (expression, error) {
	a, err := p.term()
	if err != nil {
		return nil, err
	}
	minus := p.peek(0).is("-")
	if !minus && !p.peek(0).is("+") {
		return a, nil
	}
	op := p.peek(0).text
	p.at++
	b, err := p.term()
	if err != nil {
		return nil, err
	}
	for _, e := range []expression{a, b} {
		if o, ok := e.(operand); ok && o.kind() != 0 && o.kind() != N {
			return nil, p.wrongType(op, o.kind())
		}
	}
	return arithmetic{minus, a, b}, nil
}

func (p *parser) term() (expression, error) {
	if p.accept("(") {
		e, err := p.sum()
		if err != nil {
			return nil, err
		}
		return e, p.expect(")")
	}
	t := p.peek(0)
	if t.kind != tokenWord || !p.peek(1).is("(") {
		return p.operand()
	}
	if t.text != "if_not_exists" && t.text != "list_append" {
		if slices.Contains(functions, t.text) {
			return nil, p.fail("The function is not allowed in an update expression; function: %s", t.text)
		}
		return nil, p.fail("Invalid function name; function: %s", t.text)
	}
	p.at += 2
	var a expression
	var err error
	var at path
	if t.text == "if_not_exists" {
		if p.peek(0).kind == tokenValue {
			return nil, p.fail("Operator or function requires a document path; operator or function: if_not_exists")
		}
		at, err = p.document()
	} else {
		a, err = p.listTerm()
	}
	if err != nil {
		return nil, err
	}
	if err := p.expect(","); err != nil {
		return nil, err
	}
	if t.text == "if_not_exists" {
		b, err := p.term()
		if err != nil {
			return nil, err
		}
		return ifNotExists{at, b}, p.expect(")")
	}
	b, err := p.listTerm()
	if err != nil {
		return nil, err
	}
	return listAppend{a, b}, p.expect(")")
}

// listTerm reads an argument of list_append.
func (p *parser) listTerm() (expression, error) {
	e, err := p.term()
	if err != nil {
		return nil, err
	}
	if o, ok := e.(operand); ok && o.kind() != 0 && o.kind() != L {
		return nil, p.wrongType("list_append", o.kind())
	}
	return e, nil
}

// checkUpdate refuses an update that would change an item's key.
func (t *Table) checkUpdate(u *update) error {
	for _, d := range u.paths() {
		if t.isKey(d.top()) {
			return parameters("Cannot update attribute %s. This attribute is part of the key", d.top())
		}
	}
	return nil
}
