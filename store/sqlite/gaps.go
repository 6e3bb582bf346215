package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
)

const gapColumns = "schedule, from_at, to_at, count, reason, settled_at"

func scanGap(st *sqlite.Stmt) belfry.Gap {
	g := belfry.Gap{
		Schedule: belfry.ID(st.ColumnInt64(0)), From: time.Unix(st.ColumnInt64(1), 0).UTC(),
		Count: st.ColumnInt64(3), Reason: belfry.GapReason(st.ColumnText(4)), At: fromMillis(st.ColumnInt64(5)),
	}
	if end := st.ColumnInt64(2); end != 0 {
		g.To = time.Unix(end, 0).UTC()
	}
	return g
}

// putGap adds a gap; it never takes the place of another.
func putGap(c *sqlite.Conn, g belfry.Gap) error {
	return exec(c, `INSERT INTO gaps (schedule, from_at, seq, reason, to_at, count, settled_at)
 VALUES (?1, ?2, (SELECT ifnull(max(seq), 0) + 1 FROM gaps WHERE schedule=?1 AND from_at=?2), ?3, ?4, ?5, ?6)`,
		g.Schedule, g.From.Unix(), string(g.Reason), gapEnd(g.To), g.Count, g.At)
}

func gapEnd(to time.Time) int64 {
	if to.IsZero() {
		return 0
	}
	return to.Unix()
}

// closeGap ends the schedule's open gap; one with nothing in it goes.
func closeGap(c *sqlite.Conn, id belfry.ID, at time.Time, count int64) error {
	if count == 0 {
		return exec(c, "DELETE FROM gaps WHERE schedule=? AND to_at=0", id)
	}
	return exec(c, "UPDATE gaps SET to_at=?, count=? WHERE schedule=? AND to_at=0", at.Unix(), count, id)
}

// GapsBeyond returns up to limit gaps that reach past the given time, of the
// schedules from the given one on: they were recorded under a clock that has been
// set back.
func (s *Store) GapsBeyond(ctx context.Context, at time.Time, from belfry.ID, limit int) ([]belfry.Gap, error) {
	var found []belfry.Gap
	err := s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT "+gapColumns+` FROM gaps WHERE to_at>?1 AND schedule>=?2
 UNION ALL SELECT `+gapColumns+` FROM gaps WHERE to_at=0 AND from_at>?1+1 AND schedule>=?2 ORDER BY schedule LIMIT ?3`,
			func(st *sqlite.Stmt) error { found = append(found, scanGap(st)); return nil }, at.Unix(), from, limit)
	})
	return found, err
}

// dropGap removes a gap that is as it was read.
func dropGap(c *sqlite.Conn, g *belfry.Gap) error {
	return exec(c, "DELETE FROM gaps WHERE schedule=? AND from_at=? AND to_at=? AND reason=? AND count=?",
		g.Schedule, g.From.Unix(), gapEnd(g.To), string(g.Reason), g.Count)
}

// ChangeGaps puts gaps right; one that is no longer as its change expects it
// stays.
func (s *Store) ChangeGaps(ctx context.Context, changes []belfry.GapChange) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		for i := range changes {
			if err := dropGap(c, &changes[i].Old); err != nil {
				return err
			}
			if c.Changes() == 0 || changes[i].New == nil {
				continue
			}
			if err := putGap(c, *changes[i].New); err != nil {
				return err
			}
		}
		return nil
	})
}

// RunsBeyond returns up to limit schedules that have runs scheduled after the
// given time: they fired under a clock that has been set back.
func (s *Store) RunsBeyond(ctx context.Context, at time.Time, limit int) ([]belfry.ID, error) {
	var found []belfry.ID
	err := s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT DISTINCT schedule FROM runs WHERE scheduled_at>? LIMIT ?",
			func(st *sqlite.Stmt) error { found = append(found, belfry.ID(st.ColumnInt64(0))); return nil }, at.Unix(), limit)
	})
	return found, err
}

// Seen returns what See has kept under the key; empty when nothing.
func (s *Store) Seen(ctx context.Context, key string) (value string, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT value FROM seen WHERE key=?", func(st *sqlite.Stmt) error { value = st.ColumnText(0); return nil }, key)
	})
	return value, err
}

// See keeps a short note about the machine that the store is used on.
func (s *Store) See(ctx context.Context, key, value string) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		return exec(c, "INSERT OR REPLACE INTO seen VALUES (?,?)", key, value)
	})
}
