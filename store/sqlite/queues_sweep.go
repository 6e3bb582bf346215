package sqlite

import (
	"context"
	"errors"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry/queue"
)

// Counts implements [queue.Messages]. The totals are kept; what is counted
// here is the rows whose time is to come, and the expired ones that the sweep
// has not reached. A delayed message that has expired counts until its delay
// before the cutoff has passed too.
func (s *Store) Counts(ctx context.Context, contents queue.Contents, now, cutoff time.Time) (n queue.Counts, err error) {
	floor := queue.FloorID(cutoff)
	err = s.read(ctx, func(c *sqlite.Conn) error {
		ready, received, err := contentsCounts(c, contents)
		if err != nil {
			return err
		}
		id := int64(contents)
		var expiredReady, expiredReceived int64
		for _, q := range []struct {
			into *int64
			sql  string
			args []any
		}{
			{&n.Delayed, `SELECT count(*) FROM queue_ready WHERE contents=? AND visible_at>?`, []any{id, now}},
			{&n.InFlight, `SELECT count(*) FROM queue_received INDEXED BY queue_received_visible
				WHERE contents=? AND visible_at>? AND id>=?`, []any{id, now, floor[:]}},
			{&expiredReady, `SELECT count(*) FROM queue_ready WHERE contents=? AND visible_at<=?`, []any{id, cutoff}},
			{&expiredReceived, `SELECT count(*) FROM queue_received WHERE contents=? AND id<?`, []any{id, floor[:]}},
		} {
			if err := query(c, q.sql, func(st *sqlite.Stmt) error {
				*q.into = st.ColumnInt64(0)
				return nil
			}, q.args...); err != nil {
				return err
			}
		}
		n.Visible = ready - n.Delayed - expiredReady + received - n.InFlight - expiredReceived
		return nil
	})
	return n, err
}

// Sweep implements [queue.Messages]. A reader finds what is to go, so that a
// sweep that finds nothing does not take the writer's time.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (removed int, err error) {
	after := int64(0)
	for removed < limit {
		next, err := s.dirty(ctx, after, now)
		if err != nil || next == nil {
			return removed, err
		}
		n := 0
		err = s.write(ctx, func(c *sqlite.Conn) (err error) {
			n, err = next.clean(c, limit-removed)
			return err
		})
		removed += n
		if err != nil {
			return removed, err
		}
		after = next.queue // that one is clean, or the limit is reached
	}
	return removed, nil
}

// dirt is contents that have something to remove.
type dirt struct {
	contents int64
	queue    int64    // the queue that they belong to; 0: none, and all of it goes
	cutoff   int64    // what was sent at or before goes
	floor    queue.ID // the first id after cutoff
}

// leastRetention is what a retention can be, in milliseconds: what is anything else is
// damaged, and nothing is removed because of it.
const leastRetention = "60000 AND 1209600000"

// errFound ends a query early.
var errFound = errors.New("found")

// dirty finds contents with something to remove: those without a queue first,
// then of the queues with an id above after. nil: there are none.
func (s *Store) dirty(ctx context.Context, after int64, now time.Time) (found *dirt, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		found = nil
		err := query(c, `SELECT id FROM queue_contents WHERE live=0 LIMIT 1`, func(st *sqlite.Stmt) error {
			found = &dirt{contents: st.ColumnInt64(0)}
			return nil
		})
		if err != nil || found != nil {
			return err
		}
		err = query(c, `SELECT id, contents, retention FROM queues
			WHERE id>? AND typeof(retention)='integer' AND retention BETWEEN `+leastRetention+` ORDER BY id`, func(st *sqlite.Stmt) error {
			cutoff := now.Add(-time.Duration(st.ColumnInt64(2)) * time.Millisecond)
			d := dirt{queue: st.ColumnInt64(0), contents: st.ColumnInt64(1), cutoff: millis(cutoff), floor: queue.FloorID(cutoff)}
			return query(c, `SELECT EXISTS (SELECT 1 FROM queue_ready WHERE contents=?1 AND visible_at<=?2)
				OR EXISTS (SELECT 1 FROM queue_received WHERE contents=?1 AND id<?3)`, func(st *sqlite.Stmt) error {
				if !st.ColumnBool(0) {
					return nil
				}
				found = &d
				return errFound
			}, d.contents, d.cutoff, d.floor[:])
		}, after)
		if errors.Is(err, errFound) {
			err = nil
		}
		return err
	})
	return found, err
}

// clean removes at most limit messages.
func (d *dirt) clean(c *sqlite.Conn, limit int) (removed int, err error) {
	readyEnd, receivedEnd := d.cutoff, d.floor[:]
	if d.queue == 0 {
		const never = 1<<63 - 1
		readyEnd, receivedEnd = never, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	}
	err = exec(c, `DELETE FROM queue_ready WHERE contents=?1 AND (visible_at, id) IN
		(SELECT visible_at, id FROM queue_ready WHERE contents=?1 AND visible_at<=?2 ORDER BY visible_at, id LIMIT ?3)`,
		d.contents, readyEnd, limit)
	if err != nil {
		return 0, err
	}
	ready := c.Changes()
	received := 0
	if ready < limit {
		err = exec(c, `DELETE FROM queue_received WHERE contents=?1 AND id IN
			(SELECT id FROM queue_received WHERE contents=?1 AND id<?2 ORDER BY id LIMIT ?3)`,
			d.contents, receivedEnd, limit-ready)
		if err != nil {
			return 0, err
		}
		received = c.Changes()
	}
	removed = ready + received
	if d.queue == 0 && removed < limit {
		return removed, exec(c, `DELETE FROM queue_contents WHERE id=?`, d.contents)
	}
	return removed, exec(c, `UPDATE queue_contents SET ready=ready-?, received=received-? WHERE id=?`, ready, received, d.contents)
}

// Retime implements [queue.Messages]. A reader finds the contents with something to
// put right, so that the writer's time is not taken for nothing.
func (s *Store) Retime(ctx context.Context, now, ahead, back time.Time) (changed int, err error) {
	const (
		readyAhead    = `FROM queue_ready WHERE contents=?1 AND visible_at>?2 AND id>=?3`
		receivedAhead = `FROM queue_received INDEXED BY queue_received_visible
			WHERE contents=?1 AND visible_at>?2 AND (id>=?3 OR first_received_at>?4)`
	)
	var all []int64
	err = s.read(ctx, func(c *sqlite.Conn) error {
		all = nil
		return query(c, `SELECT id FROM queue_contents WHERE live<>0`, func(st *sqlite.Stmt) error {
			all = append(all, st.ColumnInt64(0))
			return nil
		})
	})
	if err != nil {
		return 0, err
	}
	floor := queue.FloorID(ahead)
	for _, contents := range all {
		for _, q := range []struct {
			find, change string
			args         []any
		}{
			{
				readyAhead,
				`UPDATE queue_ready SET visible_at=?2 WHERE contents=?1 AND (visible_at, id) IN (SELECT visible_at, id ` + readyAhead + ` LIMIT ?4)`,
				[]any{contents, now, floor[:]},
			},
			{
				receivedAhead,
				`UPDATE queue_received SET visible_at=?2 WHERE contents=?1 AND id IN (SELECT id ` + receivedAhead + ` LIMIT ?5)`,
				[]any{contents, back, floor[:], ahead},
			},
		} {
			more := false
			err := s.read(ctx, func(c *sqlite.Conn) error {
				return query(c, "SELECT EXISTS (SELECT 1 "+q.find+")", func(st *sqlite.Stmt) error { more = st.ColumnBool(0); return nil }, q.args...)
			})
			for more && err == nil {
				n := 0
				err = s.write(ctx, func(c *sqlite.Conn) error {
					err := exec(c, q.change, append(q.args, retimeStep)...)
					n = c.Changes()
					return err
				})
				changed += n
				more = n == retimeStep
			}
			if err != nil {
				return changed, err
			}
		}
	}
	return changed, nil
}

// retimeStep is the number of messages that one transaction puts right.
const retimeStep = 500
