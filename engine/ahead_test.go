package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry-run/belfry"
)

// A run that is alone is recorded a few milliseconds ahead, and delivered when
// it is due.
func TestALoneRunIsRecordedAheadAndDeliveredWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		b.create(schedule("s", "cron(* * * * ? *)"))
		until("00:00:59")
		time.Sleep(time.Second - time.Millisecond) // a millisecond is left
		synctest.Wait()
		equal(t, "ledger, just before", lines(b.ledger("s")), []string{"00:01:00 running"})
		if calls := b.take(); len(calls) != 0 {
			t.Fatalf("delivered %s before it was due", time.Until(at("00:01:00")))
		}
		until("00:01:00")
		calls := b.take()
		if len(calls) != 1 || !calls[0].at.Equal(at("00:01:00")) {
			t.Fatalf("calls %v, want one at the minute", calls)
		}
		entries := b.ledger("s")
		equal(t, "ledger", lines(entries), []string{"00:01:00 succeeded"})
		if started := entries[0].Run.Started; !started.Equal(at("00:01:00")) {
			t.Errorf("started at %s, before its time", started)
		}
	})
}

func TestRunsThatAreManyAreNotRecordedAhead(t *testing.T) {
	for _, tt := range []struct {
		name  string
		count int
		want  []string
	}{
		{"as many as count as alone", 8, []string{"00:01:00 running"}},
		{"one more", 9, []string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.start()
				defer b.stop()
				for i := range tt.count {
					b.create(schedule(string(rune('a'+i)), "cron(* * * * ? *)"))
				}
				until("00:00:59")
				time.Sleep(time.Second - time.Millisecond)
				synctest.Wait()
				equal(t, "ledger, just before", lines(b.ledger("a")), tt.want)
				until("00:01:00")
				if n := len(b.take()); n != tt.count {
					t.Errorf("%d calls, want %d", n, tt.count)
				}
			})
		})
	}
}

// An edit between the record and the delivery comes after the run: the ledger
// accounts for the occurrence once.
func TestAnEditOfARunRecordedAheadComesAfterIt(t *testing.T) {
	edited := func(expression string, state belfry.State) belfry.Schedule {
		s := schedule("s", expression)
		s.State = state
		return s
	}
	const minutely = "cron(* * * * ? *)"
	tests := []struct {
		name  string
		first string
		edits []belfry.Schedule // a millisecond apart; none deletes
		want  []string          // the ledger after 00:03:30
	}{
		{"described anew", minutely, []belfry.Schedule{edited(minutely, belfry.Enabled)}, []string{"00:01:00 succeeded", "00:02:00 succeeded", "00:03:00 succeeded"}},
		{"disabled", minutely, []belfry.Schedule{edited(minutely, belfry.Disabled)}, []string{"00:01:00 succeeded", "00:01:01..00:03:30 2 disabled"}},
		{"disabled and enabled", minutely, []belfry.Schedule{edited(minutely, belfry.Disabled), edited(minutely, belfry.Enabled)}, []string{"00:01:00 succeeded", "00:02:00 succeeded", "00:03:00 succeeded"}},
		{"another expression, due at the same time", minutely, []belfry.Schedule{edited("cron(1/2 * * * ? *)", belfry.Enabled)}, []string{"00:01:00 succeeded", "00:03:00 succeeded"}},
		{"another expression, due later", minutely, []belfry.Schedule{edited("cron(2 * * * ? *)", belfry.Enabled)}, []string{"00:01:00 succeeded", "00:02:00 succeeded"}},
		{"deleted", minutely, nil, []string{"00:01:00 succeeded"}},
		{"one-time, described anew", "at(2000-01-01T00:01:00)", []belfry.Schedule{edited("at(2000-01-01T00:01:00)", belfry.Enabled)}, []string{"00:01:00 succeeded"}},
		{"one-time, put off", "at(2000-01-01T00:01:00)", []belfry.Schedule{edited("at(2000-01-01T00:02:00)", belfry.Enabled)}, []string{"00:01:00 succeeded", "00:02:00 succeeded"}},
		{"one-time, deleted", "at(2000-01-01T00:01:00)", nil, []string{"00:01:00 succeeded"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.start()
				defer b.stop()
				b.create(schedule("s", tt.first))
				until("00:00:59")
				time.Sleep(time.Second - 5*time.Millisecond)
				synctest.Wait()
				equal(t, "ledger, just before", lines(b.ledger("s")), []string{"00:01:00 running"})
				for _, s := range tt.edits {
					b.update(s)
					time.Sleep(time.Millisecond)
				}
				if tt.edits == nil {
					if err := b.engine.DeleteSchedule(t.Context(), ref("s")); err != nil {
						t.Fatal(err)
					}
				}
				until("00:03:30")
				equal(t, "ledger", lines(b.ledger("s")), tt.want)
			})
		})
	}
}

// What a stop interrupts between the record and the delivery is delivered.
func TestAStopWaitsForARunRecordedAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		b.create(schedule("s", "at(2000-01-01T00:01:00)"))
		until("00:00:59")
		time.Sleep(time.Second - 5*time.Millisecond)
		synctest.Wait()
		b.stop()
		if calls := b.take(); len(calls) != 1 || !calls[0].at.Equal(at("00:01:00")) {
			t.Errorf("calls %v, want one at the minute", calls)
		}
		b.start()
		defer b.stop()
		equal(t, "ledger", lines(b.ledger("s")), []string{"00:01:00 succeeded"})
	})
}
