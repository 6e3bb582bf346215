package table

import (
	"slices"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Limits of one expression, which DynamoDB has too.
const (
	maxOperators = 300
	maxIn        = 100
)

// parseCondition reads the expression that is the request's member called what.
func parseCondition(what, src string, t *terms) (condition, error) {
	p, err := newParser(what, src, t)
	if err != nil {
		return nil, err
	}
	n := 0
	for _, t := range p.tokens {
		if t.kind == tokenOperator && strings.ContainsAny(t.text, "=<>") || t.is("AND") || t.is("OR") || t.is("NOT") || t.is("BETWEEN") || t.is("IN") {
			n++
		}
	}
	if n > maxOperators {
		return nil, p.fail("The expression contains too many operators; operator count: %d", n)
	}
	c, err := p.disjunction()
	if err != nil {
		return nil, err
	}
	return c, p.end()
}

func (p *parser) disjunction() (condition, error) {
	c, err := p.conjunction()
	for err == nil && p.accept("OR") {
		var d condition
		if d, err = p.conjunction(); err == nil {
			c = or{c, d}
		}
	}
	return c, err
}

func (p *parser) conjunction() (condition, error) {
	c, err := p.negation()
	for err == nil && p.accept("AND") {
		var d condition
		if d, err = p.negation(); err == nil {
			c = and{c, d}
		}
	}
	return c, err
}

func (p *parser) negation() (condition, error) {
	if !p.accept("NOT") {
		return p.primary()
	}
	c, err := p.negation()
	if err != nil {
		return nil, err
	}
	return not{c}, nil
}

func (p *parser) primary() (condition, error) {
	if p.accept("(") {
		c, err := p.disjunction()
		if err != nil {
			return nil, err
		}
		return c, p.expect(")")
	}
	if t := p.peek(0); t.kind == tokenWord && p.peek(1).is("(") && t.text != "size" {
		return p.predicate()
	}
	a, err := p.operand()
	if err != nil {
		return nil, err
	}
	switch t := p.peek(0); {
	case t.is("BETWEEN"):
		p.at++
		return p.between(a)
	case t.is("IN"):
		p.at++
		return p.in(a)
	case t.kind == tokenOperator && slices.Contains([]string{"=", "<>", "<", "<=", ">", ">="}, t.text):
		p.at++
		b, err := p.operand()
		if err != nil {
			return nil, err
		}
		if err := p.distinct(t.text, a, b); err != nil {
			return nil, err
		}
		if t.text != "=" && t.text != "<>" {
			if err := p.ordered(t.text, a, b); err != nil {
				return nil, err
			}
		}
		return compare{t.text, a, b}, nil
	}
	return nil, p.unexpected()
}

// distinct refuses to compare a path with itself.
func (p *parser) distinct(op string, first operand, rest ...operand) error {
	for _, o := range rest {
		if first.path != nil && o.path != nil && first.size == o.size && first.path.compare(o.path) == 0 {
			return p.fail("The first operand must be distinct from the remaining operands for this operator or function; operator: %s, first operand: %s", op, first.path)
		}
	}
	return nil
}

// ordered refuses values that have no order.
func (p *parser) ordered(op string, operands ...operand) error {
	for _, o := range operands {
		if k := o.kind(); k != 0 && k != S && k != N && k != B {
			return p.wrongType(op, k)
		}
	}
	return nil
}

func (p *parser) wrongType(op string, k Type) error {
	return p.fail("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", op, k)
}

func (p *parser) between(v operand) (condition, error) {
	low, err := p.operand()
	if err != nil {
		return nil, err
	}
	if err := p.expect("AND"); err != nil {
		return nil, err
	}
	high, err := p.operand()
	if err != nil {
		return nil, err
	}
	if err := p.ordered("BETWEEN", v, low, high); err != nil {
		return nil, err
	}
	if low.path == nil && high.path == nil && !low.size && !high.size {
		bounds := "lower bound operand: AttributeValue: " + low.literal.describe() + ", upper bound operand: AttributeValue: " + high.literal.describe()
		c, ok := low.literal.compare(&high.literal)
		if !ok {
			return nil, p.fail("The BETWEEN operator requires same data type for lower and upper bounds; %s", bounds)
		}
		if c > 0 {
			return nil, p.fail("The BETWEEN operator requires upper bound to be greater than or equal to lower bound; %s", bounds)
		}
	}
	return between{v, low, high}, nil
}

func (p *parser) in(v operand) (condition, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	c := in{v: v}
	for {
		o, err := p.operand()
		if err != nil {
			return nil, err
		}
		c.set = append(c.set, o)
		if !p.accept(",") {
			break
		}
	}
	if len(c.set) > maxIn {
		return nil, p.fail("Incorrect number of operands for operator or function; operator or function: IN, number of operands: %d", len(c.set)+1)
	}
	if err := p.distinct("IN", v, c.set...); err != nil {
		return nil, err
	}
	return c, p.expect(")")
}

// operand reads a path, a value or a size.
func (p *parser) operand() (o operand, err error) {
	t := p.peek(0)
	switch {
	case t.kind == tokenWord && p.peek(1).is("("):
		if t.text != "size" {
			if !slices.Contains(functions, t.text) {
				return o, p.fail("Invalid function name; function: %s", t.text)
			}
			return o, p.fail("The function is not allowed to be used this way in an expression; function: %s", t.text)
		}
		args, err := p.arguments(t.text, 1)
		if err != nil {
			return o, err
		}
		o = args[0]
		if k := o.kind(); o.size || k == N || k == BOOL || k == NULL {
			return o, p.wrongType("size", k)
		}
		o.size = true
		return o, nil
	case t.kind == tokenValue:
		v, ok := p.terms.value(t.text)
		if !ok {
			return o, p.fail("An expression attribute value used in expression is not defined; attribute value: %s", t.text)
		}
		p.at++
		return operand{literal: v}, nil
	}
	o.path, err = p.document()
	return o, err
}

// arguments reads the n arguments of a function.
func (p *parser) arguments(name string, n int) (args []operand, err error) {
	p.at += 2 // the name and the parenthesis
	for !p.peek(0).is(")") {
		o, err := p.operand()
		if err != nil {
			return nil, err
		}
		args = append(args, o)
		if !p.accept(",") {
			break
		}
	}
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	if len(args) != n {
		return nil, p.fail("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", name, len(args))
	}
	return args, nil
}

var functions = []string{"attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains", "size", "if_not_exists", "list_append"}

// predicate reads a function that is true or false.
func (p *parser) predicate() (condition, error) {
	name := p.peek(0).text
	n := 2
	switch name {
	case "attribute_exists", "attribute_not_exists":
		n = 1
	case "attribute_type", "begins_with", "contains":
	default:
		_, err := p.operand() // which says what is wrong
		return nil, err
	}
	args, err := p.arguments(name, n)
	if err != nil {
		return nil, err
	}
	if ofPath := n == 1 || name == "attribute_type"; ofPath && (args[0].path == nil || args[0].size) {
		return nil, p.fail("Operator or function requires a document path; operator or function: %s", name)
	}
	if n == 2 {
		if err := p.distinct(name, args[0], args[1]); err != nil {
			return nil, err
		}
	}
	switch name {
	case "attribute_exists":
		return exists{args[0].path, true}, nil
	case "attribute_not_exists":
		return exists{args[0].path, false}, nil
	case "contains":
		return contains{args[0], args[1]}, nil
	case "begins_with":
		for _, a := range args {
			if k := a.kind(); k != 0 && k != S && k != B {
				return nil, p.wrongType(name, k)
			}
		}
		return beginsWith{args[0], args[1]}, nil
	}
	want := args[1]
	if want.path != nil || want.literal.Type != S {
		return nil, p.wrongType(name, want.kind())
	}
	t := typeNamed(want.literal.Text)
	if t == 0 {
		return nil, p.fail("Invalid attribute type name found; type: %s, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}", want.literal.Text)
	}
	return hasType{args[0].path, t}, nil
}
