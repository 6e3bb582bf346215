package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

// keyColumns are where a project's keys are kept.
var keyColumns = map[monitor.KeyKind]string{
	monitor.PingKey: "ping_key", monitor.BadgeKey: "badge_key", monitor.ReadWriteKey: "read_write", monitor.ReadOnlyKey: "read_only",
}

// findProject returns the project that has a value in a column, or NotFound.
func findProject(c *sqlite.Conn, column string, value any) (p monitor.Project, err error) {
	found := false
	err = query(c, `SELECT account, created_at, ping_key, badge_key, read_write, read_only FROM projects WHERE `+column+`=?`, func(st *sqlite.Stmt) error {
		found = true
		p = monitor.Project{
			Account: st.ColumnText(0), Created: fromMillis(st.ColumnInt64(1)), PingKey: st.ColumnText(2), BadgeKey: st.ColumnText(3),
			ReadWrite: string(columnBlob(st, 4)), ReadOnly: string(columnBlob(st, 5)),
		}
		return nil
	}, value)
	if err == nil && !found {
		err = monitor.NoProject()
	}
	return p, err
}

func (s *Store) project(ctx context.Context, column string, value any) (p monitor.Project, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) (err error) {
		p, err = findProject(c, column, value)
		return err
	})
	return p, err
}

// Project implements [monitor.Projects].
func (s *Store) Project(ctx context.Context, account string) (monitor.Project, error) {
	return s.project(ctx, "account", account)
}

// FindProject implements [monitor.Projects].
func (s *Store) FindProject(ctx context.Context, kind monitor.KeyKind, key string) (monitor.Project, error) {
	column := keyColumns[kind]
	if column == "" || key == "" {
		return monitor.Project{}, monitor.NoProject()
	}
	if kind == monitor.ReadWriteKey || kind == monitor.ReadOnlyKey {
		return s.project(ctx, column, []byte(key))
	}
	return s.project(ctx, column, key)
}

// ChangeProject implements [monitor.Projects].
func (s *Store) ChangeProject(ctx context.Context, account string, change func(*monitor.Project) error) (p monitor.Project, err error) {
	err = s.write(ctx, func(c *sqlite.Conn) (err error) {
		p, err = findProject(c, "account", account)
		if belfry.KindOf(err) == belfry.NotFound {
			p, err = monitor.Project{Account: account}, nil
		}
		if err != nil {
			return err
		}
		if err := change(&p); err != nil {
			return err
		}
		if err := keysAreFree(c, &p); err != nil {
			return err
		}
		return exec(c, `INSERT OR REPLACE INTO projects VALUES (?,?,?,?,?,?)`, p.Account, p.Created, optional(p.PingKey), optional(p.BadgeKey),
			blob(p.ReadWrite), blob(p.ReadOnly))
	})
	return p, err
}

// keysAreFree refuses a key that another project has.
func keysAreFree(c *sqlite.Conn, p *monitor.Project) error {
	for _, k := range []struct {
		kind  monitor.KeyKind
		value any
		none  bool
	}{
		{monitor.PingKey, p.PingKey, p.PingKey == ""},
		{monitor.BadgeKey, p.BadgeKey, p.BadgeKey == ""},
		{monitor.ReadWriteKey, blob(p.ReadWrite), p.ReadWrite == ""},
		{monitor.ReadOnlyKey, blob(p.ReadOnly), p.ReadOnly == ""},
	} {
		if k.none {
			continue
		}
		other, err := findProject(c, keyColumns[k.kind], k.value)
		switch {
		case belfry.KindOf(err) == belfry.NotFound:
		case err != nil:
			return err
		case other.Account != p.Account:
			return belfry.Errorf(belfry.Conflict, "key", "Another project has this %s key; choose another.", k.kind)
		}
	}
	return nil
}

// blob is a text that is stored as bytes, and as NULL when it is empty.
func blob(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}
