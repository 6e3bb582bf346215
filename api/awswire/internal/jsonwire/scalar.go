package jsonwire

import (
	"bytes"
	"encoding/base64"
	"unicode/utf16"
	"unicode/utf8"
)

// rawString consumes a string and returns what is between its quotes.
func (d *Decoder) rawString() (raw []byte, escaped, ok bool) {
	start := d.pos + 1
	ascii := true
	for i := start; i < len(d.src); i++ {
		switch c := d.src[i]; {
		case c == '"':
			raw = d.src[start:i]
			d.pos = i + 1
			if !ascii && !utf8.Valid(raw) {
				d.fail("is not valid UTF-8")
				return nil, false, false
			}
			return raw, escaped, true
		case c == '\\':
			escaped = true
			i++
		case c < ' ':
			d.pos = i
			d.fail("has an unescaped control character")
			return nil, false, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	d.pos = len(d.src)
	d.syntax()
	return nil, false, false
}

// unescape returns raw with its escapes resolved, in new memory.
func (d *Decoder) unescape(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		n := bytes.IndexByte(raw[i:], '\\')
		if n < 0 {
			return append(out, raw[i:]...)
		}
		out = append(out, raw[i:i+n]...)
		i += n + 1 // at the letter; rawString has seen that there is one
		switch c := raw[i]; c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, ok := hex4(raw[i+1:])
			i += 4
			if ok && utf16.IsSurrogate(r) {
				var low rune
				if ok = i+3 <= len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u'; ok {
					low, ok = hex4(raw[i+3:])
					r = utf16.DecodeRune(r, low)
					ok = ok && r != utf8.RuneError
					i += 6
				}
			}
			if !ok {
				d.fail("has an invalid \\u escape")
				return nil
			}
			out = utf8.AppendRune(out, r)
		default:
			d.fail("has an invalid escape")
			return nil
		}
		i++
	}
	return out
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// text reads a string that is not null; its bytes may belong to src.
func (d *Decoder) text() ([]byte, bool) {
	if d.err != nil || d.Null() || d.err != nil {
		return nil, false
	}
	if d.peek() != '"' {
		d.mismatch("a string")
		return nil, false
	}
	raw, escaped, ok := d.rawString()
	if ok && escaped {
		raw = d.unescape(raw)
	}
	return raw, ok && d.err == nil
}

// Text reads a string; ok is false when there is a null or an error.
func (d *Decoder) Text() (s string, ok bool) {
	b, ok := d.text()
	return string(b), ok
}

// String reads a string; nil is null.
func (d *Decoder) String() *string {
	b, ok := d.text()
	if !ok {
		return nil
	}
	if len(d.strs) == 0 {
		d.strs = make([]string, 16)
	}
	p := &d.strs[0]
	d.strs = d.strs[1:]
	*p = string(b)
	return p
}

// Blob reads bytes in base64; nil is null.
func (d *Decoder) Blob() []byte {
	b, ok := d.text()
	if !ok {
		return nil
	}
	out := make([]byte, base64.StdEncoding.DecodedLen(len(b)))
	n, err := base64.StdEncoding.Decode(out, b)
	if err != nil {
		d.fail("is not valid base64")
		return nil
	}
	return out[:n]
}

// Bool reads a boolean; nil is null.
func (d *Decoder) Bool() *bool {
	if d.err != nil || d.Null() || d.err != nil {
		return nil
	}
	var v bool
	switch d.peek() {
	case 't':
		v = d.literal("true")
	case 'f':
		d.literal("false")
	default:
		d.mismatch("a boolean")
	}
	if d.err != nil {
		return nil
	}
	return &v
}
