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
	os.Exit(m.Run())
}
