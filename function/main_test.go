package function_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/belfry-run/belfry/function/sandbox"
)

// secretVariable is in the environment of all hosts of the tests.
const secretVariable = "SECRET_OF_THE_SERVER"

func TestMain(m *testing.M) {
	sandbox.Main()
	os.Setenv(secretVariable, "x")
	remove, err := askOnce()
	if err != nil {
		fmt.Fprintln(os.Stderr, "these tests need Python and Node.js:", err)
		os.Exit(1)
	}
	// Half of what the parallel ones do is to wait. The command line is read later.
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	remove()
	os.Exit(code)
}

// forOthers is a file in the folder of a host whose functions run as other
// users: its interpreters are those of the system. The first on PATH may be in a
// home, where nobody else comes.
const forOthers = "interpreters-for-others"

// answering is a program that answers a host as the interpreter did when the
// first one asked, and gives it the bootstrap that was compiled then. To ask
// takes longer than most tests do.
const answering = `#!/bin/sh
program=%q answer=%q
if [ -e ../%s ]; then program=%q answer=%q; fi
if [ ! -d "$answer" ]; then
	new=$(mktemp -d "$answer.XXXXXX") && "$program" "$@" > "$new/text" && cp bootstrap* "$new" || exit
	mv -T "$new" "$answer" 2> "$new.late" || rm -r "$new" # another was first
fi
cp -n "$answer"/bootstrap* . && cat "$answer/text"
`

// askOnce puts programs that answer for the interpreters first on PATH.
func askOnce() (remove func(), err error) {
	real, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return nil, err
	}
	own := filepath.Dir(strings.TrimSpace(string(real))) + ":" + os.Getenv("PATH") // the name may lead to a slow shim
	dir, err := os.MkdirTemp("", "belfry-test-")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"python3", "python3.11", "node"} {
		ours, err := find(name, own)
		if err != nil {
			if name == "python3.11" {
				continue // the functions run on the Python there is
			}
			return nil, err
		}
		others, err := find(name, "/usr/bin:/bin:"+own)
		if err != nil {
			return nil, err
		}
		program := filepath.Join(dir, name)
		text := fmt.Sprintf(answering, ours, program+".own", forOthers, others, program+".others")
		if err := os.WriteFile(program, []byte(text), 0o755); err != nil {
			return nil, err
		}
	}
	os.Setenv("PATH", dir+":"+own)
	return func() { os.RemoveAll(dir) }, nil
}

func find(name, path string) (string, error) {
	os.Setenv("PATH", path)
	return exec.LookPath(name)
}
