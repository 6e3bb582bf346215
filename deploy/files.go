package deploy

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Lambda's limits of code that is sent with the request, in bytes.
const (
	maxZip      = 52_428_800
	maxUnzipped = 262_144_000
)

// A File is one file of the zip.
type File struct {
	Name       string `json:"name"` // with slashes, below the folder
	Size       int64  `json:"size"` // bytes
	Executable bool   `json:"executable"`

	path string // where it is read
}

// Code is a zip, and what is in it.
type Code struct {
	Files  []File // by name
	Zip    []byte
	SHA256 string // of Zip, in base64, as Lambda shows it
}

// Size is that of all files, in bytes.
func (c *Code) Size() (n int64) {
	for _, f := range c.Files {
		n += f.Size
	}
	return n
}

// list returns the files of a folder that belong into the zip, by name. A link
// to a file within the folder is that file.
func list(dir string) ([]File, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	ig, err := newIgnorer(dir)
	if err != nil {
		return nil, err
	}
	l := lister{root: dir, ignorer: ig}
	if err := l.folder(dir); err != nil {
		return nil, err
	}
	slices.SortFunc(l.files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	return l.files, nil
}

type lister struct {
	root    string
	ignorer *ignorer
	files   []File
}

func (l *lister) folder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if err := l.ignorer.enter(dir); err != nil {
		return err
	}
	defer l.ignorer.leave()
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.Name() == ".git" || ours[e.Name()] && !e.IsDir() || l.ignorer.ignored(path, e.IsDir()) {
			continue
		}
		if e.IsDir() {
			err = l.folder(path)
		} else {
			err = l.file(path, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) file(path string, e fs.DirEntry) error {
	name, err := filepath.Rel(l.root, path)
	if err != nil {
		return err
	}
	name = filepath.ToSlash(name)
	if e.Type()&fs.ModeSymlink != 0 {
		if path, err = l.follow(path, name); err != nil {
			return err
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is neither a file nor a folder, and no zip can hold it: name it in .belfryignore", name)
	}
	l.files = append(l.files, File{Name: name, Size: info.Size(), Executable: info.Mode()&0o111 != 0, path: path})
	return nil
}

// follow returns what a link leads to: a file within the folder.
func (l *lister) follow(path, name string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", fmt.Errorf("the link %s leads nowhere: mend it, or name it in .belfryignore: %w", name, err)
	}
	root, err := filepath.EvalSymlinks(l.root)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(real)
	if err != nil {
		return "", err
	}
	switch {
	case !strings.HasPrefix(real, root+string(filepath.Separator)):
		return "", fmt.Errorf("the link %s leads out of the folder: put the file in its place, or name it in .belfryignore", name)
	case info.IsDir():
		return "", fmt.Errorf("the link %s leads to a folder: put the folder in its place, or name it in .belfryignore", name)
	}
	return real, nil
}

// pack makes a zip of files, which are sorted. Times and owners are left out, of
// modes it keeps whether a file is executable.
func pack(files []File) (*Code, error) {
	c := &Code{Files: files}
	if size := c.Size(); size > maxUnzipped {
		return nil, tooLarge("the files have", size, maxUnzipped, files)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range files {
		if err := add(w, &files[i]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	c.Zip = b.Bytes()
	if size := int64(len(c.Zip)); size > maxZip {
		return nil, tooLarge("the zip has", size, maxZip, files)
	}
	sum := sha256.Sum256(c.Zip)
	c.SHA256 = base64.StdEncoding.EncodeToString(sum[:])
	return c, nil
}

// zipEpoch is the first moment that a zip can name.
var zipEpoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

func add(w *zip.Writer, f *File) error {
	h := &zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: zipEpoch}
	h.SetMode(0o644)
	if f.Executable {
		h.SetMode(0o755)
	}
	to, err := w.CreateHeader(h)
	if err != nil {
		return err
	}
	from, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer from.Close()
	n, err := io.Copy(to, from)
	if err != nil {
		return fmt.Errorf("read %s: %w", f.Name, err)
	}
	f.Size = n // it may have changed since it was listed
	return nil
}

// tooLarge names the largest files, which are mostly there by mistake.
func tooLarge(what string, size, limit int64, files []File) error {
	files = slices.SortedFunc(slices.Values(files), func(a, b File) int { return cmp.Compare(b.Size, a.Size) })
	var largest []string
	for _, f := range files[:min(3, len(files))] {
		largest = append(largest, f.Name+" ("+Bytes(f.Size)+")")
	}
	return fmt.Errorf("%s %s, and a function may have %s; the largest are %s. What the function does not need can be named in .belfryignore",
		what, Bytes(size), Bytes(limit), strings.Join(largest, ", "))
}

// Bytes writes a number of bytes for people.
func Bytes(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 999_950:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
