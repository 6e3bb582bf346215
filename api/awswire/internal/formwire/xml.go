package formwire

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"
)

func decodeBase64(s string) ([]byte, error) { return base64.StdEncoding.DecodeString(s) }

// Open appends a start tag.
func Open(b []byte, name string) []byte {
	b = append(b, '<')
	b = append(b, name...)
	return append(b, '>')
}

// Close appends an end tag.
func Close(b []byte, name string) []byte {
	b = append(b, '<', '/')
	b = append(b, name...)
	return append(b, '>')
}

// Text appends an element that holds s.
func Text(b []byte, name, s string) []byte {
	return Close(Escape(Open(b, name), s), name)
}

// Int appends an element that holds an integer.
func Int[T int | int64](b []byte, name string, n T) []byte {
	return Close(strconv.AppendInt(Open(b, name), int64(n), 10), name)
}

// Time appends an element that holds a time in UTC, cut to the second.
func Time(b []byte, name string, t time.Time) []byte {
	return Close(t.UTC().AppendFormat(Open(b, name), "2006-01-02T15:04:05Z"), name)
}

// Bool appends an element that holds a boolean.
func Bool(b []byte, name string, v bool) []byte {
	return Close(strconv.AppendBool(Open(b, name), v), name)
}

// Blob appends an element that holds bytes in base64.
func Blob(b []byte, name string, v []byte) []byte {
	return Close(base64.StdEncoding.AppendEncode(Open(b, name), v), name)
}

// Escape appends s as character data; what XML cannot hold becomes U+FFFD.
func Escape(b []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '<':
			b = append(b, "&lt;"...)
		case r == '>':
			b = append(b, "&gt;"...)
		case r == '&':
			b = append(b, "&amp;"...)
		case r == '"':
			b = append(b, "&quot;"...)
		case r == '\r': // a parser would make a line feed of it
			b = append(b, "&#13;"...)
		case r < ' ' && r != '\t' && r != '\n', r == 0xFFFE, r == 0xFFFF:
			b = append(b, "\uFFFD"...)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}
