package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/belfry-run/belfry"
)

func scanRule(st *sqlite.Stmt) (*belfry.Rule, error) {
	r := &belfry.Rule{}
	if err := json.Unmarshal(columnBlob(st, 0), r); err != nil {
		return nil, fmt.Errorf("decode a rule: %w", err)
	}
	return r, nil
}

// Rule returns the rule of that name, or NotFound.
func (s *Store) Rule(ctx context.Context, ref belfry.RuleRef) (r *belfry.Rule, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT spec FROM rules WHERE account=? AND region=? AND name=?",
			func(st *sqlite.Stmt) (err error) { r, err = scanRule(st); return err }, ref.Account, ref.Region, ref.Name)
	})
	if err == nil && r == nil {
		err = belfry.Errorf(belfry.NotFound, "Name", "Rule %s does not exist on EventBus default.", ref.Name)
	}
	return r, err
}

// Rules returns up to q.Limit rules in the order of their names.
func (s *Store) Rules(ctx context.Context, q belfry.RuleQuery) (page []*belfry.Rule, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		page, err = listOf(s, c, "rules", q.Limit, "SELECT spec, account, region, name FROM rules WHERE account=? AND region=? AND name>? AND name>=? AND name<? ORDER BY name",
			scanRule, q.Account, q.Region, q.After, q.NamePrefix, q.NamePrefix+"\x7f")
		return err
	})
	return page, err
}

// RulesOfTarget returns the names of rules that have a target with this ARN.
func (s *Store) RulesOfTarget(ctx context.Context, scope belfry.Scope, arn, after string, limit int) (names []string, err error) {
	group := belfry.RuleRef{Name: after}.Group()
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT DISTINCT grp FROM schedules WHERE account=? AND region=? AND grp>? AND grp>=? AND target=? ORDER BY grp LIMIT ?",
			func(st *sqlite.Stmt) error {
				names = append(names, belfry.ScheduleRef{Group: st.ColumnText(0)}.Rule())
				return nil
			}, scope.Account, scope.Region, group, belfry.Reserved, arn, limit)
	})
	return names, err
}

// ChangeRule creates, replaces or removes a rule together with changes to its
// targets, all or nothing.
func (s *Store) ChangeRule(ctx context.Context, ch belfry.RuleChange) error {
	return s.write(ctx, func(c *sqlite.Conn) (err error) {
		// One of the targets may be stale after others have been written.
		written := len(s.news.fresh)
		defer func() {
			if err != nil {
				s.news.fresh = s.news.fresh[:written]
			}
		}()
		defer sqlitex.Save(c)(&err)
		if err := checkRule(c, ch); err != nil {
			return err
		}
		for _, t := range ch.Targets {
			if err := s.changeSchedule(c, t); err != nil {
				return err
			}
		}
		if ch.New == nil {
			return exec(c, "DELETE FROM rules WHERE account=? AND region=? AND name=?", ch.Old.Account, ch.Old.Region, ch.Old.Name)
		}
		spec, err := json.Marshal(ch.New)
		if err != nil {
			return err
		}
		return exec(c, "INSERT OR REPLACE INTO rules (account, region, name, revision, spec) VALUES (?,?,?,?,?)",
			ch.New.Account, ch.New.Region, ch.New.Name, ch.New.Revision, spec)
	})
}

// checkRule answers ErrStale unless the rule is as the change expects it, and
// Quota when there is no place for a new one.
func checkRule(c *sqlite.Conn, ch belfry.RuleChange) error {
	r, want := ch.New, int64(0)
	if ch.Old != nil {
		r, want = ch.Old, ch.Old.Revision
	}
	revision, count := int64(0), 0
	err := query(c, "SELECT revision FROM rules WHERE account=? AND region=? AND name=?",
		func(st *sqlite.Stmt) error { revision = st.ColumnInt64(0); return nil }, r.Account, r.Region, r.Name)
	if err != nil {
		return err
	}
	if revision != want {
		return belfry.ErrStale
	}
	if ch.Old != nil {
		return nil
	}
	err = query(c, "SELECT count(*) FROM rules WHERE account=? AND region=?",
		func(st *sqlite.Stmt) error { count = st.ColumnInt(0); return nil }, r.Account, r.Region)
	if err == nil && count >= ch.Limit {
		err = belfry.Errorf(belfry.Quota, "Name", "The requested resource exceeds the maximum number allowed.")
	}
	return err
}

// RuleLives returns the rule's targets, and those it had before.
func (s *Store) RuleLives(ctx context.Context, r belfry.RuleRef) (current, retired []*belfry.Schedule, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		err := query(c, "SELECT "+scheduleColumns+" FROM schedules WHERE account=? AND region=? AND grp=? ORDER BY name",
			func(st *sqlite.Stmt) error { current = append(current, scanSchedule(st, 0)); return nil },
			r.Account, r.Region, r.Group())
		if err != nil {
			return err
		}
		return query(c, "SELECT "+retiredColumns+" FROM retired WHERE account=? AND region=? AND grp=? ORDER BY retired_at DESC, id DESC",
			func(st *sqlite.Stmt) error { retired = append(retired, scanRetired(st)); return nil },
			r.Account, r.Region, r.Group())
	})
	return current, retired, err
}
