package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
)

// Day files that cannot be read. What is in one is missing in answers, and named:
// here, in the log and in doctor. Nothing is written into it: when runs of its day
// come, it is put aside under another name, where it counts as unreadable until
// somebody, or the retention, removes it.

// asideInfix is in the name of a file that was put aside.
const asideInfix = ".damaged-"

// readHistory is the step in which a day file is read.
const readHistory = "read history"

// errSpoiled is of a file that is no database, errAside of one that has another name.
var (
	errSpoiled = errors.New("it cannot be read")
	errAside   = errors.New("it was damaged, and put aside")
)

// Unreadable is a part of the history that cannot be read.
type Unreadable struct {
	Day    time.Time // its start, UTC
	File   string    // in the data directory
	Reason string
}

// Unreadable returns the parts of the history within [from, to] that cannot be
// read, oldest first; a zero bound is open.
func (s *Store) Unreadable(from, to time.Time) []Unreadable {
	h := s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	lo, hi := bounds(from, to)
	var found []Unreadable
	for _, u := range h.bad {
		if start := u.Day.Unix(); start <= hi && start+secondsADay > lo {
			found = append(found, u)
		}
	}
	slices.SortFunc(found, func(a, b Unreadable) int { return strings.Compare(a.File, b.File) })
	return found
}

// look finds the files that cannot be day files, and those that were put aside,
// without reading them through: belfry doctor --deep does that.
func (h *history) look() error {
	all, err := h.all()
	for _, d := range all {
		if d.aside {
			h.lost(d, errAside)
		} else if err := looksRight(filepath.Join(h.dir, d.file)); err != nil {
			h.lost(d, err)
		}
	}
	return err
}

// dayOfFile tells what a name in the folder of the history stands for; not ok:
// nothing that holds runs.
func dayOfFile(name string) (d day, ok bool) {
	base, n, aside := strings.Cut(name, asideInfix)
	if strings.Contains(n, "-") { // its log
		return d, false
	}
	base, isDB := strings.CutSuffix(base, ".db")
	start, err := time.Parse(dayLayout, base)
	return day{start, name, aside}, isDB && err == nil
}

// looksRight looks at the size and the first 100 bytes of a database. Day files are
// named when they have a table, so none is empty.
func looksRight(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var head [100]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return errors.New("it is cut off")
	}
	if string(head[:16]) != "SQLite format 3\x00" {
		return errors.New("it is no database")
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	page := int64(binary.BigEndian.Uint16(head[16:]))
	if page == 1 {
		page = 65536
	}
	pages := int64(binary.BigEndian.Uint32(head[28:]))
	if _, err := os.Stat(path + "-wal"); err != nil && info.Size() < page*pages {
		return errors.New("it is cut off")
	}
	return nil
}

// lost takes note of a file that cannot be read, and tells it.
func (h *history) lost(d day, err error) {
	file := "history/" + d.file
	if _, known := h.bad[d.file]; !known {
		h.bad[d.file] = Unreadable{Day: d.start, File: file, Reason: err.Error()}
		h.apart.Report(context.Background(), readHistory, file, err)
	}
}

// spoiled reports whether err means that the file itself cannot be read.
func spoiled(err error) bool {
	if unreadable(err) || errors.Is(err, errSpoiled) {
		return true
	}
	return err != nil && sqlite.ErrCode(err).ToPrimary() == sqlite.ResultIOErr
}

// readDay runs op on the day's file. A file that cannot be read is told, and no
// error: the rest of the history is served.
func (h *history) readDay(ctx context.Context, d day, op func(*sqlite.Conn) error) error {
	err := h.read(ctx, d, op)
	if err == nil || ctx.Err() != nil || errors.Is(err, fs.ErrNotExist) {
		return ctx.Err() // one that is gone was too old, or put aside meanwhile
	}
	if !spoiled(err) {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lost(d, err)
	return nil
}

// putAside gives a day file that cannot be written another name, so that a new one
// takes its place.
func (h *history) putAside(d day, cause error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget(d)
	for n := 1; ; n++ {
		to := fmt.Sprintf("%s%s%d", d.file, asideInfix, n)
		if _, err := os.Lstat(filepath.Join(h.dir, to)); err == nil {
			continue
		}
		for _, suffix := range []string{"-wal", "-shm", ""} {
			err := os.Rename(filepath.Join(h.dir, d.file+suffix), filepath.Join(h.dir, to+suffix))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("put the damaged %s aside: %w", d.file, err)
			}
		}
		delete(h.bad, d.file)
		h.apart.Clear(readHistory, "history/"+d.file)
		h.lost(day{d.start, to, true}, fmt.Errorf("%w: %w", errAside, cause))
		return syncDir(h.dir)
	}
}
