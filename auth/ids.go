package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
)

// Prefixes of ids, as AWS has them.
const (
	keyPrefix     = "AKIA" // an access key that stays
	sessionPrefix = "ASIA" // the access key of a session
	rolePrefix    = "AROA"
	policyPrefix  = "ANPA"
)

// secretBytes of a secret access key make the 40 characters that clients know.
const secretBytes = 30

var idEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// newID returns a random id: a prefix and n more characters.
func newID(prefix string, n int) string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return prefix + idEncoding.EncodeToString(b)[:n]
}

func newKeyID(prefix string) string { return newID(prefix, 16) }

// fixedID is the id of something that every account has.
func fixedID(prefix, account string) string {
	sum := sha256.Sum256([]byte("belfry " + prefix + account))
	return prefix + idEncoding.EncodeToString(sum[:])[:17]
}

func newSecret() string {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}
