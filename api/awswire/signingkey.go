package awswire

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"sync"
)

// A signingKey is the key that a day's requests to a service in a region are
// signed with, as the two blocks that HMAC (RFC 2104) hashes first.
type signingKey struct {
	inner, outer [sha256.BlockSize]byte
}

func deriveKey(secret string, c *Credential) (k signingKey) {
	key := []byte("AWS4" + secret)
	for _, part := range []string{c.Date, c.Region, c.Service, "aws4_request"} {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(part))
		key = m.Sum(nil)
	}
	copy(k.inner[:], key)
	copy(k.outer[:], key)
	for i := range k.inner {
		k.inner[i] ^= 0x36
		k.outer[i] ^= 0x5c
	}
	return k
}

type signingKeyID struct{ accessKey, date, region, service string }

// maxSigningKeys bounds the keys that are remembered; a full memory starts over.
const maxSigningKeys = 4096

// signingKeys remembers derived keys. Only a request whose signature was right
// adds one, so strangers cannot fill it.
type signingKeys struct {
	mu sync.RWMutex // guards m
	m  map[signingKeyID]derivedKey
}

type derivedKey struct {
	secret string // that it was derived from
	key    signingKey
}

func (s *signingKeys) get(id signingKeyID, secret string) (signingKey, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	d, ok := s.m[id]
	if !ok || subtle.ConstantTimeCompare([]byte(d.secret), []byte(secret)) != 1 {
		return signingKey{}, false
	}
	return d.key, true
}

func (s *signingKeys) put(id signingKeyID, secret string, key signingKey) {
	// The strings are parts of a request; they must not keep all of it.
	id = signingKeyID{strings.Clone(id.accessKey), strings.Clone(id.date), strings.Clone(id.region), strings.Clone(id.service)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil || len(s.m) >= maxSigningKeys {
		s.m = make(map[signingKeyID]derivedKey)
	}
	s.m[id] = derivedKey{secret, key}
}
