package function_test

import (
	"sync"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

func (b *eventBench) oncePer(window, key string) {
	b.t.Helper()
	if err := b.SetOncePer(b.t.Context(), ref("f"), &belfry.OncePer{Window: window, Key: key}); err != nil {
		b.t.Fatal(err)
	}
}

// TestFiftyEventsOfOneWindow come at once; one reaches the function.
func TestFiftyEventsOfOneWindow(t *testing.T) {
	b := newEventBench(t, "return 1", nil)
	b.oncePer("1h", "$.invoice")
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { b.send(`{"invoice": 7}`) })
	}
	wg.Wait()
	b.settle()
	if n, skipped := b.called(), b.Stats().Skipped; n != 1 || skipped != 49 {
		t.Fatalf("50 events called the function %d times, and %d were skipped", n, skipped)
	}
	b.send(`{"invoice": 8}`)
	b.settle()
	b.clock.advance(time.Hour)
	b.send(`{"invoice": 7}`)
	b.settle()
	if n := b.called(); n != 3 {
		t.Errorf("with another key, and in another hour, it was called %d times in all, want 3", n)
	}
	// Synchronous invocations are the caller's own business.
	b.result("f", `{"invoice": 7}`)
	if n := b.called(); n != 4 {
		t.Errorf("after a synchronous invocation it was called %d times in all, want 4", n)
	}
}

// TestAFailedEventGivesTheWindowBack shows it, over a restart, and that its
// own tries pass.
func TestAFailedEventGivesTheWindowBack(t *testing.T) {
	b := newEventBench(t, "raise ValueError(event)", nil)
	b.configure(function.EventConfig{Retries: new(1), OnFailure: queueARN("failed")})
	b.oncePer("1d", "")
	b.send("1")
	eventually(t, "the second try waits", func() bool { return b.clock.awaits(time.Minute) })
	b.stop()
	b.start()
	b.send("2")
	eventually(t, "the second event was skipped", func() bool { return b.Stats().Skipped == 1 })
	b.wait(time.Minute)
	b.settle()
	if n, failed := b.called(), b.mail.in(queueARN("failed")); n != 2 || len(failed) != 1 {
		t.Fatalf("it was called %d times, %d failed", n, len(failed))
	}
	b.send("3")
	eventually(t, "the third event was tried", func() bool { return b.called() == 3 })
}

func TestAnEventWithoutTheKeyFails(t *testing.T) {
	b := newEventBench(t, "return 1", nil)
	b.configure(function.EventConfig{OnFailure: queueARN("failed")})
	b.oncePer("1h", "$.invoice")
	b.send(`{"bill": 7}`)
	b.settle()
	failed := b.mail.in(queueARN("failed"))
	if len(failed) != 1 || b.called() != 0 {
		t.Fatalf("it was called %d times, %d failed", b.called(), len(failed))
	}
	r := decode[struct {
		ResponsePayload struct{ ErrorType, ErrorMessage string }
	}](t, []byte(failed[0].body))
	if r.ResponsePayload.ErrorType != "Belfry.NoOncePerKey" || r.ResponsePayload.ErrorMessage == "" {
		t.Errorf("the record is %s", failed[0].body)
	}
}

// TestOncePerOccurrence concerns scheduled deliveries only: an event is an
// occurrence of its own.
func TestOncePerOccurrence(t *testing.T) {
	b := newEventBench(t, "return 1", nil)
	b.oncePer("occurrence", "")
	b.send("1")
	b.send("1")
	b.settle()
	if n := b.called(); n != 2 {
		t.Errorf("two events called the function %d times", n)
	}
}

func TestOncePerOfAFunction(t *testing.T) {
	b := newEventBench(t, "return 1", nil)
	if b.AnyOncePer() || b.OncePer(ref("f")) != nil {
		t.Error("there is one from the start")
	}
	refused(t, b.SetOncePer(t.Context(), ref("f"), &belfry.OncePer{Window: "1y"}), belfry.Invalid, "", "once_per.window")
	refused(t, b.SetOncePer(t.Context(), ref("g"), nil), belfry.NotFound, "ResourceNotFoundException", "Function not found")
	b.oncePer("1h", "$.a")
	updated, err := b.UpdateSettings(t.Context(), ref("f"), "", func(s *function.Settings) error { s.Memory = 256; return nil })
	if err != nil || updated.OncePer == nil || updated.OncePer.Key != "$.a" {
		t.Errorf("after an update it is %+v, %v", updated.OncePer, err)
	}
	b.stop()
	b.start()
	if got := b.OncePer(ref("f")); !b.AnyOncePer() || got == nil || *got != (belfry.OncePer{Window: "1h", Key: "$.a"}) {
		t.Errorf("after a restart it is %+v", got)
	}
	if err := b.SetOncePer(t.Context(), ref("f"), nil); err != nil || b.AnyOncePer() {
		t.Errorf("taken away: %v, any is %v", err, b.AnyOncePer())
	}
	b.oncePer("1h", "")
	if err := b.Delete(t.Context(), ref("f"), ""); err != nil || b.AnyOncePer() {
		t.Errorf("deleted: %v, any is %v", err, b.AnyOncePer())
	}
}
