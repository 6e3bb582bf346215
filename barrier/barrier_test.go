package barrier_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry/barrier"
)

func newSet() (*barrier.Set, *bytes.Buffer) {
	var log bytes.Buffer
	return barrier.New(slog.New(slog.NewTextHandler(&log, nil))), &log
}

func boom() error { panic("boom") }

// TestPanicIsKeptIn proves that neighbours go on, and that the object is named,
// with the place where it failed.
func TestPanicIsKeptIn(t *testing.T) {
	s, log := newSet()
	done := 0
	for _, object := range []string{"a", "b", "c"} {
		ok := s.Do(t.Context(), "sweep", object, func() error {
			if object == "b" {
				return boom()
			}
			done++
			return nil
		})
		if ok != (object != "b") {
			t.Errorf("%s: %v", object, ok)
		}
	}
	if done != 2 {
		t.Errorf("%d neighbours done, want 2", done)
	}
	all := s.List()
	if len(all) != 1 || all[0].Step != "sweep" || all[0].Object != "b" || all[0].Reason != "panic: boom" || all[0].Times != 1 {
		t.Errorf("set apart: %+v", all)
	}
	for _, want := range []string{"step=sweep", "object=b", "barrier_test.boom"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not have %s:\n%s", want, log)
		}
	}
}

// TestBackOffDoublesToAnHour proves that a poisoned object does not spin, and is
// tried for ever.
func TestBackOffDoublesToAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newSet()
		began := time.Now()
		var tries []time.Duration
		for time.Since(began) < 5*time.Hour {
			s.Do(t.Context(), "read", "x", func() error { tries = append(tries, time.Since(began)); return errors.New("bad") })
			if s.Wait("read", "x") > time.Hour {
				t.Fatalf("waits %v", s.Wait("read", "x"))
			}
			time.Sleep(time.Second)
		}
		for i, want := range []time.Duration{0, 1, 3, 7, 15} {
			if tries[i] != want*time.Second {
				t.Errorf("try %d after %v, want %v", i, tries[i], want*time.Second)
			}
		}
		if n := len(tries); n != 16 || tries[n-1]-tries[n-2] != time.Hour {
			t.Errorf("%d tries, at %v", n, tries)
		}
		s.Clear("read", "x")
		if !s.Do(t.Context(), "read", "x", func() error { return nil }) || s.List() != nil {
			t.Errorf("still apart: %+v", s.List())
		}
	})
}

func TestSuccessEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newSet()
		s.Do(t.Context(), "read", "x", boom)
		s.Do(t.Context(), "fire", "x", boom)
		if s.Do(t.Context(), "read", "x", func() error { t.Error("called while set apart"); return nil }) {
			t.Error("done while set apart")
		}
		time.Sleep(time.Second)
		if !s.Do(t.Context(), "read", "x", func() error { return nil }) {
			t.Error("not tried again")
		}
		if all := s.List(); len(all) != 1 || all[0].Step != "fire" {
			t.Errorf("set apart: %+v", all)
		}
		time.Sleep(2*time.Hour + 2*time.Second)
		if all := s.List(); len(all) != 0 { // nobody tried it: it is not there any more
			t.Errorf("set apart: %+v", all)
		}
	})
}

// TestReportStaysUntilCleared: what was damaged when it was read, once, is not
// forgotten because nobody reads it again.
func TestReportStaysUntilCleared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := newSet()
		for range 3 {
			s.Report(t.Context(), "read", "row 7", errors.New("bad JSON"))
		}
		time.Sleep(50 * time.Hour)
		if all := s.List(); len(all) != 1 || all[0].Times != 3 || !all[0].Next.IsZero() {
			t.Errorf("set apart: %+v", all)
		}
		if n := strings.Count(log.String(), "row 7"); n != 1 {
			t.Errorf("logged %d times, want once:\n%s", n, log)
		}
		if s.Clear("read", "row 7"); s.List() != nil {
			t.Errorf("set apart: %+v", s.List())
		}
	})
}

func TestEndedContextSaysNothing(t *testing.T) {
	s, _ := newSet()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s.Do(ctx, "read", "x", ctx.Err) || s.List() != nil {
		t.Errorf("set apart: %+v", s.List())
	}
	if s.Do(ctx, "read", "x", boom); len(s.List()) != 1 {
		t.Error("a panic says something whatever ctx is")
	}
}

// TestListIsBounded: a whole table of damaged rows costs neither memory nor log.
func TestListIsBounded(t *testing.T) {
	s, log := newSet()
	const n = 10_000
	long := strings.Repeat("x", 2000)
	for i := range n {
		s.Do(t.Context(), "read", fmt.Sprintf("%s %d", long, i), func() error { return errors.New(long) })
	}
	all := s.List()
	size := 0
	for _, e := range all {
		size += len(e.Step) + len(e.Object) + len(e.Reason)
	}
	if len(all) < 1000 || len(all)+s.Lost() != n || size > 4<<20 {
		t.Errorf("%d kept of %d bytes, %d lost", len(all), size, s.Lost())
	}
	if max := (len(all) + 1) * 3000; log.Len() > max {
		t.Errorf("logged %d bytes, want at most %d", log.Len(), max)
	}
	for _, e := range all {
		s.Clear(e.Step, e.Object)
	}
	if s.Do(t.Context(), "read", "one more", boom); len(s.List()) != 1 {
		t.Errorf("no room after all were cleared: %d", len(s.List()))
	}
}

func TestFigures(t *testing.T) {
	s, _ := newSet()
	reg := prometheus.NewPedanticRegistry()
	s.Register(reg)
	s.Do(t.Context(), "fire", "a", boom)
	s.Do(t.Context(), "fire", "b", boom)
	s.Report(t.Context(), "read", "c", errors.New("bad"))
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()
			for _, l := range m.Label {
				name += " " + l.GetName() + "=" + l.GetValue()
			}
			got[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	want := map[string]float64{"belfry_barrier_apart": 3, "belfry_barrier_total step=fire": 2, "belfry_barrier_total step=read": 1}
	if !maps.Equal(got, want) {
		t.Errorf("figures %v, want %v", got, want)
	}
}

// TestNilSet: who is built without a set still keeps panics in.
func TestNilSet(t *testing.T) {
	var s *barrier.Set
	if s.Do(t.Context(), "read", "x", boom) || !s.Do(t.Context(), "read", "x", func() error { return nil }) {
		t.Error("want false, then true: nothing is set apart")
	}
	s.Report(t.Context(), "read", "x", errors.New("bad"))
	if s.Clear("read", "x"); s.List() != nil || s.Wait("read", "x") != 0 || s.Lost() != 0 {
		t.Error("a nil set has something")
	}
}

func TestManyGoroutines(t *testing.T) {
	s, _ := newSet()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 200 {
				object := fmt.Sprint(j % 7)
				s.Do(t.Context(), "read", object, func() error {
					if (i+j)%3 == 0 {
						return errors.New("bad")
					}
					return nil
				})
				s.List()
				s.Clear("read", object)
			}
		})
	}
	wg.Wait()
}

func BenchmarkDo(b *testing.B) {
	s, _ := newSet()
	for b.Loop() {
		s.Do(b.Context(), "fire", "arn", func() error { return nil })
	}
}
