package belfry

import (
	"errors"
	"fmt"
)

// Kind classifies an error so that each API can answer in its own dialect.
type Kind uint8

// The kinds of error.
const (
	Internal    Kind = iota // ours; the message is for the log, not for the client
	Invalid                 // the request cannot be right whatever the state
	NotFound                // what the request names is not there
	Conflict                // it is there already, or in a state that forbids the request
	Quota                   // a resource limit
	Throttled               // a rate or concurrency limit; try again later
	Denied                  // the caller may not
	TooLarge                // a size limit
	Unavailable             // cannot be served now; try again later
	Fenced                  // another node owns the shard; the write did not happen
)

var kindNames = [...]string{
	"internal", "invalid", "not_found", "conflict", "quota_exceeded",
	"throttled", "denied", "too_large", "unavailable", "fenced",
}

// String returns the kind's name in the native API.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "internal"
}

// An Error is a failure that a caller is told about.
type Error struct {
	Kind    Kind
	Code    string // a dialect's own error code where the kind is not enough; mostly empty
	Field   string // the request member at fault, where there is one
	Message string // a sentence for the client, in the words of the API it belongs to
	Err     error  // the cause, for the log
}

// Errorf returns an error of kind k with a message for the client.
func Errorf(k Kind, field, format string, args ...any) *Error {
	return &Error{Kind: k, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Error returns the message and the cause.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first Error in err's chain, else Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// ErrStale is returned by a store when what a change was decided on is no
// longer so: read again and decide again.
var ErrStale = &Error{Kind: Conflict, Code: "stale", Message: "It was changed by somebody else at the same time; try again."}
