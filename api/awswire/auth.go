package awswire

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/auth"
	"github.com/belfry-run/belfry/memory"
)

// A Caller is who makes a request.
type Caller struct {
	belfry.Scope
	AccessKey string
	// Session is what the caller has temporary credentials of; nil is the root
	// of the account, who may do everything in it.
	Session *auth.Session
}

// Identity returns the caller without his region.
func (c *Caller) Identity() auth.Caller { return auth.Caller{Account: c.Account, Session: c.Session} }

// An Authenticator finds out who makes a request.
type Authenticator interface {
	// Authenticate returns the caller of r, whose body has been read already
	// and is body; it must not keep body. A refusal is a belfry.Error of kind
	// Denied whose Code is AWS's (MissingAuthenticationToken, ...).
	Authenticate(r *http.Request, body []byte) (Caller, error)
}

// DevAccount is the account of callers whose access key names none.
const DevAccount = "000000000000"

// DevRegion is the region of requests that are not signed for one.
const DevRegion = "us-east-1"

// DevAuth accepts everybody, signed or not. The account is the access key when
// that has 12 digits, else DevAccount; the region is the one signed for, else
// DevRegion.
type DevAuth struct{}

// Authenticate never fails.
func (DevAuth) Authenticate(r *http.Request, _ []byte) (Caller, error) {
	cred, _ := CredentialOf(r)
	c := Caller{Scope: belfry.Scope{Account: DevAccount, Region: DevRegion}, AccessKey: cred.AccessKey}
	if IsAccount(cred.AccessKey) {
		c.Account = cred.AccessKey
	}
	if plainRegion(cred.Region) {
		c.Region = cred.Region
	}
	return c, nil
}

// plainRegion says whether s can stand in an ARN.
func plainRegion(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// IsAccount says whether s is 12 digits.
func IsAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// A Credential is the credential scope of a signed request, as the client
// states it; nothing has been verified.
type Credential struct {
	AccessKey, Date, Region, Service string
}

// CredentialOf returns the credential that r states in its Authorization
// header, or in X-Amz-Credential when it is presigned.
func CredentialOf(r *http.Request) (c Credential, ok bool) {
	s := r.Header.Get("Authorization")
	if s != "" {
		_, s, ok = strings.Cut(s, "Credential=")
		if !ok {
			return Credential{}, false
		}
		if i := strings.IndexAny(s, ", "); i >= 0 {
			s = s[:i]
		}
	} else if strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
		s = r.URL.Query().Get("X-Amz-Credential")
	}
	if s == "" {
		return Credential{}, false
	}
	if strings.Contains(s, "%") {
		if u, err := url.PathUnescape(s); err == nil {
			s = u
		}
	}
	// The access key may hold slashes; the four parts after it may not.
	rest, last, _ := cutLast(s)
	rest, c.Service, _ = cutLast(rest)
	rest, c.Region, _ = cutLast(rest)
	rest, c.Date, ok = cutLast(rest)
	if !ok || last != "aws4_request" {
		return Credential{}, false
	}
	c.AccessKey = rest
	return c, true
}

// cutLast cuts s at its last slash.
func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '/')
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}

type identity struct {
	caller     Caller
	requestID  string
	endpoint   string
	authorizer Authorizer
	body       *memory.Hold // what the body takes
	answers    *memory.Budget
}

type identityKey struct{}

func identityOf(ctx context.Context) identity {
	if id, ok := ctx.Value(identityKey{}).(*identity); ok {
		return *id
	}
	return identity{}
}

// CallerFrom returns who makes the request that ctx belongs to; the zero
// Caller when ctx belongs to none.
func CallerFrom(ctx context.Context) Caller { return identityOf(ctx).caller }

// RequestIDFrom returns the id that the answer carries in x-amzn-RequestId.
func RequestIDFrom(ctx context.Context) string { return identityOf(ctx).requestID }

// EndpointFrom returns the scheme and host that the client has sent the
// request to, as http://127.0.0.1:7420, for URLs that it is to come back to.
func EndpointFrom(ctx context.Context) string { return identityOf(ctx).endpoint }

// BodyGone says that nothing of the body of the request that ctx belongs to is kept
// any more, though it has not been answered.
func BodyGone(ctx context.Context) {
	if id, ok := ctx.Value(identityKey{}).(*identity); ok {
		id.body.Release()
	}
}

// An Authorizer says what callers with temporary credentials may do.
type Authorizer interface {
	// Authorize returns nil when the caller may do it, else Denied.
	Authorize(ctx context.Context, c auth.Caller, q auth.Query) error
}

// Authorize returns nil when the caller of the request that ctx belongs to may
// do something beside the operation that he calls, such as pass a role to a
// service; else Denied. The root of an account may do everything in it.
func Authorize(ctx context.Context, q auth.Query) error {
	id := identityOf(ctx)
	if id.authorizer == nil || id.caller.Session == nil {
		return nil
	}
	return id.authorizer.Authorize(ctx, id.caller.Identity(), q)
}

// WithCaller returns a ctx of a request by c, for tests of implementations.
func WithCaller(ctx context.Context, c Caller) context.Context {
	id := identityOf(ctx)
	id.caller = c
	return context.WithValue(ctx, identityKey{}, &id)
}
