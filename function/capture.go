package function

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	maxLog  = 256 << 10 // bytes of output kept of an invocation
	tailLog = 4 << 10   // bytes of it that a caller may ask for, and the end that is kept of more
)

// capture collects what a process prints. Its process writes into a pipe; one
// goroutine empties it all the time, and take empties it once more, so that
// what was printed before an answer is in the log of that answer.
type capture struct {
	pipe *os.File
	done chan struct{} // closed when the reading goroutine has ended

	mu   sync.Mutex // guards what follows, and reading from the pipe
	head []byte
	tail []byte // what came after head was full: its last bytes
	cut  int    // bytes that were left out
	buf  [8 << 10]byte
	rec  *recorder // nil: lines are not passed on
}

// newCapture starts to read from r, the non-blocking end of a pipe, and passes on
// what comes to rec.
func newCapture(r *os.File, rec *recorder) *capture {
	c := &capture{pipe: r, done: make(chan struct{}), rec: rec}
	go c.run()
	return c
}

func (c *capture) run() {
	defer close(c.done)
	raw, err := c.pipe.SyscallConn()
	if err != nil {
		return
	}
	for {
		ended := false
		err := raw.Read(func(fd uintptr) bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			n, err := c.readOnce(fd)
			ended = n == 0 && err == nil
			return !errors.Is(err, syscall.EAGAIN)
		})
		if err != nil || ended {
			return
		}
	}
}

// readOnce reads what fits the buffer; the caller holds the lock.
func (c *capture) readOnce(fd uintptr) (int, error) {
	for {
		n, err := syscall.Read(int(fd), c.buf[:])
		if err == syscall.EINTR {
			continue
		}
		if n > 0 {
			c.add(c.buf[:n])
			c.rec.add(c.buf[:n])
			return n, nil
		}
		if err == nil || err == syscall.EAGAIN {
			return 0, err
		}
		return 0, nil // a broken pipe has ended
	}
}

// add appends output; the caller holds the lock.
func (c *capture) add(p []byte) {
	if room := maxLog - len(c.head); room > 0 {
		n := min(room, len(p))
		c.head = append(c.head, p[:n]...)
		p = p[n:]
	}
	if len(p) == 0 {
		return
	}
	c.tail = append(c.tail, p...)
	if over := len(c.tail) - tailLog; over > 0 {
		c.cut += over
		c.tail = append(c.tail[:0], c.tail[over:]...)
	}
}

// platform appends events of the host's after what the process has printed so
// far, starting on a line of their own.
func (c *capture) platform(f *Function, events ...*platformEvent) {
	c.drain()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range events {
		c.say(e.line(f, time.Now()))
	}
}

// output appends lines of the host's in the same way, whatever the log's format.
func (c *capture) output(format string, args ...any) {
	c.drain()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.say(fmt.Sprintf(format, args...))
}

// say appends lines; the caller holds the lock.
func (c *capture) say(text string) {
	if text == "" {
		return
	}
	if last := c.last(); last != '\n' && last != 0 {
		c.add([]byte{'\n'})
	}
	c.add([]byte(text))
	for line := range strings.Lines(text) {
		if line != "\n" {
			c.rec.platform(line)
		}
	}
}

// belongTo passes on what comes from now on to rec: a process has got its function.
func (c *capture) belongTo(rec *recorder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rec = rec
}

// begin says to which invocation belongs what follows.
func (c *capture) begin(request string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rec.begin(request)
}

func (c *capture) last() byte {
	if n := len(c.tail); n > 0 {
		return c.tail[n-1]
	}
	if n := len(c.head); n > 0 {
		return c.head[n-1]
	}
	return 0
}

// drain takes what waits in the pipe now.
func (c *capture) drain() {
	raw, err := c.pipe.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { // an error says that the pipe is closed, and so empty
		c.mu.Lock()
		defer c.mu.Unlock()
		// A process that never stops printing must not keep us here.
		for total := 0; total < 2*maxLog; {
			n, err := c.readOnce(fd)
			if n == 0 || err != nil {
				return
			}
			total += n
		}
	})
}

// take returns the log so far and begins a new one.
func (c *capture) take() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	log := c.head
	if len(c.tail) > 0 {
		if c.cut > 0 {
			log = fmt.Appendf(log, "\n[belfry: %d bytes of log were left out here]\n", c.cut)
		}
		log = append(log, c.tail...)
	}
	c.head, c.tail, c.cut = nil, nil, 0
	c.rec.end()
	return log
}

// close ends the reading.
func (c *capture) close() {
	c.pipe.Close() // only read from
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rec.end()
}
