package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/belfry-run/belfry/barrier"
)

// Logs have a file of their own, and a writer of their own, so that a flood of
// them does not stand in the way of what has to happen in time.
const (
	logReaders     = 2
	logCheckpoints = 1000 // pages in its write-ahead log
	vacuumPages    = 256  // given back to the file system after a trim
)

// The columns of times are UTC milliseconds. A request that is a UUID is stored
// as its 16 bytes.
const logSchema = `
CREATE TABLE IF NOT EXISTS streams (
  id          INTEGER PRIMARY KEY,
  grp         INTEGER NOT NULL,
  name        TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  first_at    INTEGER NOT NULL, -- 0: no event yet
  last_at     INTEGER NOT NULL,
  ingested_at INTEGER NOT NULL,
  kept        INTEGER NOT NULL, -- 1: a client made it, and it stays when it is empty
  UNIQUE (grp, name)
);
CREATE INDEX IF NOT EXISTS streams_last ON streams (grp, last_at, name);
CREATE TABLE IF NOT EXISTS events (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  grp         INTEGER NOT NULL,
  stream      INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  ingested_at INTEGER NOT NULL,
  request     BLOB,
  message     TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_grp ON events (grp, at);
CREATE INDEX IF NOT EXISTS events_stream ON events (stream, at);
CREATE INDEX IF NOT EXISTS events_request ON events (request) WHERE request IS NOT NULL;
CREATE TABLE IF NOT EXISTS sizes (grp INTEGER PRIMARY KEY, bytes INTEGER NOT NULL);
`

// logFile is logs.db.
type logFile struct {
	mu     sync.Mutex // guards writer
	writer *sqlite.Conn
	pool   chan *sqlite.Conn
	noSync bool
	apart  *barrier.Set
}

// openLogs opens logs.db. One that is damaged is put aside, and told: the server
// starts with empty logs.
func openLogs(dir string, noSync bool, apart *barrier.Set) (*logFile, error) {
	path := filepath.Join(dir, "logs.db")
	tell := func(err error) { apart.Report(context.Background(), "read logs", "logs.db", err) }
	wal, err := scanWAL(path + "-wal")
	if err != nil {
		return nil, err
	}
	if wal.cut {
		tell(fmt.Errorf("logs are missing: in its write-ahead log %s", &wal))
	}
	f, err := newLogFile(path, noSync, apart)
	if !unreadable(err) {
		return f, err
	}
	to := ""
	for n := 1; to == "" || exists(to); n++ {
		to = fmt.Sprintf("%s%s%d", path, asideInfix, n)
	}
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(path+suffix, to+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("put the damaged logs.db aside: %w", err)
		}
	}
	tell(fmt.Errorf("it cannot be read, and was put aside as %s; logs begin anew: %w", filepath.Base(to), err))
	return newLogFile(path, noSync, apart)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func newLogFile(path string, noSync bool, apart *barrier.Set) (*logFile, error) {
	w, err := connect(path, readerCacheKiB, true)
	if err != nil {
		return nil, err
	}
	f := &logFile{writer: w, pool: make(chan *sqlite.Conn, logReaders), noSync: noSync, apart: apart}
	for _, p := range []string{
		"PRAGMA auto_vacuum=INCREMENTAL", // counts for a file that is new
		fmt.Sprintf("PRAGMA wal_autocheckpoint=%d", logCheckpoints),
	} {
		if err := sqlitex.ExecuteTransient(w, p, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", p, err), w.Close())
		}
	}
	if err := errors.Join(f.sync(false), sqlitex.ExecuteScript(w, logSchema, nil)); err != nil {
		return nil, errors.Join(fmt.Errorf("open logs.db: %w", err), w.Close())
	}
	for range logReaders {
		c, err := connect(path, readerCacheKiB, noSync)
		if err != nil {
			return nil, errors.Join(err, f.close())
		}
		f.pool <- c
	}
	return f, nil
}

// sync says whether the next transaction is on the disk when it is committed.
func (f *logFile) sync(full bool) error {
	mode := "NORMAL"
	switch {
	case f.noSync:
		mode = "OFF"
	case full:
		mode = "FULL"
	}
	return sqlitex.ExecuteTransient(f.writer, "PRAGMA synchronous="+mode, nil)
}

// write runs op in a transaction.
func (f *logFile) write(durable bool, op func(*sqlite.Conn) error) (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.sync(durable); err != nil {
		return err
	}
	end, err := sqlitex.ImmediateTransaction(f.writer)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer end(&err)
	return f.told(op(f.writer))
}

// told tells of a file that turns out to be damaged while it is used.
func (f *logFile) told(err error) error {
	if spoiled(err) {
		f.apart.Report(context.Background(), "read logs", "logs.db", err)
	}
	return err
}

// vacuum gives some of the space that trims have left back to the file system.
func (f *logFile) vacuum() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return sqlitex.ExecuteTransient(f.writer, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", vacuumPages), nil)
}

// read runs op in a snapshot of the file.
func (f *logFile) read(ctx context.Context, op func(*sqlite.Conn) error) (err error) {
	select {
	case c := <-f.pool:
		c.SetInterrupt(ctx.Done())
		defer func() {
			c.SetInterrupt(nil)
			f.pool <- c
		}()
		defer sqlitex.Transaction(c)(&err)
		return f.told(op(c))
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close waits for who uses the file.
func (f *logFile) close() error {
	if f == nil { // not opened
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for range cap(f.pool) {
		select {
		case c := <-f.pool:
			errs = append(errs, c.Close())
		default: // not opened
		}
	}
	return errors.Join(append(errs, f.writer.Close())...)
}
