package awswire

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/auth"
)

// A KeyRing knows what callers sign with.
type KeyRing interface {
	// Credentials returns the secret of an access key and whose it is. The
	// token is empty but for temporary credentials. A key that is unknown or has
	// expired is a belfry.Error of kind Denied with AWS's code.
	Credentials(ctx context.Context, accessKey, token string) (secret string, who auth.Caller, err error)
}

// DefaultSkew is how far the clocks of client and server may differ.
const DefaultSkew = 15 * time.Minute

// maxPresign is how long a presigned URL may be good.
const maxPresign = 604_800 * time.Second

// A SigV4 checks signatures (AWS Signature Version 4, in headers and in
// presigned URLs). The caller's region is the one that he has signed for.
type SigV4 struct {
	Keys KeyRing
	Skew time.Duration    // 0: DefaultSkew
	Now  func() time.Time // nil: time.Now

	derived signingKeys
}

var _ Authenticator = (*SigV4)(nil)

func denied(code, message string) error {
	return &belfry.Error{Kind: belfry.Denied, Code: code, Message: message}
}

func incomplete(message string) error { return denied("IncompleteSignatureException", message) }

// The refusals, by their codes in JSON; fault.go has those of the query protocol.
var (
	errNoToken = denied("MissingAuthenticationTokenException",
		"Missing Authentication Token: the request is not signed.")
	errMismatch = denied("InvalidSignatureException",
		"The request signature we calculated does not match the signature you provided. "+
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	errUnsigned = denied("InvalidSignatureException",
		"'Host' and every 'X-Amz-' header of the request must be among the signed headers.")
)

// signature is what a request says about how it was signed.
type signature struct {
	cred      Credential
	headers   string // lower case, sorted, with semicolons
	hex       string
	date      string // 20260301T120000Z
	token     string
	presigned bool
	expires   time.Duration // of a presigned URL, from date on
}

// Authenticate returns the caller when the signature is his and covers the
// request as it came.
func (v *SigV4) Authenticate(r *http.Request, body []byte) (Caller, error) {
	var s signature
	if err := s.read(r); err != nil {
		return Caller{}, err
	}
	if err := v.checkTime(&s); err != nil {
		return Caller{}, err
	}
	secret, who, err := v.Keys.Credentials(r.Context(), s.cred.AccessKey, s.token)
	if err != nil {
		return Caller{}, err
	}
	b := scratch.Get().(*canon)
	defer scratch.Put(b)
	if err := b.request(r, body, &s); err != nil {
		return Caller{}, err
	}
	id := signingKeyID{s.cred.AccessKey, s.cred.Date, s.cred.Region, s.cred.Service}
	key, known := v.derived.get(id, secret)
	if !known {
		key = deriveKey(secret, &s.cred)
	}
	want := b.sign(&key, &s)
	var got [sha256.Size]byte
	n, err := hex.Decode(got[:], []byte(s.hex))
	if err != nil || n != len(got) || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		return Caller{}, errMismatch
	}
	if !known {
		v.derived.put(id, secret, key)
	}
	return Caller{
		Scope:     belfry.Scope{Account: who.Account, Region: s.cred.Region},
		AccessKey: s.cred.AccessKey, Session: who.Session,
	}, nil
}

const algorithm = "AWS4-HMAC-SHA256"

// read takes the signature out of the request, and refuses one that is not
// whole.
func (s *signature) read(r *http.Request) error {
	headers := r.Header["Authorization"]
	switch {
	case len(headers) > 1:
		return incomplete("The request has more than one Authorization header.")
	case len(headers) == 1 && headers[0] != "":
		if err := s.readHeader(headers[0]); err != nil {
			return err
		}
		s.date, s.token = r.Header.Get("X-Amz-Date"), r.Header.Get("X-Amz-Security-Token")
		if s.date == "" {
			t, err := http.ParseTime(r.Header.Get("Date"))
			if err != nil || !listed(s.headers, "date") {
				return incomplete("Authorization header requires existence of either a signed 'X-Amz-Date' or a signed 'Date' header.")
			}
			s.date = t.UTC().Format(dateFormat)
		}
	case strings.Contains(r.URL.RawQuery, "X-Amz-"):
		if err := s.readQuery(r.URL.RawQuery); err != nil {
			return err
		}
	default:
		return errNoToken
	}
	var ok bool
	if s.cred, ok = CredentialOf(r); !ok || s.cred.AccessKey == "" || s.cred.Service == "" || !plainRegion(s.cred.Region) {
		return incomplete("Credential should be scoped to a valid region and service and be of the form <access key>/<date>/<region>/<service>/aws4_request.")
	}
	if len(s.cred.AccessKey) > 128 || len(s.cred.Service) > 64 {
		return incomplete("The Credential is too long.")
	}
	if len(s.date) != len(dateFormat) || s.cred.Date != s.date[:8] {
		return incomplete("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" + clip(s.cred.Date) + "' != '" + clip(s.date) + "'.")
	}
	if !listed(s.headers, "host") || !allSigned(r.Header, s.headers) {
		return errUnsigned
	}
	return nil
}

// readHeader reads AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...
func (s *signature) readHeader(h string) error {
	kind, rest, _ := strings.Cut(h, " ")
	if kind != algorithm {
		return incomplete("Unsupported AWS 'algorithm': '" + clip(kind) + "'; this server knows " + algorithm + ".")
	}
	var credential string
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, ",")
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		into := s.field(name, &credential)
		if !ok || into == nil || *into != "" || value == "" {
			return incomplete("The Authorization header must have 'Credential', 'SignedHeaders' and 'Signature', each once, and nothing else.")
		}
		*into = value
	}
	if credential == "" || s.headers == "" || s.hex == "" {
		return incomplete("The Authorization header must have 'Credential', 'SignedHeaders' and 'Signature', each once, and nothing else.")
	}
	return nil
}

// field returns where a part of the Authorization header goes; nil: nowhere.
func (s *signature) field(name string, credential *string) *string {
	switch name {
	case "Credential":
		return credential
	case "SignedHeaders":
		return &s.headers
	case "Signature":
		return &s.hex
	}
	return nil
}

// readQuery reads the parameters of a presigned URL.
func (s *signature) readQuery(query string) error {
	s.presigned = true
	seen := map[string]string{}
	for query != "" {
		var p string
		p, query, _ = strings.Cut(query, "&")
		name, value, _ := strings.Cut(p, "=")
		name, err := url.QueryUnescape(name)
		if err != nil || !strings.HasPrefix(name, "X-Amz-") {
			continue
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return incomplete("The parameter " + clip(name) + " is not valid percent-encoding.")
		}
		if _, twice := seen[name]; twice {
			return incomplete("The parameter " + clip(name) + " is there twice.")
		}
		seen[name] = value
	}
	if seen["X-Amz-Credential"] == "" && seen["X-Amz-Signature"] == "" {
		return errNoToken
	}
	if seen["X-Amz-Algorithm"] != algorithm {
		return incomplete("X-Amz-Algorithm must be " + algorithm + ".")
	}
	s.headers, s.hex, s.date, s.token = seen["X-Amz-SignedHeaders"], seen["X-Amz-Signature"], seen["X-Amz-Date"], seen["X-Amz-Security-Token"]
	seconds, err := strconv.ParseUint(seen["X-Amz-Expires"], 10, 31)
	s.expires = time.Duration(seconds) * time.Second
	switch {
	case s.headers == "" || s.hex == "" || s.date == "":
		return incomplete("A presigned URL must have X-Amz-Credential, X-Amz-Date, X-Amz-SignedHeaders and X-Amz-Signature.")
	case err != nil || s.expires < time.Second || s.expires > maxPresign:
		return incomplete("X-Amz-Expires must be from 1 to 604800 seconds.")
	}
	return nil
}

const dateFormat = "20060102T150405Z"

// checkTime refuses a signature that is too old, or not valid yet.
func (v *SigV4) checkTime(s *signature) error {
	at, err := time.Parse(dateFormat, s.date)
	if err != nil {
		return incomplete("The date '" + clip(s.date) + "' is not of the form YYYYMMDD'T'HHMMSS'Z'.")
	}
	now, skew := time.Now, v.Skew
	if v.Now != nil {
		now = v.Now
	}
	if skew == 0 {
		skew = DefaultSkew
	}
	t := now().UTC()
	age := skew
	if s.presigned {
		age = s.expires
	}
	switch {
	case t.Sub(at) > age:
		return denied("RequestExpired", "Signature expired: "+s.date+" is now earlier than "+t.Add(-age).Format(dateFormat)+
			" ("+t.Format(dateFormat)+" - "+age.String()+").")
	case at.Sub(t) > skew:
		return denied("InvalidSignatureException", "Signature not yet current: "+s.date+" is still later than "+t.Add(skew).Format(dateFormat)+
			" ("+t.Format(dateFormat)+" + "+skew.String()+").")
	}
	return nil
}

// listed says whether a header, in lower case, is among the signed ones.
func listed(headers, name string) bool {
	for h := range strings.SplitSeq(headers, ";") {
		if h == name {
			return true
		}
	}
	return false
}

// allSigned says whether every header that AWS's protocols give a meaning to
// is signed.
func allSigned(h http.Header, headers string) bool {
	for name := range h {
		if strings.HasPrefix(name, "X-Amz-") && !listedFold(headers, name) {
			return false
		}
	}
	return true
}

func listedFold(headers, name string) bool {
	for h := range strings.SplitSeq(headers, ";") {
		if strings.EqualFold(h, name) {
			return true
		}
	}
	return false
}
