package function_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nodeEscapes are the attacks of the manual's table that Node.js makes in a way
// of its own. They come to the same.
var nodeEscapes = []escape{
	{"read /etc/shadow", "read", args("/etc/shadow"), reached, "EACCES", "EACCES", "ENOENT", "ENOENT"},
	{"fork bomb", "forks", args(100), reached, "", "EAGAIN", "EAGAIN", "EAGAIN"},
	{"take 1 GB of memory at MemorySize 128", "memory", args(1024), reached, "", "killed", reached, "killed"},
	{"take 1 GB of heap at MemorySize 128", "heap", args(1024), "aborted", "", "aborted", "aborted", "aborted"},
	{"hand its channel on to a child", "inherited", args(), "0", "", "0", "0", "0"},
	{"leave a daemon behind", "daemon", args(), reached, "", "gone", "gone", "gone"},
}

func TestNodeEscapes(t *testing.T) { atEachLevel(t, checkNodeEscapes) }

func checkNodeEscapes(t *testing.T, b *bench) {
	code, err := os.ReadFile("testdata/attacker.js")
	if err != nil {
		t.Fatal(err)
	}
	f := node(t, "attacker", string(code))
	b.deploy(f)
	w := &world{b: b}
	for i, e := range nodeEscapes {
		got := func() string {
			if e.name == "daemon" {
				return w.daemon(t, e.attack, fmt.Sprintf("belfry-node-daemon-%d-%d", i, time.Now().UnixNano()))
			}
			if e.name == "memory" {
				gigabyte.Lock()
				defer gigabyte.Unlock()
			}
			payload, err := json.Marshal(map[string]any{"attack": e.name, "args": e.args(w)})
			if err != nil {
				t.Fatal(err)
			}
			r := b.invoke("attacker", string(payload))
			kind, message := r.Failure()
			switch {
			case kind == "Runtime.ExitError" && strings.HasSuffix(message, "signal: "+syscall.SIGKILL.String()) && strings.Contains(string(r.Log), "out of memory"):
				return "killed"
			case kind == "Runtime.ExitError" && strings.HasSuffix(message, "signal: "+syscall.SIGABRT.String()):
				return "aborted"
			case kind != "":
				return kind + ": " + message
			}
			return decode[string](t, r.Payload)
		}()
		if got != e.wanted(b.Isolation().Level) {
			t.Errorf("%s comes to %s, want %s", e.attack, got, e.wanted(b.Isolation().Level))
		}
	}
}
