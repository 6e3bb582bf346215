package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/belfry-run/belfry/barrier"
)

// Damaged rows. A row that cannot be decoded is left out of lists, named, and
// shown as set apart, so that its neighbours are served. Who asks for that very
// row gets an error, and not the answer that it is not there: a function that
// cannot be read is not one that was deleted.

// noLimit has listOf read all rows.
const noLimit = -1

// listOf reads up to limit rows that scan can decode. The limit is not the
// query's own: who reads page by page takes a short page for the last one, so
// those that are left out must not count.
func listOf[T any](s *Store, c *sqlite.Conn, table string, limit int, q string, scan func(*sqlite.Stmt) (T, error), args ...any) (page []T, err error) {
	if limit == 0 {
		return nil, nil
	}
	err = query(c, q, func(st *sqlite.Stmt) error {
		var v T
		if err := barrier.Try(func() (err error) { v, err = scan(st); return err }); err != nil {
			s.damaged(table, rowName(st), err)
			return nil
		}
		if s.opts.Apart.Any() {
			s.opts.Apart.Clear(readStep+table, rowName(st))
		}
		if page = append(page, v); len(page) == limit {
			return errFound
		}
		return nil
	}, args...)
	if errors.Is(err, errFound) {
		err = nil
	}
	return page, err
}

// readStep begins the name of the step in which rows of a table are read.
const readStep = "read "

// damaged sets a row apart.
func (s *Store) damaged(table, row string, err error) {
	s.opts.Apart.Report(context.Background(), readStep+table, row, err)
}

// keptIn returns op with its panics as errors: it runs in the writer's goroutine,
// for somebody who waits elsewhere.
func keptIn(op func(*sqlite.Conn) error) func(*sqlite.Conn) error {
	return func(c *sqlite.Conn) error { return barrier.Try(func() error { return op(c) }) }
}

// maxNumber is far above every number that rows are given in turn.
const maxNumber = 1 << 53

// renumber gives new numbers to rows whose number is damaged: after the largest
// one that there can be, no row could be added to the table. What refers to such
// a row by its number no longer finds it.
func (s *Store) renumber(c *sqlite.Conn) error {
	if err := exec(c, "UPDATE sqlite_sequence SET seq=0 WHERE typeof(seq)<>'integer' OR seq>?", int64(maxNumber)); err != nil {
		return err
	}
	for table, id := range map[string]string{
		"alerts": "number", "channels": "number", "checks": "number", "deliveries": "number", "flips": "id", "log_groups": "id",
		"news": "seq", "ping_bodies": "id", "queue_contents": "id", "queues": "id", "tables": "id", "token_journal": "seq",
	} {
		for {
			n, err := number(c, "SELECT ifnull(max("+id+"), 0) FROM "+table)
			if err != nil {
				return err
			}
			if n <= maxNumber {
				break
			}
			s.damaged(table, fmt.Sprintf("%s=%d", id, n), errors.New("its number cannot be right; it was given another"))
			err = exec(c, "UPDATE "+table+" SET "+id+"=1+(SELECT ifnull(max("+id+"), 0) FROM "+table+" WHERE "+id+"<=?) WHERE "+id+"=?", int64(maxNumber), n)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// maxRowName and nameColumns bound what names a row: its columns that are short
// and no JSON.
const maxRowName, nameColumns = 100, 6

// rowName names the row that the statement is at.
func rowName(st *sqlite.Stmt) string {
	var parts []string
	for i := range st.ColumnCount() {
		if len(parts) == nameColumns {
			break
		}
		switch st.ColumnType(i) {
		case sqlite.TypeInteger, sqlite.TypeText:
		case sqlite.TypeBlob, sqlite.TypeFloat, sqlite.TypeNull:
			continue
		}
		if n := st.ColumnLen(i); n == 0 || n > maxRowName {
			continue
		}
		if v := st.ColumnText(i); v[0] != '{' && v[0] != '[' {
			parts = append(parts, st.ColumnName(i)+"="+strings.ToValidUTF8(v, "?"))
		}
	}
	return strings.Join(parts, " ")
}
