package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write makes files below a new folder; a name that ends with ! is executable.
func write(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "job")
	for name, content := range files {
		mode := os.FileMode(0o644)
		if n, ok := strings.CutSuffix(name, "!"); ok {
			name, mode = n, 0o755
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func noEnvironment(string) (string, bool) { return "", false }

// prepare prepares a folder with its own belfry.json.
func prepare(t *testing.T, dir string) (*Package, error) {
	t.Helper()
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	return Prepare(t.Context(), dir, m, noEnvironment, false)
}

func names(files []File) (all []string) {
	for _, f := range files {
		all = append(all, f.Name)
	}
	return all
}
