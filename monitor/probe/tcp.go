package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// A TCPProbe connects to a port, and may hold a short conversation.
type TCPProbe struct {
	Address string `json:"address"`          // host:port
	Send    string `json:"send,omitempty"`   // sent first
	Expect  string `json:"expect,omitempty"` // is in the first 64 KiB of what comes
}

const (
	maxConversation = 1000 // of what is sent or expected, in bytes
	conversationMax = 64 << 10
)

func (t *TCPProbe) check() error {
	if err := checkAddress("tcp.address", t.Address); err != nil {
		return err
	}
	if err := within("tcp.send", t.Send, maxConversation); err != nil {
		return err
	}
	return within("tcp.expect", t.Expect, maxConversation)
}

func (p *Prober) tcp(ctx context.Context, t *TCPProbe) Result {
	began := time.Now()
	conn, err := p.Dial(ctx, "tcp", t.Address)
	if err != nil {
		return unreachable(t.Address, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if t.Send != "" {
		if _, err := io.WriteString(conn, t.Send); err != nil {
			return failed("%s took no more of what was sent: %s.", t.Address, clip(err.Error(), maxQuoted))
		}
	}
	if t.Expect != "" {
		if r := t.expect(conn); r.Detail != "" {
			return r
		}
	}
	return Result{OK: true, Detail: fmt.Sprintf("%s answered in %s.", t.Address, latency(time.Since(began)))}
}

// expect reads until what is expected has come. What came instead is not
// repeated; it may be anything.
func (t *TCPProbe) expect(conn io.Reader) Result {
	var got []byte
	buf := make([]byte, 4<<10)
	for len(got) < conversationMax {
		n, err := conn.Read(buf)
		got = append(got, buf[:n]...)
		switch {
		case bytes.Contains(got, []byte(t.Expect)):
			return Result{}
		case errors.Is(err, io.EOF):
			return failed("%s closed the connection after %d bytes, without %q.", t.Address, len(got), clip(t.Expect, maxQuoted))
		case err != nil && timedOut(err):
			return failed("%s did not send %q in time; %d bytes came.", t.Address, clip(t.Expect, maxQuoted), len(got))
		case err != nil:
			return failed("The connection to %s broke after %d bytes, without %q.", t.Address, len(got), clip(t.Expect, maxQuoted))
		}
	}
	return failed("%s sent %d bytes without %q.", t.Address, len(got), clip(t.Expect, maxQuoted))
}
