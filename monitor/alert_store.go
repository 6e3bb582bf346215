package monitor

import (
	"context"
	"time"

	"github.com/belfry-run/belfry/monitor/notify"
)

// An AlertStore makes channels, policies, alerts and what is to be sent durable.
// The promises of [Store] hold for it too: each method is one step, durable when
// it has returned nil, for any number of nodes at once.
type AlertStore interface {
	ChannelStore
	AlertPolicyStore
	Alarms
	Outbox
}

// ChannelStore keeps channels.
type ChannelStore interface {
	// CreateChannel adds a channel. A name that the account has already is
	// Conflict; an account with limit channels gets no other: Quota.
	CreateChannel(ctx context.Context, c Channel, limit int) error
	// Channel returns the account's channel, or NotFound.
	Channel(ctx context.Context, account, id string) (Channel, error)
	// Channels returns the account's channels, in the order of their creation.
	Channels(ctx context.Context, account string) ([]Channel, error)
	// UpdateChannel stores what people say of the channel, in place of its revision
	// replaces: [belfry.ErrStale] when it has another one, NotFound when it is not
	// there, Conflict when another one has its name. RetryAt is cleared. Of a
	// channel that is not enabled what waits is given up, with that reason.
	UpdateChannel(ctx context.Context, c Channel, replaces int64, givenUp string) error
	// DeleteChannel removes the account's channel, or NotFound. What waits for it
	// is given up, with that reason; the log of what was sent stays. Its open alert
	// ends now, with ending for its Ending, and flips that wait are not told.
	DeleteChannel(ctx context.Context, account, id, givenUp, ending string, now time.Time) error
}

// AlertPolicyStore keeps policies.
type AlertPolicyStore interface {
	// PutAlertPolicy stores a policy in place of its revision replaces, 0 for a new
	// one: [belfry.ErrStale] when it has another one, NotFound when it is not
	// there, Conflict when the account has another policy for its scope, Quota when
	// it would have more than limit.
	PutAlertPolicy(ctx context.Context, p Policy, replaces int64, limit int) error
	// AlertPolicies returns the account's policies, in the order of their ids.
	AlertPolicies(ctx context.Context, account string) ([]Policy, error)
	// DeleteAlertPolicy removes the account's policy, or NotFound.
	DeleteAlertPolicy(ctx context.Context, account, id string) error
}

// Told is what follows from flips, or from the time: all of it is written, or
// nothing.
type Told struct {
	Flips   []int64 // that have been told now
	Alerts  []Alert // new, or changed; of the revision before their own
	Notices []Notice
}

// Alarms keeps alerts.
type Alarms interface {
	// WaitingFlips returns up to limit flips that have not been told, the oldest
	// first.
	WaitingFlips(ctx context.Context, limit int) ([]Flip, error)
	// OpenAlerts returns the open alerts of the subjects, in no particular order.
	OpenAlerts(ctx context.Context, subjects []Subject) ([]Alert, error)
	// DueAlerts returns up to limit alerts whose Next is at or before now, the
	// earliest first.
	DueAlerts(ctx context.Context, now time.Time, limit int) ([]Alert, error)
	// Tell writes what follows from flips or from the time. [belfry.ErrStale] when a
	// flip has been told already, or an alert has another revision: read again and
	// decide again. Notices become deliveries, or join one that waits: see
	// [Joining]. One to a channel that is not there or not enabled is left out.
	Tell(ctx context.Context, t Told, now time.Time, j Joining) error
	// Acknowledge marks open alerts that nobody has acknowledged and that the
	// account has: those with the ids, or those that the delivery was about when
	// its number is not 0. It returns how many there were.
	Acknowledge(ctx context.Context, account string, ids []string, delivery int64, by string, now time.Time) (int, error)
	// Alert returns the account's alert, or NotFound.
	Alert(ctx context.Context, account, id string) (Alert, error)
	// Alerts returns up to limit of the account's alerts that were stored before
	// the one with the number before (0: all), the newest first, each with its
	// number; open leaves those out that have ended.
	Alerts(ctx context.Context, account string, open bool, before int64, limit int) ([]NumberedAlert, error)
	// CountAlerts returns how many alerts of all accounts are open.
	CountAlerts(ctx context.Context) (int64, error)
}

// A NumberedAlert is an alert with its place in the order of all.
type NumberedAlert struct {
	Alert
	Number int64
}

// Joining says when notices to a channel are told together: with a delivery of
// the same cause that has not been tried and is not being sent, either because it
// is not due or because the channel is resting. Of one cause a channel gets Burst
// deliveries within Window; what is more waits a Window, and so comes together.
type Joining struct {
	Burst  int
	Window time.Duration
	Items  int // that a delivery keeps; more are only counted
}

// A DeliveryStatus says how far a delivery is.
type DeliveryStatus string

// The states of a delivery.
const (
	Waiting   DeliveryStatus = "pending"
	Delivered DeliveryStatus = "delivered"
	Undone    DeliveryStatus = "failed" // given up
)

// A Delivery is a message to one channel: in the outbox while it is pending, in
// the log after.
type Delivery struct {
	Number   int64  // in the order of creation, given by the store
	ID       string // a UUID
	Account  string
	Channel  string
	Kind     string // of the channel
	Event    notify.Event
	Severity Severity
	Cause    string
	Created  time.Time
	Due      time.Time // it is not sent before
	Status   DeliveryStatus
	Tries    int
	Error    string    // why the last try failed
	Ended    time.Time // delivered or given up
	Items    []Item    // the first of Total
	Total    int
}

// A Claim to a delivery is the right to send it until a time, and to say then what
// became of it. While it holds, nobody else sends to the channel.
type Claim struct {
	Delivery
	To     Channel
	Number int64
}

// Outbox keeps what is to be sent, and the log of what was.
type Outbox interface {
	// ClaimDeliveries takes, of up to limit channels that are enabled, have
	// something due, do not rest and are not claimed, the delivery that is due
	// first, and counts the try. Of two callers at once one gets it. A claim that
	// is not settled until the time until is void.
	ClaimDeliveries(ctx context.Context, now, until time.Time, limit int) ([]Claim, error)
	// SettleDelivery ends a claim: it stores the delivery's Status, Error, Ended and
	// Tries, what deliveries say of the channel, and the flips. Of a channel whose
	// Revision has changed Enabled stays as it is; of one that is not enabled what
	// waits is given up, with the reason givenUp. [belfry.ErrStale] when the claim
	// is void.
	SettleDelivery(ctx context.Context, c Claim, givenUp string, flips []Flip, now time.Time) error
	// LogDelivery stores a delivery that has ended, such as a test, with what it
	// says of the channel, if that has its revision still, and the flips.
	LogDelivery(ctx context.Context, d Delivery, to Channel, flips []Flip) error
	// Delivery returns the delivery with that number, or NotFound.
	Delivery(ctx context.Context, number int64) (Delivery, error)
	// Deliveries returns what q selects, the newest first.
	Deliveries(ctx context.Context, q DeliveryQuery) ([]Delivery, error)
	// OutboxState returns how many deliveries are due and since when the oldest is;
	// zero when none is.
	OutboxState(ctx context.Context, now time.Time) (due int64, oldest time.Time, err error)
	// PruneAlerts removes up to limit deliveries, and as many alerts, that ended
	// before a time, and returns how many were removed.
	PruneAlerts(ctx context.Context, before time.Time, limit int) (int, error)
}

// A DeliveryQuery selects an account's deliveries.
type DeliveryQuery struct {
	Account string
	Channel string // empty: all
	Status  DeliveryStatus
	Before  int64 // the Number of the last one of the page before; 0: the first page
	Limit   int
}
