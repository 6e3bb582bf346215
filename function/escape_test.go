package function_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/function/sandbox"
)

var update = flag.Bool("update", false, "write the table of docs/functions.md")

// An escape is one attack, and what it comes to at each level. "reached" says
// that the level does not stop it.
type escape struct {
	attack string // for people
	name   string // of the attacker's function
	args   func(w *world) []any
	none   string // of a server that runs as root
	asUser string // at none, of one that does not; empty: as none. " or ": the system's settings decide
	uid    string
	// Of a server that does not run as root, without cgroups. For root it is as
	// in full.
	rootless, full string
}

// A world is what an attacker would like to reach.
type world struct {
	b       *bench
	victim  int    // a process of the server's user
	secret  string // a file that the server keeps to itself
	code    string // the program of another function
	task    string // the attacker's own
	port    int    // of a server on the host's loopback interface
	socket  string // an abstract one
	folder  string // that everybody can write to
	disk    string // a raw device
	network string // the host's interfaces
}

const reached = "reached"

// gigabyte is held by who takes one: not every machine has room for several.
var gigabyte sync.Mutex

// escapes is the table of docs/functions.md.
var escapes = []escape{
	{"read /etc/shadow", "read", args("/etc/shadow"), reached, "EACCES", "EACCES", "ENOENT", "ENOENT"},
	{"read the server's files", "read", func(w *world) []any { return []any{w.secret} }, reached, "", "EACCES", "ENOENT", "ENOENT"},
	{"read another function's code", "read", func(w *world) []any { return []any{w.code} }, reached, "", reached, "ENOENT", "ENOENT"},
	{"see other processes", "processes", args(), reached, "", reached, "1 and mine", "1 and mine"},
	{"signal another process", "kill", victim, reached, "", "EPERM", "ESRCH", "ESRCH"},
	{"trace another process", "ptrace", victim, reached, "", "EPERM", "EPERM", "EPERM"},
	{"read the server's environment", "read", func(*world) []any { return []any{fmt.Sprintf("/proc/%d/environ", os.Getpid())} }, reached, "", "EACCES", "ENOENT", "ENOENT"},
	{"inherit the server's secrets", "secrets", args(secretVariable), "absent", "", "absent", "absent", "absent"},
	{"become root", "setuid", args(), reached, "EPERM", "EPERM", "EINVAL", "EPERM"},
	{"fork bomb", "forks", args(100), reached, "", "EAGAIN", "EAGAIN", "EAGAIN"},
	{"take 1 GB of memory at MemorySize 128", "memory", args(1024), reached, "", "killed", reached, "killed"},
	{"fill /tmp", "fill", args("/tmp", 600), reached, "", reached, "ENOSPC", "ENOSPC"},
	{"fill /dev/shm", "fill", args("/dev/shm", 1), reached, "", reached, "ENOENT", "ENOENT"},
	{"fill /var/tmp", "fill", args("/var/tmp", 1), reached, "", reached, "ENOENT", "ENOENT"},
	{"write the code", "append", func(w *world) []any { return []any{w.task + "/app.py"} }, reached, "", "EACCES", "EROFS", "EACCES"},
	{"add to the code", "append", func(w *world) []any { return []any{w.task + "/new.py"} }, reached, "", "EACCES", "EROFS", "EROFS"},
	{"write the root", "append", args("/belfry-escape"), reached, "EACCES", "EACCES", "EROFS", "EROFS"},
	{"connect to a port of the host", "connect", func(w *world) []any { return []any{"127.0.0.1", w.port} }, reached, "", reached, "ECONNREFUSED", "ECONNREFUSED"},
	{"the same through the proxy", "proxied", func(w *world) []any { return []any{"127.0.0.1", w.port} }, "no proxy", "", "no proxy", "403", "403"},
	{"connect to an abstract socket of the host", "abstract", func(w *world) []any { return []any{w.socket} }, reached, "", reached, "ECONNREFUSED", "ECONNREFUSED"},
	{"see the host's network", "interfaces", args(), reached, "", reached, "lo", "lo"},
	{"169.254.169.254 through the proxy", "proxied", args("169.254.169.254", 80), "no proxy", "", "no proxy", "403", "403"},
	{"10.0.0.1 through the proxy", "proxied", args("10.0.0.1", 443), "no proxy", "", "no proxy", "403", "403"},
	{"unshare(CLONE_NEWUSER)", "unshare", args(), reached, "", "EPERM", "EPERM", "EPERM"},
	{"io_uring_setup", "refused", args("io_uring_setup"), reached, "", "EPERM", "EPERM", "EPERM"},
	{"keyctl", "refused", args("keyctl"), reached, "", "EPERM", "EPERM", "EPERM"},
	{"userfaultfd", "refused", args("userfaultfd"), reached, "reached or EPERM", "EPERM", "EPERM", "EPERM"},
	{"bpf", "refused", args("bpf"), reached, "reached or EPERM", "EPERM", "EPERM", "EPERM"},
	{"a socket to the hypervisor", "vsock", args(), reached, "", "EAFNOSUPPORT", "EAFNOSUPPORT", "EAFNOSUPPORT"},
	{"mount", "mount", func(w *world) []any { return []any{w.folder} }, reached, "EPERM", "EPERM", "EPERM", "EPERM"},
	{"open a disk", "read", func(w *world) []any { return []any{w.disk} }, reached, "EACCES", "EACCES", "ENOENT", "ENOENT"},
	{"open /proc/sys/kernel/core_pattern to write", "open_write", args("/proc/sys/kernel/core_pattern"), reached, "EACCES", "EACCES", "EROFS", "EROFS"},
	{"devices beside null, zero, full, random, urandom", "devices", args(), reached, "", reached, "none", "none"},
	{"leave a daemon behind", "daemon", args(), reached, "", "gone", "gone", "gone"},
	{"work between invocations", "daemon", args(), reached, "", "frozen", "frozen", "frozen"},
	{"spin past the time-out", "spin", args(), "Sandbox.Timedout", "", "Sandbox.Timedout", "Sandbox.Timedout", "Sandbox.Timedout"},
	{"answer with more than 6 MB", "respond", args(6_291_560), "Function.ResponseSizeTooLarge", "", "Function.ResponseSizeTooLarge", "Function.ResponseSizeTooLarge", "Function.ResponseSizeTooLarge"},
}

func args(a ...any) func(*world) []any {
	return func(*world) []any { return append([]any{}, a...) } // not null, when there are none
}

func victim(w *world) []any { return []any{w.victim} }

// wanted is what the escape comes to at a level for this process's user.
func (e *escape) wanted(level sandbox.Level) string {
	root := os.Geteuid() == 0
	switch {
	case level == sandbox.None && !root && e.asUser != "":
		return e.asUser
	case level == sandbox.None:
		return e.none
	case level == sandbox.UID:
		return e.uid
	case level == sandbox.Rootless && !root:
		return e.rootless
	}
	return e.full
}

func TestEscapes(t *testing.T) { atEachLevel(t, checkEscapes) }

func checkEscapes(t *testing.T, b *bench) {
	w := newWorld(t, b)
	for i, e := range escapes {
		t.Run(e.attack, func(t *testing.T) {
			want := e.wanted(b.Isolation().Level)
			if got := w.try(t, i, &e); !slices.Contains(strings.Split(want, " or "), got) {
				t.Errorf("it comes to %s, want %s", got, want)
			}
		})
	}
}

// TestEscapesOfAServerWithoutRoot runs TestEscapes as an ordinary user.
func TestEscapesOfAServerWithoutRoot(t *testing.T) {
	if os.Geteuid() != 0 || testing.Short() {
		return // TestEscapes did; and the race detector sees nothing of it
	}
	const nobody = 65534
	dir := openDir(t)
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	// The test's own program is where nobody else can reach it.
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/function.test", program, 0o755); err != nil {
		t.Fatal(err)
	}
	attacker, err := os.ReadFile("testdata/attacker.py")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir+"/testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/testdata/attacker.py", attacker, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Parallel() // only now: what was started meanwhile would have the program open for a moment
	cmd := exec.Command(dir+"/function.test", "-test.run", "^TestEscapes$|^TestPythonResults$|^TestRuntimeAPI$", "-test.v")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "TMPDIR=" + dir, "HOME=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestEscapes/rootless/read_/etc/shadow") {
		t.Errorf("%v\n%s", err, out)
	}
}

func newWorld(t *testing.T, b *bench) *world {
	attacker, err := os.ReadFile("testdata/attacker.py")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{b: b, folder: openDir(t), socket: fmt.Sprintf("belfry-test-%d", time.Now().UnixNano())}
	sleep := exec.Command("sleep", "600")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sleep.Process.Kill(); sleep.Wait() })
	w.victim = sleep.Process.Pid
	w.secret = filepath.Join(w.b.cfg.Dir, "host-id")

	other := w.b.deploy(python("other", "def handler(e, c): pass"))
	w.code = w.file(t, other)
	f := python("attacker", string(attacker))
	own := w.b.deploy(f)
	w.task = filepath.Dir(w.file(t, own))
	if w.b.Isolation().Level >= sandbox.Rootless {
		w.task = "/var/task"
	}
	f = python("spinner", string(attacker))
	f.Timeout = time.Second
	w.b.deploy(f)

	w.port = w.serve(t, "tcp", "127.0.0.1:0").(*net.TCPAddr).Port
	w.serve(t, "unix", "@"+w.socket)
	w.disk = blockDevice(t)
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range all {
		names = append(names, i.Name)
	}
	slices.Sort(names)
	w.network = strings.Join(names, ",")
	return w
}

// file is where the host keeps a function's app.py.
func (w *world) file(t *testing.T, f *function.Function) string {
	t.Helper()
	found, err := filepath.Glob(w.b.cfg.Dir + "/code/*/task/app.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		zip, err := os.Stat(filepath.Join(filepath.Dir(path), "../code.zip"))
		if err == nil && zip.Size() == f.CodeSize {
			return path
		}
	}
	t.Fatalf("the code of %s is not among %v", f.Name, found)
	return ""
}

func (w *world) serve(t *testing.T, network, address string) net.Addr {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	return l.Addr()
}

// blockDevice is a disk of the host.
func blockDevice(t *testing.T) string {
	t.Helper()
	entries, err := os.ReadDir("/dev")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := "/dev/" + e.Name()
		var stat syscall.Stat_t
		if e.Type() == os.ModeDevice && syscall.Stat(path, &stat) == nil && stat.Mode&0o777 != 0o666 {
			if f, err := os.Open(path); err == nil || os.IsPermission(err) {
				f.Close()
				return path
			}
		}
	}
	t.Fatal("this machine has no disk in /dev")
	return ""
}

// try makes an attack and says what it came to.
func (w *world) try(t *testing.T, number int, e *escape) string {
	t.Helper()
	event := map[string]any{"attack": e.name, "args": e.args(w)}
	name := "attacker"
	switch e.name {
	case "memory":
		gigabyte.Lock()
		defer gigabyte.Unlock()
	case "spin":
		name = "spinner"
	case "daemon":
		return w.daemon(t, e.attack, fmt.Sprintf("belfry-daemon-%d-%d", number, time.Now().UnixNano()))
	}
	payload, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	r := w.b.invoke(name, string(payload))
	kind, message := r.Failure()
	switch {
	case kind == "Runtime.ExitError" && strings.HasSuffix(message, "signal: killed") && strings.Contains(string(r.Log), "out of memory"):
		return "killed"
	case kind != "":
		return kind
	}
	got := decode[string](t, r.Payload)
	switch {
	case e.name == "interfaces" && got == w.network && got != "lo":
		return reached
	case e.name == "devices" && got == "fd full null random stderr stdin stdout urandom zero":
		return "none"
	case e.name == "devices":
		return reached
	}
	return got
}

// daemon starts one, and says whether it works between invocations, or outlives
// its instance.
func (w *world) daemon(t *testing.T, attack, name string) string {
	t.Helper()
	defer func() {
		if pid := findProcess(name); pid != 0 {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}()
	if got := w.b.result("attacker", fmt.Sprintf(`{"attack": "daemon", "args": [%q]}`, name)); got != `"started"` {
		return got
	}
	var pid int
	eventually(t, "the daemon is there", func() bool { pid = findProcess(name); return pid != 0 })
	if attack == "work between invocations" {
		return working(t, pid)
	}
	// A change of its settings ends the instance.
	if _, err := w.b.UpdateSettings(t.Context(), ref("attacker"), "", func(s *function.Settings) error {
		s.Description = name
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the instance ends", func() bool { return w.b.Stats().Idle == 0 })
	return outlives(pid)
}

// working says whether a busy process gets any work done.
func working(t *testing.T, pid int) string {
	t.Helper()
	first := cpuTime(t, pid)
	for before, same := first, 0; same < 200; {
		time.Sleep(10 * time.Millisecond) // what it does meanwhile is the question
		now := cpuTime(t, pid)
		if now == before {
			same++
		} else {
			same = 0
		}
		if now > first+50 {
			return reached
		}
		before = now
	}
	return "frozen"
}

// outlives says whether a process is still there some time after its instance ended.
func outlives(pid int) string {
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if !running(pid) {
			return "gone"
		}
	}
	return reached
}

// cpuTime is in ticks of 10 ms.
func cpuTime(t *testing.T, pid int) int {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(after)
	user, err := strconv.Atoi(f[11])
	if err != nil {
		t.Fatal(err)
	}
	return user
}

// findProcess returns a process by its last argument; 0: there is none.
func findProcess(argument string) int {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		line, err := os.ReadFile(f)
		if err != nil || !strings.HasSuffix(strings.TrimRight(string(line), "\x00"), "\x00"+argument) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f))); err == nil {
			return pid
		}
	}
	return 0
}

// TestEscapeTableOfTheManual holds the table of the manual against the one that
// is tested. Run with -update it writes it.
func TestEscapeTableOfTheManual(t *testing.T) {
	const path, begin, end = "../docs/functions.md", "<!-- escapes -->\n", "<!-- /escapes -->"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table, between %s and %s", path, begin, end)
	}
	var table strings.Builder
	io.WriteString(&table, "| attack | `none` | `uid` | `rootless` | `full` |\n|---|---|---|---|---|\n")
	for _, e := range escapes {
		none := e.none
		if e.asUser != "" {
			none += ", " + e.asUser + " without root"
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s | %s |\n", e.attack, none, e.uid, e.rootless, e.full)
	}
	want := before + begin + table.String() + end + after
	if want == string(page) {
		return
	}
	if !*update {
		t.Fatalf("the table of %s is not the one that is tested; go test ./function -run Manual -update writes it", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
