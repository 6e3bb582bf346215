package monitor_test

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

func TestSettingsAreChecked(t *testing.T) {
	b := newBench(t)
	c := b.create()
	x := func(n int) string { return strings.Repeat("ö", n) }
	a := func(n int) string { return strings.Repeat("a", n) }
	for _, s := range []struct {
		field string
		good  func(*monitor.Settings)
		bad   func(*monitor.Settings)
		why   string
	}{
		{"name", func(s *monitor.Settings) { s.Name = x(100) }, func(s *monitor.Settings) { s.Name = x(101) }, "is too long"},
		{"name", func(s *monitor.Settings) { s.Name = "" }, func(s *monitor.Settings) { s.Name = "\xff" }, "is not a string"},
		{"slug", func(s *monitor.Settings) { s.Slug = a(100) }, func(s *monitor.Settings) { s.Slug = a(101) }, "is too long"},
		{"slug", func(s *monitor.Settings) { s.Slug = "a-z_0" }, func(s *monitor.Settings) { s.Slug = "A" }, "does not match pattern"},
		{"slug", func(s *monitor.Settings) { s.Slug = "" }, func(s *monitor.Settings) { s.Slug = "a\n" }, "does not match pattern"},
		{"tags", func(s *monitor.Settings) { s.Tags = x(500) }, func(s *monitor.Settings) { s.Tags = x(501) }, "is too long"},
		{"desc", func(s *monitor.Settings) { s.Desc = x(10_000) }, func(s *monitor.Settings) { s.Desc = x(10_001) }, "is too long"},
		{"desc", func(s *monitor.Settings) { s.Desc = "\n" }, func(s *monitor.Settings) { s.Desc = "a\x00" }, "is not a string"},
		{"start_kw", func(s *monitor.Settings) { s.StartKeywords = x(200) }, func(s *monitor.Settings) { s.StartKeywords = x(201) }, "is too long"},
		{"success_kw", func(s *monitor.Settings) { s.SuccessKeywords = x(200) }, func(s *monitor.Settings) { s.SuccessKeywords = x(201) }, "is too long"},
		{"failure_kw", func(s *monitor.Settings) { s.FailureKeywords = x(200) }, func(s *monitor.Settings) { s.FailureKeywords = x(201) }, "is too long"},
		{"timeout", func(s *monitor.Settings) { s.Timeout = time.Minute }, func(s *monitor.Settings) { s.Timeout = time.Minute - time.Second }, "is too small"},
		{"timeout", func(s *monitor.Settings) { s.Timeout = 31536000 * time.Second }, func(s *monitor.Settings) { s.Timeout = 31536001 * time.Second }, "is too large"},
		{"grace", func(s *monitor.Settings) { s.Grace = time.Minute }, func(s *monitor.Settings) { s.Grace = 59 * time.Second }, "is too small"},
		{"grace", func(s *monitor.Settings) { s.Grace = 31536000 * time.Second }, func(s *monitor.Settings) { s.Grace = 31536001 * time.Second }, "is too large"},
		{"methods", func(s *monitor.Settings) { s.Methods = "POST" }, func(s *monitor.Settings) { s.Methods = "GET" }, "has unexpected value"},
		{"channels", func(s *monitor.Settings) { s.Channels = make([]string, 100) }, func(s *monitor.Settings) { s.Channels = make([]string, 101) }, "is too long"},
		{"kind", func(s *monitor.Settings) { s.Kind = monitor.OnCalendar; s.Schedule = "12:34" }, func(s *monitor.Settings) { s.Kind = "" }, "has unexpected value"},
		{"schedule", func(s *monitor.Settings) { s.Schedule = a(100) }, func(s *monitor.Settings) { s.Schedule = a(101) }, "is too long"},
		{"schedule", func(s *monitor.Settings) { s.Kind, s.Schedule = monitor.Cron, "5 * * * *" }, func(s *monitor.Settings) { s.Kind, s.Schedule = monitor.Cron, "60 * * * *" }, "is not a valid cron or OnCalendar expression"},
		{"tz", func(s *monitor.Settings) { s.Timezone = "Europe/Riga" }, func(s *monitor.Settings) { s.Timezone = "Europe/Rigo" }, "is not a valid timezone"},
		{"tz", func(s *monitor.Settings) { s.Timezone = "UTC" }, func(s *monitor.Settings) { s.Timezone = "" }, "is not a valid timezone"},
		{"tz", func(s *monitor.Settings) { s.Timezone = "UTC" }, func(s *monitor.Settings) { s.Timezone = "Local" }, "is not a valid timezone"},
	} {
		for _, edit := range []func(*monitor.Settings){s.good, s.bad} {
			settings := monitor.DefaultSettings()
			edit(&settings)
			created, _, err := b.Create(b.ctx, account, settings, monitor.Like{})
			before := b.get(c)
			_, updateErr := b.Update(b.ctx, account, c.ID, func(old *monitor.Settings) error { *old = settings; return nil })
			if err == nil {
				b.ok(updateErr)
				b.same(created.Settings, settings)
				b.same(b.get(c).Settings, settings)
				continue
			}
			if updateErr == nil || updateErr.Error() != err.Error() {
				t.Errorf("update says %v, create %v", updateErr, err)
			}
			b.same(b.get(c), before)
		}
		bad := monitor.DefaultSettings()
		s.bad(&bad)
		_, _, err := b.Create(b.ctx, account, bad, monitor.Like{})
		b.refused(err, belfry.Invalid, s.field+" "+s.why)
	}
}

func TestAccountsAreApart(t *testing.T) {
	b := newBench(t)
	c := b.create()
	keep := func(*monitor.Settings) error { return nil }
	for name, do := range map[string]func(account, id string) error{
		"Check":    func(a, id string) error { _, err := b.Check(b.ctx, a, id); return err },
		"Update":   func(a, id string) error { _, err := b.Update(b.ctx, a, id, keep); return err },
		"Pause":    func(a, id string) error { _, err := b.Pause(b.ctx, a, id); return err },
		"Resume":   func(a, id string) error { _, err := b.Resume(b.ctx, a, id); return err },
		"Pings":    func(a, id string) error { _, err := b.Pings(b.ctx, a, id, 1); return err },
		"PingBody": func(a, id string) error { _, err := b.PingBody(b.ctx, a, id, 1); return err },
		"Flips":    func(a, id string) error { _, err := b.Flips(b.ctx, a, id, monitor.FlipQuery{Limit: 1}); return err },
		"Delete":   func(a, id string) error { _, err := b.Delete(b.ctx, a, id, "me"); return err },
	} {
		if err := do(other, c.ID); belfry.KindOf(err) != belfry.Denied {
			t.Errorf("%s of another account's check: %v", name, err)
		}
		if err := do(account, rid1); belfry.KindOf(err) != belfry.NotFound {
			t.Errorf("%s of no check: %v", name, err)
		}
	}
	b.same(b.get(c), c)
	got, err := b.Delete(b.ctx, account, c.ID, "me")
	b.ok(err)
	b.same(got, c)
	_, err = b.Check(b.ctx, account, c.ID)
	b.refused(err, belfry.NotFound, "not found")
}

func TestAnEditThatIsRefusedChangesNothing(t *testing.T) {
	b := newBench(t)
	c := b.create()
	refusal := errors.New("no")
	_, err := b.Update(b.ctx, account, c.ID, func(s *monitor.Settings) error { s.Name = "x"; return refusal })
	if !errors.Is(err, refusal) {
		t.Fatalf("error is %v", err)
	}
	b.same(b.get(c), c)
}

// Of the first eight bytes of the id alone, as Healthchecks names checks for
// those who may only read.
func TestUniqueKey(t *testing.T) {
	c := monitor.Check{ID: "f618072a-7bde-4eee-af63-71a77c5723bc"}
	if got, want := c.UniqueKey(), "f618072a7bde4eee"; got != sha1Hex(want) {
		t.Errorf("it is %s, want the SHA-1 of %s", got, want)
	}
	b := newBench(t)
	k := b.create()
	got, err := b.CheckByUniqueKey(b.ctx, account, k.UniqueKey())
	b.ok(err)
	b.same(got, k)
}

func TestOldFlipsThatWaitAreKept(t *testing.T) {
	b := newBench(t)
	c := b.create()
	b.ping(c, monitor.PingFail)
	b.clock.add(monitor.FlipAge + 2*time.Hour)
	b.look()
	if n := len(b.flips(c)); n != 1 {
		t.Fatalf("there are %d flips, want the one that was never told", n)
	}
}

func TestProjects(t *testing.T) {
	b := newBench(t)
	_, err := b.Project(b.ctx, account)
	if belfry.KindOf(err) != belfry.NotFound {
		t.Fatalf("error is %v", err)
	}
	p, err := b.EnsureProject(b.ctx, account)
	b.ok(err)
	again, err := b.EnsureProject(b.ctx, account)
	b.ok(err)
	b.same(again, p)
	if len(p.PingKey) != 22 || len(p.BadgeKey) != 22 || p.PingKey == p.BadgeKey || p.ReadWrite != "" {
		t.Fatalf("the project is %+v", p)
	}
	for kind, length := range map[monitor.KeyKind]int{
		monitor.PingKey: 22, monitor.BadgeKey: 22, monitor.ReadWriteKey: 32, monitor.ReadOnlyKey: 32,
	} {
		first, err := b.NewKey(b.ctx, account, kind)
		b.ok(err)
		second, err := b.NewKey(b.ctx, account, kind)
		b.ok(err)
		if len(second) != length || first == second {
			t.Errorf("%s keys are %q and %q", kind, first, second)
		}
		_, err = b.ProjectByKey(b.ctx, kind, first)
		if belfry.KindOf(err) != belfry.NotFound {
			t.Errorf("the %s key that was replaced: %v", kind, err)
		}
		got, err := b.ProjectByKey(b.ctx, kind, second)
		b.ok(err)
		if got.Account != account || strings.Contains(got.ReadWrite+got.ReadOnly, second) {
			t.Errorf("the project is %+v", got)
		}
		b.ok(b.RemoveKey(b.ctx, account, kind))
		_, err = b.ProjectByKey(b.ctx, kind, second)
		if belfry.KindOf(err) != belfry.NotFound {
			t.Errorf("the %s key that was removed: %v", kind, err)
		}
		if err := b.RemoveKey(b.ctx, account, kind); belfry.KindOf(err) != belfry.NotFound {
			t.Errorf("removing it again: %v", err)
		}
	}
	_, err = b.NewKey(b.ctx, account, "x")
	if belfry.KindOf(err) != belfry.Invalid {
		t.Errorf("a key of no kind: %v", err)
	}
	if err := b.RemoveKey(b.ctx, other, monitor.PingKey); belfry.KindOf(err) != belfry.NotFound {
		t.Errorf("removing a key of no project: %v", err)
	}
}

func sha1Hex(s string) string {
	sum := sha1.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// TestAClockThatWasAheadSilencesNoCheck: a ping that came while the clock was eight
// hours ahead does not keep the check up for eight hours once it is right again.
func TestAClockThatWasAheadSilencesNoCheck(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		b := newBench(t)
		c := b.create()
		b.clock.add(8 * time.Hour)
		b.ping(c, monitor.PingSuccess)
		if !restarted {
			b.look()
		}
		b.clock.add(-8 * time.Hour)
		b.look()
		b.clock.add(71 * time.Minute)
		b.look()
		if got := b.get(c).Status; got != monitor.Down {
			t.Errorf("seen ahead %t: 71 minutes after the last ping of a check with an hour and ten minutes it is %s", !restarted, got)
		}
		if b.get(c).LastPing.After(b.clock.Now()) {
			t.Error("its last ping lies in the future")
		}
	}
}
