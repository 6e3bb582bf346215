package main

import (
	"fmt"
	"strings"
	"time"
)

// checkRuns holds the runs of a subject against what reached the sink, and notes
// their keys as known.
func (n *lane) checkRuns(o *oracle, s *subject, delivered map[string][]delivery, queued map[string]int, known map[string]bool) {
	for i := range s.entries {
		e := &s.entries[i]
		if e.Kind != "run" {
			continue
		}
		all := delivered[e.ID]
		about := func(v *violation) {
			v.add("%s", e)
			for i := range all {
				v.add("%s", &all[i])
			}
			v.add("%s", s.story(o))
		}
		if known[e.ID] {
			about(n.violate("two runs of one occurrence: %s", e.ID))
		}
		known[e.ID] = true
		n.count("runs", 1)
		if text := numbering(e.Attempts); text != "" {
			about(n.violate("the attempts of %s: %s", e.ID, text))
		}
		if text := concurrent(all); text != "" {
			about(n.violate("two deliveries of %s at once: %s", e.ID, text))
		}
		if s.target == "" && e.final() {
			if text := miscounted(e, all, queued[e.ID]); text != "" {
				about(n.violate("the ledger and the sink differ: %s: %s", e.ID, text))
			}
		}
		if text := o.afterEnd(s, e, all); text != "" {
			about(n.violate("a delivery of %s after an acknowledged %s", e.ID, text))
		}
	}
}

// numbering says what is wrong with the numbers of attempts; they count from 1,
// and no two have one execution id.
func numbering(all []attempt) string {
	seen := map[string]bool{}
	for i, a := range all {
		if a.Number != i+1 {
			return fmt.Sprintf("number %d is the %d. of the list", a.Number, i+1)
		}
		if a.ExecutionID != "" && seen[a.ExecutionID] {
			return fmt.Sprintf("execution id %s twice", a.ExecutionID)
		}
		seen[a.ExecutionID] = true
	}
	return ""
}

// concurrent says which deliveries were made at the same time by one process. Of
// one that was killed the sink may see the end a moment later than the next one.
func concurrent(all []delivery) string {
	for i := range all {
		for j := i + 1; j < len(all); j++ {
			a, b := &all[i], &all[j]
			if a.script == "hangup" && a.status == 0 {
				continue // it is sent once more at once, and the sink notes a moment later that it hung up
			}
			if a.life == b.life && a.start.Before(b.end) && b.start.Before(a.end) {
				return fmt.Sprintf("the %d. and the %d.", i+1, j+1)
			}
		}
	}
	return ""
}

// miscounted says how many deliveries there should have been, when there were
// others; queued is the messages in the queue. Whether an interrupted attempt
// reached the target nobody knows; a request over a connection that broke without
// an answer may be sent once more.
func miscounted(e *entry, all []delivery, queued int) string {
	least, most := 0, len(e.Attempts)
	for _, a := range e.Attempts {
		if a.Result == "succeeded" || a.Result != "interrupted" && strings.HasPrefix(a.ErrorCode, "HTTP.") {
			least++
		}
	}
	for i := range all {
		if all[i].script == "hangup" && all[i].status == 0 {
			most++
		}
	}
	got := len(all) + queued
	if got >= least && got <= most {
		return ""
	}
	return fmt.Sprintf("%d attempts, %d of them sure to have reached the target; %d deliveries over HTTP, %d messages", len(e.Attempts), least, len(all), queued)
}

// afterEnd says which request should have kept the run from being begun.
func (o *oracle) afterEnd(s *subject, e *entry, all []delivery) string {
	if len(s.lives) > 1 || len(all) == 0 || e.StartedAt == "" {
		return "" // which life it was of the ledger does not say
	}
	began, err := time.Parse(time.RFC3339, e.StartedAt)
	if err != nil {
		return "start that cannot be read: " + e.StartedAt
	}
	first := all[0].start
	l := s.lives[0]
	for i := range l.changes {
		ch := &l.changes[i]
		end := first.Add(time.Second)
		if i+1 < len(l.changes) {
			end = l.changes[i+1].sent
		}
		off := ch.op == "delete" || ch.def != nil && ch.def.disabled
		if !off || !ch.answered || !first.After(ch.done.Add(outwards)) || !first.Before(end) {
			continue
		}
		if o.showed(began).After(ch.done.Add(outwards)) {
			return fmt.Sprintf("%s of %s", ch.op, clockTime(ch.done))
		}
	}
	return ""
}

// occurrences is how many of the messages are of each occurrence.
func occurrences(all []message) map[string]int {
	by := map[string]int{}
	for _, m := range all {
		_, rest, ok := strings.Cut(m.Body, `"occurrence":"`)
		if key, _, end := strings.Cut(rest, `"`); ok && end {
			by[key]++
		}
	}
	return by
}

// checkDead holds a dead-letter queue against the ledger.
func (n *lane) checkDead(o *oracle, subjects []*subject, dead map[string]int) {
	for _, s := range subjects {
		for i := range s.entries {
			e := &s.entries[i]
			if e.Kind != "run" || !e.final() || s.target != "" {
				continue
			}
			interrupted := 0
			for _, a := range e.Attempts {
				if a.Result == "interrupted" {
					interrupted++
				}
			}
			got, want := dead[e.ID], 0
			if e.Outcome == "dead_lettered" {
				want = 1
			}
			if got < want || got > want+interrupted {
				n.violate("%d dead letters of run %s, want %d", got, e.ID, want).add("%s", e).add("%s", s.story(o))
			}
		}
	}
}
