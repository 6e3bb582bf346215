package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belfry-run/belfry/function/sandbox/shim"
)

// A Config says what sandboxes to make.
type Config struct {
	Wish Level  // the highest level to try
	ID   string // of the server: names its cgroups, chooses its users, survives a restart
	Dir  string // of the server's, reachable for programs at UID
	Root string // an empty folder, where roots are put together
	// Env is what the shim is to be known by in its environment.
	Env []string
	// Spawn starts a command from a thread that lives as long as the server: when
	// it ends, so do all programs.
	Spawn func(*exec.Cmd) error
	// Trial is a program that tries what a sandbox keeps from it, and calls [Main]
	// first; empty: this very one.
	Trial  string
	Logger *slog.Logger
}

// A Sandbox starts programs at the best level that this machine permits.
type Sandbox struct {
	report  Report
	spawn   func(*exec.Cmd) error
	program string // of the trial
	shim    *os.File
	root    string
	mark    []string

	namespaces, userNamespace, users bool
	cgroups                          cgroups

	found  bool // it is the level that New has found
	stocks [2]*stock
	host   hostFolders
	names  atomic.Int64
	mu     sync.Mutex // guards what follows
	next   int        // user that was never used
	free   []int      // users that are not used any more
}

// Users of programs: a range of 65,536 for each server, in a part that systems
// give to containers.
const (
	firstUser  = 600_000_000
	userBlock  = 65_536
	userBlocks = 10_000
	insideUser = 993 // what the server's own user is called in a user namespace, as on Lambda
)

// New finds the highest level at which a trial program could not do what it
// must not, up to the one that is wished for. At None there is no sandbox, only
// the report. What a killed server of the same ID left behind is ended.
func New(ctx context.Context, c Config) (s *Sandbox, err error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	name := "belfry-" + c.ID[:min(len(c.ID), 12)]
	groups := findCgroups(name)
	groups.sweep()
	var base *Sandbox
	defer func() {
		if s == nil || s.report.Level == None {
			groups.remove()
			if base.shim != nil {
				base.shim.Close() // nothing was written since it was made
			}
		}
	}()
	hash := fnv.New32a()
	hash.Write([]byte(c.ID))
	// Of a program that was replaced on disk, this is still the one that runs.
	program := cmp.Or(c.Trial, "/proc/self/exe")
	base = &Sandbox{spawn: c.Spawn, program: program, root: c.Root, mark: c.Env, next: firstUser + int(hash.Sum32()%userBlocks)*userBlock}
	if c.Wish == None {
		base.report.Missing = missing(base)
		return base, nil
	}
	err = possible()
	if err == nil {
		base.shim, err = openShim()
	}
	if err != nil {
		base.report = Report{Missing: missing(base), Reasons: []string{err.Error()}}
		return base, nil
	}
	if err := os.MkdirAll(c.Root, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder for roots: %w", err)
	}
	groups = groups.open()
	var reasons []string
	for _, level := range []Level{Full, Rootless, UID} {
		if level > c.Wish {
			continue
		}
		s, err := base.at(level, groups)
		if err == nil && s.namespaces {
			err = hidden(c.Dir)
		}
		if err == nil {
			err = s.try(ctx, c.Dir)
		}
		if err == nil {
			s.report = Report{Level: level, Missing: missing(s), Reasons: reasons}
			s.found, s.host = true, findHostFolders()
			return s, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		reasons = append(reasons, level.String()+": "+err.Error())
		c.Logger.DebugContext(ctx, "an isolation level does not work here", "level", level.String(), "err", err)
	}
	base.report = Report{Missing: missing(base), Reasons: reasons}
	return base, nil
}

// possible says what keeps every sandbox from working.
func possible() error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		return fmt.Errorf("sandboxes need Linux on amd64 or arm64, not %s on %s", runtime.GOOS, runtime.GOARCH)
	}
	if !canReexecute.Load() {
		return errors.New("this program does not call sandbox.Main")
	}
	return nil
}

// openShim makes the executable of the shim, in memory that nobody can write to.
func openShim() (*os.File, error) {
	program, err := shim.Executable()
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("belfry", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // a kernel before 6.3
		fd, err = unix.MemfdCreate("belfry", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, fmt.Errorf("make what sandboxes begin with (with the sysctl vm.memfd_noexec at 2 there are none): %w", err)
	}
	f := os.NewFile(uintptr(fd), "shim")
	_, err = f.Write(program)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write what sandboxes begin with: %w", err), f.Close())
	}
	return f, nil
}

// hidden says when programs would see the server's folder among the system's.
func hidden(dir string) error {
	for _, shown := range shim.SystemFolders {
		if strings.HasPrefix(dir+"/", shown+"/") {
			return fmt.Errorf("the data directory is below %s, which functions see", shown)
		}
	}
	return nil
}

// at returns a sandbox that would be of the level, or why there can be none.
func (s *Sandbox) at(level Level, groups cgroups) (*Sandbox, error) {
	root := os.Geteuid() == 0
	t := &Sandbox{spawn: s.spawn, program: s.program, shim: s.shim, root: s.root, mark: s.mark, next: s.next, cgroups: groups, namespaces: level >= Rootless, users: root}
	t.stocks = [...]*stock{newStock(false), newStock(true)}
	switch {
	case level == Full && !root:
		return nil, errors.New("the server does not run as root")
	case level == Full && (!groups.has("memory") || !groups.has("pids")):
		return nil, errors.New("the server cannot make cgroups with the controllers memory and pids below its own")
	case level == Rootless:
		t.userNamespace = !root
	case level == UID && !root:
		return nil, errors.New("the server does not run as root")
	}
	return t, nil
}

// missing lists what is not enforced.
func missing(s *Sandbox) (m []string) {
	add := func(enforced bool, what string) {
		if !enforced {
			m = append(m, what)
		}
	}
	confined := s.users || s.userNamespace
	add(s.namespaces, "files of their own")
	add(s.namespaces, "limits of /tmp")
	add(s.namespaces, "network of their own")
	add(s.namespaces, "processes of their own")
	add(s.users, "a user for each instance")
	add(confined, "filtered system calls")
	add(s.cgroups.has("memory"), "limits of memory")
	add(s.cgroups.has("pids") || confined, "limits of processes")
	add(s.cgroups.has("cpu"), "limits of processor time")
	return m
}

// Report says what level there is.
func (s *Sandbox) Report() Report { return s.report }

// trialTime bounds a trial; the machine may be busy.
const trialTime = 30 * time.Second

// try starts this program as one that looks around, and returns what it found.
func (s *Sandbox) try(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	exe, err := os.Open(s.program)
	if err != nil {
		return fmt.Errorf("open this program: %w", err)
	}
	defer exe.Close() // only read from
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	defer r.Close() // only read from
	spec := &Spec{
		Path: "/proc/self/fd/3", Args: []string{trialName, strconv.FormatBool(s.namespaces)}, Dir: dir, Output: w, Files: []*os.File{exe},
		Env: []string{"GOMAXPROCS=1"}, Memory: 128, Storage: 16, Processes: 64, Ports: []int{9001},
	}
	if s.namespaces {
		spec.Dir = "/tmp"
	} else {
		spec.Ports = nil
	}
	p, err := s.Start(ctx, spec)
	w.Close() // the process has its own
	if err != nil {
		return err
	}
	for _, l := range p.Listeners {
		l.Close()
	}
	stop := context.AfterFunc(ctx, p.Kill)
	defer stop()
	found, _ := io.ReadAll(io.LimitReader(r, 4096)) // nothing: the status tells
	if exit := p.Wait(); exit.Status != 0 {
		return fmt.Errorf("a trial program ended with %d: %s", exit.Status, bytes.TrimSpace(found))
	}
	return nil
}

func (s *Sandbox) nextName() string { return strconv.FormatInt(s.names.Add(1), 10) }

// MemoryPerCore is the memory, in MB, with which Lambda gives a function one core.
const MemoryPerCore = 1769

// Cores is how many processor cores a program with so much memory, in MB, may use
// at once; 0: as many as there are.
func (s *Sandbox) Cores(memory int) int {
	if s.report.Level == None || !s.cgroups.has("cpu") {
		return 0
	}
	return int(math.Ceil(s.limits(memory, 0, 0).cpu))
}

// limits are those of a cgroup. What /tmp holds is memory too.
func (s *Sandbox) limits(memory, storage, processes int) limits {
	const mb = 1 << 20
	l := limits{memory: int64(memory) * mb, processes: processes}
	if s.namespaces {
		l.memory += int64(storage) * mb
	}
	l.cpu = max(1, float64(memory)/MemoryPerCore)
	l.weight = float64(memory) / MemoryPerCore
	return l
}

func (s *Sandbox) takeUser() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		user := s.free[n-1]
		s.free = s.free[:n-1]
		return user
	}
	s.next++ // a server never has as many instances as there are users in its block
	return s.next
}

func (s *Sandbox) giveUser(user int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, user)
}

// Close removes what the sandbox has made on the host. Its programs must have ended.
func (s *Sandbox) Close() {
	for _, k := range s.stocks {
		if k != nil { // there are none at None
			k.close()
		}
	}
	if s.shim != nil {
		s.shim.Close() // only read from
	}
	s.cgroups.remove()
}
