package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

// PutEvent implements [function.Store].
func (s *Store) PutEvent(ctx context.Context, e *function.Event) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		return exec(c, `INSERT OR REPLACE INTO function_events
			(id, account, region, function, qualifier, payload, client_context, tries, backoffs, accepted_at, due_at, endpoint)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			e.ID, e.Function.Account, e.Function.Region, e.Function.Name, e.Qualifier, e.Payload, e.ClientContext,
			e.Tries, e.Backoffs, e.Accepted, e.Due, e.Endpoint)
	})
}

func noEvent(id string) error {
	return belfry.Errorf(belfry.NotFound, "", "There is no event %s.", id)
}

// UpdateEvent implements [function.Store].
func (s *Store) UpdateEvent(ctx context.Context, e *function.Event) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		if err := exec(c, `UPDATE function_events SET tries=?, backoffs=?, due_at=? WHERE id=?`, e.Tries, e.Backoffs, e.Due, e.ID); err != nil {
			return err
		}
		if c.Changes() == 0 {
			return noEvent(e.ID)
		}
		return nil
	})
}

const eventColumns = `id, account, region, function, tries, backoffs, accepted_at, due_at, qualifier, endpoint, octet_length(payload)+ifnull(octet_length(client_context),0)`

func scanEvent(st *sqlite.Stmt) *function.Event {
	return &function.Event{
		ID: st.ColumnText(0),
		Function: function.Ref{
			Scope: belfry.Scope{Account: st.ColumnText(1), Region: st.ColumnText(2)}, Name: st.ColumnText(3),
		},
		Tries: st.ColumnInt(4), Backoffs: st.ColumnInt(5),
		Accepted: fromMillis(st.ColumnInt64(6)), Due: fromMillis(st.ColumnInt64(7)), Qualifier: st.ColumnText(8), Endpoint: st.ColumnText(9), Size: st.ColumnInt(10),
	}
}

// Event implements [function.Store].
func (s *Store) Event(ctx context.Context, id string) (e *function.Event, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, `SELECT `+eventColumns+`, payload, client_context FROM function_events WHERE id=?`,
			func(st *sqlite.Stmt) error {
				e = scanEvent(st)
				e.Payload, e.ClientContext = columnBlob(st, 11), columnBlob(st, 12)
				return nil
			}, id)
	})
	if err == nil && e == nil {
		err = noEvent(id)
	}
	return e, err
}

// DeleteEvent implements [function.Store].
func (s *Store) DeleteEvent(ctx context.Context, id string) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		return exec(c, `DELETE FROM function_events WHERE id=?`, id)
	})
}

// FailEvent implements [function.Store].
func (s *Store) FailEvent(ctx context.Context, id string) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		if err := giveOnceBack(c, id); err != nil {
			return err
		}
		return exec(c, `DELETE FROM function_events WHERE id=?`, id)
	})
}

// ClaimEvent implements [function.Store].
func (s *Store) ClaimEvent(ctx context.Context, id string, claim belfry.OnceClaim, now time.Time) (taken string, err error) {
	err = s.write(ctx, func(c *sqlite.Conn) error {
		there := false
		err := query(c, `SELECT 1 FROM function_events WHERE id=?`, func(*sqlite.Stmt) error { there = true; return nil }, id)
		if err == nil && !there {
			err = noEvent(id)
		}
		if err == nil {
			taken, err = takeOnce(c, []belfry.OnceClaim{claim}, id, now)
		}
		return err
	})
	return taken, err
}

// PendingEvents implements [function.Store].
func (s *Store) PendingEvents(ctx context.Context) (events []*function.Event, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, `SELECT `+eventColumns+` FROM function_events ORDER BY due_at, id`,
			func(st *sqlite.Stmt) error { events = append(events, scanEvent(st)); return nil })
	})
	return events, err
}
