package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// What is committed is what the generator makes of the committed models.
func TestGeneratedFilesAreUpToDate(t *testing.T) {
	out := t.TempDir()
	for _, c := range configs {
		if err := os.Mkdir(filepath.Join(out, c.pkg), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := generate(c, "../../models", out); err != nil {
			t.Fatal(err)
		}
		fresh, err := filepath.Glob(filepath.Join(out, c.pkg, "*.gen.go"))
		if err != nil || len(fresh) == 0 {
			t.Fatalf("%s: no files, %v", c.pkg, err)
		}
		committed, err := filepath.Glob(filepath.Join("../..", c.pkg, "*.gen.go"))
		if err != nil {
			t.Fatal(err)
		}
		if len(fresh) != len(committed) {
			t.Errorf("%s: %d files generated, %d committed", c.pkg, len(fresh), len(committed))
		}
		for _, name := range fresh {
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join("../..", c.pkg, filepath.Base(name)))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s/%s is out of date; run go generate ./api/awswire", c.pkg, filepath.Base(name))
			}
		}
	}
}

// The generator refuses what it would get wrong.
func TestPatternsThatRE2CannotExpressStopTheGenerator(t *testing.T) {
	g := &generator{funcs: map[string]string{}}
	g.matcher(`(?!x).*`)
	defer func() {
		if recover() == nil {
			t.Error("a look-ahead without a predicate was accepted")
		}
	}()
	g.matchers(&file{})
}
