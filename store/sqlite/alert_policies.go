package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

func noAlertPolicy(id string) error {
	return belfry.Errorf(belfry.NotFound, "", "There is no policy %s.", id)
}

// PutAlertPolicy implements [monitor.AlertPolicyStore].
func (s *Store) PutAlertPolicy(ctx context.Context, p monitor.Policy, replaces int64, limit int) error {
	spec, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode policy %s: %w", p.ID, err)
	}
	return s.write(ctx, func(c *sqlite.Conn) error {
		stored, err := number(c, "SELECT revision FROM alert_policies WHERE id=? AND account=?", p.ID, p.Account)
		switch {
		case err != nil:
			return err
		case stored != replaces && stored == 0:
			return noAlertPolicy(p.ID)
		case stored != replaces:
			return belfry.ErrStale
		}
		taken, err := number(c, "SELECT count(*) FROM alert_policies WHERE account=? AND scope=? AND scope_value=? AND id<>?",
			p.Account, string(p.Kind), p.Value, p.ID)
		if err != nil {
			return err
		}
		if taken > 0 {
			return belfry.Errorf(belfry.Conflict, "scope", "Another policy has this scope already.")
		}
		if replaces == 0 {
			n, err := number(c, "SELECT count(*) FROM alert_policies WHERE account=?", p.Account)
			if err != nil {
				return err
			}
			if n >= int64(limit) {
				return belfry.Errorf(belfry.Quota, "", "The account %s has %d policies already.", p.Account, n)
			}
		}
		return exec(c, "INSERT OR REPLACE INTO alert_policies (id, account, scope, scope_value, revision, spec) VALUES (?,?,?,?,?,?)",
			p.ID, p.Account, string(p.Kind), p.Value, p.Revision, string(spec))
	})
}

// AlertPolicies implements [monitor.AlertPolicyStore].
func (s *Store) AlertPolicies(ctx context.Context, account string) ([]monitor.Policy, error) {
	found, err := specs[monitor.Policy](ctx, s, "alert_policies", noLimit, "SELECT spec, account, id FROM alert_policies WHERE account=? ORDER BY id", account)
	if err != nil {
		return nil, err
	}
	all := make([]monitor.Policy, len(found))
	for i, p := range found {
		all[i] = *p
	}
	return all, nil
}

// DeleteAlertPolicy implements [monitor.AlertPolicyStore].
func (s *Store) DeleteAlertPolicy(ctx context.Context, account, id string) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		err := exec(c, "DELETE FROM alert_policies WHERE id=? AND account=?", id, account)
		if err == nil && c.Changes() == 0 {
			return noAlertPolicy(id)
		}
		return err
	})
}
