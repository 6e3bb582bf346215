package main

import (
	"fmt"
	"strings"
	"time"
)

// checkOutcomes wants exactly one outcome of every occurrence that is owed one,
// at most one of every other, and none of what was never due.
func (n *lane) checkOutcomes(o *oracle, s *subject) {
	claims := map[int64][]*claim{}
	for _, l := range s.lives {
		for t, c := range o.claims(l) {
			claims[t] = append(claims[t], c)
		}
	}
	_, nowMost := o.wall(o.until)
	s.fitGaps(o)
	for i := range s.entries {
		e := &s.entries[i]
		switch {
		case e.Kind == "gap" && e.fits == nil && len(o.steps) == 1:
			n.violate("a gap that counts what no definition has: %s", s.arn).add("%s", e).add("%s", s.story(o)).add("%s", s.near(e.From))
		case e.Kind == "gap" && e.To.After(nowMost.Add(outwards)):
			n.violate("a gap reaches past now: %s", s.arn).add("now it is %s; %s", nowMost.Format(stampLayout), e).add("%s", s.story(o))
		case e.Kind == "gap" && e.To.Before(e.From):
			n.violate("a gap ends before it begins: %s", s.arn).add("%s", e).add("%s", s.story(o))
		case e.Kind == "run" && len(claims[e.ScheduledTime.Unix()]) == 0:
			n.violate("a run for a time at which the schedule was never due: %s", s.arn).add("%s", e).add("%s", s.story(o)).add("%s", s.near(e.ScheduledTime))
		}
	}
	n.checkFloods(o, s, claims)
	for _, t := range sortedTimes(claims) {
		n.count("occurrences checked", 1)
		n.checkOutcome(o, s, t, claims[t])
	}
}

func (n *lane) checkOutcome(o *oracle, s *subject, t int64, claims []*claim) {
	at := time.Unix(t, 0).UTC()
	var owed, may, mayRun, anew int // anew: runs that no earlier life of the name can have made needless
	mustRun := false
	for i, c := range claims {
		if !c.past || i == 0 {
			anew++
		}
		may++
		if c.run {
			mayRun++
		}
		if c.must && o.settled(c.life, at) {
			owed++
			mustRun = mustRun || c.sure && len(claims) == 1
		}
	}
	var runs, gaps, edges int
	var found []string
	for i := range s.entries {
		e := &s.entries[i]
		yes, edge := e.covers(t)
		switch {
		case !yes:
			continue
		case edge:
			edges++
		case e.Kind == "run":
			runs++
		default:
			gaps++
		}
		found = append(found, e.String())
	}
	report := func(format string) {
		v := n.violate(format, at.Format(time.RFC3339), s.arn)
		if len(found) == 0 {
			found = []string{"none"}
		}
		v.add("outcomes: %s", strings.Join(found, "\n")).add("owed %d, at most %d, of them runs %d, by %s", owed, may, mayRun, claimText(claims))
		v.add("%s", s.story(o)).add("%s", s.near(at))
	}
	switch all := runs + gaps; {
	case all+edges < owed:
		report("no outcome of %s of %s")
	case all > may:
		report("more than one outcome of %s of %s")
	case runs > mayRun:
		report("a run that must not be, of %s of %s")
	case runs == 0 && mustRun:
		report("a one-time was given up within its maximum event age: %s of %s")
	case runs > anew && claims[0].def.oneTime():
		report("done work is done again by a later schedule of the name: %s of %s")
	}
}

// checkFloods wants at most one run of what a recurring schedule was due for while
// the clock jumped ahead.
func (n *lane) checkFloods(o *oracle, s *subject, claims map[int64][]*claim) {
	const promptly = 90 * time.Second // what is no later than this runs
	for i := 1; i < len(o.steps); i++ {
		step := o.steps[i]
		before, after := step.At.Add(o.steps[i-1].Offset), step.At.Add(step.Offset)
		by := map[*definition][]string{}
		for j := range s.entries {
			e := &s.entries[j]
			t := e.ScheduledTime
			if e.Kind != "run" || !t.After(before) || t.After(after.Add(-promptly)) || len(o.crossings(t)) != 1 {
				continue
			}
			if of := claims[t.Unix()]; len(of) == 1 && of[0].must && !of[0].def.oneTime() && of[0].def.window == 0 {
				by[of[0].def] = append(by[of[0].def], e.String())
			}
		}
		for d, runs := range by {
			if len(runs) > 1 {
				n.violate("more than the latest runs after the clock jumped: %s", s.arn).add("of %s, while it jumped from %s to %s:", d, before.UTC().Format(stampLayout), after.UTC().Format(stampLayout)).
					add("%s", strings.Join(runs, "\n")).add("%s", s.story(o))
			}
		}
	}
}

// fitGaps finds for each gap the definitions whose occurrences it can be about: as
// many of them lie in it as it counts. The ledger does not say.
func (s *subject) fitGaps(o *oracle) {
	for i := range s.entries {
		e := &s.entries[i]
		if e.Kind != "gap" {
			continue
		}
		for _, l := range s.lives {
			for j := range l.changes {
				if l.changes[j].def == nil {
					break
				}
				if j > 0 && l.changes[j-1].def.same(l.changes[j].def) {
					continue
				}
				for _, a := range o.anchors(l, j) {
					e.fit(l.changes[j].def.times(e.From, e.To, a))
				}
			}
		}
	}
}

// fit adds the times as what the gap may be about if it counts so many.
func (e *entry) fit(times []time.Time) {
	n := int64(len(times))
	exclusive := e.Reason == "disabled" && n > 0 && times[0].Equal(e.From)
	if n != e.Count && (!exclusive || n-1 != e.Count) {
		return
	}
	set := map[int64]bool{}
	for _, t := range times {
		set[t.Unix()] = true
	}
	e.fits = append(e.fits, set)
}

func claimText(claims []*claim) string {
	var all []string
	for _, c := range claims {
		all = append(all, fmt.Sprintf("[%s; must %v, may run %v]", c.def, c.must, c.run))
	}
	return strings.Join(all, " ")
}
