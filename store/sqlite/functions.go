package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

var _ function.Store = (*Store)(nil)

// The column revision holds a function's Change: when it got its name, every
// change was a new revision.

// functionChange returns the Change that is stored; empty is none.
func functionChange(c *sqlite.Conn, ref function.Ref) (change string, err error) {
	err = query(c, `SELECT revision FROM functions WHERE account=? AND region=? AND name=?`,
		func(st *sqlite.Stmt) error { change = st.ColumnText(0); return nil },
		ref.Account, ref.Region, ref.Name)
	return change, err
}

func noFunction(ref function.Ref) error {
	return belfry.Errorf(belfry.NotFound, "", "There is no function %s.", ref.ARN())
}

// checkFunction says whether change is the one that is stored.
func checkFunction(c *sqlite.Conn, ref function.Ref, change string) error {
	stored, err := functionChange(c, ref)
	switch {
	case err != nil || stored == change:
		return err
	case stored == "":
		return noFunction(ref)
	}
	return belfry.Errorf(belfry.Conflict, "", "The function %s has changed.", ref.ARN())
}

// PutFunction implements [function.Store].
func (s *Store) PutFunction(ctx context.Context, f *function.Function, replaces string) error {
	spec, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode function %s: %w", f.ARN(), err)
	}
	return s.write(ctx, func(c *sqlite.Conn) error {
		if err := checkFunction(c, f.Ref, replaces); err != nil {
			return err
		}
		return exec(c, `INSERT OR REPLACE INTO functions (account, region, name, revision, spec) VALUES (?, ?, ?, ?, ?)`,
			f.Account, f.Region, f.Name, f.Change, spec)
	})
}

func scanFunction(st *sqlite.Stmt) (*function.Function, error) {
	f := &function.Function{}
	if err := json.Unmarshal(columnBlob(st, 0), f); err != nil {
		return nil, fmt.Errorf("decode a function: %w", err)
	}
	f.Change = st.ColumnText(1)
	return f, nil
}

// Function implements [function.Store].
func (s *Store) Function(ctx context.Context, ref function.Ref) (f *function.Function, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, `SELECT spec, revision FROM functions WHERE account=? AND region=? AND name=?`,
			func(st *sqlite.Stmt) (err error) { f, err = scanFunction(st); return err },
			ref.Account, ref.Region, ref.Name)
	})
	if err == nil && f == nil {
		err = noFunction(ref)
	}
	return f, err
}

// Functions implements [function.Store].
func (s *Store) Functions(ctx context.Context, q function.Query) (page []*function.Function, err error) {
	add := func(st *sqlite.Stmt) error {
		f, err := scanFunction(st)
		page = append(page, f)
		return err
	}
	err = s.read(ctx, func(c *sqlite.Conn) error {
		if q.Scope == (belfry.Scope{}) {
			return query(c, `SELECT spec, revision FROM functions WHERE (account, region, name) > (?, ?, ?)
				ORDER BY account, region, name LIMIT ?`, add, q.After.Account, q.After.Region, q.After.Name, q.Limit)
		}
		return query(c, `SELECT spec, revision FROM functions WHERE account=? AND region=? AND name>?
			ORDER BY name LIMIT ?`, add, q.Account, q.Region, q.After.Name, q.Limit)
	})
	return page, err
}

// DeleteFunction implements [function.Store].
func (s *Store) DeleteFunction(ctx context.Context, ref function.Ref, change string) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		if err := checkFunction(c, ref, change); err != nil {
			return err
		}
		err := exec(c, `DELETE FROM once WHERE holder IN (SELECT id FROM function_events WHERE account=? AND region=? AND function=?)`,
			ref.Account, ref.Region, ref.Name)
		if err != nil {
			return err
		}
		if err := exec(c, `DELETE FROM function_events WHERE account=? AND region=? AND function=?`, ref.Account, ref.Region, ref.Name); err != nil {
			return err
		}
		return exec(c, `DELETE FROM functions WHERE account=? AND region=? AND name=?`, ref.Account, ref.Region, ref.Name)
	})
}

// PutEvent implements [function.Store].
func (s *Store) PutEvent(ctx context.Context, e *function.Event) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		return exec(c, `INSERT OR REPLACE INTO function_events
			(id, account, region, function, payload, client_context, tries, backoffs, accepted_at, due_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			e.ID, e.Function.Account, e.Function.Region, e.Function.Name, e.Payload, e.ClientContext,
			e.Tries, e.Backoffs, e.Accepted, e.Due)
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

const eventColumns = `id, account, region, function, tries, backoffs, accepted_at, due_at`

func scanEvent(st *sqlite.Stmt) *function.Event {
	return &function.Event{
		ID: st.ColumnText(0),
		Function: function.Ref{
			Scope: belfry.Scope{Account: st.ColumnText(1), Region: st.ColumnText(2)}, Name: st.ColumnText(3),
		},
		Tries: st.ColumnInt(4), Backoffs: st.ColumnInt(5),
		Accepted: fromMillis(st.ColumnInt64(6)), Due: fromMillis(st.ColumnInt64(7)),
	}
}

// Event implements [function.Store].
func (s *Store) Event(ctx context.Context, id string) (e *function.Event, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, `SELECT `+eventColumns+`, payload, client_context FROM function_events WHERE id=?`,
			func(st *sqlite.Stmt) error {
				e = scanEvent(st)
				e.Payload, e.ClientContext = columnBlob(st, 8), columnBlob(st, 9)
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
