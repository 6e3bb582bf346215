package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/belfry-run/belfry/barrier"
)

const (
	secondsADay = 24 * 60 * 60
	dayLayout   = "2006-01-02"
	// Rows of one step: the writer deletes so many in a few milliseconds.
	archiveStep = 1000
	// defaultArchiveBytes is the size of the rows of a step: one run may have a
	// megabyte, with what each of its attempts has logged.
	defaultArchiveBytes = 4 << 20
	// Day files kept open for reading.
	openDays = 8
)

const historySchema = `CREATE TABLE IF NOT EXISTS runs (
  schedule     INTEGER NOT NULL,
  scheduled_at INTEGER NOT NULL, -- seconds
  revision     INTEGER NOT NULL,
  outcome      INTEGER NOT NULL,
  started_at   INTEGER NOT NULL,
  ended_at     INTEGER NOT NULL,
  reason       TEXT,
  attempts     BLOB,
  PRIMARY KEY (schedule, scheduled_at)
) WITHOUT ROWID`

// history is the day files. A file holds the closed runs whose scheduled time
// lies in its UTC day, in the order of schedule and time.
type history struct {
	dir    string
	noSync bool
	apart  *barrier.Set

	mu   sync.Mutex              // guards conns, and every use of a connection in it; and bad
	conn map[string]*sqlite.Conn // by file name
	bad  map[string]Unreadable   // by file name
}

type day struct {
	start time.Time
	file  string
	aside bool // it was damaged, and put aside under this name
}

func newHistory(s *Store) *history {
	return &history{
		dir: filepath.Join(s.dir, "history"), noSync: s.opts.NoSync, apart: s.opts.Apart,
		conn: map[string]*sqlite.Conn{}, bad: map[string]Unreadable{},
	}
}

// days returns the day files there are, oldest first.
func (h *history) days() ([]day, error) {
	all, err := h.all()
	return slices.DeleteFunc(all, func(d day) bool { return d.aside }), err
}

// all is days with those that were put aside.
func (h *history) all() ([]day, error) {
	entries, err := os.ReadDir(h.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("list the history: %w", err)
	}
	var found []day
	for _, e := range entries {
		if d, ok := dayOfFile(e.Name()); ok {
			found = append(found, d)
		}
	}
	return found, nil
}

// use runs op on the day's file; one that is not there is fs.ErrNotExist.
func (h *history) use(d day, op func(*sqlite.Conn) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, ok := h.conn[d.file]
	if !ok {
		for name, old := range h.conn {
			if len(h.conn) < openDays {
				break
			}
			delete(h.conn, name)
			if err := old.Close(); err != nil {
				return err
			}
		}
		path := filepath.Join(h.dir, d.file)
		if _, err := os.Stat(path); err != nil {
			return err
		}
		if err := looksRight(path); err != nil {
			return fmt.Errorf("%w: %w", errSpoiled, err)
		}
		var err error
		if c, err = connect(path, readerCacheKiB, h.noSync); err != nil {
			return err
		}
		h.conn[d.file] = c
	}
	return try(func() error { return op(c) })
}

// create makes the day's file if it is not there. It gets its name when it has its
// table: a day file that is empty is a damaged one.
func (h *history) create(d day) (err error) {
	path := filepath.Join(h.dir, d.file)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(h.dir, 0o700); err != nil {
		return err
	}
	temp := filepath.Join(h.dir, "new")
	for _, suffix := range []string{"-wal", "-shm", ""} { // of an attempt that was cut off
		if err := os.Remove(temp + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	c, err := connect(temp, readerCacheKiB, h.noSync)
	if err != nil {
		return err
	}
	if err := errors.Join(sqlitex.ExecuteTransient(c, historySchema, nil), c.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil || h.noSync {
		return err
	}
	return syncDir(h.dir)
}

func (h *history) read(ctx context.Context, d day, op func(*sqlite.Conn) error) error {
	return h.use(d, func(c *sqlite.Conn) error {
		c.SetInterrupt(ctx.Done())
		defer c.SetInterrupt(nil)
		return op(c)
	})
}

func (h *history) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, c := range h.conn {
		errs = append(errs, c.Close())
	}
	clear(h.conn)
	return errors.Join(errs...)
}

// archived is a run on its way to a day file, as stored.
type archived struct {
	at, schedule, revision, outcome, started, ended int64
	reason                                          optional
	attempts                                        []byte
}

// Archive moves runs that have ended and whose scheduled time lies before the
// given one into the day files, until none is left or ctx ends, and returns
// how many. It may be interrupted anywhere: a run that is in both places is
// read once and moved again.
func (s *Store) Archive(ctx context.Context, before time.Time) (moved int, err error) {
	var at, schedule int64 // position: the last run looked at
	for {
		rows, err := s.closedRuns(ctx, at, schedule, before)
		if err != nil || len(rows) == 0 {
			return moved, err
		}
		last := rows[len(rows)-1]
		at, schedule = last.at, last.schedule
		for i := 0; i < len(rows); {
			j := i
			for j < len(rows) && rows[j].at/secondsADay == rows[i].at/secondsADay {
				j++
			}
			if err := s.history.add(rows[i:j]); err != nil {
				return moved, fmt.Errorf("archive runs: %w", err)
			}
			i = j
		}
		err = s.write(ctx, func(c *sqlite.Conn) error {
			for i := range rows {
				if err := exec(c, "DELETE FROM runs WHERE scheduled_at=? AND schedule=?", rows[i].at, rows[i].schedule); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return moved, err
		}
		moved += len(rows)
	}
}

func (s *Store) closedRuns(ctx context.Context, at, schedule int64, before time.Time) ([]archived, error) {
	var rows []archived
	left := cmp.Or(s.opts.ArchiveBytes, defaultArchiveBytes)
	err := s.read(ctx, func(c *sqlite.Conn) error {
		return query(c, "SELECT "+runColumns+` FROM runs
 WHERE (scheduled_at, schedule) > (?,?) AND scheduled_at < ? AND outcome > 1 ORDER BY scheduled_at, schedule LIMIT ?`,
			func(st *sqlite.Stmt) error {
				if left -= st.ColumnLen(6) + st.ColumnLen(7); left < 0 && len(rows) > 0 {
					return errFound
				}
				rows = append(rows, archived{
					at: st.ColumnInt64(0), schedule: st.ColumnInt64(1), revision: st.ColumnInt64(2), outcome: st.ColumnInt64(3),
					started: st.ColumnInt64(4), ended: st.ColumnInt64(5), reason: optional(st.ColumnText(6)), attempts: columnBlob(st, 7),
				})
				return nil
			}, at, schedule, before.Unix(), archiveStep)
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return rows, err
}

// add puts runs of one day into its file, durably. A file that cannot be written
// because it is damaged is put aside.
func (h *history) add(rows []archived) error {
	start := time.Unix(rows[0].at, 0).UTC().Truncate(24 * time.Hour)
	d := day{start: start, file: start.Format(dayLayout) + ".db"}
	put := func() error {
		if err := h.create(d); err != nil {
			return err
		}
		return h.use(d, func(c *sqlite.Conn) error {
			if err := putArchived(c, rows); err != nil {
				return err
			}
			// Nothing is to lie in a log, of which a part may be lost without a word.
			return sqlitex.ExecuteTransient(c, "PRAGMA wal_checkpoint(TRUNCATE)", nil)
		})
	}
	err := put()
	if !spoiled(err) || sqlite.ErrCode(err).ToPrimary() == sqlite.ResultIOErr { // a disk that fails would fail again
		return err
	}
	if err := h.putAside(d, err); err != nil {
		return err
	}
	return put()
}

func putArchived(c *sqlite.Conn, rows []archived) (err error) {
	defer sqlitex.Transaction(c)(&err)
	for i := range rows {
		r := &rows[i]
		err := exec(c, `INSERT OR REPLACE INTO runs (schedule, scheduled_at, revision, outcome, started_at, ended_at, reason, attempts)
 VALUES (?,?,?,?,?,?,?,?)`, r.schedule, r.at, r.revision, r.outcome, r.started, r.ended, r.reason, r.attempts)
		if err != nil {
			return err
		}
	}
	return nil
}

// Forget removes history that lies wholly before the given time: day files are
// unlinked, and gaps and deleted schedules of that age go.
func (s *Store) Forget(ctx context.Context, before time.Time) (files int, err error) {
	days, err := s.history.all()
	if err != nil {
		return 0, err
	}
	for _, d := range days {
		if d.start.Add(24 * time.Hour).After(before) {
			continue
		}
		if err := s.history.remove(d); err != nil {
			return files, fmt.Errorf("remove history of %s: %w", d.start.Format(dayLayout), err)
		}
		files++
	}
	return files, s.write(ctx, func(c *sqlite.Conn) error {
		err := exec(c, "DELETE FROM gaps WHERE to_at>0 AND to_at<?", before.Unix())
		if err != nil {
			return err
		}
		return exec(c, "DELETE FROM retired WHERE retired_at<?", before)
	})
}

func (h *history) remove(d day) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget(d)
	path := filepath.Join(h.dir, d.file)
	for _, suffix := range []string{"-wal", "-shm", ""} { // the file last, so that a half-done removal is found again
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if _, ok := h.bad[d.file]; ok {
		delete(h.bad, d.file)
		h.apart.Clear(readHistory, "history/"+d.file)
	}
	return nil
}

// forget closes the file. What closing a damaged one says is of no use. h.mu is held.
func (h *history) forget(d day) {
	if c, ok := h.conn[d.file]; ok {
		delete(h.conn, d.file)
		_ = c.Close()
	}
}
