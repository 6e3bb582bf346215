package function_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry/function"
	"github.com/belfry-run/belfry/function/sandbox"
)

// surroundings answers with what a blank must not have given to its function, or
// kept from it.
const surroundings = `
import os
n = 0
def handler(event, context):
    global n
    n += 1
    fs = os.statvfs("/tmp")
    return {"n": n, "value": os.environ.get("VALUE"), "name": context.function_name, "cwd": os.getcwd(), "code": sorted(os.listdir("/var/task")),
            "tmp": fs.f_blocks * fs.f_frsize >> 20, "seed": os.environ.get("PYTHONHASHSEED")}
`

type surrounded struct {
	N                      int
	Value, Name, CWD, Seed string
	Code                   []string
	Tmp                    int
}

func (b *bench) surroundings(name string) surrounded {
	b.t.Helper()
	return decode[surrounded](b.t, []byte(b.result(name, "")))
}

// stocked waits until there are so many blanks.
func (b *bench) stocked(n int) {
	b.t.Helper()
	eventually(b.t, "there are blanks", func() bool { return b.Stats().Blanks == n })
}

// TestABlankBecomesAnInstanceLikeAnyOther, and of one function.
func TestABlankBecomesAnInstanceLikeAnyOther(t *testing.T) {
	for _, level := range levels() {
		if level < sandbox.Rootless {
			continue
		}
		t.Run(level.String(), func(t *testing.T) {
			b := newBenchAt(t, level)
			b.deploy(python("first", surroundings))
			cold := b.surroundings("first")
			b.stocked(2)
			f := python("second", surroundings)
			f.Environment, f.Storage, f.Memory = map[string]string{"VALUE": "mine"}, 600, 200
			f.Zip = zipped(t, files{"app.py": surroundings, "other.txt": ""})
			b.deploy(f)
			got := b.surroundings("second")
			if s := b.Stats(); s.Pooled != 1 || s.Starts != 2 {
				t.Errorf("stats %+v, want one start from the pool", s)
			}
			if got.N != 1 || got.Value != "mine" || got.Name != "second" || got.CWD != cold.CWD || strings.Join(got.Code, " ") != "app.py other.txt" || got.Tmp != 600 {
				t.Errorf("it found %+v; started cold it was %+v", got, cold)
			}
			b.stocked(2) // what was taken is replaced
			if again := b.surroundings("second"); again.N != 2 {
				t.Errorf("%+v, want the same instance", again)
			}
			if s := b.Stats(); s.Starts != 2 || s.MemoryPromised != 128+200+2*128 {
				t.Errorf("stats %+v", s)
			}
			b.update("second", func(s *function.Settings) { s.Environment = nil })
			if again := b.surroundings("second"); again.N != 1 || again.Value != "" {
				t.Errorf("%+v, want another process, without the old environment", again)
			}
		})
	}
}

func (b *bench) update(name string, change func(*function.Settings)) {
	b.t.Helper()
	if _, err := b.UpdateSettings(b.t.Context(), ref(name), "", func(s *function.Settings) error { change(s); return nil }); err != nil {
		b.t.Fatal(err)
	}
}

func TestANodeBlank(t *testing.T) {
	b := newBenchAt(t, best())
	for i, name := range []string{"first", "second"} {
		b.deploy(node(t, name, `let n = 0; exports.handler = async (event, context) => [++n, context.functionName, process.cwd()]`))
		if got, want := b.result(name, ""), `[1,"`+name+`","/var/task"]`; got != want {
			t.Errorf("%s answered %s, want %s", name, got, want)
		}
		if s := b.Stats(); s.Pooled != uint64(i) {
			t.Errorf("stats %+v, want %d starts from the pool", s, i)
		}
		b.stocked(1)
	}
}

// TestStartsThatCannotBeOfABlank start cold, with all that they ask for.
func TestStartsThatCannotBeOfABlank(t *testing.T) {
	b := newBenchAt(t, best(), func(c *function.Config) { c.EgressMax = function.EgressHost })
	b.deploy(python("first", surroundings))
	b.surroundings("first")
	b.stocked(2)
	for name, environment := range map[string]map[string]string{
		"set-at-start": {"PYTHONHASHSEED": "7"},
		"host-network": {"BELFRY_EGRESS": "host"},
	} {
		f := python(name, surroundings)
		f.Environment = environment
		b.deploy(f)
		if got := b.surroundings(name); got.Seed != environment["PYTHONHASHSEED"] {
			t.Errorf("%s found %+v", name, got)
		}
	}
	if s := b.Stats(); s.Pooled != 0 {
		t.Errorf("stats %+v", s)
	}
}

// TestBlanksOfTheHostsNetwork are a kind of their own.
func TestBlanksOfTheHostsNetwork(t *testing.T) {
	b := newBenchAt(t, best(), func(c *function.Config) { c.EgressMax, c.Pool = function.EgressHost, map[string]int{"python": 1} })
	host, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		egress string
		pooled uint64
		kinds  int // with a blank, afterwards
	}{{"host", 0, 1}, {"host", 1, 1}, {"none", 1, 2}, {"none", 2, 2}, {"host", 3, 2}} {
		f := python(fmt.Sprint("f", i), `import os
def handler(event, context): return os.readlink("/proc/self/ns/net")`)
		f.Environment = map[string]string{"BELFRY_EGRESS": c.egress}
		b.deploy(f)
		if got, s := b.result(f.Name, ""), b.Stats(); (got == `"`+host+`"`) != (c.egress == "host") || s.Pooled != c.pooled {
			t.Errorf("start %d with egress %s: in %s, the host in %s; %d from the pool, want %d", i, c.egress, got, host, s.Pooled, c.pooled)
		}
		b.stocked(c.kinds)
	}
}

func TestThePoolCanBeSwitchedOff(t *testing.T) {
	sizes, err := function.ParsePool("0")
	if err != nil {
		t.Fatal(err)
	}
	b := newBenchAt(t, best(), func(c *function.Config) { c.Pool = sizes })
	for _, name := range []string{"a", "b"} {
		b.deploy(python(name, counter))
		b.count(name, "")
	}
	if s := b.Stats(); s.Pooled != 0 || s.Blanks != 0 || s.MemoryPromised != 256 {
		t.Errorf("stats %+v", s)
	}
}

func TestBlanksGiveWayFirst(t *testing.T) {
	b := newBenchAt(t, best(), func(c *function.Config) { c.MemoryBudget = 128 + 2*128 })
	b.deploy(python("a", counter))
	b.count("a", "")
	b.stocked(2)
	big := python("big", counter)
	big.Memory = 256
	b.deploy(big)
	b.count("big", "")
	if s := b.Stats(); s.Blanks != 0 || s.Instances != 2 || s.MemoryPromised != 384 {
		t.Errorf("stats %+v, want both instances and no blank", s)
	}
}

// Without functions there is nothing to keep blanks for, and after a while
// without starts there is nothing any more.
func TestBlanksAreKeptForWhatIsInUse(t *testing.T) {
	clock := newHandClock()
	b := newBenchAt(t, best(), func(c *function.Config) { c.Clock = clock; c.Pool = map[string]int{"python": 1} })
	if s := b.Stats(); s.Blanks != 0 {
		t.Errorf("stats %+v", s)
	}
	b.deploy(python("a", counter))
	b.count("a", "")
	b.stocked(1)
	clock.advance(14 * time.Minute)
	b.deploy(python("b", counter))
	b.count("b", "")
	b.stocked(1)
	clock.advance(14 * time.Minute)
	b.stocked(1)
	eventually(t, "the blanks end", func() bool {
		clock.advance(15 * time.Second)
		return b.Stats().Blanks == 0
	})
}

// shims are the children of this process that run a program, which those in
// stock do not yet.
func shims(t *testing.T) map[int]bool {
	pids := map[int]bool{}
	for pid := range children(t) {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range tasks {
			if data, err := os.ReadFile(f); err == nil && len(data) > 0 { // else the thread has ended
				pids[pid] = true
			}
		}
	}
	return pids
}

// A blank whose process ends is not handed out, and not replaced for ever.
func TestABlankThatDies(t *testing.T) {
	b := newBenchAt(t, best(), func(c *function.Config) { c.Pool = map[string]int{"python": 1} })
	b.deploy(python("a", counter))
	before := shims(t)
	b.count("a", "")
	b.stocked(1)
	b.update("a", func(*function.Settings) {}) // the instance ends, and the blank is left
	eventually(t, "the instance ends", func() bool { return b.Stats().Instances == 0 })
	eventually(t, "the blank is the only process", func() bool { return len(shims(t)) == len(before)+1 })
	for pid := range shims(t) {
		if !before[pid] {
			if p, err := os.FindProcess(pid); err != nil || p.Kill() != nil {
				t.Fatal("the blank could not be killed")
			}
		}
	}
	b.stocked(0)
	if got := b.count("a", ""); got.N != 1 {
		t.Errorf("%+v", got)
	}
	if s := b.Stats(); s.Pooled != 0 || s.MemoryPromised != 128 {
		t.Errorf("stats %+v", s)
	}
}

func TestSizesOfThePool(t *testing.T) {
	for text, want := range map[string]map[string]int{
		"0":                 {"python": 0, "nodejs": 0},
		"50":                {"python": 50, "nodejs": 50},
		"python=4":          {"python": 4, "nodejs": 1},
		"nodejs=3,python=0": {"python": 0, "nodejs": 3},
		"ruby=1":            nil,
		"python":            nil,
		"python=-1":         nil,
		"-1":                nil,
		"":                  nil,
	} {
		got, err := function.ParsePool(text)
		if !maps.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
}
