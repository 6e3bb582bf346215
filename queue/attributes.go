package queue

import (
	"cmp"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"
)

// An Attribute is a typed value beside a message's body.
type Attribute struct {
	Name string
	Type string // String, Number or Binary, each with an optional .suffix
	// Value is the text of a String or Number, the bytes of a Binary.
	Value string
}

// Binary reports whether the value is bytes rather than text.
func (a Attribute) Binary() bool { return baseType(a.Type) == "Binary" }

func baseType(t string) string {
	base, _, _ := strings.Cut(t, ".")
	return base
}

const (
	maxAttributes       = 10
	maxAttributeNameLen = 256
	maxAttributeTypeLen = 256
)

func checkAttributes(attrs []Attribute) error {
	if len(attrs) > maxAttributes {
		return invalid("MessageAttributes", "Number of message attributes [%d] exceeds the allowed maximum [%d].", len(attrs), maxAttributes)
	}
	for _, a := range attrs {
		if err := a.check(); err != nil {
			return err
		}
	}
	return nil
}

func (a Attribute) check() error {
	if !validAttributeName(a.Name) {
		return invalid("MessageAttributes", "The message attribute name '%s' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) characters; it cannot start with AWS. or Amazon., start or end with a period, have two periods in succession, or be longer than %d characters.", a.Name, maxAttributeNameLen)
	}
	if a.Type == "" {
		return invalid("MessageAttributes", "The message attribute '%s' must contain non-empty message attribute type.", a.Name)
	}
	base := baseType(a.Type)
	if base != "String" && base != "Number" && base != "Binary" {
		return invalid("MessageAttributes", "The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", a.Name)
	}
	if len(a.Type) > maxAttributeTypeLen || !validText(a.Type) {
		return invalid("MessageAttributes", "The type of the message attribute '%s' is longer than %d characters or has invalid ones.", a.Name, maxAttributeTypeLen)
	}
	if a.Value == "" {
		return invalid("MessageAttributes", "Message (user) attribute '%s' must contain a non-empty value of type '%s'.", a.Name, base)
	}
	if base != "Binary" && !validText(a.Value) {
		return invalid("MessageAttributes", "Message (user) attribute '%s' has characters that are not allowed: %s.", a.Name, allowedText)
	}
	if base == "Number" && !validNumber(a.Value) {
		return invalid("MessageAttributes", "Can't cast the value of message (user) attribute '%s' to a number.", a.Name)
	}
	return nil
}

func validAttributeName(s string) bool {
	if s == "" || len(s) > maxAttributeNameLen {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '_' && c != '-' && c != '.' {
			return false
		}
	}
	lower := strings.ToLower(s)
	return s[0] != '.' && s[len(s)-1] != '.' && !strings.Contains(s, "..") &&
		!strings.HasPrefix(lower, "aws.") && !strings.HasPrefix(lower, "amazon.")
}

// validNumber takes decimal numbers of up to 38 digits with an optional exponent.
func validNumber(s string) bool {
	const maxLen = 64 // 38 digits, sign, point, exponent; keeps the parser's work small
	if len(s) > maxLen || strings.Trim(s, "0123456789+-.eE") != "" {
		return false
	}
	_, _, err := big.ParseFloat(s, 10, 8, big.ToZero)
	return err == nil
}

// allowedText says which characters a body may have.
const allowedText = "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"

// validText reports whether s is UTF-8 of the characters that XML allows.
func validText(s string) bool {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || r == 0xFFFE || r == 0xFFFF {
			return false
		}
		i += n
	}
	return true
}

// Attributes are stored in the form that their MD5 is taken of (semantics.md
// 4.5): in the order of their names, each as a name, a type, a byte 1 for text
// or 2 for bytes, and a value; strings have their length, 32 bits big-endian,
// before them.
func encodeAttributes(attrs []Attribute) []byte {
	if len(attrs) == 0 {
		return nil
	}
	sorted := slices.SortedFunc(slices.Values(attrs), func(a, b Attribute) int { return cmp.Compare(a.Name, b.Name) })
	n := 0
	for _, a := range sorted {
		n += 13 + len(a.Name) + len(a.Type) + len(a.Value)
	}
	b := make([]byte, 0, n)
	for _, a := range sorted {
		b = appendString(b, a.Name)
		b = appendString(b, a.Type)
		if a.Binary() {
			b = append(b, 2)
		} else {
			b = append(b, 1)
		}
		b = appendString(b, a.Value)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

func decodeAttributes(b []byte) ([]Attribute, error) {
	var attrs []Attribute
	str := func() (s string, ok bool) {
		if len(b) < 4 {
			return "", false
		}
		n := int(binary.BigEndian.Uint32(b))
		if len(b)-4 < n {
			return "", false
		}
		s, b = string(b[4:4+n]), b[4+n:]
		return s, true
	}
	for len(b) > 0 {
		var a Attribute
		var ok1, ok2, ok3 bool
		a.Name, ok1 = str()
		a.Type, ok2 = str()
		if len(b) > 0 {
			b = b[1:]
		}
		a.Value, ok3 = str()
		if !ok1 || !ok2 || !ok3 {
			return nil, fmt.Errorf("stored message attributes are cut short")
		}
		attrs = append(attrs, a)
	}
	return attrs, nil
}

// attributesMD5 is the digest that clients check; "" when there are none.
func attributesMD5(encoded []byte) string {
	if len(encoded) == 0 {
		return ""
	}
	sum := md5.Sum(encoded)
	return hex.EncodeToString(sum[:])
}

func bodyMD5(body string) string {
	sum := md5.Sum([]byte(body))
	return hex.EncodeToString(sum[:])
}

// selectAttributes returns those that one of the patterns names: All, .*,
// a prefix with .* after it, or the name itself.
func selectAttributes(attrs []Attribute, patterns []string) []Attribute {
	if len(attrs) == 0 || len(patterns) == 0 {
		return nil
	}
	var out []Attribute
	for _, a := range attrs {
		if slices.ContainsFunc(patterns, func(p string) bool { return patternNames(p, a.Name) }) {
			out = append(out, a)
		}
	}
	return out
}

func patternNames(pattern, name string) bool {
	if pattern == "All" || pattern == ".*" || pattern == name {
		return true
	}
	prefix, ok := strings.CutSuffix(pattern, ".*")
	return ok && (name == prefix || strings.HasPrefix(name, prefix+"."))
}

// traceMD5 is the digest of the one system attribute that a sender can set.
func traceMD5(trace string) string {
	if trace == "" {
		return ""
	}
	return attributesMD5(encodeAttributes([]Attribute{{Name: traceHeader, Type: "String", Value: trace}}))
}

const traceHeader = "AWSTraceHeader"
