package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/belfry-run/belfry/barrier"
)

// A DamageError says that what was stored in a data directory, and acknowledged, is
// not all there. A store is not opened on it: it would go on with less than it had,
// and write over what may still be saved.
type DamageError struct {
	Dir  string
	What string // sentences, naming the file
}

// Error has the ways out.
func (e *DamageError) Error() string {
	return fmt.Sprintf("%s Nothing was changed. Keep a copy of %s, then choose: put back what was removed or replaced; "+
		`or bring a backup back with "belfry restore BACKUP --data DIR"; `+
		`or go on with what can be read, and lose the rest, with "belfry serve --accept-damage", which first copies what is there into a folder damaged-TIME.`, e.What, e.Dir)
}

// inspect looks at a data directory before it is opened, and changes nothing in it.
// The error is a [DamageError] when it has lost something that was acknowledged.
// note tells what is wrong and keeps nobody from opening it; empty: nothing.
func inspect(dir string) (note string, err error) {
	damage := func(format string, args ...any) error { return &DamageError{dir, fmt.Sprintf(format, args...)} }
	m, err := readMark(dir)
	if errors.Is(err, errMark) {
		note, m, err = "The file mark cannot be read, so whether the store is older than it was cannot be told; it is made again.", nil, nil
	}
	if err != nil {
		return note, err
	}
	path := filepath.Join(dir, "belfry.db")
	wal, err := scanWAL(path + "-wal")
	if err != nil {
		return note, err
	}
	info, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return note, fmt.Errorf("look at belfry.db: %w", err)
	}
	if err != nil || info.Size() == 0 {
		gone := "is not there"
		if err == nil {
			gone = "is empty"
		}
		switch days, err := filepath.Glob(filepath.Join(dir, "history", "*.db")); {
		case err != nil:
			return note, err
		case m != nil:
			return note, damage("The database belfry.db %s, and the file mark says that there was one, made at %s, with %d transactions.", gone, stampOf(m.created), m.commits)
		case wal.frames > 0:
			return note, damage("The database belfry.db %s, and its write-ahead log belfry.db-wal is.", gone)
		case len(days) > 0:
			return note, damage("The database belfry.db %s, and history is: %d days.", gone, len(days))
		}
		return note, nil
	}
	was, err := storedMark(path)
	if unreadable(err) {
		return note, damage("The database belfry.db cannot be read: %v.", err)
	}
	if err != nil {
		return note, err
	}
	logs := ""
	if wal.after > 0 {
		logs = fmt.Sprintf(" In its write-ahead log belfry.db-wal %s.", &wal)
	}
	switch {
	case m != nil && was.created != m.created:
		return note, damage("The database belfry.db is another one, made at %s: the file mark is of the one made at %s.", stampOf(was.created), stampOf(m.created))
	case m != nil && was.commits < m.commits:
		return note, damage("The store is older than it was: the database belfry.db and its write-ahead log have %d transactions, and the file mark says that there were %d. One of the two was removed, damaged or replaced by an older one.%s", was.commits, m.commits, logs)
	case wal.cut && (m == nil || !m.exact()):
		return note, damage("The write-ahead log belfry.db-wal of the database is damaged: %s, of later transactions.", &wal)
	}
	return note, nil
}

// storedMark reads the counter of a store that nobody has open.
func storedMark(path string) (m mark, err error) {
	c, err := openReadOnly(path)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	err = try(func() error { m, err = markOf(c); return err })
	return m, err
}

func markOf(c *sqlite.Conn) (m mark, err error) {
	var tables int64
	if tables, err = number(c, "SELECT count(*) FROM sqlite_master WHERE name='meta'"); err != nil || tables == 0 {
		return m, err // not even the first migration
	}
	m.created, err = number(c, "SELECT value FROM meta WHERE key='created'")
	if err == nil {
		m.commits, err = number(c, "SELECT value FROM meta WHERE key='commits'")
	}
	return m, err
}

// openReadOnly opens a database that nobody else has open. Neither reading nor
// closing changes a file, as a connection that may write would: it copies the log
// into the database and removes it. Without a log no other file is made, so that it
// may lie where nobody can write.
func openReadOnly(path string) (*sqlite.Conn, error) {
	uri := "file:" + (&url.URL{Path: path}).EscapedPath() + "?vfs=unix-excl"
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 {
		uri += "&immutable=1"
	}
	_, shm := os.Stat(path + "-shm")
	c, err := sqlite.OpenConn(uri, sqlite.OpenReadOnly|sqlite.OpenURI)
	if err == nil {
		if err = sqlitex.ExecuteTransient(c, "SELECT 1 FROM sqlite_master", nil); err != nil {
			err = errors.Join(err, c.Close())
		}
	}
	if errors.Is(shm, fs.ErrNotExist) { // it is this process's own memory, and outlives its name
		_ = os.Remove(path + "-shm")
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Base(path), err)
	}
	return c, nil
}

// unreadable reports whether err means that a file is no database, or a damaged one.
func unreadable(err error) bool {
	if err == nil {
		return false
	}
	switch sqlite.ErrCode(err).ToPrimary() { //nolint:exhaustive // all others are of the machine, or of the moment
	case sqlite.ResultCorrupt, sqlite.ResultNotADB, sqlite.ResultFormat:
		return true
	case sqlite.ResultError: // such as: no such table
		_, ok := sqlite.ErrorOffset(err)
		return ok
	}
	return false
}

// try runs op, and returns what a statement that cannot be prepared panics with, as
// every one does on a database whose schema is damaged, as the error that it is.
func try(op func() error) error {
	err := barrier.Try(op)
	if p, ok := errors.AsType[*barrier.Panic](err); ok {
		if cause, ok := p.Value.(error); ok {
			return cause
		}
	}
	return err
}

// acceptDamage puts a copy of what is there aside, and lets what can be read be all
// that there was. It returns the folder.
func acceptDamage(dir string, now time.Time) (aside string, err error) {
	aside = filepath.Join(dir, "damaged-"+now.UTC().Format("20060102T150405Z"))
	if err := os.Mkdir(aside, 0o700); err != nil {
		return "", fmt.Errorf("make a folder for the copy of what is damaged: %w", err)
	}
	path := filepath.Join(dir, "belfry.db")
	for _, name := range []string{"belfry.db", "belfry.db-wal", markName} {
		err := copyFile(filepath.Join(dir, name), filepath.Join(aside, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("copy what is damaged: %w", err)
		}
	}
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		// Frames that nobody can read must not be found again behind those to come.
		c, err := connect(path, readerCacheKiB, false)
		if err != nil {
			return "", err
		}
		err = errors.Join(sqlitex.ExecuteTransient(c, "PRAGMA wal_checkpoint(TRUNCATE)", nil), c.Close())
		if err != nil {
			return "", fmt.Errorf("read what can be read of belfry.db: %w; bring a backup back", err)
		}
	} else if err := os.Remove(path + "-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := os.Remove(filepath.Join(dir, markName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return aside, syncDir(dir)
}
