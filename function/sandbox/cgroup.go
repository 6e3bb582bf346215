package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belfry-run/belfry/function/sandbox/shim"
)

// A hierarchy is a tree of cgroups in which the server may make some of its
// own, below the one it is in.
type hierarchy struct {
	dir         string // of the server's sandboxes
	v2          bool
	controllers []string // of memory, pids and cpu, those that are here
}

// cgroups are the hierarchies that are of use: the one of version 2, and of
// version 1 those that have what that one has not.
type cgroups []hierarchy

var wantedControllers = []string{"memory", "pids", "cpu"}

// leaf is where the server moves itself when its own cgroup must be empty to
// have children with controllers.
const leaf = "belfry-server"

// findCgroups returns all hierarchies, with a folder of the given name that
// need not be there.
func findCgroups(name string) cgroups {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	found := ownCgroups(string(mounts), string(own))
	for i, h := range found {
		found[i].dir = filepath.Join(strings.TrimSuffix(h.dir, "/"+leaf), name)
	}
	return found
}

// open makes the folder in each hierarchy that is of use, and returns those.
// What does not work is left out: a trial shows what is enforced.
func (c cgroups) open() (found cgroups) {
	var have []string
	for _, h := range c {
		if h.v2 {
			h.controllers = delegate(filepath.Dir(h.dir))
		}
		h.controllers = slices.DeleteFunc(h.controllers, func(c string) bool { return slices.Contains(have, c) })
		if len(h.controllers) == 0 && !h.v2 {
			continue
		}
		if err := os.Mkdir(h.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			continue
		}
		if h.v2 && len(h.controllers) > 0 && enable(h.dir, h.controllers) != nil {
			h.controllers = nil
		}
		have = append(have, h.controllers...)
		found = append(found, h)
	}
	return found
}

// ownCgroups returns the folders of the server's own cgroups, from
// /proc/self/mountinfo and /proc/self/cgroup, the one of version 2 first.
func ownCgroups(mounts, own string) (found cgroups) {
	for line := range strings.Lines(mounts) {
		front, back, ok := strings.Cut(strings.TrimSpace(line), " - ")
		f, b := strings.Fields(front), strings.Fields(back)
		if !ok || len(f) < 5 || len(b) < 3 || b[0] != "cgroup" && b[0] != "cgroup2" {
			continue
		}
		h := hierarchy{v2: b[0] == "cgroup2"}
		for option := range strings.SplitSeq(b[2], ",") {
			if !h.v2 && slices.Contains(wantedControllers, option) {
				h.controllers = append(h.controllers, option)
			}
		}
		path, ok := ownPath(own, h)
		if !ok {
			continue
		}
		below, err := filepath.Rel(f[3], path)
		if err != nil || strings.HasPrefix(below, "..") {
			continue // the mount shows another part of the tree
		}
		h.dir = filepath.Join(f[4], below)
		if i := slices.IndexFunc(found, func(o hierarchy) bool { return o.dir == h.dir }); i < 0 {
			found = append(found, h)
		}
	}
	slices.SortStableFunc(found, func(a, b hierarchy) int {
		switch {
		case a.v2 == b.v2:
			return 0
		case a.v2:
			return -1
		}
		return 1
	})
	return found
}

// ownPath returns the path of the server's cgroup within a hierarchy.
func ownPath(own string, h hierarchy) (string, bool) {
	for line := range strings.Lines(own) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		if h.v2 && part[1] == "" || len(h.controllers) > 0 && slices.Contains(strings.Split(part[1], ","), h.controllers[0]) {
			return part[2], true
		}
	}
	return "", false
}

// delegate gives the children of a cgroup of version 2 the controllers that it
// has itself, and returns which those are.
func delegate(dir string) []string {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return nil
	}
	var have []string
	for c := range strings.FieldsSeq(string(text)) {
		if slices.Contains(wantedControllers, c) {
			have = append(have, c)
		}
	}
	if len(have) == 0 {
		return nil
	}
	err = enable(dir, have)
	if errors.Is(err, unix.EBUSY) { // only a cgroup without processes has children with controllers
		own := filepath.Join(dir, leaf)
		if err = os.Mkdir(own, 0o755); err == nil || errors.Is(err, fs.ErrExist) {
			if err = put(own, "cgroup.procs", strconv.Itoa(os.Getpid())); err == nil {
				err = enable(dir, have)
			}
		}
	}
	if err != nil {
		return nil
	}
	return have
}

func enable(dir string, controllers []string) error {
	return put(dir, "cgroup.subtree_control", "+"+strings.Join(controllers, " +"))
}

// put writes a file of a cgroup. A start and a freeze write many: package os would look
// each time whether it is one that can be waited for.
func put(dir, file, value string) error {
	name := filepath.Join(dir, file)
	fd, err := unix.Open(name, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(fd) //nolint:errcheck // the kernel has answered to the write
	for {
		switch _, err := unix.Write(fd, []byte(value)); {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return &fs.PathError{Op: "write", Path: name, Err: err}
		default:
			return nil
		}
	}
}

func (c cgroups) has(controller string) bool {
	return slices.ContainsFunc(c, func(h hierarchy) bool { return slices.Contains(h.controllers, controller) })
}

// remove removes the folders. What is not empty is swept at the next start.
func (c cgroups) remove() {
	for _, h := range c {
		_ = unix.Rmdir(h.dir) // there is none
	}
}

// sweep ends what a killed server left in its sandboxes.
func (c cgroups) sweep() {
	for _, h := range c {
		children, _ := filepath.Glob(h.dir + "/*/cgroup.procs") // the pattern is right
		for _, procs := range children {
			group{dirs: []string{filepath.Dir(procs)}}.remove()
		}
	}
}

// Limits of a cgroup.
type limits struct {
	memory    int64 // bytes
	processes int
	cpu       float64 // cores that it may use at once
	weight    float64 // its share when all are busy, 1 for an average program
}

// A group is the cgroup of one sandbox, in each hierarchy.
type group struct {
	dirs    []string
	memory  string // the one that counts memory; empty: none
	limited []limited
	freezer string // the one that freezes and kills; empty: none
}

// A limited controller of a group.
type limited struct {
	dir, controller string
	v2              bool
}

const cpuPeriod = 100_000 // microseconds

// make makes a cgroup that is not limited yet.
func (c cgroups) make(name string) (g group, err error) {
	for _, h := range c {
		dir := filepath.Join(h.dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			g.remove()
			return g, fmt.Errorf("make a cgroup: %w", err)
		}
		g.dirs = append(g.dirs, dir)
		if h.v2 {
			g.freezer = dir
		}
		for _, controller := range h.controllers {
			if controller == "memory" {
				g.memory = dir
			}
			g.limited = append(g.limited, limited{dir, controller, h.v2})
		}
	}
	return g, nil
}

// limit sets limits, of a group that has some too.
func (g group) limit(l limits) error {
	for _, c := range g.limited {
		if err := limit(c.dir, c.controller, c.v2, l); err != nil {
			return fmt.Errorf("limit %s: %w", c.controller, err)
		}
	}
	return nil
}

func limit(dir, controller string, v2 bool, l limits) error {
	memory, quota := strconv.FormatInt(l.memory, 10), strconv.Itoa(int(l.cpu*cpuPeriod))
	switch {
	case controller == "pids":
		return put(dir, "pids.max", strconv.Itoa(l.processes+shim.Tasks))
	case controller == "memory" && v2:
		_ = put(dir, "memory.swap.max", "0") // a kernel without swap has no such file
		return errors.Join(put(dir, "memory.oom.group", "1"), put(dir, "memory.max", memory))
	case controller == "memory":
		// The second is not there when swap is not accounted. It is never the
		// lower one: a limit that is raised comes after it.
		err := put(dir, "memory.limit_in_bytes", memory)
		if put(dir, "memory.memsw.limit_in_bytes", memory) == nil && err != nil {
			err = put(dir, "memory.limit_in_bytes", memory)
		}
		return err
	case v2: // cpu
		return errors.Join(put(dir, "cpu.max", quota+" "+strconv.Itoa(cpuPeriod)), put(dir, "cpu.weight", scaled(l.weight, 100, 10_000)))
	}
	return errors.Join(put(dir, "cpu.cfs_quota_us", quota), put(dir, "cpu.shares", scaled(l.weight, 1024, 262_144)))
}

func scaled(weight, unit, most float64) string {
	return strconv.Itoa(int(min(max(weight*unit, 2), most)))
}

// add moves a process, and so what it starts, into the cgroup.
func (g group) add(pid int) error {
	for _, dir := range g.dirs {
		if err := put(dir, "cgroup.procs", strconv.Itoa(pid)); err != nil {
			return fmt.Errorf("put a process into its cgroup: %w", err)
		}
	}
	return nil
}

func (g group) freeze(on bool) error {
	return put(g.freezer, "cgroup.freeze", map[bool]string{true: "1", false: "0"}[on])
}

// kill ends all processes in the cgroup.
func (g group) kill() {
	if g.freezer != "" && put(g.freezer, "cgroup.kill", "1") == nil {
		return
	}
	for _, dir := range g.dirs {
		procs, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs")) // gone: empty
		for pid := range bytes.FieldsSeq(procs) {
			if n, err := strconv.Atoi(string(pid)); err == nil && n > 1 {
				_ = unix.Kill(n, unix.SIGKILL) // just ended
			}
		}
	}
}

// removal bounds how long the kernel may take to let go of what has ended.
const removal = 5 * time.Second

// remove ends what is left and removes the cgroup.
func (g group) remove() {
	deadline := time.Now().Add(removal)
	for _, dir := range g.dirs {
		for {
			err := unix.Rmdir(dir)
			if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
				break // what could not be removed is swept at the next start
			}
			group{dirs: []string{dir}, freezer: dir}.kill()
			time.Sleep(time.Millisecond)
		}
	}
}

// outOfMemory says whether the kernel has ended something in the cgroup because
// it had reached its limit.
func (g group) outOfMemory() bool {
	if g.memory == "" {
		return false
	}
	for _, file := range []string{"memory.events", "memory.oom_control"} {
		text, _ := os.ReadFile(filepath.Join(g.memory, file)) // only one of them is there
		for line := range strings.Lines(string(text)) {
			if n, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok && n != "0" {
				return true
			}
		}
	}
	return false
}
