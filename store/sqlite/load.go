package sqlite

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/belfry-run/belfry"
)

// loadStep is how many schedules one transaction of Load holds.
const loadStep = 20_000

// Load makes a store in dir that holds the given schedules, each with its entry
// in the due queue (nil is none). It is for a first filling with millions of
// them: nothing is checked, nothing is on the disk before it returns nil, and no
// server may have the directory open. After an error the directory is of no use.
func Load(dir string, all iter.Seq2[*belfry.Schedule, *belfry.Due]) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	c, err := connect(filepath.Join(dir, "belfry.db"), 4*writerCacheKiB, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := migrate(c); err != nil {
		return err
	}
	n := 0
	var had counts
	for s, d := range all {
		if n%loadStep == 0 {
			if err := loadCommit(c, n > 0); err != nil {
				return err
			}
		}
		n++
		if err := errors.Join(had.addSchedule(c, s.Scope, math.MaxInt64), putSchedule(c, s), putDue(c, d)); err != nil {
			return fmt.Errorf("load %s: %w", s.ARN(), err)
		}
	}
	if n > 0 {
		if err := had.write(c); err != nil {
			return err
		}
		if err := exec(c, "COMMIT"); err != nil {
			return err
		}
	}
	if err := sqlitex.ExecuteTransient(c, "PRAGMA synchronous=FULL", nil); err != nil {
		return err
	}
	return sqlitex.ExecuteTransient(c, "PRAGMA wal_checkpoint(TRUNCATE)", nil)
}

func loadCommit(c *sqlite.Conn, open bool) error {
	if open {
		if err := exec(c, "COMMIT"); err != nil {
			return err
		}
	}
	return exec(c, "BEGIN IMMEDIATE")
}
