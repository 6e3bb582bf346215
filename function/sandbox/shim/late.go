package shim

import (
	"fmt"
	"runtime"
	"slices"
	"syscall"
)

// What is to be shown in a sandbox later is on the host, which the shim leaves.
// So it keeps one more mount namespace, with the host's files as they were: a
// descriptor that nobody but the shim can reach, closed when it has served.

// keepHost returns a copy of the shim's mount namespace, before it gets a root
// of its own.
func keepHost() (int, error) {
	var fd int
	err := apart(func() (err error) {
		if err = syscall.Unshare(syscall.CLONE_NEWNS); err == nil {
			fd, err = ownMounts()
		}
		return err
	})
	if err != nil {
		return -1, fmt.Errorf("keep the host's files for later: %w", err)
	}
	return fd, nil
}

// apart runs f on a thread of its own, which ends with it.
func apart(f func() error) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked
		err = f()
	}()
	<-done
	return err
}

// ownMounts is the mount namespace of this thread.
func ownMounts() (int, error) {
	return syscall.Open("/proc/thread-self/ns/mnt", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
}

// assign carries out an assignment, with the namespace that was kept.
func assign(o *Order, host int, data []byte) error {
	a, err := decodeAssignment(data)
	if err != nil {
		return err
	}
	for _, m := range a.Mounts {
		if !slices.Contains(o.Places, m.Target) {
			return fmt.Errorf("%s is not a place of this sandbox", m.Target)
		}
	}
	err = apart(func() error { return showLate(host, a.Mounts) })
	syscall.Close(host) //nolint:errcheck // it has served
	if err != nil {
		return err
	}
	if err := syscall.Mount("tmp", "/tmp", "tmpfs", tmpFlags|syscall.MS_REMOUNT, tmpOptions(a.Storage)); err != nil {
		return fmt.Errorf("change the size of /tmp: %w", err)
	}
	return nil
}

// showLate takes the folders from the one namespace and shows them in the
// other, which is that of the thread.
func showLate(host int, mounts []Mount) error {
	if err := syscall.Unshare(syscall.CLONE_FS); err != nil { // a thread does not change the root of others
		return fmt.Errorf("part from the other threads: %w", err)
	}
	own, err := ownMounts()
	if err != nil {
		return fmt.Errorf("find the way back: %w", err)
	}
	defer syscall.Close(own) //nolint:errcheck // it is a handle
	if err := call(sysSetns, uintptr(host), syscall.CLONE_NEWNS); err != nil {
		return fmt.Errorf("look at the host's files: %w", err)
	}
	var trees []int
	defer func() {
		for _, tree := range trees {
			syscall.Close(tree) //nolint:errcheck // it is a handle
		}
	}()
	for _, m := range mounts {
		tree, err := takeTree(m.Source, readOnly)
		if err != nil {
			return fmt.Errorf("take %s: %w", m.Source, err)
		}
		trees = append(trees, tree)
	}
	if err := call(sysSetns, uintptr(own), syscall.CLONE_NEWNS); err != nil {
		return fmt.Errorf("return to the sandbox's files: %w", err)
	}
	for i, m := range mounts {
		if err := moveMount(trees[i], m.Target); err != nil {
			return fmt.Errorf("show %s as %s: %w", m.Source, m.Target, err)
		}
	}
	return nil
}
