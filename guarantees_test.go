package belfry_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGuaranteesNameTheirTests holds docs/guarantees.md against the tree: every
// test that a promise is said to be held by is there.
func TestGuaranteesNameTheirTests(t *testing.T) {
	page, err := os.ReadFile("docs/guarantees.md")
	if err != nil {
		t.Fatal(err)
	}
	var sources strings.Builder
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		sources.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range strings.Split(string(page), "\n") {
		if strings.HasPrefix(row, "| **") && !strings.Contains(row, "`Test") {
			t.Errorf("no test holds %.60s", row)
		}
	}
	for _, name := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(page), -1) {
		if !strings.Contains(sources.String(), "\nfunc "+name[1]+"(") {
			t.Errorf("%s is named and is not there", name[1])
		}
	}
}
