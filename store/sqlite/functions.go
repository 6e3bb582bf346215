package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/function"
)

var _ function.Store = (*Store)(nil)

// The column revision holds a function's Change: when it got its name, every
// change was a new revision.

// functionChange returns the Change that is stored; empty is none.
func functionChange(c *sqlite.Conn, ref function.Ref) (change string, err error) {
	err = query(c, `SELECT revision FROM functions WHERE account=? AND region=? AND name=? AND version=0`,
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
	return s.write(ctx, func(c *sqlite.Conn) error { return replaceFunction(c, f, replaces) })
}

// replaceFunction puts f in the place of what has the Change replaces.
func replaceFunction(c *sqlite.Conn, f *function.Function, replaces string) error {
	if err := checkFunction(c, f.Ref, replaces); err != nil {
		return err
	}
	return putFunction(c, f)
}

func putFunction(c *sqlite.Conn, f *function.Function) error {
	spec, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode function %s: %w", f.ARN(), err)
	}
	return exec(c, `INSERT OR REPLACE INTO functions (account, region, name, version, revision, spec) VALUES (?, ?, ?, ?, ?, ?)`,
		f.Account, f.Region, f.Name, f.Version, f.Change, spec)
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
func (s *Store) Function(ctx context.Context, ref function.Ref) (*function.Function, error) {
	return s.Version(ctx, ref, 0)
}

// Functions implements [function.Store].
func (s *Store) Functions(ctx context.Context, q function.Query) (page []*function.Function, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) (err error) {
		list := func(where string, limit int, args ...any) error {
			page, err = listOf(s, c, "functions", limit, `SELECT spec, revision, account, region, name, version FROM functions WHERE `+where, scanFunction, args...)
			return err
		}
		const all = `(account, region, name, version) > (?, ?, ?, ?) `
		const one = `account=? AND region=? AND `
		switch latest := !q.Versions; {
		case q.Name != "":
			return list(one+`name=? AND version>? ORDER BY version`, q.Limit, q.Account, q.Region, q.Name, q.AfterVersion)
		case q.Scope == (belfry.Scope{}) && latest:
			return list(all+`AND version=0 ORDER BY account, region, name`, q.Limit, q.After.Account, q.After.Region, q.After.Name, 0)
		case q.Scope == (belfry.Scope{}):
			return list(all+`ORDER BY account, region, name, version`, q.Limit, q.After.Account, q.After.Region, q.After.Name, q.AfterVersion)
		case latest:
			return list(one+`name>? AND version=0 ORDER BY name`, q.Limit, q.Account, q.Region, q.After.Name)
		}
		return list(one+`(name, version) > (?, ?) ORDER BY name, version`, q.Limit, q.Account, q.Region, q.After.Name, q.AfterVersion)
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
