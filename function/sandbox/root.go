package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Mount shows a file or folder of the host in the sandbox, read-only.
type Mount struct{ Source, Target string }

// The folders that programs of a system live in. What of them is a link on the
// host is the same link in the sandbox.
var systemFolders = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"}

// Of /etc, what libraries read and everybody may know. The accounts, the hosts
// and the secrets of the machine are not among it.
var systemFiles = []string{
	"/etc/alternatives", "/etc/ca-certificates", "/etc/ca-certificates.conf", "/etc/crypto-policies", "/etc/gai.conf",
	"/etc/host.conf", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld-musl-x86_64.path",
	"/etc/ld-musl-aarch64.path", "/etc/localtime", "/etc/mime.types", "/etc/nsswitch.conf", "/etc/pki/ca-trust/extracted",
	"/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/tls/openssl.cnf", "/etc/protocols", "/etc/services",
	"/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/etc/timezone",
}

// Of /etc, what a program needs to know of the network if it shares it.
var networkFiles = []string{"/etc/hosts", "/etc/resolv.conf"}

var devices = []string{"null", "zero", "full", "random", "urandom"}

// Attributes of the parts of the root.
const (
	readOnly   = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
	deviceOnly = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC
)

// buildRoot makes a root of its own for the shim's mount namespace, and leaves
// the host's. The folder o.Root is only where it is put together.
func buildRoot(o *order) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("part from the host's mounts: %w", err)
	}
	if err := unix.Mount("root", o.Root, "tmpfs", unix.MS_NOSUID, "mode=755,size=1m"); err != nil {
		return fmt.Errorf("mount a root: %w", err)
	}
	b := builder{root: o.Root}
	b.system()
	b.etc(o)
	b.dev()
	for _, m := range o.Mounts {
		b.bind(m.Source, m.Target, readOnly)
	}
	for _, p := range o.Places {
		b.empty(p)
	}
	b.tmp(o.Storage)
	b.proc()
	if b.err != nil {
		return b.err
	}
	attr := unix.MountAttr{Attr_set: readOnly}
	if err := unix.MountSetattr(unix.AT_FDCWD, o.Root, 0, &attr); err != nil {
		return fmt.Errorf("close the root: %w", err)
	}
	if err := unix.Chdir(o.Root); err != nil {
		return fmt.Errorf("enter the root: %w", err)
	}
	// The old root is put over the new one, and then let go of.
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the host's root: %w", err)
	}
	return nil
}

// A builder puts a root together; its first error is kept.
type builder struct {
	root string
	err  error
}

func (b *builder) do(what string, f func() error) {
	if b.err != nil {
		return
	}
	if err := f(); err != nil {
		b.err = fmt.Errorf("%s: %w", what, err)
	}
}

func (b *builder) system() {
	for _, dir := range systemFolders {
		info, err := os.Lstat(dir)
		switch {
		case err != nil: // not on this system
		case info.Mode().Type() == fs.ModeSymlink:
			b.do("copy the link "+dir, func() error {
				to, err := os.Readlink(dir)
				if err != nil {
					return err
				}
				return os.Symlink(to, b.root+dir)
			})
		default:
			b.bind(dir, dir, readOnly)
		}
	}
}

func (b *builder) etc(o *order) {
	files := systemFiles
	if !o.Network {
		files = append(slices.Clip(files), networkFiles...)
	}
	for _, f := range files {
		if _, err := os.Stat(f); err == nil {
			b.bind(f, f, readOnly)
		}
	}
	user := strconv.Itoa(o.User)
	if o.User == 0 {
		user = strconv.Itoa(os.Getuid())
	}
	write := func(name, content string) {
		b.do("write "+name, func() error { return b.write(name, content) })
	}
	write("/etc/passwd", "root:x:0:0:root:/:/bin/false\nsandbox:x:"+user+":"+user+"::/tmp:/bin/sh\n")
	write("/etc/group", "root:x:0:\nsandbox:x:"+user+":\n")
	if o.Network {
		write("/etc/hosts", "127.0.0.1 localhost\n")
	}
}

func (b *builder) write(name, content string) error {
	if err := os.MkdirAll(filepath.Dir(b.root+name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(b.root+name, []byte(content), 0o644)
}

func (b *builder) dev() {
	for _, d := range devices {
		b.bind("/dev/"+d, "/dev/"+d, deviceOnly)
	}
	for name, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		b.do("link /dev/"+name, func() error { return os.Symlink(to, b.root+"/dev/"+name) })
	}
}

func (b *builder) tmp(megabytes int) {
	b.do("mount /tmp", func() error {
		if err := os.Mkdir(b.root+"/tmp", 0o755); err != nil {
			return err
		}
		return unix.Mount("tmp", b.root+"/tmp", "tmpfs", tmpFlags, tmpOptions(megabytes))
	})
}

const tmpFlags = unix.MS_NOSUID | unix.MS_NODEV

// A file of one page needs an inode; more of them would be memory that the size
// does not bound.
func tmpOptions(megabytes int) string {
	return fmt.Sprintf("mode=1777,size=%dm,nr_inodes=%d", megabytes, megabytes*256)
}

func (b *builder) proc() {
	b.do("mount /proc", func() error {
		if err := os.Mkdir(b.root+"/proc", 0o755); err != nil {
			return err
		}
		return unix.Mount("proc", b.root+"/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY, "")
	})
}

// bind shows source, with all that is mounted below it, as target.
func (b *builder) bind(source, target string, attributes uint64) {
	b.do("show "+source+" as "+target, func() error {
		tree, err := takeTree(source, attributes)
		if err != nil {
			return err
		}
		defer unix.Close(tree) //nolint:errcheck // it is a handle
		if err := b.place(source, target); err != nil {
			return err
		}
		return unix.MoveMount(tree, "", unix.AT_FDCWD, b.root+target, unix.MOVE_MOUNT_F_EMPTY_PATH)
	})
}

// takeTree returns a handle of what is mounted at source and below, with
// attributes, to be mounted elsewhere.
func takeTree(source string, attributes uint64) (int, error) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return -1, err
	}
	attr := unix.MountAttr{Attr_set: attributes}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr); err != nil {
		unix.Close(tree) //nolint:errcheck // it is a handle
		return -1, err
	}
	return tree, nil
}

// An empty folder is where something may be shown later.
func (b *builder) empty(target string) {
	b.do("make "+target, func() error {
		if err := checkTarget(target); err != nil {
			return err
		}
		return os.MkdirAll(b.root+target, 0o755)
	})
}

func checkTarget(target string) error {
	if !filepath.IsAbs(target) || filepath.Clean(target) != target || strings.Contains(target, "..") {
		return errors.New("a target must be a clean absolute path")
	}
	return nil
}

// place makes the file or folder that source is mounted on.
func (b *builder) place(source, target string) error {
	if err := checkTarget(target); err != nil {
		return err
	}
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.MkdirAll(b.root+target, 0o755)
	}
	if _, err := os.Stat(b.root + target); err == nil {
		return nil
	}
	return b.write(target, "")
}
