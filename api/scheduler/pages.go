package scheduler

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/belfry-run/belfry"
)

// defaultPage is the size of a page when the client names none; it is also the
// largest (architecture.md, "ListSchedules").
const defaultPage = 100

func pageSize(n *int) int { return or(n, defaultPage) }

// A position is where a list goes on. It goes to the client as NextToken and
// comes back with a signature over all that the list depends on, so a token is
// good for one account, region, operation and set of filters only, and nobody
// can make one. It says nothing of the size of the page, which may change.
type position struct {
	ctx       context.Context
	key       []byte
	operation string
	filters   []string
}

// macLen is how much of the signature travels.
const macLen = 16

func (p position) sign(after []byte) []byte {
	h := hmac.New(sha256.New, p.key)
	s := scopeOf(p.ctx)
	// JSON keeps the parts apart, whatever is in them.
	b, _ := json.Marshal([]any{s.Account, s.Region, p.operation, p.filters}) // texts always marshal
	h.Write(b)
	h.Write(after)
	return h.Sum(nil)[:macLen]
}

// token returns the token of the page after the item with these names.
func (p position) token(after ...string) *string {
	b, _ := json.Marshal(after)
	s := base64.RawURLEncoding.EncodeToString(append(p.sign(b), b...))
	return &s
}

// parse reads a token of n names; those of no token are empty.
func (p position) parse(token *string, n int) ([]string, error) {
	if token == nil {
		return make([]string, n), nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(*token)
	if err == nil && len(b) > macLen && hmac.Equal(b[:macLen], p.sign(b[macLen:])) {
		var after []string
		if json.Unmarshal(b[macLen:], &after) == nil && len(after) == n {
			return after, nil
		}
	}
	return nil, belfry.Errorf(belfry.Invalid, "NextToken",
		"Invalid NextToken: it is not one that a request with the same filters was answered with.")
}
