package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
	"github.com/belfry-run/belfry/monitor/notify"
)

const deliveryColumns = `number, id, account, channel, kind, event, severity, cause, created_at, due_at, status, tries, error, ended_at, total, items`

func scanDelivery(st *sqlite.Stmt) (monitor.Delivery, error) {
	d := monitor.Delivery{
		Number: st.ColumnInt64(0), ID: st.ColumnText(1), Account: st.ColumnText(2), Channel: st.ColumnText(3), Kind: st.ColumnText(4),
		Event: notify.Event(st.ColumnText(5)), Severity: monitor.Severity(st.ColumnText(6)), Cause: st.ColumnText(7),
		Created: fromMillis(st.ColumnInt64(8)), Due: fromMillis(st.ColumnInt64(9)), Status: monitor.DeliveryStatus(st.ColumnText(10)),
		Tries: st.ColumnInt(11), Error: st.ColumnText(12), Ended: fromMillis(st.ColumnInt64(13)), Total: st.ColumnInt(14),
	}
	if err := json.Unmarshal([]byte(st.ColumnText(15)), &d.Items); err != nil {
		return d, fmt.Errorf("decode the items of delivery %s: %w", d.ID, err)
	}
	if len(d.Items) == 0 {
		return d, fmt.Errorf("delivery %s has no items", d.ID)
	}
	return d, nil
}

func (s *Store) queryDeliveries(c *sqlite.Conn, limit int, where string, args ...any) ([]monitor.Delivery, error) {
	return listOf(s, c, "deliveries", limit, "SELECT "+deliveryColumns+" FROM deliveries WHERE "+where, scanDelivery, args...)
}

// dueChannels returns up to limit channels that can be sent to.
func dueChannels(c *sqlite.Conn, now time.Time, limit int) (ids []string, err error) {
	err = query(c, "SELECT id FROM channels WHERE next_at>0 AND next_at<=? ORDER BY next_at LIMIT ?",
		func(st *sqlite.Stmt) error { ids = append(ids, st.ColumnText(0)); return nil }, now, limit)
	return ids, err
}

// ClaimDeliveries implements [monitor.Outbox]. A reader finds out whether there is
// anything to send, so that the writer's time is not taken for nothing.
func (s *Store) ClaimDeliveries(ctx context.Context, now, until time.Time, limit int) (claims []monitor.Claim, err error) {
	any := false
	err = s.read(ctx, func(c *sqlite.Conn) error {
		ids, err := dueChannels(c, now, min(limit, 1))
		any = len(ids) > 0
		return err
	})
	if err != nil || !any {
		return nil, err
	}
	err = s.write(ctx, func(c *sqlite.Conn) error {
		claims = nil
		ids, err := dueChannels(c, now, limit)
		if err != nil {
			return err
		}
		for _, id := range ids {
			claim, err := s.claimOf(c, id, now, until)
			if err != nil {
				return err
			}
			if claim != nil {
				claims = append(claims, *claim)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claims, nil
}

// endLeases ends the claims to deliveries of an earlier process, so that what it
// was sending is sent again at once: one process uses the store at a time.
func (s *Store) endLeases(ctx context.Context) error {
	var held []string
	err := s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT id FROM channels WHERE lease_until>0", func(st *sqlite.Stmt) error {
			held = append(held, st.ColumnText(0))
			return nil
		})
	})
	if err != nil || len(held) == 0 {
		return err
	}
	return s.write(ctx, func(c *sqlite.Conn) error {
		for _, id := range held {
			if err := exec(c, "UPDATE channels SET lease_until=0, claim=claim+1 WHERE id=?", id); err != nil {
				return err
			}
			if err := refreshChannel(c, id); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) claimOf(c *sqlite.Conn, id string, now, until time.Time) (*monitor.Claim, error) {
	due, err := s.queryDeliveries(c, 1, "channel=? AND status='pending' AND due_at<=? ORDER BY due_at, number", id, now)
	if err != nil {
		return nil, err
	}
	if len(due) == 0 { // what is due cannot be read: it must not keep the channel from what comes
		return nil, errors.Join(exec(c, `UPDATE deliveries SET status='failed', error='What was stored of it is damaged.', ended_at=?1
			WHERE channel=?2 AND status='pending' AND due_at<=?1`, now, id), refreshChannel(c, id))
	}
	claim := &monitor.Claim{Delivery: due[0]}
	claim.Tries++
	if err := exec(c, "UPDATE deliveries SET tries=? WHERE number=?", claim.Tries, claim.Delivery.Number); err != nil {
		return nil, err
	}
	if err := exec(c, "UPDATE channels SET claim=claim+1, lease_until=? WHERE id=?", until, id); err != nil {
		return nil, err
	}
	if claim.Number, err = number(c, "SELECT claim FROM channels WHERE id=?", id); err != nil {
		return nil, err
	}
	if claim.To, err = findChannel(c, "", id); err != nil {
		return nil, err
	}
	return claim, refreshChannel(c, id)
}

// SettleDelivery implements [monitor.Outbox].
func (s *Store) SettleDelivery(ctx context.Context, claim monitor.Claim, givenUp string, flips []monitor.Flip, now time.Time) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		holds, err := number(c, "SELECT count(*) FROM channels WHERE id=? AND claim=?", claim.To.ID, claim.Number)
		if err != nil {
			return err
		}
		if holds == 0 {
			return belfry.ErrStale
		}
		d := &claim.Delivery
		// What was given up meanwhile, with the channel, stays so unless it arrived.
		err = exec(c, "UPDATE deliveries SET status=?, error=?, ended_at=?, tries=? WHERE number=? AND (status='pending' OR ?='delivered')",
			string(d.Status), d.Error, d.Ended, d.Tries, d.Number, string(d.Status))
		if err != nil {
			return err
		}
		if err := exec(c, "UPDATE channels SET lease_until=0 WHERE id=?", claim.To.ID); err != nil {
			return err
		}
		if err := storeHealth(c, &claim.To, flips); err != nil {
			return err
		}
		if !claim.To.Enabled {
			off, err := number(c, "SELECT enabled=0 FROM channels WHERE id=?", claim.To.ID)
			if err != nil {
				return err
			}
			if off == 1 {
				if err := giveUp(c, claim.To.ID, givenUp, now); err != nil {
					return err
				}
			}
		}
		return refreshChannel(c, claim.To.ID)
	})
}

// storeHealth stores what a delivery says of its channel, and the flips, unless
// somebody has changed the channel since.
func storeHealth(c *sqlite.Conn, ch *monitor.Channel, flips []monitor.Flip) error {
	err := exec(c, "UPDATE channels SET enabled=?, status=?, since=?, failures=?, last_error=?, retry_at=? WHERE id=? AND revision=?",
		ch.Enabled, string(ch.Status), ch.Since, ch.Failures, ch.LastError, ch.RetryAt, ch.ID, ch.Revision)
	if err != nil || c.Changes() == 0 {
		return err
	}
	for i := range flips {
		if err := insertFlip(c, &flips[i]); err != nil {
			return err
		}
	}
	return nil
}

// LogDelivery implements [monitor.Outbox].
func (s *Store) LogDelivery(ctx context.Context, d monitor.Delivery, to monitor.Channel, flips []monitor.Flip) error {
	text, err := encodeItems(d.Items, len(d.Items))
	if err != nil {
		return err
	}
	return s.write(ctx, func(c *sqlite.Conn) error {
		err := exec(c, `INSERT INTO deliveries (id, account, channel, kind, event, severity, cause, created_at, due_at, status, tries, error, ended_at, total, items)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`, d.ID, d.Account, d.Channel, d.Kind, string(d.Event), string(d.Severity), d.Cause, d.Created, d.Due,
			string(d.Status), d.Tries, d.Error, d.Ended, d.Total, text)
		if err != nil {
			return err
		}
		if err := storeHealth(c, &to, flips); err != nil {
			return err
		}
		return refreshChannel(c, to.ID)
	})
}

// Delivery implements [monitor.Outbox].
func (s *Store) Delivery(ctx context.Context, n int64) (d monitor.Delivery, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		found, err := s.queryDeliveries(c, noLimit, "number=?", n)
		if err == nil && len(found) == 0 {
			return belfry.Errorf(belfry.NotFound, "", "There is no such delivery.")
		}
		if err == nil {
			d = found[0]
		}
		return err
	})
	return d, err
}

// Deliveries implements [monitor.Outbox].
func (s *Store) Deliveries(ctx context.Context, q monitor.DeliveryQuery) (all []monitor.Delivery, err error) {
	if q.Before == 0 {
		q.Before = math.MaxInt64
	}
	err = s.read(ctx, func(c *sqlite.Conn) error {
		all, err = s.queryDeliveries(c, q.Limit, "account=? AND number<? AND (channel=? OR ?='') AND (status=? OR ?='') ORDER BY number DESC",
			q.Account, q.Before, q.Channel, q.Channel, string(q.Status), string(q.Status))
		return err
	})
	return all, err
}

// OutboxState implements [monitor.Outbox].
func (s *Store) OutboxState(ctx context.Context, now time.Time) (due int64, oldest time.Time, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT count(*), ifnull(min(due_at), 0) FROM deliveries WHERE status='pending' AND due_at<=?", func(st *sqlite.Stmt) error {
			due, oldest = st.ColumnInt64(0), fromMillis(st.ColumnInt64(1))
			return nil
		}, now)
	})
	return due, oldest, err
}

// PruneAlerts implements [monitor.Outbox].
func (s *Store) PruneAlerts(ctx context.Context, before time.Time, limit int) (removed int, err error) {
	const (
		oldDeliveries = "SELECT number FROM deliveries WHERE status<>'pending' AND ended_at<? ORDER BY ended_at LIMIT ?"
		oldAlerts     = "SELECT number FROM alerts WHERE closed_at>0 AND closed_at<? ORDER BY closed_at LIMIT ?"
	)
	found := false
	err = s.read(ctx, func(c *sqlite.Conn) error {
		found = false
		return query(c, "SELECT EXISTS ("+oldDeliveries+") OR EXISTS ("+oldAlerts+")",
			func(st *sqlite.Stmt) error { found = st.ColumnBool(0); return nil }, before, 1, before, 1)
	})
	if err != nil || !found {
		return 0, err
	}
	err = s.write(ctx, func(c *sqlite.Conn) error {
		removed = 0
		for _, q := range []string{
			"DELETE FROM delivery_alerts WHERE delivery IN (" + oldDeliveries + ")",
			"DELETE FROM deliveries WHERE number IN (" + oldDeliveries + ")",
			"DELETE FROM alerts WHERE number IN (" + oldAlerts + ")",
		} {
			if err := exec(c, q, before, limit); err != nil {
				return err
			}
			removed += c.Changes()
		}
		return nil
	})
	return removed, err
}
