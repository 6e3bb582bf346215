package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/belfry-run/belfry/torture/rig"
)

const (
	keptMost = 24               // schedules that a client has at a time
	patience = 90 * time.Second // for an answer, over any number of restarts
)

// A client makes one request after the other, and writes down what it was
// answered. Its schedules and groups are its own, so that the order of the
// changes of each is known.
type client struct {
	id   int
	lane *lane
	rand *rand.Rand

	notes, names int
	lives        []*life // all that it made, in order
	group        string  // of those that it makes now; empty: the default one
	requests     int     // that were answered
	unanswered   int
}

// run makes requests until ctx ends.
func (c *client) run(ctx context.Context) {
	for ctx.Err() == nil {
		c.step(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(5+c.rand.IntN(120)) * time.Millisecond):
		}
	}
}

// living are the lives that no request of the client's has ended.
func (c *client) living() []*life {
	return slices.DeleteFunc(slices.Clone(c.lives), func(l *life) bool { return l.gone || l.deleted() })
}

func (c *client) step(ctx context.Context) {
	living := c.living()
	now := c.lane.clock.Wall(time.Now())
	n := c.rand.IntN(100)
	switch {
	case len(living) == 0 || n < 30 && len(living) < keptMost:
		c.create(ctx, c.newName(), c.shape(now), true)
	case n < 33:
		c.again(ctx, now)
	case n < 36 && c.group == "":
		c.newGroup(ctx)
	case n < 38 && c.group != "" && c.rand.IntN(3) == 0: // so that a group lives through some windows
		c.deleteGroup(ctx)
	case n < 45:
		c.delete(ctx, c.one(living))
	case n < 62:
		// Several toggles as fast as they go.
		l := c.one(living)
		for range 2 + c.rand.IntN(4) {
			if l.gone || l.deleted() || ctx.Err() != nil {
				return
			}
			e := *l.def()
			c.notes++
			e.note, e.disabled = fmt.Sprintf("c%d-%d", c.id, c.notes), !e.disabled
			c.update(ctx, l, &e)
		}
	default:
		l := c.one(living)
		c.update(ctx, l, c.edited(l.def(), now))
	}
}

// one is one of the lives, half the time one with a window: what is due and waits in
// it is what an edit can lose.
func (c *client) one(living []*life) *life {
	for range 4 {
		if l := pick(c.rand, living); l.def().window > 0 || c.rand.IntN(2) == 0 {
			return l
		}
	}
	return pick(c.rand, living)
}

func (c *client) newName() string {
	c.names++
	return fmt.Sprintf("s%d-%d", c.id, c.names)
}

// again makes a schedule with the name of one that has ended, half the time with
// the same definition.
func (c *client) again(ctx context.Context, now time.Time) {
	for _, l := range slices.Backward(c.lives) {
		if (!l.gone && !l.deleted()) || l.group != groupName(c.group) || c.rand.IntN(3) > 0 {
			continue
		}
		if slices.ContainsFunc(c.living(), func(o *life) bool { return o.name == l.name && o.group == l.group }) {
			continue
		}
		d := c.shape(now)
		if c.rand.IntN(2) == 0 {
			note := d.note
			*d = *l.def()
			d.note = note
		}
		c.create(ctx, l.name, d, false)
		return
	}
}

func groupName(g string) string {
	if g == "" {
		return "default"
	}
	return g
}

func (c *client) create(ctx context.Context, name string, d *definition, first bool) {
	l := &life{group: groupName(c.group), name: name, first: first}
	c.change(ctx, l, "create", http.MethodPost, d)
	if len(l.changes) > 0 {
		c.lives = append(c.lives, l)
	}
}

func (c *client) update(ctx context.Context, l *life, d *definition) {
	c.change(ctx, l, "update", http.MethodPut, d)
}

func (c *client) delete(ctx context.Context, l *life) {
	c.change(ctx, l, "delete", http.MethodDelete, nil)
}

// change makes a request and adds to the life what came of it. Without an answer,
// what came of it is looked up as soon as a server answers.
func (c *client) change(ctx context.Context, l *life, op, method string, d *definition) {
	path, body := "/schedules/"+l.name, any(nil)
	if d != nil {
		body = c.wire(d, l.group)
	} else {
		path += "?groupName=" + l.group
	}
	ch := change{op: op, def: d, sent: time.Now()}
	// The round's end does not cut a request off: it could take effect later.
	got, err := c.lane.srv.Do(context.WithoutCancel(ctx), "scheduler", method, path, "", body)
	ch.done = time.Now()
	switch {
	case err == nil && got.Status < 300:
		ch.answered = true
		c.requests++
		l.changes = append(l.changes, ch)
		return
	case err == nil && got.Status < 500:
		c.requests++
		c.refused(l, &ch, got)
		return
	case err == nil && !c.lane.diskFull(ch.sent):
		c.lane.violate("an answer of %d to %s of %s/%s", got.Status, op, l.group, l.name).add("the answer: %s", got.Body).add("%s", l.history()).add("the request: %s", &ch)
	}
	c.unanswered++
	note, there := c.lookUp(ctx, l)
	ch.done = time.Now()
	if there == unknown {
		ch.op += " (outcome unknown)"
	}
	if there == unknown || op == "delete" && there == absent || op != "delete" && there == present && note == d.note {
		l.changes = append(l.changes, ch)
	}
	if op == "update" && there == absent {
		c.ended(l)
	}
}

type presence int

const (
	unknown presence = iota
	present
	absent
)

// lookUp asks which definition a schedule has, until a server answers.
func (c *client) lookUp(ctx context.Context, l *life) (note string, is presence) {
	// What the lane's end interrupts is to be known all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	for ctx.Err() == nil {
		got, err := c.lane.srv.Do(ctx, "scheduler", http.MethodGet, "/schedules/"+l.name+"?groupName="+l.group, "", nil)
		switch {
		case err == nil && got.Status == http.StatusNotFound:
			return "", absent
		case err == nil && got.Status == http.StatusOK:
			var s struct{ Description string }
			if err := json.Unmarshal(got.Body, &s); err == nil {
				return s.Description, present
			}
		case c.lane.dead.Load():
			return "", unknown
		}
		time.Sleep(20 * time.Millisecond)
	}
	return "", unknown
}

// refused judges a refusal: only what has a reason that the client knows of is right.
func (c *client) refused(l *life, ch *change, got rig.Answer) {
	ch.answered = true
	switch {
	case got.Status == http.StatusNotFound && ch.op != "create":
		c.ended(l)
	case got.Status == http.StatusConflict && ch.op == "create", got.Status == http.StatusNotFound && ch.op == "create":
		// Its group is being deleted, or is gone.
		c.lane.violate("%s of %s/%s refused with %d", ch.op, l.group, l.name, got.Status).add("the answer: %s", got.Body).add("the request: %s", ch)
	case strings.Contains(string(got.Body), "will never be due"), strings.Contains(string(got.Body), "cannot be earlier than 5 minutes ago"):
		// The first minute of its kind is after its end, or the clock was stepped over its start.
	case got.Status == http.StatusConflict:
		// An edit met another change of the engine's own; nothing was changed.
	default:
		c.lane.violate("%s of %s/%s refused with %d", ch.op, l.group, l.name, got.Status).add("the answer: %s", got.Body).add("%s", l.history()).add("the request: %s", ch)
	}
}

// ended notes that the schedule is not there. That is right if it was to be
// deleted when it had run, and had a last occurrence.
func (c *client) ended(l *life) {
	l.gone = true
	if d := l.def(); !d.deleted {
		c.lane.violate("%s/%s was acknowledged and is not there", l.group, l.name).add("%s", l.history())
	}
}

func (c *client) newGroup(ctx context.Context) {
	c.names++
	name := fmt.Sprintf("g%d-%d", c.id, c.names)
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		got, err := c.lane.srv.Do(ctx, "scheduler", http.MethodPost, "/schedule-groups/"+name, "", map[string]any{})
		if err == nil && (got.Status < 300 || got.Status == http.StatusConflict) { // there, from a try without an answer
			c.group = name
			return
		}
		if ctx.Err() != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// deleteGroup deletes the client's group with all that is in it, and waits until
// it is gone.
func (c *client) deleteGroup(ctx context.Context) {
	ch := change{op: "delete", sent: time.Now()}
	group := c.group
	c.group = ""
	deadline := time.Now().Add(patience)
	err := errors.New("not asked yet")
	method, gone := http.MethodDelete, false
	for !gone && time.Now().Before(deadline) && !c.lane.dead.Load() {
		var got rig.Answer
		got, err = c.lane.srv.Do(context.WithoutCancel(ctx), "scheduler", method, "/schedule-groups/"+group, "", nil)
		switch {
		case err == nil && got.Status == http.StatusNotFound:
			gone = true
		case err == nil && got.Status < 300 && method == http.MethodDelete:
			if method, ch.answered = http.MethodGet, true; c.rand.IntN(2) == 0 {
				c.lane.nudge() // while it is being deleted
			}
		case err == nil && got.Status >= 400 && got.Status != http.StatusConflict && !c.lane.diskFull(ch.sent):
			c.lane.violate("an answer of %d to %s of group %s", got.Status, method, group).add("%s", got.Body)
		}
		if !gone {
			time.Sleep(15 * time.Millisecond)
		}
	}
	if ch.done = time.Now(); !gone && !c.lane.dead.Load() {
		c.lane.violate("group %s is not gone %v after its deletion", group, patience).add("asked last: %v", err)
	}
	for _, l := range c.living() {
		if l.group == group {
			l.changes = append(l.changes, ch)
		}
	}
}
