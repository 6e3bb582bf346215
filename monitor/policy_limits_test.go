package monitor

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor/notify"
)

// fieldOf returns the field that an error names, "" when there is no error.
func fieldOf(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*belfry.Error](err)
	if !ok {
		t.Fatalf("%v is no error for a client", err)
	}
	return e.Field
}

func TestLimitsOfAPolicy(t *testing.T) {
	steps := func(n int) (s []Step) {
		for i := range n {
			s = append(s, Step{After: time.Duration(i+1) * time.Minute})
		}
		return s
	}
	dates := func(n int) (d []string) {
		for i := range n {
			d = append(d, time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
		}
		return d
	}
	month := 30 * 24 * time.Hour
	for _, c := range []struct {
		field       string
		least, most func(*Rules) // nil: there is no such limit
		less, more  func(*Rules)
	}{
		{
			"after",
			func(r *Rules) { r.After = 1 }, func(r *Rules) { r.After = 64 },
			func(r *Rules) { r.After = -1 }, func(r *Rules) { r.After = 65 },
		},
		{
			"share_percent",
			func(r *Rules) { r.Share, r.Of = 1, 10 }, func(r *Rules) { r.Share, r.Of = 100, 10 },
			func(r *Rules) { r.Share = -1 }, func(r *Rules) { r.Share, r.Of = 101, 10 },
		},
		{
			"share_of",
			func(r *Rules) { r.Share, r.Of = 50, 1 }, func(r *Rules) { r.Share, r.Of = 50, 64 },
			func(r *Rules) { r.Share, r.Of = 50, 0 }, func(r *Rules) { r.Share, r.Of = 50, 65 },
		},
		{
			"late_after_seconds",
			func(r *Rules) { r.LateAfter = 10 * time.Second }, func(r *Rules) { r.LateAfter = month },
			func(r *Rules) { r.LateAfter = 9 * time.Second }, func(r *Rules) { r.LateAfter = month + 1 },
		},
		{
			"longest_seconds",
			func(r *Rules) { r.Longest = 10 * time.Second }, func(r *Rules) { r.Longest = month },
			func(r *Rules) { r.Longest = 9 * time.Second }, func(r *Rules) { r.Longest = month + 1 },
		},
		{
			"longest_factor",
			func(r *Rules) { r.Factor = 1 }, func(r *Rules) { r.Factor = 1000 },
			func(r *Rules) { r.Factor = 0.99 }, func(r *Rules) { r.Factor = 1000.1 },
		},
		{
			"remind_seconds",
			func(r *Rules) { r.Remind = time.Minute }, func(r *Rules) { r.Remind = month },
			func(r *Rules) { r.Remind = time.Minute - 1 }, func(r *Rules) { r.Remind = month + 1 },
		},
		{
			"escalate",
			func(r *Rules) { r.Escalate = []Step{{After: time.Minute}} }, func(r *Rules) { r.Escalate = []Step{{After: month}} },
			func(r *Rules) { r.Escalate = []Step{{After: time.Minute - 1}} }, func(r *Rules) { r.Escalate = []Step{{After: month + 1}} },
		},
		{"escalate", nil, func(r *Rules) { r.Escalate = steps(10) }, nil, func(r *Rules) { r.Escalate = steps(11) }},
		{"quiet.windows", nil, func(r *Rules) { r.Quiet.Windows = make([]Window, 50) }, nil, func(r *Rules) { r.Quiet.Windows = make([]Window, 51) }},
		{
			"quiet.windows",
			nil, func(r *Rules) { r.Quiet.Windows = []Window{{Dates: dates(366)}} },
			nil, func(r *Rules) { r.Quiet.Windows = []Window{{Dates: dates(367)}} },
		},
		{
			"quiet.windows",
			func(r *Rules) { r.Quiet.Windows = []Window{{From: 0, To: 0}} }, func(r *Rules) { r.Quiet.Windows = []Window{{From: 1439, To: 1440}} },
			func(r *Rules) { r.Quiet.Windows = []Window{{From: -1}} }, func(r *Rules) { r.Quiet.Windows = []Window{{From: 1440, To: 1440}} },
		},
	} {
		for i, edit := range []func(*Rules){c.least, c.most, c.less, c.more} {
			if edit == nil {
				continue
			}
			r := DefaultRules()
			edit(&r)
			want := ""
			if i > 1 {
				want = c.field
			}
			if err := r.check(); fieldOf(t, err) != want {
				t.Errorf("%s, %s: %v", c.field, []string{"the least", "the most", "less than the least", "more than the most"}[i], err)
			}
		}
	}
}

func TestLimitsOfAChannel(t *testing.T) {
	for n, want := range map[int]string{0: "name", 1: "", maxNameLength: "", maxNameLength + 1: "name"} {
		if err := checkName(strings.Repeat("ä", n)); fieldOf(t, err) != want {
			t.Errorf("a name of %d characters: %v", n, err)
		}
	}
	slack := func(size int) notify.Channel {
		config := fmt.Sprintf(`{"url": "https://hooks.example.org/%s"}`, strings.Repeat("x", 1000))
		return notify.Channel{Kind: "slack", Config: json.RawMessage(config + strings.Repeat(" ", size-len(config)))}
	}
	for size, want := range map[int]string{maxConfigLength: "", maxConfigLength + 1: "config"} {
		if _, err := checkConfig(slack(size)); fieldOf(t, err) != want {
			t.Errorf("a configuration of %d bytes: %v", size, err)
		}
	}
	for n, want := range map[int]string{50: "", 51: "config.to"} {
		to, err := json.Marshal(strings.Fields(strings.Repeat("a@example.org ", n)))
		if err != nil {
			t.Fatal(err)
		}
		config := fmt.Sprintf(`{"from": "b@example.org", "host": "mail.example.org", "to": %s}`, to)
		if _, err := checkConfig(notify.Channel{Kind: "email", Config: json.RawMessage(config)}); fieldOf(t, err) != want {
			t.Errorf("a mail to %d: %v", n, err)
		}
	}
}
