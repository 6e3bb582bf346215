package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry/queue"
)

// contentsCounts returns the numbers of rows of live contents, or NotFound.
func contentsCounts(c *sqlite.Conn, id queue.Contents) (ready, received int64, err error) {
	found := false
	err = query(c, `SELECT ready, received FROM queue_contents WHERE id=? AND live=1`, func(st *sqlite.Stmt) error {
		found = true
		ready, received = st.ColumnInt64(0), st.ColumnInt64(1)
		return nil
	}, int64(id))
	if err == nil && !found {
		err = queue.NotExist()
	}
	return ready, received, err
}

// addCounts changes the numbers of rows; it fails with NotFound, and changes
// nothing, when the contents are not live.
func addCounts(c *sqlite.Conn, id queue.Contents, ready, received int) error {
	st := c.Prep(`UPDATE queue_contents SET ready=ready+?, received=received+? WHERE id=? AND live=1`)
	st.BindInt64(1, int64(ready))
	st.BindInt64(2, int64(received))
	st.BindInt64(3, int64(id))
	_, err := st.Step()
	if err = errors.Join(err, st.Reset()); err != nil {
		return err
	}
	if c.Changes() == 0 {
		return queue.NotExist()
	}
	return nil
}

// Send implements [queue.Messages].
func (s *Store) Send(ctx context.Context, contents queue.Contents, msgs []queue.Stored) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		if err := addCounts(c, contents, len(msgs), 0); err != nil {
			return err
		}
		st := c.Prep(`INSERT INTO queue_ready (contents, visible_at, id, sender, trace, grp, attributes, body)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`)
		for i := range msgs {
			m := &msgs[i]
			st.BindInt64(1, int64(contents))
			st.BindInt64(2, millis(m.Visible))
			st.BindBytes(3, m.ID[:])
			st.BindText(4, m.Sender)
			bindOptional(st, 5, m.Trace)
			bindOptional(st, 6, m.Group)
			if m.Attributes == nil {
				st.BindNull(7)
			} else {
				st.BindBytes(7, m.Attributes)
			}
			st.BindText(8, m.Body)
			_, err := st.Step()
			if err = errors.Join(err, st.Reset()); err != nil {
				return err
			}
		}
		return nil
	})
}

func bindOptional(st *sqlite.Stmt, i int, s string) {
	if s == "" {
		st.BindNull(i)
		return
	}
	st.BindText(i, s)
}

// Receive implements [queue.Messages]. It asks a reader first, so that the
// long polls of empty queues do not take the writer's time.
func (s *Store) Receive(ctx context.Context, r queue.Claim) (got queue.Claimed, err error) {
	next, err := s.nextVisible(ctx, r.Contents)
	if err != nil {
		return queue.Claimed{}, err
	}
	if next.IsZero() || next.After(r.Now) {
		return queue.Claimed{Next: next}, nil
	}
	err = s.write(ctx, func(c *sqlite.Conn) error {
		cl := claim{Claim: r, store: s, conn: c}
		err := cl.run()
		got = cl.got
		return err
	})
	if err == nil && len(got.Messages) == 0 && !got.More {
		got.Next, err = s.nextVisible(ctx, r.Contents) // somebody else was faster
	}
	return got, err
}

// nextVisible returns when the first message of the contents is visible; zero:
// there is none.
func (s *Store) nextVisible(ctx context.Context, contents queue.Contents) (next time.Time, err error) {
	var first int64
	err = s.read(ctx, func(c *sqlite.Conn) error {
		first = 0
		ready, received, err := contentsCounts(c, contents)
		if err != nil {
			return err
		}
		see := func(st *sqlite.Stmt) error {
			if at := st.ColumnInt64(0); first == 0 || at < first {
				first = at
			}
			return nil
		}
		if ready > 0 {
			err = query(c, `SELECT visible_at FROM queue_ready WHERE contents=?+0 ORDER BY visible_at LIMIT 1`, see, int64(contents))
		}
		if received > 0 && err == nil {
			err = query(c, `SELECT visible_at FROM queue_received WHERE contents=?+0 ORDER BY visible_at LIMIT 1`, see, int64(contents))
		}
		return err
	})
	return fromMillis(first), err
}

// maxMoved bounds what one claim expires or dead-letters, so that its
// transaction stays short.
const maxMoved = 200

// A claim is a [queue.Claim] as it is carried out inside a transaction.
type claim struct {
	queue.Claim
	store *Store
	conn  *sqlite.Conn
	got   queue.Claimed

	floor           queue.ID // messages below have expired
	deadLetter      bool     // the dead-letter contents are there
	ready, received int      // rows added and removed
	moved           int
	bytes           int // handed out
}

// A head is a message that is visible.
type head struct {
	id       queue.ID
	visible  int64
	receives int64
	fresh    bool // in queue_ready
	size     int  // bytes of body and attributes
}

func (cl *claim) run() error {
	if _, _, err := contentsCounts(cl.conn, cl.Contents); err != nil {
		return err
	}
	if cl.MaxReceives > 0 {
		_, _, err := contentsCounts(cl.conn, cl.DeadLetter)
		if err != nil && !refused(err) {
			return err
		}
		cl.deadLetter = err == nil
	}
	cl.floor = queue.FloorID(cl.Cutoff)
	for {
		want := cl.Max - len(cl.got.Messages)
		heads, err := cl.heads(want)
		if err != nil {
			return err
		}
		cl.got.More = len(heads) == want
		if n := cl.size(heads); !cl.Part && cl.Bytes > 0 && cl.bytes+n > cl.Bytes {
			if cl.got.More = true; len(cl.got.Messages) == 0 {
				cl.got.Needs = n
			}
			return cl.count()
		}
		for _, h := range heads {
			if cl.handedOut(h.id) {
				// With a visibility timeout of 0 it is visible still, behind
				// all others.
				cl.got.More = false
				continue
			}
			if cl.Part && cl.Bytes > 0 && len(cl.got.Messages) > 0 && !cl.leaves(h) && cl.bytes+h.size > cl.Bytes {
				cl.got.More = true
				return cl.count()
			}
			if err := cl.settle(h); err != nil {
				return err
			}
		}
		if len(cl.got.Messages) == cl.Max || !cl.got.More || cl.moved >= maxMoved {
			break
		}
	}
	return cl.count()
}

func (cl *claim) count() error {
	if cl.ready == 0 && cl.received == 0 {
		return nil
	}
	return addCounts(cl.conn, cl.Contents, cl.ready, cl.received)
}

// size is how many bytes of these messages would be handed out.
func (cl *claim) size(heads []head) (n int) {
	for i := range heads {
		if !cl.leaves(heads[i]) && !cl.handedOut(heads[i].id) {
			n += heads[i].size
		}
	}
	return n
}

func (cl *claim) handedOut(id queue.ID) bool {
	return slices.ContainsFunc(cl.got.Messages, func(m queue.Stored) bool { return m.ID == id })
}

// A bare parameter beside ORDER BY, or in LIMIT, makes SQLite prepare the
// statement again at each use, which costs twenty times the search: hence ?+0.

// messageSize is found out without reading the message.
const messageSize = `octet_length(body)+ifnull(octet_length(attributes),0)`

// heads returns the first visible messages, at most limit.
func (cl *claim) heads(limit int) ([]head, error) {
	scan := func(st *sqlite.Stmt) (head, error) {
		h := head{visible: st.ColumnInt64(0), receives: st.ColumnInt64(2), fresh: st.ColumnInt64(3) == 1, size: st.ColumnInt(5)}
		if st.ColumnType(1) != sqlite.TypeBlob || st.ColumnLen(1) != len(h.id) {
			return h, errors.New("the id of a message is damaged")
		}
		st.ColumnBytes(1, h.id[:])
		return h, nil
	}
	now := millis(cl.Now)
	list, err := listOf(cl.store, cl.conn, "queue_ready", limit, `SELECT visible_at, id, 0, 1, contents, `+messageSize+` FROM queue_ready
		WHERE contents=?+0 AND visible_at<=?+0 ORDER BY visible_at, id`, scan, int64(cl.Contents), now)
	if err != nil {
		return nil, err
	}
	received, err := listOf(cl.store, cl.conn, "queue_received", limit, `SELECT visible_at, id, receives, 0, contents, `+messageSize+` FROM queue_received INDEXED BY queue_received_visible
		WHERE contents=?+0 AND visible_at<=?+0 ORDER BY visible_at, id`, scan, int64(cl.Contents), now)
	if err != nil {
		return nil, err
	}
	list = append(list, received...)
	slices.SortFunc(list, func(a, b head) int {
		return cmp.Or(cmp.Compare(a.visible, b.visible), bytes.Compare(a.id[:], b.id[:]))
	})
	return list[:min(limit, len(list))], nil
}

// leaves reports whether the message is not handed out, but removed or moved.
func (cl *claim) leaves(h head) bool {
	return bytes.Compare(h.id[:], cl.floor[:]) < 0 || cl.deadLetter && h.receives >= int64(cl.MaxReceives)
}

// settle does with one message what the claim says.
func (cl *claim) settle(h head) error {
	switch {
	case bytes.Compare(h.id[:], cl.floor[:]) < 0:
		cl.moved++
		return cl.remove(h)
	case cl.leaves(h):
		cl.moved++
		cl.got.DeadLettered++
		return cl.move(h)
	case h.fresh:
		return cl.first(h)
	default:
		return cl.again(h)
	}
}

func (cl *claim) remove(h head) error {
	if h.fresh {
		cl.ready--
		return exec(cl.conn, `DELETE FROM queue_ready WHERE contents=? AND visible_at=? AND id=?`, int64(cl.Contents), h.visible, h.id[:])
	}
	cl.received--
	return exec(cl.conn, `DELETE FROM queue_received WHERE contents=? AND id=?`, int64(cl.Contents), h.id[:])
}

// move puts a received message into the dead-letter contents, as it is but for
// its receives: those before count as earlier ones there.
func (cl *claim) move(h head) error {
	err := exec(cl.conn, `INSERT INTO queue_received
		(contents, id, visible_at, receives, earlier, first_received_at, source, sender, trace, grp, attributes, body)
		SELECT ?, id, ?, 0, earlier+receives, first_received_at, ?, sender, trace, grp, attributes, body FROM queue_received WHERE contents=? AND id=?`,
		int64(cl.DeadLetter), cl.Now, cl.Source, int64(cl.Contents), h.id[:])
	if err != nil {
		return err
	}
	if err := addCounts(cl.conn, cl.DeadLetter, 0, 1); err != nil {
		return err
	}
	return cl.remove(h)
}

const returning = ` RETURNING receives, earlier, first_received_at, source, sender, trace, grp, attributes, body`

// first hands out a message that nobody has received before.
func (cl *claim) first(h head) error {
	err := query(cl.conn, `INSERT INTO queue_received
		(contents, id, visible_at, receives, first_received_at, sender, trace, grp, attributes, body)
		SELECT contents, id, ?, 1, ?, sender, trace, grp, attributes, body FROM queue_ready
		WHERE contents=? AND visible_at=? AND id=?`+returning,
		func(st *sqlite.Stmt) error { return cl.handOut(h, st) },
		cl.Until, cl.Now, int64(cl.Contents), h.visible, h.id[:])
	if err != nil {
		return err
	}
	cl.received++
	return cl.remove(h)
}

// again hands out a message that was received before.
func (cl *claim) again(h head) error {
	return query(cl.conn, `UPDATE queue_received SET visible_at=?, receives=receives+1,
		first_received_at=CASE first_received_at WHEN 0 THEN ? ELSE first_received_at END
		WHERE contents=? AND id=?`+returning,
		func(st *sqlite.Stmt) error { return cl.handOut(h, st) },
		cl.Until, cl.Now, int64(cl.Contents), h.id[:])
}

func (cl *claim) handOut(h head, st *sqlite.Stmt) error {
	cl.bytes += h.size
	cl.got.Messages = append(cl.got.Messages, queue.Stored{
		ID: h.id, Visible: cl.Until,
		Receives: st.ColumnInt(0), Earlier: st.ColumnInt(1), FirstReceived: fromMillis(st.ColumnInt64(2)),
		Source: st.ColumnText(3), Sender: st.ColumnText(4), Trace: st.ColumnText(5), Group: st.ColumnText(6),
		Attributes: columnBlob(st, 7), Body: st.ColumnText(8),
	})
	return nil
}

// Delete implements [queue.Messages].
func (s *Store) Delete(ctx context.Context, contents queue.Contents, ids []queue.ID) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		if _, _, err := contentsCounts(c, contents); err != nil {
			return err
		}
		gone := 0
		for _, id := range ids {
			if err := exec(c, `DELETE FROM queue_received WHERE contents=? AND id=?`, int64(contents), id[:]); err != nil {
				return err
			}
			gone += c.Changes()
		}
		if gone == 0 {
			return nil
		}
		return addCounts(c, contents, 0, -gone)
	})
}

// ChangeVisibility implements [queue.Messages].
func (s *Store) ChangeVisibility(ctx context.Context, contents queue.Contents, changes []queue.VisibilityChange) (changed []bool, err error) {
	err = s.write(ctx, func(c *sqlite.Conn) error {
		changed = make([]bool, len(changes))
		if _, _, err := contentsCounts(c, contents); err != nil {
			return err
		}
		for i, v := range changes {
			err := exec(c, `UPDATE queue_received SET visible_at=? WHERE contents=? AND id=? AND receives=?`,
				v.Until, int64(contents), v.ID[:], v.Receives)
			if err != nil {
				return err
			}
			changed[i] = c.Changes() == 1
		}
		return nil
	})
	return changed, err
}
