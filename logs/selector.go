package logs

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// parseSelector parses { $.a.b[0] = "x*" && ($.n > 5 || $.c IS NULL) }.
func parseSelector(p string) (func(string) bool, error) {
	if !strings.HasSuffix(p, "}") {
		return nil, badPattern("the brace is not closed")
	}
	s := &selector{rest: p[1 : len(p)-1]}
	c := s.or(0)
	if s.err == nil && s.peek() != "" {
		s.fail("%q is not expected", s.rest)
	}
	if s.err != nil {
		return nil, s.err
	}
	return func(message string) bool {
		var v any
		if !strings.HasPrefix(strings.TrimSpace(message), "{") || json.Unmarshal([]byte(message), &v) != nil {
			return false
		}
		return c(v)
	}, nil
}

const maxDepth = 20 // of parentheses

type condition func(message any) bool

type selector struct {
	rest string
	err  error
}

func (s *selector) fail(format string, args ...any) condition {
	if s.err == nil {
		s.err = badPattern(format, args...)
	}
	s.rest = ""
	return func(any) bool { return false }
}

func (s *selector) peek() string {
	s.rest = strings.TrimLeft(s.rest, " \t\r\n")
	return s.rest
}

// take takes a token that is next.
func (s *selector) take(token string) bool {
	if !strings.HasPrefix(s.peek(), token) {
		return false
	}
	s.rest = s.rest[len(token):]
	return true
}

func (s *selector) or(depth int) condition {
	a := s.and(depth)
	for s.take("||") {
		x, y := a, s.and(depth)
		a = func(v any) bool { return x(v) || y(v) }
	}
	return a
}

func (s *selector) and(depth int) condition {
	a := s.one(depth)
	for s.take("&&") {
		x, y := a, s.one(depth)
		a = func(v any) bool { return x(v) && y(v) }
	}
	return a
}

var (
	pathForm  = regexp.MustCompile(`^\$((?:\.[A-Za-z0-9_@-]+|\[\d+\])+)`)
	wordForm  = regexp.MustCompile(`(?i)^(IS\s+NULL|IS\s+TRUE|IS\s+FALSE|NOT\s+EXISTS)\b`)
	valueForm = regexp.MustCompile(`^[^\s()&|"]+`)
)

func (s *selector) one(depth int) condition {
	if depth > maxDepth {
		return s.fail("it has more than %d parentheses in each other", maxDepth)
	}
	if s.take("(") {
		c := s.or(depth + 1)
		if !s.take(")") {
			return s.fail("a parenthesis is not closed")
		}
		return c
	}
	m := pathForm.FindStringSubmatch(s.peek())
	if m == nil {
		return s.fail("a condition begins with a member, such as $.level")
	}
	s.rest = s.rest[len(m[0]):]
	path := strings.FieldsFunc(m[1], func(r rune) bool { return r == '.' || r == '[' || r == ']' })
	if word := wordForm.FindString(s.peek()); word != "" {
		s.rest = s.rest[len(word):]
		return state(path, strings.ToUpper(strings.Join(strings.Fields(word), " ")))
	}
	for _, op := range []string{"!=", "<=", ">=", "=", "<", ">"} {
		if s.take(op) {
			return s.compare(path, op)
		}
	}
	return s.fail("after $%s comes =, !=, <, <=, >, >=, IS NULL, IS TRUE, IS FALSE or NOT EXISTS", m[1])
}

func state(path []string, word string) condition {
	return func(m any) bool {
		v, ok := at(m, path)
		switch word {
		case "NOT EXISTS":
			return !ok
		case "IS NULL":
			return ok && v == nil
		}
		b, isBool := v.(bool)
		return isBool && b == (word == "IS TRUE")
	}
}

func (s *selector) compare(path []string, op string) condition {
	if strings.HasPrefix(s.peek(), `"`) {
		text, rest, err := cutQuoted(s.rest)
		if err != nil {
			return s.fail("a quotation mark is not closed")
		}
		s.rest = rest
		return s.compareText(path, op, text)
	}
	text := valueForm.FindString(s.rest)
	if text == "" {
		return s.fail("there is no value after %s", op)
	}
	s.rest = s.rest[len(text):]
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return compareNumber(path, op, n)
	}
	return s.compareText(path, op, text)
}

func (s *selector) compareText(path []string, op, text string) condition {
	if op != "=" && op != "!=" {
		return s.fail("%s compares numbers only", op)
	}
	parts := strings.Split(text, "*")
	return func(m any) bool {
		v, ok := at(m, path)
		t, isText := v.(string)
		return ok && isText && wild(parts, t) == (op == "=")
	}
}

// wild reports whether text is the parts with anything between them. Each part is
// taken where it comes first, which leaves the most to the others: the text is read
// once, however many parts there are.
func wild(parts []string, text string) bool {
	last := len(parts) - 1
	if last == 0 {
		return text == parts[0]
	}
	text, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	for _, p := range parts[1:last] {
		i := strings.Index(text, p)
		if i < 0 {
			return false
		}
		text = text[i+len(p):]
	}
	return strings.HasSuffix(text, parts[last])
}

func compareNumber(path []string, op string, n float64) condition {
	return func(m any) bool {
		v, _ := at(m, path)
		x, ok := v.(float64)
		if !ok {
			return false
		}
		switch op {
		case "=":
			return x == n
		case "!=":
			return x != n
		case "<":
			return x < n
		case "<=":
			return x <= n
		case ">":
			return x > n
		}
		return x >= n
	}
}

// at returns the member that the path leads to.
func at(v any, path []string) (any, bool) {
	for _, step := range path {
		switch t := v.(type) {
		case map[string]any:
			next, ok := t[step]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(t) {
				return nil, false
			}
			v = t[i]
		default:
			return nil, false
		}
	}
	return v, true
}
