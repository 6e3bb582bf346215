package monitor

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/barrier"
	"github.com/belfry-run/belfry/monitor/notify"
)

// A Sealer encrypts the configurations of channels. What is sealed for one id
// opens for no other.
type Sealer interface {
	Seal(id string, plain []byte) []byte
	Open(id string, sealed []byte) ([]byte, error)
}

// A Carrier sends a message once; an error that is not a [*notify.Error] may be
// better at the next try.
type Carrier interface {
	Send(ctx context.Context, c notify.Channel, m *notify.Message) error
}

// CheckInfo is what alerting wants to know of a check.
type CheckInfo struct {
	Channels []string // that the check asks for
	Facts    notify.Facts
}

// An AlertsConfig is what an [Alerts] is made of. All but CheckInfo and Metrics
// is required.
type AlertsConfig struct {
	Store   AlertStore
	Clock   Clock
	Logger  *slog.Logger
	Carrier Carrier
	Sealer  Sealer
	Apart   *barrier.Set
	// Secret signs the links with which alerts are acknowledged, URL is where they
	// lead to, without a slash at its end.
	Secret []byte
	URL    string
	// CheckInfo returns what is known of a check, or NotFound; with body the body of
	// its last ping too. nil: nothing is known of any.
	CheckInfo func(ctx context.Context, account, id string, body bool) (CheckInfo, error)
	Metrics   *AlertMetrics
}

// Alerts tells people what is wrong. It is safe for concurrent use.
type Alerts struct {
	apart int // flips and alerts that are set apart, as of the last look; of Run

	c     AlertsConfig
	store AlertStore
	log   *slog.Logger

	toTell, toSend chan struct{} // there may be something; of one place

	mu       sync.Mutex
	policies map[string]cachedPolicies // by account
}

// NewAlerts returns an Alerts. Run must be running for anything to be told.
func NewAlerts(c AlertsConfig) *Alerts {
	if c.Metrics == nil {
		c.Metrics = NewAlertMetrics(nil)
	}
	return &Alerts{
		c: c, store: c.Store, log: c.Logger, policies: map[string]cachedPolicies{},
		toTell: make(chan struct{}, 1), toSend: make(chan struct{}, 1),
	}
}

// now is the time as stores keep it.
func (a *Alerts) now() time.Time { return a.c.Clock.Now().UTC().Truncate(time.Millisecond) }

// Wake makes flips be told at once that have just been stored. Without it they
// are told within a second.
func (a *Alerts) Wake() { wake(a.toTell) }

func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // somebody will look anyway
	}
}

// Reasons that what waits for a channel is given up.
const (
	givenUpDisabled = "the channel was switched off"
	givenUpDeleted  = "the channel was deleted"
)

// ChannelSettings are what people say of a channel.
type ChannelSettings struct {
	Name    string
	Kind    string
	Config  []byte // JSON of the kind; nil in an update: as it was
	Enabled bool
}

// CreateChannel adds a channel to the account. Invalid names the field at fault,
// Conflict is a name that is taken, Quota an account with [MaxChannels].
func (a *Alerts) CreateChannel(ctx context.Context, account string, in ChannelSettings) (Channel, error) {
	now := a.now()
	c := Channel{ID: uuid.NewString(), Account: account, Revision: 1, Created: now, Status: New, Since: now}
	if err := a.apply(&c, in, now); err != nil {
		return Channel{}, err
	}
	return c, a.store.CreateChannel(ctx, c, MaxChannels)
}

func (a *Alerts) apply(c *Channel, in ChannelSettings, now time.Time) error {
	if err := checkName(in.Name); err != nil {
		return err
	}
	target, err := checkConfig(notify.Channel{Kind: in.Kind, Config: in.Config})
	if err != nil {
		return err
	}
	c.Name, c.Kind, c.Target, c.Enabled, c.Updated = in.Name, in.Kind, target, in.Enabled, now
	c.Sealed = a.c.Sealer.Seal(c.ID, in.Config)
	return nil
}

// Channel returns the account's channel, or NotFound.
func (a *Alerts) Channel(ctx context.Context, account, id string) (Channel, error) {
	return a.store.Channel(ctx, account, id)
}

// Channels returns the account's channels in the order of their creation.
func (a *Alerts) Channels(ctx context.Context, account string) ([]Channel, error) {
	return a.store.Channels(ctx, account)
}

// UpdateChannel lets edit change the settings of the account's channel, of which
// Config is nil, and returns it as it then is. A channel that rests is tried at
// once. Errors are those of CreateChannel, NotFound, and edit's own.
func (a *Alerts) UpdateChannel(ctx context.Context, account, id string, edit func(*ChannelSettings) error) (Channel, error) {
	for {
		c, err := a.store.Channel(ctx, account, id)
		if err != nil {
			return c, err
		}
		in := ChannelSettings{Name: c.Name, Kind: c.Kind, Enabled: c.Enabled}
		if err := edit(&in); err != nil {
			return c, err
		}
		if in.Config == nil {
			if in.Kind != c.Kind {
				return c, belfry.Errorf(belfry.Invalid, "config", "A channel of another kind needs a configuration of that kind.")
			}
			if in.Config, err = a.c.Sealer.Open(c.ID, c.Sealed); err != nil {
				return c, err
			}
		}
		if err := a.apply(&c, in, a.now()); err != nil {
			return c, err
		}
		c.Revision++
		c.RetryAt = time.Time{}
		err = a.store.UpdateChannel(ctx, c, c.Revision-1, givenUpDisabled)
		if errors.Is(err, belfry.ErrStale) {
			continue
		}
		wake(a.toSend)
		return c, err
	}
}

// DeleteChannel removes the account's channel, or NotFound. What it was sent
// stays in the log. by says to people who does it: the channel's open alert ends
// with that.
func (a *Alerts) DeleteChannel(ctx context.Context, account, id, by string) error {
	return a.store.DeleteChannel(ctx, account, id, givenUpDeleted, deletedBy("channel", by), a.now())
}
