package probe_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/belfry-run/belfry/monitor/probe"
)

func TestTCP(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// It greets, then answers one line.
	serve(t, ln, func(conn net.Conn) {
		io.WriteString(conn, "220 mail ")
		io.WriteString(conn, "ready\r\n")
		line, err := bufio.NewReader(conn).ReadString('\n')
		switch {
		case err != nil:
		case line == "hang\n":
			io.Copy(io.Discard, conn)
		case line == "flood\n":
			io.WriteString(conn, strings.Repeat("x", 100_000))
		default:
			io.WriteString(conn, "you said "+line)
		}
	})
	at := ln.Addr().String()
	for _, c := range []struct {
		name  string
		probe probe.TCPProbe
		ok    bool
		words string
	}{
		{"a port", probe.TCPProbe{Address: at}, true, at + " answered in "},
		{"a greeting in two parts", probe.TCPProbe{Address: at, Expect: "mail ready"}, true, ""},
		{"an answer", probe.TCPProbe{Address: at, Send: "QUIT\n", Expect: "you said QUIT"}, true, ""},
		{"another answer", probe.TCPProbe{Address: at, Send: "QUIT\n", Expect: "221 bye"}, false, `closed the connection after 30 bytes, without "221 bye"`},
		{"no answer", probe.TCPProbe{Address: at, Send: "hang\n", Expect: "221"}, false, `did not send "221" in time; 16 bytes came`},
		{"too long an answer", probe.TCPProbe{Address: at, Send: "flood\n", Expect: "221"}, false, `bytes without "221"`},
		{"nobody listens", probe.TCPProbe{Address: unused(t)}, false, "connection refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := prober(nil).Once(t.Context(), checked(t, probe.Settings{Kind: probe.TCP, Timeout: 2, TCP: &c.probe}))
			wants(t, r, c.ok, c.words)
		})
	}
}
