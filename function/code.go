package function

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/belfry-run/belfry"
)

// codes keeps each zip, of a function or a layer, once, with its files, in
// dir/HASH/code.zip and dir/HASH/task. A folder with a hash for a name is complete.
// It goes when nothing holds it: no function that names it, no version of a layer,
// no instance that runs it, no request that is about to name it. The folder of
// several layers has a hash of theirs for a name, and no zip.
type codes struct {
	dir    string
	limits zipLimits
	log    *slog.Logger

	mu   sync.Mutex
	held map[string]int // by hash in hex
}

const tempPrefix = "tmp-"

// add unpacks a zip and holds it.
func (c *codes) add(data []byte) (sha256b64 string, err error) {
	sum := sha256.Sum256(data)
	key := hex.EncodeToString(sum[:])
	sha256b64 = base64.StdEncoding.EncodeToString(sum[:])
	c.hold(key)
	defer func() {
		if err != nil {
			c.release(key)
		}
	}()
	return sha256b64, c.build(key, func(tmp, task string) error {
		if err := unzip(data, task, c.limits); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(tmp, zipName), data, 0o600)
	})
}

// zipName is what a zip is called in its folder.
const zipName = "code.zip"

// build makes the folder of that name, which is held, unless it is there: fill
// writes into it.
func (c *codes) build(key string, fill func(tmp, task string) error) (err error) {
	defer func() { err = belfry.WriteError(err) }()
	final := filepath.Join(c.dir, key)
	if _, err := os.Stat(final); err == nil {
		return nil
	}
	tmp, err := os.MkdirTemp(c.dir, tempPrefix)
	if err != nil {
		return fmt.Errorf("make a folder for the code: %w", err)
	}
	defer os.RemoveAll(tmp) // gone after the rename; else removed at the next start
	task := filepath.Join(tmp, "task")
	err = errors.Join(os.Chmod(tmp, 0o755), os.Mkdir(task, 0o755))
	if err == nil {
		err = fill(tmp, task)
	}
	if err == nil {
		err = syncTree(tmp)
	}
	if err != nil {
		if _, ok := errors.AsType[*belfry.Error](err); ok {
			return err
		}
		return fmt.Errorf("unpack the code: %w", err)
	}
	if err := os.Rename(tmp, final); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("put the code in place: %w", err) // ErrExist: a twin was faster
	}
	return syncDir(c.dir)
}

// merge makes a folder with the files of others, all of which are held: where two
// have the same path, the later one's is there.
func (c *codes) merge(key string, parts []string) error {
	return c.build(key, func(_, task string) error {
		for _, part := range parts {
			if err := overlay(task, c.taskDir(part)); err != nil {
				return err
			}
		}
		return nil
	})
}

// overlay puts the files of src into dst, in the place of what has their paths.
// They are links, so that they take no room: files of code never change.
func overlay(dst, src string) error {
	return filepath.WalkDir(src, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dst, name)
		there, err := os.Lstat(to)
		switch {
		case err == nil && e.IsDir() && there.IsDir():
			return nil
		case err == nil:
			if err := os.RemoveAll(to); err != nil {
				return err
			}
		case !errors.Is(err, os.ErrNotExist):
			return err
		}
		if e.IsDir() {
			return os.Mkdir(to, 0o755)
		}
		if os.Link(path, to) == nil {
			return nil
		}
		return copyFile(to, path) // the file system has no links, or no more of this file
	})
}

func copyFile(to, from string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() // only read from
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(info.Mode().Perm()), out.Close())
}

// syncTree brings all that was written to the file system of dir to the disk.
func syncTree(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() // only read from
	return unix.Syncfs(int(d.Fd()))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// check unpacks a zip to see whether it could be deployed, and keeps nothing. It
// returns how many bytes its files have.
func (c *codes) check(data []byte) (sha256b64 string, unzipped int64, err error) {
	tmp, err := os.MkdirTemp(c.dir, tempPrefix)
	if err != nil {
		return "", 0, fmt.Errorf("make a folder for the code: %w", belfry.WriteError(err))
	}
	defer os.RemoveAll(tmp) // else removed at the next start
	if err := unzip(data, tmp, c.limits); err != nil {
		return "", 0, belfry.WriteError(err)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "", 0, err
	}
	sum := sha256.Sum256(data)
	return base64.StdEncoding.EncodeToString(sum[:]), unzippedSize(z), nil
}

func (c *codes) hold(keys ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range keys {
		c.held[key]++
	}
}

func (c *codes) release(keys ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range keys {
		if c.held[key]--; c.held[key] > 0 {
			continue
		}
		delete(c.held, key)
		// Under the lock, so that nobody finds the folder and then loses it.
		if err := c.remove(key); err != nil {
			c.log.Warn("unused code stays until the next start", "sha256", key, "error", err)
		}
	}
}

// remove renames first: a folder that keeps its name is whole.
func (c *codes) remove(name string) error {
	path := filepath.Join(c.dir, name)
	if !strings.HasPrefix(name, tempPrefix) {
		trash := filepath.Join(c.dir, tempPrefix+"old-"+name)
		err := os.Rename(path, trash)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		path = trash
	}
	return os.RemoveAll(path)
}

// sweep removes what nothing holds.
func (c *codes) sweep() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return fmt.Errorf("read the code folder: %w", err)
	}
	for _, e := range entries {
		if c.held[e.Name()] == 0 {
			err = errors.Join(err, c.remove(e.Name()))
		}
	}
	return err
}

func (c *codes) taskDir(key string) string { return filepath.Join(c.dir, key, "task") }

// open opens a kept zip.
func (c *codes) open(key string) (*os.File, error) {
	f, err := os.Open(filepath.Join(c.dir, filepath.Base(key), zipName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, belfry.Errorf(belfry.NotFound, "", "There is no such code.")
	}
	return f, err
}

// unzipped returns how many bytes the files of a kept zip have. Those that it
// says of itself are true: it has been unpacked.
func (c *codes) unzipped(key string) (int64, error) {
	z, err := zip.OpenReader(filepath.Join(c.dir, key, zipName))
	if err != nil {
		return 0, fmt.Errorf("read a kept zip: %w", err)
	}
	return unzippedSize(&z.Reader), z.Close()
}

func unzippedSize(z *zip.Reader) (size int64) {
	for _, f := range z.File {
		size += int64(f.UncompressedSize64) //nolint:gosec // it is below the limit of a zip
	}
	return size
}
