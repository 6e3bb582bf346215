package table

import (
	"maps"
	"slices"
	"strings"
)

// Expressions are the expressions of one request with the names and values
// that they share. Nil expressions were not given.
type Expressions struct {
	Condition, Update, Projection, Filter, KeyCondition *string

	Names  map[string]string // by placeholders such as #n; nil: not given
	Values map[string]Value  // by placeholders such as :v; nil: not given
}

// terms are the names and values of a request, and which of them its
// expressions have used.
type terms struct {
	names        map[string]string
	values       map[string]Value
	named, asked map[string]bool
}

// terms checks the names and values of a request. may are the expressions that
// an operation takes values for.
func (e *Expressions) terms(may ...string) (*terms, error) {
	const (
		names  = "ExpressionAttributeNames"
		values = "ExpressionAttributeValues"
	)
	given := func(p *string) bool { return p != nil }
	withValues := given(e.Condition) || given(e.Update) || given(e.Filter) || given(e.KeyCondition)
	if e.Names != nil {
		if !withValues && !given(e.Projection) {
			return nil, invalid(names + " can only be specified when using expressions")
		}
		if len(e.Names) == 0 {
			return nil, invalid(names + " must not be empty")
		}
		for _, k := range slices.Sorted(maps.Keys(e.Names)) {
			if !placeholder('#', k) {
				return nil, invalid(names+" contains invalid key: Syntax error; key: %q", k)
			}
			if e.Names[k] == "" || len(e.Names[k]) > 64<<10 {
				return nil, invalid(names+" contains invalid value: an attribute's name has 1 to 65535 bytes; key: %s", k)
			}
		}
	}
	if e.Values != nil {
		if !withValues {
			verb := " is"
			if len(may) > 1 {
				verb = " are"
			}
			return nil, invalid("%s can only be specified when using expressions: %s%s null", values, strings.Join(may, " and "), verb)
		}
		if len(e.Values) == 0 {
			return nil, invalid(values + " must not be empty")
		}
		for _, k := range slices.Sorted(maps.Keys(e.Values)) {
			if !placeholder(':', k) {
				return nil, invalid(values+" contains invalid key: Syntax error; key: %q", k)
			}
			v := e.Values[k]
			if err := v.normalise(); err != nil {
				return nil, invalid("%s contains invalid value: %s for key %s", values, err, k)
			}
			e.Values[k] = v
		}
	}
	return &terms{names: e.Names, values: e.Values, named: map[string]bool{}, asked: map[string]bool{}}, nil
}

func placeholder(mark byte, s string) bool {
	return len(s) > 1 && s[0] == mark && wordLen(s[1:]) == len(s)-1
}

func (t *terms) name(placeholder string) (string, bool) {
	n, ok := t.names[placeholder]
	t.named[placeholder] = true
	return n, ok
}

func (t *terms) value(placeholder string) (Value, bool) {
	v, ok := t.values[placeholder]
	t.asked[placeholder] = true
	return v, ok
}

// unused refuses names and values that no expression has used.
func (t *terms) unused() error {
	for _, c := range []struct {
		what string
		all  []string
		used map[string]bool
	}{
		{"ExpressionAttributeNames", slices.Sorted(maps.Keys(t.names)), t.named},
		{"ExpressionAttributeValues", slices.Sorted(maps.Keys(t.values)), t.asked},
	} {
		idle := slices.DeleteFunc(c.all, func(k string) bool { return c.used[k] })
		if len(idle) > 0 {
			return invalid("Value provided in %s unused in expressions: keys: {%s}", c.what, strings.Join(idle, ", "))
		}
	}
	return nil
}
