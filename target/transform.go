package target

import (
	"encoding/json"
	"strconv"
	"strings"
)

// A transformer makes a payload of an event: InputTransformer of a rule's
// target (semantics.md 2.5).
//
// A template that begins with a quote is text: its quotes are delivered, and
// values stand in it as text. Any other is JSON: a placeholder between quotes
// is replaced by text, one that stands alone by JSON.
type transformer struct {
	InputPathsMap map[string]string
	InputTemplate string
}

func (t *transformer) isText() bool {
	return strings.HasPrefix(strings.TrimSpace(t.InputTemplate), `"`)
}

// apply fills the template in. Placeholders that nobody has defined stay.
func (t *transformer) apply(values *ruleValues) string {
	text := t.isText()
	var b strings.Builder
	t.walk(func(literal string) { b.WriteString(literal) }, func(name string, quoted bool) {
		value, ok := values.value(name)
		switch {
		case !ok:
			b.WriteString("<" + name + ">")
		case text:
			b.WriteString(textOf(value))
		case quoted:
			b.WriteString(escape(textOf(value)))
		case value == "":
			b.WriteString(`""`)
		default:
			b.WriteString(value)
		}
	})
	return b.String()
}

// walk goes through the template and tells its literal parts from its
// placeholders; quoted says that one stands inside a string.
func (t *transformer) walk(literal func(string), placeholder func(name string, quoted bool)) {
	rest, quoted := t.InputTemplate, false
	for {
		before, after, found := strings.Cut(rest, "<")
		name, tail, closed := strings.Cut(after, ">")
		if !found {
			literal(rest)
			return
		}
		quoted = quoted != oddQuotes(before)
		if !closed || !isPlaceholder(name) {
			literal(before + "<")
			rest = after
			continue
		}
		literal(before)
		placeholder(name, quoted)
		rest = tail
	}
}

// oddQuotes says whether s has an odd number of quotes without a backslash.
func oddQuotes(s string) bool {
	odd := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			odd = !odd
		}
	}
	return odd
}

// isPlaceholder says whether s has a placeholder's characters only.
func isPlaceholder(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.' {
			return false
		}
	}
	return s != ""
}

// textOf is a JSON value as it stands in text: without quotes.
func textOf(value string) string {
	var s string
	if strings.HasPrefix(value, `"`) && json.Unmarshal([]byte(value), &s) == nil {
		return s
	}
	return strings.ReplaceAll(value, `"`, "")
}

// escape makes s fit between the quotes of a JSON string.
func escape(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return "" // a string always encodes
	}
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), `"`), "\"\n")
}

// A jsonPath is the steps from the root of an event: $.name and [n].
type jsonPath []pathStep

type pathStep struct {
	name  string
	index int // when name is empty
}

// parsePath reads a path; ok is false when it is none that rules understand.
func parsePath(s string) (path jsonPath, ok bool) {
	rest, ok := strings.CutPrefix(s, "$")
	for ok && rest != "" {
		switch rest[0] {
		case '.':
			end := strings.IndexAny(rest[1:], ".[")
			name := rest[1:]
			if end >= 0 {
				name = rest[1 : 1+end]
			}
			ok = name != "" && !strings.ContainsAny(name, "]*'\"@?() ")
			path, rest = append(path, pathStep{name: name}), rest[1+len(name):]
		case '[':
			digits, tail, closed := strings.Cut(rest[1:], "]")
			n, err := strconv.ParseUint(digits, 10, 31)
			ok = closed && err == nil
			path, rest = append(path, pathStep{index: int(n)}), tail
		default:
			ok = false
		}
	}
	return path, ok
}

// in returns the JSON that the path leads to; empty when it leads nowhere.
func (p jsonPath) in(event string) string {
	at := json.RawMessage(event)
	for _, step := range p {
		var object map[string]json.RawMessage
		var list []json.RawMessage
		switch {
		case step.name != "" && json.Unmarshal(at, &object) == nil:
			at = object[step.name]
		case step.name == "" && json.Unmarshal(at, &list) == nil && step.index < len(list):
			at = list[step.index]
		default:
			return ""
		}
		if at == nil {
			return ""
		}
	}
	return string(at)
}
