package sqlite

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/monitor"
)

// scheduleColumns is what scanSchedule reads, in its order.
const scheduleColumns = `id, account, region, grp, name, revision, state, description, expression, timezone, start_at, end_at, window, anchor_at, delete_after, kms_key, target, role, input, dead_letter, max_age, max_attempts, retry_set, parameters, created_at, modified_at, since_at, settings, timed_at`

// prefixed is scheduleColumns in a join, where the table is called s.
var prefixed = "s." + strings.ReplaceAll(scheduleColumns, ", ", ", s.")

// briefColumns is scheduleColumns without what may be large.
var briefColumns = strings.Replace(strings.Replace(scheduleColumns, ", input,", ", '',", 1), ", parameters,", ", NULL,", 1)

// scanSchedule reads a schedule from the columns that begin at col.
func scanSchedule(st *sqlite.Stmt, col int) *belfry.Schedule {
	next := func() int { col++; return col - 1 }
	text := func() string { return st.ColumnText(next()) }
	number := func() int64 { return st.ColumnInt64(next()) }
	s := &belfry.Schedule{}
	s.ID = belfry.ID(number())
	s.Account, s.Region, s.Group, s.Name = text(), text(), text(), text()
	s.Revision, s.State = number(), belfry.State(number())
	s.Description, s.Expression, s.Timezone = text(), text(), text()
	s.Start, s.End = fromMillis(number()), fromMillis(number())
	s.Window, s.Anchor = time.Duration(number())*time.Millisecond, fromMillis(number())
	s.DeleteAfterCompletion, s.KMSKeyARN = number() != 0, text()
	s.Target.ARN, s.Target.RoleARN, s.Target.Input, s.Target.DeadLetterARN = text(), text(), text(), text()
	s.Target.Retry.MaximumAge = time.Duration(number()) * time.Millisecond
	s.Target.Retry.MaximumAttempts, s.Target.Retry.Default = int(number()), number() == 0
	s.Target.Parameters = columnBlob(st, next())
	s.Created, s.Modified, s.Since = fromMillis(number()), fromMillis(number()), fromMillis(number())
	if text := st.ColumnText(next()); text != "" {
		s.Settings = parseSettings(text)
	}
	s.Timed = fromMillis(number())
	return s
}

// putSchedule inserts the schedule, or replaces the one with its id.
func putSchedule(c *sqlite.Conn, s *belfry.Schedule) error {
	settings, err := settingsText(s.Settings)
	if err != nil {
		return err
	}
	return exec(c, `INSERT INTO schedules (`+scheduleColumns+`)
 VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
 ON CONFLICT (id) DO UPDATE SET revision=excluded.revision, state=excluded.state, description=excluded.description,
  expression=excluded.expression, timezone=excluded.timezone, start_at=excluded.start_at, end_at=excluded.end_at,
  window=excluded.window, anchor_at=excluded.anchor_at, delete_after=excluded.delete_after, kms_key=excluded.kms_key,
  target=excluded.target, role=excluded.role, input=excluded.input, dead_letter=excluded.dead_letter,
  max_age=excluded.max_age, max_attempts=excluded.max_attempts, retry_set=excluded.retry_set,
  parameters=excluded.parameters, modified_at=excluded.modified_at, since_at=excluded.since_at,
  settings=excluded.settings, timed_at=excluded.timed_at`,
		s.ID, s.Account, s.Region, s.Group, s.Name, s.Revision, int64(s.State), s.Description, s.Expression, s.Timezone,
		s.Start, s.End, s.Window, s.Anchor, s.DeleteAfterCompletion, s.KMSKeyARN,
		s.Target.ARN, s.Target.RoleARN, s.Target.Input, s.Target.DeadLetterARN,
		s.Target.Retry.MaximumAge, s.Target.Retry.MaximumAttempts, !s.Target.Retry.Default, []byte(s.Target.Parameters),
		s.Created, s.Modified, s.Since, settings, s.Timed)
}

// parseSettings is the inverse of settingsText. What cannot be read lets no run
// of the schedule be delivered: its once_per is one that cannot be right.
func parseSettings(text string) belfry.Settings {
	s := belfry.Settings{}
	if json.Unmarshal([]byte(text), &s) != nil {
		s.OncePer = &belfry.OncePer{}
	}
	return s
}

// settingsText is the stored form of settings; NULL when there are none, as most
// schedules have.
func settingsText(s belfry.Settings) (optional, error) {
	if s == (belfry.Settings{}) {
		return "", nil
	}
	text, err := json.Marshal(s)
	return optional(text), err
}

// CreateSchedule stores a new schedule with its first due entry and gap. A
// taken name is Conflict, a group that is not there NotFound, one that is being
// deleted Conflict, one schedule more than the limit Quota.
func (s *Store) CreateSchedule(ctx context.Context, create belfry.ScheduleCreation) error {
	sch := create.Schedule
	return s.write(ctx, func(c *sqlite.Conn) error {
		if err := s.checkToken(c, create.Token); err != nil {
			return err
		}
		if err := openGroup(c, sch.Scope, sch.Group); err != nil {
			return err
		}
		taken := false
		err := query(c, "SELECT 1 FROM schedules WHERE account=? AND region=? AND grp=? AND name=?",
			func(*sqlite.Stmt) error { taken = true; return nil },
			sch.Account, sch.Region, sch.Group, sch.Name)
		if err != nil {
			return err
		}
		if taken {
			return belfry.Errorf(belfry.Conflict, "Name", "Schedule %s already exists.", sch.Name)
		}
		if create.After != nil {
			newest, err := retired(c, sch.Ref(), 1)
			if err != nil {
				return err
			}
			if len(newest) > 0 && newest[0] != *create.After {
				return belfry.ErrStale
			}
		}
		if !strings.HasPrefix(sch.Group, belfry.Reserved) {
			if err := s.counts.addSchedule(c, sch.Scope, create.Limit); err != nil {
				return err
			}
		}
		ch := belfry.ScheduleChange{New: sch, Next: create.Next, At: sch.Created}
		if create.Gap != nil {
			ch.Gaps = []belfry.Gap{*create.Gap}
		}
		if err := s.changeSchedule(c, ch); err != nil {
			return err
		}
		s.putToken(create.Token)
		return nil
	})
}

// Schedule returns the schedule of that name, or NotFound.
func (s *Store) Schedule(ctx context.Context, r belfry.ScheduleRef) (*belfry.Schedule, error) {
	var found *belfry.Schedule
	err := s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT "+scheduleColumns+" FROM schedules WHERE account=? AND region=? AND grp=? AND name=?",
			func(st *sqlite.Stmt) error { found = scanSchedule(st, 0); return nil },
			r.Account, r.Region, r.Group, r.Name)
	})
	if err == nil && found == nil {
		err = belfry.Errorf(belfry.NotFound, "Name", "Schedule %s does not exist.", r.Name)
	}
	return found, err
}

// ScheduleOf returns the schedule with that id, from among the deleted ones too;
// nil when there is none.
func (s *Store) ScheduleOf(ctx context.Context, id belfry.ID) (found *belfry.Schedule, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		err := query(c, "SELECT "+scheduleColumns+" FROM schedules WHERE id=?",
			func(st *sqlite.Stmt) error { found = scanSchedule(st, 0); return nil }, id)
		if err != nil || found != nil {
			return err
		}
		return query(c, "SELECT "+retiredColumns+" FROM retired WHERE id=?",
			func(st *sqlite.Stmt) error { found = scanRetired(st); return nil }, id)
	})
	return found, err
}

// Schedules returns up to q.Limit schedules in the order of group and name.
func (s *Store) Schedules(ctx context.Context, q belfry.ScheduleQuery) ([]*belfry.Schedule, error) {
	var found []*belfry.Schedule
	err := s.read(ctx, func(c *sqlite.Conn) error {
		group, after := q.AfterGroup, q.AfterName
		if q.Group == "" && group >= belfry.Reserved {
			return nil // whoever made the position up
		}
		if q.Group != "" && q.Group != group {
			group, after = q.Group, ""
		}
		for len(found) < q.Limit {
			if group != "" {
				if err := schedulesOfGroup(c, q, group, after, &found); err != nil {
					return err
				}
			}
			if q.Group != "" || len(found) == q.Limit {
				return nil
			}
			next := ""
			err := query(c, "SELECT grp FROM schedules WHERE account=? AND region=? AND grp>? AND grp<? ORDER BY grp LIMIT 1",
				func(st *sqlite.Stmt) error { next = st.ColumnText(0); return nil }, q.Account, q.Region, group, belfry.Reserved)
			if err != nil || next == "" {
				return err
			}
			group, after = next, ""
		}
		return nil
	})
	return found, err
}

func schedulesOfGroup(c *sqlite.Conn, q belfry.ScheduleQuery, group, after string, found *[]*belfry.Schedule) error {
	state := -1
	if q.State != nil {
		state = int(*q.State)
	}
	columns := scheduleColumns
	if q.Brief {
		columns = briefColumns
	}
	return query(c, "SELECT "+columns+` FROM schedules
 WHERE account=?1 AND region=?2 AND grp=?3 AND name>?4 AND name>=?5 AND name<?6 AND (?7<0 OR state=?7)
 ORDER BY name LIMIT ?8`,
		func(st *sqlite.Stmt) error { *found = append(*found, scanSchedule(st, 0)); return nil },
		q.Account, q.Region, group, after, q.NamePrefix, q.NamePrefix+"\x7f", state, q.Limit-len(*found))
}

// Lives returns the schedule of that name, if there is one, and then those
// that had the name before and were deleted, newest first: ids grow with time,
// and two may have been deleted in the same millisecond.
func (s *Store) Lives(ctx context.Context, r belfry.ScheduleRef) (current *belfry.Schedule, retired []*belfry.Schedule, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		err := query(c, "SELECT "+scheduleColumns+" FROM schedules WHERE account=? AND region=? AND grp=? AND name=?",
			func(st *sqlite.Stmt) error { current = scanSchedule(st, 0); return nil },
			r.Account, r.Region, r.Group, r.Name)
		if err != nil {
			return err
		}
		return query(c, "SELECT "+retiredColumns+" FROM retired WHERE account=? AND region=? AND grp=? AND name=? ORDER BY id DESC",
			func(st *sqlite.Stmt) error { retired = append(retired, scanRetired(st)); return nil },
			r.Account, r.Region, r.Group, r.Name)
	})
	return current, retired, err
}

// Pending returns the entry that the schedule has in the due queue, nil when
// it has none: one that was kept, one of the candidates, or one that was due up
// to now and has not been taken yet. With sure, the schedule must have one, and
// all of the queue is looked through before the answer is nil.
func (s *Store) Pending(ctx context.Context, id belfry.ID, candidates []belfry.Due, now time.Time, sure bool) (*belfry.Due, error) {
	var found *belfry.Due
	err := s.read(ctx, func(c *sqlite.Conn) error {
		take := func(st *sqlite.Stmt) error {
			d := scanDue(st)
			found = &d
			return nil
		}
		err := query(c, "SELECT "+dueColumns+" FROM due d WHERE schedule=? AND kept>0", take, id)
		for i := 0; i < len(candidates) && found == nil && err == nil; i++ {
			d := candidates[i]
			err = query(c, "SELECT "+dueColumns+" FROM due d WHERE at=? AND kind=0 AND schedule=? AND scheduled_at=?",
				take, d.At, id, d.Time.Unix())
		}
		if found == nil && err == nil {
			err = query(c, "SELECT "+dueColumns+" FROM due d WHERE at<=? AND kind=0 AND schedule=? LIMIT 1", take, now, id)
		}
		if found == nil && err == nil && sure {
			err = query(c, "SELECT "+dueColumns+" FROM due d WHERE kind=0 AND schedule=? LIMIT 1", take, id)
		}
		return err
	})
	return found, err
}

// Retired returns up to limit schedules that had the name and were deleted,
// newest first.
func (s *Store) Retired(ctx context.Context, r belfry.ScheduleRef, limit int) (ids []belfry.ID, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error { ids, err = retired(c, r, limit); return err })
	return ids, err
}

func retired(c *sqlite.Conn, r belfry.ScheduleRef, limit int) (ids []belfry.ID, err error) {
	err = query(c, "SELECT id FROM retired WHERE account=? AND region=? AND grp=? AND name=? ORDER BY id DESC LIMIT ?",
		func(st *sqlite.Stmt) error { ids = append(ids, belfry.ID(st.ColumnInt64(0))); return nil },
		r.Account, r.Region, r.Group, r.Name, limit)
	return ids, err
}

// ChangeSchedule replaces or removes a schedule and its due entry in one step.
// It answers ErrStale, and writes nothing, when the schedule or its entry is no
// longer as the change expects.
func (s *Store) ChangeSchedule(ctx context.Context, ch belfry.ScheduleChange) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		if err := s.checkToken(c, ch.Token); err != nil {
			return err
		}
		if err := s.changeSchedule(c, ch); err != nil {
			return err
		}
		s.putToken(ch.Token)
		return nil
	})
}

func (s *Store) changeSchedule(c *sqlite.Conn, ch belfry.ScheduleChange) error {
	if ch.Old != nil {
		if err := takeOld(c, ch); err != nil {
			return err
		}
	}
	for i := range ch.Undone {
		if err := dropGap(c, &ch.Undone[i]); err != nil {
			return err
		}
	}
	for _, g := range ch.Gaps {
		if err := putGap(c, g); err != nil {
			return err
		}
		s.news.passed(&g, ch.At)
	}
	if ch.New == nil {
		return s.retire(c, ch.Old, ch.At)
	}
	if ch.New.State == belfry.Disabled && ch.Old != nil && ch.Old.State == belfry.Enabled {
		s.news.off(ch.New.ID, ch.At, monitor.ReasonDisabled)
	}
	if err := putSchedule(c, ch.New); err != nil {
		return err
	}
	return putDue(c, ch.Next)
}

// takeOld takes the due entry of a schedule that changes and ends its open gap,
// or answers ErrStale.
func takeOld(c *sqlite.Conn, ch belfry.ScheduleChange) error {
	revision := int64(-1)
	err := query(c, "SELECT revision FROM schedules WHERE id=?",
		func(st *sqlite.Stmt) error { revision = st.ColumnInt64(0); return nil }, ch.Old.ID)
	if err != nil {
		return err
	}
	if revision != ch.Old.Revision {
		return belfry.ErrStale
	}
	if ch.Pending != nil {
		took, err := takeDue(c, ch.Pending)
		if err != nil {
			return err
		}
		if !took {
			return belfry.ErrStale
		}
	}
	if ch.CloseAt.IsZero() {
		return nil
	}
	return closeGap(c, ch.Old.ID, ch.CloseAt, ch.Closed)
}

// retiredColumns is what scanRetired reads.
const retiredColumns = "spec, id, account, region, grp, name, retired_at"

// scanRetired reads a deleted schedule. Of one whose definition cannot be read any
// more, the runs are still found by its name.
func scanRetired(st *sqlite.Stmt) *belfry.Schedule {
	old := &belfry.Schedule{}
	if json.Unmarshal(columnBlob(st, 0), old) != nil {
		old = &belfry.Schedule{Created: fromMillis(st.ColumnInt64(6))}
	}
	old.ID = belfry.ID(st.ColumnInt64(1))
	old.Account, old.Region, old.Group, old.Name = st.ColumnText(2), st.ColumnText(3), st.ColumnText(4), st.ColumnText(5)
	old.Retired = fromMillis(st.ColumnInt64(6))
	return old
}

// retire removes the schedule and keeps what its history needs.
func (s *Store) retire(c *sqlite.Conn, sch *belfry.Schedule, at time.Time) error {
	spec, err := json.Marshal(sch)
	if err != nil {
		return err
	}
	err = exec(c, "INSERT OR REPLACE INTO retired VALUES (?,?,?,?,?,?,?)", sch.ID, sch.Account, sch.Region, sch.Group, sch.Name, at, spec)
	if err != nil {
		return err
	}
	s.news.off(sch.ID, at, monitor.ReasonDeleted)
	err = exec(c, "DELETE FROM schedules WHERE id=?", sch.ID)
	if err != nil || c.Changes() == 0 || strings.HasPrefix(sch.Group, belfry.Reserved) {
		return err
	}
	return s.counts.removed(c, sch.Scope, count{schedules: 1})
}
