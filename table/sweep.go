package table

import (
	"context"
	"fmt"
	"time"

	"github.com/belfry-run/belfry"
)

const (
	// sweepEvery is how long an item may stay in the store after it has
	// expired, when there are not very many.
	sweepEvery = 5 * time.Second
	// sweepStep is the number of items that one step removes, so that no step
	// holds up the store's other callers for long.
	sweepStep = 100
)

// Run removes expired items, and those of deleted tables, from the store until
// ctx ends.
func (s *Service) Run(ctx context.Context) {
	for {
		err := s.apart.Round(ctx, "sweep tables", func() error { return s.sweep(ctx) })
		if err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "removing expired items failed; it is tried again", "in", sweepEvery, "error", err)
		}
		timer, stop := s.clock.NewTimer(sweepEvery)
		select {
		case <-timer:
		case <-s.wake:
			stop()
		case <-ctx.Done():
			stop()
			return
		}
	}
}

func (s *Service) sweep(ctx context.Context) error {
	tables, err := s.store.Adopting(ctx)
	if err != nil {
		return err
	}
	for _, t := range tables {
		var err error
		s.apart.Do(ctx, "adopt table", t.ARN(), func() error {
			err = s.adopt(ctx, &t)
			return nil
		})
		if err != nil {
			return err
		}
	}
	for {
		n, err := s.sweepExpired(ctx)
		if err != nil {
			return err
		}
		m, err := s.store.SweepTables(ctx, s.now(), sweepStep)
		if err != nil {
			return err
		}
		if n < sweepStep && m < sweepStep {
			return nil
		}
	}
}

// sweepExpired removes one step's worth of expired items. What the store takes
// for expired is looked at again: time to live may have been turned off, or be
// by another attribute, since the item was written.
func (s *Service) sweepExpired(ctx context.Context) (int, error) {
	now := s.now()
	found, err := s.store.ExpiredItems(ctx, now, sweepStep)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	refs := make([]Ref, len(found))
	for i, e := range found {
		refs[i] = e.Table.ref(e.Key)
	}
	err = s.store.WriteItems(ctx, refs, nil, func(current [][]byte) ([]Change, error) {
		changes := make([]Change, len(refs))
		for i, stored := range current {
			changes[i] = s.settle(ctx, &found[i].Table, refs[i].Key, stored, now)
		}
		return changes, nil
	})
	if isStale(err) || belfry.KindOf(err) == belfry.NotFound {
		return 0, nil // a table has just been changed; the next sweep sees it
	}
	return len(found), err
}

// settle returns what becomes of a stored item when it is looked at: an expired
// one goes, another one expires when the table says. A damaged one stays as it is
// and never expires, so that it is not met at each sweep.
func (s *Service) settle(ctx context.Context, t *Table, key Key, stored []byte, now time.Time) Change {
	if stored == nil {
		return Change{Keep: true}
	}
	item, err := decodeItem(stored)
	switch {
	case err != nil:
		s.damaged(ctx, t, key, err)
		return Change{Item: stored}
	case t.expired(item, now):
		return Change{}
	}
	return Change{Item: stored, Expires: t.expires(item, now)}
}

// damaged sets an item apart that cannot be decoded.
func (s *Service) damaged(ctx context.Context, t *Table, key Key, err error) {
	s.apart.Report(ctx, "read item", fmt.Sprintf("%s hash %x range %x", t.ARN(), key.Hash, key.Range), err)
}

// adopt looks at all items of a table whose time to live was turned on, and
// then says so.
func (s *Service) adopt(ctx context.Context, t *Table) error {
	var after Key
	for {
		var refs []Ref
		err := s.store.ScanItems(ctx, t.version(), after, func(r Row) bool {
			refs = append(refs, t.ref(r.Key))
			return len(refs) < sweepStep
		})
		if err != nil {
			return err
		}
		if len(refs) == 0 {
			break
		}
		now := s.now()
		err = s.store.WriteItems(ctx, refs, nil, func(current [][]byte) ([]Change, error) {
			changes := make([]Change, len(refs))
			for i, stored := range current {
				changes[i] = s.settle(ctx, t, refs[i].Key, stored, now)
			}
			return changes, nil
		})
		if isStale(err) || belfry.KindOf(err) == belfry.NotFound {
			return nil // it has just been changed; the next sweep sees it
		}
		if err != nil {
			return err
		}
		after = refs[len(refs)-1].Key
	}
	next := *t
	next.Settings.TTL.Adopting = false
	err := s.store.UpdateTable(ctx, next)
	s.forget(t.Scope, t.Name)
	if isStale(err) || belfry.KindOf(err) == belfry.NotFound {
		return nil
	}
	return err
}
