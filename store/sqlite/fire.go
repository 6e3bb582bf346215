package sqlite

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
)

const dueColumns = "d.at, d.kind, d.schedule, d.scheduled_at, d.revision, d.attempt, d.kept"

// dueEnd is the number of dueColumns.
const dueEnd = 7

func scanDue(st *sqlite.Stmt) belfry.Due {
	return belfry.Due{
		At:    fromMillis(st.ColumnInt64(0)),
		Retry: st.ColumnBool(1),
		Occurrence: belfry.Occurrence{
			Schedule: belfry.ID(st.ColumnInt64(2)),
			Time:     time.Unix(st.ColumnInt64(3), 0).UTC(),
		},
		Revision: st.ColumnInt64(4),
		Attempt:  st.ColumnInt(5),
		Kept:     st.ColumnBool(6),
		Own:      st.ColumnInt(6) == keptOwn,
	}
}

// keptOwn is the value of due.kept for an entry that stands for itself; 1 is
// another that is kept.
const keptOwn = 2

func putDue(c *sqlite.Conn, d *belfry.Due) error {
	if d == nil {
		return nil
	}
	kept := 0
	switch {
	case d.Own:
		kept = keptOwn
	case d.Kept:
		kept = 1
	}
	return exec(c, "INSERT OR REPLACE INTO due VALUES (?,?,?,?,?,?,?)",
		d.At, d.Retry, d.Schedule, d.Time.Unix(), d.Revision, d.Attempt, kept)
}

// takeDue removes the entry and reports whether it was there.
func takeDue(c *sqlite.Conn, d *belfry.Due) (bool, error) {
	err := exec(c, "DELETE FROM due WHERE at=? AND kind=? AND schedule=? AND scheduled_at=? AND revision=?",
		d.At, d.Retry, d.Schedule, d.Time.Unix(), d.Revision)
	return err == nil && c.Changes() == 1, err
}

// Due returns up to limit entries of the shards that are held, and of no more
// than so many bytes but always one, in the order of the queue, that come after
// the given one (nil is the first) and are due at or before until. more says that
// there are others.
func (s *Store) Due(ctx context.Context, after *belfry.Due, until time.Time, limit, bytes int) (items []belfry.DueItem, more bool, err error) {
	if after == nil {
		after = &belfry.Due{At: time.UnixMilli(-1)}
	}
	items = make([]belfry.DueItem, 0, min(limit, 1024))
	err = s.read(ctx, func(c *sqlite.Conn) error {
		size := 0
		err := query(c, "SELECT "+dueColumns+", "+prefixed+` FROM due d LEFT JOIN schedules s ON s.id = d.schedule
 WHERE (d.at, d.kind, d.schedule, d.scheduled_at) > (?,?,?,?) AND d.at <= ?
 ORDER BY d.at, d.kind, d.schedule, d.scheduled_at LIMIT ?`,
			func(st *sqlite.Stmt) error {
				it := scanItem(st)
				if it.Retry {
					it.Run, it.Err = runOf(c, it.Occurrence)
				}
				if size += it.Size(); size > bytes && len(items) > 0 || len(items) == limit {
					more = true
					return errEnough
				}
				items = append(items, it)
				return nil
			}, after.At.UnixMilli(), after.Retry, after.Schedule, after.Time.Unix(), until, limit+1)
		if errors.Is(err, errEnough) {
			err = nil
		}
		return err
	})
	return items, more, err
}

// errEnough ends a query early.
var errEnough = errors.New("enough")

func scanItem(st *sqlite.Stmt) belfry.DueItem {
	it := belfry.DueItem{Due: scanDue(st)}
	if !st.ColumnIsNull(dueEnd) {
		it.Spec = scanSchedule(st, dueEnd)
	}
	return it
}

// Items returns those of the entries that are in the queue still, in the order
// of the given ones, as far as they take no more than so many bytes, but always
// one; read is how many of the given ones it has looked at.
func (s *Store) Items(ctx context.Context, entries []belfry.Due, bytes int) (items []belfry.DueItem, read int, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		size := 0
		for i := range entries {
			d, found := &entries[i], false
			var it belfry.DueItem
			// The entry is found before the join: SQLite would plan anew for each one how
			// to get from the values to both tables, which takes longer than all the rest.
			err := query(c, "SELECT "+dueColumns+", "+prefixed+` FROM
 (SELECT * FROM due WHERE at=? AND kind=? AND schedule=? AND scheduled_at=? LIMIT 1) d LEFT JOIN schedules s ON s.id = d.schedule`,
				func(st *sqlite.Stmt) error { it, found = scanItem(st), true; return nil },
				d.At, d.Retry, d.Schedule, d.Time.Unix())
			if err != nil {
				return err
			}
			if found {
				if it.Retry {
					it.Run, it.Err = runOf(c, it.Occurrence)
				}
				if size += it.Size(); size > bytes && len(items) > 0 {
					return nil
				}
				items = append(items, it)
			}
			read = i + 1
		}
		return nil
	})
	return items, read, err
}

// Places returns the occurrence entries that the schedules have in the queue, by
// one look at all of it.
func (s *Store) Places(ctx context.Context, ids []belfry.ID) (found map[belfry.ID][]belfry.Due, err error) {
	found = make(map[belfry.ID][]belfry.Due, len(ids))
	for _, id := range ids {
		found[id] = nil
	}
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT "+dueColumns+" FROM due d WHERE kind=0", func(st *sqlite.Stmt) error {
			id := belfry.ID(st.ColumnInt64(2))
			if all, asked := found[id]; asked {
				found[id] = append(all, scanDue(st))
			}
			return nil
		})
	})
	return found, err
}

// NextDue returns when the first entry after the given one is due; zero when
// there is none.
func (s *Store) NextDue(ctx context.Context, after *belfry.Due) (time.Time, error) {
	var at time.Time
	err := s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT at FROM due WHERE (at, kind, schedule, scheduled_at) > (?,?,?,?) ORDER BY at, kind, schedule, scheduled_at LIMIT 1",
			func(st *sqlite.Stmt) error { at = fromMillis(st.ColumnInt64(0)); return nil },
			after.At.UnixMilli(), after.Retry, after.Schedule, after.Time.Unix())
	})
	return at, err
}

// Backlog counts the entries that are due at or before now, up to limit.
func (s *Store) Backlog(ctx context.Context, now time.Time, limit int) (int, error) {
	n := 0
	err := s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT count(*) FROM (SELECT 1 FROM due WHERE at<=? LIMIT ?)",
			func(st *sqlite.Stmt) error { n = st.ColumnInt(0); return nil }, now, limit)
	})
	return n, err
}

// Start takes each entry out of the queue, records its run as running and puts
// the schedule's next entry in its place, all or nothing. started tells, entry
// by entry, whether this caller won; an entry that was gone, or whose
// occurrence had a run already, is not run again, and one whose claims another
// run has is skipped. It fails with Fenced, and
// writes nothing, when another node has taken the shards.
func (s *Store) Start(ctx context.Context, starts []belfry.Start) (claim belfry.Claim, started []belfry.Started, err error) {
	running := 0
	err = s.writeOwned(ctx, func(c *sqlite.Conn) error {
		started, running = make([]belfry.Started, len(starts)), 0
		keys := make([]byte, 0, 16*len(starts))
		for i := range starts {
			st := &starts[i]
			took, err := takeDue(c, &st.Due)
			if err != nil {
				return err
			}
			if !took {
				continue
			}
			if st.Run != nil {
				if started[i], err = putRun(c, st); err != nil {
					return err
				}
				if started[i] == belfry.IsRunning {
					running++
					keys = binary.BigEndian.AppendUint64(keys, uint64(st.Run.Time.Unix()))
					keys = binary.BigEndian.AppendUint64(keys, uint64(st.Run.Schedule))
				}
			}
			for i := range st.Gaps {
				if err := putGap(c, st.Gaps[i]); err != nil {
					return err
				}
				s.news.passed(&st.Gaps[i], st.At)
			}
			if started[i] == belfry.IsRunning {
				s.news.started(st)
			}
			if err := putDue(c, st.Next); err != nil {
				return err
			}
		}
		if err := s.dropSpent(c); err != nil || running == 0 {
			return err
		}
		s.claims.last++
		claim = belfry.Claim(s.claims.last)
		return exec(c, "INSERT INTO claims VALUES (?,?)", int64(claim), keys)
	})
	if err == nil && running > 0 {
		s.claims.mu.Lock()
		s.claims.left[int64(claim)] += running
		s.claims.mu.Unlock()
	}
	return claim, started, err
}

// putRun records the run as running, or as skipped when another has a claim
// that it needs; it does nothing when the occurrence has a run already (or, for a
// retry, none that waits).
func putRun(c *sqlite.Conn, st *belfry.Start) (belfry.Started, error) {
	var err error
	if st.Due.Retry {
		err = exec(c, "UPDATE runs SET outcome=1 WHERE scheduled_at=? AND schedule=? AND outcome=0", st.Run.Time.Unix(), st.Run.Schedule)
	} else {
		err = exec(c, "INSERT INTO runs (scheduled_at, schedule, revision, outcome, started_at, ended_at) VALUES (?,?,?,1,?,0) ON CONFLICT DO NOTHING",
			st.Run.Time.Unix(), st.Run.Schedule, st.Due.Revision, st.At)
	}
	if err != nil || c.Changes() == 0 {
		return belfry.NotStarted, err
	}
	if len(st.Once) == 0 {
		return belfry.IsRunning, nil
	}
	taken, err := takeOnce(c, st.Once, st.Run.OccurrenceID(), st.At)
	if err != nil || taken == "" {
		return belfry.IsRunning, err
	}
	return belfry.IsSkipped, exec(c, "UPDATE runs SET outcome=?, ended_at=?, reason=? WHERE scheduled_at=? AND schedule=?",
		int64(belfry.SkippedDuplicate), st.At, taken, st.Run.Time.Unix(), st.Run.Schedule)
}

// Finish records what became of attempts, with the retry or the deletion that
// follows from each. A run that has ended stays as it is: the second call
// changes nothing and is no error. It fails with Fenced as Start does.
func (s *Store) Finish(ctx context.Context, ended []belfry.Finish) error {
	attempts := make([][]byte, len(ended))
	for i := range ended {
		if ended[i].Attempts == nil {
			continue
		}
		b, err := json.Marshal(ended[i].Attempts)
		if err != nil {
			return err
		}
		attempts[i] = b
	}
	claims := make([]belfry.Claim, 0, len(ended)) // of the runs that this call ended
	err := s.writeOwned(ctx, func(c *sqlite.Conn) error {
		claims = claims[:0]
		if err := s.dropSpent(c); err != nil {
			return err
		}
		for i := range ended {
			did, err := s.finish(c, &ended[i], attempts[i])
			if err != nil {
				return err
			}
			if did {
				claims = append(claims, ended[i].Claim)
			}
		}
		return nil
	})
	if err == nil {
		s.claims.end(claims)
	}
	return err
}

// finish reports whether the run was under way; else it writes nothing.
func (s *Store) finish(c *sqlite.Conn, f *belfry.Finish, attempts []byte) (bool, error) {
	var ended time.Time
	if f.Outcome.Final() {
		ended = f.Ended
	}
	err := exec(c, "UPDATE runs SET outcome=?, ended_at=?, reason=?, attempts=? WHERE scheduled_at=? AND schedule=? AND outcome=1",
		int64(f.Outcome), ended, optional(f.Reason), attempts, f.Time.Unix(), f.Schedule)
	if err != nil || c.Changes() == 0 {
		return false, err
	}
	if f.Outcome.Final() && f.Outcome != belfry.Succeeded {
		if err := giveOnceBack(c, f.OccurrenceID()); err != nil {
			return false, err
		}
	}
	s.news.finished(f)
	if f.Delete != 0 {
		if err := s.retireCompleted(c, f.Schedule, f.Delete, f.Ended); err != nil {
			return false, err
		}
	}
	return true, putDue(c, f.Retry)
}

// retireCompleted removes the schedule unless it has been edited since, or has an
// entry that an edit before that has kept: that is still to run, whatever the
// definition says of what comes.
func (s *Store) retireCompleted(c *sqlite.Conn, id belfry.ID, revision int64, at time.Time) error {
	waits := false
	err := query(c, "SELECT 1 FROM due WHERE schedule=? AND kept>0", func(*sqlite.Stmt) error { waits = true; return nil }, id)
	if err != nil || waits {
		return err
	}
	var sch *belfry.Schedule
	err = query(c, "SELECT "+scheduleColumns+" FROM schedules WHERE id=? AND revision=?",
		func(st *sqlite.Stmt) error { sch = scanSchedule(st, 0); return nil }, id, revision)
	if err != nil || sch == nil {
		return err
	}
	return s.retire(c, sch, at)
}

// Move puts an entry of the queue in another place, or removes it when to is
// nil, and reports whether it was there. It fails with Fenced as Start does.
func (s *Store) Move(ctx context.Context, from belfry.Due, to *belfry.Due) (moved bool, err error) {
	err = s.writeOwned(ctx, func(c *sqlite.Conn) error {
		var err error
		if moved, err = takeDue(c, &from); err != nil || !moved {
			return err
		}
		return putDue(c, to)
	})
	return moved, err
}
