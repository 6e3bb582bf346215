package function_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/function/sandbox"
)

// levels are the isolation levels that this machine must permit: all of them
// for root, and what needs no root for others. In short, as under the race
// detector, which sees nothing of other processes, they are the lowest and the
// highest.
func levels() []sandbox.Level {
	switch {
	case os.Geteuid() != 0:
		return []sandbox.Level{sandbox.None, sandbox.Rootless}
	case testing.Short():
		return []sandbox.Level{sandbox.None, sandbox.Full}
	}
	return []sandbox.Level{sandbox.None, sandbox.UID, sandbox.Rootless, sandbox.Full}
}

// newBenchAt is a bench at a level, which must be reached.
func newBenchAt(t testing.TB, level sandbox.Level, options ...func(*function.Config)) *bench {
	t.Helper()
	dir := openDir(t)
	if level == sandbox.UID {
		if err := os.WriteFile(filepath.Join(dir, forOthers), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b := newBench(t, slices.Concat(options, []func(*function.Config){func(c *function.Config) {
		c.Isolation, c.RequireIsolation, c.Dir = level, level, dir
	}})...)
	if got := b.Isolation().Level; got != level {
		t.Fatalf("the isolation is %s, want %s", got, level)
	}
	return b
}

// atEachLevel runs a test at each level, beside others: much of what these tests
// do is to wait.
func atEachLevel(t *testing.T, test func(t *testing.T, b *bench), options ...func(*function.Config)) {
	t.Parallel()
	for _, level := range levels() {
		t.Run(level.String(), func(t *testing.T) {
			t.Parallel()
			test(t, newBenchAt(t, level, options...))
		})
	}
}

// openDir is a folder that every user can reach.
func openDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "belfry-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
