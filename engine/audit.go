package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/expr"
)

// What is in the due queue is derived: from the schedules, from the clock at the
// time when an entry was made, and from the time-zone data of then. Any of them
// can turn out to have been wrong, so the queue is checked against them:
//
//   - each entry when its time has come (fits): one that is no occurrence of its
//     schedule any more is not started;
//   - all of it at start, after the clock was set back, and every hour (Config.Audit);
//     then also the schedules that have no entry, though not at once at a start.
//
// A goroutine of its own does that, and takes a fifth of one processor at most.
//
// Such a round begins with what cannot wait. Whatever fired or was given up under
// a clock that has been set back left a run or a gap that lies after now; their
// schedules come first, then the queue in its own order, so that what is due soon
// is looked at before what is due in a year.
const (
	auditFirst = time.Minute // from the first round, at start, to the second
	auditStep  = 500         // entries, or gaps, that one step looks at
	auditRest  = 4           // times as long as a step took is the pause after it
	auditLook  = 4096        // occurrences of one schedule that are looked up in the ledger
	// zoneReach is by how much an occurrence moves when the rules of its zone
	// change, at most.
	zoneReach = 3 * time.Hour
	// windowReach is the longest flexible time window (semantics.md 1.3).
	windowReach = 1440 * time.Minute
	// retryReach is the longest wait for a retry.
	retryReach = backOffCap + time.Minute
)

// recheck has the whole queue checked soon.
func (e *Engine) recheck() {
	select {
	case e.audits <- struct{}{}:
	default: // it will be
	}
}

// audit checks the queue until ctx ends.
func (e *Engine) audit(ctx context.Context) {
	e.lookAtZones(ctx)
	rest := auditFirst // a start has better things to do than to read all schedules
	for all := false; ctx.Err() == nil; {
		if err := e.checkQueue(ctx, all); err != nil && ctx.Err() == nil {
			e.c.Logger.ErrorContext(ctx, "checking the due queue failed; it is tried again", "err", err)
			e.sleep(ctx, time.Second)
			continue
		}
		if all {
			e.keepZones(ctx)
		}
		timer, release := e.c.Clock.NewTimer(rest)
		select {
		case <-timer:
		case <-e.audits:
		case <-ctx.Done():
		}
		release()
		rest, all = e.c.Audit, true
	}
}

// zonesKey is where the store keeps the version of the time-zone data that all of the
// queue has been checked against.
const zonesKey = "zones"

// lookAtZones tells when the time-zone data is not what the queue was made with.
func (e *Engine) lookAtZones(ctx context.Context) {
	now := expr.ZoneVersion()
	before, err := e.c.Store.Seen(ctx, zonesKey)
	if err != nil || before == now {
		return // without it nothing is lost: all entries are checked
	}
	e.newZones = true
	if before != "" {
		e.c.Logger.WarnContext(ctx, "the time-zone data has changed; the due queue is checked against it", "before", before, "now", now)
	}
}

// keepZones keeps that all of the queue is as the time-zone data says.
func (e *Engine) keepZones(ctx context.Context) {
	if !e.newZones {
		return
	}
	if err := e.c.Store.See(ctx, zonesKey, expr.ZoneVersion()); err != nil {
		if ctx.Err() == nil {
			e.c.Logger.WarnContext(ctx, "the version of the time-zone data could not be stored; it is tried again", "err", err)
		}
		return
	}
	e.newZones = false
}

// checkQueue checks all entries that there are, and with all, or when gaps have been
// cut, the schedules that have none.
func (e *Engine) checkQueue(ctx context.Context, all bool) error {
	started, n := e.c.Clock.Monotonic(), 0
	if err := e.trim(ctx); err != nil {
		return err
	}
	cuts := e.trims.count()
	var after *belfry.Due
	for more := true; more; {
		began := e.c.Clock.Monotonic()
		var items []belfry.DueItem
		var err error
		if items, more, err = e.c.Store.Due(ctx, after, farAway, auditStep, readBytes); err != nil {
			return err
		}
		for i := range items {
			if err := e.checkItem(ctx, &items[i]); err != nil {
				return err
			}
		}
		n += len(items)
		if more {
			after = &items[len(items)-1].Due
			e.pause(ctx, began)
		}
	}
	if all || e.trims.since() != 0 {
		if err := e.checkUnqueued(ctx); err != nil {
			return err
		}
	}
	if err := e.endTrim(ctx, cuts); err != nil {
		return err
	}
	e.checked(e.now(), n)
	e.c.Logger.DebugContext(ctx, "checked the due queue", "entries", n, "took", e.c.Clock.Monotonic()-started)
	return nil
}

// farAway is after everything that can be due.
var farAway = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func (e *Engine) pause(ctx context.Context, began time.Duration) {
	e.sleep(ctx, max(auditRest*(e.c.Clock.Monotonic()-began), time.Millisecond))
}

// checkItem puts one entry right, if it is wrong. The error is the store's.
func (e *Engine) checkItem(ctx context.Context, it *belfry.DueItem) (failed error) {
	now := e.now()
	switch {
	case it.Retry && it.Run == nil && it.Err == nil, !it.Retry && it.Spec == nil:
		e.stray(ctx, &it.Due)
		return nil
	case it.Retry && it.At.After(now.Add(retryReach)):
		to := it.Due
		to.At = now
		return e.move(ctx, it, &to, "retry in the future")
	case it.Retry:
		return nil
	}
	e.c.Barrier.Do(ctx, "check entry", it.OccurrenceID(), func() error {
		t, err := e.parser.timing(it.Spec)
		at := e.trims.since()
		if err != nil || t.wellPlaced(it, now) && (at == 0 || it.Time.Unix() <= at) {
			return err
		}
		failed = e.putRight(ctx, it, &t, now)
		return nil
	})
	return failed
}

// stray removes an entry that belongs to nothing.
func (e *Engine) stray(ctx context.Context, d *belfry.Due) {
	if moved, err := e.c.Store.Move(ctx, *d, nil); err != nil || !moved {
		return // it is looked at again
	}
	e.repaired("stray", 1)
	e.c.Logger.WarnContext(ctx, "removed an entry of the due queue whose schedule or run is gone", "occurrence", d.OccurrenceID(), "due", d.At)
}

// move puts an entry elsewhere, or removes it, and tells.
func (e *Engine) move(ctx context.Context, it *belfry.DueItem, to *belfry.Due, why string) error {
	moved, err := e.c.Store.Move(ctx, it.Due, to)
	if err != nil || !moved {
		return err
	}
	e.repaired(why, 1)
	e.c.Logger.WarnContext(ctx, "put an entry of the due queue right", "why", why, "schedule", arnOf(it.Spec), "scheduled", it.Time, "due", it.At, "now_due", placeOf(to))
	if to != nil {
		e.arrivedItem(belfry.DueItem{Due: *to, Spec: it.Spec, Run: it.Run})
	}
	return nil
}

func arnOf(s *belfry.Schedule) string {
	if s == nil {
		return ""
	}
	return s.ARN()
}

func placeOf(d *belfry.Due) string {
	if d == nil {
		return "no more"
	}
	return d.Time.Format(time.RFC3339) + ", at " + d.At.Format(time.RFC3339)
}

// fits reports whether the entry stands for an occurrence of its schedule, as
// the time-zone data is now. One that an edit of the times has kept stands for
// itself; that of a one-time schedule that was created late does not.
func (t *timing) fits(it *belfry.DueItem) bool {
	return t.keeps(it) || t.has(it.Time)
}

// keeps reports whether the entry is of times that have been replaced.
func (t *timing) keeps(it *belfry.DueItem) bool {
	return it.Own || it.Time.Before(it.Spec.Since) && !it.Spec.Since.Equal(it.Spec.Created)
}

// wellPlaced reports whether the entry is where it belongs at now, as far as that
// can be told without a look at the ledger.
func (t *timing) wellPlaced(it *belfry.DueItem, now time.Time) bool {
	s := it.Spec
	if s.State == belfry.Disabled || s.Since.After(now.Add(leastStep)) || !t.fits(it) {
		return false
	}
	if it.Own && !it.At.After(it.Time.Add(windowReach)) {
		return true
	}
	if !it.Time.After(now) {
		return !it.At.After(now) || it.At.Equal(t.due(it.Time)) || it.Kept && it.Time.Before(s.Since) && !it.At.After(it.Time.Add(windowReach))
	}
	next, ok := t.next(laterOf(now, s.Since))
	return ok && next.Equal(it.Time) && it.At.Equal(t.due(it.Time))
}

// putRight gives the schedule the entry that it should have at now, in place of
// the one that it has.
func (e *Engine) putRight(ctx context.Context, it *belfry.DueItem, t *timing, now time.Time) error {
	s := it.Spec
	if s.State == belfry.Disabled {
		return e.move(ctx, it, nil, "schedule disabled")
	}
	kept := t.keeps(it)
	seen := *it
	if s.Since.After(now.Add(leastStep)) {
		fixed := *s
		fixed.Since = now
		seen.Spec = &fixed
		if kept && it.Time.After(now) {
			seen.Own = false // by the clock as it is now, its times were replaced before it was due
		}
	}
	to, err := e.placed(ctx, &seen, t, now)
	switch {
	case err != nil:
		return err
	case seen.Spec != s:
		if to == nil && t.oneTime() && !kept {
			to = &it.Due // the next look finds that its time lies before it was set
		}
		return e.resince(ctx, s, &it.Due, to, now)
	case to == nil && t.oneTime() && !kept:
		return e.movedBack(ctx, it, t, now)
	case to != nil && *to == it.Due:
		return nil
	}
	return e.move(ctx, it, to, "clock or time zone")
}

// movedBack takes care of a one-time schedule whose time lies, as its zone's rules
// say by now, before it was set: it runs at once if it is not too old, as one that
// is created late.
func (e *Engine) movedBack(ctx context.Context, it *belfry.DueItem, t *timing, now time.Time) error {
	to, gap := oneTimeEntry(it.Spec, t, now)
	if gap == nil {
		return e.move(ctx, it, to, "clock or time zone")
	}
	s, gaps := it.Spec, []belfry.Gap{*gap}
	err := e.c.Store.ChangeSchedule(ctx, belfry.ScheduleChange{Old: s, New: s, Pending: &it.Due, Gaps: gaps, At: now})
	if err != nil {
		return ignoreStale(err)
	}
	e.repaired("clock or time zone", 1)
	e.retireIfGivenUp(ctx, s, nil, gaps)
	return nil
}

// resince has the schedule's times be set now, when by the clock they will be: it
// was edited before the clock was set back. Its entry moves in the same step: after a
// crash between two, what lies before now and since then would be nobody's.
func (e *Engine) resince(ctx context.Context, s *belfry.Schedule, entry, to *belfry.Due, now time.Time, gaps ...belfry.GapChange) error {
	fixed := *s
	fixed.Since = now
	ch := belfry.ScheduleChange{Old: s, New: &fixed, Pending: entry, Next: to, At: now}
	for _, g := range gaps {
		ch.Undone, ch.Gaps = append(ch.Undone, g.Old), append(ch.Gaps, *g.New)
	}
	if err := e.c.Store.ChangeSchedule(ctx, ch); err != nil {
		return ignoreStale(err)
	}
	e.repaired("edited in the future", 1)
	if to != nil {
		e.arrived(to, &fixed)
	}
	return nil
}

func ignoreStale(err error) error {
	if isStale(err) {
		return nil
	}
	return err
}

// placed is the entry that the schedule should have in place of the one it has:
// for the first occurrence without an outcome.
func (e *Engine) placed(ctx context.Context, it *belfry.DueItem, t *timing, now time.Time) (*belfry.Due, error) {
	s := it.Spec
	if !it.Time.After(now) && t.fits(it) { // it is due; only its place in the window is wrong
		to := it.Due
		to.At, to.Kept = earlierOf(it.At, t.due(it.Time)), true
		return &to, nil
	}
	from := now
	if at := e.trims.since(); at != 0 {
		from = earlierOf(from, time.Unix(at, 0))
	}
	from = laterOf(from, s.Since)
	if !t.fits(it) {
		// The occurrence has moved with its zone, maybe to a time that has passed: it
		// is looked for near where it was, after the last one with an outcome.
		last, err := e.lastAccounted(ctx, it.Schedule, it.Time)
		if err != nil {
			return nil, err
		}
		from = laterOf(laterOf(last, earlierOf(now, it.Time.Add(-zoneReach))), s.Since)
	}
	o, err := e.unaccounted(ctx, t, from, it.Time)
	if err != nil {
		return nil, err
	}
	if o.IsZero() {
		if t.fits(it) {
			o = it.Time // all before it have their outcome
		} else if next, ok := t.next(from); ok {
			o = next
		} else {
			return nil, nil
		}
	}
	return t.entry(o, it.Revision), nil // in its own place, also when that has passed: it is as late as it is
}

// unaccounted is the first occurrence after from, and before to, that has no
// outcome; zero when all have.
func (e *Engine) unaccounted(ctx context.Context, t *timing, from, to time.Time) (time.Time, error) {
	o, ok := t.next(from)
	if !ok || !o.Before(to) {
		return time.Time{}, nil
	}
	ids := []belfry.ID{t.id}
	runs, err := e.c.Store.Runs(ctx, belfry.RunQuery{Schedules: ids, From: o, To: to, Limit: auditLook})
	if err != nil {
		return time.Time{}, err
	}
	gaps, err := e.c.Store.Gaps(ctx, ids, o, to)
	if err != nil {
		return time.Time{}, err
	}
	done := make(map[int64]bool, len(runs))
	for i := range runs {
		done[runs[i].Time.Unix()] = true
	}
	for n := 0; ok && o.Before(to) && n < 2*auditLook; n++ {
		if !done[o.Unix()] && !covered(gaps, o) {
			return o, nil
		}
		o, ok = t.next(o)
	}
	return time.Time{}, nil
}

func covered(gaps []belfry.Gap, o time.Time) bool {
	for i := range gaps {
		if !o.Before(gaps[i].From) && (gaps[i].To.IsZero() || !o.After(gaps[i].To)) {
			return true
		}
	}
	return false
}

// lastAccounted is the last time before the given one that has an outcome; zero
// when there is none.
func (e *Engine) lastAccounted(ctx context.Context, id belfry.ID, before time.Time) (time.Time, error) {
	ids := []belfry.ID{id}
	var last time.Time
	runs, err := e.c.Store.Runs(ctx, belfry.RunQuery{Schedules: ids, To: before.Add(-time.Second), Limit: 1})
	if err != nil {
		return last, err
	}
	if len(runs) > 0 {
		last = runs[0].Time
	}
	gaps, err := e.c.Store.Gaps(ctx, ids, time.Time{}, before.Add(-time.Second))
	for i := range gaps {
		last = laterOf(last, earlierOf(gaps[i].To, before.Add(-time.Second)))
	}
	return last, err
}

// checkUnqueued looks after the enabled schedules that have no entry: one that
// has an occurrence to come gets it, and one that is complete and asked to be
// deleted then goes.
func (e *Engine) checkUnqueued(ctx context.Context) (failed error) {
	now, bytes := e.now(), 0
	all, err := e.c.Store.Unqueued(ctx, now, unqueuedMax, func(s *belfry.Schedule) bool {
		t, err := e.parser.timing(s)
		if _, more := t.next(now); !more && !s.DeleteAfterCompletion && err == nil || bytes > readBytes {
			return false // it is complete, or there are enough
		}
		bytes += len(s.Target.Input) + 1024
		return true
	})
	if err != nil {
		return err
	}
	for _, s := range all {
		e.c.Barrier.Do(ctx, "check schedule", s.ARN(), func() error {
			t, err := e.parser.timing(s)
			if err == nil {
				failed = errors.Join(failed, e.requeue(ctx, s, &t))
			}
			return err
		})
	}
	return failed
}

// unqueuedMax bounds the schedules without an entry that one round looks after.
const unqueuedMax = 10_000

func (e *Engine) requeue(ctx context.Context, s *belfry.Schedule, t *timing) error {
	if _, yes := e.deleting.Load(groupKey{s.Scope, s.Group}); yes {
		return nil
	}
	now, why := e.now(), "no entry"
	switch {
	case e.trims.since() != 0:
		why = "gap past now" // what ended or was given up under the wrong clock has been cut
	case e.newZones:
		why = "clock or time zone"
	}
	if s.Since.After(now) {
		fixed := *s
		fixed.Since = now
		s, why = &fixed, "edited in the future"
	}
	// What lies before the last outcome is accounted for.
	last, err := e.lastAccounted(ctx, s.ID, now.Add(windowReach))
	if err != nil {
		return err
	}
	o, more := t.next(laterOf(last, s.Since))
	if at := e.trims.since(); at != 0 { // but for what has been cut
		cut, err := e.unaccounted(ctx, t, laterOf(time.Unix(at, 0), s.Since), last)
		if err != nil {
			return err
		}
		if !cut.IsZero() {
			o, more = cut, true
		}
	}
	if t.oneTime() {
		o, more = t.next(time.Time{})
		done, err := e.accounted(ctx, s.ID, o, s)
		if err != nil {
			return err
		}
		more = more && !done && (o.After(s.Since) || s.Since.Equal(s.Created))
	}
	if !more {
		return e.retireComplete(ctx, s, now)
	}
	entry := t.entry(o, s.Revision)
	err = e.c.Store.ChangeSchedule(ctx, belfry.ScheduleChange{Old: s, New: s, Next: entry, At: now})
	if err != nil {
		return ignoreStale(err)
	}
	e.repaired(why, 1)
	e.c.Logger.WarnContext(ctx, "an enabled schedule had no entry in the due queue", "why", why, "schedule", s.ARN(), "now_due", placeOf(entry))
	e.arrived(entry, s)
	return nil
}

// retireComplete deletes a schedule whose last occurrence has its outcome, if it
// asked for that.
func (e *Engine) retireComplete(ctx context.Context, s *belfry.Schedule, now time.Time) error {
	if !s.DeleteAfterCompletion || s.Rule() != "" {
		return nil
	}
	runs, err := e.c.Store.Runs(ctx, belfry.RunQuery{Schedules: []belfry.ID{s.ID}, Limit: auditStep})
	if err != nil {
		return err
	}
	for i := range runs {
		if !runs[i].Outcome.Final() {
			return nil // its end deletes the schedule
		}
	}
	last, err := e.lastAccounted(ctx, s.ID, now)
	if err == nil && !last.IsZero() {
		e.retire(ctx, s)
	}
	return err
}

// trim takes out of the ledger what it says of times after now, and gives the
// occurrences there their entries back.
func (e *Engine) trim(ctx context.Context) error {
	now := e.now()
	urgent := map[belfry.ID]bool{}
	for from, more := belfry.ID(0), true; more; {
		gaps, err := e.c.Store.GapsBeyond(ctx, now, from, auditStep)
		if err != nil {
			return err
		}
		if more = len(gaps) == auditStep; more {
			from = max(gaps[len(gaps)-1].Schedule, from+1) // it may have more of them
		}
		for i := range gaps {
			urgent[gaps[i].Schedule] = true
		}
		if err := e.cutGaps(ctx, gaps, now); err != nil {
			return err
		}
	}
	fired, err := e.c.Store.RunsBeyond(ctx, now, urgentMax)
	if err != nil {
		return err
	}
	for _, id := range fired {
		urgent[id] = true
	}
	return e.checkUrgent(ctx, urgent)
}

// trims remembers since when the entries of schedules whose gaps were cut may lie too
// late, or be missing. The gaps and the entries change one after the other: when a crash
// comes between, and the clock goes on, nothing else tells that what lies before an
// entry has no outcome.
type trims struct {
	mu sync.Mutex   // held while gaps are cut
	n  int          // guarded by mu: how often some were, since the start
	at atomic.Int64 // Unix seconds; 0: all entries are where they belong
}

// trimKey is where the store keeps it.
const trimKey = "trimmed_at"

func (t *trims) since() int64 { return t.at.Load() }

func (t *trims) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// endTrim says that all entries are where they belong, by the ledger, unless an edit
// has cut more gaps than had been when the round began.
func (e *Engine) endTrim(ctx context.Context, cuts int) error {
	if e.trims.since() == 0 {
		return nil
	}
	e.trims.mu.Lock()
	defer e.trims.mu.Unlock()
	if e.trims.n != cuts {
		e.recheck()
		return nil
	}
	if err := e.c.Store.See(ctx, trimKey, ""); err != nil {
		return err
	}
	e.trims.at.Store(0)
	return nil
}

// trimmed is the change that takes what lies after now out of a gap.
func (e *Engine) trimmed(ctx context.Context, g *belfry.Gap, now time.Time) (belfry.GapChange, error) {
	ch := belfry.GapChange{Old: *g}
	s, err := e.c.Store.ScheduleOf(ctx, g.Schedule)
	if err != nil {
		return ch, err
	}
	if !g.To.IsZero() {
		ch.New = e.cut(s, g, now)
		return ch, nil
	}
	// It was disabled under the wrong clock. Its gap begins after what has an outcome,
	// or where its times were set. What it has run by then of times to come stays run:
	// At says that the gap goes over that.
	from := now
	if s != nil && !s.Since.After(now) {
		last, err := e.lastAccounted(ctx, g.Schedule, now.Add(time.Second)) // cut leaves now's own second in a gap
		if err != nil {
			return ch, err
		}
		from = laterOf(s.Since, last)
	}
	ch.New = &belfry.Gap{
		Schedule: g.Schedule, From: earlierOf(g.From, from.Truncate(time.Second).Add(time.Second)), Reason: g.Reason, At: now,
	}
	if s != nil && s.Retired.IsZero() && s.Since.After(from.Add(leastStep)) {
		err := e.resince(ctx, s, nil, nil, from, ch) // in one step: between two a crash would leave a hole
		ch.New = &ch.Old
		return ch, err
	}
	return ch, nil
}

// trimOne trims the closed gaps of one schedule: after an edit it could not be told
// how much of them lies before it.
func (e *Engine) trimOne(ctx context.Context, id belfry.ID, now time.Time) error {
	gaps, err := e.c.Store.Gaps(ctx, []belfry.ID{id}, now, time.Time{})
	if err != nil {
		return err
	}
	// An open one is the edit's own to close.
	gaps = slices.DeleteFunc(gaps, func(g belfry.Gap) bool { return !g.To.After(now) })
	return e.cutGaps(ctx, gaps, now)
}

// cutGaps takes what lies after now out of gaps.
func (e *Engine) cutGaps(ctx context.Context, gaps []belfry.Gap, now time.Time) error {
	var changes []belfry.GapChange
	for i := range gaps {
		ch, err := e.trimmed(ctx, &gaps[i], now)
		if err != nil {
			return err
		}
		if ch.New == nil || *ch.New != ch.Old {
			changes = append(changes, ch)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	if err := e.changeGaps(ctx, changes, now); err != nil {
		return err
	}
	e.repaired("gap past now", len(changes))
	e.c.Logger.WarnContext(ctx, "cut gaps of the ledger that reached past now", "gaps", len(changes))
	return nil
}

// changeGaps keeps that gaps are cut at now, and cuts them.
func (e *Engine) changeGaps(ctx context.Context, changes []belfry.GapChange, now time.Time) error {
	e.trims.mu.Lock()
	defer e.trims.mu.Unlock()
	if at := e.trims.since(); at == 0 || at > now.Unix() {
		if err := e.c.Store.See(ctx, trimKey, now.Format(time.RFC3339)); err != nil {
			return err
		}
		e.trims.at.Store(now.Unix())
	}
	e.trims.n++
	return e.c.Store.ChangeGaps(ctx, changes)
}

// urgentMax bounds the schedules that are looked at before all others.
const urgentMax = 20_000

// cut is the gap of s, nil when nobody knows it, without what lies after now; nil when that is all of it.
func (e *Engine) cut(s *belfry.Schedule, g *belfry.Gap, now time.Time) *belfry.Gap {
	if g.From.After(now) {
		return nil
	}
	cut, through := *g, now.Truncate(time.Second)
	// Of a definition that has been replaced, the part that lies before now is
	// taken to hold as many as its length says.
	cut.To = through
	if all := g.To.Sub(g.From); all > 0 {
		cut.Count = 1 + int64(float64(g.Count-1)*through.Sub(g.From).Seconds()/all.Seconds())
	}
	if s == nil {
		return &cut
	}
	t, err := e.parser.timing(s)
	if err != nil || g.From.Before(s.Since) {
		return &cut
	}
	n, last := t.count(g.From.Add(-1), now)
	if n == 0 {
		return nil
	}
	cut.To, cut.Count = last, n
	return &cut
}

// checkUrgent checks the entries of some schedules, wherever they are.
func (e *Engine) checkUrgent(ctx context.Context, urgent map[belfry.ID]bool) error {
	if len(urgent) == 0 {
		return nil
	}
	ids := make([]belfry.ID, 0, len(urgent))
	for id := range urgent {
		ids = append(ids, id)
	}
	places, err := e.c.Store.Places(ctx, ids)
	if err != nil {
		return err
	}
	var all []belfry.Due
	for _, entries := range places {
		all = append(all, entries...)
	}
	for len(all) > 0 {
		began := e.c.Clock.Monotonic()
		items, read, err := e.c.Store.Items(ctx, all[:min(len(all), auditStep)], readBytes)
		if err != nil {
			return err
		}
		for i := range items {
			if err := e.checkItem(ctx, &items[i]); err != nil {
				return err
			}
		}
		if all = all[read:]; len(all) > 0 {
			e.pause(ctx, began)
		}
	}
	return nil
}
