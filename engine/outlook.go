package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

// Outlook says what comes next, in a sentence: what waits in the due queue, or why
// nothing does. When the ledger has nothing, the sentence says that too, as far as
// what is stored tells it.
func (e *Engine) Outlook(ctx context.Context, h *History, nothing bool) (string, error) {
	text, err := e.outlook(ctx, h)
	if err != nil || !nothing {
		return text, err
	}
	if past := e.silence(h); past != "" {
		text = past + " " + text
	}
	return text, nil
}

func (e *Engine) outlook(ctx context.Context, h *History) (string, error) {
	if h.Ref.Name == "" {
		return e.ruleOutlook(ctx, h)
	}
	s, now := h.Current, e.now()
	if s == nil {
		return "Nothing follows: it was deleted, at " + stamp(h.lives[0].Retired) + ".", nil
	}
	p, t, err := e.pending(ctx, s, now)
	if err != nil {
		return "", err
	}
	next, more := t.next(now)
	switch {
	case e.isDeleting(s):
		return "Nothing follows: its group is being deleted.", nil
	case s.State == belfry.Disabled:
		return "It is disabled, and nothing is due until it is enabled.", nil
	case p != nil:
		return "Next: " + waitSentence(p, p.Time, now) + ".", nil
	case t.expr == nil:
		return "What follows is not known: what is stored of its definition cannot be read.", nil
	case !more:
		return fmt.Sprintf("Nothing follows: %s in %s has no occurrence after now.", s.Expression, s.Timezone), nil
	case t.oneTime():
		return "Nothing follows: " + notQueued(t) + ".", nil
	}
	return "Next: by its times it is due at " + stamp(next) + ", but " + notQueued(t) + ".", nil
}

// ruleOutlook is that of the targets that the rule has; they have the same times.
func (e *Engine) ruleOutlook(ctx context.Context, h *History) (string, error) {
	var names, texts []string
	for _, t := range h.targets {
		if t.Current == nil {
			continue
		}
		text, err := e.outlook(ctx, t)
		if err != nil {
			return "", err
		}
		names, texts = append(names, t.Ref.Name), append(texts, text)
	}
	switch {
	case len(texts) == 0:
		return "It runs nothing: the rule has no targets.", nil
	case len(slices.Compact(slices.Clone(texts))) == 1:
		return texts[0], nil
	}
	for i := range texts {
		texts[i] = "Target " + names[i] + ": " + texts[i]
	}
	return strings.Join(texts, " "), nil
}

// silence says what it means that nothing is recorded.
func (e *Engine) silence(h *History) string {
	first, present := h.began()
	kept := e.now().Add(-e.c.Retention)
	lost := ""
	if !first.IsZero() {
		lost = e.unreadable(first, e.now())
	}
	switch {
	case first.IsZero():
		return ""
	case lost != "":
		return "Nothing is recorded of it in what can be read of the history; not read can be " + lost + "."
	case first.Before(kept):
		return fmt.Sprintf("Nothing is recorded of it since %s; history is kept for %s.", stamp(kept), days(e.c.Retention))
	case !present:
		return "It never ran."
	}
	return "It has not run yet."
}

// began is when the first schedule of the name, or of a target of the rule, was
// created; zero when there is none. present says that there is one now.
func (h *History) began() (first time.Time, present bool) {
	all := slices.Clone(h.lives)
	present = h.Current != nil
	for _, t := range h.targets {
		all, present = append(all, t.lives...), present || t.Current != nil
	}
	for _, s := range all {
		if first.IsZero() || s.Created.Before(first) {
			first = s.Created
		}
	}
	return first, present
}
