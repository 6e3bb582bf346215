package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belfry-run/belfry/torture/rig"
)

// A definition is what a schedule is to be. Its note, which is the schedule's
// description and stands in its input, tells it from every other one.
type definition struct {
	note       string
	expression string
	zone       string
	start, end time.Time // zero: not set
	window     int       // minutes
	disabled   bool
	deleted    bool // ActionAfterCompletion is DELETE
	age        time.Duration
	target     string // a script of the sink, "queue" or "function"
	retries    int
	deadLetter bool
}

func (d *definition) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s to %s", d.note, d.expression, d.zone, d.target)
	for _, f := range []struct {
		set  bool
		text string
	}{
		{d.window > 0, fmt.Sprintf("window %d min", d.window)},
		{d.disabled, "DISABLED"},
		{d.deleted, "DELETE"},
		{d.deadLetter, "dead-letter queue"},
		{!d.start.IsZero(), "from " + d.start.Format(time.RFC3339)},
		{!d.end.IsZero(), "until " + d.end.Format(time.RFC3339)},
	} {
		if f.set {
			b.WriteString(", " + f.text)
		}
	}
	return b.String()
}

// A change is a request that changed a schedule, or may have: it took effect
// between sent and done, real times.
type change struct {
	op         string // create, update, delete
	def        *definition
	sent, done time.Time
	answered   bool // the server said so; else it was found out later
}

func (c *change) String() string {
	what := c.op
	if c.def != nil {
		what += " " + c.def.String()
	}
	if !c.answered {
		what += " (not answered; found done later)"
	}
	return fmt.Sprintf("%s..%s %s", clockTime(c.sent), clockTime(c.done), what)
}

// A life is a schedule from its creation to its end. Its changes are in order,
// made one after the other; the first is its creation.
type life struct {
	group, name string
	target      string // of a rule, which has no group: the id of the target that this is
	first       bool   // no schedule had the name before
	changes     []change
	gone        bool // it ended by itself, as its DELETE wanted
}

func (l *life) arn() string {
	if l.target != "" {
		return "arn:aws:events:" + rig.Region + ":" + rig.Account + ":rule/" + l.name
	}
	return "arn:aws:scheduler:" + rig.Region + ":" + rig.Account + ":schedule/" + l.group + "/" + l.name
}

// def is the definition that it has now.
func (l *life) def() *definition {
	for _, v := range slices.Backward(l.changes) {
		if v.def != nil {
			return v.def
		}
	}
	return nil
}

// deleted says whether a request has ended it.
func (l *life) deleted() bool { return l.changes[len(l.changes)-1].op == "delete" }

func clockTime(t time.Time) string { return t.UTC().Format("15:04:05.000") }
