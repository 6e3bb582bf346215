package monitor_test

import (
	"context"
	"errors"
	"testing"

	"github.com/belfry-run/belfry/monitor"
)

func TestChannelCheck(t *testing.T) {
	works := monitor.Channel{Name: "works", Enabled: true, Status: monitor.Up}
	fresh := monitor.Channel{Name: "fresh", Enabled: true, Status: monitor.New}
	down := monitor.Channel{Name: "down", Enabled: true, Status: monitor.Down, LastError: "refused"}
	gone := monitor.Channel{Name: "gone", Status: monitor.Down, LastError: "404"}
	off := monitor.Channel{Name: "off", Status: monitor.Up}
	for _, c := range []struct {
		name     string
		channels []monitor.Channel
		err      error
		ok       bool
		value    float64
		detail   string
	}{
		{"none", nil, nil, true, 0, "There is no alert channel, so what is wrong is told to nobody; belfry channels create makes one."},
		{"none that is switched on", []monitor.Channel{off}, nil, true, 0, "There is no alert channel, so what is wrong is told to nobody; belfry channels create makes one."},
		{"all well", []monitor.Channel{works, fresh, off}, nil, true, 0, "The alert channels work, as far as they were needed."},
		{"one down, and another to tell of it", []monitor.Channel{down, fresh}, nil, true, 1, "1 of 2 alert channels cannot be delivered to: down (refused)."},
		{"all down", []monitor.Channel{down, gone, off}, nil, false, 2, "2 of 2 alert channels cannot be delivered to: down (refused), gone (404)."},
		{"a store that fails", nil, errors.New("no disk"), false, 0, "The alert channels cannot be read: no disk."},
	} {
		check := monitor.ChannelCheck{Account: "a", Channels: func(_ context.Context, account string) ([]monitor.Channel, error) {
			if account != "a" {
				t.Errorf("%s: asked for the account %q", c.name, account)
			}
			return c.channels, c.err
		}}
		f := check.Look(t.Context(), noon)
		if f.OK != c.ok || f.Value != c.value || f.Detail != c.detail || (f.Advice == "") != c.ok {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
}
