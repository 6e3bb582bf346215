package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

// An Error is why a message was not delivered.
type Error struct {
	// Permanent says that this message will never be taken, Gone that no message
	// will: the channel is not there any more. Otherwise another try may help.
	Permanent, Gone bool
	// RetryAfter is how long the receiver asked to be left alone; mostly 0.
	RetryAfter time.Duration
	Reason     string // for people, without secrets

	status int // of the answer; 0: there was none
}

// Error returns the reason.
func (e *Error) Error() string { return e.Reason }

// retryAfterMax bounds what a receiver may wish for.
const retryAfterMax = time.Hour

// statusError classifies an answer that is not a success. What a receiver says
// in its answer is left out: some repeat the request, and with it secrets.
func statusError(r *http.Response) *Error {
	e := &Error{status: r.StatusCode, Reason: "Received status code " + strconv.Itoa(r.StatusCode)}
	switch {
	case r.StatusCode == http.StatusTooManyRequests || r.StatusCode == http.StatusServiceUnavailable:
		if s, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil && s > 0 {
			e.RetryAfter = min(time.Duration(min(s, int(retryAfterMax/time.Second)))*time.Second, retryAfterMax)
		}
	case r.StatusCode == http.StatusRequestTimeout || r.StatusCode == http.StatusTooEarly:
	case r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden ||
		r.StatusCode == http.StatusNotFound || r.StatusCode == http.StatusGone:
		e.Permanent, e.Gone = true, true
	case r.StatusCode >= 400 && r.StatusCode < 500:
		e.Permanent = true
	case r.StatusCode >= 300 && r.StatusCode < 400:
		e.Reason += ", a redirect; give the address that it leads to"
	}
	return e
}

// unreachable words why there was no answer. An address is left out but for what
// the dialer says, which is host and port.
func unreachable(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	switch {
	case errors.Is(err, context.Canceled):
		return "the server is stopping"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "no answer within " + Timeout.String()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before an answer"
	}
	if e, ok := errors.AsType[*belfry.Error](err); ok { // the dialer's own
		return e.Message
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return "the host name is not known: " + e.Name
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
		return "the connection was not made: " + e.Error()
	}
	if errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(x509.UnknownAuthorityError)) ||
		errors.As(err, new(x509.HostnameError)) || errors.As(err, new(x509.CertificateInvalidError)) {
		return "the certificate is not valid: " + strings.TrimPrefix(err.Error(), "tls: failed to verify certificate: ")
	}
	return "the connection broke"
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
