package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"a\tb\nc":                       "a\tb\nc",
		"Grüße, 日本語, 👩‍🚀":               "Grüße, 日本語, 👩‍🚀",
		"\x1b]0;title\x07":              `\x1b]0;title\x07`,
		"\x1b[2J\x1b[H":                 `\x1b[2J\x1b[H`,
		"100 %\rhidden":                 `100 %\x0dhidden`,
		"a\x08b\x7f":                    `a\x08b\x7f`,
		"\u009b31m":                     `\u009b31m`, // CSI of 8 bits, as UTF-8
		"\x9b31m":                       `\x9b31m`,   // and as a byte
		"\u202egpj.exe":                 `\u202egpj.exe`,
		"\u2066x\u2069":                 `\u2066x\u2069`,
		"half \xe6\x97":                 `half \xe6\x97`,
		"what was no rune is \ufffd":    `what was no rune is \ufffd`,
		strings.Repeat("\x00", 2) + "é": `\x00\x00é`,
	} {
		if got := visible(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if again := visible(visible(text)); again != want {
			t.Errorf("%q: twice %q", text, again)
		}
	}
}

// TestATerminalIsNotCommanded runs a verb on a real terminal, with an argument that
// comes back in its error, and in a pipe.
func TestATerminalIsNotCommanded(t *testing.T) {
	if _, err := exec.LookPath("script"); err != nil {
		t.Fatalf("script is not installed: it is in bsdutils, which Debian always has: %v", err)
	}
	binary := filepath.Join(t.TempDir(), "belfry")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const attack = "\x1b]0;owned\x07"
	piped, _ := exec.Command(binary, attack).CombinedOutput()
	typescript := filepath.Join(t.TempDir(), "typescript")
	cmd := exec.Command("script", "-q", "-c", binary+` "$ATTACK"`, typescript)
	cmd.Env = append(os.Environ(), "ATTACK="+attack)
	shown, _ := cmd.CombinedOutput()
	if bytes.Contains(shown, []byte("\x1b")) || !bytes.Contains(shown, []byte(`\x1b]0;owned\x07`)) {
		t.Errorf("the terminal is sent %q", shown)
	}
	if !bytes.Contains(piped, []byte("owned")) {
		t.Errorf("a pipe is sent %q", piped)
	}
}
