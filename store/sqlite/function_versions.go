package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

// nextVersion takes the next number for the function or layer of that name.
func nextVersion(c *sqlite.Conn, kind string, scope belfry.Scope, name string) (n int, err error) {
	err = query(c, `INSERT INTO version_numbers (kind, account, region, name, last) VALUES (?, ?, ?, ?, 1)
		ON CONFLICT DO UPDATE SET last=last+1 RETURNING last`,
		func(st *sqlite.Stmt) error { n = st.ColumnInt(0); return nil },
		kind, scope.Account, scope.Region, name)
	return n, err
}

// PublishVersion implements [function.Store].
func (s *Store) PublishVersion(ctx context.Context, f *function.Function, replaces string, v *function.Function) (number int, err error) {
	err = s.write(ctx, func(c *sqlite.Conn) error {
		if err := checkFunction(c, f.Ref, replaces); err != nil {
			return err
		}
		n, err := nextVersion(c, "function", f.Scope, f.Name)
		if err != nil {
			return err
		}
		latest, published := *f, *v
		latest.Published, published.Version = n, n
		if err := putFunction(c, &latest); err != nil {
			return err
		}
		number = n
		return putFunction(c, &published)
	})
	return number, err
}

// Version implements [function.Store].
func (s *Store) Version(ctx context.Context, ref function.Ref, version int) (f *function.Function, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, `SELECT spec, revision FROM functions WHERE account=? AND region=? AND name=? AND version=?`,
			func(st *sqlite.Stmt) (err error) { f, err = scanFunction(st); return err },
			ref.Account, ref.Region, ref.Name, version)
	})
	if err == nil && f == nil {
		err = noFunction(ref)
	}
	return f, err
}

// DeleteVersion implements [function.Store].
func (s *Store) DeleteVersion(ctx context.Context, f *function.Function, replaces string, version int) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		if err := replaceFunction(c, f, replaces); err != nil {
			return err
		}
		return exec(c, `DELETE FROM functions WHERE account=? AND region=? AND name=? AND version=? AND version<>0`,
			f.Account, f.Region, f.Name, version)
	})
}
