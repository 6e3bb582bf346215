package function_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/belfry-run/belfry/function"
)

// warmable is a bench on a clock that stands until it is set forward.
func warmable(t *testing.T, options ...func(*function.Config)) (*bench, *handClock) {
	clock := newHandClock()
	options = append([]func(*function.Config){func(c *function.Config) { c.Clock = clock }}, options...)
	return newBench(t, options...), clock
}

// idle waits until as many instances are idle and none is on its way.
func (b *bench) idle(n int) {
	b.t.Helper()
	eventually(b.t, fmt.Sprintf("%d instances are idle", n), func() bool {
		s := b.Stats()
		return s.Idle == n && s.Starting == 0
	})
}

// still asserts that nothing has been started once the host has looked.
func (b *bench) still(clock *handClock, starts uint64) {
	b.t.Helper()
	b.deploy(python("marker", counter)) // what was asked for before has been looked at when this has been
	b.Prestart(ref("marker"), "", clock.Now().Add(time.Millisecond))
	eventually(b.t, "the marker is started", func() bool { return b.Stats().Prestarts > starts })
	if s := b.Stats(); s.Prestarts != starts+1 {
		b.t.Errorf("%d instances were started ahead, want %d and the marker's", s.Prestarts, starts)
	}
}

func TestAnInstanceIsReadyBeforeItIsDue(t *testing.T) {
	b, clock := warmable(t)
	b.deploy(python("f", counter))
	due := clock.Now().Add(9 * time.Second)
	b.Prestart(ref("f"), "", due)
	clock.advance(7 * time.Second)
	b.still(clock, 0)
	clock.advance(time.Second + 900*time.Millisecond)
	eventually(t, "the function's instance is started", func() bool { return b.Stats().Prestarts == 2 })
	b.idle(2)
	clock.advance(100 * time.Millisecond)
	r := b.invoke("f", "")
	if got := decode[counted](t, r.Payload); got.N != 1 || r.Init != 0 {
		t.Errorf("%+v with an init of %s, want the first invocation of an instance that was ready", got, r.Init)
	}
	if s := b.Stats(); s.Starts != 2 || s.PrestartsUsed != 1 || s.PrestartsUnused != 0 {
		t.Errorf("stats %+v", s)
	}
}

// What was made ready long before is looked at again when it is nearly due.
func TestAFunctionThatChangesAfterItIsReadyIsMadeReadyAgain(t *testing.T) {
	b, clock := warmable(t)
	b.deploy(python("f", counter))
	due := clock.Now().Add(time.Second)
	b.Prestart(ref("f"), "", due)
	clock.advance(700 * time.Millisecond)
	b.idle(1)
	if _, err := b.UpdateSettings(t.Context(), ref("f"), "", func(*function.Settings) error { return nil }); err != nil {
		t.Fatal(err)
	}
	b.idle(0)
	clock.advance(200 * time.Millisecond)
	eventually(t, "another instance is started", func() bool { return b.Stats().Prestarts == 2 })
	b.idle(1)
	if r := b.invoke("f", ""); r.Init != 0 {
		t.Errorf("the invocation waited %s for a start", r.Init)
	}
}

func TestAnInstanceThatIsIdleIsEnough(t *testing.T) {
	b, clock := warmable(t)
	b.deploy(python("f", counter))
	b.count("f", "")
	b.Prestart(ref("f"), "", clock.Now().Add(time.Millisecond))
	b.still(clock, 0)
}

func TestSeveralThatAreDueTogetherGetAnInstanceEach(t *testing.T) {
	b, clock := warmable(t)
	b.deploy(python("f", counter))
	due := clock.Now().Add(5 * time.Second)
	for range 5 {
		b.Prestart(ref("f"), "", due)
	}
	clock.advance(5*time.Second - time.Millisecond)
	b.idle(5)
	b.Prestart(ref("f"), "", due) // one more, told late
	b.idle(6)
	if s := b.Stats(); s.Prestarts != 6 {
		t.Errorf("stats %+v, want 6 instances started ahead", s)
	}
}

func TestPrestartsKeepToTheLimits(t *testing.T) {
	reserved := 2
	for _, tt := range []struct {
		name   string
		set    func(*function.Config)
		limit  *int
		memory int
		want   int
	}{
		{"of instances of one function", func(c *function.Config) { c.PerFunction = 3 }, nil, 128, 3},
		{"of the function's reserved concurrency", func(*function.Config) {}, &reserved, 128, 2},
		{"of memory", func(c *function.Config) { c.MemoryBudget = 512 }, nil, 128, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, clock := warmable(t, tt.set)
			b.deploy(python("f", counter))
			if tt.limit != nil {
				if err := b.SetReserved(t.Context(), ref("f"), tt.limit); err != nil {
					t.Fatal(err)
				}
			}
			due := clock.Now().Add(time.Second)
			for range 6 {
				b.Prestart(ref("f"), "", due)
			}
			clock.advance(time.Second - time.Millisecond)
			b.idle(tt.want)
			clock.advance(time.Millisecond) // due: none is started any more
			if s := b.Stats(); s.Prestarts != uint64(tt.want) {
				t.Errorf("%d instances started ahead, want %d", s.Prestarts, tt.want)
			}
		})
	}
}

func TestAStoppedFunctionIsNotStarted(t *testing.T) {
	b, clock := warmable(t)
	b.deploy(python("f", counter))
	if err := b.SetReserved(t.Context(), ref("f"), new(int)); err != nil {
		t.Fatal(err)
	}
	b.Prestart(ref("f"), "", clock.Now().Add(time.Millisecond))
	b.Prestart(ref("gone"), "", clock.Now().Add(time.Millisecond))
	b.Prestart(ref("f"), "", clock.Now()) // not ahead at all
	b.still(clock, 0)
}

// What is due soon is kept, and takes nothing from what else is.
func TestWhatIsDueSoonDoesNotGiveWayToWhatIsDueLater(t *testing.T) {
	b, clock := warmable(t, func(c *function.Config) { c.MemoryBudget = 256 })
	for _, name := range []string{"a", "b", "c", "old"} {
		b.deploy(python(name, counter))
	}
	b.count("old", "")
	const ahead = time.Minute // longer than any lead: all three come to be started at once, however slow the machine
	due := clock.Now().Add(ahead)
	for i, name := range []string{"a", "b", "c"} {
		b.Prestart(ref(name), "", due.Add(time.Duration(i)*time.Millisecond))
	}
	clock.advance(ahead - time.Millisecond)
	eventually(t, "two are ready, the old one has made room", func() bool { s := b.Stats(); return s.Prestarts == 2 && s.Idle == 2 && s.Starting == 0 })
	clock.advance(time.Millisecond)
	for _, name := range []string{"a", "b"} {
		if r := b.invoke(name, ""); r.Init != 0 {
			t.Errorf("%s had to be started", name)
		}
	}
	if r := b.invoke("c", ""); r.Init == 0 {
		t.Error("c was ready, with room for two")
	}
}

// A caller comes before what may be needed: the promised instance gives way.
func TestACallerComesBeforeWhatIsPromised(t *testing.T) {
	b, clock := warmable(t, func(c *function.Config) { c.MemoryBudget = 128 })
	b.deploy(python("a", counter))
	b.deploy(python("b", counter))
	b.Prestart(ref("a"), "", clock.Now().Add(time.Millisecond))
	b.idle(1)
	b.count("b", "")
	if s := b.Stats(); s.PrestartsUnused != 1 || s.PrestartsUsed != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestAPrestartThatIsNotUsedEndsAsIdleOnesDo(t *testing.T) {
	b, clock := warmable(t)
	b.deploy(python("f", counter))
	b.Prestart(ref("f"), "", clock.Now().Add(time.Millisecond))
	b.idle(1)
	clock.advance(function.DefaultIdle)
	eventually(t, "it ends", func() bool {
		clock.advance(time.Second)
		return b.Stats().Instances == 0
	})
	if s := b.Stats(); s.PrestartsUnused != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestAnIdleInstanceIsKeptForWhatIsDue(t *testing.T) {
	b, clock := warmable(t)
	b.deploy(python("f", counter))
	first := b.count("f", "")
	clock.advance(function.DefaultIdle - 100*time.Millisecond)
	due := clock.Now().Add(140 * time.Millisecond) // when it would have been idle for too long
	b.Prestart(ref("f"), "", due)
	b.still(clock, 0)
	for range 20 {
		clock.advance(7 * time.Millisecond)
	}
	if again := b.count("f", ""); again.PID != first.PID {
		t.Errorf("ran as %+v, want the process of %+v", again, first)
	}
}

// An edit or a deletion before the time costs nothing but an idle instance.
func TestAChangeMeanwhile(t *testing.T) {
	b, clock := warmable(t)
	b.deploy(python("edited", counter))
	b.deploy(python("deleted", counter))
	due := clock.Now().Add(time.Second)
	b.Prestart(ref("edited"), "", due)
	b.Prestart(ref("deleted"), "", due)
	clock.advance(time.Second - time.Millisecond)
	b.idle(2)
	if _, err := b.UpdateSettings(t.Context(), ref("edited"), "", func(s *function.Settings) error {
		s.Environment = map[string]string{"VALUE": "new"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(t.Context(), ref("deleted"), ""); err != nil {
		t.Fatal(err)
	}
	if got := b.count("edited", ""); got.Value != "new" {
		t.Errorf("%+v ran, want the new settings", got)
	}
	if s := b.Stats(); s.PrestartsUnused != 2 || s.Instances != 1 {
		t.Errorf("stats %+v", s)
	}
}

// slow takes a while to be ready, and says when it has begun.
func slow(name, gate string) function.Creation {
	return python(name, fmt.Sprintf(`
import os, time
open(%[1]q + ".began", "a").write("x")
while not os.path.exists(%[1]q): time.sleep(0.005)
def handler(event, context): return os.getpid()
`, gate))
}

// A caller that comes while its instance is started ahead waits for that one,
// for as long as it takes.
func TestACallerWaitsForAStartThatIsUnderWay(t *testing.T) {
	b, clock := warmable(t, func(c *function.Config) { c.MaxWait = time.Millisecond })
	gate := b.gate()
	b.deploy(slow("f", gate.path))
	b.Prestart(ref("f"), "", clock.Now().Add(time.Millisecond))
	gate.began()
	var caller sync.WaitGroup
	caller.Go(func() {
		if r := b.invoke("f", ""); r.FunctionError != "" {
			t.Errorf("%s", r.Payload)
		}
	})
	eventually(t, "the caller waits", func() bool { return b.Stats().Waiting == 1 })
	gate.open()
	caller.Wait()
	if s := b.Stats(); s.Starts != 1 || s.PrestartsUsed != 1 {
		t.Errorf("stats %+v, want one start", s)
	}
}

// Starts ahead leave room for a caller's own.
func TestStartsAheadDoNotBlockCallers(t *testing.T) {
	b, clock := warmable(t)
	gate := b.gate()
	due := clock.Now().Add(time.Second)
	for i := range 40 {
		name := fmt.Sprintf("slow%d", i)
		b.deploy(slow(name, gate.path))
		b.Prestart(ref(name), "", due)
	}
	clock.advance(time.Second - time.Millisecond)
	gate.began()
	b.deploy(python("f", counter))
	b.count("f", "") // as many starts as there may be wait for the gate, and yet
	gate.open()
	clock.advance(time.Millisecond)
	b.idle(int(b.Stats().Instances))
}

func TestACloseEndsStartsAhead(t *testing.T) {
	b, clock := warmable(t)
	gate := b.gate()
	b.deploy(slow("f", gate.path))
	b.Prestart(ref("f"), "", clock.Now().Add(time.Millisecond))
	b.Prestart(ref("f"), "", clock.Now().Add(time.Hour))
	gate.began()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		t.Error(err)
	}
	if s := b.Stats(); s.Instances != 0 {
		t.Errorf("stats %+v", s)
	}
}

// A start that fails ahead of time is the invocation's own failure once more.
func TestAStartThatFailsAhead(t *testing.T) {
	b, clock := warmable(t)
	b.deploy(python("f", "raise ValueError('no')"))
	b.Prestart(ref("f"), "", clock.Now().Add(time.Millisecond))
	eventually(t, "the start has failed", func() bool { s := b.Stats(); return s.Prestarts == 1 && s.Instances == 0 })
	if r := b.invoke("f", ""); r.FunctionError == "" {
		t.Errorf("answered %s", r.Payload)
	}
	if s := b.Stats(); s.PrestartsUsed != 0 || s.PrestartsUnused != 0 {
		t.Errorf("stats %+v", s)
	}
}
