package monitor

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// ChannelCheck finds out whether anybody can be told: when no channel of the
// account works, neither can its failure be told on another.
type ChannelCheck struct {
	Account  string
	Channels func(ctx context.Context, account string) ([]Channel, error)
}

// Name is channels.
func (ChannelCheck) Name() string { return "channels" }

// Look reads what became of the last messages. Value is how many channels are
// down. One that somebody has switched off counts for nothing; one that a receiver
// has switched off is down.
func (c ChannelCheck) Look(ctx context.Context, _ time.Time) Finding {
	all, err := c.Channels(ctx, c.Account)
	if err != nil {
		return Finding{Detail: fmt.Sprintf("The alert channels cannot be read: %v.", err), Advice: "The check of the store says more."}
	}
	used := 0
	var down []string
	for i := range all {
		switch ch := &all[i]; {
		case ch.Status == Down:
			used++
			down = append(down, fmt.Sprintf("%s (%s)", ch.Name, ch.LastError))
		case ch.Enabled:
			used++
		}
	}
	f := Finding{OK: used == 0 || len(down) < used, Value: float64(len(down))}
	switch {
	case used == 0:
		f.Detail = "There is no alert channel, so what is wrong is told to nobody; belfry channels create makes one."
	case len(down) == 0:
		f.Detail = "The alert channels work, as far as they were needed."
	default:
		f.Detail = fmt.Sprintf("%d of %d alert channels cannot be delivered to: %s.", len(down), used, strings.Join(down, ", "))
	}
	if !f.OK {
		f.Advice = "Nobody can be told what is wrong. belfry channels list names the channels; correct the configuration, or make another channel, and try it with belfry channels test."
	}
	return f
}
