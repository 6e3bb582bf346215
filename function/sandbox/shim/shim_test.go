package shim

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// begin starts a shim, without any of a sandbox, and returns what talks to it.
func begin(t *testing.T) (control int, cmd *exec.Cmd) {
	t.Helper()
	program, err := Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/shim"
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "control")
	cmd = exec.Command(path)
	cmd.ExtraFiles = []*os.File{theirs}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	t.Cleanup(func() { unix.Close(fds[0]) })
	return fds[0], cmd
}

// tell sends a program, and ask one that answers.
func tell(t *testing.T, control int, p *Program) {
	t.Helper()
	p, err := p.finish()
	if err == nil {
		err = unix.Send(control, p.Message, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, control int, p *Program) Answer {
	t.Helper()
	tell(t, control, p)
	buf := make([]byte, 4096)
	k, err := unix.Read(control, buf)
	if err != nil {
		t.Fatal(err)
	}
	a, err := DecodeAnswer(buf[:k], p)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestTheMachine has it do each thing that it can.
func TestTheMachine(t *testing.T) {
	control, cmd := begin(t)
	p := &Program{at: residentAt}
	wrong := arg{kind: inCode, value: 1}
	p.fails = wrong
	p.jump(arg{kind: inCode, value: 2})
	p.call(unix.SYS_EXIT_GROUP, n(7))
	p.call(unix.SYS_GETPID).to(pidAt)
	p.ifEqual(content(pidAt), n(0), wrong)
	p.ifEqual(content(pidAt), content(pidAt), arg{kind: inCode, value: 6})
	p.jump(wrong)
	p.call(unix.SYS_CLOSE, n(-1)).orNot()
	p.call(unix.SYS_LSEEK, n(1000), n(0), n(0)).elseTo(arg{kind: inCode, value: 9})
	p.jump(wrong)
	// All six arguments: a page at an address, and a string that is written there.
	const at = dataEnd + 1<<20
	p.call(unix.SYS_MMAP, n(at), n(1<<16), n(unix.PROT_READ|unix.PROT_WRITE), n(unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED), n(-1), n(0)).to(gotAt)
	p.ifEqual(content(gotAt), n(at), arg{kind: inCode, value: 12})
	p.jump(wrong)
	p.call(unix.SYS_READLINKAT, n(unix.AT_FDCWD), p.str("/proc/self/cwd"), n(at), n(1<<12)).to(statusAt)
	p.step = "open nothing"
	p.call(unix.SYS_OPENAT, n(unix.AT_FDCWD), p.str("/nothing/here"), n(0)).elseTo(arg{kind: inCode, value: 14})
	p.answer(Refused, rights{})
	p.call(unix.SYS_EXIT_GROUP, n(3))
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	a := ask(t, control, p)
	if a.PID != cmd.Process.Pid || int(a.Status) != len(dir) || !errors.Is(a.Err, syscall.ENOENT) || a.Err.Error() != "open nothing: no such file or directory" {
		t.Errorf("%+v, of the process %d in %s", a, cmd.Process.Pid, dir)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 3 {
		t.Error(err)
	}
}

// TestAnOrder has a program started that cannot be, then one that can.
func TestAnOrder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a shim gives up what only root has")
	}
	allow := binary.NativeEndian.AppendUint32([]byte{unix.BPF_RET, 0, 0, 0}, unix.SECCOMP_RET_ALLOW)
	for _, c := range []struct {
		path string
		exec bool
		want int
	}{{"/bin/nothing", true, 0}, {"/bin/sh", false, 5}} {
		control, cmd := begin(t)
		setting, err := (&Setting{}).Program()
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Send(control, setting.Message, 0); err != nil {
			t.Fatal(err)
		}
		order, err := (&Order{Path: c.path, Args: []string{"sh", "-c", "exit 5"}, Dir: "/", Processes: 8, Filter: allow}).Program(&Setting{})
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Sendmsg(control, order.Message, unix.UnixRights(1), nil, 0); err != nil {
			t.Fatal(err)
		}
		var kinds []AnswerKind
		for range 2 {
			buf := make([]byte, 4096)
			k, err := unix.Read(control, buf)
			if err != nil {
				t.Fatal(err)
			}
			if k == 0 {
				break
			}
			a, err := DecodeAnswer(buf[:k], setting, order)
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, a.Kind)
			if a.Exec != c.exec || c.exec && !errors.Is(a.Err, syscall.ENOENT) || a.Kind == Exited && a.Status.ExitStatus() != c.want {
				t.Errorf("%s: %+v", c.path, a)
			}
		}
		_ = cmd.Wait() // its status matters to nobody
		if want := map[bool][]AnswerKind{true: {Refused}, false: {Started, Exited}}[c.exec]; !slices.Equal(kinds, want) {
			t.Errorf("%s: the answers %v, want %v", c.path, kinds, want)
		}
	}
}

// TestWhatCannotBeSaid are programs that are refused before they are sent.
func TestWhatCannotBeSaid(t *testing.T) {
	filter := make([]byte, 8)
	s := &Setting{Namespaces: true, Root: "/root"}
	for _, o := range []Order{
		{Filter: nil},
		{Filter: filter, Files: maxOrderFiles},
		{Filter: filter, Mounts: []Mount{{"/usr", "relative"}}},
		{Filter: filter, Places: []string{"/a/../b"}},
		{Filter: filter, Processes: 1 << 32},
	} {
		if _, err := o.Program(s); (err == nil) == (o.Processes == 0) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	a := Assignment{Mounts: []Mount{{"/usr", "/elsewhere"}}}
	if _, err := a.Program(&Order{Places: []string{"/opt"}}); err == nil {
		t.Error("an assignment shows what there is no place for")
	}
	big := &Program{at: orderAt}
	big.call(0, n(1<<31))
	if _, err := big.finish(); err == nil {
		t.Error("a number is too large for an instruction")
	}
	for _, b := range [][]byte{nil, make([]byte, 39), make([]byte, 41)} {
		if _, err := DecodeAnswer(b); err == nil {
			t.Errorf("an answer of %d bytes", len(b))
		}
	}
	unknown := make([]byte, 40)
	unknown[0] = byte(Refused)
	if _, err := DecodeAnswer(unknown, big); err == nil {
		t.Error("an answer of another program's step")
	}
}

// TestTheMachinesRoom is the limit of a program, on both sides.
func TestTheMachinesRoom(t *testing.T) {
	for _, c := range []struct {
		size int
		fits bool
	}{{maxMessage, true}, {maxMessage + 1, false}} {
		p := &Program{at: orderAt}
		p.bytes(make([]byte, c.size))
		if _, err := p.finish(); (err == nil) != c.fits {
			t.Errorf("%d bytes: %v", c.size, err)
		}
	}
}
