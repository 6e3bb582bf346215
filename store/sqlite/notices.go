package sqlite

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry/monitor"
)

// putNotice makes a delivery of a notice, or lets it join one that waits. One to a
// channel that is not there or not enabled is left out.
func putNotice(c *sqlite.Conn, n *monitor.Notice, now time.Time, j monitor.Joining) error {
	kind, next := "", int64(0)
	err := query(c, "SELECT kind, next_at FROM channels WHERE id=? AND account=? AND enabled=1", func(st *sqlite.Stmt) error {
		kind, next = st.ColumnText(0), st.ColumnInt64(1)
		return nil
	}, n.Channel, n.Account)
	if err != nil || kind == "" {
		return err
	}
	due, err := afterWaiting(c, n)
	if err != nil {
		return err
	}
	var delivery int64
	if !n.Single {
		if delivery, err = joinWaiting(c, n, now, next > now.UnixMilli(), j); err != nil {
			return err
		}
		if delivery == 0 {
			recent, err := number(c, "SELECT count(*) FROM deliveries WHERE channel=? AND cause=? AND created_at>?", n.Channel, n.Cause, now.Add(-j.Window))
			if err != nil {
				return err
			}
			if held := now.Add(j.Window); recent >= int64(j.Burst) && held.After(due) {
				due = held
			}
		}
	}
	if delivery == 0 {
		if delivery, err = insertDelivery(c, n, kind, due, now, j.Items); err != nil {
			return err
		}
	}
	for _, id := range n.Alerts {
		if err := exec(c, "INSERT OR IGNORE INTO delivery_alerts (delivery, alert) VALUES (?,?)", delivery, id); err != nil {
			return err
		}
	}
	return refreshChannel(c, n.Channel)
}

// afterWaiting is when the notice is due: not before what the channel has not been
// told of the same alerts.
func afterWaiting(c *sqlite.Conn, n *monitor.Notice) (time.Time, error) {
	due := n.Due
	for _, id := range n.Alerts {
		ms, err := number(c, `SELECT ifnull(max(d.due_at), 0) FROM delivery_alerts a JOIN deliveries d ON d.number=a.delivery
			WHERE a.alert=? AND d.channel=? AND d.status='pending'`, id, n.Channel)
		if err != nil {
			return due, err
		}
		if at := fromMillis(ms); at.After(due) {
			due = at
		}
	}
	return due, nil
}

// joinWaiting adds the notice to a delivery of the same cause that nobody is
// sending, and returns its number; 0 when there is none. Neither may be told much
// later for it, or sooner than it is due. resting says that the channel is not sent
// to now.
func joinWaiting(c *sqlite.Conn, n *monitor.Notice, now time.Time, resting bool, j monitor.Joining) (delivery int64, err error) {
	latest := now.Add(j.Window)
	if n.Due.After(latest) {
		latest = n.Due
	}
	var items []monitor.Item
	err = query(c, `SELECT number, items FROM deliveries WHERE channel=? AND status='pending' AND tries=0 AND cause=?
		AND (due_at>? AND due_at>=? AND due_at<=? OR due_at<=? AND ? AND ?) ORDER BY due_at DESC, number DESC LIMIT 1`, func(st *sqlite.Stmt) error {
		if json.Unmarshal([]byte(st.ColumnText(1)), &items) == nil { // else it is damaged, and takes no more
			delivery = st.ColumnInt64(0)
		}
		return nil
	}, n.Channel, n.Cause, now, n.Due, latest, now, resting, !n.Due.After(now))
	if err != nil || delivery == 0 {
		return 0, err
	}
	text, err := encodeItems(append(items, n.Items...), j.Items)
	if err != nil {
		return 0, err
	}
	return delivery, exec(c, "UPDATE deliveries SET total=total+?, items=? WHERE number=?", len(n.Items), text, delivery)
}

func encodeItems(items []monitor.Item, keep int) (string, error) {
	b, err := json.Marshal(items[:min(keep, len(items))])
	if err != nil {
		return "", fmt.Errorf("encode the items of a delivery: %w", err)
	}
	return string(b), nil
}

func insertDelivery(c *sqlite.Conn, n *monitor.Notice, kind string, due, now time.Time, keep int) (int64, error) {
	text, err := encodeItems(n.Items, keep)
	if err != nil {
		return 0, err
	}
	cause := n.Cause
	if n.Single {
		cause = "" // nothing joins it, also when the channel becomes one of another kind
	}
	err = exec(c, `INSERT INTO deliveries (id, account, channel, kind, event, severity, cause, created_at, due_at, status, tries, error, ended_at, total, items)
		VALUES (?,?,?,?,?,?,?,?,?,'pending',0,'',0,?,?)`,
		uuid.NewString(), n.Account, n.Channel, kind, string(n.Event), string(n.Severity), cause, now, due, len(n.Items), text)
	return c.LastInsertRowID(), err
}
