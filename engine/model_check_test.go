package engine_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/engine"
)

var farAway = time.Date(9998, 1, 1, 0, 0, 0, 0, time.UTC)

// queue is all of the due queue.
func (w *world) queue(n *node) []belfry.DueItem {
	items, _, err := n.store.Due(context.Background(), nil, farAway, 100_000, 1<<30)
	if err != nil {
		w.fail("read the due queue: %v", err)
	}
	return items
}

// check holds everything that can be seen from outside against the promises. How
// far back it looks depends: all of it is seen when the engine has come to rest.
func (w *world) check(t *rapid.T) {
	w.mu.Lock()
	wrongs := w.wrongs
	w.mu.Unlock()
	if len(wrongs) > 0 {
		w.fail("%s", wrongs[0])
	}
	n := w.node
	if n == nil {
		return
	}
	if e := n.apart.List(); len(e) > 0 {
		w.fail("%s: %s was set apart: %s", e[0].Step, e[0].Object, e[0].Reason)
	}
	w.read(n, w.looked, false)
	w.looked = w.clock.Monotonic()
	now := w.clock.Now()
	rest := w.clock.Monotonic()-w.calm >= settleTime && !n.full.Load()
	from := now.Add(-2 * time.Hour).Truncate(time.Second)
	if rest {
		from = time.Time{}
	}
	pending := map[belfry.ID]*belfry.DueItem{}
	retries := map[belfry.Occurrence]bool{}
	for _, it := range w.queue(n) {
		if rest && it.At.Before(now.Add(-2*time.Second)) {
			w.fail("%s is overdue since %s", w.name(it.Schedule, it.Time), stamp(it.At))
		}
		if it.Retry {
			retries[it.Occurrence] = true
			continue
		}
		if other := pending[it.Schedule]; other != nil {
			w.fail("two entries in the queue: %s and %s", w.name(it.Schedule, it.Time), stamp(other.Time))
		}
		pending[it.Schedule] = &it
	}
	for _, r := range w.refs {
		w.checkName(n, r, from, now, rest, pending, retries)
	}
	for id, it := range pending {
		if l := w.lifeOf(id); l == nil || !l.gone.IsZero() {
			w.fail("%s is in the queue, but its schedule is gone", w.name(id, it.Time))
		} else if l.last().State == belfry.Disabled {
			w.fail("%s is in the queue, but its schedule is disabled", w.name(id, it.Time))
		}
	}
	if h := n.engine.Health(); len(h.Faults()) > 0 {
		w.fail("the engine put right what must not happen: %v of %v", h.Faults(), h.Repairs)
	}
	w.judgeArrivals()
}

func (w *world) lifeOf(id belfry.ID) *life {
	for _, l := range w.lives {
		if l.id == id {
			return l
		}
	}
	return nil
}

func (w *world) checkName(n *node, r belfry.ScheduleRef, from, now time.Time, rest bool, pending map[belfry.ID]*belfry.DueItem, retries map[belfry.Occurrence]bool) {
	h, err := n.engine.History(context.Background(), r)
	if belfry.KindOf(err) == belfry.NotFound {
		return
	}
	if err != nil {
		w.fail("history of %s: %v", r.Name, err)
	}
	ledger, err := n.engine.Ledger(context.Background(), h, from, time.Time{}, 1_000_000)
	if err != nil {
		w.fail("ledger of %s: %v", r.Name, err)
	}
	for _, l := range w.lives {
		if l.ScheduleRef != r {
			continue
		}
		runs, gaps := map[int64]*belfry.Run{}, []belfry.Gap(nil)
		for _, e := range ledger {
			switch {
			case e.Run != nil && e.Run.Schedule == l.id:
				runs[e.Run.Time.Unix()] = e.Run
			case e.Gap != nil && e.Gap.Schedule == l.id:
				gaps = append(gaps, *e.Gap)
			}
		}
		v := &view{w: w, l: l, now: now, from: from, rest: rest, runs: runs, gaps: gaps, pending: pending[l.id], retries: retries}
		v.claims = l.claims(from, earlierTime(now, l.gone))
		v.checkGaps()
		v.checkOutcomes()
		v.checkRuns()
		if rest {
			v.checkPending()
			v.checkWhy(n, h)
		}
	}
}

func earlierTime(now, gone time.Time) time.Time {
	if !gone.IsZero() && gone.Before(now) {
		return gone
	}
	return now
}

// A view is one life as it is seen at one moment.
type view struct {
	w         *world
	l         *life
	now, from time.Time
	rest      bool // the engine has come to rest
	claims    []claim
	runs      map[int64]*belfry.Run
	gaps      []belfry.Gap
	pending   *belfry.DueItem
	retries   map[belfry.Occurrence]bool
}

func (v *view) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, d := range v.l.defs {
		text += fmt.Sprintf("\n  %s since %s: %s", stamp(d.begin), stamp(d.Since), brief(&d.Schedule))
	}
	for _, g := range v.gaps {
		text += "\n  gap " + gapText(&g)
	}
	if v.pending != nil {
		text += fmt.Sprintf("\n  in the queue: %s at %s kept %t", stamp(v.pending.Time), stamp(v.pending.At), v.pending.Kept)
	}
	v.w.fail("%s: %s", v.l, text)
}

func gapText(g *belfry.Gap) string {
	return fmt.Sprintf("%s..%s x%d %s", stamp(g.From), stamp(g.To), g.Count, g.Reason)
}

// checkGaps: no gap reaches past now, none shares an occurrence with another, each
// counts what lies in it, and what was given up was too old.
func (v *view) checkGaps() {
	for i := range v.gaps {
		g := &v.gaps[i]
		if v.rest && g.To.After(v.now.Add(time.Second)) {
			v.fail("gap %s reaches past now", gapText(g))
		}
		if i > 0 && !v.gaps[i-1].To.Before(g.From) && v.shared(&v.gaps[i-1], g) {
			v.fail("gaps %s and %s overlap", gapText(&v.gaps[i-1]), gapText(g))
		}
		least, most := int64(0), int64(0)
		for _, c := range v.claims {
			if !c.at.Before(g.From) && !c.at.After(g.To) {
				most++
				if c.must {
					least++
				}
			}
		}
		// What was cut when the clock was set back, of a definition that is gone, is
		// counted as well as can be.
		guessed := v.w.backs > 0 && len(v.l.defs) > 1
		if (g.Count < least || g.Count > most) && !guessed && !g.From.Before(v.from) && !v.l.zoned && !v.l.blurred && (v.rest || v.w.backs == 0) {
			v.fail("gap %s holds %d to %d occurrences", gapText(g), least, most)
		}
		v.checkGivenUp(g)
	}
}

func (v *view) shared(a, b *belfry.Gap) bool {
	if v.l.zoned && len(v.l.defs) > 1 {
		return false // new zone data may have moved a time into the stretch of a definition before
	}
	for _, c := range v.claims {
		if covers(a, c.at) && covers(b, c.at) {
			return true
		}
	}
	return false
}

func covers(g *belfry.Gap, o time.Time) bool { return !o.Before(g.From) && !o.After(g.To) }

// checkGivenUp judges a gap when it is first seen: the latest missed occurrence
// was beyond what may run still.
func (v *view) checkGivenUp(g *belfry.Gap) {
	if v.w.seen[*g] {
		return
	}
	v.w.seen[*g] = true
	if v.w.backs > 0 || v.l.zoned || g.Reason != belfry.GapMissed && g.Reason != belfry.GapTooOld {
		return
	}
	reach, _ := v.l.ages()
	d := v.l.last()
	if !d.oneTime() {
		reach = min(reach, time.Hour)
		if next, ok := d.after(g.To); ok && !next.After(v.now) || d.begin.After(g.To) {
			return // a later one ran in its place
		}
	}
	if age := v.now.Sub(g.To); age <= reach {
		v.fail("gap %s: %s was given up %v after its time, and may run until %v", gapText(g), stamp(g.To), age, reach)
	}
}

// checkOutcomes: every occurrence up to now has one outcome or waits.
func (v *view) checkOutcomes() {
	for _, c := range v.claims {
		outcomes := []string{}
		if r := v.runs[c.at.Unix()]; r != nil {
			outcomes = append(outcomes, "a run, "+r.Outcome.String())
		}
		for i := range v.gaps {
			if !covers(&v.gaps[i], c.at) {
				continue
			}
			// What ran under a clock that was ahead stands, though it was disabled or
			// missed when its time came again.
			if !v.ranAhead(c.at) {
				outcomes = append(outcomes, "gap "+gapText(&v.gaps[i]))
			}
		}
		if v.pending != nil && v.pending.Time.Equal(c.at) && !v.ranAhead(c.at) {
			outcomes = append(outcomes, "it waits until "+stamp(v.pending.At))
		}
		behind := v.pending != nil && v.pending.Time.Before(c.at)
		// New zone data may have moved it into the stretch of a definition before.
		moved := v.l.zoned && !c.must && !slices.ContainsFunc(outcomes, func(o string) bool { return !strings.HasPrefix(o, "gap ") })
		switch {
		case moved:
		case len(outcomes) > 1 && (v.rest || v.w.backs == 0):
			v.fail("%s has %d outcomes: %q", stamp(c.at), len(outcomes), outcomes)
		case len(outcomes) == 0 && c.must && !behind && (v.rest || v.w.backs == 0):
			v.fail("%s has no outcome", stamp(c.at))
		}
	}
}

// ranAhead says that o was delivered before the clock was last set back.
func (v *view) ranAhead(o time.Time) bool {
	v.w.mu.Lock()
	defer v.w.mu.Unlock()
	return slices.ContainsFunc(v.w.arrivals, func(a *arrival) bool {
		return a.Schedule == v.l.id && a.Time.Equal(o) && a.mono <= v.w.backAt && v.w.backs > 0
	})
}

// checkRuns: the attempts in the ledger are the deliveries, each with a number and
// an execution id of its own; and no run began that was too late to.
func (v *view) checkRuns() {
	delivered := map[int64][]*arrival{}
	v.w.mu.Lock()
	for _, a := range v.w.arrivals {
		if a.Schedule == v.l.id && !a.Time.Before(v.from) {
			delivered[a.Time.Unix()] = append(delivered[a.Time.Unix()], a)
		}
	}
	v.w.mu.Unlock()
	for at, all := range delivered {
		if v.runs[at] == nil {
			v.fail("%s was delivered, and has no run", stamp(all[0].Time))
		}
	}
	for at, r := range v.runs {
		v.checkAttempts(r, delivered[at])
		v.checkLate(r)
	}
}

func (v *view) checkAttempts(r *belfry.Run, delivered []*arrival) {
	known, executions := map[int]*belfry.Attempt{}, map[string]bool{}
	for i := range r.Attempts {
		a := &r.Attempts[i]
		if a.Number != i+1 || executions[a.ExecutionID] {
			v.fail("the run of %s has attempts %v", stamp(r.Time), r.Attempts)
		}
		known[a.Number], executions[a.ExecutionID] = a, true
	}
	seen := map[int]*arrival{}
	for _, d := range delivered {
		if seen[d.attempt] != nil {
			v.fail("attempt %d of %s was delivered twice", d.attempt, stamp(r.Time))
		}
		seen[d.attempt] = d
		a := known[d.attempt]
		switch {
		case a == nil && r.Outcome == belfry.Running && d.attempt == len(r.Attempts)+1:
		case a == nil:
			v.fail("attempt %d of %s was delivered, and is not in the ledger, which has %d and %v", d.attempt, stamp(r.Time), len(r.Attempts), r.Outcome)
		case a.ExecutionID != d.execution:
			v.fail("attempt %d of %s was delivered as %s, and is %s in the ledger", d.attempt, stamp(r.Time), d.execution, a.ExecutionID)
		case d.ended && a.Status != d.status && a.Status != belfry.AttemptInterrupted:
			v.fail("attempt %d of %s was answered with %s, and is %s in the ledger", d.attempt, stamp(r.Time), d.status, a.Status)
		}
	}
	for number, a := range known {
		if seen[number] == nil && a.Status != belfry.AttemptInterrupted && a.ErrorCode != "Belfry.NoOncePerKey" {
			v.fail("attempt %d of %s is %s in the ledger, and was never delivered", number, stamp(r.Time), a.Status)
		}
	}
	if v.rest && r.Outcome == belfry.Pending && !v.retries[r.Occurrence] {
		v.fail("the run of %s waits for an attempt that is not in the queue", stamp(r.Time))
	}
}

// checkLate: of those that are late only the latest runs, within the reach.
func (v *view) checkLate(r *belfry.Run) {
	window := v.l.windowMost()
	late := r.Started.Sub(r.Time)
	if late <= lateEnough+window {
		return
	}
	_, reach := v.l.ages()
	if v.oneTimeAt(r.Time) {
		if late > reach+window+lateEnough {
			v.fail("%s ran %v late, and its maximum event age is %v", stamp(r.Time), late, reach)
		}
		return
	}
	if reach = min(reach, time.Hour); late > reach+window+lateEnough {
		v.fail("%s ran %v late, and only what is %v late is caught up", stamp(r.Time), late, reach)
	}
	if v.w.backs > 0 || v.l.zoned {
		return
	}
	for _, d := range v.l.defs {
		if !d.has(r.Time) || !r.Time.After(d.Since) || !d.end.IsZero() && d.end.Before(r.Started) {
			continue
		}
		if next, ok := d.after(r.Time); ok && !next.After(r.Started.Add(-modelLead)) {
			v.fail("%s ran at %s, although %s was due by then", stamp(r.Time), stamp(r.Started), stamp(next))
		}
	}
}

func (v *view) oneTimeAt(o time.Time) bool {
	for _, d := range v.l.defs {
		if d.oneTime() && d.has(o) {
			return true
		}
	}
	return false
}

// checkPending: an enabled schedule waits for what its definition gives for now.
func (v *view) checkPending() {
	l, d := v.l, v.l.last()
	if !l.gone.IsZero() || d.State == belfry.Disabled || v.w.doomed(l) {
		l.complete = 0
		return
	}
	next, more := d.after(later(v.now, d.Since))
	for more && v.runs[next.Unix()] != nil {
		next, more = d.after(next) // it ran under a clock that was ahead
	}
	p := v.pending
	switch {
	case more && p == nil && d.oneTime() && l.zoned && len(v.runs)+len(v.gaps) > 0:
		return // what has an outcome is done, although its zone says another time by now
	case more && p == nil:
		v.fail("it has no entry in the queue, and is due at %s", stamp(next))
	case p == nil:
		v.checkComplete()
		return
	case p.Time.After(v.now) && !more:
		v.fail("it waits for %s, and nothing is due any more", stamp(p.Time))
	case p.Time.After(v.now) && p.Time.After(next):
		v.fail("it waits for %s, and is due at %s", stamp(p.Time), stamp(next))
	case p.Time.After(v.now) && !d.has(p.Time):
		v.fail("it waits for %s, which is no occurrence", stamp(p.Time))
	case p.At.Before(p.Time) || p.At.After(p.Time.Add(l.windowMost())) && p.At.After(v.now.Add(time.Second)):
		v.fail("it waits for %s until %s", stamp(p.Time), stamp(p.At))
	}
	l.complete = 0
}

// checkComplete: what asked to be deleted on completion goes, after an hour at the
// latest.
func (v *view) checkComplete() {
	l, d := v.l, v.l.last()
	if !d.DeleteAfterCompletion || l.Rule() != "" || len(v.claims) == 0 {
		return
	}
	last := v.claims[len(v.claims)-1]
	r := v.runs[last.at.Unix()]
	covered := slices.ContainsFunc(v.gaps, func(g belfry.Gap) bool { return covers(&g, last.at) })
	if last.d != d || r == nil && !covered {
		return
	}
	for _, r := range v.runs {
		if !r.Outcome.Final() {
			return
		}
	}
	mono := v.w.clock.Monotonic()
	if since := max(l.complete, v.w.up); l.complete > 0 && mono-since > time.Hour+5*time.Minute {
		v.fail("it is complete since %v, asked to be deleted then, and is still there", mono-l.complete)
	}
	if l.complete == 0 {
		l.complete = mono
	}
}

var clockTime = regexp.MustCompile(`(?:due at|starts at) (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC`)

// checkWhy: what is explained is what is stored.
func (v *view) checkWhy(n *node, h *engine.History) {
	var times []time.Time
	for _, c := range v.claims[max(0, len(v.claims)-3):] {
		times = append(times, c.at)
	}
	if next, ok := v.l.last().after(v.now); ok {
		times = append(times, next)
	}
	for _, at := range times {
		y, err := n.engine.Why(context.Background(), h, at)
		if err != nil {
			v.fail("why %s: %v", stamp(at), err)
		}
		told := v.told(y)
		r := v.runs[at.Unix()]
		if r != nil && (told == nil || told.Run == nil) {
			v.fail("why %s: %q, and there is a run", stamp(at), y.Sentence)
		}
		if y.Run != nil {
			if y.Run.Outcome == belfry.Pending && !v.retries[y.Run.Occurrence] {
				v.fail("why %s: %q, and nothing waits in the queue", stamp(at), y.Sentence)
			}
			continue
		}
		if y.Outcome == "future" && h.Current == nil {
			v.fail("why %s: %q, and the schedule is gone", stamp(at), y.Sentence)
		}
		if y.Outcome == "future" && h.Current.State == belfry.Disabled {
			v.fail("why %s: %q, and the schedule is disabled", stamp(at), y.Sentence)
		}
		if m := clockTime.FindStringSubmatch(y.Sentence); m != nil && y.Outcome == "future" {
			due, _ := time.Parse("2006-01-02 15:04:05", m[1])
			if due.Before(v.now.Add(-time.Second)) {
				v.fail("why %s: %q, and it is %s", stamp(at), y.Sentence, stamp(v.now))
			}
		}
		if !slices.ContainsFunc(v.claims, func(c claim) bool { return c.must && c.at.Equal(at) }) {
			continue
		}
		// What a stretch held by the rules that its zone had then is not stored.
		for i := range v.gaps {
			if g := &v.gaps[i]; !v.l.retold && covers(g, at) && r == nil && (told == nil || told.Gap == nil) {
				v.fail("why %s: %q, and there is a gap %s", stamp(at), y.Sentence, gapText(g))
			}
		}
		// A time of which two definitions have something is told by one of them.
		sure := v.w.backs == 0 && !v.l.retold && !v.l.blurred
		switch {
		case sure && y.Outcome == "unknown" && y.Gap == nil:
			v.fail("why %s: %q", stamp(at), y.Sentence)
		case sure && y.Outcome == "not_due" && !v.w.doomed(v.l):
			v.fail("why %s: %q, and it was due", stamp(at), y.Sentence)
		}
	}
}

// told is what an answer tells of this life of the name.
func (v *view) told(y *engine.Why) *engine.Why {
	of := func(y *engine.Why) bool {
		return y.Run != nil && y.Run.Schedule == v.l.id || y.Gap != nil && y.Gap.Schedule == v.l.id
	}
	if of(y) {
		return y
	}
	for i := range y.Also {
		if of(&y.Also[i]) {
			return &y.Also[i]
		}
	}
	return nil
}

// judgeArrivals: what began to be delivered was due by a definition that held.
func (w *world) judgeArrivals() {
	w.mu.Lock()
	fresh := []*arrival{}
	for _, a := range w.arrivals {
		if !a.judged {
			a.judged = true
			fresh = append(fresh, a)
		}
	}
	w.mu.Unlock()
	for _, a := range fresh {
		l := w.lifeOf(a.Schedule)
		if l == nil {
			w.fail("%s was delivered for a schedule that nobody made", a.OccurrenceID())
		}
		if a.attempt > 1 {
			continue
		}
		if !l.gone.IsZero() && a.mono > l.acked+modelLead {
			w.fail("%s was delivered at %s, after it was deleted", w.name(a.Schedule, a.Time), stamp(a.wall))
		}
		w.judge(l, a)
	}
}

// onceUnder says that both times are those of one and the same one-time definition,
// which was never edited, with different zone data.
func (l *life) onceUnder(a, b time.Time) bool {
	y := l.last()
	return y.Revision == 1 && slices.ContainsFunc(l.defs, func(x *def) bool { return x.oneTime() && x.has(a) && y.has(b) })
}

func (w *world) judge(l *life, a *arrival) {
	legal := false
	for i, d := range l.defs {
		if d.asked > a.mono || !d.has(a.Time) {
			continue
		}
		switch {
		case !d.next.IsZero() && l.defs[min(i+1, len(l.defs)-1)].acked+modelLead < a.mono && i+1 < len(l.defs) && a.Time.After(d.next.Add(modelLead)):
			// The next definition held, and this one's occurrence came after its edit.
		case a.Time.After(d.begin.Add(-time.Second)) || a.Time.After(d.Since):
			legal = true
		case d.oneTime() && (i == 0 || l.defs[i-1].Expression == d.Expression && l.defs[i-1].Timezone == d.Timezone):
			legal = true // its time passed before it was made, or while it was disabled
		case i == 0 && d.firstAtCreation() && a.Time.Equal(d.Anchor):
			legal = true
		case l.zoned:
			legal = true
		}
	}
	if !legal {
		text := ""
		for _, d := range l.defs {
			text += fmt.Sprintf("\n  %s since %s: %s", stamp(d.begin), stamp(d.Since), brief(&d.Schedule))
		}
		w.fail("%s was delivered at %s, and by no definition was it due:%s", w.name(l.id, a.Time), stamp(a.wall), text)
	}
	for i, d := range l.defs {
		held := d.acked+modelLead < a.mono && (i+1 == len(l.defs) || l.defs[i+1].asked > a.mono)
		if held && d.State == belfry.Disabled {
			w.fail("%s was delivered at %s, after it was disabled", w.name(l.id, a.Time), stamp(a.wall))
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, other := range w.arrivals {
		if other.Schedule == l.id && other.mono < a.mono && !other.Time.Equal(a.Time) && l.zoned && l.onceUnder(other.Time, a.Time) {
			w.rt.Fatalf("%s had run at %s, and ran again when its zone had changed", w.nameLocked(l.id, a.Time), stamp(other.Time))
		}
		if o := w.lifeOf(other.Schedule); o != l && o != nil && o.ScheduleRef == l.ScheduleRef && other.Time.Equal(a.Time) && other.mono < l.defs[0].acked &&
			l.defs[0].oneTime() && l.defs[0].has(a.Time) && !a.Time.After(l.defs[0].begin) {
			w.rt.Fatalf("%s ran in an earlier life of the name, and ran again", w.nameLocked(l.id, a.Time))
		}
	}
}
