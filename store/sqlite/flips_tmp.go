package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry/monitor"
)

func putFlip(c *sqlite.Conn, f *monitor.Flip) error {
	return exec(c, "INSERT INTO flips VALUES (NULL,?,?,?,?,?,?,?,?,?,?)", f.Account, string(f.Kind), f.Subject.ID, f.Name, f.At, string(f.From), string(f.To), string(f.Reason), f.Detail, f.Run)
}

func (s *Store) ListFlips(ctx context.Context, q monitor.FlipQuery) (all []monitor.Flip, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT * FROM flips WHERE account=? AND kind=? AND subject=? ORDER BY id DESC LIMIT ?", func(st *sqlite.Stmt) error {
			f := monitor.Flip{ID: st.ColumnInt64(0), Subject: q.Subject, Name: st.ColumnText(4), At: fromMillis(st.ColumnInt64(5)), From: monitor.Status(st.ColumnText(6)), To: monitor.Status(st.ColumnText(7)), Reason: monitor.Reason(st.ColumnText(8)), Detail: st.ColumnText(9), Run: st.ColumnText(10)}
			all = append(all, f)
			return nil
		}, q.Account, string(q.Kind), q.Subject.ID, q.Limit)
	})
	return all, err
}
