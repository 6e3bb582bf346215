package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/queue"
)

var _ queue.Store = (*Store)(nil)

const queueColumns = `id, contents, account, region, name, revision, attributes, tags, secret, created_at, modified_at, purged_at`

func scanQueue(st *sqlite.Stmt) (q queue.Queue, err error) {
	q = queue.Queue{
		ID: queue.QueueID(st.ColumnInt64(0)), Contents: queue.Contents(st.ColumnInt64(1)),
		Scope: belfry.Scope{Account: st.ColumnText(2), Region: st.ColumnText(3)},
		Name:  st.ColumnText(4), Revision: st.ColumnInt64(5),
		Created: fromMillis(st.ColumnInt64(9)), Modified: fromMillis(st.ColumnInt64(10)), Purged: fromMillis(st.ColumnInt64(11)),
	}
	if err := json.Unmarshal([]byte(st.ColumnText(6)), &q.Attributes); err != nil {
		return q, fmt.Errorf("attributes of queue %s: %w", q.ARN(), err)
	}
	if err := json.Unmarshal([]byte(st.ColumnText(7)), &q.Tags); err != nil {
		return q, fmt.Errorf("tags of queue %s: %w", q.ARN(), err)
	}
	st.ColumnBytes(8, q.Secret[:])
	if err := q.Parse(); err != nil {
		// Not an answer to a caller: what is stored was accepted once.
		return q, fmt.Errorf("attributes of queue %s: %v", q.ARN(), err) //nolint:errorlint // see above
	}
	return q, nil
}

// findQueue returns the queue of that name, or NotFound.
func findQueue(c *sqlite.Conn, scope belfry.Scope, name string) (q queue.Queue, err error) {
	found := false
	err = query(c, `SELECT `+queueColumns+` FROM queues WHERE account=? AND region=? AND name=?`,
		func(st *sqlite.Stmt) (err error) {
			found = true
			q, err = scanQueue(st)
			return err
		}, scope.Account, scope.Region, name)
	if err == nil && !found {
		err = queue.NotExist()
	}
	return q, err
}

// CreateQueue implements [queue.Directory].
func (s *Store) CreateQueue(ctx context.Context, q queue.Queue) (stored queue.Queue, created bool, err error) {
	attributes, tags, err := queueJSON(&q)
	if err != nil {
		return q, false, err
	}
	err = s.write(ctx, func(c *sqlite.Conn) (err error) {
		created = false
		if stored, err = findQueue(c, q.Scope, q.Name); belfry.KindOf(err) != belfry.NotFound {
			return err
		}
		created = true
		contents, err := newContents(c)
		if err != nil {
			return err
		}
		err = exec(c, `INSERT INTO queues
			(contents, account, region, name, revision, attributes, tags, secret, retention, created_at, modified_at, purged_at)
			VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?)`,
			contents, q.Account, q.Region, q.Name, attributes, tags, q.Secret[:], q.Retention(), q.Created, q.Modified, q.Purged)
		if err != nil {
			return err
		}
		stored, err = findQueue(c, q.Scope, q.Name)
		return err
	})
	return stored, created, err
}

func queueJSON(q *queue.Queue) (attributes, tags string, err error) {
	a, err := json.Marshal(q.Attributes)
	if err != nil {
		return "", "", fmt.Errorf("encode attributes: %w", err)
	}
	t, err := json.Marshal(q.Tags)
	if err != nil {
		return "", "", fmt.Errorf("encode tags: %w", err)
	}
	return string(a), string(t), nil
}

func newContents(c *sqlite.Conn) (id int64, err error) {
	err = exec(c, `INSERT INTO queue_contents (live, ready, received) VALUES (1, 0, 0)`)
	return c.LastInsertRowID(), err
}

// Queue implements [queue.Directory].
func (s *Store) Queue(ctx context.Context, scope belfry.Scope, name string) (q queue.Queue, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) (err error) {
		q, err = findQueue(c, scope, name)
		return err
	})
	return q, err
}

// Queues implements [queue.Directory].
func (s *Store) Queues(ctx context.Context, scope belfry.Scope, prefix, after string, limit int) (list []queue.Queue, err error) {
	// Names are ASCII, so the byte 0xff ends every prefix.
	err = s.read(ctx, func(c *sqlite.Conn) error {
		list, err = listOf(s, c, "queues", limit, `SELECT `+queueColumns+` FROM queues
			WHERE account=? AND region=? AND name>? AND name>=? AND name<? ORDER BY name`,
			scanQueue, scope.Account, scope.Region, after, prefix, prefix+"\xff")
		return err
	})
	return list, err
}

// UpdateQueue implements [queue.Directory].
func (s *Store) UpdateQueue(ctx context.Context, q queue.Queue) error {
	attributes, tags, err := queueJSON(&q)
	if err != nil {
		return err
	}
	return s.write(ctx, func(c *sqlite.Conn) error {
		err := exec(c, `UPDATE queues SET attributes=?, tags=?, retention=?, modified_at=?, revision=revision+1 WHERE id=? AND revision=?`,
			attributes, tags, q.Retention(), q.Modified, int64(q.ID), q.Revision)
		if err != nil || c.Changes() == 1 {
			return err
		}
		if _, err := contentsOf(c, q.ID); err != nil {
			return err
		}
		return belfry.Errorf(belfry.Conflict, "", "The queue was changed by another request.")
	})
}

// contentsOf returns a queue's present contents, or NotFound.
func contentsOf(c *sqlite.Conn, id queue.QueueID) (contents int64, err error) {
	err = query(c, `SELECT contents FROM queues WHERE id=?`, func(st *sqlite.Stmt) error {
		contents = st.ColumnInt64(0)
		return nil
	}, int64(id))
	if err == nil && contents == 0 {
		err = queue.NotExist()
	}
	return contents, err
}

// DeleteQueue implements [queue.Directory].
func (s *Store) DeleteQueue(ctx context.Context, id queue.QueueID) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		contents, err := contentsOf(c, id)
		if err != nil {
			return err
		}
		if err := exec(c, `DELETE FROM queues WHERE id=?`, int64(id)); err != nil {
			return err
		}
		return exec(c, `UPDATE queue_contents SET live=0 WHERE id=?`, contents)
	})
}

// PurgeQueue implements [queue.Directory].
func (s *Store) PurgeQueue(ctx context.Context, id queue.QueueID, at, notAfter time.Time) (purged bool, err error) {
	err = s.write(ctx, func(c *sqlite.Conn) error {
		purged = false
		old, err := contentsOf(c, id)
		if err != nil {
			return err
		}
		var last int64
		err = query(c, `SELECT purged_at FROM queues WHERE id=?`, func(st *sqlite.Stmt) error {
			last = st.ColumnInt64(0)
			return nil
		}, int64(id))
		if err != nil || last > millis(notAfter) {
			return err
		}
		contents, err := newContents(c)
		if err != nil {
			return err
		}
		if err := exec(c, `UPDATE queues SET contents=?, purged_at=? WHERE id=?`, contents, at, int64(id)); err != nil {
			return err
		}
		purged = true
		return exec(c, `UPDATE queue_contents SET live=0 WHERE id=?`, old)
	})
	return purged, err
}
