package function_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/function/sandbox"
)

func TestALevelThatIsRequired(t *testing.T) {
	b := newBench(t)
	c := b.cfg
	c.Dir = t.TempDir()
	c.Isolation, c.RequireIsolation = sandbox.None, best()
	h, err := function.New(c)
	if err != nil {
		t.Fatal(err)
	}
	err = h.Start(t.Context())
	if want := fmt.Sprintf("isolation %s is required, and this machine gives none, without files of their own", best()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("started with %v, want %q", err, want)
	}
	c.Isolation = sandbox.Best
	if h, err = function.New(c); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(h.Start(t.Context()), h.Close(t.Context())); err != nil {
		t.Error(err)
	}
}

func TestTheLogSaysWhatIsNotEnforced(t *testing.T) {
	for level, want := range map[sandbox.Level]string{
		sandbox.None: `functions run WITHOUT ISOLATION`,
		best():       "functions run isolated",
	} {
		var log bytes.Buffer
		newBenchAt(t, level, func(c *function.Config) { c.Logger = slog.New(slog.NewJSONHandler(&log, nil)) })
		if got := log.String(); !strings.Contains(got, want) || !strings.Contains(got, `"isolation":"`+level.String()+`"`) || !strings.Contains(got, `"not_enforced":`) {
			t.Errorf("%s: the log is %s", level, got)
		}
	}
}

// TestInstancesOfEachLevel proves the life of instances where their process
// numbers say nothing: by what they remember.
func TestInstancesOfEachLevel(t *testing.T) {
	atEachLevel(t, func(t *testing.T, b *bench) {
		f := python("f", counter)
		f.Timeout = time.Second // of an invocation; a start gets more
		b.deploy(f)
		step := func(what, payload string, n int, starts uint64) {
			t.Helper()
			if got := b.count("f", payload); got.N != n || b.Stats().Starts != starts {
				t.Errorf("%s: call %d of start %d, want call %d of start %d", what, got.N, b.Stats().Starts, n, starts)
			}
		}
		step("the first", "", 1, 1)
		step("a warm instance is used again", "", 2, 1)
		for range 20 {
			b.count("f", "") // frozen and thawed each time
		}
		step("for long", "", 23, 1)
		b.invoke("f", `{"do": "exit"}`)
		step("not after an exit", "", 1, 2)
		b.invoke("f", `{"do": "sleep"}`)
		step("not after a time-out", "", 1, 3)
		// Each process of the pool is promised as much, from when it is started.
		if s := b.Stats(); s.Instances != 1 || s.Idle != 1 || s.MemoryPromised%128 != 0 || s.MemoryPromised > 3*128 {
			t.Errorf("stats %+v", s)
		}
	})
}

// TestNothingIsLeft proves that a host that has closed leaves no cgroup and no
// mount behind, however its instances ended.
func TestNothingIsLeft(t *testing.T) {
	atEachLevel(t, func(t *testing.T, b *bench) {
		id, err := os.ReadFile(b.cfg.Dir + "/host-id")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			b.deploy(python(fmt.Sprint("f", i), counter))
			b.count(fmt.Sprint("f", i), "")
		}
		b.invoke("f0", `{"do": "exit"}`)
		b.stop()
		var left []string
		for _, pattern := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*", "/sys/fs/cgroup/*/*", "/sys/fs/cgroup/*/*/*"} {
			found, err := filepath.Glob(pattern + "/belfry-" + string(id[:12]))
			if err != nil {
				t.Fatal(err)
			}
			left = append(left, found...)
		}
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		if len(left) > 0 || strings.Contains(string(mounts), b.cfg.Dir) {
			t.Errorf("left behind: %v\n%s", left, mounts)
		}
		b.start() // so that the clean-up has a host to stop
	})
}

// TestWhatAKilledServerLeftIsSwept proves it of cgroups.
func TestWhatAKilledServerLeftIsSwept(t *testing.T) {
	if best() != sandbox.Full {
		return // without root there are no cgroups
	}
	b := newBenchAt(t, sandbox.Full)
	id, err := os.ReadFile(b.cfg.Dir + "/host-id")
	if err != nil {
		t.Fatal(err)
	}
	b.stop()
	old := "/sys/fs/cgroup/" // of either version
	for _, dir := range []string{"unified/", ""} {
		if _, err := os.Stat("/sys/fs/cgroup/" + dir + "cgroup.procs"); err == nil {
			old += dir + "belfry-" + string(id[:12]) + "/left"
			break
		}
	}
	if err := os.MkdirAll(old, 0o755); err != nil {
		t.Fatal(err)
	}
	b.start()
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", old, err)
	}
}
