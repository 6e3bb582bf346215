package jsonwire

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"
)

// Sep appends what stands before a member or element: a comma, save after an
// opening bracket.
func Sep(b []byte) []byte {
	if n := len(b); n > 0 && (b[n-1] == '{' || b[n-1] == '[') {
		return b
	}
	return append(b, ',')
}

// Name appends the separator, a member's name, which needs no escapes, and the colon.
func Name(b []byte, name string) []byte {
	b = append(Sep(b), '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

// Key appends the separator, a map's key and the colon.
func Key(b []byte, key string) []byte { return append(String(Sep(b), key), ':') }

const hexDigits = "0123456789abcdef"

// String appends s as a JSON string; bytes that are not UTF-8 become U+FFFD.
func String(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(b, s[start:i]...)
				b = append(b, "\uFFFD"...)
				start = i + 1
			}
			i += n
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// Int appends an integer.
func Int[T int | int64](b []byte, n T) []byte { return strconv.AppendInt(b, int64(n), 10) }

// Bool appends a boolean.
func Bool(b []byte, v bool) []byte { return strconv.AppendBool(b, v) }

// Float appends a number.
func Float(b []byte, f float64) []byte { return strconv.AppendFloat(b, f, 'g', -1, 64) }

// Blob appends bytes in base64.
func Blob(b, v []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, v)
	return append(b, '"')
}

// Time appends t as seconds since 1970, with milliseconds where there are any.
func Time(b []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms < 0 {
		b = append(b, '-')
		ms = -ms
	}
	b = strconv.AppendInt(b, ms/1000, 10)
	if f := ms % 1000; f != 0 {
		b = append(b, '.', byte('0'+f/100))
		if f%100 != 0 {
			b = append(b, byte('0'+f/10%10))
		}
		if f%10 != 0 {
			b = append(b, byte('0'+f%10))
		}
	}
	return b
}
