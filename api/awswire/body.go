package awswire

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
)

// keptBuffer is the largest buffer, in bytes, that waits for the next request;
// a rare upload of a function's code does not keep its memory.
const keptBuffer = 256 << 10

type buffer struct{ b []byte }

func (b *buffer) bytes() []byte {
	if b == nil {
		return nil
	}
	return b.b
}

var buffers = sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, 4<<10)} }}

func (b *buffer) release() {
	if b == nil || cap(b.b) > keptBuffer {
		return
	}
	b.b = b.b[:0]
	buffers.Put(b)
}

var errTooLarge = errors.New("body beyond the limit")

// A body has bodyPatience to arrive, and longer only as far as it comes at
// bodyRate bytes a second: a client that sends a byte now and then does not hold
// a connection for ever.
const (
	bodyPatience = 20 * time.Second
	bodyRate     = 16 << 10
)

// readBody reads the body, of at most limit bytes, into a pooled buffer. The
// buffer grows with what arrives, not with what Content-Length promises: at
// most fourfold, and never much beyond the limit.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) (*buffer, error) {
	if r.Body == nil || r.ContentLength == 0 {
		return nil, nil
	}
	// Writers of tests know no deadline; then there is none. After a refusal it
	// stays, so that it ends what the server would still read.
	conn, began, granted := http.NewResponseController(w), time.Now(), 0
	_ = conn.SetReadDeadline(began.Add(bodyPatience))
	if r.ContentLength > limit {
		drain(r, limit)
		return nil, errTooLarge
	}
	buf := buffers.Get().(*buffer)
	b := buf.b[:0]
	for {
		if len(b) == cap(b) {
			grown := make([]byte, len(b), min(4*int64(cap(b)), limit+bytes.MinRead))
			copy(grown, b)
			b = grown
		}
		n, err := r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		buf.b = b
		if int64(len(b)) > limit {
			buf.release()
			drain(r, limit)
			return nil, errTooLarge
		}
		if err == io.EOF {
			// What goes on meanwhile has time.
			_ = conn.SetReadDeadline(time.Time{})
			return buf, nil
		}
		if len(b) >= granted+4*bodyRate {
			granted = len(b)
			_ = conn.SetReadDeadline(began.Add(bodyPatience + time.Duration(granted)*time.Second/bodyRate))
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			buf.release()
			return nil, &belfry.Error{
				Kind: belfry.Invalid, Code: "RequestTimeoutException",
				Message: "The request body did not arrive in time.", Err: err,
			}
		}
		if err != nil {
			buf.release()
			return nil, &belfry.Error{
				Kind: belfry.Invalid, Code: "IncompleteBody",
				Message: "The request body ended before its announced length.", Err: err,
			}
		}
	}
}

// drain reads on for a while after a refusal: many clients look for the answer
// only once they have sent all.
func drain(r *http.Request, limit int64) {
	// An error here changes nothing about the refusal.
	_, _ = io.CopyN(io.Discard, r.Body, limit)
}
