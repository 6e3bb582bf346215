package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// quiet is how long runs that are under way get to end after the last fault.
	quiet = 2 * time.Minute
	// afterSteps is how long a server gets to put right what a step of the clock has
	// made wrong, in milliseconds.
	afterSteps = 15_000
	// outwards is how far a start may be after an acknowledged delete or disable:
	// it had begun, and the machine is busy.
	outwards = 2 * time.Second
)

// subject is all lives of one name (of a rule: of one target), with its ledger.
type subject struct {
	arn, target string
	lives       []*life
	entries     []entry
}

func (s *subject) story(o *oracle) string {
	var parts []string
	for _, l := range s.lives {
		parts = append(parts, l.history())
	}
	last := s.lives[len(s.lives)-1]
	if c := o.story(s.lives[0].changes[0].sent, last.changes[len(last.changes)-1].done.Add(time.Minute)); c != "" {
		parts = append(parts, c)
	}
	return strings.Join(parts, "\n")
}

// near are the ledger's entries that lie within a quarter of an hour of t.
func (s *subject) near(t time.Time) string {
	lines := []string{"the ledger near it:"}
	for i := range s.entries {
		e := &s.entries[i]
		from, to := e.ScheduledTime, e.ScheduledTime
		if e.Kind == "gap" {
			from, to = e.From, e.To
		}
		if from.Before(t.Add(15*time.Minute)) && to.After(t.Add(-15*time.Minute)) {
			lines = append(lines, "  "+strings.ReplaceAll(e.String(), "\n", "\n  "))
		}
	}
	if len(lines) > 25 {
		lines = append(lines[:25], fmt.Sprintf("  and %d more", len(lines)-25))
	}
	return strings.Join(lines, "\n")
}

// check holds everything against each other.
func (n *lane) check(ctx context.Context) {
	if n.dead.Load() || n.srv.PID() == 0 {
		return
	}
	if err := n.srv.Crashed(); err != nil {
		n.violate("the server ended by itself").add("%v", err)
		return
	}
	n.sink.drain()
	if len(n.clock.Steps()) > 1 {
		n.wait(ctx, afterSteps) // in which the server is to put right what a step has made wrong
	}
	subjects, ok := n.settle(ctx)
	if !ok {
		return
	}
	owed := time.Now()
	for _, s := range subjects {
		if err := n.read(ctx, s); err != nil {
			n.violate("the ledger cannot be read").add("%s: %v", s.arn, err)
			return
		}
	}
	o := &oracle{steps: n.clock.Steps(), until: time.Now(), owed: owed}
	for _, s := range subjects {
		n.checkOutcomes(o, s)
	}
	n.checkThere(ctx, o, subjects)
	n.checkWell(ctx)

	inbox, dead := n.messages(ctx, "inbox"), n.messages(ctx, "dead")
	delivered, known := n.sink.deliveries(), map[string]bool{}
	for _, s := range subjects {
		n.checkRuns(o, s, delivered, inbox, known)
	}
	for key, all := range delivered {
		if !known[key] && all[0].start.Before(o.owed) {
			n.violate("a delivery of an occurrence that is not in the ledger: %s", key).add("%s", &all[0]).add("its body: %s", all[0].body)
		}
	}
	n.checkDead(o, subjects, dead)
}

// messages empties a queue and returns how many messages it had of each
// occurrence. A message that was sent while the clock was ahead is hidden until
// that time comes again, so the clock is set there first.
func (n *lane) messages(ctx context.Context, queue string) map[string]int {
	most := n.clock.Offset()
	for _, s := range n.clock.Steps() {
		most = max(most, s.Offset)
	}
	if by := most - n.clock.Offset(); by > 0 {
		n.clock.Step(by)
	}
	all, err := n.drainQueue(ctx, queue)
	if err != nil {
		n.violate("a queue cannot be read").add("%v", err)
	}
	n.count("messages in "+queue, len(all))
	return occurrences(all)
}

// settle waits until no run is under way, and returns the subjects.
func (n *lane) settle(ctx context.Context) ([]*subject, bool) {
	by := map[string]*subject{}
	var all []*subject
	add := func(l *life) {
		key := l.arn() + "#" + l.target
		if by[key] == nil {
			by[key] = &subject{arn: l.arn(), target: l.target}
			all = append(all, by[key])
		}
		by[key].lives = append(by[key].lives, l)
	}
	for _, c := range n.clients {
		for _, l := range c.lives {
			add(l)
		}
	}
	for _, l := range n.rules.lives {
		add(l)
	}
	waiting := slices.Clone(all)
	evenClock := len(n.clock.Steps()) == 1
	for deadline := time.Now().Add(quiet); ; time.Sleep(500 * time.Millisecond) {
		still := waiting[:0:0]
		for _, s := range waiting {
			if err := n.read(ctx, s); err != nil {
				n.violate("the ledger cannot be read").add("%s: %v", s.arn, err)
				return nil, false
			}
			if slices.ContainsFunc(s.entries, func(e entry) bool { return e.stuck(evenClock) }) {
				still = append(still, s)
			}
		}
		if waiting = still; len(waiting) == 0 {
			return all, true
		}
		if time.Now().After(deadline) {
			o := &oracle{steps: n.clock.Steps(), until: time.Now(), owed: time.Now()}
			for _, s := range waiting {
				i := slices.IndexFunc(s.entries, func(e entry) bool { return e.stuck(evenClock) })
				n.violate("a run is still under way %v after the last fault", quiet).add("%s", &s.entries[i]).add("%s", s.story(o))
			}
			return all, true
		}
	}
}

// stuck says whether the run should soon end: it is under way, or waits for an
// attempt that is not long to come. Back-off grows with what has failed, and a
// clock that was set back may prolong it by eleven minutes.
func (e *entry) stuck(evenClock bool) bool {
	if e.Kind != "run" || e.Outcome == "running" || !evenClock {
		return e.Kind == "run" && e.Outcome == "running"
	}
	tried := 0
	for _, a := range e.Attempts {
		if a.Result != "interrupted" {
			tried++
		}
	}
	return e.Outcome == "pending" && tried < 6
}

func (n *lane) read(ctx context.Context, s *subject) (err error) {
	s.entries, err = n.ledger(ctx, s.arn)
	if s.target != "" {
		s.entries = slices.DeleteFunc(s.entries, func(e entry) bool { return e.TargetID != s.target })
	}
	return err
}

// checkThere holds what was acknowledged last against what the server has.
func (n *lane) checkThere(ctx context.Context, o *oracle, subjects []*subject) {
	for _, s := range subjects {
		l := s.lives[len(s.lives)-1]
		if l.target != "" || strings.Contains(l.changes[len(l.changes)-1].op, "unknown") {
			continue
		}
		got, err := n.srv.Do(ctx, "scheduler", http.MethodGet, "/schedules/"+l.name+"?groupName="+l.group, "", nil)
		if err != nil || got.Status != http.StatusOK && got.Status != http.StatusNotFound {
			n.violate("GetSchedule fails").add("%s: %d %s, %v", s.arn, got.Status, got.Body, err)
			continue
		}
		var is struct{ Description, ScheduleExpression, State string }
		if got.Status == http.StatusOK {
			if err := json.Unmarshal(got.Body, &is); err != nil {
				n.violate("GetSchedule fails").add("%s: %v", s.arn, err)
				continue
			}
		}
		over := l.deleted() || l.gone
		d := l.def()
		switch {
		case over && got.Status == http.StatusOK:
			n.violate("a schedule is there that was deleted").add("%s", s.story(o)).add("%s", got.Body)
		case over:
		case got.Status == http.StatusNotFound && !d.deleted:
			n.violate("an acknowledged schedule is lost").add("%s", s.story(o))
		case got.Status == http.StatusOK && (is.Description != d.note || is.ScheduleExpression != d.expression || (is.State == "DISABLED") != d.disabled):
			n.violate("an acknowledged change is lost").add("%s", s.story(o)).add("%s", got.Body)
		}
	}
}

// checkWell wants a server that says it is well, with nothing due that is not
// started. What the torture itself is the reason of may be wrong: a clock that
// was stepped, a small disk.
func (n *lane) checkWell(ctx context.Context) {
	const wellWithin = 100 * time.Second // its looks at itself want a minute without a finding
	var last string
	for deadline := time.Now().Add(wellWithin); time.Now().Before(deadline); time.Sleep(2 * time.Second) {
		var doctor struct {
			Items []struct {
				Check, Detail, Advice string
				OK                    bool
			} `json:"items"`
		}
		if err := n.srv.Native(ctx, "doctor", nil, &doctor); err != nil {
			last = err.Error()
			continue
		}
		last = ""
		for _, item := range doctor.Items {
			if !item.OK && item.Check != "clock" && item.Check != "disk" {
				last += fmt.Sprintf("%s: %s %s\n", item.Check, item.Detail, item.Advice)
			}
		}
		m, err := n.srv.Metrics(ctx)
		switch backlog := m["belfry_due_backlog"]; {
		case err != nil:
			last += err.Error()
		case backlog != 0 && last == "":
			last = fmt.Sprintf("belfry_due_backlog is %v", backlog)
		}
		if last == "" {
			return
		}
	}
	n.violate("the server is not well at the end").add("%s", last).add("of its log:\n%s", n.logged("put right", "level=ERROR", "panic"))
}

// logged are the last lines of the server's log with any of the texts.
func (n *lane) logged(texts ...string) string {
	var all []string
	for line := range strings.Lines(n.srv.LogTail(4 << 20)) {
		if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(line, text) }) {
			all = append(all, line)
		}
	}
	return strings.Join(all[max(0, len(all)-30):], "")
}
