package awswire

import (
	"errors"
	"net/http"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire/internal/jsonwire"
)

// commonStatus is the HTTP status of the codes that every service may use.
func commonStatus(code string) int {
	switch code {
	case "UnknownOperationException":
		return http.StatusNotFound
	case "RequestTimeoutException":
		return http.StatusRequestTimeout
	case "RequestEntityTooLargeException":
		return http.StatusRequestEntityTooLarge
	case "ValidationException", "SerializationException", "IncompleteBody", "MalformedQueryString",
		"MissingAction", "InvalidAction":
		return http.StatusBadRequest
	}
	return 0
}

// authFaults are the refusals of callers, under the names that the clients of
// the JSON protocols and those of the query protocol expect.
var authFaults = [...]Fault{
	{Code: "MissingAuthenticationTokenException", Legacy: "MissingAuthenticationToken", Status: http.StatusForbidden},
	{Code: "IncompleteSignatureException", Legacy: "IncompleteSignature", Status: http.StatusBadRequest},
	{Code: "UnrecognizedClientException", Legacy: "InvalidClientTokenId", Status: http.StatusForbidden},
	{Code: "InvalidSignatureException", Legacy: "SignatureDoesNotMatch", Status: http.StatusForbidden},
	{Code: "RequestExpired", Status: http.StatusForbidden},
	{Code: "ExpiredTokenException", Legacy: "ExpiredToken", Status: http.StatusForbidden},
	{Code: "AccessDeniedException", Legacy: "AccessDenied", Status: http.StatusForbidden},
}

// kindFault is the fault of errors that no service has a word for.
func kindFault(k belfry.Kind) Fault {
	switch k {
	case belfry.Invalid:
		return Fault{Code: "ValidationException", Status: http.StatusBadRequest}
	case belfry.NotFound:
		return Fault{Code: "ResourceNotFoundException", Status: http.StatusNotFound}
	case belfry.Conflict:
		return Fault{Code: "ConflictException", Status: http.StatusConflict}
	case belfry.Quota:
		return Fault{Code: "ServiceQuotaExceededException", Status: http.StatusPaymentRequired}
	case belfry.Throttled:
		return Fault{Code: "ThrottlingException", Status: http.StatusTooManyRequests}
	case belfry.Denied:
		return Fault{Code: "AccessDeniedException", Status: http.StatusForbidden}
	case belfry.TooLarge:
		return Fault{Code: "RequestEntityTooLargeException", Status: http.StatusRequestEntityTooLarge}
	case belfry.Unavailable, belfry.Fenced:
		return Fault{Code: "ServiceUnavailableException", Status: http.StatusServiceUnavailable}
	}
	return Fault{Code: "InternalServerException", Status: http.StatusInternalServerError}
}

// fault says how e goes over the wire in the service's dialect.
func (c *Call) fault(e *belfry.Error) Fault {
	var f Fault
	if c.service != nil && c.service.Dialect.Kind != nil {
		f = c.service.Dialect.Kind(e.Kind)
	} else {
		f = kindFault(e.Kind)
	}
	// An internal error stays one, whatever code it has.
	if e.Kind == belfry.Internal || e.Code == "" || e.Code == f.Code {
		return f
	}
	if c.service != nil && c.service.Dialect.Code != nil {
		if g, ok := c.service.Dialect.Code(e.Code); ok {
			return g
		}
	}
	for _, g := range authFaults {
		if e.Code == g.Code {
			g.Lower = f.Lower
			return g
		}
	}
	g := Fault{Code: e.Code, Status: f.Status, Lower: f.Lower}
	if s := commonStatus(e.Code); s != 0 {
		g.Status = s
	}
	return g
}

func (f Fault) legacy() string {
	if f.Legacy != "" {
		return f.Legacy
	}
	return f.Code
}

func (f Fault) side() string {
	if f.Status >= 500 {
		return "Receiver"
	}
	return "Sender"
}

type member struct {
	name string
	raw  []byte
}

type memberError struct {
	error
	member member
}

func (e *memberError) Unwrap() error { return e.error }

// WithMember returns err such that the body of the answer in JSON has one more
// member: Lambda's Reason, DynamoDB's Item. raw is JSON.
func WithMember(err error, name string, raw []byte) error {
	return &memberError{error: err, member: member{name: name, raw: raw}}
}

// WithReason returns err with Lambda's Reason for a throttled request.
func WithReason(err error, reason string) error {
	return WithMember(err, "Reason", jsonwire.String(nil, reason))
}

func membersOf(err error) (m []member) {
	for err != nil {
		var e *memberError
		if !errors.As(err, &e) {
			return m
		}
		m = append(m, e.member)
		err = e.error
	}
	return m
}

func has(members []member, name string) bool {
	for _, m := range members {
		if m.name == name {
			return true
		}
	}
	return false
}
