package sqlite

import (
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry/monitor"
)

// retag writes that the check has its tags now, and no longer those in had.
func retag(c *sqlite.Conn, k *monitor.Check, had []string) error {
	has := k.TagList()
	for _, tag := range had {
		if slices.Contains(has, tag) {
			continue
		}
		if err := exec(c, `DELETE FROM check_tags WHERE account=? AND tag=? AND number=?`, k.Account, tag, k.Number); err != nil {
			return err
		}
	}
	for _, tag := range has {
		if slices.Contains(had, tag) {
			continue
		}
		if err := exec(c, `INSERT OR IGNORE INTO check_tags VALUES (?,?,?)`, k.Account, tag, k.Number); err != nil {
			return err
		}
	}
	return nil
}

// storedTags returns the tags that a check had when it was stored last.
func storedTags(c *sqlite.Conn, number int64) (had []string, err error) {
	var stored monitor.Settings
	err = query(c, `SELECT tags FROM checks WHERE number=?`, func(st *sqlite.Stmt) error {
		stored.Tags = st.ColumnText(0)
		return nil
	}, number)
	return stored.TagList(), err
}

// listChecks returns where the checks that q selects are found, and the conditions
// that they meet, but for other tags than the first.
func listChecks(q monitor.CheckQuery) (from, where string, args []any) {
	// CROSS JOIN keeps the order of the tables: the planner knows nothing of how few
	// checks have a tag.
	from, where, args = "checks k", "k.account=? AND k.number>?", []any{q.Account, q.After}
	if len(q.Tags) > 0 {
		from = "check_tags t CROSS JOIN checks k ON k.number=t.number"
		where, args = "t.account=? AND t.tag=? AND t.number>?", []any{q.Account, q.Tags[0], q.After}
	}
	if q.Slug != "" {
		where += " AND k.slug=?"
		args = append(args, q.Slug)
	}
	return from + " JOIN check_states s ON s.number=k.number", where, args
}
