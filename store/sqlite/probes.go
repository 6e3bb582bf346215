package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry/monitor"
)

var _ monitor.ProbeStore = (*Store)(nil)

const selectProbes = `SELECT p.chk, p.revision, p.settings, p.next_at, p.last_at, p.last_ok, p.last_detail, p.last_took, p.last_expires
	FROM probes p `

// scanProbe reads a row of selectProbes, and the probe's check.
func scanProbe(c *sqlite.Conn, st *sqlite.Stmt) (p monitor.Probe, err error) {
	p = monitor.Probe{Revision: st.ColumnInt64(1), Sealed: make([]byte, st.ColumnLen(2)), Next: fromMillis(st.ColumnInt64(3))}
	st.ColumnBytes(2, p.Sealed)
	if at := st.ColumnInt64(4); at != 0 {
		p.Last = &monitor.ProbeRun{
			At: fromMillis(at), OK: st.ColumnInt64(5) != 0, Detail: st.ColumnText(6),
			Took: time.Duration(st.ColumnInt64(7)) * time.Millisecond, Expires: fromMillis(st.ColumnInt64(8)),
		}
	}
	p.Check, err = findCheck(c, "WHERE k.number=?", st.ColumnInt64(0))
	return p, err
}

// findProbes returns up to limit probes that a condition selects, with their checks.
func (s *Store) findProbes(c *sqlite.Conn, limit int, where string, args ...any) ([]monitor.Probe, error) {
	return listOf(s, c, "probes", limit, selectProbes+where, func(st *sqlite.Stmt) (monitor.Probe, error) { return scanProbe(c, st) }, args...)
}

func findProbe(c *sqlite.Conn, check string) (p monitor.Probe, err error) {
	found := false
	err = query(c, selectProbes+"JOIN checks k ON k.number=p.chk WHERE k.id=?", func(st *sqlite.Stmt) (err error) {
		found = true
		p, err = scanProbe(c, st)
		return err
	}, check)
	if err == nil && !found {
		err = monitor.NoProbe()
	}
	return p, err
}

// run returns the values of the columns from last_at on.
func run(r *monitor.ProbeRun) []any {
	if r == nil {
		r = &monitor.ProbeRun{}
	}
	return []any{r.At, r.OK, r.Detail, r.Took, r.Expires}
}

// CreateProbe implements [monitor.ProbeStore].
func (s *Store) CreateProbe(ctx context.Context, p monitor.Probe, limit int64) (stored monitor.Probe, err error) {
	err = s.write(ctx, func(c *sqlite.Conn) (err error) {
		stored = p
		stored.Revision = 1
		if stored.Check, err = insertCheck(c, p.Check, limit); err != nil {
			return err
		}
		return exec(c, `INSERT INTO probes VALUES (?,?,?,?,?,?,?,?,?)`,
			append([]any{stored.Check.Number, stored.Revision, p.Sealed, p.Next}, run(p.Last)...)...)
	})
	return stored, err
}

// Probe implements [monitor.ProbeStore].
func (s *Store) Probe(ctx context.Context, check string) (p monitor.Probe, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) (err error) {
		p, err = findProbe(c, check)
		return err
	})
	return p, err
}

// ListProbes implements [monitor.ProbeStore].
func (s *Store) ListProbes(ctx context.Context, account string, after int64, limit int) (all []monitor.Probe, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) (err error) {
		all, err = s.findProbes(c, limit, "JOIN checks k ON k.number=p.chk WHERE k.account=? AND p.chk>? ORDER BY p.chk", account, after)
		return err
	})
	return all, err
}

// ChangeProbe implements [monitor.ProbeStore].
func (s *Store) ChangeProbe(ctx context.Context, check string, decide func(p *monitor.Probe) (monitor.Change, error)) (p monitor.Probe, err error) {
	err = s.write(ctx, func(c *sqlite.Conn) (err error) {
		if p, err = findProbe(c, check); err != nil {
			return err
		}
		sealed := p.Sealed
		change, err := decide(&p)
		if err != nil {
			return err
		}
		if err := applyCheck(c, &p.Check, &change); err != nil {
			return err
		}
		if change.Edited {
			p.Revision++
		} else {
			p.Sealed = sealed
		}
		return exec(c, `UPDATE probes SET revision=?, settings=?, next_at=?, last_at=?, last_ok=?, last_detail=?, last_took=?, last_expires=?
			WHERE chk=?`, append(append([]any{p.Revision, p.Sealed, p.Next}, run(p.Last)...), p.Check.Number)...)
	})
	return p, err
}

// LookAgain implements [monitor.Checks].
func (s *Store) LookAgain(ctx context.Context, now time.Time) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		return exec(c, "UPDATE probes SET next_at=?1 WHERE last_at>?1", now)
	})
}

// DueProbes implements [monitor.ProbeStore].
func (s *Store) DueProbes(ctx context.Context, now time.Time, limit int) (all []monitor.Probe, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) (err error) {
		all, err = s.findProbes(c, limit, "WHERE p.next_at<=? ORDER BY p.next_at", now)
		return err
	})
	return all, err
}
