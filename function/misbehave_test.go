package function_test

import (
	"testing"
	"time"

	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/function/sandbox"
)

// TestHandlersThatMisbehave: whatever a handler does, its caller gets one answer,
// the next invocation its own, and nothing is left of it once it is deleted.
func TestHandlersThatMisbehave(t *testing.T) {
	noPool := func(c *function.Config) { c.Pool = map[string]int{"python": 0} } // its processes come and go as they like
	t.Parallel()
	for _, level := range []sandbox.Level{sandbox.None, best()} {
		t.Run(level.String(), func(t *testing.T) {
			t.Parallel()
			checkMisbehaviour(t, newBenchAt(t, level, noPool))
		})
	}
}

func checkMisbehaviour(t *testing.T, b *bench) {
	const ignore = "import os, signal, sys, time\nfor s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(s, signal.SIG_IGN)\n"
	for _, c := range []struct {
		name, code string
		failure    string // empty: it answers with what it was given
	}{
		{"ignores-signals", ignore + "def handler(e, c):\n    while True: time.sleep(60)\n", "Sandbox.Timedout"},
		{"children-ignore-signals", ignore + "def handler(e, c):\n    if os.fork() == 0:\n        while True: time.sleep(60)\n    return e\n", ""},
		{"the-child-answers-too", "import os\ndef handler(e, c):\n    child = os.fork()\n    if child: os.waitpid(child, 0)\n    return e if child else 'of the child'\n", ""},
		{"the-child-exits", "import os, sys\ndef handler(e, c):\n    child = os.fork()\n    if not child: sys.exit(3)\n    os.waitpid(child, 0)\n    return e\n", ""},
		{"the-parent-goes", ignore + "def handler(e, c):\n    if os.fork(): os._exit(0)\n    time.sleep(60)\n", "Runtime.ExitError"},
		{"kills-its-group", "import os, signal\ndef handler(e, c): os.kill(0, signal.SIGKILL)\n", "Runtime.ExitError"},
		{"closes-its-output", "import os\ndef handler(e, c):\n    os.closerange(1, 3)\n    return e\n", ""},
		{"prints-without-an-end", "import sys\ndef handler(e, c):\n    sys.stdout.write('x' * (4 << 20))\n    return e\n", ""},
		{"prints-what-is-no-text", "import os\ndef handler(e, c):\n    os.write(1, bytes(range(256)) * 4096)\n    return e\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := python(c.name, c.code)
			if c.failure == "Sandbox.Timedout" {
				f.Timeout = time.Second
			}
			b.deploy(f)
			for _, payload := range []string{`"first"`, `"second"`} {
				r := b.invoke(c.name, payload)
				kind, message := r.Failure()
				if kind != c.failure || kind == "" && string(r.Payload) != payload {
					t.Errorf("%s: %s %s, answered %s", payload, kind, message, r.Payload)
				}
				if len(r.Log) > 1<<20 {
					t.Errorf("the log has %d bytes", len(r.Log))
				}
			}
			if err := b.Delete(t.Context(), ref(c.name), ""); err != nil {
				t.Fatal(err)
			}
		})
	}
	eventually(t, "no process is left", func() bool {
		// A sandbox that is made ahead is a process too; instances end with all that is in theirs.
		return b.Stats().Instances == 0 && (b.Isolation().Level != sandbox.None || len(b.processes()) == 0)
	})
}
