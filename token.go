package belfry

import (
	"crypto/sha256"
	"time"
)

// A Token makes a change happen once: the client chose it, and sends it again
// when it does not know whether its request was carried out. It belongs to one
// account, region and operation.
type Token struct {
	Key     [16]byte  // identifies scope, operation and the client's text
	Request [16]byte  // identifies what was asked for
	At      time.Time // when the request came; the engine sets it
}

// TokenLife is how long a token is remembered (architecture.md, "ClientToken").
const TokenLife = 24 * time.Hour

// NewToken returns the token that a client has sent with a request. request is
// any form of the request that two equal requests share.
func NewToken(s Scope, operation, token string, request []byte) Token {
	h := sha256.New()
	for _, part := range []string{s.Account, s.Region, operation, token} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	key, sum := h.Sum(nil), sha256.Sum256(request)
	return Token{Key: [16]byte(key[:16]), Request: [16]byte(sum[:16])}
}

// ErrReplayed is returned by a store for a change that was made already, by the
// same request with the same token; nothing was written.
var ErrReplayed = &Error{Kind: Conflict, Code: "replayed", Message: "This request was carried out before."}

// ErrTokenReused refuses a token that came with another request.
var ErrTokenReused = &Error{
	Kind: Conflict, Field: "ClientToken",
	Message: "The ClientToken was used for a different request within the last 24 hours; use a new one.",
}
