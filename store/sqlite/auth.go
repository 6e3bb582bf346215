package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/auth"
)

var _ auth.Store = (*Store)(nil)

// number returns the one integer that a query answers; 0 when it has no row.
func number(c *sqlite.Conn, q string, args ...any) (n int64, err error) {
	err = query(c, q, func(st *sqlite.Stmt) error { n = st.ColumnInt64(0); return nil }, args...)
	return n, err
}

// full refuses a new row of a table when the account has limit of them.
func full(c *sqlite.Conn, table, account string, limit int) error {
	n, err := number(c, "SELECT count(*) FROM "+table+" WHERE account=?", account)
	if err == nil && n >= int64(limit) {
		err = belfry.Errorf(belfry.Quota, "", "The account %s has %d %s already.", account, n, table)
	}
	return err
}

// CreateAccessKey implements [auth.KeyStore].
func (s *Store) CreateAccessKey(ctx context.Context, k auth.StoredKey, limit int) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		if err := full(c, "access_keys", k.Account, limit); err != nil {
			return err
		}
		err := exec(c, "INSERT INTO access_keys (id, account, sealed, created_at) VALUES (?,?,?,?) ON CONFLICT DO NOTHING",
			k.ID, k.Account, k.Sealed, k.Created)
		if err == nil && c.Changes() == 0 {
			return belfry.Errorf(belfry.Conflict, "", "The access key %s is there already.", k.ID)
		}
		return err
	})
}

func scanAccessKey(st *sqlite.Stmt) auth.StoredKey {
	return auth.StoredKey{ID: st.ColumnText(0), Account: st.ColumnText(1), Sealed: columnBlob(st, 2), Created: fromMillis(st.ColumnInt64(3))}
}

func noKey(id string) error {
	return belfry.Errorf(belfry.NotFound, "", "There is no access key %s.", id)
}

// AccessKey implements [auth.KeyStore].
func (s *Store) AccessKey(ctx context.Context, id string) (k auth.StoredKey, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT id, account, sealed, created_at FROM access_keys WHERE id=?",
			func(st *sqlite.Stmt) error { k = scanAccessKey(st); return nil }, id)
	})
	if err == nil && k.ID == "" {
		err = noKey(id)
	}
	return k, err
}

// AccessKeys implements [auth.KeyStore].
func (s *Store) AccessKeys(ctx context.Context, account, after string, limit int) (page []auth.StoredKey, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT id, account, sealed, created_at FROM access_keys WHERE (account=? OR ?='') AND id>? ORDER BY id LIMIT ?",
			func(st *sqlite.Stmt) error { page = append(page, scanAccessKey(st)); return nil }, account, account, after, limit)
	})
	return page, err
}

// DeleteAccessKey implements [auth.KeyStore].
func (s *Store) DeleteAccessKey(ctx context.Context, id string) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		err := exec(c, "DELETE FROM access_keys WHERE id=?", id)
		if err == nil && c.Changes() == 0 {
			return noKey(id)
		}
		return err
	})
}

func noRole(name string) error {
	return belfry.Errorf(belfry.NotFound, "RoleName", "There is no role %s.", name)
}

// checkRole says whether revision is the one that is stored; 0 is none.
func checkRole(c *sqlite.Conn, account, name string, revision int64) error {
	stored, err := number(c, "SELECT revision FROM roles WHERE account=? AND name=?", account, name)
	switch {
	case err != nil || stored == revision:
		return err
	case stored == 0:
		return noRole(name)
	}
	return belfry.Errorf(belfry.Conflict, "RoleName", "The role %s has another revision.", name)
}

// PutRole implements [auth.RoleStore].
func (s *Store) PutRole(ctx context.Context, r *auth.Role, replaces int64, limit int) error {
	spec, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode role %s: %w", r.ARN(), err)
	}
	return s.write(ctx, func(c *sqlite.Conn) error {
		if err := checkRole(c, r.Account, r.Name, replaces); err != nil {
			return err
		}
		if replaces == 0 {
			if err := full(c, "roles", r.Account, limit); err != nil {
				return err
			}
		}
		own := ownPolicies(r)
		for _, arn := range own {
			n, err := number(c, "SELECT count(*) FROM policies WHERE account=? AND arn=?", r.Account, arn)
			if err != nil {
				return err
			}
			if n == 0 {
				return belfry.Errorf(belfry.NotFound, "PolicyArn", "There is no policy %s.", arn)
			}
		}
		if err := exec(c, "DELETE FROM attachments WHERE account=? AND role=?", r.Account, r.Name); err != nil {
			return err
		}
		for _, arn := range own {
			if err := exec(c, "INSERT OR IGNORE INTO attachments (account, policy, role) VALUES (?,?,?)", r.Account, arn, r.Name); err != nil {
				return err
			}
		}
		return exec(c, "INSERT OR REPLACE INTO roles (account, name, revision, spec) VALUES (?,?,?,?)", r.Account, r.Name, r.Revision, string(spec))
	})
}

// ownPolicies are the policies of the role's own account among the attached.
func ownPolicies(r *auth.Role) (own []string) {
	for _, arn := range r.Attached {
		if account, _, ok := auth.ParsePolicyARN(arn); ok && account == r.Account {
			own = append(own, arn)
		}
	}
	return own
}

func scanSpec[T any](st *sqlite.Stmt) (*T, error) {
	v := new(T)
	if err := json.Unmarshal([]byte(st.ColumnText(0)), v); err != nil {
		return nil, fmt.Errorf("decode a row of %T: %w", v, err)
	}
	return v, nil
}

// specs reads a page of rows of the table of which the first column is the thing
// as JSON.
func specs[T any](ctx context.Context, s *Store, table string, limit int, q string, args ...any) (page []*T, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) (err error) {
		page, err = listOf(s, c, table, limit, q, scanSpec[T], args...)
		return err
	})
	return page, err
}

// spec reads the one row of which the first column is the thing as JSON; nil: there
// is none.
func spec[T any](ctx context.Context, s *Store, q string, args ...any) (v *T, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, q, func(st *sqlite.Stmt) (err error) { v, err = scanSpec[T](st); return err }, args...)
	})
	return v, err
}

// Role implements [auth.RoleStore].
func (s *Store) Role(ctx context.Context, account, name string) (*auth.Role, error) {
	r, err := spec[auth.Role](ctx, s, "SELECT spec FROM roles WHERE account=? AND name=?", account, name)
	if err == nil && r == nil {
		err = noRole(name)
	}
	return r, err
}

// Roles implements [auth.RoleStore].
func (s *Store) Roles(ctx context.Context, account, after string, limit int) ([]*auth.Role, error) {
	return specs[auth.Role](ctx, s, "roles", limit, "SELECT spec, account, name FROM roles WHERE account=? AND name>? ORDER BY name", account, after)
}

// DeleteRole implements [auth.RoleStore].
func (s *Store) DeleteRole(ctx context.Context, account, name string, revision int64) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		if err := checkRole(c, account, name, revision); err != nil {
			return err
		}
		if err := exec(c, "DELETE FROM attachments WHERE account=? AND role=?", account, name); err != nil {
			return err
		}
		return exec(c, "DELETE FROM roles WHERE account=? AND name=?", account, name)
	})
}

func noPolicy(name string) error {
	return belfry.Errorf(belfry.NotFound, "PolicyArn", "There is no policy %s.", name)
}

// CreatePolicy implements [auth.PolicyStore].
func (s *Store) CreatePolicy(ctx context.Context, p *auth.Policy, limit int) error {
	spec, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode policy %s: %w", p.ARN(), err)
	}
	return s.write(ctx, func(c *sqlite.Conn) error {
		if err := full(c, "policies", p.Account, limit); err != nil {
			return err
		}
		err := exec(c, "INSERT INTO policies (account, name, arn, spec) VALUES (?,?,?,?) ON CONFLICT DO NOTHING", p.Account, p.Name, p.ARN(), string(spec))
		if err == nil && c.Changes() == 0 {
			return belfry.Errorf(belfry.Conflict, "PolicyName", "The policy %s is there already.", p.Name)
		}
		return err
	})
}

// Policy implements [auth.PolicyStore].
func (s *Store) Policy(ctx context.Context, account, name string) (*auth.Policy, error) {
	p, err := spec[auth.Policy](ctx, s, "SELECT spec FROM policies WHERE account=? AND name=?", account, name)
	if err == nil && p == nil {
		err = noPolicy(name)
	}
	return p, err
}

// Policies implements [auth.PolicyStore].
func (s *Store) Policies(ctx context.Context, account, after string, limit int) ([]*auth.Policy, error) {
	return specs[auth.Policy](ctx, s, "policies", limit, "SELECT spec, account, name FROM policies WHERE account=? AND name>? ORDER BY name", account, after)
}

// Attachments implements [auth.PolicyStore].
func (s *Store) Attachments(ctx context.Context, account, arn string) (n int, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		count, err := number(c, "SELECT count(*) FROM attachments WHERE account=? AND policy=?", account, arn)
		n = int(count)
		return err
	})
	return n, err
}

// DeletePolicy implements [auth.PolicyStore].
func (s *Store) DeletePolicy(ctx context.Context, account, name string) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		n, err := number(c, `SELECT count(*) FROM attachments JOIN policies ON policies.account=attachments.account AND arn=policy
			WHERE policies.account=? AND name=?`, account, name)
		if err != nil {
			return err
		}
		if n > 0 {
			return belfry.Errorf(belfry.Conflict, "PolicyArn", "The policy %s is attached to %d roles.", name, n)
		}
		err = exec(c, "DELETE FROM policies WHERE account=? AND name=?", account, name)
		if err == nil && c.Changes() == 0 {
			return noPolicy(name)
		}
		return err
	})
}
