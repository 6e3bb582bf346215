package sandbox

import (
	"encoding/binary"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// The filter lets everything through but what reaches around the sandbox, and
// the parts of the kernel that ordinary programs do not need and that are often
// the way out of one. What is refused fails as if the user might not do it.

// deniedCalls are refused whatever their arguments.
var deniedCalls = append([]uint32{
	// Namespaces and mounts.
	unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT,
	unix.SYS_OPEN_TREE, unix.SYS_OPEN_TREE_ATTR, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT,
	unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD, unix.SYS_OPEN_BY_HANDLE_AT,
	unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_FANOTIFY_INIT,
	// Other processes.
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE, unix.SYS_KCMP,
	unix.SYS_PIDFD_GETFD,
	// Kernel facilities with a history.
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER,
	unix.SYS_IO_URING_REGISTER, unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_LOOKUP_DCOOKIE,
	unix.SYS_PERSONALITY, unix.SYS_VHANGUP, unix.SYS_MOVE_PAGES, unix.SYS_MIGRATE_PAGES,
	// The machine.
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD,
	unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_SYSLOG, unix.SYS_SETHOSTNAME,
	unix.SYS_SETDOMAINNAME, unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX,
	unix.SYS_NFSSERVCTL,
}, deniedHere...)

// namespaceFlags of clone make namespaces.
const namespaceFlags = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWTIME

// Families of sockets that a program may have. Others reach the hypervisor, or
// parts of the kernel that nobody looks at.
var families = []uint32{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK}

// Requests to a terminal that put words into somebody else's mouth.
var deniedRequests = []uint32{unix.TIOCSTI, 0x541C /* TIOCLINUX */}

// Offsets into the data that a filter sees (linux/seccomp.h). The first word
// of an argument is its lower half: both architectures are little-endian.
const (
	callNumber   = 0
	architecture = 4
	firstArg     = 16
	secondArg    = 24
)

// Verdicts.
const (
	allow     = unix.SECCOMP_RET_ALLOW
	kill      = unix.SECCOMP_RET_KILL_PROCESS
	notMine   = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	noSuch    = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	badFamily = unix.SECCOMP_RET_ERRNO | uint32(unix.EAFNOSUPPORT)
)

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func verdict(v uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: v}
}

// jump compares what is loaded with k, and skips as many instructions.
func jump(condition uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | condition | unix.BPF_K, Jt: yes, Jf: no, K: k}
}

// onCall is a part of the filter that decides about one system call.
func onCall(number uint32, body ...unix.SockFilter) []unix.SockFilter {
	return append([]unix.SockFilter{jump(unix.BPF_JEQ, number, 0, uint8(len(body)))}, body...)
}

// callFilter is the filter as the kernel takes it.
var callFilter = sync.OnceValue(func() (b []byte) {
	for _, f := range seccompFilter() {
		b = binary.NativeEndian.AppendUint16(b, f.Code)
		b = append(b, f.Jt, f.Jf)
		b = binary.NativeEndian.AppendUint32(b, f.K)
	}
	return b
})

func seccompFilter() []unix.SockFilter {
	f := []unix.SockFilter{
		load(architecture),
		jump(unix.BPF_JEQ, auditArch, 1, 0), // another one has other numbers
		verdict(kill),
		load(callNumber),
		jump(unix.BPF_JGE, 0x40000000, 0, 1), // so has x32; no number of ours is as large
		verdict(notMine),
	}
	// With its flags in memory, where a filter cannot see them, clone3 is not
	// there; libraries then use clone.
	f = append(f, onCall(unix.SYS_CLONE3, verdict(noSuch))...)
	f = append(f, onCall(unix.SYS_CLONE,
		load(firstArg), jump(unix.BPF_JSET, namespaceFlags, 0, 1), verdict(notMine), verdict(allow))...)
	f = append(f, onCall(unix.SYS_SOCKET, oneOf(families, allow, badFamily)...)...)
	f = append(f, onCall(unix.SYS_IOCTL, oneOf(deniedRequests, notMine, allow, secondArg)...)...)
	for _, call := range slices.Sorted(slices.Values(deniedCalls)) {
		f = append(f, onCall(call, verdict(notMine))...)
	}
	return append(f, verdict(allow))
}

// oneOf decides by an argument, the first unless told otherwise.
func oneOf(values []uint32, yes, no uint32, argument ...uint32) []unix.SockFilter {
	offset := uint32(firstArg)
	if len(argument) > 0 {
		offset = argument[0]
	}
	f := []unix.SockFilter{load(offset)}
	for _, v := range values {
		f = append(f, jump(unix.BPF_JEQ, v, 0, 1), verdict(yes))
	}
	return append(f, verdict(no))
}
