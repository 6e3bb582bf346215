package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/table"
)

var _ table.Store = (*Store)(nil)

const tableColumns = `t.id, t.account, t.region, t.name, t.revision, t.settings, t.created_at`

func scanTable(st *sqlite.Stmt) (t table.Table, err error) {
	t = table.Table{
		ID: table.ID(st.ColumnInt64(0)), Revision: st.ColumnInt64(4),
		Scope:   belfry.Scope{Account: st.ColumnText(1), Region: st.ColumnText(2)},
		Name:    st.ColumnText(3),
		Created: fromMillis(st.ColumnInt64(6)),
	}
	if err := json.Unmarshal([]byte(st.ColumnText(5)), &t.Settings); err != nil {
		return t, fmt.Errorf("settings of table %s: %w", t.ARN(), err)
	}
	return t, nil
}

// findTable returns the table of that name, or NotFound.
func findTable(c *sqlite.Conn, scope belfry.Scope, name string) (t table.Table, err error) {
	found := false
	err = query(c, `SELECT `+tableColumns+` FROM tables t WHERE account=? AND region=? AND name=?`,
		func(st *sqlite.Stmt) (err error) {
			found = true
			t, err = scanTable(st)
			return err
		}, scope.Account, scope.Region, name)
	if err == nil && !found {
		err = table.NotExist()
	}
	return t, err
}

// CreateTable implements [table.Directory].
func (s *Store) CreateTable(ctx context.Context, t table.Table) (stored table.Table, err error) {
	settings, err := json.Marshal(t.Settings)
	if err != nil {
		return t, fmt.Errorf("encode settings: %w", err)
	}
	err = s.write(ctx, func(c *sqlite.Conn) error {
		switch _, err := findTable(c, t.Scope, t.Name); {
		case err == nil:
			return table.Exists(t.Name)
		case belfry.KindOf(err) != belfry.NotFound:
			return err
		}
		err := exec(c, `INSERT INTO tables (account, region, name, revision, settings, adopting, created_at) VALUES (?, ?, ?, 1, ?, ?, ?)`,
			t.Account, t.Region, t.Name, string(settings), t.Settings.TTL.Adopting, t.Created)
		if err != nil {
			return err
		}
		if err := exec(c, `INSERT INTO table_totals (tbl, live, items, bytes) VALUES (?, 1, 0, 0)`, c.LastInsertRowID()); err != nil {
			return err
		}
		stored, err = findTable(c, t.Scope, t.Name)
		return err
	})
	return stored, err
}

// Table implements [table.Directory].
func (s *Store) Table(ctx context.Context, scope belfry.Scope, name string) (t table.Table, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) (err error) {
		t, err = findTable(c, scope, name)
		return err
	})
	return t, err
}

// Tables implements [table.Directory].
func (s *Store) Tables(ctx context.Context, scope belfry.Scope, after string, limit int) (names []string, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		names = nil
		return query(c, `SELECT name FROM tables WHERE account=? AND region=? AND name>? ORDER BY name LIMIT ?`,
			func(st *sqlite.Stmt) error {
				names = append(names, st.ColumnText(0))
				return nil
			}, scope.Account, scope.Region, after, limit)
	})
	return names, err
}

// UpdateTable implements [table.Directory].
func (s *Store) UpdateTable(ctx context.Context, t table.Table) error {
	settings, err := json.Marshal(t.Settings)
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	return s.write(ctx, func(c *sqlite.Conn) error {
		if err := checkVersion(c, table.Version{Table: t.ID, Revision: t.Revision}); err != nil {
			return err
		}
		return exec(c, `UPDATE tables SET settings=?, adopting=?, revision=revision+1 WHERE id=?`,
			string(settings), t.Settings.TTL.Adopting, int64(t.ID))
	})
}

// checkVersion refuses a version that is not the table's present one.
func checkVersion(c *sqlite.Conn, v table.Version) error {
	revision := int64(0)
	err := query(c, `SELECT revision FROM tables WHERE id=?`, func(st *sqlite.Stmt) error {
		revision = st.ColumnInt64(0)
		return nil
	}, int64(v.Table))
	switch {
	case err != nil:
		return err
	case revision == 0:
		return table.NotExist()
	case revision != v.Revision:
		return belfry.ErrStale
	}
	return nil
}

// DeleteTable implements [table.Directory].
func (s *Store) DeleteTable(ctx context.Context, id table.ID) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		if err := exec(c, `DELETE FROM tables WHERE id=?`, int64(id)); err != nil {
			return err
		}
		if c.Changes() == 0 {
			return table.NotExist()
		}
		return exec(c, `UPDATE table_totals SET live=0 WHERE tbl=?`, int64(id))
	})
}

// Totals implements [table.Directory].
func (s *Store) Totals(ctx context.Context, id table.ID) (items, bytes int64, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		found := false
		err := query(c, `SELECT items, bytes FROM table_totals WHERE tbl=? AND live=1`, func(st *sqlite.Stmt) error {
			found = true
			items, bytes = st.ColumnInt64(0), st.ColumnInt64(1)
			return nil
		}, int64(id))
		if err == nil && !found {
			err = table.NotExist()
		}
		return err
	})
	return items, bytes, err
}

// Adopting implements [table.Directory].
func (s *Store) Adopting(ctx context.Context) (list []table.Table, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		list, err = listOf(s, c, "tables", noLimit, `SELECT `+tableColumns+` FROM tables t WHERE adopting=1 ORDER BY id`, scanTable)
		return err
	})
	return list, err
}
