package monitor_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

func TestScheduleFailsAndRecovers(t *testing.T) {
	inWorld(t, func(w *world) {
		w.create("a", minutely)
		w.create("well", minutely)
		w.until("00:02:30")
		w.target("a", broken)
		w.until("00:05:30")
		w.target("a", nil)
		w.until("00:10:00")
		f := w.told("a", "00:03:00 up down failed", "00:06:00 down up recovered")
		w.detail(f[0], "The run of 2000-01-01 00:03:00 UTC failed: Attempt 1 failed in a way that no retry can mend: HTTP.404: gone")
		w.detail(f[1], "The run of 2000-01-01 00:06:00 UTC ended with succeeded at 2000-01-01 00:06:00 UTC; it had been down for 3m0s.")
		if f[0].Name != "default/a" || f[0].Account != scope.Account || f[0].Run == "" || f[0].Run == f[1].Run {
			w.Errorf("the flip is %+v", f[0])
		}
		w.told("well")
	})
}

func TestScheduleDeadLetters(t *testing.T) {
	inWorld(t, func(w *world) {
		w.create("a", minutely, func(s *belfry.Schedule) { s.Target.DeadLetterARN = "arn:aws:sqs:eu-west-1:000000000000:dead" })
		w.target("a", broken)
		w.until("00:01:30")
		f := w.told("a", "00:01:00 up down dead_lettered")
		w.detail(f[0], "The run of 2000-01-01 00:01:00 UTC failed, and its message is in the dead-letter queue: Attempt 1 failed in a way that no retry can mend: HTTP.404: gone")
	})
}

func TestPolicyCounts(t *testing.T) {
	inWorld(t, func(w *world) {
		three := monitor.DefaultWatchPolicy()
		three.After = 3
		half := monitor.DefaultWatchPolicy()
		half.After, half.Share, half.Of = 0, 50, 4
		deaf := monitor.DefaultWatchPolicy()
		deaf.Failed = false
		w.policies["three"], w.policies["half"], w.policies["deaf"] = three, half, deaf
		for _, name := range []string{"three", "half", "deaf"} {
			w.create(name, minutely)
		}
		bad := map[int]bool{1: true, 2: true, 4: true, 5: true, 6: true, 7: true, 10: true, 12: true} // by minute
		for _, name := range []string{"three", "half", "deaf"} {
			w.target(name, func(ctx context.Context) belfry.Result {
				if bad[time.Now().Minute()] {
					return broken(ctx)
				}
				return belfry.Result{Status: belfry.AttemptSucceeded}
			})
		}
		w.until("00:20:00")
		f := w.told("three", "00:06:00 up down failed", "00:08:00 down up recovered")
		w.detail(f[0], "3 runs in a row failed. The run of 2000-01-01 00:06:00 UTC failed: Attempt 1 failed in a way that no retry can mend: HTTP.404: gone")
		// Half of the last four are bad up to and with 00:10, and again from 00:12 to 00:13.
		f = w.told("half", "00:02:00 up down failed", "00:11:00 down up recovered", "00:12:00 up down failed", "00:14:00 down up recovered")
		w.detail(f[0], "2 of the last 2 runs failed. The run of 2000-01-01 00:02:00 UTC failed: Attempt 1 failed in a way that no retry can mend: HTTP.404: gone")
		w.told("deaf")
	})
}

func TestDowntimeIsMissedThenRecovered(t *testing.T) {
	inWorld(t, func(w *world) {
		w.create("a", minutely)
		w.create("hourly", "cron(0 * * * ? *)")
		w.until("00:05:30")
		w.shutdown()
		w.until("01:10:30")
		w.start()
		w.until("01:12:30")
		f := w.told("a", "01:10:30 up down missed", "01:10:30 down up recovered")
		w.detail(f[0], "64 occurrences from 2000-01-01 00:06:00 UTC to 2000-01-01 01:09:00 UTC were missed: Belfry was not running, the machine slept or there was no room, for longer than catch-up reaches.")
		// Its one occurrence was caught up with: late, but not missed.
		f = w.told("hourly", "01:10:30 up grace late", "01:10:30 grace up recovered")
		w.detail(f[0], "The run of 2000-01-01 01:00:00 UTC started 10m30s late, at 2000-01-01 01:10:30 UTC.")
	})
}

func TestNeverFires(t *testing.T) {
	inWorld(t, func(w *world) {
		w.until("00:05:00")
		w.create("past", "at(2000-01-01T00:01:00)", func(s *belfry.Schedule) { s.Target.Retry.MaximumAge = time.Minute })
		w.until("00:05:10")
		f := w.told("past", "00:05:00 up down never_fired")
		w.detail(f[0], "It never fires: its one time, 2000-01-01 00:01:00 UTC, was past, by more than its maximum event age, when it was set or enabled.")
	})
}

func TestStuckEngine(t *testing.T) {
	inWorld(t, func(w *world) {
		w.create("a", minutely)
		w.create("gone", minutely)
		w.until("00:01:30")
		w.shutdown()
		w.startStore()
		w.startWatch() // and no engine
		w.until("00:02:59")
		w.told("a")
		w.until("00:13:00")
		f := w.told("a", "00:03:01 up grace late", "00:12:01 grace down never_fired")
		w.detail(f[0], "The run of 2000-01-01 00:02:00 UTC was due at 2000-01-01 00:02:00 UTC and has not started for 1m1s.")
		if n := w.unwell(); n[monitor.Down] != 2 {
			w.Errorf("%v, want two down", n)
		}
		w.startEngine()
		w.until("00:15:30")
		// The engine records what it missed, and goes on.
		w.told("a", "00:03:01 up grace late", "00:12:01 grace down never_fired", "00:13:00 down up recovered")
		if n := w.unwell(); len(n) != 0 {
			w.Errorf("%v, want all well", n)
		}
	})
}

func TestRunTakesTooLong(t *testing.T) {
	inWorld(t, func(w *world) {
		fixed := monitor.DefaultWatchPolicy()
		fixed.Longest = 5 * time.Minute
		w.policies["fixed"] = fixed
		none := fixed
		none.TooLong = false
		w.policies["none"] = none
		half := "cron(30 * * * ? *)"
		for _, name := range []string{"fixed", "none", "new", "once"} {
			w.create(name, half)
			w.target(name, takes(20*time.Minute))
		}
		w.until("00:40:00")
		f := w.told("fixed", "00:35:05 up grace too_long")
		w.detail(f[0], "The run of 2000-01-01 00:30:00 UTC has been under way for 5m5s, since 2000-01-01 00:30:00 UTC; its limit is 5m0s.")
		w.until("01:00:00")
		w.told("fixed", "00:35:05 up grace too_long", "00:50:00 grace up recovered")
		w.told("none")
		w.told("new") // it has no history to learn from
	})
}

func TestLearnsWhatIsTooLong(t *testing.T) {
	inWorld(t, func(w *world) {
		w.create("a", minutely)
		w.target("a", takes(40*time.Second))
		w.until("00:30:50") // ten and more are in the history now
		w.target("a", takes(10*time.Minute))
		w.until("00:34:00")
		f := w.told("a", "00:33:05 up grace too_long")
		w.detail(f[0], "The run of 2000-01-01 00:31:00 UTC has been under way for 2m5s, since 2000-01-01 00:31:00 UTC; of its last 15 runs that succeeded 95 % took no longer than 40s, and 2m0s is the limit made from that.")
	})
}

func TestRetriesTakeTooLong(t *testing.T) {
	inWorld(t, func(w *world) {
		p := monitor.DefaultWatchPolicy()
		p.Longest = 2 * time.Minute
		w.policies["a"] = p
		w.create("a", "cron(2 * * * ? *)")
		w.target("a", busy)
		w.until("00:05:00")
		f := w.told("a", "00:04:05 up grace too_long")
		w.detail(f[0], "The run of 2000-01-01 00:02:00 UTC has failed so far and is being tried again, for 2m5s now, since 2000-01-01 00:02:00 UTC; its limit is 2m0s.")
		w.target("a", nil)
		w.until("00:20:00")
		if all, _ := w.store.ListFlips(w.Context(), monitor.FlipQuery{Subject: monitor.WatchSubject(refOf("a")), Limit: 10}); len(all) != 2 || all[0].Reason != monitor.ReasonRecovered {
			w.Errorf("flips are %+v, want a recovery", all)
		}
		if n := w.unwell(); len(n) != 0 {
			w.Errorf("%v, want all well", n)
		}
	})
}

func TestDeletedOrDisabledIsClosed(t *testing.T) {
	inWorld(t, func(w *world) {
		for _, name := range []string{"deleted", "disabled"} {
			w.create(name, minutely)
			w.target(name, broken)
		}
		w.create("once", "at(2000-01-01T00:01:00)", func(s *belfry.Schedule) { s.DeleteAfterCompletion = true })
		w.target("once", broken)
		w.until("00:01:30")
		w.ok(w.engine.DeleteSchedule(w.Context(), refOf("deleted")))
		s, err := w.engine.Schedule(w.Context(), refOf("disabled"))
		w.ok(err)
		s.State = belfry.Disabled
		_, err = w.engine.UpdateSchedule(w.Context(), *s)
		w.ok(err)
		w.until("00:05:00")
		w.told("deleted", "00:01:00 up down failed", "00:01:30 down paused deleted")
		w.told("disabled", "00:01:00 up down failed", "00:01:30 down paused disabled")
		w.told("once", "00:01:00 up down failed", "00:01:00 down paused deleted")
		if n := w.unwell(); len(n) != 0 {
			w.Errorf("%v, want none", n)
		}
		// Its next life begins well.
		w.create("deleted", minutely)
		w.until("00:06:30")
		w.told("deleted", "00:01:00 up down failed", "00:01:30 down paused deleted", "00:06:00 up down failed")
	})
}

func TestRestartLosesAndDoublesNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		w.create("a", minutely)
		w.until("00:01:30")
		w.stop[len(w.stop)-1]() // the watch
		w.stop = w.stop[:len(w.stop)-1]
		w.target("a", broken)
		w.until("00:03:30")
		w.target("a", nil)
		w.until("00:04:30")
		w.told("a")
		w.shutdown()
		w.start()
		w.until("00:05:30")
		w.told("a", "00:02:00 up down failed", "00:04:00 down up recovered")
		w.target("a", broken)
		w.until("00:06:00")
		for range 3 {
			w.shutdown()
			w.start()
		}
		w.until("00:06:30")
		w.told("a", "00:02:00 up down failed", "00:04:00 down up recovered", "00:06:00 up down failed")
	})
}

func TestTargetsOfARuleAreWatchedEach(t *testing.T) {
	inWorld(t, func(w *world) {
		rule := belfry.RuleRef{Scope: scope, Name: "r"}
		_, err := w.engine.PutRule(w.Context(), belfry.Rule{Scope: scope, Name: "r", Expression: minutely})
		w.ok(err)
		target := belfry.Target{ARN: "arn:aws:sqs:eu-west-1:000000000000:q", Retry: belfry.DefaultRetry()}
		w.ok(w.engine.PutTargets(w.Context(), rule, []belfry.RuleTarget{{ID: "t", Target: target}}))
		w.mu.Lock()
		w.targets[""] = broken // the harness knows names of schedules only
		w.mu.Unlock()
		w.until("00:01:30")
		all, err := w.store.ListFlips(w.Context(), monitor.FlipQuery{
			Subject: monitor.Subject{Account: scope.Account, Kind: monitor.SubjectSchedule, ID: rule.ARN() + "/t"}, Limit: 10,
		})
		w.ok(err)
		if len(all) != 1 || all[0].To != monitor.Down || all[0].Name != "r/t" {
			w.Errorf("flips are %+v", all)
		}
	})
}

// The cost of the watch of schedules that are well is none: no row, and no news.
func TestWellSchedulesCostNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		for i := range 100 {
			w.create(fmt.Sprint("s", i), minutely)
		}
		w.create("a", minutely)
		w.until("00:05:30")
		nothing := func(want int64) {
			w.Helper()
			b, err := w.store.News(w.Context(), 1)
			w.ok(err)
			if b.Through != want {
				w.Errorf("there have been %d rows of news, want %d", b.Through, want)
			}
			if n := w.unwell(); len(n) != 0 {
				w.Errorf("%v, want no watch", n)
			}
		}
		nothing(0)
		w.target("a", broken)
		w.until("00:06:30")
		w.target("a", nil)
		w.until("01:09:30")
		nothing(64) // the failure, and what followed until the last 64 were good
		w.until("01:15:30")
		nothing(65)
		w.told("a", "00:06:00 up down failed", "00:07:00 down up recovered")
	})
}

func TestScheduleThatTheQueueHasLost(t *testing.T) {
	inWorld(t, func(w *world) {
		w.create("a", minutely)
		lost := w.create("lost", "cron(45 0 * * ? *)")
		w.create("done", "at(2000-01-01T00:01:00)")
		w.until("00:05:30")
		pending, err := w.store.Pending(w.Context(), lost.ID, []belfry.Due{{
			At: lost.Created.Add(45 * time.Minute), Occurrence: belfry.Occurrence{Schedule: lost.ID, Time: lost.Created.Add(45 * time.Minute)}, Revision: 1,
		}}, time.Now(), false)
		w.ok(err)
		edited := *lost
		edited.Revision++
		w.ok(w.store.ChangeSchedule(w.Context(), belfry.ScheduleChange{Old: lost, New: &edited, Pending: pending})) // and no entry in its place
		w.until("00:31:00")
		f := w.told("lost", "00:30:00 up down never_fired")
		w.detail(f[0], "It is enabled and due at 2000-01-01 00:45:00 UTC, but is not in the due queue, and so would not run. Update it, without a change, to put it back; and please report this: it must not happen.")
		w.told("a")
		w.told("done")
		_, err = w.engine.UpdateSchedule(w.Context(), edited)
		w.ok(err)
		w.until("00:45:30")
		w.told("lost", "00:30:00 up down never_fired", "00:45:00 down up recovered")
	})
}
