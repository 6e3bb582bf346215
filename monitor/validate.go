package monitor

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/expr"
)

// The limits of settings, in characters. Those of tags and description are ours,
// the others from section 8.3 of the semantics.
const (
	maxName     = 100
	maxTags     = 500
	maxDesc     = 10_000
	maxSchedule = 100
	maxKeywords = 200
	maxChannels = 100

	MinTimeout = time.Minute // also of Grace
	MaxTimeout = 365 * 24 * time.Hour
)

var slugPattern = regexp.MustCompile(`^[a-z0-9_-]*$`)

// check returns Invalid when a setting cannot be; the message begins with the
// field and says what is wrong with it in Healthchecks' words.
func (s *Service) check(t *Settings) error {
	for _, text := range []struct {
		field, value string
		most         int
	}{
		{"name", t.Name, maxName},
		{"slug", t.Slug, maxName},
		{"tags", t.Tags, maxTags},
		{"desc", t.Desc, maxDesc},
		{"schedule", t.Schedule, maxSchedule},
		{"start_kw", t.StartKeywords, maxKeywords},
		{"success_kw", t.SuccessKeywords, maxKeywords},
		{"failure_kw", t.FailureKeywords, maxKeywords},
	} {
		switch {
		case !utf8.ValidString(text.value) || strings.ContainsRune(text.value, 0):
			return invalid(text.field, "is not a string")
		case utf8.RuneCountInString(text.value) > text.most:
			return invalid(text.field, "is too long")
		}
	}
	if !slugPattern.MatchString(t.Slug) {
		return invalid("slug", "does not match pattern")
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{{"timeout", t.Timeout}, {"grace", t.Grace}} {
		switch {
		case d.value < MinTimeout:
			return invalid(d.field, "is too small")
		case d.value > MaxTimeout:
			return invalid(d.field, "is too large")
		}
	}
	if t.Methods != "" && t.Methods != "POST" {
		return invalid("methods", "has unexpected value")
	}
	if len(t.Channels) > maxChannels {
		return invalid("channels", "is too long")
	}
	return s.checkSchedule(t)
}

func (s *Service) checkSchedule(t *Settings) error {
	if _, err := expr.LoadZone(t.Timezone); err != nil || t.Timezone == "" {
		return invalid("tz", "is not a valid timezone")
	}
	if t.Kind != Simple && t.Kind != Cron && t.Kind != OnCalendar {
		return invalid("kind", "has unexpected value")
	}
	if _, err := s.schedules.of(t); err != nil {
		e := invalid("schedule", "is not a valid cron or OnCalendar expression")
		e.Err = err
		return e
	}
	return nil
}

func invalid(field, why string) *belfry.Error {
	return belfry.Errorf(belfry.Invalid, field, "%s %s", field, why)
}
