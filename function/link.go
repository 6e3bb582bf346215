package function

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/belfry-run/belfry/memory"
)

// A link carries invocations to one process, and what it makes of them back.
// Its calls come one at a time. Beside what the process answers they return
// os.ErrDeadlineExceeded, or errGone when the process closed its end, or
// errNotTaken when it did so before.
type link interface {
	// ready waits until the process can take an invocation; failure is what
	// the runtime reported when it cannot, as a JSON error.
	ready(deadline time.Time) (failure []byte, err error)
	invoke(deadline time.Time, c *call) (reply, error)
	close()
}

// A call is one invocation on its way to a process.
type call struct {
	id            string
	arn           string
	trace         string
	deadline      time.Time // the function's
	clientContext json.RawMessage
	payload       []byte
	delivered     func() // called when the process has the payload, if it is not nil
	// room waits until so many bytes of the answer may be read. The time-out does not
	// run meanwhile, and there are answerGrace for the rest then.
	room func(n int) (*memory.Hold, error)
}

// answerGrace is how long a process has to hand over an answer that had to wait.
const answerGrace = 10 * time.Second

// taken lets the payload go.
func (c *call) taken() {
	if c.delivered != nil {
		c.payload = nil
		c.delivered()
	}
}

// A reply is what a runtime answered.
type reply struct {
	kind    replyKind
	payload []byte
	hold    *memory.Hold // of payload
	last    bool         // the process ends with it
}

type replyKind uint8

const (
	replied  replyKind = iota
	errored            // payload is the handler's error, or the runtime's, as JSON
	tooLarge           // the result was over MaxResponse
)

var (
	errGone = errors.New("the process closed its connection")
	// errNotTaken is errGone of an invocation that the process cannot have seen.
	errNotTaken = fmt.Errorf("%w before it took the invocation", errGone)
)

// framed is the link to Belfry's own bootstraps: frames over a socket pair.
// A frame is a byte of kind, the lengths of meta and body as 4 bytes each,
// big-endian, then both.
type framed struct {
	conn *os.File
	r    *bufio.Reader
	out  []byte
}

const frameHeader = 9

// newFramed returns the host's end, and the file that the process inherits.
func newFramed() (*framed, *os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket pair: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "instance")
	if err := syscall.SetNonblock(fds[0], true); err != nil { // so that deadlines work
		return nil, nil, errors.Join(err, syscall.Close(fds[0]), theirs.Close())
	}
	conn := os.NewFile(uintptr(fds[0]), "host")
	return &framed{conn: conn, r: bufio.NewReaderSize(conn, 16<<10)}, theirs, nil
}

// An assignment makes a bootstrap that has begun the one of a function. Until
// then it knows nothing of it.
type assignment struct {
	env map[string]string // all of it; what it began with goes
	opt string            // folder of the layers; empty: none
}

// assign gives a bootstrap its function, whose files need not be there yet. It is
// called once, before begin. That the process is gone is no error: ready tells, with
// what is known of its end.
func (f *framed) assign(deadline time.Time, a *assignment) error {
	if err := f.conn.SetDeadline(deadline); err != nil {
		return fmt.Errorf("set the deadline of an instance's start: %w", err)
	}
	var env []byte
	for name, value := range a.env {
		env = append(append(append(append(env, name...), '='), value...), 0)
	}
	return f.tell('A', []byte(a.opt), env)
}

// begin has a bootstrap load its function. It is called once, before ready.
func (f *framed) begin() error { return f.tell('B', nil, nil) }

func (f *framed) tell(kind byte, meta, body []byte) error {
	if _, err := f.write(kind, meta, body); err != nil && !errors.Is(linkError(err), errGone) {
		return fmt.Errorf("tell an instance its function: %w", err)
	}
	return nil
}

func (f *framed) ready(deadline time.Time) ([]byte, error) {
	if err := f.conn.SetDeadline(deadline); err != nil {
		return nil, errGone
	}
	kind, body, _, err := f.read(nil)
	switch {
	case err != nil:
		return nil, err
	case kind == 'R':
		return nil, nil
	case kind == 'F':
		return body, nil
	}
	return nil, errGone
}

func (f *framed) invoke(deadline time.Time, c *call) (reply, error) {
	meta, err := json.Marshal(struct {
		ID       string          `json:"id"`
		Deadline int64           `json:"deadline"` // epoch milliseconds
		ARN      string          `json:"arn"`
		Trace    string          `json:"trace"`
		Context  json.RawMessage `json:"client_context,omitempty"`
	}{c.id, c.deadline.UnixMilli(), c.arn, c.trace, c.clientContext})
	if err != nil {
		return reply{}, fmt.Errorf("encode the invocation: %w", err)
	}
	if err := f.conn.SetDeadline(deadline); err != nil {
		return reply{}, errGone
	}
	switch n, err := f.write('I', meta, c.payload); {
	case n == 0 && errors.Is(err, syscall.EPIPE):
		return reply{}, errNotTaken
	case err != nil:
		return reply{}, linkError(err)
	}
	c.taken()
	kind, body, hold, err := f.read(c.room)
	if err != nil {
		return reply{}, err
	}
	switch kind {
	case 'O':
		return reply{kind: replied, payload: body, hold: hold}, nil
	case 'E':
		return reply{kind: errored, payload: body, hold: hold}, nil
	case 'U':
		return reply{kind: errored, payload: body, hold: hold, last: true}, nil
	case 'L':
		return reply{kind: tooLarge, hold: hold}, nil
	}
	hold.Release()
	return reply{}, errGone
}

func (f *framed) write(kind byte, meta, body []byte) (int, error) {
	f.out = append(f.out[:0], kind)
	f.out = binary.BigEndian.AppendUint32(f.out, uint32(len(meta)))
	f.out = binary.BigEndian.AppendUint32(f.out, uint32(len(body)))
	f.out = append(append(f.out, meta...), body...)
	n, err := f.conn.Write(f.out)
	if cap(f.out) > 64<<10 {
		f.out = nil
	}
	return n, err
}

func (f *framed) read(room func(n int) (*memory.Hold, error)) (kind byte, body []byte, hold *memory.Hold, err error) {
	var head [frameHeader]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return 0, nil, nil, linkError(err)
	}
	meta, size := binary.BigEndian.Uint32(head[1:]), binary.BigEndian.Uint32(head[5:])
	if meta != 0 || size > MaxResponse { // the bootstrap never sends it; its code was tampered with
		return 0, nil, nil, errGone
	}
	if room != nil && size > memory.Small {
		if hold, err = room(int(size)); err != nil {
			return 0, nil, nil, errGone
		}
		if err := f.conn.SetReadDeadline(time.Now().Add(answerGrace)); err != nil {
			hold.Release()
			return 0, nil, nil, errGone
		}
	}
	body = make([]byte, size)
	if _, err := io.ReadFull(f.r, body); err != nil {
		hold.Release()
		return 0, nil, nil, linkError(err)
	}
	return head[0], body, hold, nil
}

func (f *framed) close() { f.conn.Close() } // the process is gone

func linkError(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return os.ErrDeadlineExceeded
	}
	return errGone
}
