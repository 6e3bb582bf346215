package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
	"github.com/belfry-run/belfry/expr"
)

// mixed returns a hundred schedules of all sorts.
func mixed(now time.Time) []belfry.Schedule {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo"}
	patterns := []string{
		"cron(0 8 * * ? *)", "cron(30 2 * * ? *)", "cron(10 */3 * * ? *)", "cron(15 9-17/2 ? * MON-FRI *)",
		"cron(0 0 L * ? *)", "cron(0 12 LW * ? *)", "cron(0 6 ? * 2#1 *)", "cron(0 0 29 FEB ? *)", "cron(59 23 31 * ? *)",
		"cron(0 22-2 ? * FRI-MON *)", "rate(1 day)", "rate(7 hours)", "rate(11 hours)", "rate(13 days)", "cron(5 1 1W * ? *)",
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	var all []belfry.Schedule
	for i := range 100 {
		s := schedule(fmt.Sprintf("s%03d", i), patterns[i%len(patterns)])
		s.Timezone = zones[i%len(zones)]
		switch i % 7 {
		case 1:
			s.Window = time.Duration(1+rnd.IntN(1440)) * time.Minute
		case 3:
			s.Start = now.Add(time.Duration(rnd.IntN(100*24)) * time.Hour)
			s.End = s.Start.Add(time.Duration(1+rnd.IntN(200*24)) * time.Hour)
		case 5:
			s.Expression = "at(" + now.Add(time.Duration(1+rnd.IntN(364*24*60))*time.Minute).Format("2006-01-02T15:04:05") + ")"
		}
		all = append(all, s)
	}
	return all
}

// TestAYearLosesNothingAndRepeatsNothing runs a hundred mixed schedules
// through a year, with some of them disabled for a while, others edited, and the
// server restarted, and holds the ledger against the list of occurrences.
func TestAYearLosesNothingAndRepeatsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.config.MaxSleep, b.config.Housekeeping, b.config.Audit = time.Hour, 6*time.Hour, 7*24*time.Hour
		b.config.Retention = 10 * 365 * 24 * time.Hour
		b.start()
		now := time.Now().UTC()
		year := 365 * 24 * time.Hour
		if testing.Short() { // as under the race detector: half of it, the restart included
			year /= 2
		}
		end := now.Add(year)
		made := map[string]*belfry.Schedule{}
		for _, s := range mixed(now) {
			made[s.Name] = b.create(s)
		}
		for month := 0; time.Now().Before(end); month++ {
			time.Sleep(min(30*24*time.Hour+7*time.Minute, time.Until(end)))
			for i := month % 10; i < 100; i += 10 { // each is disabled and enabled in turn
				s := *made[fmt.Sprintf("s%03d", i)]
				if s.State = belfry.Disabled; month%4 >= 2 {
					s.State = belfry.Enabled
				}
				made[s.Name] = b.update(s)
			}
			if month == 5 {
				b.stop()
				b.start()
			}
		}
		synctest.Wait()
		b.engine.Stop(t.Context())
		var ids []belfry.ID
		for _, s := range made {
			ids = append(ids, s.ID)
		}
		runs, err := b.store.Runs(t.Context(), belfry.RunQuery{Schedules: ids, Limit: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		of := map[belfry.ID][]engine.Entry{}
		for i := range runs {
			of[runs[i].Schedule] = append(of[runs[i].Schedule], engine.Entry{Run: &runs[i]})
		}
		total := 0
		for name, s := range made {
			total += b.compare(s, append(of[s.ID], b.gaps(name)...), now, time.Now().UTC())
		}
		t.Logf("%d occurrences", total)
		b.stop()
	})
}

// gaps returns the gaps of a schedule's ledger alone.
func (b *bench) gaps(name string) []engine.Entry {
	b.t.Helper()
	h, err := b.engine.History(b.t.Context(), ref(name))
	if err != nil {
		b.t.Fatal(err)
	}
	gaps, err := b.engine.Ledger(b.t.Context(), h, time.Time{}, time.Time{}, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	return gaps
}

// first is where an entry begins.
func first(e engine.Entry) time.Time {
	if e.Run != nil {
		return e.Run.Time
	}
	return e.Gap.From
}

// compare holds one schedule's ledger against its occurrences, which it
// returns the number of: each is a run, or is counted in one gap.
func (b *bench) compare(s *belfry.Schedule, entries []engine.Entry, from, to time.Time) int {
	b.t.Helper()
	slices.SortStableFunc(entries, func(a, b engine.Entry) int { return first(a).Compare(first(b)) })
	loc, err := expr.LoadZone(s.Timezone)
	if err != nil {
		b.t.Fatal(err)
	}
	e, err := expr.Parse(s.Expression, loc)
	if err != nil {
		b.t.Fatal(err)
	}
	var want []time.Time
	bounds := expr.Bounds{Anchor: s.Anchor, Start: s.Start, End: s.End}
	if e.Kind() == expr.Rate {
		from = from.Add(-time.Nanosecond) // its first is at creation
	}
	for o, ok := e.Next(from, bounds); ok && !o.After(to); o, ok = e.Next(o, bounds) {
		want = append(want, o)
	}
	i := 0
	fail := func(format string, args ...any) {
		b.t.Helper()
		b.t.Fatalf("%s %s %s: "+format, append([]any{s.Name, s.Expression, s.Timezone}, args...)...)
	}
	for _, x := range entries {
		if x.Gap != nil {
			for n := int64(0); n < x.Gap.Count; n++ {
				if i == len(want) || want[i].Before(x.Gap.From) || want[i].After(x.Gap.To) {
					fail("gap %+v does not cover occurrence %d", *x.Gap, i)
				}
				i++
			}
			continue
		}
		if i == len(want) {
			fail("run at %v, and no occurrence is left", x.Run.Time)
		}
		if !x.Run.Time.Equal(want[i]) {
			fail("run at %v, want %v", x.Run.Time, want[i])
		}
		if x.Run.Outcome != belfry.Succeeded {
			fail("run at %v is %v", x.Run.Time, x.Run.Outcome)
		}
		i++
	}
	// What is left must be waiting in its flexible window.
	for ; i < len(want); i++ {
		if to.Sub(want[i]) > s.Window {
			fail("occurrence %v is lost", want[i])
		}
	}
	return len(want)
}
