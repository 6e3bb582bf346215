package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// An Examination is what the database of a data directory looks like while no
// server uses it.
type Examination struct {
	Version, Newest int    // migrations it has, and that this Belfry knows
	Damage          string // what SQLite's quick check says; empty: nothing is wrong
}

// Examine looks at the database in dir, and changes nothing in it. No server may
// have the directory open. Without a database the error is fs.ErrNotExist.
func Examine(ctx context.Context, dir string) (x Examination, err error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return x, err
	}
	x.Newest = len(files)
	path := filepath.Join(dir, "belfry.db")
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultCantOpen {
			err = fs.ErrNotExist
		}
		return x, fmt.Errorf("open belfry.db: %w", err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	c.SetInterrupt(ctx.Done())
	number := func(st *sqlite.Stmt) error { x.Version = st.ColumnInt(0); return nil }
	if err := sqlitex.ExecuteTransient(c, "PRAGMA user_version", &sqlitex.ExecOptions{ResultFunc: number}); err != nil {
		return x, fmt.Errorf("read belfry.db: %w", err)
	}
	verdict := func(st *sqlite.Stmt) error {
		if x.Damage = st.ColumnText(0); x.Damage == "ok" {
			x.Damage = ""
		}
		return nil
	}
	if err := sqlitex.ExecuteTransient(c, "PRAGMA quick_check(1)", &sqlitex.ExecOptions{ResultFunc: verdict}); err != nil {
		return x, fmt.Errorf("check belfry.db: %w", err)
	}
	return x, nil
}
