package function

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/belfry-run/belfry"
)

// codes keeps each zip once, with its files, in dir/HASH/code.zip and
// dir/HASH/task. A folder with a hash for a name is complete. It goes when
// nothing holds it: no function that names it, no instance that runs it, no
// request that is about to name it.
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
	final := filepath.Join(c.dir, key)
	if _, err := os.Stat(final); err == nil {
		return sha256b64, nil
	}
	tmp, err := os.MkdirTemp(c.dir, tempPrefix)
	if err != nil {
		return "", fmt.Errorf("make a folder for the code: %w", err)
	}
	defer os.RemoveAll(tmp) // gone after the rename; else removed at the next start
	if err := c.fill(data, tmp); err != nil {
		if _, ok := errors.AsType[*belfry.Error](err); ok {
			return "", err
		}
		return "", fmt.Errorf("unpack the code: %w", err)
	}
	if err := os.Rename(tmp, final); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("put the code in place: %w", err) // ErrExist: a twin was faster
	}
	return sha256b64, syncDir(c.dir)
}

// fill writes the zip and its files into tmp and brings them to the disk.
func (c *codes) fill(data []byte, tmp string) error {
	task := filepath.Join(tmp, "task")
	if err := errors.Join(os.Chmod(tmp, 0o755), os.Mkdir(task, 0o755)); err != nil {
		return err
	}
	if err := unzip(data, task, c.limits); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tmp, "code.zip"), data, 0o600); err != nil {
		return err
	}
	d, err := os.Open(tmp)
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

// check unpacks a zip to see whether it could be deployed, and keeps nothing.
func (c *codes) check(data []byte) (sha256b64 string, err error) {
	tmp, err := os.MkdirTemp(c.dir, tempPrefix)
	if err != nil {
		return "", fmt.Errorf("make a folder for the code: %w", err)
	}
	defer os.RemoveAll(tmp) // else removed at the next start
	if err := unzip(data, tmp, c.limits); err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return base64.StdEncoding.EncodeToString(sum[:]), nil
}

func (c *codes) hold(key string) {
	c.mu.Lock()
	c.held[key]++
	c.mu.Unlock()
}

func (c *codes) release(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[key]--; c.held[key] > 0 {
		return
	}
	delete(c.held, key)
	// Under the lock, so that nobody finds the folder and then loses it.
	if err := c.remove(key); err != nil {
		c.log.Warn("unused code stays until the next start", "sha256", key, "error", err)
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
	f, err := os.Open(filepath.Join(c.dir, filepath.Base(key), "code.zip"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, belfry.Errorf(belfry.NotFound, "", "There is no such code.")
	}
	return f, err
}
