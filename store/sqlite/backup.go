package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// backupStep is how many pages are copied between two words about it.
const backupStep = 4096

// Backup makes a copy of the store in the folder to, which has no store yet, while
// the store is in use. It has everything that was acknowledged before the call, as
// of one moment, and nobody waits for it. Logs are of a moment later. lacks names
// files that could not be read and are not in it. tell is told what is copied, and
// how many of its bytes are.
//
// The history is copied after the database: a run that moves from there to here
// meanwhile is then in both, which means nothing, and never in neither.
func (s *Store) Backup(ctx context.Context, to string, tell func(file string, done, total int64)) (lacks []string, err error) {
	for _, name := range []string{"belfry.db", "logs.db"} {
		if err := s.copyDatabase(ctx, name, to, tell); err != nil {
			return nil, err
		}
	}
	all, err := s.history.all()
	if err != nil {
		return nil, err
	}
	if len(all) > 0 {
		if err := os.Mkdir(filepath.Join(to, "history"), 0o700); err != nil {
			return nil, err
		}
	}
	for _, d := range all {
		name := "history/" + d.file
		if d.aside || looksRight(filepath.Join(s.dir, name)) != nil {
			lacks = append(lacks, name)
			continue
		}
		switch err := s.copyDatabase(ctx, name, to, tell); {
		case errors.Is(err, fs.ErrNotExist): // it was too old meanwhile
		case spoiled(err) && ctx.Err() == nil:
			lacks = append(lacks, name)
			if err := os.Remove(filepath.Join(to, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		case err != nil:
			return nil, err
		}
	}
	return lacks, markCopy(to)
}

// copyDatabase copies one file, as of one moment.
func (s *Store) copyDatabase(ctx context.Context, name, to string, tell func(string, int64, int64)) (err error) {
	from := filepath.Join(s.dir, name)
	if _, err := os.Stat(from); err != nil {
		return err
	}
	src, err := connect(from, readerCacheKiB, s.opts.NoSync)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	// The snapshot is held, so that the copy need not begin again with each write.
	if err := sqlitex.ExecuteTransient(src, "BEGIN", nil); err != nil {
		return err
	}
	var size int64
	err = sqlitex.ExecuteTransient(src, "PRAGMA page_size", &sqlitex.ExecOptions{
		ResultFunc: func(st *sqlite.Stmt) error { size = st.ColumnInt64(0); return nil },
	})
	if err = errors.Join(err, sqlitex.ExecuteTransient(src, "SELECT 1 FROM sqlite_master", nil)); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	path := filepath.Join(to, name)
	dst, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return fmt.Errorf("make the copy of %s: %w", name, err)
	}
	b, err := sqlite.NewBackup(dst, "main", src, "main")
	if err != nil {
		return errors.Join(fmt.Errorf("copy %s: %w", name, err), dst.Close())
	}
	for more := true; more && err == nil; {
		if more, err = b.Step(backupStep); err == nil {
			err = ctx.Err()
		}
		tell(name, size*int64(b.PageCount()-b.Remaining()), size*int64(b.PageCount()))
	}
	if err := errors.Join(err, b.Close(), dst.Close()); err != nil {
		return fmt.Errorf("copy %s: %w", name, writeError(err))
	}
	return os.Chmod(path, 0o600)
}

// markCopy gives a copy of a store the mark that it has.
func markCopy(dir string) error {
	m, err := storedMark(filepath.Join(dir, "belfry.db"))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, markName), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(m.text())
	return errors.Join(err, f.Sync(), f.Close(), syncDir(dir))
}

// A Tally is how much a data directory holds.
type Tally struct {
	Schedules int64 `json:"schedules"`
	Rules     int64 `json:"rules"`
	Functions int64 `json:"functions"` // with their versions
	Queues    int64 `json:"queues"`
	Messages  int64 `json:"messages"`
	Tables    int64 `json:"tables"`
	Checks    int64 `json:"checks"`
	Runs      int64 `json:"runs"` // those of the last hours
	Days      int64 `json:"days"` // of history
	// Code is what the functions and layers run: the SHA-256 of their zips, base64.
	Code []string `json:"-"`
}

// TallyDir counts what is in a data directory that no server has open, and changes
// nothing. Its database must be of the newest form.
func TallyDir(dir string) (t Tally, err error) {
	days, err := (&history{dir: filepath.Join(dir, "history")}).days()
	if err != nil {
		return t, err
	}
	t.Days = int64(len(days))
	c, err := openReadOnly(filepath.Join(dir, "belfry.db"))
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return t, try(func() error {
		for table, n := range map[string]*int64{
			"schedules": &t.Schedules, "rules": &t.Rules, "functions": &t.Functions, "queues": &t.Queues,
			"(SELECT 1 FROM queue_ready UNION ALL SELECT 1 FROM queue_received)": &t.Messages, "tables": &t.Tables, "checks": &t.Checks, "runs": &t.Runs,
		} {
			if *n, err = number(c, "SELECT count(*) FROM "+table); err != nil {
				return err
			}
		}
		return query(c, `SELECT DISTINCT json_extract(CAST(spec AS TEXT), '$.code_sha256') AS sum FROM
 (SELECT spec FROM functions UNION ALL SELECT spec FROM layers) WHERE json_valid(CAST(spec AS TEXT)) AND sum<>''`,
			func(st *sqlite.Stmt) error { t.Code = append(t.Code, st.ColumnText(0)); return nil })
	})
}
