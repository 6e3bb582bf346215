package shim

import (
	"syscall"
	"unsafe"
)

// What package syscall has not. (golang.org/x/sys/unix has it, but brings much
// that would be initialised before this package.) The numbers are the same on
// amd64 and arm64.
const (
	sysOpenTree     = 428
	sysMoveMount    = 429
	sysCloseRange   = 436
	sysMountSetattr = 442

	atFDCWD          = -100
	atEmptyPath      = 0x1000
	atRecursive      = 0x8000
	openTreeClone    = 1
	openTreeCloexec  = syscall.O_CLOEXEC
	moveFromHandle   = 4 // MOVE_MOUNT_F_EMPTY_PATH
	closeRangeOnExec = 4

	prSetDumpable   = 4
	prSetKeepCaps   = 8
	prSetSeccomp    = 22
	prDropBounding  = 24
	prSetSecureBits = 28
	prSetNoNewPrivs = 38
	prAmbient       = 47
	ambientClearAll = 4

	seccompFilterMode = 2

	rlimitNPROC    = 6
	rlimitMemlock  = 8
	rlimitMsgqueue = 12

	capSetPCap = 8
)

// Attributes of mounts.
const (
	attrReadOnly = 1
	attrNoSUID   = 2
	attrNoDev    = 4
	attrNoExec   = 8
)

func call(number uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	if _, _, e := syscall.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); e != 0 {
		return e
	}
	return nil
}

func prctl(option, arg uintptr) error { return call(syscall.SYS_PRCTL, option, arg) }

// mountAttributes adds attributes to what is mounted at path, seen from dir.
func mountAttributes(dir int, path string, flags int, add uint64) error {
	p, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	attr := [4]uint64{add} // struct mount_attr: to set, to clear, propagation, user namespace
	_, _, e := syscall.Syscall6(sysMountSetattr, uintptr(dir), uintptr(unsafe.Pointer(p)), uintptr(flags), uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if e != 0 {
		return e
	}
	return nil
}

// openTree returns a handle of a copy of what is mounted at path and below.
func openTree(path string) (int, error) {
	p, err := syscall.BytePtrFromString(path)
	if err != nil {
		return -1, err
	}
	dir := atFDCWD
	fd, _, e := syscall.Syscall(sysOpenTree, uintptr(dir), uintptr(unsafe.Pointer(p)), openTreeClone|openTreeCloexec|atRecursive)
	if e != 0 {
		return -1, e
	}
	return int(fd), nil
}

// moveMount mounts what a handle is of.
func moveMount(tree int, target string) error {
	t, err := syscall.BytePtrFromString(target)
	if err != nil {
		return err
	}
	var empty byte
	dir := atFDCWD
	_, _, e := syscall.Syscall6(sysMoveMount, uintptr(tree), uintptr(unsafe.Pointer(&empty)), uintptr(dir), uintptr(unsafe.Pointer(t)), moveFromHandle, 0)
	if e != 0 {
		return e
	}
	return nil
}

// Capabilities of a thread (capset(2), version 3).
type capabilities struct{ effective, permitted, inheritable [2]uint32 }

func setCapabilities(c capabilities) error {
	header := struct {
		version uint32
		pid     int32
	}{version: 0x20080522}
	data := [2][3]uint32{
		{c.effective[0], c.permitted[0], c.inheritable[0]},
		{c.effective[1], c.permitted[1], c.inheritable[1]},
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data)), 0); e != 0 {
		return e
	}
	return nil
}
