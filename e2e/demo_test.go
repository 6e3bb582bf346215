package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDemo runs what "make demo" runs, as far as DEMO_ONCE lets it: with Python
// and the binary, and no AWS client.
func TestDemo(t *testing.T) {
	t.Parallel()
	demo := exec.Command("python3", "-I", filepath.Join("..", "scripts", "demo.py"))
	demo.Env = cleanEnv("DEMO_ONCE=1", "BELFRY_BINARY="+binary)
	out, err := demo.CombinedOutput()
	if err != nil {
		t.Fatalf("the demo: %v\n%s", err, out)
	}
	for _, want := range []string{"succeeded", "dead_lettered", "EXHAUSTED_RETRY_CONDITION", "$ bin/belfry why", "Done:"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the demo does not show %q:\n%s", want, out)
		}
	}
}
