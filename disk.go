package belfry

import (
	"errors"
	"syscall"
)

// Errors of the data directory's disk. Nothing was written, and the same request
// succeeds when the disk has been seen to.
var (
	ErrDiskFull     = diskError("is full", "Make space, and try again.")
	ErrDiskReadOnly = diskError("is read-only", "Mount it writable, and try again.")
	ErrDiskFailed   = diskError("failed", "See the server's log.")
)

func diskError(what, advice string) *Error {
	return Errorf(Unavailable, "", "The disk that holds the data directory %s; nothing was written. %s", what, advice)
}

// ErrStopping refuses what comes when the store is closed.
var ErrStopping = Errorf(Unavailable, "", "The server is stopping.")

// WriteError returns err, of a write to a file in the data directory, as one of
// the errors above when the disk has no room for it or takes no writes, else as it
// is.
func WriteError(err error) error {
	switch {
	case errors.As(err, new(*Error)):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return ErrDiskFull.Because(err)
	case errors.Is(err, syscall.EROFS):
		return ErrDiskReadOnly.Because(err)
	}
	return err
}

// Because is the error with a cause, for the log.
func (e *Error) Because(cause error) *Error {
	with := *e
	with.Err = cause
	return &with
}
