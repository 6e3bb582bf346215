package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry-run/belfry"
)

// fails is an answer that no retry can mend, for schedules of that name.
func fails(name string) func(context.Context, *belfry.Invocation) belfry.Result {
	return func(_ context.Context, in *belfry.Invocation) belfry.Result {
		if strings.HasSuffix(in.ScheduleARN, "/"+name) {
			return belfry.Result{Status: belfry.AttemptPermanent, ErrorCode: "X", ErrorMessage: "no"}
		}
		return belfry.Result{Status: belfry.AttemptSucceeded}
	}
}

func (b *bench) oncePer(name, window, key string) *belfry.Schedule {
	b.t.Helper()
	s, err := b.engine.SetSettings(b.t.Context(), ref(name), belfry.Settings{OncePer: &belfry.OncePer{Window: window, Key: key}})
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// TestOncePerHour runs a schedule of each 20 minutes once an hour, over an
// update, a restart, and a deletion with a new creation.
func TestOncePerHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		s := schedule("s", "cron(0/20 * * * ? *)")
		b.create(s)
		b.oncePer("s", "1h", "")
		time.Sleep(30 * time.Minute) // 00:20 runs
		s.Description = "updated"
		if got := b.update(s); got.Settings.OncePer == nil || got.Settings.OncePer.Window != "1h" {
			t.Errorf("after an update the settings are %+v", got.Settings)
		}
		time.Sleep(15 * time.Minute) // 00:40 is skipped
		b.stop()
		b.start()
		time.Sleep(40 * time.Minute) // 01:00 runs, 01:20 is skipped
		if d := fmt.Sprint(lines(b.ledger("s"))); d != "[00:20:00 succeeded 00:40:00 skipped_duplicate 01:00:00 succeeded 01:20:00 skipped_duplicate]" {
			t.Error(d)
		}
		if err := b.engine.DeleteSchedule(t.Context(), ref("s")); err != nil {
			t.Fatal(err)
		}
		b.create(s)
		b.oncePer("s", "1h", "")
		time.Sleep(20 * time.Minute) // 01:40 is skipped: it is the same schedule to its clients
		if d := fmt.Sprint(lines(b.ledger("s"))); !strings.HasSuffix(d, " 01:40:00 skipped_duplicate]") {
			t.Error(d)
		}
		if calls := b.take(); len(calls) != 2 {
			t.Errorf("it was delivered at %v", calls)
		}
		if _, err := b.engine.SetSettings(t.Context(), ref("s"), belfry.Settings{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // 02:00, 02:20, 02:40
		if calls := b.take(); len(calls) != 3 {
			t.Errorf("without the setting it was delivered at %v", calls)
		}
		b.stop()
	})
}

func TestWhyOfASkippedRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		made := b.create(schedule("s", "cron(0/20 * * * ? *)"))
		b.oncePer("s", "1h", "")
		time.Sleep(45 * time.Minute)
		w := b.why("s", time.Date(2000, 1, 1, 0, 40, 0, 0, time.UTC))
		holder := belfry.Occurrence{Schedule: made.ID, Time: time.Date(2000, 1, 1, 0, 20, 0, 0, time.UTC)}.OccurrenceID()
		want := "The run scheduled for 2000-01-01 00:40:00 UTC was skipped, because it was done already: " +
			"schedule/default/s is to be delivered once per 1h, here from 2000-01-01 00:00:00 UTC, and " + holder + " has succeeded."
		if w.Outcome != "skipped_duplicate" || w.Sentence != want {
			t.Errorf("%s: %s\nwant %s", w.Outcome, w.Sentence, want)
		}
	})
}

// TestAFailedRunGivesTheWindowBack shows it, and that its retries pass while
// another occurrence of the window does not.
func TestAFailedRunGivesTheWindowBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		succeed := b.answer
		b.answer = func(context.Context, *belfry.Invocation) belfry.Result {
			return belfry.Result{Status: belfry.AttemptRetryable, ErrorCode: "X", RetryAfter: 7 * time.Minute}
		}
		b.start()
		s := schedule("s", "cron(0/5 * * * ? *)")
		s.Target.Retry = belfry.RetryPolicy{MaximumAge: time.Hour, MaximumAttempts: 1}
		b.create(s)
		b.oncePer("s", "1d", "")
		time.Sleep(11 * time.Minute) // 00:05 fails and waits, 00:10 is skipped
		b.stop()
		b.start()                   // over the restart too
		time.Sleep(2 * time.Minute) // at 00:12 the retry fails for good
		b.mu.Lock()
		b.answer = succeed
		b.mu.Unlock()
		time.Sleep(8 * time.Minute) // 00:15 runs, 00:20 is skipped
		b.stop()
		b.start()
		defer b.stop()
		if d := fmt.Sprint(lines(b.ledger("s"))); d != "[00:05:00 failed 00:10:00 skipped_duplicate 00:15:00 succeeded 00:20:00 skipped_duplicate]" {
			t.Error(d)
		}
	})
}

func TestOncePerKeyOfThePayload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.config.Delivered = func(in *belfry.Invocation) string {
			return strings.ReplaceAll(in.Target.Input, "<minute>", fmt.Sprint(in.Time.Minute()/30))
		}
		b.start()
		defer b.stop()
		s := schedule("s", "cron(0/15 * * * ? *)")
		s.Target.Input = `{"half": <minute>}`
		b.create(s)
		b.oncePer("s", "1h", "$.half")
		keyless := schedule("keyless", "cron(0/30 * * * ? *)")
		keyless.Target.DeadLetterARN = "arn:aws:sqs:us-east-1:000000000000:dead"
		b.create(keyless)
		b.oncePer("keyless", "1h", "$.half")
		time.Sleep(50 * time.Minute)
		if d := fmt.Sprint(lines(b.ledger("s"))); d != "[00:15:00 succeeded 00:30:00 succeeded 00:45:00 skipped_duplicate]" {
			t.Error(d)
		}
		// Without the key nobody can tell, so it fails, for all to see.
		if d := fmt.Sprint(lines(b.ledger("keyless"))); d != "[00:30:00 dead_lettered]" {
			t.Error(d)
		}
		if w := b.why("keyless", time.Date(2000, 1, 1, 0, 30, 0, 0, time.UTC)); !strings.Contains(w.Sentence, "Belfry.NoOncePerKey: once_per cannot tell deliveries apart: the payload has no value at $.half") {
			t.Error(w.Sentence)
		}
		for _, c := range b.take() {
			if c.name != "s" {
				t.Errorf("delivered %+v", c)
			}
		}
	})
}

// TestFiftySchedulesOfOneTarget are due at once at a target that lets one
// delivery of a window through.
func TestFiftySchedulesOfOneTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		once := &belfry.OncePer{Window: "occurrence"}
		b.config.TargetOncePer = func(s *belfry.Schedule) (string, *belfry.OncePer) {
			return "arn:aws:lambda:us-east-1:000000000000:function:f", once
		}
		b.answer = fails("s00")
		b.start()
		defer b.stop()
		for i := range 50 {
			b.create(schedule(fmt.Sprintf("s%02d", i), "cron(0/30 * * * ? *)"))
		}
		time.Sleep(45 * time.Minute)
		calls := b.take()
		if len(calls) != 1 {
			t.Fatalf("50 schedules of one window were delivered %d times", len(calls))
		}
		skipped := 0
		for i := range 50 {
			if fmt.Sprint(lines(b.ledger(fmt.Sprintf("s%02d", i)))) == "[00:30:00 skipped_duplicate]" {
				skipped++
			}
		}
		if skipped != 49 {
			t.Errorf("%d were skipped", skipped)
		}
		time.Sleep(30 * time.Minute)
		if calls := b.take(); len(calls) != 1 {
			t.Errorf("in the next window they were delivered %d times", len(calls))
		}
	})
}

// TestASkippedOneTimeScheduleCompletes shows that it is deleted then, if it
// asks for that.
func TestASkippedOneTimeScheduleCompletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.config.TargetOncePer = func(*belfry.Schedule) (string, *belfry.OncePer) {
			return "f", &belfry.OncePer{Window: "1h"}
		}
		b.start()
		defer b.stop()
		b.create(schedule("first", "at(2000-01-01T00:10:00)"))
		s := schedule("s", "at(2000-01-01T00:20:00)")
		s.DeleteAfterCompletion = true
		b.create(s)
		time.Sleep(30 * time.Minute)
		if d := fmt.Sprint(lines(b.ledger("s"))); d != "[00:20:00 skipped_duplicate]" {
			t.Error(d)
		}
		_, err := b.engine.Schedule(t.Context(), ref("s"))
		wantKind(t, err, belfry.NotFound)
	})
}

func TestSettingsAreChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		b.create(schedule("s", "rate(1 hour)"))
		for _, o := range []belfry.OncePer{{}, {Window: "32d"}, {Window: "1h", Key: "id"}} {
			_, err := b.engine.SetSettings(t.Context(), ref("s"), belfry.Settings{OncePer: &o})
			wantKind(t, err, belfry.Invalid)
		}
		_, err := b.engine.SetSettings(t.Context(), ref("other"), belfry.Settings{})
		wantKind(t, err, belfry.NotFound)
		// What is set leaves the rest, and the due time, as it was.
		before, err := b.engine.Schedule(t.Context(), ref("s"))
		if err != nil {
			t.Fatal(err)
		}
		after := b.oncePer("s", "1h", "")
		if after.Revision != before.Revision+1 || !after.Since.Equal(before.Since) || !after.Anchor.Equal(before.Anchor) || after.Expression != before.Expression {
			t.Errorf("before %+v\nafter  %+v", before, after)
		}
	})
}
