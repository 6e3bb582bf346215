package deploy

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTheSameFilesMakeTheSameZip(t *testing.T) {
	files := map[string]string{"handler.py": "def handler(e, c): pass", "b/run.sh!": "#!/bin/sh", "b/data": "1"}
	first, err := prepare(t, write(t, files))
	if err != nil {
		t.Fatal(err)
	}
	other := write(t, files)
	if err := os.Chtimes(filepath.Join(other, "handler.py"), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(other, "b/data"), 0o600); err != nil {
		t.Fatal(err)
	}
	second, err := prepare(t, other)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Code.Zip, second.Code.Zip) || first.Code.SHA256 != second.Code.SHA256 {
		t.Error("two zips of the same files differ")
	}
	z, err := zip.NewReader(bytes.NewReader(first.Code.Zip), int64(len(first.Code.Zip)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range z.File {
		got = append(got, f.Name+" "+f.Mode().String())
	}
	if want := "b/data -rw-r--r--|b/run.sh -rwxr-xr-x|handler.py -rw-r--r--"; strings.Join(got, "|") != want {
		t.Errorf("the zip has %q, want %s", got, want)
	}
	if err := os.Chmod(filepath.Join(other, "b/data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if third, err := prepare(t, other); err != nil || third.Code.SHA256 == first.Code.SHA256 {
		t.Errorf("a file that has become executable makes no other zip: %v", err)
	}
}

func TestLinks(t *testing.T) {
	dir := write(t, map[string]string{"handler.py": "def handler(e, c): pass", "lib/a.py": "x = 1"})
	if err := os.Symlink("lib/a.py", filepath.Join(dir, "b.py")); err != nil {
		t.Fatal(err)
	}
	p, err := prepare(t, dir)
	if err != nil || len(p.Code.Files) != 3 || p.Code.Files[0].Size != 5 {
		t.Fatalf("with a link to a file within the folder: %+v, %v", p, err)
	}
	for target, want := range map[string]string{"lib": "leads to a folder", "/etc/hosts": "leads out of the folder", "nowhere": "leads nowhere"} {
		link := filepath.Join(dir, "link")
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		if _, err := prepare(t, dir); err == nil || !strings.Contains(err.Error(), "the link link "+want) || !strings.Contains(err.Error(), ".belfryignore") {
			t.Errorf("a link to %s: %v, want that it %s", target, err, want)
		}
		os.Remove(link)
	}
}

func TestSizeLimit(t *testing.T) {
	files := []File{{Name: "a", Size: maxUnzipped - 1, path: os.DevNull}, {Name: "b", Size: 1, path: os.DevNull}}
	if _, err := pack(files); err != nil {
		t.Errorf("files of %d bytes: %v", maxUnzipped, err)
	}
	files = []File{{Name: "a", Size: maxUnzipped, path: os.DevNull}, {Name: "b", Size: 1, path: os.DevNull}}
	if _, err := pack(files); err == nil || !strings.Contains(err.Error(), "the largest are a (262.1 MB), b (1 bytes)") {
		t.Errorf("files of %d bytes: %v", maxUnzipped+1, err)
	}
}
