package e2e

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestTorture is two minutes of make torture, which attacks servers from outside;
// at the end the ledger, what arrived and what was due must agree. What it prints
// of a fault is all that is known of it. It runs beside no other test: on a machine
// that is busy with those, its servers do less, and answer too late.
func TestTorture(t *testing.T) {
	program := filepath.Join(t.TempDir(), "torture")
	if out, err := exec.Command("go", "build", "-C", "..", "-o", program, "./torture").CombinedOutput(); err != nil {
		t.Fatalf("building torture: %v\n%s", err, out)
	}
	run := exec.Command(program, "-minutes", "2", "-kills", "60", "-steps", "6", "-round", "50s", "-source", "..", "-dir", t.TempDir())
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
