package table

import (
	"bytes"
	"fmt"
)

// A Key is where an item stands in its table, in the form in which stores keep
// it: bytes that are in the order of the attributes.
type Key struct {
	Hash  []byte
	Range []byte // empty when the table has no range attribute
}

// Sizes of key attributes, in bytes (semantics.md 5.4).
const (
	maxHash  = 2048
	maxRange = 1024
)

// sortKey returns a value of a key attribute's type as bytes in its order.
func (v *Value) sortKey() []byte {
	if v.Type == N {
		return mustNumber(v.Text).sortKey()
	}
	return []byte(v.Text)
}

// locate returns where the item, which may have other attributes, stands.
func (t *Table) locate(item Item) (Key, error) {
	key := Key{Range: []byte{}}
	for i, k := range t.keyAttributes() {
		v, ok := item[k.Name]
		if !ok {
			return key, parameters("Missing the key %s in the item", k.Name)
		}
		if v.Type != k.Type {
			return key, parameters("Type mismatch for key %s expected: %s actual: %s", k.Name, k.Type, v.Type)
		}
		if err := checkKeyValue(k.Name, &v, i == 1); err != nil {
			return key, err
		}
		if i == 0 {
			key.Hash = v.sortKey()
		} else {
			key.Range = v.sortKey()
		}
	}
	return key, nil
}

func checkKeyValue(name string, v *Value, isRange bool) error {
	switch {
	case v.Type == S && v.Text == "":
		return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: %s", name)
	case v.Type == B && v.Text == "":
		return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty binary value. Key: %s", name)
	case !isRange && len(v.Text) > maxHash:
		return parameters("Size of hashkey has exceeded the maximum size limit of%d bytes", maxHash) // DynamoDB's own words
	case isRange && len(v.Text) > maxRange:
		return parameters("Aggregated size of all range keys has exceeded the size limit of %d bytes", maxRange)
	}
	return nil
}

// locateKey is locate for a key that a client gives alone.
func (t *Table) locateKey(key Item) (Key, error) {
	wrong := invalid("The provided key element does not match the schema")
	if len(key) != len(t.keyAttributes()) {
		return Key{}, wrong
	}
	for _, k := range t.keyAttributes() {
		if v, ok := key[k.Name]; !ok || v.Type != k.Type {
			return Key{}, wrong
		}
	}
	return t.locate(key)
}

// id returns a text that no other item has.
func (r *Ref) id() string {
	return fmt.Sprintf("%d %x %x", r.Table, r.Hash, r.Range)
}

// after returns the first bytes that are greater than b.
func after(b []byte) []byte { return append(bytes.Clone(b), 0) }

// afterPrefix returns the first bytes that are greater than all that begin
// with b; nil when there are none.
func afterPrefix(b []byte) []byte {
	end := bytes.TrimRight(b, "\xff")
	if len(end) == 0 {
		return nil
	}
	end = bytes.Clone(end)
	end[len(end)-1]++
	return end
}

// A Span is a part of what a table has under one hash attribute: from Low up
// to, but without, High. A nil High is no bound.
type Span struct {
	Hash      []byte
	Low, High []byte
}

// keyCondition reads a KeyConditionExpression.
func (t *Table) keyCondition(src string, terms *terms) (s Span, err error) {
	const what = "KeyConditionExpression"
	c, err := parseCondition(what, src, terms)
	if err != nil {
		return s, err
	}
	parts, err := conjuncts(nil, c)
	if err != nil {
		return s, err
	}
	s.Low = []byte{}
	seen := map[string]bool{}
	for _, part := range parts {
		name, low, high, err := t.bounds(part)
		if err != nil {
			return s, err
		}
		if seen[name] {
			return s, invalid("Invalid %s: KeyConditionExpressions must only contain one condition per key", what)
		}
		seen[name] = true
		if name == t.Settings.Hash.Name {
			if eq, ok := part.(compare); !ok || eq.op != "=" {
				return s, invalid("Query key condition not supported")
			}
			s.Hash = low
			continue
		}
		s.Low, s.High = low, high
	}
	if s.Hash == nil {
		return s, invalid("Query condition missed key schema element: %s", t.Settings.Hash.Name)
	}
	return s, nil
}

// conjuncts takes a condition apart at its ANDs.
func conjuncts(parts []condition, c condition) ([]condition, error) {
	switch c := c.(type) {
	case and:
		parts, err := conjuncts(parts, c.a)
		if err != nil {
			return nil, err
		}
		return conjuncts(parts, c.b)
	case compare, between, beginsWith:
		return append(parts, c), nil
	case or:
		return nil, invalid("Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: OR")
	case not:
		return nil, invalid("Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: NOT")
	case in:
		return nil, invalid("Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: IN")
	}
	return nil, invalid("Invalid KeyConditionExpression: The function is not supported in a key condition; begins_with is")
}

// bounds returns the key attribute that a condition is about, and the bytes
// that it allows, from low up to but without high.
func (t *Table) bounds(c condition) (name string, low, high []byte, err error) {
	bad := invalid("Query key condition not supported")
	var subject, a, b operand
	switch c := c.(type) {
	case compare:
		subject, a = c.a, c.b
		if c.op == "<>" {
			return "", nil, nil, invalid("Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: <>")
		}
	case between:
		subject, a, b = c.v, c.low, c.high
	case beginsWith:
		subject, a = c.v, c.prefix
	}
	if len(subject.path) != 1 || subject.size || a.path != nil || a.size || b.path != nil || b.size {
		return "", nil, nil, bad
	}
	name = subject.path.top()
	var key KeyAttribute
	for _, k := range t.keyAttributes() {
		if k.Name == name {
			key = k
		}
	}
	if key.Name == "" {
		missed := t.Settings.Hash.Name
		if t.Settings.Range.Name != "" {
			missed = t.Settings.Range.Name
		}
		return "", nil, nil, invalid("Query condition missed key schema element: %s", missed)
	}
	for _, o := range []operand{a, b} {
		if o.literal.Type == 0 {
			continue // there is no second one
		}
		if o.literal.Type != key.Type {
			return "", nil, nil, parameters("Condition parameter type does not match schema type")
		}
		if err := checkKeyValue(name, &o.literal, name == t.Settings.Range.Name); err != nil {
			return "", nil, nil, err
		}
	}
	v := a.literal.sortKey()
	switch c := c.(type) {
	case between:
		return name, v, after(b.literal.sortKey()), nil
	case beginsWith:
		return name, v, afterPrefix(v), nil
	case compare:
		switch c.op {
		case "=":
			return name, v, after(v), nil
		case "<":
			return name, []byte{}, v, nil
		case "<=":
			return name, []byte{}, after(v), nil
		case ">":
			return name, after(v), nil, nil
		}
	}
	return name, v, nil, nil // >=
}
