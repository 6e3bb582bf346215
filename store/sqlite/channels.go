package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

var _ monitor.AlertStore = (*Store)(nil)

const channelColumns = `id, account, name, kind, target, sealed, revision, created_at, updated_at, enabled, status, since, failures, last_error, retry_at`

func scanChannel(st *sqlite.Stmt) monitor.Channel {
	return monitor.Channel{
		ID: st.ColumnText(0), Account: st.ColumnText(1), Name: st.ColumnText(2), Kind: st.ColumnText(3), Target: st.ColumnText(4),
		Sealed: columnBlob(st, 5), Revision: st.ColumnInt64(6), Created: fromMillis(st.ColumnInt64(7)), Updated: fromMillis(st.ColumnInt64(8)),
		Enabled: st.ColumnBool(9), Status: monitor.Status(st.ColumnText(10)), Since: fromMillis(st.ColumnInt64(11)),
		Failures: st.ColumnInt(12), LastError: st.ColumnText(13), RetryAt: fromMillis(st.ColumnInt64(14)),
	}
}

func noChannel(id string) error {
	return belfry.Errorf(belfry.NotFound, "", "There is no channel %s.", id)
}

// findChannel returns the channel with the id; of the account, unless that is empty.
func findChannel(c *sqlite.Conn, account, id string) (ch monitor.Channel, err error) {
	err = query(c, "SELECT "+channelColumns+" FROM channels WHERE id=? AND (account=? OR ?='')",
		func(st *sqlite.Stmt) error { ch = scanChannel(st); return nil }, id, account, account)
	if err == nil && ch.ID == "" {
		err = noChannel(id)
	}
	return ch, err
}

// nameTaken refuses a name that another channel of the account has.
func nameTaken(c *sqlite.Conn, ch *monitor.Channel) error {
	n, err := number(c, "SELECT count(*) FROM channels WHERE account=? AND name=? AND id<>?", ch.Account, ch.Name, ch.ID)
	if err == nil && n > 0 {
		err = belfry.Errorf(belfry.Conflict, "name", "There is a channel named %q already.", ch.Name)
	}
	return err
}

// CreateChannel implements [monitor.ChannelStore].
func (s *Store) CreateChannel(ctx context.Context, ch monitor.Channel, limit int) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		if err := full(c, "channels", ch.Account, limit); err != nil {
			return err
		}
		if err := nameTaken(c, &ch); err != nil {
			return err
		}
		return exec(c, "INSERT INTO channels ("+channelColumns+") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
			ch.ID, ch.Account, ch.Name, ch.Kind, ch.Target, ch.Sealed, ch.Revision, ch.Created, ch.Updated, ch.Enabled, string(ch.Status), ch.Since,
			ch.Failures, ch.LastError, ch.RetryAt)
	})
}

// Channel implements [monitor.ChannelStore].
func (s *Store) Channel(ctx context.Context, account, id string) (ch monitor.Channel, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		ch, err = findChannel(c, account, id)
		return err
	})
	return ch, err
}

// Channels implements [monitor.ChannelStore].
func (s *Store) Channels(ctx context.Context, account string) (all []monitor.Channel, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		all = nil
		return query(c, "SELECT "+channelColumns+" FROM channels WHERE account=? ORDER BY number",
			func(st *sqlite.Stmt) error { all = append(all, scanChannel(st)); return nil }, account)
	})
	return all, err
}

// UpdateChannel implements [monitor.ChannelStore].
func (s *Store) UpdateChannel(ctx context.Context, ch monitor.Channel, replaces int64, givenUp string) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		stored, err := findChannel(c, ch.Account, ch.ID)
		if err != nil {
			return err
		}
		if stored.Revision != replaces {
			return belfry.ErrStale
		}
		if err := nameTaken(c, &ch); err != nil {
			return err
		}
		err = exec(c, "UPDATE channels SET name=?, kind=?, target=?, sealed=?, revision=?, updated_at=?, enabled=?, retry_at=0 WHERE id=?",
			ch.Name, ch.Kind, ch.Target, ch.Sealed, ch.Revision, ch.Updated, ch.Enabled, ch.ID)
		if err != nil {
			return err
		}
		if !ch.Enabled {
			if err := giveUp(c, ch.ID, givenUp, ch.Updated); err != nil {
				return err
			}
		}
		return refreshChannel(c, ch.ID)
	})
}

// DeleteChannel implements [monitor.ChannelStore].
func (s *Store) DeleteChannel(ctx context.Context, account, id, givenUp, ending string, now time.Time) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		ch, err := findChannel(c, account, id)
		if err != nil {
			return err
		}
		if err := giveUp(c, id, givenUp, now); err != nil {
			return err
		}
		if err := s.endSubject(c, ch.Subject(), ending, now); err != nil {
			return err
		}
		return exec(c, "DELETE FROM channels WHERE id=?", id)
	})
}

// giveUp ends what waits for a channel.
func giveUp(c *sqlite.Conn, channel, reason string, now time.Time) error {
	return exec(c, "UPDATE deliveries SET status='failed', error=?, ended_at=? WHERE channel=? AND status='pending'", reason, now, channel)
}

// refreshChannel finds when the channel is to be looked at next. It follows each
// change of its deliveries and of itself, in the same transaction.
func refreshChannel(c *sqlite.Conn, id string) error {
	err := exec(c, "UPDATE channels SET due_at=ifnull((SELECT min(due_at) FROM deliveries WHERE channel=? AND status='pending'), 0) WHERE id=?", id, id)
	if err != nil {
		return err
	}
	return exec(c, "UPDATE channels SET next_at=CASE WHEN enabled=0 OR due_at=0 THEN 0 ELSE max(due_at, retry_at, lease_until) END WHERE id=?", id)
}
