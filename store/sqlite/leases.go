package sqlite

import (
	"context"
	"sync/atomic"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
)

// leases is what this process knows of its right to write. One process owns
// every shard of an embedded store, so all of them share one epoch.
type leases struct {
	held atomic.Int64 // epoch of the last Acquire; 0 is none
	now  int64        // epoch in the store, as the open transaction read it; the writer's own
}

// Acquire takes every shard, with an epoch above all earlier ones. Whoever
// held them before can no longer write.
func (s *Store) Acquire(ctx context.Context) ([]belfry.Lease, error) {
	var epoch int64
	err := s.write(ctx, func(c *sqlite.Conn) error {
		if err := exec(c, "UPDATE meta SET value = value + 1 WHERE key = 'epoch'"); err != nil {
			return err
		}
		return s.readEpoch(c, &epoch)
	})
	if err != nil {
		return nil, err
	}
	s.leases.held.Store(epoch)
	all := make([]belfry.Lease, belfry.Shards)
	for i := range all {
		all[i] = belfry.Lease{Shard: belfry.Shard(i), Epoch: epoch}
	}
	return all, nil
}

func (s *Store) readEpoch(c *sqlite.Conn, to *int64) error {
	return query(c, "SELECT value FROM meta WHERE key = 'epoch'", func(st *sqlite.Stmt) error {
		*to = st.ColumnInt64(0)
		return nil
	})
}

// writeOwned is write for what only the owner of the shards may do.
func (s *Store) writeOwned(ctx context.Context, op func(*sqlite.Conn) error) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		if s.leases.now != s.leases.held.Load() {
			return belfry.Errorf(belfry.Fenced, "", "Another process has taken the store over; this one must stop.")
		}
		return op(c)
	})
}
