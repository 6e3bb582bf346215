package engine_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
)

// inBench runs a test with an engine, after setup if that is given.
func inBench(t *testing.T, setup func(b *bench), test func(t *testing.T, b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		if setup != nil {
			setup(b)
		}
		b.start()
		defer b.stop()
		test(t, b)
	})
}

// says wants an outcome and a whole sentence.
func (b *bench) says(name string, when time.Time, outcome, sentence string) *engine.Why {
	b.t.Helper()
	w := b.why(name, when)
	if w.Outcome != outcome || w.Sentence != sentence {
		b.t.Errorf("%s at %s: %s: %s\nwant %s: %s", name, when.Format("02 15:04:05"), w.Outcome, w.Sentence, outcome, sentence)
	}
	return w
}

func (b *bench) outlook(want string) {
	b.t.Helper()
	h, err := b.engine.History(b.t.Context(), ref("s"))
	if err != nil {
		b.t.Fatal(err)
	}
	entries, err := b.engine.Ledger(b.t.Context(), h, time.Time{}, time.Time{}, 10)
	if err != nil {
		b.t.Fatal(err)
	}
	got, err := b.engine.Outlook(b.t.Context(), h, len(entries) == 0)
	if err != nil || got != want {
		b.t.Errorf("outlook: %s, %v\nwant %s", got, err, want)
	}
}

// entry is what the schedule has in the due queue.
func (b *bench) entry(id belfry.ID) belfry.Due {
	b.t.Helper()
	items, _, err := b.store.Due(b.t.Context(), nil, time.Now().AddDate(5, 0, 0), 100, 1<<20)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, it := range items {
		if it.Schedule == id && !it.Retry {
			return it.Due
		}
	}
	b.t.Fatal("it has no entry in the due queue")
	return belfry.Due{}
}

func (b *bench) delete(name string) {
	b.t.Helper()
	if err := b.engine.DeleteSchedule(b.t.Context(), ref(name)); err != nil {
		b.t.Fatal(err)
	}
}

func utc(t time.Time) string { return t.Format("2006-01-02 15:04:05 UTC") }

// What waits in its window is told from the entry, also when the schedule's present
// definition would put it elsewhere.
func TestWhyReadsTheEntry(t *testing.T) {
	inBench(t, nil, func(t *testing.T, b *bench) {
		s := schedule("s", "cron(24 * * * ? *)")
		s.Window = 4 * time.Minute
		made := b.create(s)
		e := b.entry(made.ID)
		if !e.At.After(at("00:24:10")) {
			t.Fatalf("the entry is at %v, too early for this test", e.At)
		}
		want := "It has not run yet: it is scheduled for 2000-01-01 00:24:00 UTC and, within its flexible time window, starts at " + utc(e.At) + "."
		b.says("s", at("00:24:00"), "future", want)
		until("00:24:05")
		b.says("s", at("00:24:00"), "future", want)
		b.outlook("It has not run yet. Next: " + strings.TrimPrefix(want, "It has not run yet: "))
		s.Window, s.Expression = 0, "cron(0 0 1 1 ? *)"
		b.update(s)
		b.says("s", at("00:24:00"), "future", want)
		time.Sleep(time.Until(e.At.Add(time.Second)))
		if w := b.why("s", at("00:24:00")); w.Outcome != "succeeded" {
			t.Errorf("%s: %s", w.Outcome, w.Sentence)
		}
	})
}

// A time that is due later than the entry's is not given a place in its window: that
// is decided when the entry is made.
func TestWhyOfALaterOccurrence(t *testing.T) {
	inBench(t, nil, func(t *testing.T, b *bench) {
		s := schedule("s", "cron(24 * * * ? *)")
		b.create(s)
		b.says("s", at("01:24:00"), "future", "It has not run yet: it is due at 2000-01-01 01:24:00 UTC.")
		s.Window = 4 * time.Minute
		b.update(s)
		b.says("s", at("01:24:00"), "future", "It has not run yet: it is due at 2000-01-01 01:24:00 UTC, and starts within its flexible time window, 4m0s from then.")
		b.says("s", at("01:25:00"), "not_due", "It is not due at 2000-01-01 01:25:00 UTC: after that, cron(24 * * * ? *) in UTC has its first occurrence at 2000-01-01 02:24:00 UTC.")
	})
}

// What waited when the schedule was disabled is told apart from the stretch in
// which it was disabled, open and closed; so is what was edited or deleted away.
func TestWhyTellsWhatWaited(t *testing.T) {
	inBench(t, nil, func(t *testing.T, b *bench) {
		s := schedule("s", "cron(24/4 * * * ? *)")
		s.Window = 4 * time.Minute
		b.create(s)
		until("00:24:00")
		s.State = belfry.Disabled
		b.update(s)
		b.says("s", at("00:24:00"), "gap", "It did not run at 2000-01-01 00:24:00 UTC because it waited to be started when the schedule was disabled, at 2000-01-01 00:24:00 UTC.")
		b.says("s", at("00:28:00"), "not_due", "It is not due at 2000-01-01 00:28:00 UTC as long as the schedule is disabled.")
		b.outlook("It is disabled, and nothing is due until it is enabled.")
		until("00:33:00")
		w := b.says("s", at("00:28:00"), "gap", "It did not run at 2000-01-01 00:28:00 UTC because the schedule has been disabled since 2000-01-01 00:24:01 UTC.")
		if !w.Open || w.Gap.Count != 2 {
			t.Errorf("gap %+v, open %t", w.Gap, w.Open)
		}
		b.says("s", at("00:29:00"), "not_due", "It was not due at 2000-01-01 00:29:00 UTC: that is no occurrence of cron(24/4 * * * ? *) in UTC.")
		s.State = belfry.Enabled
		b.update(s)
		until("00:36:00")
		for range 2 { // also when it has been enabled since
			b.says("s", at("00:32:00"), "gap", "It did not run at 2000-01-01 00:32:00 UTC because the schedule was disabled from 2000-01-01 00:24:01 UTC to 2000-01-01 00:33:00 UTC.")
			b.says("s", at("00:29:00"), "not_due", "It was not due at 2000-01-01 00:29:00 UTC: after that, cron(24/4 * * * ? *) in UTC has its first occurrence at 2000-01-01 00:32:00 UTC.")
			b.update(s)
		}
		s.Expression = "cron(0 12 * * ? *)"
		b.update(s) // what waits, 00:36, is kept
		b.says("s", at("00:32:00"), "unknown", "Nothing ran at 2000-01-01 00:32:00 UTC. Whether it was due then is not known: the schedule's times have been set anew, at 2000-01-01 00:36:00 UTC. "+
			"2 occurrences from 2000-01-01 00:24:01 UTC to 2000-01-01 00:33:00 UTC did not run because the schedule was disabled from 2000-01-01 00:24:01 UTC to 2000-01-01 00:33:00 UTC.")
		b.says("s", at("00:20:00"), "not_due", "It was not due at 2000-01-01 00:20:00 UTC, by the ledger, which has nothing then. The times that the schedule had before 2000-01-01 00:36:00 UTC, when they were set anew, are not kept.")
		if w := b.why("s", at("00:36:00")); w.Outcome != "future" {
			t.Errorf("%s: %s", w.Outcome, w.Sentence)
		}
		b.delete("s")
		b.says("s", at("00:36:00"), "gap", "It did not run at 2000-01-01 00:36:00 UTC because it waited to be started when the schedule was deleted, at 2000-01-01 00:36:00 UTC.")
		b.says("s", at("12:00:00"), "not_due", "It is not due at 2000-01-01 12:00:00 UTC: the schedule was deleted, at 2000-01-01 00:36:00 UTC.")
		b.outlook("Nothing follows: it was deleted, at 2000-01-01 00:36:00 UTC.")
		until("12:00:01")
		b.says("s", at("12:00:00"), "not_due", "It did not run at 2000-01-01 12:00:00 UTC because the schedule had been deleted, at 2000-01-01 00:36:00 UTC.")
	})
}

func TestWhyOfADeletedSchedulesRun(t *testing.T) {
	inBench(t, nil, func(t *testing.T, b *bench) {
		b.answer = func(context.Context, *belfry.Invocation) belfry.Result {
			return belfry.Result{Status: belfry.AttemptRetryable, ErrorMessage: "busy", RetryAfter: 5 * time.Minute}
		}
		b.create(schedule("s", "at(2000-01-01T00:01:00)"))
		until("00:01:01")
		const began = "The run scheduled for 2000-01-01 00:01:00 UTC started 0s late; attempt 1 failed"
		b.says("s", at("00:01:00"), "pending", began+" and another one follows.")
		b.delete("s")
		b.says("s", at("00:01:00"), "pending", began+", and no other one is made: the schedule was deleted, at 2000-01-01 00:01:01 UTC. It ends as cancelled when that attempt would have been due.")
		until("00:10:00")
		b.says("s", at("00:01:00"), "cancelled", "The run scheduled for 2000-01-01 00:01:00 UTC started 0s late and ended as cancelled. The schedule was deleted before the next attempt.")
	})
}

// Two lives of a name that have the same time are both told, the present one first.
func TestWhyTellsAllLives(t *testing.T) {
	inBench(t, nil, func(t *testing.T, b *bench) {
		until("00:00:10")
		first := b.create(schedule("s", "rate(1 minute)")) // runs at its creation
		until("00:00:20")
		b.delete("s")
		until("00:00:30")
		second := b.create(schedule("s", "rate(1 minute)"))
		const earlier = "An earlier schedule of this name, deleted at 2000-01-01 00:00:20 UTC: The run scheduled for 2000-01-01 00:00:00 UTC started 10s late and succeeded at the first attempt, in 0s."
		w := b.says("s", at("00:00:00"), "gap", "It did not run at 2000-01-01 00:00:00 UTC because an earlier schedule of this name had run that very occurrence. "+earlier)
		if w.Gap.Schedule != second.ID || len(w.Also) != 1 || w.Also[0].Run == nil || w.Also[0].Run.Schedule != first.ID || w.Also[0].Sentence != earlier {
			t.Errorf("%+v", w)
		}
		b.delete("s")
		// Under a clock that was set back, or an earlier version, both may have run.
		third := *second
		third.ID, third.Created, third.Since, third.State = second.ID+1<<30, time.Now(), time.Now(), belfry.Enabled
		err := b.store.CreateSchedule(t.Context(), belfry.ScheduleCreation{
			Schedule: &third, Limit: 10, Next: &belfry.Due{
				At: time.Now().UTC(), Occurrence: belfry.Occurrence{Schedule: third.ID, Time: at("00:00:00")}, Revision: third.Revision, Attempt: 1, Kept: true,
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		until("00:05:00")
		w = b.why("s", at("00:00:00"))
		if w.Run == nil || w.Run.Schedule != third.ID || len(w.Also) != 2 || w.Also[0].Gap == nil || w.Also[1].Run == nil || !strings.HasSuffix(w.Sentence, earlier) {
			t.Errorf("%+v", w)
		}
	})
}

// History that has been dropped, or cannot be read, is unknown; what the present
// definition is known to have held for is not.
func TestWhyOfWhatIsNotKnown(t *testing.T) {
	lost := ""
	inBench(t, func(b *bench) {
		b.config.Retention = 48 * time.Hour
		b.config.Unreadable = func(from, to time.Time) []string {
			if day := at("00:00:00").AddDate(0, 0, 4); lost != "" && !day.Before(from.Truncate(24*time.Hour)) && !day.After(to) {
				return []string{lost}
			}
			return nil
		}
	}, func(t *testing.T, b *bench) {
		b.create(schedule("s", "cron(0 12 1 1 ? *)"))
		b.create(schedule("new", "cron(0 1 * * ? 2000)"))
		until("12:00:01")
		time.Sleep(5*24*time.Hour - time.Minute) // 00:00 on the 6th is a day after
		synctest.Wait()
		b.says("s", at("12:00:00"), "unknown", "What became of 2000-01-01 12:00:00 UTC is not known: history is kept for 2 days, and what is older has been dropped.")
		b.says("s", at("13:00:00"), "not_due", "It was not due at 2000-01-01 13:00:00 UTC: after that, cron(0 12 1 1 ? *) in UTC has its first occurrence at 2001-01-01 12:00:00 UTC.")
		b.outlook("Nothing is recorded of it since 2000-01-04 11:59:01 UTC; history is kept for 2 days. Next: it is due at 2001-01-01 12:00:00 UTC.")
		fifth := at("01:00:00").AddDate(0, 0, 4)
		if w := b.why("new", fifth); w.Outcome != "succeeded" {
			t.Errorf("%s: %s", w.Outcome, w.Sentence)
		}
		b.create(schedule("s2", "rate(1 minute)"))
		lost = "history/2000-01-05.db: it is cut off"
		b.says("s", fifth.Add(time.Minute), "not_due", "It was not due at 2000-01-05 01:01:00 UTC: after that, cron(0 12 1 1 ? *) in UTC has its first occurrence at 2001-01-01 12:00:00 UTC.")
		b.says("s2", fifth, "unknown", "What became of 2000-01-05 01:00:00 UTC is not known: a part of the history cannot be read (history/2000-01-05.db: it is cut off).")
		b.outlook("Nothing is recorded of it in what can be read of the history; not read can be history/2000-01-05.db: it is cut off. Next: it is due at 2001-01-01 12:00:00 UTC.")
	})
}

// What should be stored and is not is said to be unknown.
func TestWhyOfWhatMustNotHappen(t *testing.T) {
	inBench(t, nil, func(t *testing.T, b *bench) {
		made := b.create(schedule("s", "cron(30 * * * ? *)"))
		until("00:01:00")
		if moved, err := b.store.Move(t.Context(), b.entry(made.ID), nil); err != nil || !moved {
			t.Fatal(moved, err)
		}
		const report = "nothing waits in the due queue, which must not happen; update the schedule, without a change, and please report it."
		b.says("s", at("00:30:00"), "unknown", "Whether it runs at 2000-01-01 00:30:00 UTC is not known: it is due then, but "+report)
		b.outlook("It has not run yet. Next: by its times it is due at 2000-01-01 00:30:00 UTC, but it is due then, but " + report)
		until("00:30:05")
		b.says("s", at("00:30:00"), "unknown", "What became of 2000-01-01 00:30:00 UTC is not known: it was due, and nothing is recorded, which must not happen; please report it.")
	})
}

// What is due and not let in is told from its entry, and so is what comes due behind
// it.
func TestWhyOfABacklog(t *testing.T) {
	inBench(t, func(b *bench) { b.config.MaxInFlight = 1 }, func(t *testing.T, b *bench) {
		b.answer = func(ctx context.Context, in *belfry.Invocation) belfry.Result {
			if strings.HasSuffix(in.ScheduleARN, "/hangs") {
				<-ctx.Done()
			}
			return belfry.Result{Status: belfry.AttemptSucceeded}
		}
		b.create(schedule("hangs", "at(2000-01-01T00:01:00)"))
		b.create(schedule("s", "cron(2/2 * * * ? *)"))
		until("00:04:30")
		b.says("hangs", at("00:01:00"), "running", "The run scheduled for 2000-01-01 00:01:00 UTC started 0s late and is under way.")
		const waits = "was due to start at 2000-01-01 00:02:00 UTC and waits to be let in: there is a backlog, or a limit is reached, which belfry doctor and the metrics tell."
		b.says("s", at("00:02:00"), "future", "It has not run yet: it "+waits)
		b.says("s", at("00:04:00"), "future", "It has not run yet: it waits behind the occurrence of 2000-01-01 00:02:00 UTC, which "+waits)
		b.says("s", at("00:06:00"), "future", "It has not run yet: it is due at 2000-01-01 00:06:00 UTC.")
		b.outlook("It has not run yet. Next: it " + waits)
	})
}

// What the ledger has of what never came to run.
func TestWhyOfGaps(t *testing.T) {
	inBench(t, nil, func(t *testing.T, b *bench) {
		b.create(schedule("s", "cron(* * * * ? *)"))
		b.create(schedule("once", "at(2000-01-01T00:10:00)"))
		until("00:05:30")
		b.stop()
		time.Sleep(25 * time.Hour)
		b.start()
		synctest.Wait()
		const down = "because it could not be started in time: Belfry was not running, the machine slept, or there was no room; that was over, at 2000-01-02 01:05:30 UTC. " +
			"Of what comes due meanwhile only the latest runs, and only within an hour, a one-time schedule within its maximum event age."
		b.says("s", at("00:06:00"), "gap", "It did not run at 2000-01-01 00:06:00 UTC "+down+" 1499 did not run, from 2000-01-01 00:06:00 UTC to 2000-01-02 01:04:00 UTC.")
		b.says("once", at("00:10:00"), "gap", "It did not run at 2000-01-01 00:10:00 UTC "+down)
		late := schedule("late", "at(2000-01-01T00:02:00)")
		late.Target.Retry.MaximumAge = time.Hour
		b.create(late)
		b.says("late", at("00:02:00"), "gap", "It did not run at 2000-01-01 00:02:00 UTC because its time was past by more than its maximum event age when it was made or enabled, at 2000-01-02 01:05:30 UTC.")
		moved := schedule("moved", "at(2000-01-02T02:00:00)")
		b.create(moved)
		moved.Expression = "at(2000-01-02T01:05:00)"
		time.Sleep(time.Minute)
		b.update(moved)
		b.says("moved", at("01:05:00").AddDate(0, 0, 1), "not_due", "It did not run at 2000-01-02 01:05:00 UTC because the schedule was created only at 2000-01-02 01:05:30 UTC.")
		moved.Expression = "at(2000-01-02T01:06:00)"
		b.update(moved)
		b.says("moved", at("01:06:00").AddDate(0, 0, 1), "not_due", "It did not run at 2000-01-02 01:06:00 UTC because its times were set only at 2000-01-02 01:06:30 UTC, and an edited schedule does not fire for a time before its edit. By the ledger nothing was due then before that.")
		b.says("s", at("00:00:00").Add(-time.Hour), "not_due", "It did not run at 1999-12-31 23:00:00 UTC because the schedule was created only at 2000-01-01 00:00:00 UTC.")
	})
}

func TestWhyWhileAGroupIsBeingDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		b.engine.Stop(t.Context())
		s := &stuck{Store: b.store}
		b.config.Store, b.config.Metrics = s, engine.NewMetrics(prometheus.NewRegistry())
		b.engine = engine.New(b.config)
		if err := b.engine.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer b.stop()
		b.group("g", 1)
		if err := b.engine.DeleteGroup(t.Context(), scope, "g"); err != nil {
			t.Fatal(err)
		}
		until("00:02:30")
		h, err := b.engine.History(t.Context(), belfry.ScheduleRef{Scope: scope, Group: "g", Name: "s0"})
		if err != nil {
			t.Fatal(err)
		}
		for when, want := range map[string]string{
			"00:01:00": "It does not run at 2000-01-01 00:01:00 UTC: its group is being deleted.",
			"00:02:00": "It does not run at 2000-01-01 00:02:00 UTC: its group is being deleted.",
			"00:10:00": "It is not due at 2000-01-01 00:10:00 UTC: its group is being deleted.",
		} {
			w, err := b.engine.Why(t.Context(), h, at(when))
			if err != nil || w.Outcome != "not_due" || w.Sentence != want {
				t.Errorf("%s: %+v, %v", when, w, err)
			}
		}
		if got, err := b.engine.Outlook(t.Context(), h, false); err != nil || got != "Nothing follows: its group is being deleted." {
			t.Error(got, err)
		}
	})
}

// A rule tells of the targets that it has, and of those that it had and that have
// something then.
func TestWhyOfARule(t *testing.T) {
	inBench(t, nil, func(t *testing.T, b *bench) {
		says := func(outlook string, nothing bool) {
			t.Helper()
			h, err := b.engine.RuleHistory(t.Context(), ruleRef("r"))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := b.engine.Outlook(t.Context(), h, nothing); err != nil || got != outlook {
				t.Errorf("outlook %q, %v, want %q", got, err, outlook)
			}
		}
		b.putRule("r", "cron(0/5 * * * ? *)", belfry.Enabled)
		says("It runs nothing: the rule has no targets.", true)
		b.putTargets("r", "a", "b")
		says("It has not run yet. Next: it is due at 2000-01-01 00:05:00 UTC.", true)
		until("00:06:00")
		if _, err := b.engine.RemoveTargets(t.Context(), ruleRef("r"), []string{"b"}); err != nil {
			t.Fatal(err)
		}
		if w := b.whyRule("r", at("00:05:00")); w.Outcome != "succeeded" || len(w.Targets) != 2 {
			t.Errorf("00:05: %s: %s", w.Outcome, w.Sentence)
		}
		if w := b.whyRule("r", at("00:10:00")); w.Outcome != "future" || len(w.Targets) != 1 {
			t.Errorf("00:10: %s: %s", w.Outcome, w.Sentence)
		}
		b.putRule("r", "cron(0 0 30 2 ? *)", belfry.Enabled)
		says("Nothing follows: cron(0 0 30 2 ? *) in UTC has no occurrence after now.", false)
		if w := b.whyRule("r", at("00:10:00")); w.Outcome != "not_due" {
			t.Errorf("00:10, never due: %s: %s", w.Outcome, w.Sentence)
		}
		b.putRule("r", "cron(0 0 30 2 ? *)", belfry.Disabled)
		says("It is disabled, and nothing is due until it is enabled.", false)
		if _, err := b.engine.RemoveTargets(t.Context(), ruleRef("r"), []string{"a"}); err != nil {
			t.Fatal(err)
		}
		says("It runs nothing: the rule has no targets.", false)
	})
}
