package function_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

// onPath makes the PATH of the test a folder with these programs, each a shell
// script.
func onPath(t *testing.T, programs files) {
	t.Helper()
	dir := t.TempDir()
	for name, script := range programs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

func served(t *testing.T, b *bench) string {
	t.Helper()
	var names []string
	for _, r := range b.Runtimes(t.Context()) {
		names = append(names, strings.TrimSpace(r.Name+" "+r.Version+" "+r.Note))
	}
	return strings.Join(names, "\n")
}

// TestRuntimes finds those whose interpreters are there, in the version that
// they have.
func TestRuntimes(t *testing.T) {
	const node = `echo '{"executable": "/opt/node/bin/node", "version": "VERSION", "folders": ["/opt/node"]}'`
	onPath(t, files{
		"node": strings.Replace(node, "VERSION", "20.1.0", 1), "node22": strings.Replace(node, "VERSION", "22.3.0", 1),
		"node24": strings.Replace(node, "VERSION", "23.0.0", 1), // it is not what it says
	})
	b := newBench(t)
	want := `nodejs16.x 20.1.0 this server has no nodejs16.x; the function runs on its Node.js 20.1.0
nodejs18.x 20.1.0 this server has no nodejs18.x; the function runs on its Node.js 20.1.0
nodejs20.x 20.1.0
nodejs22.x 22.3.0
nodejs24.x 20.1.0 this server has no nodejs24.x; the function runs on its Node.js 20.1.0
provided.al2
provided.al2023`
	if got := served(t, b); got != want {
		t.Errorf("served are\n%s\nwant\n%s", got, want)
	}
}

// TestARuntimeThatIsNotThere is refused at creation and at a change, with what
// is there; what is installed later is found without a restart.
func TestARuntimeThatIsNotThere(t *testing.T) {
	path := os.Getenv("PATH")
	onPath(t, files{"node": `echo '{"version": "12.22.9"}'`})
	b := newBench(t)
	create := func(name, runtime string) error {
		f := python(name, "")
		f.Runtime, f.Zip = runtime, zipped(t, files{"app.py": "def handler(e, c): pass"})
		_, err := b.Create(t.Context(), f)
		return err
	}
	const code = "InvalidParameterValueException"
	for runtime, why := range map[string]string{
		"python3.12": "there is no python3 on PATH: install Python. It runs provided.al2, provided.al2023.",
		"nodejs20.x": "it is Node.js 12.22.9, and functions need 16 or newer. It runs provided.al2, provided.al2023.",
		"ruby3.4":    "Belfry does not run it. It runs provided.al2, provided.al2023.",
	} {
		err := create("f", runtime)
		refused(t, err, belfry.Invalid, code, "The runtime "+runtime+" is not available on this server: ")
		refused(t, err, belfry.Invalid, code, why)
	}
	t.Setenv("PATH", path)
	if err := create("f", "python3.12"); err != nil {
		t.Errorf("with the interpreter there: %v", err)
	}
	_, err := b.UpdateSettings(t.Context(), ref("f"), "", func(s *function.Settings) error {
		s.Runtime = "java21"
		return nil
	})
	refused(t, err, belfry.Invalid, code, "The runtime java21 is not available on this server: Belfry does not run it. It runs nodejs16.x, ")
	if err := create("g", "nodejs99.x"); !strings.Contains(err.Error(), "failed to satisfy constraint: Member must satisfy enum value set") {
		t.Error(err)
	}
}
