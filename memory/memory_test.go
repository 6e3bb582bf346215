package memory_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/belfry-run/belfry/memory"
)

const kib = 1 << 10

// take takes n bytes, which must not wait.
func take(t *testing.T, b *memory.Budget, n int) *memory.Hold {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nobody who has to wait gets anything
	h, err := b.Take(ctx, n)
	if err != nil {
		t.Fatalf("%d bytes have to wait: %+v", n, b.Counts())
	}
	return h
}

func waits(t *testing.T, b *memory.Budget, n int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Take(ctx, n); !errors.Is(err, context.Canceled) {
		t.Fatalf("%d bytes do not wait: %v, %+v", n, err, b.Counts())
	}
}

func TestABudgetIsNotExceeded(t *testing.T) {
	b := memory.NewBudget(2000 * kib) // 1000 for each lane, 250 is not heavy
	var light []*memory.Hold
	for range 4 {
		light = append(light, take(t, b, 250*kib))
	}
	waits(t, b, 17*kib)
	if take(t, b, memory.Small) != nil {
		t.Error("what is small was counted")
	}
	heavy := take(t, b, 251*kib) // has a share of its own
	take(t, b, 749*kib)
	waits(t, b, 251*kib)
	if got := b.Counts(); got.Used != 2000*kib || got.Peak != 2000*kib || got.Waiting != 0 {
		t.Errorf("counts are %+v", got)
	}
	light[0].Release()
	light[0].Release() // does nothing
	take(t, b, 250*kib)
	waits(t, b, 17*kib)
	light[1].Shrink(200 * kib)
	take(t, b, 50*kib)
	light[2].Shrink(10 * kib) // what is left is small
	take(t, b, 250*kib)
	waits(t, b, 17*kib)
	heavy.Release()
}

func TestOneLargerThanAllGetsInAlone(t *testing.T) {
	b := memory.NewBudget(1000 * kib)
	h := take(t, b, 5000*kib)
	waits(t, b, 200*kib)
	take(t, b, 100*kib) // is of the other lane
	h.Release()
	h = take(t, b, 200*kib)
	waits(t, b, 5000*kib)
	h.Release()
	take(t, b, 5000*kib)
}

func TestWaitersComeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.NewBudget(2000 * kib)
		first := take(t, b, 1000*kib)
		got := make(chan int, 3)
		wait := func(i, n int) {
			go func() {
				h, err := b.Take(t.Context(), n)
				if err != nil {
					t.Error(err)
				}
				got <- i
				h.Release()
			}()
			synctest.Wait()
		}
		wait(1, 900*kib)
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() { _, err := b.Take(ctx, 1000*kib); gone <- err }()
		synctest.Wait()
		wait(2, 300*kib)
		if !first.Contended() || b.Counts().Waiting != 3 {
			t.Errorf("three wait, and the counts are %+v", b.Counts())
		}
		first.Shrink(300 * kib)
		synctest.Wait()
		if len(got) != 0 {
			t.Error("one that was behind has overtaken")
		}
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		first.Release()
		if a, b := <-got, <-got; a != 1 || b != 2 {
			t.Errorf("got in as %d, %d", a, b)
		}
		synctest.Wait()
		if c := b.Counts(); c.Used != 0 || c.Waiting != 0 || c.Peak != 1000*kib && c.Peak != 900*kib+300*kib {
			t.Errorf("counts are %+v at the end", c)
		}
	})
}

func TestAnyNumberAtOnce(t *testing.T) {
	b := memory.NewBudget(1000 * kib)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			for j := range 50 {
				h, err := b.Take(t.Context(), (17+(i*31+j*7)%480)*kib)
				if err != nil {
					t.Error(err)
				}
				h.Shrink(20 * kib)
				h.Release()
			}
		})
	}
	all.Wait()
	if c := b.Counts(); c.Used != 0 || c.Waiting != 0 || c.Peak > 1000*kib || c.Peak == 0 {
		t.Errorf("counts are %+v at the end", c)
	}
}

func TestAScopeKeepsUntilItsEnd(t *testing.T) {
	b := memory.NewBudget(1000 * kib)
	memory.Keep(t.Context(), take(t, b, 50*kib))
	if b.Counts().Used != 0 {
		t.Error("without a scope the hold stays")
	}
	ctx, end := memory.Scope(t.Context())
	memory.Keep(ctx, take(t, b, 50*kib))
	memory.Keep(context.WithoutCancel(ctx), take(t, b, 60*kib))
	memory.Keep(ctx, nil)
	if got := b.Counts().Used; got != 110*kib {
		t.Errorf("%d bytes are kept", got)
	}
	end()
	memory.Keep(ctx, take(t, b, 50*kib))
	if got := b.Counts().Used; got != 0 {
		t.Errorf("%d bytes are kept after the end", got)
	}
}

func TestNoBudgetBoundsNothing(t *testing.T) {
	var b *memory.Budget
	if h := take(t, b, 1<<40); h != nil || h.Contended() {
		t.Error("no budget has a hold")
	}
}
