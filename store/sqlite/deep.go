package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/belfry-run/belfry"
)

// A Problem is something that a deep look has found.
type Problem struct {
	Object string // a file, or a schedule by its ARN, or its number when it has no row
	Detail string // a sentence
	Advice string // what to do
}

const (
	// problemsEach is how many problems of one kind are listed; more are counted.
	problemsEach = 20

	fromBackup = "Keep a copy of the data directory, check the disk, and bring a backup back: belfry restore BACKUP --data DIR."
	fromDay    = "The rest of the history is served. Put the file back from a backup, or leave it until the retention removes it."
	fromReport = "Please report it, with the log: it must not be. Editing the schedule writes it anew."
)

// deep is a deep look on its way.
type deep struct {
	dir  string
	open func(path string) (*sqlite.Conn, error)
	tell func(what string)
	now  time.Time
	// whole is set when nobody writes: each file is checked in one piece. Else the
	// tables are one after the other, so that the log is not held for all that time.
	whole bool

	problems []Problem
}

// Deep checks the integrity of every file of the store, and what must be true of
// its ledger whatever was done to it. It reads everything and may take minutes;
// tell is told what it looks at. The server works on meanwhile.
func (s *Store) Deep(ctx context.Context, now time.Time, tell func(what string)) ([]Problem, error) {
	d := &deep{dir: s.dir, now: now, tell: tell, open: func(path string) (*sqlite.Conn, error) {
		return connect(path, readerCacheKiB, s.opts.NoSync)
	}}
	for _, u := range s.Unreadable(time.Time{}, time.Time{}) {
		d.add(u.File, fromDay, "It cannot be read: %s.", u.Reason)
	}
	return d.run(ctx)
}

// DeepDir is Deep of a data directory that no server has open. It changes nothing.
func DeepDir(ctx context.Context, dir string, now time.Time, tell func(what string)) ([]Problem, error) {
	d := &deep{dir: dir, now: now, tell: tell, open: openReadOnly, whole: true}
	note, err := inspect(dir)
	if lost := new(DamageError); errors.As(err, &lost) {
		d.add("belfry.db", fromBackup, "%s", lost.What)
	} else if err != nil {
		return nil, err
	}
	if note != "" {
		d.add(markName, "", "%s", note)
	}
	return d.run(ctx)
}

func (d *deep) add(object, advice, format string, args ...any) {
	d.problems = append(d.problems, Problem{object, fmt.Sprintf(format, args...), advice})
}

func (d *deep) run(ctx context.Context) ([]Problem, error) {
	err := d.file(ctx, "belfry.db", fromBackup, func(c *sqlite.Conn) error { return d.ledger(c) })
	if err == nil {
		err = d.file(ctx, "logs.db", "Move it away while no server runs: the next start begins with empty logs.", nil)
	}
	if err != nil {
		return d.problems, err
	}
	all, err := (&history{dir: filepath.Join(d.dir, "history")}).all()
	if err != nil {
		return d.problems, err
	}
	for _, day := range all {
		name := "history/" + day.file
		switch bad := looksRight(filepath.Join(d.dir, name)); {
		case day.aside:
			if d.whole { // else it is listed already
				d.add(name, fromDay, "It was damaged, and put aside.")
			}
			continue
		case errors.Is(bad, fs.ErrNotExist):
			continue
		case bad != nil:
			if d.whole {
				d.add(name, fromDay, "It cannot be read: %v.", bad)
			}
			continue
		}
		if err := d.file(ctx, name, fromDay, func(c *sqlite.Conn) error { return d.dayRuns(c, name) }); err != nil {
			return d.problems, err
		}
	}
	return d.problems, ctx.Err()
}

// file checks one file, and more of it if it is in order.
func (d *deep) file(ctx context.Context, name, advice string, more func(*sqlite.Conn) error) error {
	path := filepath.Join(d.dir, name)
	if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil // inspect, or looksRight, says what that means
	}
	d.tell(name)
	err := try(func() (err error) {
		c, err := d.open(path)
		if err != nil {
			return err
		}
		c.SetInterrupt(ctx.Done())
		defer func() { err = errors.Join(err, c.Close()) }()
		n := len(d.problems)
		if err := d.integrity(c, name, advice); err != nil || len(d.problems) > n || more == nil {
			return err
		}
		return more(c)
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case spoiled(err):
		d.add(name, advice, "It cannot be read: %v.", err)
	case err != nil:
		return fmt.Errorf("look at %s: %w", name, err)
	}
	return nil
}

func (d *deep) integrity(c *sqlite.Conn, name, advice string) error {
	checks := []string{fmt.Sprintf("PRAGMA integrity_check(%d)", problemsEach)}
	if !d.whole {
		checks = nil
		err := sqlitex.ExecuteTransient(c, "SELECT name FROM sqlite_master WHERE type='table' AND sql NOT LIKE 'CREATE VIRTUAL%'", &sqlitex.ExecOptions{
			ResultFunc: func(st *sqlite.Stmt) error {
				checks = append(checks, fmt.Sprintf("PRAGMA integrity_check('%s')", st.ColumnText(0)))
				return nil
			},
		})
		if err != nil {
			return err
		}
	}
	for _, q := range checks {
		err := sqlitex.ExecuteTransient(c, q, &sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error {
			if text := st.ColumnText(0); text != "ok" {
				text = strings.TrimPrefix(text, "*** in database main ***\n")
				d.add(name, advice, "It is damaged: %s.", strings.ReplaceAll(text, "\n", "; "))
			}
			return nil
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// A rule is what must be true of every row of the ledger: its query finds those of
// which it is not, with a schedule and a text for each.
type rule struct{ what, query string }

var rules = []rule{
	{
		"Its entry in the due queue, for %s, is of no enabled schedule.",
		`SELECT d.schedule, strftime('%FT%TZ', d.scheduled_at, 'unixepoch') FROM due d LEFT JOIN schedules s ON s.id=d.schedule
 WHERE d.kind=0 AND (s.id IS NULL OR s.state<>0)`,
	},
	{
		"It has %s entries in the due queue, beside retries; one is the most.",
		"SELECT schedule, count(*) FROM due WHERE kind=0 GROUP BY schedule HAVING count(*)>1",
	},
	{
		// Gaps may meet in one second, that of an edit, without an occurrence in both.
		"Its gap %s overlaps with the one before.",
		`SELECT schedule, strftime('%FT%TZ', from_at, 'unixepoch') || ' to ' || strftime('%FT%TZ', to_at, 'unixepoch') || ', ' || reason FROM
 (SELECT *, max(iif(to_at=0, 1<<40, to_at)) OVER (PARTITION BY schedule ORDER BY from_at, seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
  FROM gaps WHERE settled_at=0 OR reason IN ('missed', 'too_old', 'done')) WHERE from_at<before`,
	},
	{
		"Its gap %s reaches into the future.",
		`SELECT schedule, strftime('%FT%TZ', from_at, 'unixepoch') || ' to ' || strftime('%FT%TZ', to_at, 'unixepoch') || ', ' || reason FROM gaps
 WHERE to_at>?1+1`,
	},
	{
		"Its run of %s lies in a gap too: it has two outcomes.",
		`SELECT r.schedule, strftime('%FT%TZ', r.scheduled_at, 'unixepoch') FROM gaps g JOIN runs r
 ON r.schedule=g.schedule AND r.scheduled_at BETWEEN g.from_at AND g.to_at WHERE g.to_at>0 AND g.reason<>'disabled'
 UNION ALL SELECT r.schedule, strftime('%FT%TZ', r.scheduled_at, 'unixepoch') FROM gaps g JOIN runs r
 ON r.schedule=g.schedule AND r.scheduled_at>g.from_at AND r.scheduled_at<iif(g.to_at=0, 1<<40, g.to_at) WHERE g.reason='disabled'`,
	},
	{
		"Its run of %s waits for another attempt that is not in the due queue.",
		`SELECT r.schedule, strftime('%FT%TZ', r.scheduled_at, 'unixepoch') FROM runs r WHERE r.outcome=0
 AND NOT EXISTS (SELECT 1 FROM due d WHERE d.kind=1 AND d.schedule=r.schedule AND d.scheduled_at=r.scheduled_at)`,
	},
}

// ledger checks the rules, in one snapshot.
func (d *deep) ledger(c *sqlite.Conn) (err error) {
	version, newest, err := versions(c)
	if err != nil {
		return err
	}
	if version != newest {
		return nil // the rules are those of the newest form, which the next start gives it
	}
	d.tell("the ledger in belfry.db")
	defer sqlitex.Transaction(c)(&err)
	for _, r := range rules {
		if err := d.rule(c, r, d.now.Unix()); err != nil {
			return err
		}
	}
	return query(c, `SELECT account, region, sum(s), sum(g), sum(cs), sum(cg) FROM (
 SELECT account, region, count(*) AS s, 0 AS g, 0 AS cs, 0 AS cg FROM schedules WHERE grp < ?1 GROUP BY account, region
 UNION ALL SELECT account, region, 0, count(*), 0, 0 FROM groups GROUP BY account, region
 UNION ALL SELECT account, region, 0, 0, schedules, schedule_groups FROM counts
) GROUP BY account, region HAVING sum(s)<>sum(cs) OR sum(g)<>sum(cg)`, func(st *sqlite.Stmt) error {
		d.add("account "+st.ColumnText(0)+", "+st.ColumnText(1), "It only matters for the quota. Please report it, with the log.",
			"It has %d schedules and %d groups, and is counted to have %d and %d.", st.ColumnInt64(2), st.ColumnInt64(3), st.ColumnInt64(4), st.ColumnInt64(5))
		return nil
	}, belfry.Reserved)
}

// dayRuns checks the runs of a day file against the gaps.
func (d *deep) dayRuns(c *sqlite.Conn, name string) error {
	live, err := d.open(filepath.Join(d.dir, "belfry.db"))
	if err != nil {
		return nil //nolint:nilerr // what is wrong with it has been told
	}
	defer live.Close() //nolint:errcheck // it is only read
	start, err := time.Parse("history/"+dayLayout+".db", name)
	if err != nil {
		return err
	}
	from, to := start.Unix(), start.Unix()+secondsADay
	n := 0
	return query(live, "SELECT schedule, from_at, iif(to_at=0, 1<<40, to_at), reason FROM gaps WHERE from_at<?2 AND (to_at=0 OR to_at>=?1)", func(g *sqlite.Stmt) error {
		lo, hi := g.ColumnInt64(1), g.ColumnInt64(2)
		if belfry.GapReason(g.ColumnText(3)) == belfry.GapDisabled {
			lo, hi = lo+1, hi-1 // its ends are those of the edits
		}
		return query(c, "SELECT scheduled_at FROM runs WHERE schedule=? AND scheduled_at BETWEEN ? AND ? LIMIT 1", func(st *sqlite.Stmt) error {
			if n++; n <= problemsEach {
				d.add(d.name(live, g.ColumnInt64(0)), fromReport, "Its run of %s lies in a gap too: it has two outcomes.", time.Unix(st.ColumnInt64(0), 0).UTC().Format(time.RFC3339))
			}
			return nil
		}, g.ColumnInt64(0), lo, hi)
	}, from, to)
}

func (d *deep) rule(c *sqlite.Conn, r rule, args ...any) error {
	n := 0
	st, _, err := c.PrepareTransient(r.query)
	if err != nil {
		return err
	}
	defer st.Finalize() //nolint:errcheck // it repeats the error of Step
	for i, a := range args[:min(len(args), st.BindParamCount())] {
		bind(st, i+1, a)
	}
	for {
		more, err := st.Step()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if n++; n <= problemsEach {
			d.add(d.name(c, st.ColumnInt64(0)), fromReport, r.what, st.ColumnText(1))
		}
	}
	if n > problemsEach {
		d.add("belfry.db", fromReport, "There are %d more of the last kind.", n-problemsEach)
	}
	return nil
}

// name is what a schedule is called for people.
func (d *deep) name(c *sqlite.Conn, id int64) string {
	name := "schedule " + belfry.ID(id).String()
	for _, from := range []string{"schedules", "retired"} {
		err := query(c, "SELECT account, region, grp, name FROM "+from+" WHERE id=?", func(st *sqlite.Stmt) error {
			r := belfry.ScheduleRef{
				Scope: belfry.Scope{Account: st.ColumnText(0), Region: st.ColumnText(1)}, Group: st.ColumnText(2), Name: st.ColumnText(3),
			}
			name = r.ARN()
			return nil
		}, id)
		if err != nil {
			return name
		}
	}
	return name
}
