package sqlite

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

var _ monitor.Store = (*Store)(nil)

const (
	checkColumns = `k.number, k.id, k.account, k.badge, k.created_at, k.name, k.slug, k.tags, k.description,
		k.kind, k.timeout, k.grace, k.schedule, k.timezone, k.manual_resume, k.methods, k.channels, k.start_kw, k.success_kw, k.failure_kw,
		k.filter_subject, k.filter_body, k.filter_http, k.filter_default`
	stateColumns = `s.status, s.since, s.pings, s.last_ping, s.last_start, s.last_start_rid, s.last_duration, s.expected, s.alert_after`
)

// columns reads a row's columns one after the other.
type columns struct {
	*sqlite.Stmt
	next int
}

func (c *columns) text() string        { c.next++; return c.ColumnText(c.next - 1) }
func (c *columns) number() int64       { c.next++; return c.ColumnInt64(c.next - 1) }
func (c *columns) flag() bool          { return c.number() != 0 }
func (c *columns) instant() time.Time  { return fromMillis(c.number()) }
func (c *columns) span() time.Duration { return time.Duration(c.number()) * time.Millisecond }
func (c *columns) list() (all []string) {
	if t := c.text(); t != "" {
		all = strings.Split(t, ",")
	}
	return all
}

// scanCheck reads checkColumns.
func scanCheck(c *columns) (k monitor.Check) {
	k.Number, k.ID, k.Account, k.Badge, k.Created = c.number(), c.text(), c.text(), c.text(), c.instant()
	k.Name, k.Slug, k.Tags, k.Desc = c.text(), c.text(), c.text(), c.text()
	k.Kind, k.Timeout, k.Grace, k.Schedule, k.Timezone = monitor.Kind(c.text()), c.span(), c.span(), c.text(), c.text()
	k.ManualResume, k.Methods, k.Channels = c.flag(), c.text(), c.list()
	k.StartKeywords, k.SuccessKeywords, k.FailureKeywords = c.text(), c.text(), c.text()
	k.FilterSubject, k.FilterBody, k.FilterHTTPBody, k.FilterDefaultFail = c.flag(), c.flag(), c.flag(), c.flag()
	return k
}

// scanState reads stateColumns into a check.
func scanState(c *columns, k *monitor.Check) {
	k.Status, k.Since, k.Pings, k.LastPing = monitor.Status(c.text()), c.instant(), c.number(), c.instant()
	k.LastStart, k.LastStartRID, k.LastDuration = c.instant(), c.text(), c.span()
	k.Expected, k.AlertAfter = c.instant(), c.instant()
}

// settings returns the values of the columns from name to filter_default.
func settings(k *monitor.Check) []any {
	return []any{
		k.Name, k.Slug, k.Tags, k.Desc, string(k.Kind), k.Timeout, k.Grace, k.Schedule, k.Timezone, k.ManualResume, k.Methods,
		strings.Join(k.Channels, ","), k.StartKeywords, k.SuccessKeywords, k.FailureKeywords,
		k.FilterSubject, k.FilterBody, k.FilterHTTPBody, k.FilterDefaultFail,
	}
}

// state returns the values of the columns of check_states after number.
func state(k *monitor.Check) []any {
	return []any{
		string(k.Status), k.Since, k.Pings, k.LastPing, k.LastStart, k.LastStartRID, k.LastDuration, k.Expected, k.AlertAfter,
	}
}

// findCheck returns the first check for which a condition holds, or NotFound. It
// asks twice, because SQLite prepares a join anew for each value that is bound,
// which takes longer than a ping's whole transaction.
func findCheck(c *sqlite.Conn, where string, args ...any) (k monitor.Check, err error) {
	err = query(c, `SELECT `+checkColumns+` FROM checks k `+where+` LIMIT 1`, func(st *sqlite.Stmt) error {
		k = scanCheck(&columns{Stmt: st})
		return nil
	}, args...)
	if err == nil && k.Number == 0 {
		err = monitor.NotExist()
	}
	if err != nil {
		return k, err
	}
	err = query(c, `SELECT `+stateColumns+` FROM check_states s WHERE s.number=?`, func(st *sqlite.Stmt) error {
		scanState(&columns{Stmt: st}, &k)
		return nil
	}, k.Number)
	return k, err
}

func (s *Store) check(ctx context.Context, where string, args ...any) (k monitor.Check, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) (err error) {
		k, err = findCheck(c, where, args...)
		return err
	})
	return k, err
}

// Check implements [monitor.Checks].
func (s *Store) Check(ctx context.Context, id string) (monitor.Check, error) {
	return s.check(ctx, "WHERE k.id=?", id)
}

// CheckByUniqueKey implements [monitor.Checks].
func (s *Store) CheckByUniqueKey(ctx context.Context, account, key string) (monitor.Check, error) {
	return s.check(ctx, "WHERE k.unique_key=? AND k.account=?", key, account)
}

// CheckByBadge implements [monitor.Checks].
func (s *Store) CheckByBadge(ctx context.Context, badge string) (monitor.Check, error) {
	return s.check(ctx, "WHERE k.badge=?", badge)
}

// CreateCheck implements [monitor.Checks].
func (s *Store) CreateCheck(ctx context.Context, k monitor.Check, like monitor.Like, limit int64) (stored monitor.Check, created bool, err error) {
	err = s.write(ctx, func(c *sqlite.Conn) (err error) {
		stored, created = monitor.Check{}, false
		if like != (monitor.Like{}) {
			where, args := likeCheck(&k, like)
			switch stored, err = findCheck(c, where, args...); {
			case err == nil:
				return nil
			case belfry.KindOf(err) != belfry.NotFound:
				return err
			}
		}
		stored, err = insertCheck(c, k, limit)
		created = err == nil
		return err
	})
	return stored, created, err
}

// insertCheck adds a check and gives it a number; with Quota it changes nothing.
func insertCheck(c *sqlite.Conn, k monitor.Check, limit int64) (monitor.Check, error) {
	if err := countCheck(c, k.Account, limit); err != nil {
		return monitor.Check{}, err
	}
	err := exec(c, `INSERT INTO checks (id, account, badge, unique_key, created_at, name, slug, tags, description, kind,
			timeout, grace, schedule, timezone, manual_resume, methods, channels, start_kw, success_kw, failure_kw,
			filter_subject, filter_body, filter_http, filter_default)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		slices.Concat([]any{k.ID, k.Account, k.Badge, k.UniqueKey(), k.Created}, settings(&k))...)
	if err != nil {
		return monitor.Check{}, err
	}
	k.Number = c.LastInsertRowID()
	if err := retag(c, &k, nil); err != nil {
		return k, err
	}
	return k, exec(c, `INSERT INTO check_states VALUES (?,?,?,?,?,?,?,?,?,?,?)`,
		slices.Concat([]any{k.Number}, state(&k), []any{k.AlertAfter})...)
}

// likeCheck returns the condition for the oldest check of the account that is
// equal to k in the members that like names.
func likeCheck(k *monitor.Check, like monitor.Like) (where string, args []any) {
	where, args = "WHERE k.account=?", []any{k.Account}
	for _, m := range []struct {
		named  bool
		column string
		value  any
	}{
		{like.Name, "name", k.Name},
		{like.Slug, "slug", k.Slug},
		{like.Tags, "tags", k.Tags},
		{like.Timeout, "timeout", k.Timeout},
		{like.Grace, "grace", k.Grace},
	} {
		if m.named {
			where += " AND k." + m.column + "=?"
			args = append(args, m.value)
		}
	}
	return where + " ORDER BY k.number", args
}

// countCheck counts one more, or refuses with Quota and changes nothing.
func countCheck(c *sqlite.Conn, account string, limit int64) error {
	has := int64(0)
	err := query(c, `SELECT checks FROM check_counts WHERE account=?`, func(st *sqlite.Stmt) error {
		has = st.ColumnInt64(0)
		return nil
	}, account)
	if err != nil {
		return err
	}
	if has < 0 || has >= limit { // the count may be damaged, and is not asked for often at its limit
		if has, err = number(c, `SELECT count(*) FROM checks WHERE account=?`, account); err != nil {
			return err
		}
	}
	if has >= limit {
		return belfry.Errorf(belfry.Quota, "", "The account has reached its limit of %d checks.", limit)
	}
	return exec(c, `INSERT OR REPLACE INTO check_counts VALUES (?,?)`, account, has+1)
}

// ListChecks implements [monitor.Checks].
func (s *Store) ListChecks(ctx context.Context, q monitor.CheckQuery) (list []monitor.Check, err error) {
	from, where, args := listChecks(q)
	err = s.read(ctx, func(c *sqlite.Conn) error {
		list = nil
		if q.Limit <= 0 {
			return nil
		}
		err := query(c, `SELECT `+checkColumns+`, `+stateColumns+` FROM `+from+` WHERE `+where+` ORDER BY k.number`, func(st *sqlite.Stmt) error {
			row := columns{Stmt: st}
			k := scanCheck(&row)
			scanState(&row, &k)
			if !hasTags(&k, q.Tags) {
				return nil
			}
			if list = append(list, k); len(list) == q.Limit {
				return errFound
			}
			return nil
		}, args...)
		if errors.Is(err, errFound) {
			err = nil
		}
		return err
	})
	return list, err
}

func hasTags(k *monitor.Check, tags []string) bool {
	if len(tags) == 0 {
		return true
	}
	has := k.TagList()
	return !slices.ContainsFunc(tags, func(t string) bool { return !slices.Contains(has, t) })
}

// ChangeCheck implements [monitor.Checks].
func (s *Store) ChangeCheck(ctx context.Context, id string, decide func(*monitor.Check) (monitor.Change, error)) (k monitor.Check, err error) {
	err = s.write(ctx, func(c *sqlite.Conn) (err error) {
		if k, err = findCheck(c, "WHERE k.id=?", id); err != nil {
			return err
		}
		change, err := decide(&k)
		if err != nil {
			return err
		}
		return applyCheck(c, &k, &change)
	})
	return k, err
}

// applyCheck stores a check and what came with it. A ping that puts the check's
// time off leaves the time to look at it where it is, because to move it in its
// index is more work than all the rest; the look moves it.
func applyCheck(c *sqlite.Conn, k *monitor.Check, change *monitor.Change) error {
	err := exec(c, `UPDATE check_states SET since=?, pings=?, last_ping=?, last_start=?, last_start_rid=?,
		last_duration=?, expected=?, alert_after=? WHERE number=?`, append(state(k)[1:], k.Number)...)
	// SQLite writes an index anew whenever a statement sets its column, so these
	// are set only where they change.
	if err == nil {
		err = exec(c, `UPDATE check_states SET status=?1 WHERE number=?2 AND status<>?1`, string(k.Status), k.Number)
	}
	if err == nil {
		err = exec(c, `UPDATE check_states SET look_at=?1 WHERE number=?2 AND look_at<>?1 AND NOT (?3 AND look_at>0 AND look_at<=?1)`,
			k.AlertAfter, k.Number, change.Ping != nil)
	}
	var had []string
	if err == nil && change.Edited {
		had, err = storedTags(c, k.Number)
	}
	if err == nil && change.Edited {
		err = retag(c, k, had)
	}
	if err == nil && change.Edited {
		err = exec(c, `UPDATE checks SET name=?, slug=?, tags=?, description=?, kind=?, timeout=?, grace=?, schedule=?, timezone=?,
			manual_resume=?, methods=?, channels=?, start_kw=?, success_kw=?, failure_kw=?,
			filter_subject=?, filter_body=?, filter_http=?, filter_default=? WHERE number=?`, append(settings(k), k.Number)...)
	}
	if err == nil && change.Ping != nil {
		err = insertPing(c, k.Number, change.Ping, int64(change.Keep))
	}
	for i := range change.Flips {
		if err == nil {
			err = insertFlip(c, &change.Flips[i])
		}
	}
	return err
}

// DeleteCheck implements [monitor.Checks].
func (s *Store) DeleteCheck(ctx context.Context, account, id, ending string, now time.Time) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		k, err := findCheck(c, "WHERE k.id=? AND k.account=?", id, account)
		if err != nil {
			return err
		}
		if err := deletePings(c, k.Number, k.Pings); err != nil {
			return err
		}
		if err := exec(c, `DELETE FROM checks WHERE number=?`, k.Number); err != nil {
			return err
		}
		if err := exec(c, `DELETE FROM check_states WHERE number=?`, k.Number); err != nil {
			return err
		}
		had := k.TagList()
		k.Tags = ""
		if err := retag(c, &k, had); err != nil {
			return err
		}
		if err := exec(c, `DELETE FROM flips WHERE account=? AND kind=? AND subject=?`, account, string(monitor.SubjectCheck), id); err != nil {
			return err
		}
		if err := s.endSubject(c, k.Subject(), ending, now); err != nil {
			return err
		}
		return exec(c, `UPDATE check_counts SET checks=checks-1 WHERE account=?`, account)
	})
}

// DueChecks implements [monitor.Checks].
func (s *Store) DueChecks(ctx context.Context, now time.Time, limit int) (ids []string, next time.Time, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		ids, next = nil, time.Time{}
		// A join would be planned again at each look.
		err := query(c, `SELECT (SELECT id FROM checks WHERE number=s.number) FROM check_states s
			WHERE s.look_at>0 AND s.look_at<=? ORDER BY s.look_at LIMIT ?`, func(st *sqlite.Stmt) error {
			ids = append(ids, st.ColumnText(0))
			return nil
		}, now, limit)
		if err != nil || len(ids) == limit {
			return err
		}
		return query(c, `SELECT look_at FROM check_states WHERE look_at>0 AND look_at>? ORDER BY look_at LIMIT 1`, func(st *sqlite.Stmt) error {
			next = fromMillis(st.ColumnInt64(0))
			return nil
		}, now)
	})
	return ids, next, err
}

// ChecksAhead implements [monitor.Checks].
func (s *Store) ChecksAhead(ctx context.Context, at time.Time) (ids []string, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		ids = nil
		return query(c, `SELECT k.id FROM check_states s JOIN checks k ON k.number=s.number WHERE s.last_ping>?1 OR s.last_start>?1`, func(st *sqlite.Stmt) error {
			ids = append(ids, st.ColumnText(0))
			return nil
		}, at)
	})
	return ids, err
}

// CountChecks implements [monitor.Checks].
func (s *Store) CountChecks(ctx context.Context) (counts map[monitor.Status]int64, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		counts = map[monitor.Status]int64{}
		return query(c, `SELECT status, count(*) FROM check_states GROUP BY status`, func(st *sqlite.Stmt) error {
			counts[monitor.Status(st.ColumnText(0))] = st.ColumnInt64(1)
			return nil
		})
	})
	return counts, err
}
