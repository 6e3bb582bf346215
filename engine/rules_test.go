package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
)

func ruleRef(name string) belfry.RuleRef { return belfry.RuleRef{Scope: scope, Name: name} }

func ruleTarget(id string) belfry.RuleTarget {
	return belfry.RuleTarget{ID: id, Target: belfry.Target{ARN: "arn:aws:sqs:us-east-1:000000000000:" + id, Retry: belfry.DefaultRetry()}}
}

func (b *bench) putRule(name, expression string, state belfry.State) *belfry.Rule {
	b.t.Helper()
	r, err := b.engine.PutRule(b.t.Context(), belfry.Rule{Scope: scope, Name: name, Expression: expression, State: state})
	if err != nil {
		b.t.Fatalf("put rule %s: %v", name, err)
	}
	return r
}

func (b *bench) putTargets(name string, ids ...string) {
	b.t.Helper()
	var all []belfry.RuleTarget
	for _, id := range ids {
		all = append(all, ruleTarget(id))
	}
	if err := b.engine.PutTargets(b.t.Context(), ruleRef(name), all); err != nil {
		b.t.Fatalf("put targets of %s: %v", name, err)
	}
}

func (b *bench) ruleLedger(name string) []string {
	b.t.Helper()
	h, err := b.engine.RuleHistory(b.t.Context(), ruleRef(name))
	if err != nil {
		b.t.Fatal(err)
	}
	entries, err := b.engine.Ledger(b.t.Context(), h, time.Time{}, time.Time{}, 10_000)
	if err != nil {
		b.t.Fatal(err)
	}
	out := lines(entries)
	for i, e := range entries {
		id := belfry.ID(0)
		if e.Run != nil {
			id = e.Run.Schedule
		} else {
			id = e.Gap.Schedule
		}
		out[i] = h.Target(id) + " " + out[i]
	}
	return out
}

// times returns when each occurrence arrived and how many targets it reached.
func (b *bench) times() []string {
	var out []string
	n := map[string]int{}
	for _, c := range b.take() {
		at := c.time.Format("15:04:05")
		if n[at]++; n[at] == 1 {
			out = append(out, at)
		}
	}
	for i, at := range out {
		out[i] = fmt.Sprintf("%s x%d", at, n[at])
	}
	return out
}

func wantLines(t *testing.T, what string, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestRuleFiresAllTargets: a rate begins at the rule's creation, and every
// target, whenever it was added, keeps to the rule's grid.
func TestRuleFiresAllTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		time.Sleep(40 * time.Second) // 00:00:40
		b.putRule("r", "rate(5 minutes)", belfry.Enabled)
		b.putTargets("r", "a", "b")
		time.Sleep(7 * time.Minute)
		b.putTargets("r", "c")
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		wantLines(t, "occurrences", b.times(), []string{"00:05:00 x2", "00:10:00 x3"})
		b.putTargets("r", "a") // replaced: as if nothing had been
		if missing, err := b.engine.RemoveTargets(t.Context(), ruleRef("r"), []string{"b", "nobody", "b"}); err != nil || !cmp.Equal(missing, []string{"nobody"}) {
			t.Errorf("remove: missing %v, %v", missing, err)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		wantLines(t, "occurrences without b", b.times(), []string{"00:15:00 x2"})
		wantLines(t, "ledger", b.ruleLedger("r"), []string{
			"a 00:05:00 succeeded", "b 00:05:00 succeeded",
			"a 00:10:00 succeeded", "b 00:10:00 succeeded", "c 00:10:00 succeeded",
			"a 00:15:00 succeeded", "c 00:15:00 succeeded",
		})
		if all, err := b.engine.Schedules(t.Context(), belfry.ScheduleQuery{Scope: scope, Limit: 100}); err != nil || len(all) != 0 {
			t.Errorf("the schedules of the scope are %v, %v, want none", all, err)
		}
	})
}

// TestRuleEdits: put again, disabled and enabled; the targets stay and every
// occurrence has its outcome.
func TestRuleEdits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		b.putRule("r", "cron(0/5 * * * ? *)", belfry.Enabled)
		b.putTargets("r", "a", "b")
		time.Sleep(6 * time.Minute)
		for range 2 { // the second time changes nothing
			if err := b.engine.SetRuleState(t.Context(), ruleRef("r"), belfry.Disabled); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Minute) // 00:16
		b.putTargets("r", "c")       // a target of a disabled rule does not fire
		time.Sleep(5 * time.Minute)  // 00:21
		if err := b.engine.SetRuleState(t.Context(), ruleRef("r"), belfry.Enabled); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)                            // 00:26
		b.putRule("r", "cron(0/5 * * * ? *)", belfry.Disabled) // replaces all, and keeps the targets
		time.Sleep(5 * time.Minute)                            // 00:31
		w := b.whyRule("r", time.Date(2000, 1, 1, 0, 10, 0, 0, time.UTC))
		if w.Outcome != "mixed" || len(w.Targets) != 3 || !strings.Contains(w.Sentence, "Target a: It did not run at 2000-01-01 00:10:00 UTC because the schedule was disabled") {
			t.Errorf("why 00:10: %s: %s", w.Outcome, w.Sentence)
		}
		if w := b.whyRule("r", time.Date(2000, 1, 1, 0, 25, 0, 0, time.UTC)); w.Outcome != "succeeded" {
			t.Errorf("why 00:25: %s: %s", w.Outcome, w.Sentence)
		}
		b.putRule("r", "rate(10 minutes)", belfry.Enabled) // the new grid begins here
		time.Sleep(10*time.Minute + time.Second)           // 00:41:01
		if r := b.putRule("r", "rate(10 minutes)", 0); !r.Anchor.Equal(time.Date(2000, 1, 1, 0, 31, 0, 0, time.UTC)) {
			t.Errorf("put again without another expression the anchor is %v", r.Anchor)
		}
		synctest.Wait()
		wantLines(t, "ledger", b.ruleLedger("r"), []string{
			"a 00:05:00 succeeded", "b 00:05:00 succeeded",
			"a 00:06:00..00:21:00 3 disabled", "b 00:06:00..00:21:00 3 disabled",
			"c 00:16:00..00:21:00 1 disabled",
			"a 00:25:00 succeeded", "b 00:25:00 succeeded", "c 00:25:00 succeeded",
			"a 00:26:00..00:31:00 1 disabled", "b 00:26:00..00:31:00 1 disabled", "c 00:26:00..00:31:00 1 disabled",
			"a 00:41:00 succeeded", "b 00:41:00 succeeded", "c 00:41:00 succeeded",
		})
	})
}

func (b *bench) whyRule(name string, at time.Time) *engine.Why {
	b.t.Helper()
	h, err := b.engine.RuleHistory(b.t.Context(), ruleRef(name))
	if err != nil {
		b.t.Fatal(err)
	}
	w, err := b.engine.Why(b.t.Context(), h, at)
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

// TestRuleOverARestart: while the server is down all targets miss the same
// occurrences, and the latest is caught up by all.
func TestRuleOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		b.putRule("r", "rate(10 minutes)", belfry.Enabled)
		b.putTargets("r", "a", "b")
		b.stop()
		time.Sleep(35 * time.Minute)
		b.start()
		defer b.stop()
		time.Sleep(time.Second)
		synctest.Wait()
		wantLines(t, "ledger", b.ruleLedger("r"), []string{
			"a 00:10:00..00:20:00 2 missed", "b 00:10:00..00:20:00 2 missed",
			"a 00:30:00 succeeded", "b 00:30:00 succeeded",
		})
	})
}

// TestRuleLimits: five targets, three hundred rules, and a refused call that
// changes nothing.
func TestRuleLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		ctx := t.Context()
		for i := range 300 {
			b.putRule(fmt.Sprintf("r%03d", i), "rate(1 day)", belfry.Enabled)
		}
		_, err := b.engine.PutRule(ctx, belfry.Rule{Scope: scope, Name: "one-more", Expression: "rate(1 day)"})
		if belfry.KindOf(err) != belfry.Quota {
			t.Errorf("the 301st rule: %v, want Quota", err)
		}
		b.putRule("r000", "rate(2 days)", belfry.Enabled) // an edit is no new rule

		b.putTargets("r000", "a", "b", "c", "d")
		more := []belfry.RuleTarget{ruleTarget("d"), ruleTarget("e"), ruleTarget("f")}
		if err := b.engine.PutTargets(ctx, ruleRef("r000"), more); belfry.KindOf(err) != belfry.Quota {
			t.Errorf("a sixth target: %v, want Quota", err)
		}
		wantTargets := func(want ...string) {
			t.Helper()
			targets, err := b.engine.RuleTargets(ctx, ruleRef("r000"), "", 100)
			var got []string
			for _, s := range targets {
				got = append(got, s.Name)
			}
			if err != nil || !cmp.Equal(got, want) {
				t.Errorf("the targets are %v, %v, want %v", got, err, want)
			}
		}
		wantTargets("a", "b", "c", "d")
		b.putTargets("r000", "d", "e")
		wantTargets("a", "b", "c", "d", "e")
		twice := []belfry.RuleTarget{ruleTarget("a"), ruleTarget("a")}
		if err := b.engine.PutTargets(ctx, ruleRef("r000"), twice); belfry.KindOf(err) != belfry.Invalid || err.Error() != "More than one target with Id 'a' is provided" {
			t.Errorf("an id twice: %v", err)
		}
		if err := b.engine.DeleteRule(ctx, ruleRef("r000")); belfry.KindOf(err) != belfry.Invalid || err.Error() != "Rule can't be deleted since it has targets." {
			t.Errorf("deleting a rule with targets: %v", err)
		}
		if _, err := b.engine.RemoveTargets(ctx, ruleRef("r000"), []string{"a", "b", "c", "d", "e"}); err != nil {
			t.Error(err)
		}
		for range 2 { // one that is not there is no error
			if err := b.engine.DeleteRule(ctx, ruleRef("r000")); err != nil {
				t.Error(err)
			}
		}
		for name, err := range map[string]error{
			"state":   b.engine.SetRuleState(ctx, ruleRef("r000"), belfry.Disabled),
			"targets": b.engine.PutTargets(ctx, ruleRef("r000"), more[:1]),
			"tags":    b.engine.TagRule(ctx, ruleRef("r000"), map[string]string{"k": "v"}, nil),
		} {
			if belfry.KindOf(err) != belfry.NotFound || err.Error() != "Rule r000 does not exist on EventBus default." {
				t.Errorf("%s of a rule that is not there: %v", name, err)
			}
		}
		tags := map[string]string{}
		for i := range 50 {
			tags[fmt.Sprint(i)] = ""
		}
		if err := b.engine.TagRule(ctx, ruleRef("r001"), tags, nil); err != nil {
			t.Errorf("50 tags: %v", err)
		}
		if err := b.engine.TagRule(ctx, ruleRef("r001"), map[string]string{"one more": ""}, nil); belfry.KindOf(err) != belfry.Quota {
			t.Errorf("51 tags: %v, want Quota", err)
		}
		if _, err := b.engine.PutRule(ctx, belfry.Rule{Scope: scope, Name: "bad", Expression: "rate(5 minute)"}); belfry.KindOf(err) != belfry.Invalid {
			t.Errorf("a bad expression: %v", err)
		}
	})
}

// TestRuleEditsAtOnce: of many calls at once none is lost and none breaks the
// limit.
func TestRuleEditsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		defer b.stop()
		b.putRule("r", "rate(1 minute)", belfry.Enabled)
		var wg sync.WaitGroup
		var mu sync.Mutex
		accepted, refused := 0, 0
		for i := range 12 {
			wg.Go(func() {
				err := b.engine.PutTargets(t.Context(), ruleRef("r"), []belfry.RuleTarget{ruleTarget(fmt.Sprint("t", i))})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					accepted++
				case belfry.KindOf(err) == belfry.Quota:
					refused++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if accepted != 5 || refused != 7 {
			t.Errorf("%d accepted and %d refused, want 5 and 7", accepted, refused)
		}
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		wantLines(t, "occurrences", b.times(), []string{"00:01:00 x5"})
	})
}

// TestRuleDeadLetters: a target's message has the rule's six attributes.
func TestRuleDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.answer = func(_ context.Context, in *belfry.Invocation) belfry.Result {
			if in.Rule != "r" || in.ScheduleARN != "arn:aws:events:us-east-1:000000000000:rule/r" {
				t.Errorf("the invocation says rule %q, %s", in.Rule, in.ScheduleARN)
			}
			return belfry.Result{Status: belfry.AttemptRetryable, ErrorCode: "E", ErrorMessage: "no", Payload: "the event"}
		}
		b.start()
		defer b.stop()
		b.putRule("r", "rate(1 minute)", belfry.Enabled)
		target := ruleTarget("a")
		target.DeadLetterARN = "arn:aws:sqs:us-east-1:000000000000:dead"
		target.Retry = belfry.RetryPolicy{MaximumAge: time.Hour, MaximumAttempts: 1}
		if err := b.engine.PutTargets(t.Context(), ruleRef("r"), []belfry.RuleTarget{target}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(119 * time.Second)
		synctest.Wait()
		want := []letter{{target.DeadLetterARN, "the event", map[string]string{
			"RULE_ARN": "arn:aws:events:us-east-1:000000000000:rule/r", "TARGET_ARN": target.ARN,
			"ERROR_CODE": "E", "ERROR_MESSAGE": "no", "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts", "RETRY_ATTEMPTS": "1",
		}}}
		if diff := cmp.Diff(want, b.dead, cmp.AllowUnexported(letter{})); diff != "" {
			t.Errorf("dead letters (-want +got):\n%s", diff)
		}
		wantLines(t, "ledger", b.ruleLedger("r"), []string{"a 00:01:00 dead_lettered"})
	})
}

// TestDeadLetterOfAnUnsentAttempt: a retry that comes up after the maximum age
// sends nothing; its dead letter has what it would have sent.
func TestDeadLetterOfAnUnsentAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.answer = func(context.Context, *belfry.Invocation) belfry.Result {
			return belfry.Result{Status: belfry.AttemptRetryable, ErrorCode: "E", ErrorMessage: "no", RetryAfter: 30 * time.Second, Payload: "sent"}
		}
		b.config.Payload = func(in *belfry.Invocation) string {
			return fmt.Sprintf("%s of %s, attempt %d", in.Time.Format("15:04"), in.Rule, in.Attempt)
		}
		b.start()
		b.putRule("r", "rate(1 minute)", belfry.Enabled)
		target := ruleTarget("a")
		target.DeadLetterARN = "arn:aws:sqs:us-east-1:000000000000:dead"
		target.Retry = belfry.RetryPolicy{MaximumAge: time.Minute, MaximumAttempts: 9}
		if err := b.engine.PutTargets(t.Context(), ruleRef("r"), []belfry.RuleTarget{target}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute + time.Second)
		if err := b.engine.SetRuleState(t.Context(), ruleRef("r"), belfry.Disabled); err != nil {
			t.Fatal(err)
		}
		b.stop()
		time.Sleep(5 * time.Minute)
		b.start()
		defer b.stop()
		time.Sleep(time.Second)
		synctest.Wait()
		if len(b.dead) != 1 || b.dead[0].body != "00:01 of r, attempt 1" || b.dead[0].attributes["EXHAUSTED_RETRY_CONDITION"] != "MaximumEventAgeInSeconds" {
			t.Errorf("the dead letters are %+v", b.dead)
		}
	})
}
