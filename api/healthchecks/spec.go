package healthchecks

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/belfry-run/belfry/monitor"
)

// maxSubject bounds the deprecated subject and subject_fail, in characters.
const maxSubject = 200

// A spec is what the body of a request says about a check. What it does not say
// is nil.
type spec struct {
	channels, desc, methods, name, schedule, slug, tags, tz            *string
	startKeywords, successKeywords, failureKeywords                    *string
	subject, subjectFail                                               *string
	filterSubject, filterBody, filterHTTPBody, filterDefault, byResume *bool
	timeout, grace                                                     *time.Duration
	like                                                               monitor.Like
}

// parseSpec reads the members that a check has; others are ignored. Whether the
// values are allowed is the monitor's to say, but for what it does not see.
func parseSpec(body map[string]json.RawMessage) (*spec, error) {
	var s spec
	r := reader{body: body}
	r.text("channels", &s.channels)
	r.text("desc", &s.desc)
	r.text("failure_kw", &s.failureKeywords)
	r.flag("filter_subject", &s.filterSubject)
	r.flag("filter_body", &s.filterBody)
	r.flag("filter_http_body", &s.filterHTTPBody)
	r.flag("filter_default_fail", &s.filterDefault)
	r.seconds("grace", &s.grace)
	r.flag("manual_resume", &s.byResume)
	r.literal("methods", &s.methods, "", http.MethodPost)
	r.text("name", &s.name)
	r.text("schedule", &s.schedule)
	r.text("slug", &s.slug)
	r.text("start_kw", &s.startKeywords)
	r.short("subject", &s.subject)
	r.short("subject_fail", &s.subjectFail)
	r.text("success_kw", &s.successKeywords)
	r.text("tags", &s.tags)
	r.seconds("timeout", &s.timeout)
	r.text("tz", &s.tz)
	unique := r.list("unique")
	if r.err != nil {
		return nil, r.err
	}
	s.like = s.alike(unique)
	return &s, nil
}

// alike returns what an existing check must have in common with the one that is
// described: nothing, when the description lacks something of that.
func (s *spec) alike(unique []string) (like monitor.Like) {
	for _, name := range unique {
		said := false
		switch name {
		case "name":
			like.Name, said = true, s.name != nil
		case "slug":
			like.Slug, said = true, s.slug != nil
		case "tags":
			like.Tags, said = true, s.tags != nil
		case "timeout":
			like.Timeout, said = true, s.timeout != nil
		case "grace":
			like.Grace, said = true, s.grace != nil
		}
		if !said {
			return monitor.Like{}
		}
	}
	return like
}

// apply makes the settings what the spec says. channels are those that it names.
func (s *spec) apply(t *monitor.Settings, version int, channels []string) {
	if s.name != nil && *s.name != t.Name {
		t.Name = *s.name
		if version < 3 {
			t.Slug = slugify(*s.name)
		}
	}
	switch {
	case s.schedule != nil: // then a timeout counts for nothing
		t.Kind, t.Schedule = monitor.ScheduleKind(*s.schedule), *s.schedule
	case s.timeout != nil:
		t.Kind, t.Timeout = monitor.Simple, *s.timeout
	}
	if s.subject != nil {
		t.SuccessKeywords = *s.subject
		t.FilterSubject = t.SuccessKeywords != "" || t.FailureKeywords != ""
	}
	if s.subjectFail != nil {
		t.FailureKeywords = *s.subjectFail
		t.FilterSubject = t.SuccessKeywords != "" || t.FailureKeywords != ""
	}
	if s.channels != nil {
		t.Channels = channels
	}
	set(&t.Slug, s.slug)
	set(&t.Tags, s.tags)
	set(&t.Desc, s.desc)
	set(&t.ManualResume, s.byResume)
	set(&t.Methods, s.methods)
	set(&t.Timezone, s.tz)
	set(&t.StartKeywords, s.startKeywords)
	set(&t.SuccessKeywords, s.successKeywords)
	set(&t.FailureKeywords, s.failureKeywords)
	set(&t.FilterSubject, s.filterSubject)
	set(&t.FilterBody, s.filterBody)
	set(&t.FilterHTTPBody, s.filterHTTPBody)
	set(&t.FilterDefaultFail, s.filterDefault)
	set(&t.Grace, s.grace)
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// A reader takes members out of a body. It keeps the first error.
type reader struct {
	body map[string]json.RawMessage
	err  error
}

// value reads a member into to and reports whether it is there.
func value[T any](r *reader, name, why string, to *T) bool {
	raw, there := r.body[name]
	if !there || r.err != nil {
		return false
	}
	if err := json.Unmarshal(raw, to); err != nil || string(raw) == "null" {
		r.refuse(name, why)
		return false
	}
	return true
}

func (r *reader) refuse(subject, why string) {
	r.err = badRequest("json validation error: %s %s", subject, why)
}

func (r *reader) text(name string, to **string) {
	var v string
	if value(r, name, "is not a string", &v) {
		*to = &v
	}
}

func (r *reader) short(name string, to **string) {
	r.text(name, to)
	if *to != nil && utf8.RuneCountInString(**to) > maxSubject {
		r.refuse(name, "is too long")
	}
}

func (r *reader) literal(name string, to **string, values ...string) {
	const why = "has unexpected value"
	var v string
	if !value(r, name, why, &v) {
		return
	}
	if !slices.Contains(values, v) {
		r.refuse(name, why)
		return
	}
	*to = &v
}

func (r *reader) flag(name string, to **bool) {
	var v bool
	if value(r, name, "is not a boolean", &v) {
		*to = &v
	}
}

// seconds reads a whole number of seconds, within what a check may have.
func (r *reader) seconds(name string, to **time.Duration) {
	const why = "is not a number"
	var n json.Number
	switch raw := r.body[name]; {
	case len(raw) > 0 && raw[0] == '"': // a json.Number reads it too
		if r.err == nil {
			r.refuse(name, why)
		}
		return
	case !value(r, name, why, &n):
		return
	case strings.ContainsAny(n.String(), ".eE"):
		r.refuse(name, why)
		return
	}
	seconds, err := n.Int64()
	least, most := int64(monitor.MinTimeout/time.Second), int64(monitor.MaxTimeout/time.Second)
	switch {
	case seconds < least, err != nil && n[0] == '-':
		r.refuse(name, "is too small")
	case seconds > most, err != nil:
		r.refuse(name, "is too large")
	default:
		d := time.Duration(seconds) * time.Second
		*to = &d
	}
}

// list reads a list of names of members.
func (r *reader) list(name string) (list []string) {
	var items []json.RawMessage
	if !value(r, name, "is not an array", &items) {
		return nil
	}
	for _, raw := range items {
		var item string
		_ = json.Unmarshal(raw, &item) // what is no text stays empty
		switch item {
		case "name", "slug", "tags", "timeout", "grace":
			list = append(list, item)
		default:
			r.refuse("an item in '"+name+"'", "has unexpected value")
			return nil
		}
	}
	return list
}
