package sandbox

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const mountLine = " rw,relatime - "

func TestOwnCgroups(t *testing.T) {
	for _, c := range []struct {
		name, mounts, own string
		want              []string // folders, the controllers of version 1 after a blank
	}{
		{
			"version 2 alone, under systemd",
			"30 22 0:27 / /sys/fs/cgroup" + mountLine + "cgroup2 cgroup2 rw,nsdelegate\n",
			"0::/system.slice/belfry.service\n",
			[]string{"/sys/fs/cgroup/system.slice/belfry.service"},
		},
		{
			"version 2 within a container that sees its own part",
			"30 22 0:27 /docker/abc /sys/fs/cgroup" + mountLine + "cgroup2 cgroup rw\n",
			"0::/docker/abc/inner\n",
			[]string{"/sys/fs/cgroup/inner"},
		},
		{
			"a mount of another part is of no use",
			"30 22 0:27 /docker/other /sys/fs/cgroup" + mountLine + "cgroup2 cgroup rw\n",
			"0::/docker/abc\n",
			nil,
		},
		{
			"both versions, with controllers that share a tree",
			"1 2 0:1 / /sys/fs/cgroup/cpu,cpuacct" + mountLine + "cgroup cgroup rw,cpu,cpuacct\n" +
				"1 2 0:1 / /sys/fs/cgroup/memory" + mountLine + "cgroup cgroup rw,memory\n" +
				"1 2 0:1 / /sys/fs/cgroup/blkio" + mountLine + "cgroup cgroup rw,blkio\n" +
				"1 2 0:1 / /sys/fs/cgroup/unified" + mountLine + "cgroup2 cgroup2 rw\n" +
				"1 2 0:1 / /" + mountLine + "ext4 /dev/vda rw\n",
			"4:memory:/a/b\n3:cpu,cpuacct:/c\n2:blkio:/\n1:name=systemd:/\n0::/\n",
			[]string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup/cpu,cpuacct/c cpu", "/sys/fs/cgroup/memory/a/b memory"},
		},
	} {
		var got []string
		for _, h := range ownCgroups(c.mounts, c.own) {
			s := h.dir
			for _, controller := range h.controllers {
				s += " " + controller
			}
			got = append(got, s)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

// TestLimitsOfVersion2 holds what is written against the kernel's names; the
// files are ordinary ones.
func TestLimitsOfVersion2(t *testing.T) {
	dir := t.TempDir()
	want := map[string]string{
		"memory.max": "1048576", "memory.oom.group": "1", "memory.swap.max": "0", "pids.max": "65",
		"cpu.max": "150000 100000", "cpu.weight": "50",
	}
	for name := range want {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, controller := range wantedControllers {
		if err := limit(dir, controller, true, limits{memory: 1 << 20, processes: 64, cpu: 1.5, weight: .5}); err != nil {
			t.Error(err)
		}
	}
	for name, value := range want {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != value {
			t.Errorf("%s is %q, want %q: %v", name, got, value, err)
		}
	}
	if err := limit(dir, "memory", false, limits{}); err == nil {
		t.Error("a limit that cannot be written is no error")
	}
}
