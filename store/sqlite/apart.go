package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"
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
		v, err := kept(func() (T, error) { return scan(st) })
		if err != nil {
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

// kept calls f and turns a panic in it into an error.
func kept[T any](f func() (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f()
}

// keptIn returns op with its panics as errors: it runs in the writer's goroutine,
// for somebody who waits elsewhere.
func keptIn(op func(*sqlite.Conn) error) func(*sqlite.Conn) error {
	return func(c *sqlite.Conn) error {
		_, err := kept(func() (struct{}, error) { return struct{}{}, op(c) })
		return err
	}
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
