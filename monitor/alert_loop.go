package monitor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/barrier"
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

// The steps in which one flip, and one alert whose reminder is due, can be set apart.
const flipStep, reminderStep = "tell of flip", "remind of alert"

// step tells what there is to be told, and reports whether there may be more.
//
// All is told together. When that cannot be, each is tried by itself: one that is
// never as it was when it was read, because what is stored of its alert is
// damaged, must not keep the others from being told.
func (a *Alerts) step(ctx context.Context) (more bool, err error) {
	now := a.now()
	flips, due, err := a.toBeTold(ctx, now)
	if err != nil || len(flips)+len(due) == 0 {
		return false, err
	}
	err = barrier.Try(func() error { return a.tell(ctx, now, flips, due) })
	if !errors.Is(err, belfry.ErrStale) && !errors.As(err, new(*barrier.Panic)) {
		return err == nil, err
	}
	if flips, due, err = a.toBeTold(ctx, now); err != nil { // somebody may have acknowledged
		return false, err
	}
	for i := range flips {
		a.alone(ctx, flipStep, flipName(&flips[i]), func() error { return a.tell(ctx, now, flips[i:i+1], nil) })
	}
	if len(flips) > 0 {
		return true, nil
	}
	for i := range due {
		a.alone(ctx, reminderStep, due[i].ID, func() error { return a.tell(ctx, now, nil, due[i:i+1]) })
	}
	return false, nil
}

// toBeTold reads the flips that nobody was told of, and the alerts that are due,
// without those that are set apart.
func (a *Alerts) toBeTold(ctx context.Context, now time.Time) (flips []Flip, due []Alert, err error) {
	limit := tellBatch + a.apart
	if flips, err = a.store.WaitingFlips(ctx, limit); err != nil {
		return nil, nil, err
	}
	if due, err = a.store.DueAlerts(ctx, now, limit); err != nil {
		return nil, nil, err
	}
	read := len(flips) + len(due)
	flips = slices.DeleteFunc(flips, func(f Flip) bool { return a.c.Apart.Wait(flipStep, flipName(&f)) > 0 })
	due = slices.DeleteFunc(due, func(al Alert) bool { return a.c.Apart.Wait(reminderStep, al.ID) > 0 })
	a.apart = read - len(flips) - len(due)
	return flips, due, nil
}

func flipName(f *Flip) string { return fmt.Sprintf("%d of %s %s", f.ID, f.Kind, f.Subject.ID) }

// alone tells of one thing, which has just been read. That it has changed meanwhile
// is nobody's fault once; found changed again, it is set apart.
func (a *Alerts) alone(ctx context.Context, step, object string, tell func() error) {
	a.c.Apart.Do(ctx, step, object, func() error {
		err := tell()
		if errors.Is(err, belfry.ErrStale) {
			err = tell()
		}
		if err == nil || errors.Is(err, belfry.ErrStale) {
			return err
		}
		a.log.ErrorContext(ctx, "alerts could not be written; they are tried again", "err", err)
		return nil
	})
}

// tell decides on flips, or when there are none on alerts that are due, and stores
// what follows.
func (a *Alerts) tell(ctx context.Context, now time.Time, flips []Flip, due []Alert) (err error) {
	d := &decision{alerts: a, now: now, channels: map[string][]Channel{}}
	if len(flips) > 0 {
		err = d.flips(ctx, flips)
	} else {
		err = d.reminders(ctx, slices.Clone(due))
	}
	if err != nil {
		return err
	}
	if err := a.store.Tell(ctx, d.told, now, joining); err != nil {
		return err
	}
	for i := range d.told.Alerts {
		if t := &d.told.Alerts[i]; t.Revision == 1 {
			a.log.WarnContext(ctx, "an alert was opened", "alert", t.ID, "kind", t.Kind, "subject", t.Subject.ID, "reason", t.Reason, "channels", len(t.Told))
		}
	}
	wake(a.toSend)
	return nil
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
