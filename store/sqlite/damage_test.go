package sqlite_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belfry-run/belfry/store/sqlite"
)

const markFile = "mark"

// killed returns a data directory in which a process was killed that had
// acknowledged n schedules, each with a transaction of its own, without a pause.
func killed(t *testing.T, n int) (left, contents) {
	t.Helper()
	dir := t.TempDir()
	s := openAt(t, dir, sqlite.Options{})
	for i := range n {
		create(t, s, i)
	}
	return filesIn(t, dir), contentsOf(t, s)
}

func filesIn(t *testing.T, dir string) left {
	t.Helper()
	l := leftIn(t, dir)
	b, err := os.ReadFile(filepath.Join(dir, markFile))
	if err != nil {
		t.Fatal(err)
	}
	l[markFile] = b
	l[logFile] = l[logFile][:min(len(l[logFile]), used(l[logFile])+100*4120)] // most of the rest is zeros
	return l
}

// write puts the files into a directory of their own.
func (l left) write(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range l {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (l left) clone() left {
	c := left{}
	for name, b := range l {
		c[name] = bytes.Clone(b)
	}
	return c
}

// wantRefused wants that no store is opened, with an error that has the text, and
// that nothing was changed.
func wantRefused(t *testing.T, l left, text string) string {
	t.Helper()
	dir := l.write(t)
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err == nil {
		s.Close()
		t.Fatalf("the store was opened, want %q", text)
	}
	if !errors.As(err, new(*sqlite.DamageError)) || !strings.Contains(err.Error(), text) {
		t.Fatalf("the error is %v, want %q", err, text)
	}
	for name, b := range l {
		now, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(now, b) {
			t.Fatalf("%s was changed: %v", name, err)
		}
	}
	return dir
}

// used is how long the log is that is in use.
func used(log []byte) int {
	end := 32
	for end+24 <= len(log) && bytes.Equal(log[end+8:end+16], log[16:24]) {
		end += 24 + 4096
	}
	return end
}

// Whatever byte of the log is changed: the store is refused, or everything that was
// acknowledged is there.
func TestFlippedLogNeverLosesSilently(t *testing.T) {
	l, want := killed(t, 40)
	end := used(l[logFile])
	rnd := rand.New(rand.NewPCG(1, 2))
	refused := 0
	try := func(name string, at, n int, marked bool) {
		t.Helper()
		f := l.clone()
		for i := range n {
			f[logFile][at+i] ^= byte(1 + rnd.IntN(255))
		}
		if !marked {
			delete(f, markFile)
		}
		dir := f.write(t)
		s, err := sqlite.Open(t.Context(), dir, sqlite.Options{NoSync: true})
		switch {
		case errors.As(err, new(*sqlite.DamageError)):
			refused++
		case err != nil:
			t.Fatalf("%s, byte %d: %v", name, at, err)
		default:
			defer s.Close()
			if got := contentsOf(t, s); len(got.Schedules) != len(want.Schedules) {
				t.Fatalf("%s, byte %d of %d: the store has %d schedules of %d, and says nothing", name, at, end, len(got.Schedules), len(want.Schedules))
			}
		}
	}
	for at := range 32 {
		try("header", at, 1, true)
	}
	for range 120 {
		try("anywhere", rnd.IntN(end), 1, true)
	}
	for range 20 {
		try("last frame", end-1-rnd.IntN(4096), 1, true)
		try("50 bytes", rnd.IntN(end-50), 50, true)
		// Without the mark the log alone proves it, but for its last two transactions.
		try("without a mark", rnd.IntN(end/2), 1, false)
	}
	if refused < 200 {
		t.Errorf("%d flips were refused; the test wants to have changed what counts", refused)
	}
}

func TestLogCutShortIsRefused(t *testing.T) {
	l, _ := killed(t, 10)
	for name, end := range map[string]int{"nothing": 0, "the header": 32, "half": used(l[logFile]) / 2, "all but a byte": used(l[logFile]) - 1} {
		t.Run(name, func(t *testing.T) {
			f := l.clone()
			f[logFile] = f[logFile][:end]
			wantRefused(t, f, "older than it was")
			zeros := l.clone()
			clear(zeros[logFile][end:])
			wantRefused(t, zeros, "older than it was")
		})
	}
}

func TestRemovedAndReplacedFilesAreTold(t *testing.T) {
	old, _ := killed(t, 5)
	dir := old.write(t)
	s := openAt(t, dir, sqlite.Options{})
	for i := range 20 {
		create(t, s, 100+i)
	}
	now := filesIn(t, dir)
	other, _ := killed(t, 30)
	with := func(name string, b []byte) left {
		f := now.clone()
		if f[name] = b; b == nil {
			delete(f, name)
		}
		return f
	}
	for _, c := range []struct {
		name, text string
		files      left
	}{
		{"no log", "older than it was", with(logFile, nil)},
		{"no database", "belfry.db is not there", with(database, nil)},
		{"an empty database", "belfry.db is empty", with(database, []byte{})},
		{"neither", "belfry.db is not there", left{markFile: now[markFile]}},
		{"no database, and no mark", "belfry.db is not there", left{logFile: now[logFile]}},
		{"an older store", "older than it was", left{database: old[database], logFile: old[logFile], markFile: now[markFile]}},
		{"another store", "is another one", left{database: other[database], logFile: other[logFile], markFile: now[markFile]}},
		{"no database any more", "cannot be read", left{database: bytes.Repeat([]byte("x"), 8192), markFile: now[markFile]}},
	} {
		t.Run(c.name, func(t *testing.T) { wantRefused(t, c.files, c.text) })
	}
	t.Run("a whole copy", func(t *testing.T) { openAt(t, now.write(t), sqlite.Options{}) })
	t.Run("a copy without its mark", func(t *testing.T) { openAt(t, with(markFile, nil).write(t), sqlite.Options{}) })
}

// A mark that cannot be read is told, and keeps nobody out.
func TestDamagedMarkIsMadeAgain(t *testing.T) {
	l, want := killed(t, 5)
	l[markFile][30] ^= 1
	dir := l.write(t)
	s := openAt(t, dir, sqlite.Options{})
	holds(t, s, want)
	create(t, s, 5)
	f := filesIn(t, dir)
	delete(f, logFile)
	wantRefused(t, f, "older than it was")
}

func TestAcceptedDamageGoesOnWithWhatCanBeRead(t *testing.T) {
	l, want := killed(t, 40)
	l[logFile][used(l[logFile])/2] ^= 1
	dir := wantRefused(t, l, "frame")
	s := openAt(t, dir, sqlite.Options{AcceptDamage: true})
	got := contentsOf(t, s)
	if n := len(got.Schedules); n == 0 || n >= len(want.Schedules) {
		t.Fatalf("%d schedules of %d", n, len(want.Schedules))
	}
	aside, err := filepath.Glob(filepath.Join(dir, "damaged-*", logFile))
	if err != nil || len(aside) != 1 {
		t.Fatalf("the copy of what was there: %v, %v", aside, err)
	}
	if b, err := os.ReadFile(aside[0]); err != nil || !bytes.Equal(b, l[logFile]) {
		t.Fatalf("the copy is not what was there: %v", err)
	}
	// What was behind the damage is not found again.
	create(t, s, 1000)
	again := openAt(t, filesIn(t, dir).write(t), sqlite.Options{})
	holds(t, again, contentsOf(t, s))
}

// What a power cut leaves is not damage: a last transaction that was not flushed,
// and a mark that is behind.
func TestPowerCutIsNoDamage(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir, sqlite.Options{})
	for i := range 10 {
		create(t, s, i)
	}
	before, want := filesIn(t, dir), contentsOf(t, s)
	create(t, s, 10)
	after := filesIn(t, dir)
	from, to := used(before[logFile]), used(after[logFile])
	if to-from < 3*4120 {
		t.Fatalf("the last transaction has %d bytes; the test wants some frames", to-from)
	}
	for at := from; at < to; at += 512 { // each block of the disk is old alone
		torn := after.clone()
		copy(torn[logFile][at:min(at+512, to)], before[logFile][at:])
		torn[markFile] = before[markFile]
		got := openAt(t, torn.write(t), sqlite.Options{NoSync: true})
		if bytes.Equal(torn[logFile], after[logFile]) { // the block had zeros, as before
			holds(t, got, contentsOf(t, s))
		} else {
			holds(t, got, want)
		}
		got.Close()
	}
}

// A log that began again has older frames behind its end: they mean nothing.
func TestOlderFramesAreNoDamage(t *testing.T) {
	l, want := killed(t, 40)
	dir := l.write(t)
	s := openAt(t, dir, sqlite.Options{}) // it copies the log, which begins again
	holds(t, s, want)
	create(t, s, 1000)
	f := filesIn(t, dir)
	if bytes.Equal(f[logFile][16:24], l[logFile][16:24]) {
		t.Fatal("the log has not begun again")
	}
	if n := used(f[logFile]); binary.BigEndian.Uint32(f[logFile][n+8:]) == 0 {
		t.Fatal("there are no older frames; the test wants some")
	}
	for _, marked := range []bool{true, false} {
		if !marked {
			delete(f, markFile)
		}
		holds(t, openAt(t, f.write(t), sqlite.Options{}), contentsOf(t, s))
	}
}
