package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// An Examination is what the database of a data directory looks like while no
// server uses it.
type Examination struct {
	Version, Newest int    // migrations it has, and that this Belfry knows
	Damage          string // what is wrong with it, a sentence or more; empty: nothing
}

// Examine looks at the database in dir, and changes nothing in it. No server may
// have the directory open. Without a database the error is fs.ErrNotExist.
func Examine(ctx context.Context, dir string) (x Examination, err error) {
	note, err := inspect(dir)
	if lost := new(DamageError); errors.As(err, &lost) {
		x.Damage = lost.What
		return x, nil
	}
	if err != nil {
		return x, err
	}
	path := filepath.Join(dir, "belfry.db")
	if _, err := os.Stat(path); err != nil {
		return x, fmt.Errorf("open belfry.db: %w", err)
	}
	c, err := openReadOnly(path)
	if err != nil {
		return x, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	c.SetInterrupt(ctx.Done())
	if x.Version, x.Newest, err = versions(c); err != nil {
		return x, err
	}
	verdict := func(st *sqlite.Stmt) error {
		if x.Damage = st.ColumnText(0); x.Damage == "ok" {
			x.Damage = note
		}
		return nil
	}
	if err := sqlitex.ExecuteTransient(c, "PRAGMA quick_check(1)", &sqlitex.ExecOptions{ResultFunc: verdict}); err != nil {
		return x, fmt.Errorf("check belfry.db: %w", err)
	}
	return x, nil
}

// versions returns how many migrations a database has, and how many there are.
func versions(c *sqlite.Conn) (version, newest int, err error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return 0, 0, err
	}
	err = sqlitex.ExecuteTransient(c, "PRAGMA user_version", &sqlitex.ExecOptions{
		ResultFunc: func(st *sqlite.Stmt) error { version = st.ColumnInt(0); return nil },
	})
	if err != nil {
		return 0, 0, fmt.Errorf("read belfry.db: %w", err)
	}
	return version, len(files), nil
}
