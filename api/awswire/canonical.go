package awswire

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// canon holds what a check of a signature needs, to be used again.
type canon struct {
	b     []byte // the canonical request, then what is signed
	pairs []pair
	block [2 * sha256.BlockSize]byte
}

type pair struct{ name, value string }

var scratch = sync.Pool{New: func() any { return new(canon) }}

const unsignedPayload = "UNSIGNED-PAYLOAD"

// request writes the canonical request. The path is encoded once more than it
// is on the wire, as every service but S3 has it.
func (c *canon) request(r *http.Request, body []byte, s *signature) error {
	b := append(c.b[:0], r.Method...)
	b = append(b, '\n')
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	b = appendEscaped(b, path, true)
	b = append(b, '\n')
	b, err := c.query(b, r.URL.RawQuery, s.presigned)
	if err != nil {
		return err
	}
	b = append(b, '\n')
	last := ""
	for name := range strings.SplitSeq(s.headers, ";") {
		if name <= last {
			return incomplete("The signed headers must be in the order of their names, each once.")
		}
		last = name
		b = append(b, name...)
		b = append(b, ':')
		if b, err = appendHeader(b, r, name); err != nil {
			return err
		}
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(b, s.headers...)
	b = append(b, '\n')
	if payloadUnsigned(r, s) {
		b = append(b, unsignedPayload...)
	} else {
		sum := sha256.Sum256(body)
		b = hex.AppendEncode(b, sum[:])
	}
	c.b = b
	return nil
}

// payloadUnsigned says whether the client has left the body out of its
// signature, which the signature then says.
func payloadUnsigned(r *http.Request, s *signature) bool {
	if h := r.Header["X-Amz-Content-Sha256"]; len(h) == 1 {
		return h[0] == unsignedPayload
	}
	return s.presigned && strings.Contains(r.URL.RawQuery, "X-Amz-Content-Sha256="+unsignedPayload)
}

// query appends the parameters, decoded, encoded in AWS's way and sorted; the
// signature of a presigned URL is not among them.
func (c *canon) query(b []byte, raw string, presigned bool) ([]byte, error) {
	c.pairs = c.pairs[:0]
	for raw != "" {
		var p string
		p, raw, _ = strings.Cut(raw, "&")
		if p == "" {
			continue
		}
		name, value, _ := strings.Cut(p, "=")
		var err [2]error
		name, err[0] = reEscape(name)
		value, err[1] = reEscape(value)
		if err[0] != nil || err[1] != nil {
			return b, incomplete("The query is not valid percent-encoding.")
		}
		if !presigned || name != "X-Amz-Signature" {
			c.pairs = append(c.pairs, pair{name, value})
		}
	}
	slices.SortFunc(c.pairs, func(a, b pair) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.value, b.value))
	})
	for i, p := range c.pairs {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, p.name...)
		b = append(b, '=')
		b = append(b, p.value...)
	}
	return b, nil
}

func reEscape(s string) (string, error) {
	plain := true
	for i := range len(s) {
		plain = plain && unreserved(s[i])
	}
	if plain {
		return s, nil
	}
	s, err := url.QueryUnescape(s)
	return string(appendEscaped(nil, s, false)), err
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// appendEscaped appends s percent-encoded; slashes stay when it is a path.
func appendEscaped(b []byte, s string, path bool) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; unreserved(c) || path && c == '/' {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}

// appendHeader appends the values of a header with single blanks.
func appendHeader(b []byte, r *http.Request, name string) ([]byte, error) {
	switch name {
	case "host":
		return append(b, r.Host...), nil
	case "content-length":
		return strconv.AppendInt(b, max(r.ContentLength, 0), 10), nil
	}
	values := r.Header[canonicalName(name)]
	if len(values) == 0 {
		return b, incomplete("The signed header '" + clip(name) + "' is not in the request.")
	}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		begin := len(b)
		for j := range len(v) {
			if v[j] == ' ' {
				continue
			}
			if j > 0 && len(b) > begin && v[j-1] == ' ' {
				b = append(b, ' ')
			}
			b = append(b, v[j])
		}
	}
	return b, nil
}

// canonicalName spares the common headers the making of a string.
func canonicalName(name string) string {
	switch name {
	case "x-amz-date":
		return "X-Amz-Date"
	case "x-amz-target":
		return "X-Amz-Target"
	case "x-amz-security-token":
		return "X-Amz-Security-Token"
	case "x-amz-content-sha256":
		return "X-Amz-Content-Sha256"
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

// sign makes the signature of the canonical request.
func (c *canon) sign(key *signingKey, s *signature) [sha256.Size]byte {
	sum := sha256.Sum256(c.b)
	b := append(c.b[:0], key.inner[:]...)
	b = append(b, algorithm+"\n"...)
	b = append(b, s.date...)
	b = append(b, '\n')
	b = appendScope(b, &s.cred)
	b = append(b, '\n')
	b = hex.AppendEncode(b, sum[:])
	c.b = b
	return c.outer(key, sha256.Sum256(b))
}

// outer is the second half of HMAC (RFC 2104).
func (c *canon) outer(key *signingKey, inner [sha256.Size]byte) [sha256.Size]byte {
	b := append(c.block[:0], key.outer[:]...)
	return sha256.Sum256(append(b, inner[:]...))
}

func appendScope(b []byte, c *Credential) []byte {
	b = append(b, c.Date...)
	b = append(b, '/')
	b = append(b, c.Region...)
	b = append(b, '/')
	b = append(b, c.Service...)
	return append(b, "/aws4_request"...)
}
