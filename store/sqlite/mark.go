package sqlite

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
)

// The mark is a small file beside the database that says how far the store had
// come, so that a store that has lost something says so when it is opened.
//
// Each transaction that changes something adds one to a counter in the store (meta,
// commits). When it is on the disk, and before anybody is told, the counter is
// written into the mark, in place and without a flush: about a microsecond. So
//
//   - the counter in the mark is never above what was durable in the store;
//   - after the process has ended, however that was, it is exactly that: the
//     system has the write. The mark holds the id of the machine's boot to know;
//   - after a power cut it may be behind, by what the system had not yet written.
//
// A store whose counter is below the mark's is older than it was: its log or itself
// was removed, damaged or replaced. The mark is flushed when the store is opened
// and closed, and with each checkpoint that is made in a pause.
type mark struct {
	created int64 // of the store, UTC milliseconds; tells stores apart
	commits int64
	boot    string // id of the machine's boot in which it was written
}

const markName = "mark"

// errMark says that the mark cannot be read.
var errMark = errors.New("the mark cannot be read")

// exact reports whether the mark has all that was acknowledged: the machine has
// not been without power since.
func (m *mark) exact() bool { return m.boot != "" && m.boot == bootID() }

func (m *mark) text() string {
	t := fmt.Sprintf("store %020d\ncommits %020d\nboot %-36.36s\n", m.created, m.commits, m.boot)
	return t + fmt.Sprintf("sum %08x\n", crc32.ChecksumIEEE([]byte(t)))
}

func parseMark(text string) (m mark, err error) {
	body, _, ok := strings.Cut(text, "sum ")
	_, err = fmt.Sscanf(body, "store %d\ncommits %d\nboot", &m.created, &m.commits)
	if _, boot, found := strings.Cut(body, "boot "); found {
		m.boot = strings.TrimSpace(boot)
	}
	if err != nil || !ok || m.text() != text {
		return mark{}, errMark
	}
	return m, nil
}

// readMark returns nil when there is none.
func readMark(dir string) (*mark, error) {
	b, err := os.ReadFile(filepath.Join(dir, markName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is none
	}
	if err != nil {
		return nil, fmt.Errorf("read the mark: %w", err)
	}
	m, err := parseMark(string(b))
	return &m, err
}

// bootID tells boots of the machine apart; empty when the system has none.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// marker writes the mark of an open store. It belongs to the writer.
type marker struct {
	mark
	file   *os.File
	noSync bool
	failed bool
	fresh  bool  // it has been written since it was flushed
	rows   int64 // that the connection has changed, as the open transaction began
}

// openMark makes the mark say what the store has.
func openMark(c *sqlite.Conn, dir string, noSync bool) (m marker, err error) {
	m.noSync = noSync
	m.boot = bootID()
	if m.created, err = number(c, "SELECT value FROM meta WHERE key='created'"); err != nil {
		return m, err
	}
	// This is also the write that makes the log, so that it can be filled.
	err = exec(c, "INSERT INTO meta VALUES ('commits', 1) ON CONFLICT DO UPDATE SET value=value+1")
	if err != nil {
		return m, fmt.Errorf("count the store's transactions: %w", err)
	}
	if m.commits, err = number(c, "SELECT value FROM meta WHERE key='commits'"); err != nil {
		return m, err
	}
	if err := m.open(dir); err != nil {
		return m, fmt.Errorf("write the mark of the store: %w", err)
	}
	return m, nil
}

// open makes the file, whole or not at all.
func (m *marker) open(dir string) error {
	path := filepath.Join(dir, markName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	m.file = f
	if _, err := f.WriteAt([]byte(m.text()), 0); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Truncate(int64(len(m.text()))); err != nil {
		return errors.Join(err, f.Close())
	}
	if m.noSync {
		return nil
	}
	return errors.Join(f.Sync(), syncDir(dir))
}

// begin takes note of where a transaction begins.
func (m *marker) begin(c *sqlite.Conn) (err error) {
	m.rows, err = number(c, "SELECT total_changes()")
	return err
}

// count adds one to the counter in the open transaction if that has changed
// anything, and returns the counter.
func (m *marker) count(c *sqlite.Conn) (int64, error) {
	rows, err := number(c, "SELECT total_changes()")
	if err != nil || rows == m.rows {
		return m.commits, err
	}
	return m.commits + 1, exec(c, "UPDATE meta SET value=? WHERE key='commits'", m.commits+1)
}

// put writes what is durable now. That the mark cannot be written makes no
// transaction fail: it then proves less.
func (m *marker) put(commits int64) error {
	if commits == m.commits {
		return nil
	}
	m.commits, m.fresh = commits, true
	_, err := m.file.WriteAt([]byte(m.text()), 0)
	first := err != nil && !m.failed
	m.failed = err != nil
	if first {
		return err
	}
	return nil
}

// flush makes the mark durable.
func (m *marker) flush() error {
	if m.noSync || !m.fresh {
		return nil
	}
	m.fresh = false
	return m.file.Sync()
}

func (m *marker) close() error { return errors.Join(m.flush(), m.file.Close()) }

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// stampOf is a time of the store, for people.
func stampOf(millis int64) string {
	return time.UnixMilli(millis).UTC().Format("2006-01-02 15:04:05 UTC")
}
