package main

import (
	"errors"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// leftTime is how long after the command's end its output may stay open,
	// held by something that it left behind.
	leftTime = 2 * time.Second
	// restTime is how long the rest of the output is read after that, and
	// pipeMax how much of it, in bytes; it is more than a pipe can hold, so
	// what the command wrote before its end is passed on in any case.
	restTime = 100 * time.Millisecond
	pipeMax  = 1 << 20
)

// outputs copies what a command prints to wrap's own outputs, and the end of it
// into a tail.
type outputs struct {
	tail    *tail
	readers []*os.File
	writers []*os.File // the command's ends
	copying sync.WaitGroup
	held    atomic.Bool // an output was still open when the copying ended
}

// openOutputs gives cmd its outputs: pipes, or without a tail wrap's own. When
// both go to the same place they share a pipe, so that lines keep their order.
func openOutputs(cmd *exec.Cmd, t *tail) (*outputs, error) {
	o := &outputs{tail: t}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if t.max == 0 {
		return o, nil
	}
	stdout, err := o.open(os.Stdout)
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = stdout, stdout
	if sameFile(os.Stdout, os.Stderr) {
		return o, nil
	}
	stderr, err := o.open(os.Stderr)
	if err != nil {
		o.started()
		return nil, err
	}
	cmd.Stderr = stderr
	return o, nil
}

func (o *outputs) open(to *os.File) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	o.readers, o.writers = append(o.readers, r), append(o.writers, w)
	o.copying.Go(func() { o.copy(to, r) })
	return w, nil
}

// started closes wrap's own copies of the command's ends.
func (o *outputs) started() {
	for _, w := range o.writers {
		w.Close()
	}
}

// wait returns when all that the command printed has been passed on; the
// command has ended. It says whether something else still holds an output.
func (o *outputs) wait() (held bool) {
	for _, r := range o.readers {
		_ = r.SetReadDeadline(time.Now().Add(leftTime)) // a pipe has deadlines
	}
	o.copying.Wait()
	return o.held.Load()
}

func (o *outputs) copy(to, from *os.File) {
	defer from.Close() // a command that prints where nobody reads meets that itself
	buf := make([]byte, 32<<10)
	for left := -1; left != 0; { // bytes that still count; -1 is all that come
		n, err := from.Read(buf)
		o.tail.write(buf[:n])
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && left < 0:
			left = pipeMax
			_ = from.SetReadDeadline(time.Now().Add(restTime))
		case errors.Is(err, os.ErrDeadlineExceeded):
			left = 0
		case err != nil:
			return
		case left > 0:
			left = max(left-n, 0)
		}
	}
	o.held.Store(true)
}

func sameFile(a, b *os.File) bool {
	x, err := a.Stat()
	if err != nil {
		return false
	}
	y, err := b.Stat()
	return err == nil && os.SameFile(x, y)
}
