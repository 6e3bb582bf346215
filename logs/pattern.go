package logs

import "strings"

// ParsePattern returns what a filter pattern of CloudWatch Logs selects: terms
// that must all be in a message, of those with ? one at least, of those with - none;
// or, in braces, a condition on a message that is a JSON object. Invalid when it is
// neither, or of a kind that is not known here.
func ParsePattern(pattern string) (match func(message string) bool, err error) {
	p := strings.TrimSpace(pattern)
	switch {
	case p == "":
		return func(string) bool { return true }, nil
	case strings.HasPrefix(p, "{"):
		return parseSelector(p)
	case strings.HasPrefix(p, "["):
		return nil, badPattern("patterns for fields between blanks, in [ ], are not supported: use terms, or { $.name = value } for logs in JSON")
	case strings.HasPrefix(p, "%"):
		return nil, badPattern("regular expressions, in %% %%, are not supported: use terms")
	}
	return parseTerms(p)
}

func badPattern(why string, args ...any) error {
	return invalid("filterPattern", "Invalid filter pattern: "+why+".", args...)
}

func parseTerms(p string) (func(string) bool, error) {
	var all, some, none []string
	for p != "" {
		list := &all
		switch p[0] {
		case '?':
			list, p = &some, p[1:]
		case '-':
			list, p = &none, p[1:]
		}
		term, rest, err := cutTerm(p)
		if err != nil {
			return nil, err
		}
		*list, p = append(*list, term), strings.TrimLeft(rest, " \t\r\n")
	}
	return func(m string) bool {
		for _, t := range all {
			if !strings.Contains(m, t) {
				return false
			}
		}
		for _, t := range none {
			if strings.Contains(m, t) {
				return false
			}
		}
		for _, t := range some {
			if strings.Contains(m, t) {
				return true
			}
		}
		return len(some) == 0
	}, nil
}

// cutTerm cuts a term off, which may be in quotation marks.
func cutTerm(p string) (term, rest string, err error) {
	if !strings.HasPrefix(p, `"`) {
		end := strings.IndexAny(p, " \t\r\n")
		if end < 0 {
			end = len(p)
		}
		if term = p[:end]; term == "" || strings.ContainsAny(term, `{}[]"`) {
			return "", "", badPattern("put terms with blanks or brackets into quotation marks, as in \"[ERROR]\"")
		}
		return term, p[end:], nil
	}
	return cutQuoted(p)
}

// cutQuoted cuts off a text in quotation marks; a backslash takes the next
// character as it is.
func cutQuoted(p string) (text, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(p); i++ {
		switch {
		case p[i] == '"':
			return b.String(), p[i+1:], nil
		case p[i] == '\\' && i+1 < len(p):
			i++
		}
		b.WriteByte(p[i])
	}
	return "", "", badPattern("a quotation mark is not closed")
}
