package sqlite

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry/logs"
)

// newEventsScan is how many events, of whatever group, NewLogEvents looks at.
const newEventsScan = 20_000

func requestColumn(id string) []byte {
	if id == "" {
		return nil
	}
	if u, err := uuid.Parse(id); err == nil && u.String() == id {
		return u[:]
	}
	return []byte(id)
}

func requestOf(b []byte) string {
	if u, err := uuid.FromBytes(b); err == nil {
		return u.String()
	}
	return string(b)
}

// AppendLogs implements [logs.Store].
func (s *Store) AppendLogs(_ context.Context, events []logs.Addition, durable bool) error {
	type key struct {
		group int64
		name  string
	}
	return s.logs.write(durable, func(c *sqlite.Conn) error {
		streams, sizes := map[key]int64{}, map[int64]int64{}
		for i := range events {
			e := &events[i]
			k := key{e.Group, e.Stream}
			id, ok := streams[k]
			if !ok {
				err := query(c, `INSERT INTO streams (grp, name, created_at, first_at, last_at, ingested_at, kept) VALUES (?,?,?,?,?,?,0)
 ON CONFLICT (grp, name) DO UPDATE SET ingested_at=max(ingested_at, excluded.ingested_at),
 first_at=iif(first_at=0, excluded.first_at, min(first_at, excluded.first_at)) RETURNING id`,
					func(st *sqlite.Stmt) error { id = st.ColumnInt64(0); return nil }, e.Group, e.Stream, e.Ingested, e.Time, e.Time, e.Ingested)
				if err != nil {
					return err
				}
				streams[k] = id
			}
			err := exec(c, `INSERT INTO events (grp, stream, at, ingested_at, request, message) VALUES (?,?,?,?,?,?)`,
				e.Group, id, e.Time, e.Ingested, requestColumn(e.Request), e.Message)
			if err != nil {
				return err
			}
			sizes[e.Group] += e.Size()
		}
		for _, id := range streams {
			err := exec(c, `UPDATE streams SET last_at=(SELECT max(at) FROM events WHERE stream=id1) FROM (SELECT ? AS id1) WHERE id=id1`, id)
			if err != nil {
				return err
			}
		}
		return addSizes(c, sizes, 1)
	})
}

func addSizes(c *sqlite.Conn, sizes map[int64]int64, sign int64) error {
	for group, n := range sizes {
		err := exec(c, `INSERT INTO sizes VALUES (?,?) ON CONFLICT (grp) DO UPDATE SET bytes=bytes+excluded.bytes`, group, sign*n)
		if err != nil {
			return err
		}
	}
	return nil
}

const logEventColumns = `e.id, s.name, e.at, e.ingested_at, e.request, e.message, e.grp`

// fitting calls take with each row up to the one with which the messages would be
// larger than size, and returns errFound then; 0: there is no such.
func fitting(size int, take func(*sqlite.Stmt)) func(*sqlite.Stmt) error {
	taken, n := 0, 0
	return func(st *sqlite.Stmt) error {
		if n += st.ColumnLen(5); size > 0 && n > size && taken > 0 {
			return errFound
		}
		taken++
		take(st)
		return nil
	}
}

func scanLogEvent(st *sqlite.Stmt) logs.Event {
	return logs.Event{
		ID: st.ColumnInt64(0), Stream: st.ColumnText(1), Time: fromMillis(st.ColumnInt64(2)), Ingested: fromMillis(st.ColumnInt64(3)),
		Request: requestOf(columnBlob(st, 4)), Message: st.ColumnText(5),
	}
}

// LogEvents implements [logs.Store].
func (s *Store) LogEvents(ctx context.Context, q logs.EventQuery) (page []logs.Event, err error) {
	where, args := []string{}, []any{}
	and := func(text string, a ...any) { where, args = append(where, text), append(args, a...) }
	switch len(q.Streams) {
	case 0:
		and(`e.grp=?`, q.Group)
	case 1:
		and(`e.stream=(SELECT id FROM streams WHERE grp=? AND name=?)`, q.Group, q.Streams[0])
	default:
		list := []any{q.Group}
		for _, name := range q.Streams {
			list = append(list, name)
		}
		and(`e.stream IN (SELECT id FROM streams WHERE grp=? AND name IN (?`+strings.Repeat(`,?`, len(q.Streams)-1)+`))`, list...)
	}
	if q.Prefix != "" {
		and(`substr(s.name,1,length(?))=?`, q.Prefix, q.Prefix)
	}
	if !q.From.IsZero() {
		and(`e.at>=?`, q.From)
	}
	if !q.To.IsZero() {
		and(`e.at<?`, q.To)
	}
	if q.Request != "" {
		and(`e.request=?`, requestColumn(q.Request))
	}
	if p := q.After; p != nil {
		and(`e.at>=? AND (e.at>? OR e.id>?)`, p.Time, p.Time, p.ID)
	}
	if p := q.Before; p != nil {
		and(`e.at<=? AND (e.at<? OR e.id<?)`, p.Time, p.Time, p.ID)
	}
	direction := ""
	if q.Newest {
		direction = " DESC"
	}
	err = s.logs.read(ctx, func(c *sqlite.Conn) error {
		page = nil
		return query(c, `SELECT `+logEventColumns+` FROM events e JOIN streams s ON s.id=e.stream WHERE `+strings.Join(where, " AND ")+
			` ORDER BY e.at`+direction+`, e.id`+direction+` LIMIT ?`,
			fitting(q.Bytes, func(st *sqlite.Stmt) { page = append(page, scanLogEvent(st)) }), append(args, q.Limit)...)
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	if q.Newest {
		slices.Reverse(page)
	}
	return page, err
}

// NewLogEvents implements [logs.Store].
func (s *Store) NewLogEvents(ctx context.Context, group, after int64, limit, size int) (events []logs.Event, last int64, err error) {
	err = s.logs.read(ctx, func(c *sqlite.Conn) error {
		events, last = nil, after
		newest, err := lastLogEvent(c)
		if err != nil {
			return err
		}
		end := min(after+newEventsScan, newest)
		err = query(c, `SELECT `+logEventColumns+` FROM events e JOIN streams s ON s.id=e.stream
 WHERE e.id>? AND e.id<=? AND +e.grp=? ORDER BY e.id LIMIT ?`,
			fitting(size, func(st *sqlite.Stmt) { events = append(events, scanLogEvent(st)) }), after, end, group, limit)
		cut := errors.Is(err, errFound)
		if cut {
			err = nil
		}
		if cut || len(events) == limit {
			end = events[len(events)-1].ID
		}
		last = max(after, end)
		return err
	})
	return events, last, err
}

func lastLogEvent(c *sqlite.Conn) (id int64, err error) {
	err = query(c, `SELECT seq FROM sqlite_sequence WHERE name='events'`, func(st *sqlite.Stmt) error { id = st.ColumnInt64(0); return nil })
	return id, err
}

// LastLogEvent implements [logs.Store].
func (s *Store) LastLogEvent(ctx context.Context) (id int64, err error) {
	err = s.logs.read(ctx, func(c *sqlite.Conn) error {
		id, err = lastLogEvent(c)
		return err
	})
	return id, err
}

// RequestLog implements [logs.Store].
func (s *Store) RequestLog(ctx context.Context, request string, after *logs.Position, limit, size int) (list []logs.Addition, err error) {
	p := logs.Position{Time: -1 << 62}
	if after != nil {
		p = *after
	}
	err = s.logs.read(ctx, func(c *sqlite.Conn) error {
		list = nil
		return query(c, `SELECT `+logEventColumns+` FROM events e JOIN streams s ON s.id=e.stream
 WHERE e.request=? AND (e.at, e.id)>(?,?) ORDER BY e.at, e.id LIMIT ?`,
			fitting(size, func(st *sqlite.Stmt) {
				list = append(list, logs.Addition{Group: st.ColumnInt64(6), Event: scanLogEvent(st)})
			}), requestColumn(request), p.Time, p.ID, limit)
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return list, err
}

// LogSizes implements [logs.Store].
func (s *Store) LogSizes(ctx context.Context) (sizes map[int64]int64, err error) {
	err = s.logs.read(ctx, func(c *sqlite.Conn) error {
		sizes = map[int64]int64{}
		return query(c, `SELECT grp, bytes FROM sizes WHERE bytes>0`, func(st *sqlite.Stmt) error {
			sizes[st.ColumnInt64(0)] = st.ColumnInt64(1)
			return nil
		})
	})
	return sizes, err
}

// deleteEvents removes events and adds to freed what they counted.
func deleteEvents(c *sqlite.Conn, freed map[int64]int64, where string, args ...any) error {
	err := query(c, `DELETE FROM events WHERE `+where+` RETURNING grp, length(CAST(message AS BLOB))`, func(st *sqlite.Stmt) error {
		freed[st.ColumnInt64(0)] += st.ColumnInt64(1) + logs.Overhead
		return nil
	}, args...)
	if err != nil {
		return err
	}
	return addSizes(c, freed, -1)
}

// TrimLogs implements [logs.Store].
func (s *Store) TrimLogs(_ context.Context, t logs.Trim) (freed map[int64]int64, err error) {
	err = s.logs.write(false, func(c *sqlite.Conn) error {
		freed = map[int64]int64{}
		switch {
		case t.Group == 0:
			return deleteEvents(c, freed, `id IN (SELECT id FROM events ORDER BY id LIMIT ?)`, t.Limit)
		case t.Before.IsZero():
			return deleteEvents(c, freed, `id IN (SELECT id FROM events WHERE grp=? ORDER BY at, id LIMIT ?)`, t.Group, t.Limit)
		}
		return deleteEvents(c, freed, `id IN (SELECT id FROM events WHERE grp=? AND at<? ORDER BY at, id LIMIT ?)`, t.Group, t.Before, t.Limit)
	})
	if err == nil && len(freed) > 0 {
		err = s.logs.vacuum()
	}
	return freed, err
}
