package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/logs"
)

var _ logs.Store = (*Store)(nil)

const logGroupColumns = `id, account, region, name, created_at, retention, tags`

func scanLogGroup(st *sqlite.Stmt) (g logs.Group, err error) {
	g.ID, g.Account, g.Region, g.Name = st.ColumnInt64(0), st.ColumnText(1), st.ColumnText(2), st.ColumnText(3)
	g.Created, g.Retention = fromMillis(st.ColumnInt64(4)), st.ColumnInt(5)
	if tags := st.ColumnText(6); tags != "" {
		if err := json.Unmarshal([]byte(tags), &g.Tags); err != nil {
			return g, fmt.Errorf("the tags of log group %d: %w", g.ID, err)
		}
	}
	return g, nil
}

func tagsColumn(tags map[string]string) (optional, error) {
	if len(tags) == 0 {
		return "", nil
	}
	b, err := json.Marshal(tags)
	return optional(b), err
}

func logGroup(c *sqlite.Conn, ref logs.Ref) (found *logs.Group, err error) {
	err = query(c, `SELECT `+logGroupColumns+` FROM log_groups WHERE account=? AND region=? AND name=?`, func(st *sqlite.Stmt) error {
		g, err := scanLogGroup(st)
		found = &g
		return err
	}, ref.Account, ref.Region, ref.Name)
	if err == nil && found == nil {
		err = logs.NoGroup()
	}
	return found, err
}

// CreateLogGroup implements [logs.Store].
func (s *Store) CreateLogGroup(ctx context.Context, g *logs.Group) error {
	tags, err := tagsColumn(g.Tags)
	if err != nil {
		return err
	}
	return s.write(ctx, func(c *sqlite.Conn) error {
		switch _, err := logGroup(c, g.Ref); {
		case err == nil:
			return logs.GroupExists()
		case belfry.KindOf(err) != belfry.NotFound:
			return err
		}
		err := exec(c, `INSERT INTO log_groups (account, region, name, created_at, retention, tags) VALUES (?,?,?,?,?,?)`,
			g.Account, g.Region, g.Name, g.Created, g.Retention, tags)
		g.ID = c.LastInsertRowID()
		return err
	})
}

// LogGroup implements [logs.Store].
func (s *Store) LogGroup(ctx context.Context, ref logs.Ref) (g *logs.Group, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		g, err = logGroup(c, ref)
		return err
	})
	return g, err
}

// LogGroups implements [logs.Store].
func (s *Store) LogGroups(ctx context.Context, q logs.GroupQuery) (page []logs.Group, err error) {
	where, args := `(account, region, name) > (?,?,?)`, []any{q.After.Account, q.After.Region, q.After.Name}
	if q.Scope != (belfry.Scope{}) {
		where, args = `account=? AND region=? AND name>?`, []any{q.Account, q.Region, q.After.Name}
	}
	if q.Prefix != "" {
		where, args = where+` AND name>=? AND substr(name,1,length(?))=?`, append(args, q.Prefix, q.Prefix, q.Prefix)
	}
	if q.Contains != "" {
		where, args = where+` AND instr(name,?)>0`, append(args, q.Contains)
	}
	err = s.read(ctx, func(c *sqlite.Conn) error {
		page, err = listOf(s, c, "log_groups", q.Limit, `SELECT `+logGroupColumns+` FROM log_groups WHERE `+where+` ORDER BY account, region, name`,
			scanLogGroup, args...)
		return err
	})
	return page, err
}

// ChangeLogGroup implements [logs.Store].
func (s *Store) ChangeLogGroup(ctx context.Context, ref logs.Ref, edit func(*logs.Group) error) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		g, err := logGroup(c, ref)
		if err != nil {
			return err
		}
		if err := edit(g); err != nil {
			return err
		}
		tags, err := tagsColumn(g.Tags)
		if err != nil {
			return err
		}
		return exec(c, `UPDATE log_groups SET retention=?, tags=? WHERE id=?`, g.Retention, tags, g.ID)
	})
}

// DeleteLogGroup implements [logs.Store].
func (s *Store) DeleteLogGroup(ctx context.Context, ref logs.Ref) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		g, err := logGroup(c, ref)
		if err != nil {
			return err
		}
		return exec(c, `DELETE FROM log_groups WHERE id=?`, g.ID)
	})
}

// CountLogGroups implements [logs.Store].
func (s *Store) CountLogGroups(ctx context.Context, scope belfry.Scope) (n int, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, `SELECT count(*) FROM log_groups WHERE account=? AND region=?`,
			func(st *sqlite.Stmt) error { n = st.ColumnInt(0); return nil }, scope.Account, scope.Region)
	})
	return n, err
}
