package shim

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"
)

// What is to be shown in a sandbox later is on the host, which the shim leaves.
// So it keeps one more mount namespace, with the host's files as they were: a
// descriptor that nobody but the shim can reach, closed when it has served.

// keepHost has the shim go on in a copy of its mount namespace, before it gets a
// root of its own.
func (p *Program) keepHost() {
	p.step = "keep the host's files for later"
	p.mounts(hostAt)
	p.call(unix.SYS_UNSHARE, n(unix.CLONE_NEWNS))
	p.mounts(ownAt)
}

// mounts puts a descriptor of the shim's mount namespace into a word.
func (p *Program) mounts(to arg) {
	p.call(unix.SYS_OPENAT, n(unix.AT_FDCWD), p.str("/proc/self/ns/mnt"), n(unix.O_RDONLY|unix.O_CLOEXEC)).to(to)
}

// An Assignment is what a program gets when it is known for whom it was started.
type Assignment struct {
	Mounts  []Mount // folders, each on a place of the order's
	Memory  int     // MB
	Storage int     // MB of /tmp
}

// Program is the assignment's, for what has started by the order. Limits of memory
// are not the shim's to set.
func (a *Assignment) Program(o *Order) (*Program, error) {
	p := &Program{at: orderAt}
	p.jump(n(0)) // to where it begins: not known yet
	p.fails = p.here()
	p.answer(Unassigned, rights{}).elseTo(waitAt)
	p.jump(waitAt)
	p.code[0].args[2] = p.here()
	p.step = "look at the host's files"
	p.call(unix.SYS_SETNS, content(hostAt), n(unix.CLONE_NEWNS))
	for i, m := range a.Mounts {
		if !slices.Contains(o.Places, m.Target) {
			return nil, errors.New(m.Target + " is not a place of this sandbox")
		}
		p.step = "take " + m.Source
		p.takeTree(m.Source, readOnly, n(treesAt+8*i))
	}
	p.step = "return to the sandbox's files"
	p.call(unix.SYS_SETNS, content(ownAt), n(unix.CLONE_NEWNS))
	for i, m := range a.Mounts {
		p.step = "show " + m.Source + " as " + m.Target
		p.moveMount(n(treesAt+8*i), m.Target)
	}
	if a.Storage != o.Storage {
		p.step = "change the size of /tmp"
		p.mount("tmp", "/tmp", "tmpfs", tmpFlags|unix.MS_REMOUNT, tmpOptions(a.Storage))
	}
	p.answer(Assigned, rights{}).elseTo(waitAt)
	// To let go of the host's files takes as long as all the rest, and nobody waits for it.
	for i := range a.Mounts {
		p.call(unix.SYS_CLOSE, content(n(treesAt+8*i))).orNot()
	}
	p.call(unix.SYS_CLOSE, content(hostAt)).orNot()
	p.call(unix.SYS_CLOSE, content(ownAt)).orNot()
	p.jump(waitAt)
	return p.finish()
}
