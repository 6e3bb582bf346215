package table

import (
	"slices"
	"strconv"
	"strings"
)

// A path leads to a value in an item: a, a.b, a[0].b.
type path []step

// A step is the name of a map's entry, or the index of a list's element.
type step struct {
	name  string
	index int // of an element; -1 when name counts
}

// maxIndex bounds indexes far above any list that fits an item.
const maxIndex = 1 << 20

// document reads a path.
func (p *parser) document() (path, error) {
	var d path
	for {
		name, err := p.attribute()
		if err != nil {
			return nil, err
		}
		d = append(d, step{name, -1})
		for p.accept("[") {
			t := p.peek(0)
			if t.kind != tokenNumber {
				return nil, p.unexpected()
			}
			i, err := strconv.Atoi(t.text)
			if err != nil || i > maxIndex {
				return nil, p.fail("List index is not within the allowable range; index: [%s]", t.text)
			}
			p.at++
			if err := p.expect("]"); err != nil {
				return nil, err
			}
			d = append(d, step{index: i})
		}
		if !p.accept(".") {
			if len(d) > maxDepth {
				return nil, p.fail("The document path has too many nesting elements; nesting levels: %d", len(d))
			}
			return d, nil
		}
	}
}

// attribute reads a name, plain or by its placeholder.
func (p *parser) attribute() (string, error) {
	t := p.peek(0)
	switch t.kind {
	case tokenName:
		name, ok := p.terms.name(t.text)
		if !ok {
			return "", p.fail("An expression attribute name used in the document path is not defined; attribute name: %s", t.text)
		}
		p.at++
		return name, nil
	case tokenWord:
		if reserved()[strings.ToUpper(t.text)] {
			return "", p.fail("Attribute name is a reserved keyword; reserved keyword: %s", t.text)
		}
		p.at++
		return t.text, nil
	}
	return "", p.unexpected()
}

// get follows the path.
func (d path) get(item Item) (v Value, ok bool) {
	if v, ok = item[d[0].name]; !ok {
		return v, false
	}
	for _, s := range d[1:] {
		switch {
		case s.index < 0 && v.Type == M:
			if v, ok = v.Map[s.name]; !ok {
				return v, false
			}
		case s.index >= 0 && v.Type == L && s.index < len(v.List):
			v = v.List[s.index]
		default:
			return v, false
		}
	}
	return v, true
}

// String returns the path as DynamoDB writes it in messages.
func (d path) String() string {
	parts := make([]string, len(d))
	for i, s := range d {
		if parts[i] = s.name; s.index >= 0 {
			parts[i] = "[" + strconv.Itoa(s.index) + "]"
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func (d path) top() string { return d[0].name }

// compare puts paths in the order of their names and indexes.
func (d path) compare(e path) int {
	return slices.CompareFunc(d, e, func(a, b step) int {
		if c := a.index - b.index; c != 0 {
			return c
		}
		return strings.Compare(a.name, b.name)
	})
}

// apart refuses paths of which one leads to a part of another, or which take
// one value for a list and for a map.
func (p *parser) apart(paths []path) error {
	paths = slices.Clone(paths)
	slices.SortFunc(paths, path.compare)
	for i, a := range paths {
		for _, b := range paths[i+1:] {
			k := 0
			for k < len(a) && k < len(b) && a[k] == b[k] {
				k++
			}
			if k == 0 {
				break // in order, so none that follows shares the attribute
			}
			switch {
			case k == len(a) || k == len(b):
				return p.fail("Two document paths overlap with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", a, b)
			case (a[k].index < 0) != (b[k].index < 0):
				return p.fail("Two document paths conflict with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", a, b)
			}
		}
	}
	return nil
}

// A projection is the parts of items that somebody asks for; nil is all.
type projection struct {
	whole    bool // this value with all that it has
	names    map[string]*projection
	elements map[int]*projection
}

func (p *parser) projection() (*projection, error) {
	var paths []path
	for {
		d, err := p.document()
		if err != nil {
			return nil, err
		}
		paths = append(paths, d)
		if !p.accept(",") {
			break
		}
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	return project(paths), p.apart(paths)
}

// project returns the projection onto paths that are apart.
func project(paths []path) *projection {
	root := &projection{}
	for _, d := range paths {
		at := root
		for _, s := range d {
			next := at.names[s.name]
			if s.index >= 0 {
				next = at.elements[s.index]
			}
			if next == nil {
				next = &projection{}
				if s.index >= 0 {
					if at.elements == nil {
						at.elements = map[int]*projection{}
					}
					at.elements[s.index] = next
				} else {
					if at.names == nil {
						at.names = map[string]*projection{}
					}
					at.names[s.name] = next
				}
			}
			at = next
		}
		at.whole = true
	}
	return root
}

// of returns what the projection leaves of an item.
func (p *projection) of(item Item) Item {
	if p == nil || item == nil {
		return item
	}
	out := Item{}
	for name, sub := range p.names {
		if v, ok := item[name]; ok {
			if part, ok := sub.part(v); ok {
				out[name] = part
			}
		}
	}
	return out
}

func (p *projection) part(v Value) (Value, bool) {
	switch {
	case p.whole:
		return v, true
	case v.Type == M:
		out := map[string]Value(p.of(v.Map))
		return Value{Type: M, Map: out}, len(out) > 0
	case v.Type == L:
		out := []Value{}
		for i, e := range v.List {
			if sub := p.elements[i]; sub != nil {
				if part, ok := sub.part(e); ok {
					out = append(out, part)
				}
			}
		}
		return Value{Type: L, List: out}, len(out) > 0
	}
	return v, false
}
