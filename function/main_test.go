package function_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belfry-run/belfry/function/sandbox"
)

// TestMain puts the real interpreter first on PATH: the name may lead to a
// shim that costs every host of the tests a quarter of a second.
func TestMain(m *testing.M) {
	sandbox.Main()
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "these tests need python3 on PATH:", err)
		os.Exit(1)
	}
	os.Setenv("PATH", filepath.Dir(strings.TrimSpace(string(out)))+":"+os.Getenv("PATH"))
	if underRace {
		dir, err := os.MkdirTemp("/var/tmp", "belfry-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		shim = filepath.Join(dir, "shim")
		build := exec.Command("go", "build", "-o", shim, "./sandbox/testdata/shim")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("the shim could not be built: %v\n%s", err, out))
		}
	}
	m.Run() // the test's main exits with what this has returned
}

var (
	underRace bool   // the race detector watches
	shim      string // that sandboxes begin with; empty: this very program
)
