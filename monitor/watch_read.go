package monitor

import (
	"context"

	"github.com/belfry-run/belfry"
)

// List returns up to limit of an account's schedules that are not well, whose id
// comes after the given one, in the order of the ids.
func (w *Watcher) List(ctx context.Context, account string, after belfry.ID, limit int) ([]Watch, error) {
	return w.c.Store.ListWatches(ctx, account, after, limit)
}

// Of returns how a schedule does, and how long its runs may take. NotFound when
// there is no such schedule.
func (w *Watcher) Of(ctx context.Context, r belfry.ScheduleRef) (Watch, Limit, error) {
	x, err := w.c.Store.WatchOf(ctx, r)
	if err != nil {
		return x, Limit{}, err
	}
	p, err := w.policy(ctx, r)
	if err != nil {
		return x, Limit{}, err
	}
	l, err := learn(ctx, w.c.Store, x.Schedule, p, w.now())
	return x, l, err
}

// Count returns how many schedules of all accounts are Grace and Down.
func (w *Watcher) Count(ctx context.Context) (map[Status]int64, error) {
	return w.c.Store.CountWatches(ctx)
}
