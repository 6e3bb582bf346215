package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry/logs"
)

const logStreamColumns = `name, created_at, first_at, last_at, ingested_at`

func scanLogStream(st *sqlite.Stmt) logs.Stream {
	return logs.Stream{
		Name: st.ColumnText(0), Created: fromMillis(st.ColumnInt64(1)), First: fromMillis(st.ColumnInt64(2)),
		Last: fromMillis(st.ColumnInt64(3)), LastIngested: fromMillis(st.ColumnInt64(4)),
	}
}

// streamID returns the stream's number; 0 is none.
func streamID(c *sqlite.Conn, group int64, name string) (id int64, err error) {
	err = query(c, `SELECT id FROM streams WHERE grp=? AND name=?`,
		func(st *sqlite.Stmt) error { id = st.ColumnInt64(0); return nil }, group, name)
	return id, err
}

// CreateLogStream implements [logs.Store].
func (s *Store) CreateLogStream(ctx context.Context, group int64, name string, created time.Time, most int) error {
	return s.logs.write(true, func(c *sqlite.Conn) error {
		id, err := streamID(c, group, name)
		if err != nil {
			return err
		}
		if id != 0 {
			return logs.StreamExists()
		}
		n := 0
		err = query(c, `SELECT count(*) FROM streams WHERE grp=?`, func(st *sqlite.Stmt) error { n = st.ColumnInt(0); return nil }, group)
		if err != nil {
			return err
		}
		if n >= most {
			return logs.TooManyStreams()
		}
		return exec(c, `INSERT INTO streams (grp, name, created_at, first_at, last_at, ingested_at, kept) VALUES (?,?,?,0,0,0,1)`, group, name, created)
	})
}

// DeleteLogStream implements [logs.Store].
func (s *Store) DeleteLogStream(ctx context.Context, group int64, name string) error {
	return s.logs.write(true, func(c *sqlite.Conn) error {
		id, err := streamID(c, group, name)
		if err != nil {
			return err
		}
		if id == 0 {
			return logs.NoStream()
		}
		freed := map[int64]int64{}
		if err := deleteEvents(c, freed, `stream=?`, id); err != nil {
			return err
		}
		return exec(c, `DELETE FROM streams WHERE id=?`, id)
	})
}

// LogStream implements [logs.Store].
func (s *Store) LogStream(ctx context.Context, group int64, name string) (found *logs.Stream, err error) {
	err = s.logs.read(ctx, func(c *sqlite.Conn) error {
		return query(c, `SELECT `+logStreamColumns+` FROM streams WHERE grp=? AND name=?`, func(st *sqlite.Stmt) error {
			stream := scanLogStream(st)
			found = &stream
			return nil
		}, group, name)
	})
	if err == nil && found == nil {
		err = logs.NoStream()
	}
	return found, err
}

// LogStreams implements [logs.Store].
func (s *Store) LogStreams(ctx context.Context, q logs.StreamQuery) (page []logs.Stream, err error) {
	where, args := `grp=?`, []any{q.Group}
	if q.Prefix != "" {
		where, args = where+` AND name>=? AND substr(name,1,length(?))=?`, append(args, q.Prefix, q.Prefix, q.Prefix)
	}
	compare, direction := ">", ""
	if q.Descending {
		compare, direction = "<", " DESC"
	}
	order := "name" + direction
	if q.ByTime {
		order = "last_at" + direction + ", name" + direction
	}
	switch {
	case q.After != nil && q.ByTime:
		where, args = where+` AND (last_at, name) `+compare+` (?,?)`, append(args, q.After.Last, q.After.Name)
	case q.After != nil:
		where, args = where+` AND name `+compare+` ?`, append(args, q.After.Name)
	}
	err = s.logs.read(ctx, func(c *sqlite.Conn) error {
		page = nil
		return query(c, `SELECT `+logStreamColumns+` FROM streams WHERE `+where+` ORDER BY `+order+` LIMIT ?`,
			func(st *sqlite.Stmt) error { page = append(page, scanLogStream(st)); return nil }, append(args, q.Limit)...)
	})
	return page, err
}

// TrimLogStreams implements [logs.Store].
func (s *Store) TrimLogStreams(ctx context.Context, group int64, before time.Time) error {
	return s.logs.write(false, func(c *sqlite.Conn) error {
		if before.IsZero() {
			return exec(c, `DELETE FROM streams WHERE grp=?`, group)
		}
		return exec(c, `DELETE FROM streams WHERE grp=? AND kept=0 AND ingested_at<?
 AND NOT EXISTS (SELECT 1 FROM events WHERE events.stream=streams.id)`, group, before)
	})
}

// LogStreamGroups implements [logs.Store].
func (s *Store) LogStreamGroups(ctx context.Context) (groups []int64, err error) {
	err = s.logs.read(ctx, func(c *sqlite.Conn) error {
		groups = nil
		return query(c, `SELECT DISTINCT grp FROM streams`, func(st *sqlite.Stmt) error { groups = append(groups, st.ColumnInt64(0)); return nil })
	})
	return groups, err
}
