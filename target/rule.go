package target

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

// ruleParameters are what a rule's target has beside its input: how to make the
// payload of the event, and parameter blocks.
type ruleParameters struct {
	InputPath        string
	InputTransformer *transformer
	SqsParameters    *struct {
		MessageGroupID string `json:"MessageGroupId"`
	}
}

func ruleParametersOf(t *belfry.Target) (p ruleParameters, err error) {
	if len(t.Parameters) > 0 {
		err = json.Unmarshal(t.Parameters, &p)
	}
	return p, err
}

// ruleEvent is the event that a rule's targets get (semantics.md 2.5). Its id
// stays the same over all attempts.
func ruleEvent(in *belfry.Invocation) string { return notification(in, "aws.events", "{}") }

// rulePayload is what a rule's target is sent: its input, or what its path or
// transformer makes of the event, or the event.
func rulePayload(in *belfry.Invocation) string {
	if in.Target.Input != "" {
		return in.Target.Input
	}
	event := ruleEvent(in)
	p, err := ruleParametersOf(in.Target)
	switch {
	case err != nil: // it was written by this server, from what it had checked
		return event
	case p.InputPath != "":
		path, _ := parsePath(p.InputPath)
		if value := path.in(event); value != "" {
			return value
		}
		return "null"
	case p.InputTransformer != nil:
		return p.InputTransformer.apply(&ruleValues{in: in, event: event, paths: p.InputTransformer.InputPathsMap})
	}
	return event
}

// ruleValues has the values of a template's placeholders.
type ruleValues struct {
	in    *belfry.Invocation
	event string
	paths map[string]string
}

// Predefined placeholders (semantics.md 2.5).
const (
	ruleARNPlaceholder  = "aws.events.rule-arn"
	ruleNamePlaceholder = "aws.events.rule-name"
	ingestedPlaceholder = "aws.events.event.ingestion-time"
	eventPlaceholder    = "aws.events.event"      // without its detail
	eventAllPlaceholder = "aws.events.event.json" // with it; in JSON templates only
)

// value returns the JSON of a placeholder; empty when the event has no such
// thing, and ok is false when nobody has defined the placeholder.
func (v *ruleValues) value(name string) (value string, ok bool) {
	quote := func(s string) string { return `"` + s + `"` } // ARNs, names and times need no escape
	switch name {
	case ruleARNPlaceholder:
		return quote(v.in.ScheduleARN), true
	case ruleNamePlaceholder:
		return quote(v.in.Rule), true
	case ingestedPlaceholder:
		return quote(v.in.Time.UTC().Format(time.RFC3339)), true
	case eventPlaceholder:
		s := strings.Replace(v.event, `"detail-type"`, `"detailType"`, 1)
		return strings.TrimSuffix(s, `,"detail":{}}`) + "}", true
	case eventAllPlaceholder:
		return v.event, true
	}
	path, ok := v.paths[name]
	if !ok {
		return "", false
	}
	steps, _ := parsePath(path)
	return steps.in(v.event), true
}
