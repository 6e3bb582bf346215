package monitor

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor/notify"
)

// Bounds of alerting, for each account.
const (
	MaxChannels     = 100
	MaxPolicies     = 1000
	maxNameLength   = 100      // characters
	maxConfigLength = 64 << 10 // bytes
)

// A Channel is where an account's alerts go.
type Channel struct {
	ID      string // a UUID
	Account string
	Name    string
	Kind    string // see [notify.Kinds]
	Target  string // names it for people, without secrets
	Sealed  []byte // its configuration, encrypted
	// Revision is that of what people said; what deliveries say does not change it.
	Revision         int64
	Created, Updated time.Time

	// Enabled is false when somebody switched it off, or when a receiver said that
	// it is gone for good. Nothing is sent then, and what waits is dropped.
	Enabled bool
	// Status is New until the first message, then Up, or Down after failedTries
	// tries in a row or a refusal; Since is when it began.
	Status    Status
	Since     time.Time
	Failures  int       // tries that failed, in a row
	LastError string    // why the last one did; empty when it did not
	RetryAt   time.Time // nothing is sent before; zero: at once
}

// Subject returns what the channel's flips are about.
func (c *Channel) Subject() Subject {
	return Subject{Account: c.Account, Kind: SubjectChannel, ID: c.ID}
}

// checkName refuses names that are too short, too long, or more than a line.
func checkName(name string) error {
	n := utf8.RuneCountInString(name)
	if n < 1 || n > maxNameLength || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return belfry.Errorf(belfry.Invalid, "name", "The name must be 1 to %d characters on one line.", maxNameLength)
	}
	return nil
}

// checkConfig refuses a configuration that its kind cannot use, and returns how
// the channel is called for people.
func checkConfig(c notify.Channel) (target string, err error) {
	if len(c.Config) > maxConfigLength {
		return "", belfry.Errorf(belfry.TooLarge, "config", "The configuration has %d bytes; %d are allowed.", len(c.Config), maxConfigLength)
	}
	return notify.Check(c)
}

// failedTries is how many tries in a row must fail for a channel to be down
// (semantics.md 8.5).
const failedTries = 3

// Reasons of a channel's flips.
const (
	ReasonDeliveryFailed Reason = "delivery_failed"
	ReasonDelivered      Reason = "delivered"
)

// settle changes the channel by what became of a try, and returns the flip that
// tells of it, if its state has changed. retry is how long it is left alone.
func (c *Channel) settle(err *notify.Error, now time.Time, retry time.Duration) *Flip {
	if err == nil {
		c.Failures, c.LastError, c.RetryAt = 0, "", time.Time{}
		return c.become(Up, now, ReasonDelivered, "A message was delivered.")
	}
	c.Failures++
	c.LastError = err.Reason
	c.RetryAt = now.Add(retry)
	detail := "The last message was not delivered: " + err.Reason + "."
	switch {
	case err.Gone:
		c.Enabled, c.RetryAt = false, time.Time{}
		return c.become(Down, now, ReasonDeliveryFailed, detail+" The channel is switched off; correct it and switch it on again.")
	case err.Permanent:
		c.RetryAt = time.Time{} // the next message may be another matter
		return c.become(Down, now, ReasonDeliveryFailed, detail)
	case c.Failures >= failedTries:
		return c.become(Down, now, ReasonDeliveryFailed, detail+" It is tried again for a day.")
	}
	return nil
}

func (c *Channel) become(to Status, now time.Time, reason Reason, detail string) *Flip {
	if c.Status == to {
		return nil
	}
	f := &Flip{Subject: c.Subject(), Name: c.Name, At: now, From: c.Status, To: to, Reason: reason, Detail: detail}
	c.Status, c.Since = to, now
	return f
}
