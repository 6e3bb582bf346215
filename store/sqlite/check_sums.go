package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry/monitor"
)

// statusAt is monitor's Check.StatusAt in SQL, so that a badge of many checks need
// not read them. The conformance suite holds the two against each other.
const statusAt = `CASE
	WHEN s.last_start>0 AND s.last_start+k.grace<=?1 THEN 'down'
	WHEN s.status<>'up' OR s.expected=0 THEN s.status
	WHEN s.expected+k.grace<=?1 THEN 'down'
	WHEN s.expected<=?1 THEN 'grace'
	ELSE 'up' END`

// SumChecks implements [monitor.Checks].
func (s *Store) SumChecks(ctx context.Context, account, tag string, now time.Time) (sums map[monitor.Status]int64, err error) {
	q := monitor.CheckQuery{Account: account}
	if tag != "" {
		q.Tags = []string{tag}
	}
	from, where, args := listChecks(q)
	err = s.read(ctx, func(c *sqlite.Conn) error {
		sums = map[monitor.Status]int64{}
		return query(c, `SELECT `+statusAt+`, count(*) FROM `+from+` WHERE `+where+` GROUP BY 1`, func(st *sqlite.Stmt) error {
			sums[monitor.Status(st.ColumnText(0))] = st.ColumnInt64(1)
			return nil
		}, append([]any{now}, args...)...)
	})
	return sums, err
}

// CheckTags implements [monitor.Checks].
func (s *Store) CheckTags(ctx context.Context, account string) (tags []string, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		tags = nil
		return query(c, `SELECT DISTINCT tag FROM check_tags WHERE account=? ORDER BY tag`, func(st *sqlite.Stmt) error {
			tags = append(tags, st.ColumnText(0))
			return nil
		}, account)
	})
	return tags, err
}
