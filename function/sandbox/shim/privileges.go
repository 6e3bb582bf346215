package shim

import (
	"errors"
	"strconv"
	"syscall"
	"unsafe"
)

// Limits of each program beside those of its cgroup.
const (
	maxFiles  = 1024     // open descriptors, as on Lambda
	maxLocked = 64 << 10 // bytes of locked memory
)

// Tasks are the threads of a shim, which count as the program's.
const Tasks = 12

// setLimits sets the limits that the program inherits from the shim. The one of
// processes counts per user: it is the fallback where no cgroup counts them.
func setLimits(o *Order) error {
	for resource, limit := range map[int]uint64{
		syscall.RLIMIT_CORE: 0, syscall.RLIMIT_NOFILE: maxFiles, rlimitMemlock: maxLocked,
		rlimitMsgqueue: 0, rlimitNPROC: uint64(o.Processes + Tasks),
	} {
		// By package syscall, because that is how Go notices that the limit of
		// descriptors is not to be set back at the program's start.
		if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			return failed("set the resource limit "+strconv.Itoa(resource), err)
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
func dropPrivileges(s *Setting) error {
	if err := prctl(prSetNoNewPrivs, 1); err != nil {
		return failed("set no_new_privs", err)
	}
	if err := dropBounding(); err != nil {
		return err
	}
	if err := prctl(prAmbient, ambientClearAll); err != nil {
		return failed("clear the ambient capabilities", err)
	}
	if s.User != 0 {
		if err := become(s.User); err != nil {
			return err
		}
	}
	if err := prctl(prSetSecureBits, secureBits); err != nil {
		return failed("set the secure bits", err)
	}
	if err := setCapabilities(capabilities{}); err != nil {
		return failed("drop the capabilities", err)
	}
	return filterCalls(s.Filter)
}

// filterCalls sets the filter of system calls, instructions of 8 bytes.
func filterCalls(filter []byte) error {
	const size = 8
	if len(filter) == 0 || len(filter)%size != 0 {
		return errors.New("there is no filter of system calls")
	}
	program := struct { // struct sock_fprog
		length uint16
		filter *byte
	}{uint16(len(filter) / size), &filter[0]}
	if _, _, e := syscall.RawSyscall(syscall.SYS_PRCTL, prSetSeccomp, seccompFilterMode, uintptr(unsafe.Pointer(&program))); e != 0 {
		return failed("filter the system calls", e)
	}
	return nil
}

// dropBounding empties the set of what a program could ever be given.
func dropBounding() error {
	for c := uintptr(0); ; c++ {
		err := prctl(prDropBounding, c)
		if errors.Is(err, syscall.EINVAL) && c > 0 {
			return nil // there are no more
		}
		if err != nil {
			return failed("drop the capability "+strconv.Itoa(int(c)), err)
		}
	}
}

// become makes user and group of this thread what they shall be. The
// capabilities go with the last step, unless they are kept for the secure bits.
func become(user int) error {
	if err := prctl(prSetKeepCaps, 1); err != nil {
		return failed("keep the capabilities", err)
	}
	id := uintptr(user)
	if _, _, err := syscall.RawSyscall(syscall.SYS_SETGROUPS, 0, 0, 0); err != 0 {
		return failed("leave the groups", err)
	}
	if _, _, err := syscall.RawSyscall(syscall.SYS_SETRESGID, id, id, id); err != 0 {
		return failed("set the group", err)
	}
	if _, _, err := syscall.RawSyscall(syscall.SYS_SETRESUID, id, id, id); err != 0 {
		return failed("set the user", err)
	}
	// The effective set was cleared; the one step that is left needs it back.
	one := [2]uint32{1 << capSetPCap}
	if err := setCapabilities(capabilities{effective: one, permitted: one}); err != nil {
		return failed("keep one capability", err)
	}
	return nil
}
