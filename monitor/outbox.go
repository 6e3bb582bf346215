package monitor

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/barrier"
	"github.com/belfry-run/belfry/monitor/notify"
)

const (
	// sending bounds the channels that are sent to at once.
	sending = 16
	// leaseTime is how long a claim holds: longer than a message may take.
	leaseTime = notify.Timeout + 15*time.Second
	// giveUpAfter is how long a message is tried from when it was due.
	giveUpAfter = 24 * time.Hour
	// The back-off of a channel doubles from the first to the last.
	firstRetry, lastRetry = time.Second, 10 * time.Minute
	testTimeout           = 20 * time.Second
)

// send sends what is due until ctx ends, to one channel one after another, and
// returns when what is under way has ended.
func (a *Alerts) send(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	free := make(chan struct{}, sending)
	for ctx.Err() == nil {
		now := a.now()
		var claims []Claim
		err := a.c.Apart.Round(ctx, "read outbox", func() (err error) {
			claims, err = a.store.ClaimDeliveries(ctx, now, now.Add(leaseTime), sending-len(free))
			return err
		})
		if err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "the outbox could not be read; it is tried again", "err", err)
		}
		for i := range claims {
			free <- struct{}{}
			all.Go(func() {
				a.deliver(ctx, &claims[i])
				<-free
				wake(a.toSend)
			})
		}
		a.wait(ctx, a.toSend, pollEvery)
	}
}

// backOff is how long a channel rests after its nth failure in a row, at random
// between half of it and all, so that channels of one receiver spread.
func backOff(n int) time.Duration {
	d := lastRetry
	if n < 20 {
		d = min(firstRetry<<max(n-1, 0), lastRetry)
	}
	return d/2 + rand.N(d/2+1)
}

// deliver sends one message and stores what became of it.
func (a *Alerts) deliver(ctx context.Context, c *Claim) {
	var err *notify.Error
	if p := barrier.Try(func() error { err = a.carry(ctx, &c.To, &c.Delivery); return nil }); p != nil {
		a.c.Apart.Report(ctx, "send message", c.ID, p)
		err = &notify.Error{Permanent: true, Reason: "it could not be worked on"} // else it would keep the channel from what comes
	}
	now := a.now()
	stopping := err != nil && ctx.Err() != nil
	var flips []Flip
	var result string
	switch {
	case stopping:
		c.Tries-- // nobody knows whether it arrived; it is sent again
		result = "interrupted"
	default:
		retry := max(backOff(c.To.Failures+1), retryAfter(err))
		if f := c.To.settle(err, now, retry); f != nil {
			flips = append(flips, *f)
		}
		result = c.end(err, now)
	}
	a.c.Metrics.deliveries.WithLabelValues(strings.ToValidUTF8(c.Kind, "?"), result).Inc()
	if result != "delivered" && !stopping {
		a.log.WarnContext(ctx, "an alert was not delivered", "delivery", c.ID, "channel", c.Channel, "kind", c.Kind, "try", c.Tries,
			"reason", err.Reason, "result", result)
	}
	ctx = context.WithoutCancel(ctx)
	switch err := a.store.SettleDelivery(ctx, *c, givenUpDisabled, flips, now); {
	case errors.Is(err, belfry.ErrStale):
		a.log.WarnContext(ctx, "a delivery took longer than its claim; it may be sent twice", "delivery", c.ID)
	case err != nil:
		a.log.ErrorContext(ctx, "what became of a delivery could not be stored; it may be sent twice", "delivery", c.ID, "err", err)
	case len(flips) > 0:
		a.Wake()
	}
}

func retryAfter(err *notify.Error) time.Duration {
	if err == nil {
		return 0
	}
	return err.RetryAfter
}

// end sets what became of a try and names it.
func (d *Delivery) end(err *notify.Error, now time.Time) string {
	d.Error = ""
	if err == nil {
		d.Status, d.Ended = Delivered, now
		return "delivered"
	}
	d.Error = err.Reason
	if err.Permanent || err.Gone || !now.Before(d.Due.Add(giveUpAfter)) {
		d.Status, d.Ended = Undone, now
		return "failed"
	}
	return "retry"
}

// carry sends a delivery once.
func (a *Alerts) carry(ctx context.Context, to *Channel, d *Delivery) *notify.Error {
	config, err := a.c.Sealer.Open(to.ID, to.Sealed)
	if err != nil {
		a.log.ErrorContext(ctx, "the configuration of a channel cannot be decrypted", "channel", to.ID, "err", err)
		return &notify.Error{Reason: "the channel's configuration was encrypted with another secret key"}
	}
	m := &notify.Message{
		ID: d.ID, Event: d.Event, Severity: string(d.Severity), At: d.Created, Items: d.Items, Total: d.Total,
	}
	if d.Number != 0 && d.Event != notify.Up {
		m.AckURL = a.ackURL(d.Number)
	}
	if it := &m.Items[0]; notify.Single(to.Kind) && it.Kind == string(SubjectCheck) {
		info, err := a.checkInfo(ctx, Subject{Account: d.Account, Kind: SubjectCheck, ID: it.Subject}, true)
		if err == nil {
			it.Facts = &info.Facts
		}
	}
	err = a.c.Carrier.Send(ctx, notify.Channel{Kind: to.Kind, Config: config}, m)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*notify.Error](err); ok {
		return e
	}
	return &notify.Error{Reason: err.Error()}
}

// TestChannel sends a test to the account's channel, once, and returns what became
// of it, which is in the log too. A test that arrives ends a channel's being down;
// one that does not changes nothing.
func (a *Alerts) TestChannel(ctx context.Context, account, id string) (Delivery, error) {
	to, err := a.store.Channel(ctx, account, id)
	if err != nil {
		return Delivery{}, err
	}
	now := a.now()
	d := Delivery{
		ID: uuid.NewString(), Account: account, Channel: id, Kind: to.Kind, Event: notify.Test, Severity: Info, Cause: "test",
		Created: now, Due: now, Tries: 1, Total: 1,
		Items: []Item{{
			Alert: uuid.NewString(), Kind: string(SubjectChannel), Subject: id, Name: to.Name, Status: string(Up),
			Since: now, At: now, Reason: "test", Detail: "This is a test message.",
		}},
	}
	sending, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	failed := a.carry(sending, &to, &d)
	now = a.now()
	if d.end(failed, now) == "retry" {
		d.Status, d.Ended = Undone, now
	}
	a.c.Metrics.deliveries.WithLabelValues(strings.ToValidUTF8(d.Kind, "?"), string(d.Status)).Inc()
	var flips []Flip
	if failed == nil {
		if f := to.settle(nil, now, 0); f != nil {
			flips = append(flips, *f)
		}
	}
	// A caller that has gone does not keep it out of the log.
	if err := a.store.LogDelivery(context.WithoutCancel(ctx), d, to, flips); err != nil {
		return d, err
	}
	a.Wake()
	wake(a.toSend)
	return d, nil
}

// Deliveries returns what q selects of the outbox and its log, the newest first.
func (a *Alerts) Deliveries(ctx context.Context, q DeliveryQuery) ([]Delivery, error) {
	return a.store.Deliveries(ctx, q)
}
