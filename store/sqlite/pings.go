package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry/monitor"
)

// pruneEach is after how many pings of a check the old ones are removed: the
// oldest stand in a page of their own, which not every ping should write.
const pruneEach = 16

// insertPing records the check's newest ping, and leaves about keep of them.
func insertPing(c *sqlite.Conn, check int64, p *monitor.Ping, keep int64) error {
	body := int64(0)
	if len(p.Body) > 0 {
		if err := exec(c, `INSERT INTO ping_bodies (body) VALUES (?)`, p.Body); err != nil {
			return err
		}
		body = c.LastInsertRowID()
	}
	err := exec(c, `INSERT INTO pings VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`, check, p.N, p.At, string(p.Action), p.Scheme, p.RemoteAddr,
		p.Method, p.UserAgent, p.RID, p.ExitStatus, p.BodySize, body)
	if err != nil || p.N%pruneEach != 0 || p.N <= keep {
		return err
	}
	return deletePings(c, check, p.N-keep)
}

// deletePings removes the check's pings up to the nth.
func deletePings(c *sqlite.Conn, check, n int64) error {
	err := exec(c, `DELETE FROM ping_bodies WHERE id IN (SELECT body FROM pings WHERE chk=? AND n<=? AND body>0)`, check, n)
	if err != nil {
		return err
	}
	return exec(c, `DELETE FROM pings WHERE chk=? AND n<=?`, check, n)
}

// ListPings implements [monitor.Pings].
func (s *Store) ListPings(ctx context.Context, check string, limit int) (list []monitor.Ping, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		list = nil
		return query(c, `SELECT n, at, action, scheme, remote_addr, method, user_agent, rid, exit_status, body_size FROM pings
			WHERE chk=(SELECT number FROM checks WHERE id=?) ORDER BY n DESC LIMIT ?`, func(st *sqlite.Stmt) error {
			list = append(list, monitor.Ping{
				N: st.ColumnInt64(0), At: fromMillis(st.ColumnInt64(1)), Action: monitor.Action(st.ColumnText(2)),
				Scheme: st.ColumnText(3), RemoteAddr: st.ColumnText(4), Method: st.ColumnText(5), UserAgent: st.ColumnText(6),
				RID: st.ColumnText(7), ExitStatus: st.ColumnInt(8), BodySize: st.ColumnInt(9),
			})
			return nil
		}, check, limit)
	})
	return list, err
}

// PingBody implements [monitor.Pings].
func (s *Store) PingBody(ctx context.Context, check string, n int64) (body []byte, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		body = nil
		return query(c, `SELECT b.body FROM pings p JOIN ping_bodies b ON b.id=p.body
			WHERE p.chk=(SELECT number FROM checks WHERE id=?) AND p.n=?`, func(st *sqlite.Stmt) error {
			body = columnBlob(st, 0)
			return nil
		}, check, n)
	})
	if err == nil && body == nil {
		err = monitor.NotExist()
	}
	return body, err
}
