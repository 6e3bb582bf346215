package sandbox_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/belfry-run/belfry/function/sandbox"
)

// A dialog is with a program that waits for a line before it does something.
type dialog struct {
	*sandbox.Process
	t        testing.TB
	in       *os.File
	out      *os.File
	answered *bufio.Reader
}

// talk starts a script that reads from descriptor 3.
func talk(t testing.TB, s *sandbox.Sandbox, spec *sandbox.Spec) *dialog {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	spec.Output, spec.Files = w, []*os.File{in}
	p, err := s.Start(t.Context(), spec)
	in.Close()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	d := &dialog{Process: p, t: t, in: out, out: r, answered: bufio.NewReader(r)}
	t.Cleanup(func() { out.Close(); r.Close() })
	return d
}

// line is the next one that the program prints.
func (d *dialog) line() string {
	d.t.Helper()
	s, err := d.answered.ReadString('\n')
	if err != nil {
		d.t.Fatalf("%q, %v", s, err)
	}
	return strings.TrimSpace(s)
}

// rest lets the program go on, and returns what it prints until it ends.
func (d *dialog) rest() (sandbox.Exit, string) {
	d.t.Helper()
	d.in.Close()
	out, err := io.ReadAll(d.answered)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.Wait(), strings.TrimSpace(string(out))
}

// waiting is a spec for an assignment: its program says that it is up, waits,
// and then runs the script.
func waiting(script string) *sandbox.Spec {
	spec := sh(`echo up; read line <&3; exec 3<&-; ` + script)
	spec.Places = []string{"/var/task", "/opt"}
	return spec
}

// shared makes a folder with a file of the given content.
func shared(t testing.TB, content string) string {
	t.Helper()
	dir := openDir(t)
	if err := os.WriteFile(dir+"/file", []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// atHiding runs f at the levels that have files of their own.
func atHiding(t *testing.T, f func(t *testing.T, s *sandbox.Sandbox, level sandbox.Level)) {
	atLevels(t, func(t *testing.T, s *sandbox.Sandbox, level sandbox.Level) {
		if level >= sandbox.Rootless {
			f(t, s, level)
		}
	})
}

func TestAssignShowsFolders(t *testing.T) {
	atHiding(t, func(t *testing.T, s *sandbox.Sandbox, _ sandbox.Level) {
		// What is there before and after, what the mounts are, and that nothing
		// else has become visible, by the shim neither.
		spec := waiting(`
			cd /var/task; cat file; cat /opt/file
			touch file new /opt/new 2>&1 | sed 's/.*: //' | sort -u
			grep -cE ' (/var/task|/opt) ro,nosuid,nodev' /proc/self/mountinfo
			wc -l </proc/self/mountinfo; wc -l </proc/1/mountinfo
			ls /proc/1/root /proc/1/fd /proc/1/cwd 2>/dev/null | wc -l
			for t in /proc/1/task/*; do wc -l <$t/mountinfo; done | sort -u | wc -l
			ls -d /home /root /sys 2>/dev/null | wc -l
			ls /proc/self/fd | wc -l`)
		spec.Args[2] = "ls -a /var/task /opt | wc -l; " + spec.Args[2]
		d := talk(t, s, spec)
		before := d.line()
		if up := d.line(); before != "7" || up != "up" { // two names, two dots each, and a blank line
			t.Errorf("at first there are %s lines, then %q", before, up)
		}
		code, layer := shared(t, "code\n"), shared(t, "layer\n")
		err := d.Assign(t.Context(), sandbox.Assignment{
			Mounts: []sandbox.Mount{{Source: code, Target: "/var/task"}, {Source: layer, Target: "/opt"}}, Memory: 64, Storage: 8,
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		exit, out := d.rest()
		lines := strings.Split(out, "\n")
		if exit.Status != 0 || len(lines) < 10 {
			t.Fatalf("%+v\n%s", exit, out)
		}
		refused := lines[2 : len(lines)-7]
		for _, why := range refused {
			if why != "Read-only file system" && why != "Permission denied" {
				t.Errorf("writing answers %q", why)
			}
		}
		counts := lines[len(lines)-7:]
		if lines[0] != "code" || lines[1] != "layer" || counts[0] != "2" || counts[1] != counts[2] ||
			counts[3] != "0" || counts[4] != "1" || counts[5] != "0" || counts[6] != "4" {
			t.Errorf("%s", out)
		}
	})
}

func TestAssignSetsLimits(t *testing.T) {
	atHiding(t, func(t *testing.T, s *sandbox.Sandbox, level sandbox.Level) {
		for _, c := range []struct{ before, after int }{{8, 24}, {24, 8}} {
			spec := waiting(`head -c 40m /dev/zero >/tmp/big 2>/dev/null; stat -c %s /tmp/big; rm /tmp/big
				stat -f -c %T /tmp; touch /tmp/x; grep ' /tmp ' /proc/self/mountinfo | cut -d' ' -f6`)
			spec.Storage = c.before
			d := talk(t, s, spec)
			d.line()
			if err := d.Assign(t.Context(), sandbox.Assignment{Memory: 128, Storage: c.after}, nil); err != nil {
				t.Fatal(err)
			}
			exit, out := d.rest()
			if want := fmt.Sprintf("%d\ntmpfs\nrw,nosuid,nodev,relatime", c.after<<20); exit.Status != 0 || out != want {
				t.Errorf("from %d to %d MB of /tmp: %+v %q, want %q", c.before, c.after, exit, out, want)
			}
		}
		if level != sandbox.Full {
			return // without cgroups nothing limits memory
		}
		for _, c := range []struct {
			before, after int
			killed        bool
		}{{48, 256, false}, {256, 48, true}} {
			spec := waiting(`python3 -I -S -c 'x = b"1" * (120 << 20); print(len(x) >> 20)'`)
			spec.Memory = c.before
			d := talk(t, s, spec)
			d.line()
			if err := d.Assign(t.Context(), sandbox.Assignment{Memory: c.after, Storage: 8}, nil); err != nil {
				t.Fatal(err)
			}
			if exit, out := d.rest(); exit.OutOfMemory != c.killed || (out == "120") == c.killed {
				t.Errorf("from %d to %d MB: %+v %q", c.before, c.after, exit, out)
			}
		}
	})
}

func TestAnAssignmentThatCannotBe(t *testing.T) {
	atHiding(t, func(t *testing.T, s *sandbox.Sandbox, _ sandbox.Level) {
		code := shared(t, "code\n")
		for want, m := range map[string]sandbox.Mount{
			"take /nothing: no such file or directory": {Source: "/nothing", Target: "/var/task"},
			"/tmp is not a place of this sandbox":      {Source: code, Target: "/tmp"},
			"invalid argument":                         {Source: code + "/file", Target: "/var/task"},
		} {
			d := talk(t, s, waiting("true"))
			d.line()
			err := d.Assign(t.Context(), sandbox.Assignment{Mounts: []sandbox.Mount{m}, Memory: 64, Storage: 8}, nil)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
			if err := d.Assign(t.Context(), sandbox.Assignment{Memory: 64, Storage: 8}, nil); err == nil || !strings.Contains(err.Error(), "no places") {
				t.Errorf("a second assignment: %v", err)
			}
			d.Kill()
			d.Wait()
		}
		d := talk(t, s, sh("echo up; read line <&3"))
		if err := d.Assign(t.Context(), sandbox.Assignment{Memory: 64}, nil); err == nil || !strings.Contains(err.Error(), "no places") {
			t.Errorf("without places: %v", err)
		}
		d.rest()
		d = talk(t, s, waiting("true"))
		d.Kill()
		if err := d.Assign(t.Context(), sandbox.Assignment{Memory: 64, Storage: 8}, nil); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("of one that has ended: %v", err)
		}
		d.Wait()
		d = talk(t, s, waiting("true"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		// The shim may be faster than what is over already.
		if err := d.Assign(ctx, sandbox.Assignment{Memory: 64, Storage: 8}, nil); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("for a caller that has left: %v", err)
		}
		d.Kill()
		if exit := d.Wait(); exit.Status != syscall.WaitStatus(syscall.SIGKILL) {
			t.Errorf("%+v", exit)
		}
	})
	spec := waiting("true")
	for _, place := range []string{"tmp", "/../x", "/a/"} {
		spec.Places = []string{place}
		if p, err := newSandbox(t, sandbox.Rootless).Start(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "clean absolute path") {
			t.Errorf("the place %s: %v", place, err)
			p.Kill()
		}
	}
	if s := newSandbox(t, sandbox.UID); s.Report().Level == sandbox.UID {
		if _, err := s.Start(t.Context(), waiting("true")); err == nil || !strings.Contains(err.Error(), "the host's files") {
			t.Errorf("where programs see the host's files: %v", err)
		}
	}
}
