package shim

import (
	"encoding/binary"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Limits of each program beside those of its cgroup.
const (
	maxFiles  = 1024     // open descriptors, as on Lambda
	maxLocked = 64 << 10 // bytes of locked memory
)

// Tasks are the threads of a shim, which count as the program's.
const Tasks = 1

// Secure bits: the user 0 is nobody special, for good.
const secureBits = 0x1 | 0x2 | // SECBIT_NOROOT and its lock
	0x4 | 0x8 | // SECBIT_NO_SETUID_FIXUP ...
	0x40 | 0x80 // SECBIT_NO_CAP_AMBIENT_RAISE ...

// dropOwn takes from the shim, and so from what it starts, the ways to get
// privileges. It keeps those that it has.
func (p *Program) dropOwn() {
	p.step = "set no_new_privs"
	p.call(unix.SYS_PRCTL, n(unix.PR_SET_NO_NEW_PRIVS), n(1), n(0), n(0), n(0))
	p.step = "drop the capabilities of later"
	for c := range capabilities() {
		p.call(unix.SYS_PRCTL, n(unix.PR_CAPBSET_DROP), n(c), n(0), n(0), n(0))
	}
	p.step = "clear the ambient capabilities"
	p.call(unix.SYS_PRCTL, n(unix.PR_CAP_AMBIENT), n(unix.PR_CAP_AMBIENT_CLEAR_ALL), n(0), n(0), n(0))
	p.step = "set the secure bits"
	p.call(unix.SYS_PRCTL, n(unix.PR_SET_SECUREBITS), n(secureBits), n(0), n(0), n(0))
	// Nobody traces the shim, or reads its memory, whatever users it has.
	p.step = "close the shim"
	p.call(unix.SYS_PRCTL, n(unix.PR_SET_DUMPABLE), n(0), n(0), n(0), n(0))
}

// capabilities is how many this kernel knows.
var capabilities = sync.OnceValue(func() int {
	for c := 0; ; c++ {
		if _, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0); err != nil {
			return c
		}
	}
})

// setLimits sets the limits of the program. The one of processes counts per user:
// it is the fallback where no cgroup counts them.
func (p *Program) setLimits(o *Order) {
	for _, l := range []struct{ resource, limit int }{
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_NOFILE, maxFiles},
		{unix.RLIMIT_MEMLOCK, maxLocked},
		{unix.RLIMIT_MSGQUEUE, 0},
		{unix.RLIMIT_NPROC, o.Processes + Tasks},
	} {
		p.step = fmt.Sprintf("set the resource limit %d", l.resource)
		p.call(unix.SYS_PRLIMIT64, n(0), n(l.resource), p.longs(n(l.limit), n(l.limit)), n(0))
	}
}

// become makes user and group of the process what they shall be, and takes its
// capabilities. After that it has nothing that an ordinary user has not.
func (p *Program) become(user int) {
	if user != 0 {
		p.step = "leave the groups"
		p.call(unix.SYS_SETGROUPS, n(0), n(0))
		p.step = "set the group"
		p.call(unix.SYS_SETRESGID, n(user), n(user), n(user))
		p.step = "set the user"
		p.call(unix.SYS_SETRESUID, n(user), n(user), n(user))
	}
	p.step = "drop the capabilities"
	const version3 = 0x20080522 // of capset(2)
	p.call(unix.SYS_CAPSET, p.longs(n(version3)), p.longs(n(0), n(0), n(0)))
}

// filterCalls sets the filter of system calls, instructions of 8 bytes.
func (p *Program) filterCalls(filter []byte) {
	const size = 8
	p.step = "filter the system calls"
	code := p.longs(n(len(filter)/size), p.bytes(filter)) // struct sock_fprog
	p.call(unix.SYS_PRCTL, n(unix.PR_SET_SECCOMP), n(unix.SECCOMP_MODE_FILTER), code, n(0), n(0))
}

// loopbackUp brings up the one interface that a new network has.
func (p *Program) loopbackUp() {
	p.step = "bring the loopback interface up"
	request := make([]byte, 40) // struct ifreq
	copy(request, "lo")
	binary.NativeEndian.PutUint16(request[unix.IFNAMSIZ:], unix.IFF_UP)
	p.call(unix.SYS_SOCKET, n(unix.AF_INET), n(unix.SOCK_DGRAM|unix.SOCK_CLOEXEC), n(0)).to(handleAt)
	p.call(unix.SYS_IOCTL, content(handleAt), n(unix.SIOCSIFFLAGS), p.bytes(request))
	p.call(unix.SYS_CLOSE, content(handleAt))
}
