package awswire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/memory"
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
	if b == nil || b.b == nil || cap(b.b) > keptBuffer {
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
	// hurriedRate is bodyRate while others wait for the memory that the body takes.
	hurriedRate = 256 << 10
	// memoryWait is how long a request waits for memory, which is less than clients
	// wait for an answer.
	memoryWait = 50 * time.Second
	// An answer that takes memory has answerPatience to be taken, and longer only as
	// far as it goes at answerRate bytes a second.
	answerPatience = 20 * time.Second
	answerRate     = 64 << 10
)

// take takes n bytes of a budget for a request.
func take(ctx context.Context, b *memory.Budget, n int) (*memory.Hold, error) {
	if b == nil || n <= memory.Small {
		return nil, nil
	}
	waiting, cancel := context.WithTimeout(ctx, memoryWait)
	defer cancel()
	h, err := b.Take(waiting, n)
	if err != nil {
		return nil, &belfry.Error{
			Kind: belfry.Unavailable, Err: err,
			Message: "The server has as many large requests under way as its memory lets it; try again later.",
		}
	}
	return h, nil
}

// TakeAnswer waits for the bytes of an answer to the request that ctx belongs to, and
// takes them until it has been answered. The error is Unavailable.
func TakeAnswer(ctx context.Context, n int) error {
	h, err := take(ctx, identityOf(ctx).answers, n)
	memory.Keep(ctx, h)
	return err
}

// readBody reads the body, of at most limit bytes, into a pooled buffer. The
// buffer grows with what arrives, not with what Content-Length promises: at
// most fourfold, and never much beyond that promise. A large one waits for its bytes of
// the budget before anything of it is read.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, budget *memory.Budget) (_ *buffer, hold *memory.Hold, err error) {
	if r.Body == nil || r.ContentLength == 0 {
		return nil, nil, nil
	}
	most := limit
	if r.ContentLength > 0 {
		most = min(r.ContentLength, limit)
	}
	if r.ContentLength <= limit {
		if hold, err = take(r.Context(), budget, int(most)); err != nil {
			return nil, nil, err
		}
		defer func() {
			if err != nil {
				hold.Release()
			}
		}()
	}
	// Writers of tests know no deadline; then there is none. After a refusal it
	// stays, so that it ends what the server would still read.
	conn, began, granted := http.NewResponseController(w), time.Now(), 0
	_ = conn.SetReadDeadline(began.Add(bodyPatience))
	if r.ContentLength > limit {
		drain(r, limit)
		return nil, nil, errTooLarge
	}
	buf := buffers.Get().(*buffer)
	b := buf.b[:0]
	for {
		if len(b) == cap(b) {
			grown := make([]byte, len(b), min(4*int64(cap(b)), most+bytes.MinRead))
			copy(grown, b)
			b = grown
		}
		n, err := r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		buf.b = b
		if int64(len(b)) > limit {
			buf.release()
			hold.Release()
			drain(r, limit)
			return nil, nil, errTooLarge
		}
		if err == io.EOF {
			// What goes on meanwhile has time.
			_ = conn.SetReadDeadline(time.Time{})
			hold.Shrink(len(b))
			return buf, hold, nil
		}
		if len(b) >= granted+4*bodyRate {
			granted = len(b)
			rate := time.Duration(bodyRate)
			if hold.Contended() {
				rate = hurriedRate
			}
			_ = conn.SetReadDeadline(began.Add(bodyPatience + time.Duration(granted)*time.Second/rate))
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			buf.release()
			return nil, nil, &belfry.Error{
				Kind: belfry.Invalid, Code: "RequestTimeoutException",
				Message: "The request body did not arrive in time.", Err: err,
			}
		}
		if err != nil {
			buf.release()
			return nil, nil, &belfry.Error{
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
