package function

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/belfry-run/belfry"
)

const (
	maxNameLen = 1024 // bytes of a path within a zip
	maxPartLen = 255  // bytes of one of its parts; the file system's limit
)

// Zip limits; tests make them smaller.
type zipLimits struct {
	zip, unzipped int64 // bytes
	entries       int
}

var errUnzip = invalid("ZipFile", "Could not unzip uploaded file. Please check your file, then try to upload again.")

// unzip writes the files of a zip into dir, which must be empty. It trusts
// nothing that the zip says of itself: sizes are counted as they are written.
// When it fails it may leave files behind.
func unzip(data []byte, dir string, lim zipLimits) error {
	if int64(len(data)) > lim.zip {
		return &belfry.Error{
			Kind: belfry.TooLarge, Code: "RequestEntityTooLargeException", Field: "ZipFile",
			Message: fmt.Sprintf("Zipped size must be smaller than %d bytes", lim.zip),
		}
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return errUnzip
	}
	if len(z.File) == 0 {
		return invalid("ZipFile", "Uploaded file must be a non-empty zip")
	}
	if len(z.File) > lim.entries {
		return invalid("ZipFile", fmt.Sprintf("The zip has %d entries; at most %d are allowed.", len(z.File), lim.entries))
	}
	u := unzipper{dir: dir, left: lim.unzipped, limit: lim.unzipped, seen: map[string]seen{}}
	for _, f := range z.File {
		if err := u.entry(f); err != nil {
			return err
		}
	}
	return nil
}

type unzipper struct {
	dir         string
	left, limit int64
	seen        map[string]seen // by path in lower case
	buf         []byte
}

type seen struct {
	path string
	file bool
}

func (u *unzipper) entry(f *zip.File) error {
	name := f.Name
	isDir := strings.HasSuffix(name, "/")
	name = strings.TrimSuffix(name, "/")
	if err := checkEntryName(name); err != nil {
		return err
	}
	if f.Flags&1 != 0 { // encrypted
		return errUnzip
	}
	switch kind := f.Mode().Type(); {
	case kind&fs.ModeSymlink != 0:
		return invalid("ZipFile", fmt.Sprintf("The zip entry %q is a symbolic link; links are not allowed.", name))
	case kind&^fs.ModeDir != 0:
		return invalid("ZipFile", fmt.Sprintf("The zip entry %q is not a file or a folder.", name))
	case kind.IsDir():
		isDir = true
	}
	if err := u.claim(name, isDir); err != nil {
		return err
	}
	path := filepath.Join(u.dir, filepath.FromSlash(name))
	if isDir {
		return os.MkdirAll(path, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return u.write(f, path)
}

// claim notes a path and its folders, and refuses two that are the same, or
// would be on a file system that ignores case.
func (u *unzipper) claim(name string, isDir bool) error {
	for i := 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '/' {
			continue
		}
		path, whole := name[:i], i == len(name)
		key := strings.ToLower(path)
		old, ok := u.seen[key]
		switch {
		case !ok:
			u.seen[key] = seen{path: path, file: whole && !isDir}
		case old.path != path:
			return invalid("ZipFile", fmt.Sprintf("The zip entries %q and %q differ only in case.", old.path, path))
		case old.file || whole && !isDir:
			return invalid("ZipFile", fmt.Sprintf("The zip has the entry %q more than once.", path))
		}
	}
	return nil
}

func (u *unzipper) write(f *zip.File, path string) error {
	mode := fs.FileMode(0o644) // readable by whatever user an instance runs as; no setuid
	if f.Mode()&0o111 != 0 {
		mode = 0o755
	}
	in, err := f.Open()
	if err != nil {
		return errUnzip
	}
	defer in.Close() // only read from
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if u.buf == nil {
		u.buf = make([]byte, 64<<10)
	}
	for {
		n, rerr := in.Read(u.buf)
		if u.left -= int64(n); u.left < 0 {
			out.Close() // the file is thrown away
			return invalid("ZipFile", fmt.Sprintf("Unzipped size must be smaller than %d bytes", u.limit))
		}
		if _, err := out.Write(u.buf[:n]); err != nil {
			out.Close() // the error before it is the one to report
			return err
		}
		if rerr == io.EOF {
			break
		}
		if rerr != nil {
			out.Close() // the file is thrown away
			return errUnzip
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Chmod(path, mode) // whatever the umask is
}

func checkEntryName(name string) error {
	bad := name == "" || len(name) > maxNameLen || name[0] == '/' ||
		!utf8.ValidString(name) || strings.ContainsAny(name, "\x00\\")
	for part := range strings.SplitSeq(name, "/") {
		bad = bad || part == "" || part == "." || part == ".." || len(part) > maxPartLen
	}
	if bad {
		return invalid("ZipFile", fmt.Sprintf("The zip entry name %.200q is not allowed: names are relative, in UTF-8, with / between folders and without . or ..", name))
	}
	return nil
}
