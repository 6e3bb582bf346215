package table

import (
	"fmt"
	"strings"

	"github.com/belfry-run/belfry"
)

// Codes of DynamoDB for which a kind is not enough (semantics.md 5.3, 5.4).
const (
	codeConditionFailed = "ConditionalCheckFailedException"
	codeCancelled       = "TransactionCanceledException"
	codeTokenReused     = "IdempotentParameterMismatchException"
)

// invalid returns a ValidationException.
func invalid(format string, args ...any) *belfry.Error {
	return belfry.Errorf(belfry.Invalid, "", format, args...)
}

// parameters returns a ValidationException in the words that most of them have.
func parameters(format string, args ...any) *belfry.Error {
	return invalid("One or more parameter values were invalid: "+format, args...)
}

// NotExist is what a store answers for a table that is not there.
func NotExist() *belfry.Error {
	return belfry.Errorf(belfry.NotFound, "TableName", "Requested resource not found")
}

// noTable is what an operation on tables, rather than on items, answers.
func noTable(name string) *belfry.Error {
	return belfry.Errorf(belfry.NotFound, "TableName", "Requested resource not found: Table: %s not found", name)
}

// Exists is what a store answers for a table that is there already.
func Exists(name string) *belfry.Error {
	return belfry.Errorf(belfry.Conflict, "TableName", "Table already exists: %s", name)
}

// A ConditionError is a write that did not happen because its condition does
// not hold.
type ConditionError struct {
	// Item is the item that is there, when the caller asked for it; nil also
	// when there is none.
	Item Item
}

// Error returns the message.
func (e *ConditionError) Error() string { return e.Unwrap().Error() }

// Unwrap returns the error as a client is told of it.
func (e *ConditionError) Unwrap() error {
	return &belfry.Error{Kind: belfry.Conflict, Code: codeConditionFailed, Message: "The conditional request failed"}
}

// A CancelledError is a transaction that did not happen; it has a reason for
// each of its actions.
type CancelledError struct{ Reasons []Reason }

// A Reason says what one action of a cancelled transaction came to.
type Reason struct {
	Code    string // None when nothing was wrong with it
	Message string
	Item    Item // as in [ConditionError]
}

// Error returns the message.
func (e *CancelledError) Error() string { return e.Unwrap().Error() }

// Unwrap returns the error as a client is told of it.
func (e *CancelledError) Unwrap() error {
	codes := make([]string, len(e.Reasons))
	for i, r := range e.Reasons {
		codes[i] = r.Code
	}
	return &belfry.Error{
		Kind: belfry.Conflict, Code: codeCancelled,
		Message: fmt.Sprintf("Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(codes, ", ")),
	}
}
