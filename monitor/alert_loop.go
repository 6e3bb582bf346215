package monitor

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
)

const (
	// pollEvery bounds how late something is seen that nobody woke for.
	pollEvery = time.Second
	// tellBatch bounds the flips, and the alerts, that one transaction is about.
	tellBatch = 500
	// logAge is how long alerts and deliveries are kept that have ended.
	logAge          = 30 * 24 * time.Hour
	alertPruneEvery = 10 * time.Minute
	alertPruneBatch = 1000
)

// joining keeps a storm of one cause from filling somebody's pocket, and lets the
// first messages through at once.
var joining = Joining{Burst: 5, Window: time.Minute, Items: 50}

// Run tells and sends until ctx ends, and returns when everything that it began
// has ended.
func (a *Alerts) Run(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { a.send(ctx) })
	all.Go(func() { a.prune(ctx) })
	for ctx.Err() == nil {
		more := false
		err := a.c.Apart.Round(ctx, "write alerts", func() (err error) {
			more, err = a.step(ctx)
			return err
		})
		if err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "alerts could not be written; they are tried again", "err", err)
		}
		if more && err == nil {
			continue
		}
		a.wait(ctx, a.toTell, pollEvery)
	}
	all.Wait()
}

// wait returns when it is woken, at the next beat of d, or when ctx ends.
func (a *Alerts) wait(ctx context.Context, woken <-chan struct{}, d time.Duration) {
	timer, release := a.c.Clock.NewTimer(beat(a.now(), d))
	defer release()
	select {
	case <-ctx.Done():
	case <-woken:
	case <-timer:
	}
}

// step tells what there is to be told, and reports whether there may be more.
func (a *Alerts) step(ctx context.Context) (more bool, err error) {
	flips, err := a.store.WaitingFlips(ctx, tellBatch)
	if err != nil {
		return false, err
	}
	now := a.now()
	due, err := a.store.DueAlerts(ctx, now, tellBatch)
	if err != nil || len(flips)+len(due) == 0 {
		return false, err
	}
	d := &decision{alerts: a, now: now, channels: map[string][]Channel{}}
	if len(flips) > 0 {
		err = d.flips(ctx, flips)
	} else {
		err = d.reminders(ctx, due)
	}
	if err != nil {
		return false, err
	}
	if err := a.store.Tell(ctx, d.told, now, joining); err != nil {
		if errors.Is(err, belfry.ErrStale) { // another node was faster, or somebody acknowledged
			return false, nil
		}
		return false, err
	}
	for i := range d.told.Alerts {
		if t := &d.told.Alerts[i]; t.Revision == 1 {
			a.log.WarnContext(ctx, "an alert was opened", "alert", t.ID, "kind", t.Kind, "subject", t.Subject.ID, "reason", t.Reason, "channels", len(t.Told))
		}
	}
	wake(a.toSend)
	return true, nil
}

// prune removes what has been in the logs for long.
func (a *Alerts) prune(ctx context.Context) {
	for ctx.Err() == nil {
		n := 0
		err := a.c.Apart.Round(ctx, "remove old alerts", func() (err error) {
			n, err = a.store.PruneAlerts(ctx, a.now().Add(-logAge), alertPruneBatch)
			return err
		})
		if err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "old alerts could not be removed; it is tried again", "err", err)
		}
		if err == nil && n >= alertPruneBatch {
			continue
		}
		a.wait(ctx, nil, alertPruneEvery)
	}
}
