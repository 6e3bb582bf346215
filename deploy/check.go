package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/belfry-run/belfry/expr"
)

var (
	functionName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
	scheduleName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,64}$`)
	queueName    = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,80}$`)
	roleName     = regexp.MustCompile(`^[a-zA-Z0-9_+=,.@/-]{1,128}$`)
)

// complete fills in what follows from the folder, takes variables from the
// environment of who deploys, and says what cannot be right.
func (m *Manifest) complete(dir string, lookup func(string) (string, bool)) error {
	if m.Name == "" {
		m.Name = filepath.Base(dir)
		if !functionName.MatchString(m.Name) {
			return fmt.Errorf("the folder's name %q cannot be a function's: name it with --name, 1 to 64 letters, digits, - and _", m.Name)
		}
	}
	if err := m.check(); err != nil {
		return err
	}
	for name, value := range m.Environment {
		if value != nil {
			continue
		}
		v, ok := lookup(name)
		if !ok {
			return fmt.Errorf("environment.%s is null, so its value is taken from your environment, and there is none: set it, or give --env %s=VALUE", name, name)
		}
		m.Environment[name] = &v
	}
	if len(m.Schedules) == 1 && m.Schedules[0].Name == "" {
		m.Schedules[0].Name = m.Name
	}
	seen := map[string]bool{}
	for i := range m.Schedules {
		s, field := &m.Schedules[i], fmt.Sprintf("schedules[%d]", i)
		if err := s.complete(); err != nil {
			return fmt.Errorf("%s.%w", field, err)
		}
		if seen[s.path()] {
			return fmt.Errorf("%s.name: %s is there already; schedules of a group have names of their own", field, s.path())
		}
		seen[s.path()] = true
	}
	return nil
}

func (m *Manifest) check() error {
	switch {
	case !functionName.MatchString(m.Name):
		return fmt.Errorf("name %q: a function's name is 1 to 64 letters, digits, - and _", m.Name)
	case m.Timeout != 0 && (m.Timeout < 1 || m.Timeout > 900):
		return fmt.Errorf("timeout is %d, want 1 to 900 seconds", m.Timeout)
	case m.Memory != 0 && (m.Memory < 128 || m.Memory > 10240):
		return fmt.Errorf("memory is %d, want 128 to 10240 MB", m.Memory)
	case m.Storage != 0 && (m.Storage < 512 || m.Storage > 10240):
		return fmt.Errorf("storage is %d, want 512 to 10240 MB", m.Storage)
	case m.Architecture != "" && m.Architecture != "x86_64" && m.Architecture != "arm64":
		return fmt.Errorf("architecture is %q, want x86_64 or arm64", m.Architecture)
	}
	return errors.Join(checkRole(m.Role), checkQueue(m.DeadLetter), checkOncePer(m.OncePer))
}

// complete fills in defaults. An error begins with the field's name.
func (s *Schedule) complete() error {
	if s.Group == "" {
		s.Group = "default"
	}
	if s.Timezone == "" {
		s.Timezone = "UTC"
	}
	switch {
	case s.Name == "":
		return errors.New("name: is missing; only a single schedule may do without")
	case !scheduleName.MatchString(s.Name):
		return fmt.Errorf("name: %q is not 1 to 64 characters of letters, digits, dots, - and _", s.Name)
	case !scheduleName.MatchString(s.Group):
		return fmt.Errorf("group: %q is not 1 to 64 characters of letters, digits, dots, - and _", s.Group)
	case s.Window < 0 || s.Window > maxWindow:
		return fmt.Errorf("window: is %d, want 1 to %d minutes, or 0 for none", s.Window, maxWindow)
	case !s.Start.IsZero() && !s.End.IsZero() && !s.Start.Before(s.End):
		return errors.New("end: is not after start")
	}
	zone, err := expr.LoadZone(s.Timezone)
	if err != nil {
		return fmt.Errorf("timezone: %w", err)
	}
	if s.Expression == "" {
		return errors.New("expression: is missing, such as rate(1 hour) or cron(0 8 * * ? *)")
	}
	if _, err := expr.Parse(s.Expression, zone); err != nil {
		return fmt.Errorf("expression: %w", err)
	}
	if r := s.Retry; r != nil {
		if r.Attempts != nil && (*r.Attempts < 0 || *r.Attempts > maxAttempts) {
			return fmt.Errorf("retry.attempts: is %d, want 0 to %d", *r.Attempts, maxAttempts)
		}
		if r.MaxAge != nil && (*r.MaxAge < minAge || *r.MaxAge > maxAge) {
			return fmt.Errorf("retry.max_age: is %d, want %d to %d seconds", *r.MaxAge, minAge, maxAge)
		}
	}
	return errors.Join(checkRole(s.Role), checkQueue(s.DeadLetter), checkOncePer(s.OncePer))
}

// path is the schedule as belfry's verbs name it.
func (s *Schedule) path() string {
	if s.Group == "default" {
		return s.Name
	}
	return s.Group + "/" + s.Name
}

// input is the text that the function gets; empty if there is none.
func (s *Schedule) input() string {
	if s.Input == nil {
		return ""
	}
	var b bytes.Buffer
	if err := json.Compact(&b, s.Input); err != nil {
		return string(s.Input) // never: it was decoded
	}
	return b.String()
}

func checkRole(s string) error {
	if s != "" && !strings.HasPrefix(s, "arn:") && !roleName.MatchString(s) {
		return fmt.Errorf("role: %q is neither the name nor the ARN of a role", s)
	}
	return nil
}

func checkQueue(s string) error {
	if s != "" && !strings.HasPrefix(s, "arn:") && !queueName.MatchString(s) {
		return fmt.Errorf("dead_letter: %q is neither the name nor the ARN of a queue", s)
	}
	return nil
}

// checkOncePer wants null or the object that the native API takes; what is in it
// is the server's to judge.
func checkOncePer(text json.RawMessage) error {
	if text == nil || isNull(text) {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var v struct{ Window, Key string }
	if err := d.Decode(&v); err != nil || v.Window == "" {
		return errors.New(`once_per: want {"window": "1h"}, with or without a "key" such as "$.id", or null`)
	}
	return nil
}

func isNull(text json.RawMessage) bool { return string(bytes.TrimSpace(text)) == "null" }
