package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
)

// A gauge counts what is under way at once.
type gauge struct {
	mu       sync.Mutex
	now, max map[string]int
}

func (g *gauge) add(name string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now == nil {
		g.now, g.max = map[string]int{}, map[string]int{}
	}
	g.now[name] += n
	g.max[name] = max(g.max[name], g.now[name])
}

func (g *gauge) most(name string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.max[name]
}

// crowded is a bench whose target is a host named by the schedule's input, before
// a blank; the hosts named slow take their time.
func crowded(t *testing.T, slow time.Duration) (*bench, *gauge) {
	b, g := newBench(t), &gauge{}
	host := func(input string) string { name, _, _ := strings.Cut(input, " "); return name }
	b.config.Lane = func(s *belfry.Schedule) engine.Lane {
		return engine.Lane{Name: host(s.Target.Input), Limit: 100}
	}
	b.answer = func(ctx context.Context, in *belfry.Invocation) belfry.Result {
		h := host(in.Target.Input)
		for name, n := range map[string]int{h: 1, "account " + in.Scope.Account: 1, "all": 1, "bytes": len(in.Target.Input)} {
			g.add(name, n)
			defer g.add(name, -n)
		}
		if strings.HasPrefix(h, "slow") {
			select {
			case <-time.After(slow):
			case <-ctx.Done():
			}
		}
		return belfry.Result{Status: belfry.AttemptSucceeded}
	}
	return b, g
}

// crowd makes n schedules that are due at the same second, in an account.
func (b *bench) crowd(n int, prefix, account, input string) {
	b.t.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			s := schedule(fmt.Sprintf("%s%05d", prefix, i), "at(2000-01-01T00:01:00)")
			s.Account, s.Target.Input = account, input
			b.create(s)
		})
	}
	all.Wait()
}

// lates returns how late the schedules with the prefix were called, the latest
// last; each must have been called once.
func (b *bench) latest(prefix string, want int) time.Duration {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	n, latest := 0, time.Duration(0)
	for _, c := range b.calls {
		if strings.HasPrefix(c.name, prefix) {
			n++
			latest = max(latest, c.at.Sub(c.time))
		}
	}
	if n != want {
		b.t.Errorf("%d calls of %s, want %d", n, prefix, want)
	}
	return latest
}

func TestAHangingHostTakesNothingOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, g := crowded(t, 50*time.Second)
		b.config.MaxInFlight = 500
		b.start()
		defer b.stop()
		b.crowd(1000, "hangs", scope.Account, "slow x")
		b.crowd(300, "well", scope.Account, "quick x")
		until("00:01:01")
		synctest.Wait()
		if late := b.latest("well", 300); late > time.Second {
			t.Errorf("a neighbour started %v late", late)
		}
		// Ten rounds of the host's hundred: nobody fails, and nobody is tried twice.
		until("00:10:00")
		synctest.Wait()
		b.latest("hangs", 1000)
		if n := g.most("slow"); n != 100 {
			t.Errorf("%d attempts at once at the host, want its 100", n)
		}
		for i := range 1000 {
			name := fmt.Sprintf("hangs%05d", i)
			if got := lines(b.ledger(name)); len(got) != 1 || got[0] != "00:01:00 succeeded" {
				t.Fatalf("%s: %v", name, got)
			}
		}
	})
}

func TestAnAccountLeavesRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, g := crowded(t, 30*time.Second)
		b.config.MaxInFlight = 900
		b.config.Lane = nil
		b.start()
		defer b.stop()
		b.crowd(1500, "first", "111111111111", "slow")
		b.crowd(50, "second", "222222222222", "slow")
		until("00:01:01")
		synctest.Wait()
		if late := b.latest("second", 50); late > time.Second {
			t.Errorf("another account's attempt started %v late", late)
		}
		if n := g.most("account 111111111111"); n < 700 || n > 800 {
			t.Errorf("one account had %d of 900, want about eight ninths", n)
		}
		until("00:05:00")
		synctest.Wait()
		b.latest("first", 1500)
	})
}

func TestLargeInputsAreBoundedByTheirBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, g := crowded(t, 10*time.Second)
		b.config.MaxBytes = 10 << 20
		b.start()
		defer b.stop()
		large := strings.Repeat("x", 250_000)
		b.crowd(100, "large", scope.Account, "slow "+large)
		b.crowd(20, "other", scope.Account, "quick "+large)
		b.crowd(200, "small", scope.Account, "quick x")
		until("00:01:01")
		synctest.Wait()
		for prefix, n := range map[string]int{"small": 200, "other": 20} {
			if late := b.latest(prefix, n); late > time.Second {
				t.Errorf("%s: started %v late behind large inputs that hang", prefix, late)
			}
		}
		until("00:03:00")
		synctest.Wait()
		b.latest("large", 100)
		if n := g.most("bytes"); n > 10<<20 {
			t.Errorf("%d bytes of inputs under way at once, want at most %d", n, 10<<20)
		}
		// One that is larger than all there is room for runs alone.
		s := schedule("huge", "at(2000-01-01T00:04:00)")
		s.Target.Input = "quick " + strings.Repeat("x", 11<<20)
		b.create(s)
		until("00:04:01")
		synctest.Wait()
		b.latest("huge", 1)
	})
}

// TestMoreThanAGateCanKeepWaitsInTheQueue has more entries for one host than are
// remembered, and restarts and rescans while they wait.
func TestMoreThanAGateCanKeepWaitsInTheQueue(t *testing.T) {
	if testing.Short() {
		t.Skip("it makes 21,000 schedules")
	}
	synctest.Test(t, func(t *testing.T) {
		b, g := crowded(t, time.Second)
		b.start()
		b.crowd(21_000, "many", scope.Account, "slow x")
		until("00:02:30")
		b.stop()
		b.start()
		defer b.stop()
		until("00:06:00")
		synctest.Wait()
		// Those that the stop cut off are made again.
		seen := map[string]bool{}
		for _, c := range b.take() {
			seen[c.name] = true
		}
		if len(seen) != 21_000 {
			t.Errorf("%d schedules ran, want all 21000", len(seen))
		}
		if n := g.most("slow"); n != 100 {
			t.Errorf("%d attempts at once at the host, want its 100", n)
		}
		if n, err := b.engine.Backlog(t.Context()); err != nil || n > 0 {
			t.Errorf("backlog is %d, %v", n, err)
		}
	})
}
