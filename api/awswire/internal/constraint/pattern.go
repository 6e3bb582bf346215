package constraint

import (
	"regexp"
	"strings"
	"sync"
)

// A Pattern is a regular expression that compiles when it is first used, so
// that it costs nothing at start-up.
type Pattern struct {
	expr string
	once sync.Once
	re   *regexp.Regexp
}

// NewPattern returns the pattern that matches whole strings; the generator has
// seen that expr compiles.
func NewPattern(expr string) *Pattern { return &Pattern{expr: expr} }

// Match says whether the whole of s matches.
func (p *Pattern) Match(s string) bool {
	p.once.Do(func() { p.re = regexp.MustCompile(`\A(?:` + p.expr + `)\z`) })
	return p.re.MatchString(s)
}

// EventSource matches the source of an EventBridge event:
// ^(?=[/\.\-_A-Za-z0-9]+)((?!aws\.).*)|(\$(\.[\w_-]+(\[(\d+|\*)\])*)*)$
// that is, text that starts with a letter, digit or one of /.-_ but not with
// "aws.", or a JSON path.
func EventSource(s string) bool {
	if jsonPath.Match(s) {
		return true
	}
	if s == "" || (len(s) >= 4 && s[:4] == "aws.") {
		return false
	}
	const lo, hi = 0x03ffe00000000000, 0x07fffffe87fffffe // letters, digits and /.-_
	if !In(s[0], lo, hi) {
		return false
	}
	for i := range len(s) {
		if s[i] == '\n' || s[i] == '\r' {
			return false
		}
	}
	return true
}

var jsonPath = NewPattern(`\$(\.[\w_-]+(\[(\d+|\*)\])*)*`)

var bucket = NewPattern(`[0-9A-Za-z\.\-_]*`)

// BucketName matches [0-9A-Za-z\.\-_]*(?<!\.), a name that does not end with a dot.
func BucketName(s string) bool {
	return bucket.Match(s) && (s == "" || s[len(s)-1] != '.')
}

// In says whether the ASCII character c is in a set of bits: lo has the first
// 64 characters, hi the others.
func In(c byte, lo, hi uint64) bool {
	if c < 64 {
		return lo>>c&1 != 0
	}
	return c < 128 && hi>>(c-64)&1 != 0
}

// NotBlank says whether s has a character that is no blank, and is one line.
func NotBlank(s string) bool {
	return strings.TrimSpace(s) != "" && !strings.Contains(s, "\n")
}

// AliasName says whether s is a word, and not a number.
func AliasName(s string) bool {
	number := true
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9':
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '_':
			number = false
		default:
			return false
		}
	}
	return !number
}
