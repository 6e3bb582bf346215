package sandbox_test

import (
	"os"
	"slices"
	"testing"

	"github.com/belfry-run/belfry/function/sandbox"
)

// TestShimsOfTheStock proves that programs run in the shims that wait for their
// kind of network, and in none whose root shows a file that has been replaced.
func TestShimsOfTheStock(t *testing.T) {
	s := newSandbox(t, sandbox.Best)
	host := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(host+"/"+name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("hosts", "old")
	s.Watch(host)
	for _, network := range []bool{true, false} {
		start := func(what string, stocked []int, want bool) {
			t.Helper()
			spec := sh("readlink /proc/self/ns/net")
			spec.HostNetwork = !network
			p, out := runProcess(t, s, spec)
			p.Wait()
			own, err := os.Readlink("/proc/self/ns/net")
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(stocked, p.PID) != want || (out == own) == network {
				t.Errorf("own network %v, %s: the process %d of %v is in %s, and the test in %s", network, what, p.PID, stocked, out, own)
			}
		}
		start("the first", nil, false)
		ready := s.Stocked(network)
		if len(ready) != 2 || len(s.Stocked(false)) > 0 == network {
			t.Fatalf("own network %v: %v in stock, %v without", network, ready, s.Stocked(false))
		}
		start("the next", ready, true)
		write("hosts", "new") // which a mount of the file shows
		start("after a file has changed", s.Stocked(network), true)
		ready = s.Stocked(network)
		write("hosts.new", "newer")
		if err := os.Rename(host+"/hosts.new", host+"/hosts"); err != nil {
			t.Fatal(err)
		}
		start("after a file was replaced", ready, false)
		start("from then on", s.Stocked(network), true)
	}
}
