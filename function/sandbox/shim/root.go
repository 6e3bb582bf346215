package shim

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"syscall"
)

// SystemFolders are those that programs of a system live in. What of them is a link on the
// host is the same link in the sandbox.
var SystemFolders = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"}

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

// Files are those of the host that a root shows from when it is put together: a
// file that takes the place of one of them is not seen in it.
func Files() []string {
	return slices.Concat(SystemFolders, systemFiles, networkFiles)
}

var devices = []string{"null", "zero", "full", "random", "urandom"}

// Attributes of the parts of the root.
const (
	readOnly   = attrReadOnly | attrNoSUID | attrNoDev
	deviceOnly = attrReadOnly | attrNoSUID | attrNoExec
)

// buildRoot puts a root together for the shim's mount namespace, with all that
// does not depend on the program. The host's is not left yet: it has the rest.
// The folder s.Root is only where the root is put together.
func buildRoot(s *Setting) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return failed("part from the host's mounts", err)
	}
	if err := syscall.Mount("root", s.Root, "tmpfs", syscall.MS_NOSUID, "mode=755,size=1m"); err != nil {
		return failed("mount a root", err)
	}
	b := builder{root: s.Root}
	b.system()
	b.etc(s)
	b.dev()
	b.proc()
	return b.err
}

// enterRoot adds what is the program's own, and leaves the host's root.
func enterRoot(s *Setting, o *Order) error {
	b := builder{root: s.Root}
	for _, m := range o.Mounts {
		b.bind(m.Source, m.Target, readOnly)
	}
	for _, p := range o.Places {
		b.empty(p)
	}
	b.tmp(o.Storage)
	if b.err != nil {
		return b.err
	}
	if err := mountAttributes(atFDCWD, s.Root, 0, readOnly); err != nil {
		return failed("close the root", err)
	}
	if err := syscall.Chdir(s.Root); err != nil {
		return failed("enter the root", err)
	}
	// The old root is put over the new one, and then let go of.
	if err := syscall.PivotRoot(".", "."); err != nil {
		return failed("change the root", err)
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return failed("leave the host's root", err)
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
		b.err = failed(what, err)
	}
}

func (b *builder) system() {
	for _, dir := range SystemFolders {
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

func (b *builder) etc(s *Setting) {
	files := systemFiles
	if !s.Network {
		files = append(slices.Clip(files), networkFiles...)
	}
	for _, f := range files {
		b.bindIfThere(f)
	}
	user := strconv.Itoa(s.User)
	if s.User == 0 {
		user = strconv.Itoa(os.Getuid())
	}
	write := func(name, content string) {
		b.do("write "+name, func() error { return b.write(name, content) })
	}
	write("/etc/passwd", "root:x:0:0:root:/:/bin/false\nsandbox:x:"+user+":"+user+"::/tmp:/bin/sh\n")
	write("/etc/group", "root:x:0:\nsandbox:x:"+user+":\n")
	if s.Network {
		write("/etc/hosts", "127.0.0.1 localhost\n")
	}
}

func (b *builder) write(name, content string) error {
	if err := b.mkdir(path.Dir(name)); err != nil {
		return err
	}
	return os.WriteFile(b.root+name, []byte(content), 0o644)
}

// mkdir makes a folder and those above it. Most are there or have their parent.
func (b *builder) mkdir(name string) error {
	err := syscall.Mkdir(b.root+name, 0o755)
	if errors.Is(err, syscall.ENOENT) {
		return os.MkdirAll(b.root+name, 0o755)
	}
	if errors.Is(err, syscall.EEXIST) {
		return nil // a file is found out when something is put below it
	}
	return err
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
		return syscall.Mount("tmp", b.root+"/tmp", "tmpfs", tmpFlags, tmpOptions(megabytes))
	})
}

const tmpFlags = syscall.MS_NOSUID | syscall.MS_NODEV

// A file of one page needs an inode; more of them would be memory that the size
// does not bound.
func tmpOptions(megabytes int) string {
	return "mode=1777,size=" + strconv.Itoa(megabytes) + "m,nr_inodes=" + strconv.Itoa(megabytes*256)
}

func (b *builder) proc() {
	b.do("mount /proc", func() error {
		if err := os.Mkdir(b.root+"/proc", 0o755); err != nil {
			return err
		}
		return syscall.Mount("proc", b.root+"/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC|syscall.MS_RDONLY, "")
	})
}

// bind shows source, with all that is mounted below it, as target.
func (b *builder) bind(source, target string, attributes uint64) {
	b.do("show "+source+" as "+target, func() error {
		if err := checkTarget(target); err != nil {
			return err
		}
		tree, err := takeTree(source, attributes)
		if err != nil {
			return err
		}
		return b.mount(tree, target)
	})
}

// bindIfThere shows at its own place what a host need not have.
func (b *builder) bindIfThere(name string) {
	b.do("show "+name, func() error {
		tree, err := takeTree(name, readOnly)
		if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EACCES) {
			return nil
		}
		if err != nil {
			return err
		}
		return b.mount(tree, name)
	})
}

// mount mounts a tree and closes its handle.
func (b *builder) mount(tree int, target string) error {
	defer syscall.Close(tree) //nolint:errcheck // it is a handle
	if err := b.place(tree, target); err != nil {
		return err
	}
	return moveMount(tree, b.root+target)
}

// takeTree returns a handle of what is mounted at source and below, with
// attributes, to be mounted elsewhere.
func takeTree(source string, attributes uint64) (int, error) {
	tree, err := openTree(source)
	if err != nil {
		return -1, err
	}
	if err := mountAttributes(tree, "", atEmptyPath|atRecursive, attributes); err != nil {
		syscall.Close(tree) //nolint:errcheck // it is a handle
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
		return b.mkdir(target)
	})
}

func checkTarget(target string) error {
	if !path.IsAbs(target) || path.Clean(target) != target {
		return errors.New("a target must be a clean absolute path")
	}
	return nil
}

// place makes the file or folder that a tree is mounted on.
func (b *builder) place(tree int, target string) error {
	var info syscall.Stat_t
	if err := syscall.Fstat(tree, &info); err != nil {
		return err
	}
	if info.Mode&syscall.S_IFMT == syscall.S_IFDIR {
		return b.mkdir(target)
	}
	if err := b.mkdir(path.Dir(target)); err != nil {
		return err
	}
	err := syscall.Mknod(b.root+target, syscall.S_IFREG|0o644, 0)
	if errors.Is(err, syscall.EEXIST) {
		return nil
	}
	return err
}
