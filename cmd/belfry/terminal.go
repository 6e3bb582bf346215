package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	return err == nil
}

// forPeople is f, and when that is a terminal a writer to it that lets no text
// command it: what functions print, and what names and reasons say, comes from others.
func forPeople(f *os.File) io.Writer {
	if isTerminal(f) {
		return plain{f}
	}
	return f
}

// plain writes text to a terminal as [visible] has it.
type plain struct{ to io.Writer }

func (w plain) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.to, visible(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// visible returns text in which everything that a terminal would act on, or that would
// change the order in which it shows the rest, is written as Go writes it in a string:
// control characters but for line feed and tab, in 7 and 8 bits and as UTF-8, and the
// marks of writing direction (UAX 9). An invalid byte is written so too.
func visible(text string) string {
	if strings.IndexFunc(text, commands) < 0 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case !commands(r):
			b.WriteString(text[i : i+size])
		case r < utf8.RuneSelf:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += size
	}
	return b.String()
}

// commands reports whether a terminal may do more with r than show it. A byte that is
// no UTF-8 is RuneError.
func commands(r rune) bool {
	switch {
	case r == '\n', r == '\t':
		return false
	case r < ' ', r >= 0x7f && r < 0xa0, r == utf8.RuneError:
		return true
	}
	return r == 0x61c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
