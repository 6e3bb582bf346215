package sqlite

import (
	"bytes"
	"context"
	"errors"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry/table"
)

// GetItems implements [table.Items].
func (s *Store) GetItems(ctx context.Context, refs []table.Ref) (items [][]byte, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) (err error) {
		items, err = currentItems(c, refs)
		return err
	})
	return items, err
}

// currentItems returns what is under each key.
func currentItems(c *sqlite.Conn, refs []table.Ref) ([][]byte, error) {
	items := make([][]byte, len(refs))
	for i, r := range refs {
		if i == 0 || r.Version != refs[i-1].Version {
			if err := checkVersion(c, r.Version); err != nil {
				return nil, err
			}
		}
		err := query(c, `SELECT item FROM table_items WHERE tbl=? AND hash=? AND range=?`, func(st *sqlite.Stmt) error {
			items[i] = columnBlob(st, 0)
			return nil
		}, int64(r.Table), r.Hash, r.Range)
		if err != nil {
			return nil, err
		}
	}
	return items, nil
}

// aboveAll is above every key's Range, which is shorter.
var aboveAll = bytes.Repeat([]byte{0xff}, 4096)

const (
	forward  = `SELECT hash, range, item FROM table_items WHERE tbl=? AND hash=? AND range>=? AND range<? ORDER BY range`
	backward = forward + ` DESC`
)

// QueryItems implements [table.Items].
func (s *Store) QueryItems(ctx context.Context, v table.Version, span table.Span, reverse bool, visit func(table.Row) bool) error {
	sql := forward
	if reverse {
		sql = backward
	}
	high := span.High
	if high == nil {
		high = aboveAll
	}
	return s.visit(ctx, v, visit, sql, int64(v.Table), span.Hash, span.Low, high)
}

// ScanItems implements [table.Items].
func (s *Store) ScanItems(ctx context.Context, v table.Version, after table.Key, visit func(table.Row) bool) error {
	low := after.Range
	if after.Hash == nil { // before all
		after.Hash, low = []byte{}, []byte{}
	}
	return s.visit(ctx, v, visit, `SELECT hash, range, item FROM table_items WHERE tbl=? AND (hash, range)>(?, ?) ORDER BY hash, range`,
		int64(v.Table), after.Hash, low)
}

func (s *Store) visit(ctx context.Context, v table.Version, visit func(table.Row) bool, sql string, args ...any) error {
	return s.read(ctx, func(c *sqlite.Conn) error {
		if err := checkVersion(c, v); err != nil {
			return err
		}
		err := query(c, sql, func(st *sqlite.Stmt) error {
			if !visit(table.Row{Key: scanKey(st, 0), Item: columnBlob(st, 2)}) {
				return errFound
			}
			return nil
		}, args...)
		if errors.Is(err, errFound) {
			err = nil
		}
		return err
	})
}

// scanKey reads the hash in column col and the range in the next one.
func scanKey(st *sqlite.Stmt, col int) table.Key {
	k := table.Key{Hash: columnBlob(st, col), Range: columnBlob(st, col+1)}
	if k.Range == nil {
		k.Range = []byte{}
	}
	return k
}

// WriteItems implements [table.Items].
func (s *Store) WriteItems(ctx context.Context, refs []table.Ref, token *table.Token, decide func([][]byte) ([]table.Change, error)) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		current, err := currentItems(c, refs)
		if err != nil {
			return err
		}
		if token != nil {
			used, err := tokenUsed(c, token)
			if used || err != nil {
				return err
			}
		}
		changes, err := decide(current)
		if err != nil {
			return err
		}
		if token != nil {
			err := exec(c, `INSERT OR REPLACE INTO table_tokens (account, region, token, fingerprint, expires_at) VALUES (?, ?, ?, ?, ?)`,
				token.Account, token.Region, token.Text, token.Fingerprint, token.Expires)
			if err != nil {
				return err
			}
		}
		for i, r := range refs {
			if err := applyChange(c, &r, current[i], &changes[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// tokenUsed says whether the token stands for the same transaction already; an
// error, whether it stands for another.
func tokenUsed(c *sqlite.Conn, t *table.Token) (used bool, err error) {
	same := false
	err = query(c, `SELECT fingerprint FROM table_tokens WHERE account=? AND region=? AND token=? AND expires_at>?`,
		func(st *sqlite.Stmt) error {
			used, same = true, bytes.Equal(columnBlob(st, 0), t.Fingerprint)
			return nil
		}, t.Account, t.Region, t.Text, t.Now)
	if err == nil && used && !same {
		err = table.TokenReused()
	}
	return used, err
}

func applyChange(c *sqlite.Conn, r *table.Ref, old []byte, ch *table.Change) error {
	if ch.Keep || old == nil && ch.Item == nil {
		return nil
	}
	var err error
	if ch.Item == nil {
		err = exec(c, `DELETE FROM table_items WHERE tbl=? AND hash=? AND range=?`, int64(r.Table), r.Hash, r.Range)
	} else {
		err = exec(c, `INSERT INTO table_items (tbl, hash, range, expires_at, item) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (tbl, hash, range) DO UPDATE SET expires_at=excluded.expires_at, item=excluded.item`,
			int64(r.Table), r.Hash, r.Range, ch.Expires, ch.Item)
	}
	if err != nil {
		return err
	}
	items, size := 0, len(ch.Item)-len(old)
	if old == nil {
		items = 1
	} else if ch.Item == nil {
		items = -1
	}
	if items == 0 && size == 0 {
		return nil
	}
	return exec(c, `UPDATE table_totals SET items=items+?, bytes=bytes+? WHERE tbl=?`, items, size, int64(r.Table))
}

// ExpiredItems implements [table.Items].
func (s *Store) ExpiredItems(ctx context.Context, now time.Time, limit int) (list []table.Expired, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		list, err = listOf(s, c, "tables", limit, `SELECT `+tableColumns+`, i.hash, i.range FROM table_items i JOIN tables t ON t.id=i.tbl
			WHERE i.expires_at>0 AND i.expires_at<=? ORDER BY i.expires_at`,
			func(st *sqlite.Stmt) (table.Expired, error) {
				t, err := scanTable(st)
				return table.Expired{Table: t, Key: scanKey(st, 7)}, err
			}, now)
		return err
	})
	return list, err
}

// SweepTables implements [table.Items]. A reader finds out whether there is
// anything to remove, so that a sweep that finds nothing does not take the
// writer's time.
func (s *Store) SweepTables(ctx context.Context, now time.Time, limit int) (removed int, err error) {
	var dead []int64
	tokens := false
	err = s.read(ctx, func(c *sqlite.Conn) error {
		dead, tokens = nil, false
		err := query(c, `SELECT tbl FROM table_totals WHERE live=0 ORDER BY tbl LIMIT 100`, func(st *sqlite.Stmt) error {
			dead = append(dead, st.ColumnInt64(0))
			return nil
		})
		if err != nil {
			return err
		}
		return query(c, `SELECT 1 FROM table_tokens WHERE expires_at<=? LIMIT 1`, func(*sqlite.Stmt) error {
			tokens = true
			return nil
		}, now)
	})
	if err != nil || len(dead) == 0 && !tokens {
		return 0, err
	}
	err = s.write(ctx, func(c *sqlite.Conn) error {
		removed = 0
		err := exec(c, `DELETE FROM table_tokens WHERE (account, region, token) IN
			(SELECT account, region, token FROM table_tokens WHERE expires_at<=? ORDER BY expires_at LIMIT ?)`, now, limit)
		if err != nil {
			return err
		}
		removed = c.Changes()
		for _, tbl := range dead {
			if removed >= limit {
				return nil
			}
			left := limit - removed
			err := exec(c, `DELETE FROM table_items WHERE tbl=?1 AND (hash, range) IN
				(SELECT hash, range FROM table_items WHERE tbl=?1 ORDER BY hash, range LIMIT ?2)`, tbl, left)
			if err != nil {
				return err
			}
			removed += c.Changes()
			if c.Changes() < left {
				if err := exec(c, `DELETE FROM table_totals WHERE tbl=?`, tbl); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return removed, err
}
