package engine_test

import (
	"context"
	"fmt"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/expr"
)

// zoneNew is the zone whose data is replaced, and what by.
const zoneNew, zoneData = "Europe/Berlin", "Europe/Helsinki"

// atTime draws an instant for at(): past, now, and soon, often on a whole second
// near now.
func (w *world) atTime(t *rapid.T) time.Time {
	now := w.clock.Now().Truncate(time.Second)
	seconds := rapid.SampledFrom([]int{0, 1, 5, 30, 60, 90, 150, 300, 1800, 3600, 7200, -1, -20, -60, -120, -600, -1800, -5400, -90000}).Draw(t, "seconds ahead")
	return now.Add(time.Duration(seconds) * time.Second)
}

// times draws an expression with its zone, and bounds.
func (w *world) times(t *rapid.T, s *belfry.Schedule) {
	s.Timezone = rapid.SampledFrom([]string{"UTC", zoneNew}).Draw(t, "zone")
	s.Start, s.End = time.Time{}, time.Time{}
	now := w.clock.Now().Truncate(time.Second)
	switch form := rapid.SampledFrom([]string{"at", "cron", "rate", "at", "yearly"}).Draw(t, "form"); form {
	case "at":
		loc, _ := expr.LoadZone(s.Timezone)
		s.Expression = "at(" + w.atTime(t).In(loc).Format("2006-01-02T15:04:05") + ")"
		return
	case "cron":
		s.Expression = rapid.SampledFrom([]string{"cron(* * * * ? *)", "cron(*/2 * * * ? *)", "cron(*/5 * * * ? *)", "cron(0 * * * ? *)", "cron(30 2,10 * * ? *)"}).Draw(t, "cron")
	case "rate":
		s.Expression = rapid.SampledFrom([]string{"rate(1 minute)", "rate(3 minutes)", "rate(1 hour)"}).Draw(t, "rate")
	case "yearly":
		s.Expression = "cron(0 0 1 1 ? *)"
		return
	}
	if rapid.IntRange(0, 4).Draw(t, "has an end") == 4 {
		s.End = now.Add(time.Duration(rapid.IntRange(2, 40).Draw(t, "minutes to its end")) * time.Minute)
	}
	if rapid.IntRange(0, 4).Draw(t, "has a start") == 4 {
		s.Start = now.Add(time.Duration(rapid.IntRange(-4, 1).Draw(t, "minutes to its start")) * time.Minute)
	}
}

// rest draws what does not change when it is due.
func (w *world) rest(t *rapid.T, s *belfry.Schedule) {
	s.Window = time.Duration(rapid.SampledFrom([]int{0, 0, 1, 2, 4}).Draw(t, "window")) * time.Minute
	s.DeleteAfterCompletion = rapid.Bool().Draw(t, "delete after completion")
	s.State = belfry.Enabled
	if rapid.IntRange(0, 5).Draw(t, "disabled") == 5 {
		s.State = belfry.Disabled
	}
	s.Target.Input = rapid.SampledFrom([]string{
		"ok", "ok", "fail ok", "slow", "fail slow ok", "hang ok", "permanent", "fail fail later", "raise ok", "raise",
	}).Draw(t, "target")
	s.Target.Retry = rapid.SampledFrom([]belfry.RetryPolicy{
		belfry.DefaultRetry(), {MaximumAge: time.Minute, MaximumAttempts: 2}, {MaximumAge: 30 * time.Minute, MaximumAttempts: 1}, {MaximumAge: 3 * time.Hour},
	}).Draw(t, "retry")
}

func (w *world) drawn(t *rapid.T, r belfry.ScheduleRef) belfry.Schedule {
	s := schedule(r.Name, "")
	s.Group = r.Group
	w.times(t, &s)
	w.rest(t, &s)
	return s
}

func brief(s *belfry.Schedule) string {
	text := fmt.Sprintf("%s %s window %v %v target %q age %v", s.Expression, s.Timezone, s.Window, s.State, s.Target.Input, s.Target.Retry.MaximumAge)
	if s.DeleteAfterCompletion {
		text += " DELETE"
	}
	if !s.Start.IsZero() {
		text += " from " + stamp(s.Start)
	}
	if !s.End.IsZero() {
		text += " to " + stamp(s.End)
	}
	return text
}

// call makes a change as a client does. What it was refused changed nothing; what
// was cut off may have.
func (w *world) call(t *rapid.T, what string, change func(ctx context.Context, n *node) error) {
	n := w.running(t)
	if w.clock.Monotonic() == w.asked {
		w.advance(time.Millisecond) // two changes are never made in one millisecond
		n = w.running(t)
	}
	asked := w.clock.Monotonic()
	w.asked = asked
	err := change(w.ctx, n)
	synctest.Wait()
	w.note("%s: %v", what, err)
	if err != nil && belfry.KindOf(err) == belfry.Internal && !n.full.Load() && !n.crashed() {
		w.fail("%s: %v", what, err)
	}
	w.disturb()
	w.read(n, asked, err == nil)
	w.bury()
}

// clients' names, without those of a rule's targets.
func (w *world) named(t *rapid.T) belfry.ScheduleRef {
	return rapid.SampledFrom(w.refs[:5]).Draw(t, "name")
}

func (w *world) create(t *rapid.T) {
	w.running(t)
	s := w.drawn(t, w.named(t))
	w.call(t, "create "+s.Group+"/"+s.Name+" "+brief(&s), func(ctx context.Context, n *node) error {
		_, err := n.engine.CreateSchedule(ctx, s)
		return err
	})
}

// again makes a schedule that there was, with the times that it had.
func (w *world) again(t *rapid.T) {
	w.running(t)
	var gone []*life
	for _, l := range w.lives {
		if !l.gone.IsZero() && l.Rule() == "" {
			gone = append(gone, l)
		}
	}
	if len(gone) == 0 {
		t.Skip("none is gone")
	}
	old := rapid.SampledFrom(gone).Draw(t, "life").last()
	s := w.drawn(t, old.Ref())
	s.Expression, s.Timezone, s.Start, s.End = old.Expression, old.Timezone, time.Time{}, time.Time{}
	w.call(t, "create again "+s.Group+"/"+s.Name+" "+brief(&s), func(ctx context.Context, n *node) error {
		_, err := n.engine.CreateSchedule(ctx, s)
		return err
	})
}

// present draws a schedule that there is, as it is.
func (w *world) present(t *rapid.T) belfry.Schedule {
	w.running(t)
	var all []*life
	for _, l := range w.lives {
		if l.gone.IsZero() && l.Rule() == "" {
			all = append(all, l)
		}
	}
	if len(all) == 0 {
		t.Skip("there is none")
	}
	return rapid.SampledFrom(all).Draw(t, "schedule").last().Schedule
}

func (w *world) put(t *rapid.T, s belfry.Schedule) {
	w.call(t, "update "+s.Group+"/"+s.Name+" "+brief(&s), func(ctx context.Context, n *node) error {
		_, err := n.engine.UpdateSchedule(ctx, s)
		return err
	})
}

func (w *world) update(t *rapid.T) {
	s := w.present(t)
	w.rest(t, &s)
	w.put(t, s)
}

func (w *world) updateTimes(t *rapid.T) {
	s := w.present(t)
	if rapid.IntRange(0, 3).Draw(t, "only the zone") == 3 {
		s.Timezone = rapid.SampledFrom([]string{"UTC", zoneNew, "America/New_York"}).Draw(t, "zone")
	} else {
		w.times(t, &s)
	}
	w.put(t, s)
}

func (w *world) toggle(t *rapid.T) {
	s := w.present(t)
	s.State = 1 - s.State
	w.put(t, s)
}

func (w *world) toggles(t *rapid.T) {
	s := w.present(t)
	for range rapid.IntRange(2, 4).Draw(t, "times") {
		if w.node == nil {
			return
		}
		s.State = 1 - s.State
		w.put(t, s)
		w.advance(time.Duration(rapid.SampledFrom([]int{0, 1, 100, 300}).Draw(t, "ms")) * time.Millisecond)
	}
}

func (w *world) settings(t *rapid.T) {
	s := w.present(t)
	settings := belfry.Settings{}
	if rapid.Bool().Draw(t, "once") {
		settings.OncePer = &belfry.OncePer{Window: rapid.SampledFrom([]string{"occurrence", "5m"}).Draw(t, "window")}
	}
	w.call(t, "set once_per of "+s.Name, func(ctx context.Context, n *node) error {
		_, err := n.engine.SetSettings(ctx, s.Ref(), settings)
		return err
	})
}

func (w *world) remove(t *rapid.T) {
	s := w.present(t)
	w.call(t, "delete "+s.Group+"/"+s.Name, func(ctx context.Context, n *node) error {
		return n.engine.DeleteSchedule(ctx, s.Ref())
	})
}

func (w *world) createGroup(t *rapid.T) {
	w.call(t, "create the group", func(ctx context.Context, n *node) error {
		_, err := n.engine.CreateGroup(ctx, belfry.Group{Scope: scope, Name: "group"})
		return err
	})
}

func (w *world) deleteGroup(t *rapid.T) {
	w.running(t)
	w.erased = w.clock.Monotonic()
	w.call(t, "delete the group", func(ctx context.Context, n *node) error {
		return n.engine.DeleteGroup(ctx, scope, "group")
	})
}

func (w *world) putRule(t *rapid.T) {
	r := belfry.Rule{Scope: scope, Name: w.rule().Name}
	r.Expression = rapid.SampledFrom([]string{"cron(* * * * ? *)", "cron(*/5 * * * ? *)", "rate(1 minute)", "rate(2 minutes)", "cron(0 0 1 1 ? *)"}).Draw(t, "rule")
	if rapid.IntRange(0, 3).Draw(t, "disabled") == 3 {
		r.State = belfry.Disabled
	}
	w.call(t, fmt.Sprintf("put the rule %s %v", r.Expression, r.State), func(ctx context.Context, n *node) error {
		_, err := n.engine.PutRule(ctx, r)
		return err
	})
}

func (w *world) putTargets(t *rapid.T) {
	var targets []belfry.RuleTarget
	for _, id := range rapid.SampledFrom([][]string{{"1"}, {"1", "2"}, {"2"}}).Draw(t, "targets") {
		s := schedule(id, "")
		w.rest(t, &s)
		targets = append(targets, belfry.RuleTarget{ID: id, Target: s.Target})
	}
	w.call(t, fmt.Sprintf("put %d targets", len(targets)), func(ctx context.Context, n *node) error {
		return n.engine.PutTargets(ctx, w.rule(), targets)
	})
}

func (w *world) removeTarget(t *rapid.T) {
	id := rapid.SampledFrom([]string{"1", "2"}).Draw(t, "target")
	w.call(t, "remove target "+id, func(ctx context.Context, n *node) error {
		_, err := n.engine.RemoveTargets(ctx, w.rule(), []string{id})
		return err
	})
}

func (w *world) wait(t *rapid.T) {
	d := time.Duration(rapid.SampledFrom([]int{1, 5, 30, 60, 90, 240, 600, 1800, 4000}).Draw(t, "seconds")) * time.Second
	w.note("wait %v", d)
	w.advance(d)
}

func (w *world) waitLittle(t *rapid.T) {
	w.advance(time.Duration(rapid.SampledFrom([]int{1, 0, 9, 11, 200, 700}).Draw(t, "ms")) * time.Millisecond)
}

// waitMark waits until an occurrence, or the place of one in its window, or about.
func (w *world) waitMark(t *rapid.T) {
	now := w.clock.Now()
	var marks []time.Time
	for _, l := range w.lives {
		if d := l.last(); l.gone.IsZero() {
			if o, ok := d.after(now); ok && o.Sub(now) < 2*time.Hour {
				marks = append(marks, o)
			}
		}
	}
	if w.node != nil {
		for _, it := range w.queue(w.node) {
			if d := it.At.Sub(now); d > 0 && d < 2*time.Hour {
				marks = append(marks, it.At)
			}
		}
	}
	if len(marks) == 0 {
		t.Skip("nothing is due")
	}
	d := rapid.SampledFrom(marks).Draw(t, "mark").Sub(now) + time.Duration(rapid.SampledFrom([]int{0, 1, -1, 20, 300}).Draw(t, "ms"))*time.Millisecond
	w.note("wait %v", d)
	w.advance(max(d, 0))
}

// settled waits until the engine has nothing left to put right.
func (w *world) settled(t *rapid.T) {
	w.running(t)
	w.note("settle")
	w.advance(settleTime)
}

func (w *world) step(t *rapid.T) {
	by := time.Duration(rapid.SampledFrom([]int{1, -1, 3, -5, 45, -45, 70, -180, 600, -600, -3600, 3600, 8 * 3600, -7200}).Draw(t, "seconds")) * time.Second
	w.set(by)
}

// set sets the wall clock.
func (w *world) set(by time.Duration) {
	w.note("the clock is set by %v", by)
	w.clock.step(by)
	if by < 0 {
		w.backs, w.backAt, w.backTo = w.backs+1, w.clock.Monotonic(), w.clock.Now()
		for _, l := range w.lives {
			if d := l.last(); (d.begin.After(w.backTo) || d.Since.After(w.backTo)) && (d.low.IsZero() || w.backTo.Before(d.low)) {
				d.low = w.backTo
			}
			for _, d := range l.defs[:len(l.defs)-1] {
				if d.end.After(w.backTo) {
					d.end = w.backTo // by the clock as it is now it was replaced then
				}
			}
			if !l.gone.IsZero() && l.gone.After(w.backTo) {
				l.gone, l.blurred = w.backTo, true
				w.cut(l, w.backTo)
			}
		}
	}
	w.disturb()
}

func (w *world) stepBack(t *rapid.T) {
	by := time.Duration(rapid.SampledFrom([]int{60, 600, 3600, 8 * 3600, -60, -180, -3600}).Draw(t, "seconds")) * time.Second
	w.set(by)
	w.advance(time.Duration(rapid.SampledFrom([]int{0, 2, 8, 30, 120}).Draw(t, "for seconds")) * time.Second)
	w.set(-by)
}

func (w *world) stop(t *rapid.T) {
	n := w.running(t)
	w.note("stop")
	n.end()
	w.node, w.downAt = nil, w.clock.Now()
}

func (w *world) restart(t *rapid.T) {
	w.stop(t)
	w.advance(time.Duration(rapid.SampledFrom([]int{0, 1, 20, 70, 400, 5000}).Draw(t, "down seconds")) * time.Second)
	w.start(t)
}

func (w *world) crash(t *rapid.T) {
	w.running(t).crash()
	w.bury()
	w.advance(time.Duration(rapid.SampledFrom([]int{0, 1, 20, 70, 400, 5000}).Draw(t, "down seconds")) * time.Second)
	w.start(t)
}

func (w *world) crashAt(t *rapid.T) {
	n := w.running(t)
	at := rapid.IntRange(1, 6).Draw(t, "commits")
	w.note("crash at commit %d", at)
	n.crashAt.Store(int64(at))
}

func (w *world) fillDisk(t *rapid.T) {
	w.note("the disk is full")
	w.running(t).full.Store(true)
	w.disturb()
}

func (w *world) freeDisk(t *rapid.T) {
	n := w.running(t)
	if !n.full.Load() {
		t.Skip("the disk is not full")
	}
	w.note("the disk is free")
	n.full.Store(false)
	w.disturb()
	w.up = w.clock.Monotonic()
}

func (w *world) archive(t *rapid.T) {
	n := w.running(t)
	before := w.clock.Now().Add(-time.Duration(rapid.SampledFrom([]int{0, 60, 900}).Draw(t, "seconds")) * time.Second)
	if _, err := n.store.Archive(w.ctx, before); err != nil {
		w.fail("archive: %v", err)
	}
}

// newZones has the server come up with other time-zone data.
func (w *world) newZones(t *rapid.T) {
	if w.node != nil {
		w.stop(t)
	}
	name := zoneData
	if len(w.zones)%2 == 1 {
		name = zoneNew
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		w.fail("%v", err)
	}
	w.note("%s has the data of %s", zoneNew, name)
	w.zones = append(w.zones, expr.ReplaceZone(zoneNew, loc))
	w.rezone()
	w.start(t)
}
