package sqlite

import (
	"context"
	"encoding/binary"
	"math/bits"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

// News returns the oldest news that has not been settled, whole rows of the
// journal until there are limit.
func (s *Store) News(ctx context.Context, limit int) (batch monitor.NewsBatch, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		after, err := settled(c)
		if err != nil {
			return err
		}
		batch = monitor.NewsBatch{After: after, Through: after, Watches: map[belfry.ID]*monitor.Watch{}}
		for from := after; len(batch.News) < limit; from = batch.Through {
			err := query(c, "SELECT seq, items FROM news WHERE seq>? ORDER BY seq LIMIT 1", func(st *sqlite.Stmt) error {
				batch.Through = st.ColumnInt64(0)
				if err := eachNews(columnBlob(st, 1), func(n *monitor.News) { batch.News = append(batch.News, *n) }); err != nil {
					s.damaged("news", rowName(st), err)
				}
				return nil
			}, from)
			if err != nil {
				return err
			}
			if batch.Through == from {
				break
			}
		}
		batch.More = len(batch.News) >= limit
		for i := range batch.News {
			if err := watchIn(c, batch.Watches, batch.News[i].Schedule); err != nil {
				return err
			}
		}
		return nil
	})
	return batch, err
}

const watchColumns = "account, region, grp, name, status, since, reason, detail, run, outcomes, in_a_row, retrying, retrying_since, known"

// scanWatch reads watchColumns, which begin at col, into w.
func scanWatch(st *sqlite.Stmt, col int, w *monitor.Watch) {
	next := func() int { col++; return col - 1 }
	text := func() string { return st.ColumnText(next()) }
	at := func() time.Time { return fromMillis(st.ColumnInt64(next())) }
	w.Ref = belfry.ScheduleRef{Scope: belfry.Scope{Account: text(), Region: text()}, Group: text(), Name: text()}
	w.Status, w.Since = monitor.Status(text()), at()
	w.Reason, w.Detail, w.Run = monitor.Reason(text()), text(), at()
	w.Outcomes, w.InARow = uint64(st.ColumnInt64(next())), st.ColumnInt(next())
	w.Retrying, w.RetryingSince = at(), at()
	w.Known = max(st.ColumnInt(next()), bits.Len64(w.Outcomes))
}

// watchIn puts the schedule's watch among the others, if it is not there.
func watchIn(c *sqlite.Conn, all map[belfry.ID]*monitor.Watch, id belfry.ID) error {
	if all[id] != nil {
		return nil
	}
	w, err := watchOf(c, id)
	all[id] = w
	return err
}

func watchOf(c *sqlite.Conn, id belfry.ID) (*monitor.Watch, error) {
	w := &monitor.Watch{Schedule: id, Status: monitor.Up}
	ref := func(st *sqlite.Stmt) error { w.Ref = scanRef(st, 0); return nil }
	err := query(c, "SELECT "+watchColumns+" FROM watches WHERE schedule=?",
		func(st *sqlite.Stmt) error { scanWatch(st, 0, w); return nil }, id)
	if err != nil || w.Ref.Name != "" {
		return w, err
	}
	err = query(c, "SELECT account, region, grp, name FROM schedules WHERE id=?", ref, id)
	if err != nil || w.Ref.Name != "" {
		return w, err
	}
	w.Deleted = true
	return w, query(c, "SELECT account, region, grp, name FROM retired WHERE id=?", ref, id)
}

func scanRef(st *sqlite.Stmt, col int) belfry.ScheduleRef {
	return belfry.ScheduleRef{
		Scope: belfry.Scope{Account: st.ColumnText(col), Region: st.ColumnText(col + 1)},
		Group: st.ColumnText(col + 2), Name: st.ColumnText(col + 3),
	}
}

// Settle stores what the watch has decided, or answers ErrStale and writes nothing.
func (s *Store) Settle(ctx context.Context, st monitor.Settlement) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		after, err := settled(c)
		if err != nil {
			return err
		}
		if after != st.After {
			return belfry.ErrStale
		}
		if st.Through != st.After {
			if err := exec(c, "UPDATE meta SET value=? WHERE key='news_settled'", st.Through); err != nil {
				return err
			}
			if err := exec(c, "DELETE FROM news WHERE seq<=?", st.Through); err != nil {
				return err
			}
		}
		for i := range st.Flips {
			if err := insertFlip(c, &st.Flips[i]); err != nil {
				return err
			}
		}
		for i := range st.Keep {
			if err := s.keepWatch(c, &st.Keep[i]); err != nil {
				return err
			}
		}
		for _, id := range st.Drop {
			if err := exec(c, "DELETE FROM watches WHERE schedule=?", id); err != nil {
				return err
			}
			s.news.well[id] = st.Through
		}
		return nil
	})
}

func (s *Store) keepWatch(c *sqlite.Conn, k *monitor.Kept) error {
	if holds, err := condition(c, k); err != nil || !holds {
		return err
	}
	if k.Flip != nil {
		if err := insertFlip(c, k.Flip); err != nil {
			return err
		}
	}
	w := k.Watch
	if _, ok := s.news.watched[w.Schedule]; !ok {
		s.news.watched[w.Schedule] = 0
	}
	delete(s.news.well, w.Schedule)
	return exec(c, `INSERT INTO watches (schedule, `+watchColumns+`) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
 ON CONFLICT (schedule) DO UPDATE SET status=excluded.status, since=excluded.since, reason=excluded.reason,
  detail=excluded.detail, run=excluded.run, outcomes=excluded.outcomes, in_a_row=excluded.in_a_row,
  retrying=excluded.retrying, retrying_since=excluded.retrying_since, known=excluded.known`,
		w.Schedule, w.Ref.Account, w.Ref.Region, w.Ref.Group, w.Ref.Name, string(w.Status), w.Since, string(w.Reason), w.Detail, w.Run,
		int64(w.Outcomes), w.InARow, w.Retrying, w.RetryingSince, w.Known)
}

// condition reports whether what the watch was decided on is still so.
func condition(c *sqlite.Conn, k *monitor.Kept) (holds bool, err error) {
	if k.Waits == nil && k.Underway == nil {
		return true, nil
	}
	yes := func(*sqlite.Stmt) error { holds = true; return nil }
	if d := k.Waits; d != nil {
		err = query(c, "SELECT 1 FROM due WHERE at=? AND kind=? AND schedule=? AND scheduled_at=?", yes, d.At, d.Retry, d.Schedule, d.Time.Unix())
	} else {
		err = query(c, "SELECT 1 FROM runs WHERE scheduled_at=? AND schedule=? AND outcome<=1", yes, k.Underway.Time.Unix(), k.Underway.Schedule)
	}
	if err != nil || !holds {
		return false, err
	}
	holds = false // a schedule that was deleted meanwhile left no news of that
	err = query(c, "SELECT 1 FROM schedules WHERE id=?", yes, k.Watch.Schedule)
	return holds, err
}

// OverdueRuns returns first attempts that were due before the given time, in
// the order of the queue.
func (s *Store) OverdueRuns(ctx context.Context, before time.Time, after *belfry.Due, limit int) (found []belfry.Due, err error) {
	if after == nil {
		after = &belfry.Due{At: time.UnixMilli(-1)}
	}
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT "+dueColumns+` FROM due d
 WHERE (d.at, d.kind, d.schedule, d.scheduled_at) > (?,?,?,?) AND d.at<? AND d.kind=0
 ORDER BY d.at, d.kind, d.schedule, d.scheduled_at LIMIT ?`,
			func(st *sqlite.Stmt) error { found = append(found, scanDue(st)); return nil },
			after.At.UnixMilli(), after.Retry, after.Schedule, after.Time.Unix(), before, limit)
	})
	return found, err
}

// Watches returns the watches of the schedules, and what Settle wants to know.
func (s *Store) Watches(ctx context.Context, ids []belfry.ID) (all map[belfry.ID]*monitor.Watch, after int64, err error) {
	all = make(map[belfry.ID]*monitor.Watch, len(ids))
	err = s.read(ctx, func(c *sqlite.Conn) (err error) {
		if after, err = settled(c); err != nil {
			return err
		}
		for _, id := range ids {
			if err := watchIn(c, all, id); err != nil {
				return err
			}
		}
		return nil
	})
	return all, after, err
}

// LongRuns returns runs that are under way and began before the given time.
// The claims tell which they may be, so that nothing else is looked at.
func (s *Store) LongRuns(ctx context.Context, before time.Time, limit int) (found []monitor.LongRun, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) (err error) {
		if found, err = attemptsSince(c, before); err != nil {
			return err
		}
		return query(c, "SELECT schedule, retrying, retrying_since FROM watches WHERE retrying_since>0 AND retrying_since<? ORDER BY retrying_since LIMIT ?",
			func(st *sqlite.Stmt) error {
				found = append(found, monitor.LongRun{
					Occurrence: belfry.Occurrence{Schedule: belfry.ID(st.ColumnInt64(0)), Time: fromMillis(st.ColumnInt64(1))},
					Started:    fromMillis(st.ColumnInt64(2)),
				})
				return nil
			}, before, limit)
	})
	return found, err
}

// attemptsSince returns the runs that have an attempt under way and whose first
// one started before the given time.
func attemptsSince(c *sqlite.Conn, before time.Time) ([]monitor.LongRun, error) {
	var claims []byte
	err := query(c, "SELECT runs FROM claims", func(st *sqlite.Stmt) error {
		claims = append(claims, columnBlob(st, 0)...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var found []monitor.LongRun
	for ; len(claims) >= 16; claims = claims[16:] {
		at, id := int64(binary.BigEndian.Uint64(claims)), belfry.ID(binary.BigEndian.Uint64(claims[8:]))
		if at > before.Unix() {
			continue // no run starts before its time
		}
		err := query(c, "SELECT started_at FROM runs WHERE scheduled_at=? AND schedule=? AND outcome=1 AND started_at<?", func(st *sqlite.Stmt) error {
			r := monitor.LongRun{Started: fromMillis(st.ColumnInt64(0))}
			r.Schedule, r.Time = id, time.Unix(at, 0).UTC()
			found = append(found, r)
			return nil
		}, at, id, before)
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// learnDays is how far back in the history the length of runs is looked for.
const learnDays = 31

// Durations returns how long the newest runs of a schedule in the history took
// that succeeded. What lies in the live database is a quarter of an hour at
// most, in the order of time, and not worth a search for one schedule.
func (s *Store) Durations(ctx context.Context, id belfry.ID, now time.Time, limit int) ([]time.Duration, error) {
	days, err := s.history.days()
	if err != nil {
		return nil, err
	}
	var took []time.Duration
	for _, d := range slices.Backward(days) {
		if len(took) >= limit || now.Sub(d.start) > learnDays*24*time.Hour {
			break
		}
		err := s.history.readDay(ctx, d, func(c *sqlite.Conn) error {
			return query(c, "SELECT ended_at-started_at FROM runs WHERE schedule=? AND outcome=? ORDER BY scheduled_at DESC LIMIT ?",
				func(st *sqlite.Stmt) error {
					took = append(took, time.Duration(st.ColumnInt64(0))*time.Millisecond)
					return nil
				}, id, int64(belfry.Succeeded), limit-len(took))
		})
		if err != nil {
			return nil, err
		}
	}
	return took, nil
}

// ListWatches returns an account's watches that are not Up.
func (s *Store) ListWatches(ctx context.Context, account string, after belfry.ID, limit int) (found []monitor.Watch, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT schedule, "+watchColumns+" FROM watches WHERE account=? AND schedule>? AND status<>'up' ORDER BY schedule LIMIT ?",
			func(st *sqlite.Stmt) error {
				w := monitor.Watch{Schedule: belfry.ID(st.ColumnInt64(0))}
				scanWatch(st, 1, &w)
				found = append(found, w)
				return nil
			}, account, after, limit)
	})
	return found, err
}

// WatchOf returns the watch of a schedule, or NotFound.
func (s *Store) WatchOf(ctx context.Context, r belfry.ScheduleRef) (w monitor.Watch, err error) {
	sch, err := s.Schedule(ctx, r)
	if err != nil {
		return w, err
	}
	err = s.read(ctx, func(c *sqlite.Conn) error {
		found, err := watchOf(c, sch.ID)
		if err == nil {
			w = *found
		}
		return err
	})
	return w, err
}

// CountWatches returns how many schedules are not up, by status.
func (s *Store) CountWatches(ctx context.Context) (n map[monitor.Status]int64, err error) {
	n = map[monitor.Status]int64{}
	err = s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT status, count(*) FROM watches WHERE status<>'up' GROUP BY status",
			func(st *sqlite.Stmt) error { n[monitor.Status(st.ColumnText(0))] = st.ColumnInt64(1); return nil })
	})
	return n, err
}
