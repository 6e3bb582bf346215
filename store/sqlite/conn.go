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

	"github.com/belfry-run/belfry"
)

// exec runs a prepared statement that returns no rows.
func exec(c *sqlite.Conn, query string, args ...any) error {
	st := c.Prep(query)
	for i, a := range args {
		bind(st, i+1, a)
	}
	_, err := st.Step()
	return errors.Join(err, st.Reset())
}

// optional is a text that is stored as NULL when it is empty.
type optional string

// bind sets parameter i (1 is the first).
func bind(st *sqlite.Stmt, i int, a any) {
	switch v := a.(type) {
	case int64:
		st.BindInt64(i, v)
	case int:
		st.BindInt64(i, int64(v))
	case belfry.ID:
		st.BindInt64(i, int64(v))
	case bool:
		st.BindBool(i, v)
	case string:
		st.BindText(i, v)
	case optional:
		if v == "" {
			st.BindNull(i)
		} else {
			st.BindText(i, string(v))
		}
	case []byte:
		if v == nil {
			st.BindNull(i)
		} else {
			st.BindBytes(i, v)
		}
	case time.Time: // milliseconds; not set is 0
		st.BindInt64(i, millis(v))
	case time.Duration: // milliseconds
		st.BindInt64(i, v.Milliseconds())
	default:
		panic(fmt.Sprintf("sqlite: no binding for %T", a))
	}
}

// query runs a prepared statement and calls row for each row; row must not
// keep the statement.
func query(c *sqlite.Conn, q string, row func(*sqlite.Stmt) error, args ...any) (err error) {
	st := c.Prep(q)
	for i, a := range args {
		bind(st, i+1, a)
	}
	defer func() { err = errors.Join(err, st.Reset()) }()
	for {
		more, err := st.Step()
		if err != nil || !more {
			return err
		}
		if err := row(st); err != nil {
			return err
		}
	}
}

// millis is the stored form of a time: UTC milliseconds, 0 when not set.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// fromMillis is the inverse of millis. A time that no text can hold, which nothing
// has stored, becomes the nearest one that can be, so that it is answered and
// does not spoil the list that it is in.
func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(max(minMillis, min(ms, maxMillis))).UTC()
}

// The years 1 to 9999.
const minMillis, maxMillis = -62135596799000, 253402300799999

// columnBlob returns a copy of a blob column; NULL is nil.
func columnBlob(st *sqlite.Stmt, col int) []byte {
	n := st.ColumnLen(col)
	if n == 0 {
		return nil
	}
	b := make([]byte, n)
	st.ColumnBytes(col, b)
	return b
}

func connect(path string, cacheKiB int, noSync bool) (*sqlite.Conn, error) {
	if err := private(path); err != nil {
		return nil, err
	}
	// One process owns the file, so the index of its log lies in this process's
	// memory. In a file that is mapped, as it is otherwise, a commit waits now and
	// then, for tens of milliseconds, until the system has written a page of it.
	uri := "file:" + (&url.URL{Path: path}).EscapedPath() + "?vfs=unix-excl"
	c, err := sqlite.OpenConn(uri, sqlite.OpenReadWrite|sqlite.OpenCreate|sqlite.OpenWAL|sqlite.OpenURI)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Base(path), err)
	}
	c.SetBusyTimeout(busyTimeout)
	sync := "FULL"
	if noSync {
		sync = "OFF"
	}
	for _, p := range []string{
		"PRAGMA synchronous=" + sync,
		fmt.Sprintf("PRAGMA cache_size=-%d", cacheKiB),
		fmt.Sprintf("PRAGMA wal_autocheckpoint=%d", checkpointPages),
		"PRAGMA temp_store=MEMORY",
	} {
		if err := sqlitex.ExecuteTransient(c, p, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", p, err), c.Close())
		}
	}
	return c, nil
}

// private sees to it that nobody else can read the file, and what SQLite puts beside
// it, which gets the file's own mode: functions may run as other users of the machine.
// A file that is there is not opened, since closing it would end the locks that this
// process has on it.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err = os.Chmod(path+suffix, 0o600)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
