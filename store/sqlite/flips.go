package sqlite

import (
	"context"
	"math"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry/monitor"
)

const flipColumns = `id, account, kind, subject, name, at, from_status, to_status, reason, detail, run`

// scanFlip reads flipColumns, which begin in the first column.
func scanFlip(st *sqlite.Stmt) monitor.Flip {
	return monitor.Flip{
		ID: st.ColumnInt64(0), Subject: monitor.Subject{
			Account: st.ColumnText(1), Kind: monitor.SubjectKind(st.ColumnText(2)), ID: st.ColumnText(3),
		},
		Name: st.ColumnText(4), At: fromMillis(st.ColumnInt64(5)),
		From: monitor.Status(st.ColumnText(6)), To: monitor.Status(st.ColumnText(7)),
		Reason: monitor.Reason(st.ColumnText(8)), Detail: st.ColumnText(9), Run: st.ColumnText(10),
	}
}

// insertFlip stores a flip in the open transaction, which must hold the state
// that it tells of too. Its alerts have not been written.
func insertFlip(c *sqlite.Conn, f *monitor.Flip) error {
	return exec(c, `INSERT INTO flips (account, kind, subject, name, at, from_status, to_status, reason, detail, run)
		VALUES (?,?,?,?,?,?,?,?,?,?)`, f.Account, string(f.Kind), f.Subject.ID, f.Name, f.At, string(f.From), string(f.To),
		string(f.Reason), f.Detail, f.Run)
}

// ListFlips implements [monitor.Flips].
func (s *Store) ListFlips(ctx context.Context, q monitor.FlipQuery) (list []monitor.Flip, err error) {
	to := int64(math.MaxInt64)
	if !q.To.IsZero() {
		to = q.To.UnixMilli()
	}
	err = s.read(ctx, func(c *sqlite.Conn) error {
		list = nil
		return query(c, `SELECT `+flipColumns+` FROM flips WHERE account=? AND kind=? AND subject=? AND at>=? AND at<=?
			ORDER BY at DESC, id DESC LIMIT ?`, func(st *sqlite.Stmt) error {
			list = append(list, scanFlip(st))
			return nil
		}, q.Account, string(q.Kind), q.ID, q.From, to, q.Limit)
	})
	return list, err
}

// PruneFlips implements [monitor.Flips]. A reader finds out whether there is
// anything to remove, so that the writer's time is not taken for nothing.
func (s *Store) PruneFlips(ctx context.Context, before time.Time, limit int) (removed int, err error) {
	const old = `SELECT id FROM flips WHERE at<? AND processed=1 ORDER BY at LIMIT ?`
	found := false
	err = s.read(ctx, func(c *sqlite.Conn) error {
		found = false
		return query(c, old, func(*sqlite.Stmt) error { found = true; return nil }, before, min(limit, 1))
	})
	if err != nil || !found {
		return 0, err
	}
	err = s.write(ctx, func(c *sqlite.Conn) error {
		err := exec(c, `DELETE FROM flips WHERE id IN (`+old+`)`, before, limit)
		removed = c.Changes()
		return err
	})
	return removed, err
}
