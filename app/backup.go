package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/store/sqlite"
)

// manifestName is the file in a backup that says what belongs to it. It is written
// last: a backup without it is not whole.
const manifestName = "backup.json"

// A manifest says what belongs to a backup.
type manifest struct {
	Made    time.Time    `json:"made_at"`
	Version string       `json:"version"` // of Belfry
	Tally   sqlite.Tally `json:"holds"`
	Lacks   []string     `json:"lacks,omitempty"` // files that could not be read
	Files   []fileSum    `json:"files"`
}

type fileSum struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Link   string `json:"link,omitempty"` // whereto, of a symbolic link
}

// codeDir is where package function keeps code, in a data directory.
const codeDir = "functions/code"

// notCopied are files of a data directory that a backup does not have as they are:
// the databases are copied as of one moment, and the lock is a server's.
var notCopied = []string{"belfry.db", "logs.db", "history", "mark", "lock"}

// backup makes a copy of the running server's data in the folder dir of this
// machine, which must be empty or not be there, and proves it. tell is told what it
// does. What is in dir after an error is removed.
func (s *Server) backup(ctx context.Context, dir string, tell func(string)) (found []Finding, err error) {
	if !s.copying.TryLock() {
		return nil, belfry.Errorf(belfry.Conflict, "", "Another backup is being made; wait until it is done.")
	}
	defer s.copying.Unlock()
	if err := s.emptyDir(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(belfry.WriteError(err), clearDir(dir))
		}
	}()
	m := manifest{Made: time.Now().UTC().Truncate(time.Second), Version: s.c.Version}
	// Code is copied before and after: what the database names is there at one of them,
	// as it is there before a function names it and for as long as one does.
	code, to := filepath.Join(s.c.DataDir, codeDir), filepath.Join(dir, codeDir)
	tell("code of functions")
	if err := copyCode(ctx, code, to); err != nil {
		return nil, err
	}
	shown := ""
	m.Lacks, err = s.store.Backup(ctx, dir, func(file string, done, total int64) {
		if text := fmt.Sprintf("%s: %s of %s", file, size(uint64(done)), size(uint64(total))); text != shown {
			shown = text
			tell(text)
		}
	})
	if err != nil {
		return nil, err
	}
	if err := copyCode(ctx, code, to); err != nil {
		return nil, err
	}
	if err := s.copyOthers(dir); err != nil {
		return nil, err
	}
	tell("sums")
	if m.Tally, err = sqlite.TallyDir(dir); err != nil {
		return nil, err
	}
	if m.Files, err = sums(ctx, dir); err != nil {
		return nil, err
	}
	if err := m.write(dir); err != nil {
		return nil, err
	}
	return CheckBackup(ctx, dir, s.c.SecretKey, tell)
}

// emptyDir refuses a folder that is not one of the operator's choice, or has
// something in it, and makes it.
func (s *Server) emptyDir(dir string) error {
	if !filepath.IsAbs(dir) {
		return belfry.Errorf(belfry.Invalid, "directory", "directory is %q; give an absolute path on the server's machine, such as /var/backups/belfry/2026-03-08.", dir)
	}
	data, err := filepath.Abs(s.c.DataDir)
	if err != nil {
		return err
	}
	if rel, err := filepath.Rel(data, filepath.Clean(dir)); err == nil && rel != ".." && !strings.HasPrefix(rel, "../") {
		return belfry.Errorf(belfry.Invalid, "directory", "directory %q lies in the data directory; give one on another disk, or at least beside it.", dir)
	}
	return newDir(dir)
}

// newDir makes a folder that nobody else may look into; one that is empty will do.
func newDir(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case err == nil && len(entries) > 0:
		return belfry.Errorf(belfry.Conflict, "directory", "%s is not empty; give a folder that is, or a name that nothing has.", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return belfry.Errorf(belfry.Invalid, "directory", "%s cannot be used: %v.", dir, cause(err))
	}
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.Chmod(dir, 0o700)); err != nil { //nolint:gosec // a folder has to be entered
		return belfry.Errorf(belfry.Invalid, "directory", "%s cannot be made: %v.", dir, cause(err))
	}
	return nil
}

// clearDir removes what is in a folder.
func clearDir(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

// copyOthers copies every other file, such as the secret key.
func (s *Server) copyOthers(dir string) error {
	entries, err := os.ReadDir(s.c.DataDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if !e.Type().IsRegular() || slices.Contains(notCopied, name) || strings.Contains(name, ".db") {
			continue
		}
		if err := copyAll(filepath.Join(s.c.DataDir, name), filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("copy %s: %w", name, err)
		}
	}
	return nil
}

// copyCode copies the folders of code that are not in to yet. One that goes away
// meanwhile is not needed.
func copyCode(ctx context.Context, from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		at := filepath.Join(to, e.Name())
		if b, err := hex.DecodeString(e.Name()); err != nil || len(b) != sha256.Size || !e.IsDir() {
			continue // half unpacked
		}
		if _, err := os.Lstat(at); err == nil {
			continue
		}
		if err := os.MkdirAll(to, 0o755); err != nil { //nolint:gosec // functions read their code as other users
			return err
		}
		err := copyAll(filepath.Join(from, e.Name()), at)
		if errors.Is(err, fs.ErrNotExist) {
			err = os.RemoveAll(at)
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("copy the code of functions: %w", err)
		}
	}
	return nil
}

// copyAll copies a file, a link or a folder with all that is in it, durably.
func copyAll(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		at := filepath.Join(to, rel)
		info, err := e.Info()
		if err != nil {
			return err
		}
		switch {
		case e.IsDir():
			if err := os.Mkdir(at, 0o700); err != nil {
				return err
			}
			return os.Chmod(at, info.Mode().Perm()|0o700)
		case e.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(target, at)
		case e.Type().IsRegular():
			return copyFile(path, at, info.Mode().Perm())
		}
		return nil // a socket, which somebody listens on
	})
}

func copyFile(from, to string, mode fs.FileMode) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(mode), out.Sync(), out.Close())
}

// sums lists the files of a backup.
func sums(ctx context.Context, dir string) (all []fileSum, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || name == manifestName {
			return err
		}
		f, err := sumOf(path, e)
		f.Name = name
		all = append(all, f)
		return errors.Join(err, ctx.Err())
	})
	return all, err
}

func sumOf(path string, e fs.DirEntry) (s fileSum, err error) {
	if e.Type() == fs.ModeSymlink {
		s.Link, err = os.Readlink(path)
		return s, err
	}
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	s.Bytes, err = io.Copy(sum, f)
	s.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return s, err
}

func (m *manifest) write(dir string) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, manifestName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	d, openErr := os.Open(dir)
	if openErr != nil {
		return errors.Join(err, openErr)
	}
	return errors.Join(err, d.Sync(), d.Close())
}
