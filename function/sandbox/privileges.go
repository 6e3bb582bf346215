package sandbox

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Limits of each program beside those of its cgroup.
const (
	maxFiles  = 1024     // open descriptors, as on Lambda
	maxLocked = 64 << 10 // bytes of locked memory
)

// setLimits sets the limits that the program inherits from the shim. The one of
// processes counts per user: it is the fallback where no cgroup counts them.
func setLimits(o *order) error {
	for resource, limit := range map[int]uint64{
		unix.RLIMIT_CORE: 0, unix.RLIMIT_NOFILE: maxFiles, unix.RLIMIT_MEMLOCK: maxLocked,
		unix.RLIMIT_MSGQUEUE: 0, unix.RLIMIT_NPROC: uint64(o.Processes + shimTasks),
	} {
		// By package syscall, because that is how Go notices that the limit of
		// descriptors is not to be set back at the program's start.
		if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			return fmt.Errorf("set the resource limit %d: %w", resource, err)
		}
	}
	return nil
}

// Secure bits: the user 0 is nobody special, for good.
const secureBits = 0x1 | 0x2 | // SECBIT_NOROOT and its lock
	0x4 | 0x8 | // SECBIT_NO_SETUID_FIXUP ...
	0x40 | 0x80 // SECBIT_NO_CAP_AMBIENT_RAISE ...

// dropPrivileges takes from this thread, which must be locked, all that it may
// do beyond an ordinary user, and the ways to get it back. It uses bare system
// calls where the libraries would change all threads.
func dropPrivileges(o *order) error {
	filter := seccompFilter()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	if err := dropBounding(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("clear the ambient capabilities: %w", err)
	}
	if o.User != 0 {
		if err := become(o.User); err != nil {
			return err
		}
	}
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, secureBits, 0, 0, 0); err != nil {
		return fmt.Errorf("set the secure bits: %w", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fmt.Errorf("drop the capabilities: %w", err)
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0); err != nil {
		return fmt.Errorf("filter the system calls: %w", err)
	}
	return nil
}

// dropBounding empties the set of what a program could ever be given.
func dropBounding() error {
	for c := uintptr(0); ; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) && c > 0 {
			return nil // there are no more
		}
		if err != nil {
			return fmt.Errorf("drop the capability %d: %w", c, err)
		}
	}
}

// become makes user and group of this thread what they shall be. The
// capabilities go with the last step, unless they are kept for the secure bits.
func become(user int) error {
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("keep the capabilities: %w", err)
	}
	id := uintptr(user)
	if _, _, err := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); err != 0 {
		return fmt.Errorf("leave the groups: %w", err)
	}
	if _, _, err := unix.RawSyscall(unix.SYS_SETRESGID, id, id, id); err != 0 {
		return fmt.Errorf("set the group: %w", err)
	}
	if _, _, err := unix.RawSyscall(unix.SYS_SETRESUID, id, id, id); err != 0 {
		return fmt.Errorf("set the user: %w", err)
	}
	// The effective set was cleared; the one step that is left needs it back.
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	set := [2]unix.CapUserData{{Effective: 1 << unix.CAP_SETPCAP, Permitted: 1 << unix.CAP_SETPCAP}}
	if err := unix.Capset(&header, &set[0]); err != nil {
		return fmt.Errorf("keep one capability: %w", err)
	}
	return nil
}
