package shim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
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
	readOnly   = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
	deviceOnly = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC
)

// buildRoot puts a root together for the shim's mount namespace, with all that
// does not depend on the program. The host's is not left yet: it has the rest.
// The folder s.Root is only where the root is put together.
func (p *Program) buildRoot(s *Setting) error {
	p.step = "part from the host's mounts"
	p.mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	p.step = "mount a root"
	p.mount("root", s.Root, "tmpfs", unix.MS_NOSUID, "mode=755,size=1m")
	b := builder{Program: p, root: s.Root, made: map[string]bool{}}
	if err := b.system(); err != nil {
		return err
	}
	b.etc(s)
	for _, d := range devices {
		b.bind("/dev/"+d, "/dev/"+d, deviceOnly, false)
	}
	for _, l := range []struct{ name, to string }{{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"}} {
		b.link(l.to, "/dev/"+l.name)
	}
	p.step = "mount /proc"
	b.mkdir("/proc")
	p.mount("proc", s.Root+"/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY, "")
	return nil
}

// enterRoot adds what is the program's own, and leaves the host's root.
func (p *Program) enterRoot(s *Setting, o *Order) error {
	b := builder{Program: p, root: s.Root, made: map[string]bool{}}
	for _, m := range o.Mounts {
		if err := checkTarget(m.Target); err != nil {
			return fmt.Errorf("show %s as %s: %w", m.Source, m.Target, err)
		}
		info, err := os.Stat(m.Source)
		b.bind(m.Source, m.Target, readOnly, err != nil || info.IsDir()) // what is not there is found out
	}
	// An empty folder is where something may be shown later.
	for _, place := range o.Places {
		if err := checkTarget(place); err != nil {
			return fmt.Errorf("make %s: %w", place, err)
		}
		b.mkdir(place)
	}
	p.step = "mount /tmp"
	b.mkdir("/tmp")
	p.mount("tmp", s.Root+"/tmp", "tmpfs", tmpFlags, tmpOptions(o.Storage))
	p.step = "close the root"
	p.mountAttributes(n(unix.AT_FDCWD), s.Root, 0, readOnly)
	p.step = "enter the root"
	p.call(unix.SYS_CHDIR, p.str(s.Root))
	// The old root is put over the new one, and then let go of.
	p.step = "change the root"
	p.call(unix.SYS_PIVOT_ROOT, p.str("."), p.str("."))
	p.step = "leave the host's root"
	p.call(unix.SYS_UMOUNT2, p.str("."), n(unix.MNT_DETACH))
	return nil
}

const tmpFlags = unix.MS_NOSUID | unix.MS_NODEV

// A file of one page needs an inode; more of them would be memory that the size
// does not bound.
func tmpOptions(megabytes int) string {
	return "mode=1777,size=" + strconv.Itoa(megabytes) + "m,nr_inodes=" + strconv.Itoa(megabytes*256)
}

func checkTarget(target string) error {
	if !path.IsAbs(target) || path.Clean(target) != target {
		return errors.New("a target must be a clean absolute path")
	}
	return nil
}

// A builder adds to a program what puts a root together.
type builder struct {
	*Program
	root string
	made map[string]bool // folders
}

func (b *builder) system() error {
	for _, dir := range SystemFolders {
		info, err := os.Lstat(dir)
		switch {
		case err != nil: // not on this system
		case info.Mode().Type() == fs.ModeSymlink:
			to, err := os.Readlink(dir)
			if err != nil {
				return fmt.Errorf("copy the link %s: %w", dir, err)
			}
			b.link(to, dir)
		default:
			b.bind(dir, dir, readOnly, true)
		}
	}
	return nil
}

func (b *builder) etc(s *Setting) {
	files := systemFiles
	if !s.Network {
		files = append(slices.Clip(files), networkFiles...)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil { // a host need not have it
			b.bind(f, f, readOnly, info.IsDir())
		}
	}
	user := strconv.Itoa(s.User)
	if s.User == 0 {
		user = strconv.Itoa(s.Own)
	}
	b.write("/etc/passwd", "root:x:0:0:root:/:/bin/false\nsandbox:x:"+user+":"+user+"::/tmp:/bin/sh\n")
	b.write("/etc/group", "root:x:0:\nsandbox:x:"+user+":\n")
	if s.Network {
		b.write("/etc/hosts", "127.0.0.1 localhost\n")
	}
}

func (b *builder) link(to, name string) {
	b.mkdir(path.Dir(name))
	b.step = "link " + name
	b.call(unix.SYS_SYMLINKAT, b.str(to), n(unix.AT_FDCWD), b.str(b.root+name))
}

func (b *builder) write(name, text string) {
	b.mkdir(path.Dir(name))
	b.step = "write " + name
	b.call(unix.SYS_OPENAT, n(unix.AT_FDCWD), b.str(b.root+name), n(unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC), n(0o644)).to(handleAt)
	b.call(unix.SYS_WRITE, content(handleAt), b.str(text), n(len(text)))
	b.call(unix.SYS_CLOSE, content(handleAt))
}

// mkdir makes a folder and those above it. That one is there, or is none, is found
// out when something is put into it.
func (b *builder) mkdir(name string) {
	if name == "/" || b.made[name] {
		return
	}
	b.mkdir(path.Dir(name))
	b.made[name] = true
	b.call(unix.SYS_MKDIRAT, n(unix.AT_FDCWD), b.str(b.root+name), n(0o755)).orNot()
}

// bind shows source, with all that is mounted below it, as target.
func (b *builder) bind(source, target string, attributes uint64, folder bool) {
	if folder {
		b.mkdir(target)
	} else {
		b.mkdir(path.Dir(target))
		b.call(unix.SYS_MKNODAT, n(unix.AT_FDCWD), b.str(b.root+target), n(unix.S_IFREG|0o644), n(0)).orNot()
	}
	b.step = "show " + source + " as " + target
	b.takeTree(source, attributes, handleAt)
	b.moveMount(handleAt, b.root+target)
	b.call(unix.SYS_CLOSE, content(handleAt))
}

func (p *Program) mount(source, target, kind string, flags int, options string) {
	p.call(unix.SYS_MOUNT, p.str(source), p.str(target), p.str(kind), n(flags), p.str(options))
}

// mountAttributes adds attributes to what is mounted at path, seen from dir.
func (p *Program) mountAttributes(dir arg, name string, flags int, add uint64) {
	attr := binary.NativeEndian.AppendUint64(nil, add) // struct mount_attr: to set, to clear, propagation, user namespace
	attr = append(attr, make([]byte, 24)...)
	p.call(unix.SYS_MOUNT_SETATTR, dir, p.str(name), n(flags), p.bytes(attr), n(len(attr)))
}

// takeTree puts a handle of what is mounted at source and below, with attributes,
// into a word, to be mounted elsewhere.
func (p *Program) takeTree(source string, attributes uint64, handle arg) {
	p.call(unix.SYS_OPEN_TREE, n(unix.AT_FDCWD), p.str(source), n(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)).to(handle)
	p.mountAttributes(content(handle), "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, attributes)
}

// moveMount mounts what a handle is of.
func (p *Program) moveMount(handle arg, target string) {
	p.call(unix.SYS_MOVE_MOUNT, content(handle), p.str(""), n(unix.AT_FDCWD), p.str(target), n(unix.MOVE_MOUNT_F_EMPTY_PATH))
}
